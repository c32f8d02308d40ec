//! `restartPolicy` of a container definition (ecs.md 1.8): one that ends is started again, and its task goes on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Container, Timestamp};

/// A policy that is enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// With these exit codes it is not started again. At most 50.
    pub ignored_exit_codes: Vec<i64>,
    /// Seconds that it must have run, since its start or its last restart: 60 to 1800, default 300.
    pub restart_attempt_period: u32,
}

impl RestartPolicy {
    /// Whether a container of a wanted task that ended with that code is started again.
    #[must_use]
    pub fn allows(&self, container: &Container, code: i64, now: Timestamp) -> bool {
        let since = container.restarted_at.or(container.started_at);
        // Without an exit code, which engines give as a negative one, nothing is known of how it ended.
        let known = code >= 0 && !self.ignored_exit_codes.contains(&code);
        known && since.is_some_and(|since| now.since(since) >= Duration::from_secs(self.restart_attempt_period.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContainerName;

    #[test]
    fn a_container_is_started_again_when_it_ran_long_enough() {
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
        let policy = RestartPolicy { ignored_exit_codes: vec![0, 7], restart_attempt_period: 60 };
        for (started, restarted, code, now, expected) in [
            (Some(100), None, 1, 160, true),
            (Some(100), None, 1, 159, false),
            (Some(100), None, 137, 400, true),
            (Some(100), None, 7, 400, false),
            (Some(100), None, 0, 400, false),
            (Some(100), None, -1, 400, false),
            (Some(100), Some(390), 1, 400, false),
            (Some(100), Some(340), 1, 400, true),
            (None, None, 1, 400, false),
        ] {
            let mut container = Container::new(ContainerName::new("app").unwrap(), "ecs-app".into());
            (container.started_at, container.restarted_at) = (started.map(at), restarted.map(at));
            assert_eq!(policy.allows(&container, code, at(now)), expected, "{started:?} {restarted:?} {code} {now}");
        }
    }
}
