//! How a target group chooses among its targets, and lets go of them (alb.md 4, Attributes).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Stickiness;

/// Target group attributes that act today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetGroupAttributes {
    /// `deregistration_delay.timeout_seconds`: how long a target drains. 0 to 3600 seconds, default 300.
    pub deregistration_delay: Duration,
    /// `load_balancing.algorithm.type`. Default round robin.
    pub algorithm: Algorithm,
    /// `slow_start.duration_seconds`: how long the share of a target that became healthy grows to a full one. 30 to 900 seconds, or 0
    /// (the default) for a full share at once. With round robin only.
    pub slow_start: Duration,
    /// `target_group_health.unhealthy_state_routing.minimum_healthy_targets.*`: with fewer, all targets get requests.
    pub fail_open: FailOpen,
    /// `stickiness.*`. Default none. Not with weighted random.
    pub stickiness: Option<Stickiness>,
    /// `load_balancing.algorithm.anomaly_mitigation`: whether targets that fail far more often than the others get fewer requests.
    /// Default false. With weighted random only.
    pub anomaly_mitigation: bool,
}

impl Default for TargetGroupAttributes {
    fn default() -> Self {
        Self {
            deregistration_delay: Duration::from_secs(300),
            algorithm: Algorithm::RoundRobin,
            slow_start: Duration::ZERO,
            fail_open: FailOpen::default(),
            stickiness: None,
            anomaly_mitigation: false,
        }
    }
}

/// How the target of a request is chosen among those that are eligible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Each in its turn.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastOutstandingRequests,
    /// Any, each as likely.
    WeightedRandom,
}

impl Algorithm {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastOutstandingRequests => "least_outstanding_requests",
            Self::WeightedRandom => "weighted_random",
        }
    }
}

/// When a group has too few healthy targets to rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailOpen {
    /// `count`: below so many healthy targets. At least 1, the default.
    pub below_count: u32,
    /// `percentage`: below so many of a hundred registered targets. 1 to 100; the default, `off`, is `None`.
    pub below_percentage: Option<u32>,
}

impl Default for FailOpen {
    fn default() -> Self {
        Self { below_count: 1, below_percentage: None }
    }
}

impl FailOpen {
    /// Whether `healthy` of `registered` targets are too few; one of the two limits is enough.
    #[must_use]
    pub fn applies(self, healthy: usize, registered: usize) -> bool {
        let (healthy, registered) = (healthy as u128, registered as u128);
        healthy < u128::from(self.below_count) || self.below_percentage.is_some_and(|least| healthy * 100 < registered * u128::from(least))
    }
}
