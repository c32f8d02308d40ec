//! The deployment circuit breaker: when a deployment is given up (ecs.md 3.5).

use serde::{Deserialize, Serialize};

/// `deploymentCircuitBreaker` with `enable: true`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// A failed deployment goes back to the most recent one that was COMPLETED.
    pub rollback: bool,
    /// How many failed tasks are too many. Default 50 per cent, bounded.
    pub threshold: FailureThreshold,
    /// `resetOnHealthyTask`: a task that gets healthy makes all failures before it forgotten. Default true.
    pub reset_on_healthy_task: bool,
}

/// `thresholdConfiguration`: how many failed tasks make a deployment FAILED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureThreshold {
    /// So many per cent of the desired count, rounded up; at least 3, at most 200.
    BoundedPercent(u32),
    /// So many per cent of the desired count, rounded up; at least 1.
    UnboundedPercent(u32),
    /// So many tasks.
    Count(u32),
}

impl Default for FailureThreshold {
    fn default() -> Self {
        Self::BoundedPercent(50)
    }
}

impl FailureThreshold {
    /// In tasks, for a service of that desired count.
    #[must_use]
    pub fn tasks(self, desired_count: u32) -> u32 {
        let share = |percent: u32| u32::try_from((u64::from(desired_count) * u64::from(percent)).div_ceil(100)).unwrap_or(u32::MAX);
        match self {
            Self::BoundedPercent(percent) => share(percent).clamp(3, 200),
            Self::UnboundedPercent(percent) => share(percent).max(1),
            Self::Count(count) => count.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_follow_the_desired_count() {
        use FailureThreshold::{BoundedPercent, Count, UnboundedPercent};
        // The first four are AWS's own examples.
        for (threshold, desired, tasks) in [
            (FailureThreshold::default(), 1, 3),
            (FailureThreshold::default(), 25, 13),
            (FailureThreshold::default(), 400, 200),
            (FailureThreshold::default(), 800, 200),
            (FailureThreshold::default(), 0, 3),
            (BoundedPercent(10), 100, 10),
            (UnboundedPercent(50), 1, 1),
            (UnboundedPercent(50), 800, 400),
            (UnboundedPercent(50), 0, 1),
            (Count(7), 800, 7),
        ] {
            assert_eq!(threshold.tasks(desired), tasks, "{threshold:?} of {desired}");
        }
    }
}
