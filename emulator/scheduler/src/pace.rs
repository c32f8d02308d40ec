//! The knobs where AWS is silent or slow, each with AWS's own value beside ours (design, decision 11).

use std::time::Duration;

use model::Speed;

/// How long things take that AWS leaves open, or makes longer than is pleasant on a laptop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long a task without load balancer and without essential health check runs until it counts as healthy (ecs.md 0.10).
    /// AWS: 40 s. Ours: 1 s.
    pub running_is_healthy: Duration,
    /// The wait before the launch that follows the second failure in a row; it doubles with each further one. The launch after the
    /// first failure is at once. AWS: not published (ecs.md 3.7), paced by a tick of 10 to 40 s. Ours: 1 s.
    pub backoff_step: Duration,
    /// The longest such wait. AWS: 27 min for tasks that never reach RUNNING (ecs.md 0.8). Ours: 30 s.
    pub backoff_ceiling: Duration,
    /// A task that ran this long is no early death, and ends a row of failures if it started after the last of them. An early death
    /// spaces launches out and is no failed launch. AWS: reaching RUNNING is enough. Ours: 10 s.
    pub proven: Duration,
    /// Launches in a row that never reach RUNNING (ecs.md 3.7) after which the service says that it cannot start tasks consistently.
    /// AWS: not published. Ours: 3.
    pub failures_until_event: u32,
    /// A repeated message is held back this long (ecs.md 3.8). AWS: 6 h. Ours: 6 h.
    pub event_suppression: Duration,
    /// Tasks that crashed, or failed to start or their health checks, whose containers stay, so that their logs can be read. AWS: all, for 3 h (ecs.md 2.7). Ours: 2.
    pub crashed_kept: usize,
    /// Tasks that ran by themselves and ended, however, whose containers stay likewise. AWS: all. Ours: 20.
    pub finished_kept: usize,
    /// How long they stay. AWS: 3 h. Ours: 10 min.
    pub crashed_kept_for: Duration,
    /// How long a stopped task can be described. AWS: at least 1 h (ecs.md 2.1). Ours: 1 h.
    pub stopped_kept_for: Duration,
    /// Stopped tasks remembered per service. AWS: no limit. Ours: 50.
    pub stopped_kept: usize,
    /// SIGTERM to SIGKILL when the container names no `stopTimeout`. AWS: 30 s. Ours: 30 s.
    pub stop_timeout: Duration,
    /// How long a minute of CloudWatch's takes: so often there is a datapoint of each metric that a scaling policy looks at, and so long is
    /// what alarms call a minute (ecs.md 7). Counts are brought to a minute, so `targetValue` means on a laptop what it means on AWS.
    /// AWS: 60 s, so that three minutes of load go by before a service grows. Ours: 10 s, so that it grows within one.
    pub metric_period: Duration,
}

/// What AWS takes where we take less.
const RUNNING_IS_HEALTHY: Duration = Duration::from_secs(40);
const BACKOFF_CEILING: Duration = Duration::from_secs(27 * 60);
const METRIC_PERIOD: Duration = Duration::from_secs(60);

impl Pace {
    /// The same where time runs faster than AWS's: what is faster already stays, and so do how long stopped tasks can be looked at and what
    /// limits a real process.
    #[must_use]
    pub fn at(&self, speed: Speed) -> Self {
        Self {
            running_is_healthy: self.running_is_healthy.min(speed.of(RUNNING_IS_HEALTHY)),
            backoff_ceiling: self.backoff_ceiling.min(speed.of(BACKOFF_CEILING)),
            event_suppression: speed.of(self.event_suppression),
            metric_period: self.metric_period.min(speed.of(METRIC_PERIOD)),
            ..self.clone()
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            running_is_healthy: Duration::from_secs(1),
            backoff_step: Duration::from_secs(1),
            backoff_ceiling: Duration::from_secs(30),
            proven: Duration::from_secs(10),
            failures_until_event: 3,
            event_suppression: Duration::from_secs(6 * 3600),
            crashed_kept: 2,
            finished_kept: 20,
            crashed_kept_for: Duration::from_secs(600),
            stopped_kept_for: Duration::from_secs(3600),
            stopped_kept: 50,
            stop_timeout: Duration::from_secs(30),
            metric_period: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_faster_than_aws_already_stays() {
        let at = |times: u32| Pace::default().at(times.try_into().unwrap());
        let seconds = |pace: Pace| [pace.running_is_healthy, pace.backoff_ceiling, pace.metric_period].map(|wait| wait.as_millis());
        assert_eq!(at(1), Pace::default());
        assert_eq!(seconds(at(6)), [1_000, 30_000, 10_000]);
        assert_eq!(seconds(at(60)), [666, 27_000, 1_000]);
        assert_eq!(seconds(at(1000)), [40, 1_620, 60]);
    }

    /// `40 s`, `27 min`, `6 h`
    fn words(time: Duration) -> String {
        match time.as_secs() {
            seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
            seconds if seconds % 60 == 0 && seconds > 60 => format!("{} min", seconds / 60),
            seconds => format!("{seconds} s"),
        }
    }

    #[test]
    fn the_table_of_timers_says_what_is() {
        let table = include_str!("../../../docs/timers.md");
        let pace = Pace::default();
        for (timer, aws, here) in [
            ("counts as healthy after", words(RUNNING_IS_HEALTHY), words(pace.running_is_healthy)),
            ("the longest wait between launches", words(BACKOFF_CEILING), words(pace.backoff_ceiling)),
            ("the second failure in a row", "not published".into(), format!("{} later", words(pace.backoff_step))),
            ("is no early death", "RUNNING is enough".into(), words(pace.proven)),
            ("is unable to consistently", "not published".into(), format!("after {} launches", pace.failures_until_event)),
            ("is not repeated for", "6 h".into(), words(pace.event_suppression)),
            ("a minute of CloudWatch's", words(METRIC_PERIOD), words(pace.metric_period)),
            ("can be described for", "1 h at least".into(), format!("{}, {} of a service", words(pace.stopped_kept_for), pace.stopped_kept)),
            ("stay for `logs`", "3 h".into(), format!("{}, {} of a service", words(pace.crashed_kept_for), pace.crashed_kept)),
        ] {
            let row = table.lines().find(|line| line.contains(timer)).unwrap_or_else(|| panic!("no timer `{timer}`"));
            assert!(row.contains(&format!("| {aws} | {here}")), "{row}");
        }
    }
}
