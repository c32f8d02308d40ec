//! An alarm of a cluster: PutMetricAlarm's settings, the minutes that were measured for it, and what it says of them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{AlarmState, Datapoint, Decimal, MetricAlarm, ServiceName, Timestamp};

/// What a user says of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmSpec {
    /// The service that it is about, where its metric is one of a service's.
    pub service: Option<ServiceName>,
    /// When it goes off.
    pub alarm: MetricAlarm,
}

/// An alarm. Its name is its key in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What a user said.
    pub spec: AlarmSpec,
    /// What it says.
    pub state: AlarmState,
    /// Since when.
    pub since: Timestamp,
    /// Oldest first, only as many as it looks at. A minute without a value is not here.
    pub points: VecDeque<Datapoint>,
    /// The end of the newest minute that was measured.
    pub measured_until: Timestamp,
    /// The end of the newest minute that it has judged.
    pub evaluated_until: Timestamp,
}

impl Alarm {
    /// One that knows nothing yet.
    #[must_use]
    pub const fn new(spec: AlarmSpec, now: Timestamp) -> Self {
        Self {
            spec,
            state: AlarmState::InsufficientData,
            since: now,
            points: VecDeque::new(),
            measured_until: Timestamp::from_millis(0),
            evaluated_until: Timestamp::from_millis(0),
        }
    }

    /// Takes the minute that ends at `at`. False for a minute that is known already.
    pub fn measure(&mut self, at: Timestamp, value: Option<Decimal>) -> bool {
        if at <= self.measured_until {
            return false;
        }
        self.measured_until = at;
        self.points.extend(value.map(|value| Datapoint { at, value }));
        let most = usize::try_from(self.spec.alarm.minutes()).unwrap_or(usize::MAX).max(1);
        self.points.drain(..self.points.len().saturating_sub(most));
        true
    }
}
