//! A scalable target: RegisterScalableTarget, PutScheduledAction of Application Auto Scaling, for one service (ecs.md 7).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Metric, ScalingPolicy, Schedule, TimeZoneName, Timestamp};

/// Between which counts a service is scaled, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalableTarget {
    /// `minCapacity` and `maxCapacity`, as long as no scheduled action changes them.
    pub capacity: Capacity,
    /// `suspendedState`
    pub suspended: SuspendedState,
    /// By what; names are unique.
    pub policies: Vec<ScalingPolicy>,
    /// When the bounds change; names are unique.
    pub scheduled_actions: Vec<ScheduledAction>,
}

impl ScalableTarget {
    /// Every metric that a policy looks at.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<&Metric> {
        self.policies.iter().map(ScalingPolicy::metric).collect()
    }

    /// How many datapoints of a metric are needed.
    #[must_use]
    pub fn minutes(&self, metric: &Metric) -> u32 {
        let policies = self.policies.iter().filter(|policy| policy.metric() == metric);
        policies.flat_map(ScalingPolicy::alarms).map(|alarm| alarm.minutes()).max().unwrap_or(0)
    }
}

/// The bounds of a desired count, both included. `min` is not above `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// `minCapacity`
    pub min: u32,
    /// `maxCapacity`
    pub max: u32,
}

impl Capacity {
    /// Whether a desired count is in the bounds.
    #[must_use]
    pub const fn contains(self, desired_count: u32) -> bool {
        self.min <= desired_count && desired_count <= self.max
    }

    /// The nearest count in the bounds.
    #[must_use]
    pub fn clamp(self, desired_count: u32) -> u32 {
        desired_count.min(self.max).max(self.min)
    }
}

/// `suspendedState`: what Application Auto Scaling is to leave alone. Default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedState {
    /// `dynamicScalingInSuspended`
    pub scaling_in: bool,
    /// `dynamicScalingOutSuspended`
    pub scaling_out: bool,
    /// `scheduledScalingSuspended`
    pub scheduled: bool,
}

/// Sets the bounds at its times, and lifts or cuts the desired count into them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledAction {
    /// `scheduledActionName`
    pub name: String,
    /// `schedule`
    pub schedule: Schedule,
    /// `timezone`, of `at` and `cron`. Default UTC.
    pub timezone: TimeZoneName,
    /// `startTime`: not before.
    pub start_time: Option<Timestamp>,
    /// `endTime`: not after.
    pub end_time: Option<Timestamp>,
    /// `minCapacity`; `None` leaves it.
    pub min_capacity: Option<u32>,
    /// `maxCapacity`; `None` leaves it.
    pub max_capacity: Option<u32>,
}

impl ScheduledAction {
    /// The first moment after `after` when it is due. `since` is when it was made.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, since: Timestamp) -> Option<Timestamp> {
        let next = match (&self.schedule, self.start_time) {
            // A rate with a start time begins then.
            (Schedule::Rate(_), Some(start)) if after < start => Some(start),
            (Schedule::Rate(_), Some(start)) => self.schedule.next_after(after, &self.timezone, start),
            (_, Some(start)) => {
                let before = Timestamp::from_millis(start.as_millis().saturating_sub(1));
                self.schedule.next_after(after.max(before), &self.timezone, since)
            }
            (_, None) => self.schedule.next_after(after, &self.timezone, since),
        };
        next.filter(|at| self.end_time.is_none_or(|end| *at <= end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_keeps_to_its_start_and_its_end() {
        let second = |number: u64| Timestamp::from_millis(number * 1000);
        let action = |schedule: &str, start: Option<u64>, end: Option<u64>| ScheduledAction {
            name: "a".into(),
            schedule: schedule.parse().unwrap(),
            timezone: TimeZoneName::default(),
            start_time: start.map(second),
            end_time: end.map(second),
            min_capacity: Some(1),
            max_capacity: None,
        };
        for (schedule, start, end, after, expected) in [
            ("rate(1 minute)", None, None, 30, Some(90)),
            ("rate(1 minute)", Some(300), None, 30, Some(300)),
            ("rate(1 minute)", Some(300), None, 300, Some(360)),
            ("rate(1 minute)", Some(300), Some(359), 300, None),
            ("cron(* * * * ? *)", Some(300), None, 30, Some(300)),
            ("cron(* * * * ? *)", Some(301), None, 30, Some(360)),
            ("cron(* * * * ? *)", None, Some(360), 300, Some(360)),
            ("cron(* * * * ? *)", None, Some(360), 360, None),
        ] {
            let found = action(schedule, start, end).next_after(second(after), second(30));
            assert_eq!(found, expected.map(second), "{schedule} {start:?} {end:?} after {after}");
        }
    }
}
