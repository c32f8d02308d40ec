//! How far the scaling of services is (`GET /local/v1/scaling`).

use serde::{Deserialize, Serialize};

use super::Seconds;

/// A service with a scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingView {
    /// The service.
    pub service_name: String,
    /// The lower bound that holds now.
    pub min_capacity: u32,
    /// The upper bound that holds now.
    pub max_capacity: u32,
    /// How many tasks it is to have.
    pub desired_count: u32,
    /// How many run.
    pub running_count: u32,
    /// Seconds left in which only a larger scale-out counts.
    pub scale_out_cooldown: Option<Seconds>,
    /// Seconds left without a scale-in.
    pub scale_in_cooldown: Option<Seconds>,
    /// In the manifest's order.
    pub policies: Vec<ScalingPolicyView>,
    /// In the manifest's order.
    pub scheduled_actions: Vec<ScheduledActionView>,
    /// Why nothing happens where a user might expect something, one sentence each.
    pub waiting: Vec<String>,
    /// Newest first, as DescribeScalingActivities has them.
    pub activities: Vec<ScalingActivityView>,
}

/// A scaling policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingPolicyView {
    /// Its name.
    pub policy_name: String,
    /// TargetTrackingScaling or StepScaling.
    pub policy_type: String,
    /// CloudWatch's name of what it looks at.
    pub metric_name: String,
    /// Of a metric of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_group_name: Option<String>,
    /// Where the metric is to be, of a target tracking policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_value: Option<f64>,
    /// The newest datapoint; `None` where there is none yet.
    pub value: Option<f64>,
    /// The end of its minute.
    pub measured_at: Option<Seconds>,
    /// High and low of a target tracking policy, the one of a step scaling policy.
    pub alarms: Vec<ScalingAlarmView>,
}

/// An alarm of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingAlarmView {
    /// Its name.
    pub alarm_name: String,
    /// `> 100 for 3 datapoints`
    pub condition: String,
    /// OK, ALARM or INSUFFICIENT_DATA.
    pub state_value: String,
    /// Since when.
    pub state_updated_at: Seconds,
}

/// A scheduled action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledActionView {
    /// Its name.
    pub scheduled_action_name: String,
    /// `at(…)`, `rate(…)` or `cron(…)`.
    pub schedule: String,
    /// Of `at` and `cron`.
    pub timezone: String,
    /// The bound that it sets.
    pub min_capacity: Option<u32>,
    /// The bound that it sets.
    pub max_capacity: Option<u32>,
    /// When it is due next; `None` where it never is again.
    pub next_at: Option<Seconds>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingActivityView {
    /// When it began.
    pub start_time: Seconds,
    /// When it was over.
    pub end_time: Option<Seconds>,
    /// `Setting desired count to 3.`
    pub description: String,
    /// What caused it.
    pub cause: String,
    /// InProgress, Successful, Overridden or Failed.
    pub status_code: String,
    /// AWS's sentence for it.
    pub status_message: String,
}
