//! A CloudWatch alarm, in the words of PutMetricAlarm.

use serde::{Deserialize, Serialize};

use crate::{Decimal, Metric, Timestamp};

/// When an alarm goes off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricAlarm {
    /// What it looks at.
    pub metric: Metric,
    /// What the metric is compared with.
    pub threshold: Decimal,
    /// How.
    pub comparison: ComparisonOperator,
    /// `period`: of so many minutes one value is made; added up or averaged, as the metric is. AWS says it in seconds.
    pub period_minutes: u32,
    /// `evaluationPeriods`: so many values are looked at.
    pub evaluation_periods: u32,
    /// `datapointsToAlarm`: so many of them must breach. Default all.
    pub datapoints_to_alarm: u32,
    /// `treatMissingData`. Default missing.
    pub missing_data: MissingData,
}

impl MetricAlarm {
    /// How many periods back values are looked for, so that a missing one gives way to an older one. AWS looks further back than
    /// `evaluationPeriods`, how far it does not say; here it is a third of them, rounded up.
    #[must_use]
    pub const fn range(&self) -> u32 {
        self.evaluation_periods.saturating_add(self.evaluation_periods.div_ceil(3))
    }

    /// `> 100 for 3 datapoints`, `>= 70 for 2 of 3 datapoints of 5 minutes`
    #[must_use]
    pub fn words(&self) -> String {
        let Self { comparison, threshold, period_minutes, evaluation_periods: all, datapoints_to_alarm: some, .. } = self;
        let count = if some == all { all.to_string() } else { format!("{some} of {all}") };
        let length = if *period_minutes == 1 { String::new() } else { format!(" of {period_minutes} minutes") };
        format!("{} {threshold} for {count} datapoint{}{length}", comparison.symbol(), if *all == 1 { "" } else { "s" })
    }

    /// How many datapoints of a minute it needs to be kept.
    #[must_use]
    pub const fn minutes(&self) -> u32 {
        self.range().saturating_mul(self.period_minutes)
    }
}

/// `comparisonOperator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComparisonOperator {
    /// `GreaterThanOrEqualToThreshold`
    GreaterThanOrEqual,
    /// `GreaterThanThreshold`
    GreaterThan,
    /// `LessThanThreshold`
    LessThan,
    /// `LessThanOrEqualToThreshold`
    LessThanOrEqual,
}

impl ComparisonOperator {
    /// AWS's words, in the order of the variants.
    pub const ALL: [Self; 4] = [Self::GreaterThanOrEqual, Self::GreaterThan, Self::LessThan, Self::LessThanOrEqual];

    /// As AWS has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqual => "GreaterThanOrEqualToThreshold",
            Self::GreaterThan => "GreaterThanThreshold",
            Self::LessThan => "LessThanThreshold",
            Self::LessThanOrEqual => "LessThanOrEqualToThreshold",
        }
    }

    /// As a person reads it.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqual => ">=",
            Self::GreaterThan => ">",
            Self::LessThan => "<",
            Self::LessThanOrEqual => "<=",
        }
    }

    /// Whether it is about too much, rather than too little.
    #[must_use]
    pub const fn is_upward(self) -> bool {
        matches!(self, Self::GreaterThanOrEqual | Self::GreaterThan)
    }

    /// Whether `value` breaches `threshold`.
    #[must_use]
    pub fn breaches(self, value: Decimal, threshold: Decimal) -> bool {
        match self {
            Self::GreaterThanOrEqual => value >= threshold,
            Self::GreaterThan => value > threshold,
            Self::LessThan => value < threshold,
            Self::LessThanOrEqual => value <= threshold,
        }
    }
}

/// `treatMissingData`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingData {
    /// `missing`: older values take the place of missing ones; without any there is no sufficient data.
    #[default]
    Missing,
    /// `ignore`: while values are missing the alarm stays as it is.
    Ignore,
    /// `breaching`: as if they breached.
    Breaching,
    /// `notBreaching`: as if they did not.
    NotBreaching,
}

/// What an alarm says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmState {
    /// Nothing can be said yet, or any more.
    #[default]
    InsufficientData,
    /// All is well.
    Ok,
    /// It has gone off.
    Alarm,
}

impl AlarmState {
    /// As AWS has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientData => "INSUFFICIENT_DATA",
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
        }
    }
}

/// An alarm of the World.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmRecord {
    /// Its name.
    pub name: String,
    /// What it says.
    pub state: AlarmState,
    /// Since when.
    pub since: Timestamp,
}
