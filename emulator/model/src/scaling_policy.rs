//! A scaling policy: PutScalingPolicy of Application Auto Scaling (ecs.md 7).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metric_alarm::{ComparisonOperator, MetricAlarm, MissingData};
use crate::{Decimal, Metric};

/// How many minutes in a row above the target make its high alarm (ecs.md 7, O).
const HIGH_MINUTES: u32 = 3;

/// How many minutes in a row below [`LOW_PERCENT`] of the target make its low alarm (ecs.md 7, R).
const LOW_MINUTES: u32 = 15;

/// See [`LOW_MINUTES`].
const LOW_PERCENT: i64 = 90;

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// Unique in its scalable target.
    pub name: String,
    /// What it does.
    pub kind: PolicyKind,
}

/// `policyType`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyKind {
    /// `TargetTrackingScaling`
    TargetTracking(TargetTracking),
    /// `StepScaling`
    StepScaling(StepScaling),
}

impl ScalingPolicy {
    /// What it looks at.
    #[must_use]
    pub const fn metric(&self) -> &Metric {
        match &self.kind {
            PolicyKind::TargetTracking(policy) => &policy.metric,
            PolicyKind::StepScaling(policy) => &policy.alarm.metric,
        }
    }

    /// As AWS has it.
    #[must_use]
    pub const fn policy_type(&self) -> &'static str {
        match &self.kind {
            PolicyKind::TargetTracking(_) => "TargetTrackingScaling",
            PolicyKind::StepScaling(_) => "StepScaling",
        }
    }

    /// Its alarms: high and low of a target tracking policy, the one of a step scaling policy.
    #[must_use]
    pub fn alarms(&self) -> Vec<MetricAlarm> {
        match &self.kind {
            PolicyKind::TargetTracking(policy) => vec![policy.high_alarm(), policy.low_alarm()],
            PolicyKind::StepScaling(policy) => vec![policy.alarm.clone()],
        }
    }
}

/// `targetTrackingScalingPolicyConfiguration`: keeps a metric near a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetTracking {
    /// The metric.
    pub metric: Metric,
    /// Where it is to be.
    pub target_value: Decimal,
    /// How long after a scale-out only a larger one counts. Default 300 s.
    pub scale_out_cooldown: Duration,
    /// How long after a scale-in there is none. Default 300 s.
    pub scale_in_cooldown: Duration,
    /// Whether it never takes tasks away. Default false.
    pub disable_scale_in: bool,
}

impl TargetTracking {
    /// Goes off when the metric is above the target.
    #[must_use]
    pub fn high_alarm(&self) -> MetricAlarm {
        self.alarm(self.target_value, ComparisonOperator::GreaterThan, HIGH_MINUTES)
    }

    /// Goes off when the metric has been well below the target for long.
    #[must_use]
    pub fn low_alarm(&self) -> MetricAlarm {
        self.alarm(self.target_value.percent(LOW_PERCENT), ComparisonOperator::LessThan, LOW_MINUTES)
    }

    fn alarm(&self, threshold: Decimal, comparison: ComparisonOperator, minutes: u32) -> MetricAlarm {
        MetricAlarm {
            metric: self.metric.clone(),
            threshold,
            comparison,
            period_minutes: 1,
            evaluation_periods: minutes,
            datapoints_to_alarm: minutes,
            missing_data: MissingData::Missing,
        }
    }
}

/// `stepScalingPolicyConfiguration`: answers an alarm in steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepScaling {
    /// What the adjustments mean.
    pub adjustment_type: AdjustmentType,
    /// The steps, in the order of their bounds, without gap or overlap.
    pub steps: Vec<StepAdjustment>,
    /// The least change of `PercentChangeInCapacity`, in tasks.
    pub min_adjustment_magnitude: Option<u32>,
    /// How long after a scale-out only a larger one counts, and after a scale-in there is none. Default 300 s.
    pub cooldown: Duration,
    /// How the values that the alarm looked at become one. Default average.
    pub aggregation: Aggregation,
    /// What sets it off. On AWS it is made apart, with PutMetricAlarm.
    pub alarm: MetricAlarm,
    /// `alarmName`
    pub alarm_name: String,
}

/// `adjustmentType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdjustmentType {
    /// So many tasks more or fewer.
    ChangeInCapacity,
    /// So many per cent more or fewer.
    PercentChangeInCapacity,
    /// So many tasks.
    ExactCapacity,
}

/// `metricAggregationType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregation {
    /// The mean.
    #[default]
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
}

/// One of `stepAdjustments`. Bounds are relative to the alarm's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepAdjustment {
    /// `metricIntervalLowerBound`: inclusive for an alarm about too much, else exclusive; `None` is minus infinity.
    pub lower: Option<Decimal>,
    /// `metricIntervalUpperBound`: exclusive for an alarm about too much, else inclusive; `None` is infinity.
    pub upper: Option<Decimal>,
    /// `scalingAdjustment`
    pub adjustment: i32,
}

impl StepAdjustment {
    /// Whether it is for a metric that is `difference` away from the threshold of an alarm about too much (`upward`), or too little.
    #[must_use]
    pub fn holds(&self, difference: Decimal, upward: bool) -> bool {
        let above = self.lower.is_none_or(|lower| if upward { difference >= lower } else { difference > lower });
        let below = self.upper.is_none_or(|upper| if upward { difference < upper } else { difference <= upper });
        above && below
    }
}
