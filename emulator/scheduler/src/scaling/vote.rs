//! What one policy asks for, from its alarms, its metric and the tasks that run.

use std::time::Duration;

use model::{AlarmState, Decimal, PolicyKind, ScalingPolicy, StepScaling, TargetTracking};

use super::step;
use crate::alarm::Look;

/// What one policy asks for. Counts are not yet brought into the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    /// More tasks.
    Out(u32),
    /// As few tasks; not fewer, whatever others ask for.
    In(u32),
    /// It has nothing to say, and does not mind what others ask for.
    Abstain,
    /// It is not ready to scale in, and lets nobody.
    Keep,
    /// As before, because nothing is known.
    Unknown,
}

/// A policy with all that its vote is made from.
#[derive(Clone, Debug)]
pub(crate) struct Voter<'a> {
    pub(crate) policy: &'a ScalingPolicy,
    /// What each of its alarms sees, and says.
    pub(crate) alarms: Vec<(Look, AlarmState)>,
}

/// The tasks that a vote reckons from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// Those that run; more than are desired while a deployment goes on, and their metric with them.
    pub(crate) running: u32,
    /// Those that are desired: steps are not taken from what only a deployment runs.
    pub(crate) desired: u32,
    /// Those from which a scale-out is reckoned: before the last one, while its cooldown is in force (the difference is added).
    pub(crate) base: u32,
}

impl Voter<'_> {
    pub(crate) fn vote(&self, count: Count) -> Vote {
        match (&self.policy.kind, self.alarms.as_slice()) {
            (PolicyKind::TargetTracking(policy), [high, low]) => target_tracking(policy, high, low, count),
            (PolicyKind::StepScaling(policy), [alarm]) => step_scaling(policy, alarm, count),
            _ => Vote::Abstain,
        }
    }

    /// The place of the alarm that is behind a vote.
    pub(crate) fn alarm_of(&self, vote: Vote) -> usize {
        usize::from(matches!((&self.policy.kind, vote), (PolicyKind::TargetTracking(_), Vote::In(_))))
    }

    /// How long others wait after it has scaled out, or in.
    pub(crate) fn cooldown(&self, out: bool) -> Duration {
        match &self.policy.kind {
            PolicyKind::TargetTracking(policy) => {
                if out {
                    policy.scale_out_cooldown
                } else {
                    policy.scale_in_cooldown
                }
            }
            PolicyKind::StepScaling(policy) => policy.cooldown,
        }
    }
}

/// Out to as many tasks as bring the metric to its target. In by half of what could go, from the worst of the minutes that the low alarm
/// looked at: AWS says only that it takes fewer away than it could.
fn target_tracking(policy: &TargetTracking, high: &(Look, AlarmState), low: &(Look, AlarmState), count: Count) -> Vote {
    if let (look, AlarmState::Alarm) = high {
        return match look.fresh {
            // From nothing by the least step.
            Some(_) if count.base == 0 => Vote::Out(1),
            Some(value) => Vote::Out(proportional(count.base, value, policy.target_value)),
            None => Vote::Unknown,
        };
    }
    if policy.disable_scale_in {
        return Vote::Abstain;
    }
    match low {
        (look, AlarmState::Alarm) if look.fresh.is_some() => {
            let worst = look.values.iter().max().copied().unwrap_or_default();
            let spare = count.running.saturating_sub(proportional(count.running, worst, policy.target_value));
            Vote::In(count.running - spare.div_ceil(2))
        }
        (_, AlarmState::Ok) => Vote::Keep,
        _ => Vote::Unknown,
    }
}

/// `count * value / target`, rounded up.
fn proportional(count: u32, value: Decimal, target: Decimal) -> u32 {
    let wanted = u128::from(count) * u128::try_from(value.millionths()).unwrap_or(0);
    let target = u128::try_from(target.millionths()).unwrap_or(0).max(1);
    u32::try_from(wanted.div_ceil(target)).unwrap_or(u32::MAX)
}

fn step_scaling(policy: &StepScaling, (look, state): &(Look, AlarmState), count: Count) -> Vote {
    if *state != AlarmState::Alarm {
        return Vote::Abstain;
    }
    let Some(value) = look.fresh.and_then(|_| look.aggregated(policy.aggregation)) else { return Vote::Abstain };
    let (base, running) = (count.base.min(count.desired), count.running.min(count.desired));
    match (step::adjusted(policy, base, value), step::adjusted(policy, running, value)) {
        (Some(to), _) if to > base => Vote::Out(to),
        (_, Some(to)) if to < running => Vote::In(to),
        _ => Vote::Abstain,
    }
}

#[cfg(test)]
mod tests {
    use model::Metric;

    use super::*;

    fn tracking(target: i64, disable_scale_in: bool) -> ScalingPolicy {
        ScalingPolicy {
            name: "p".into(),
            kind: PolicyKind::TargetTracking(TargetTracking {
                metric: Metric::CpuUtilization,
                target_value: Decimal::whole(target),
                scale_out_cooldown: Duration::from_secs(10),
                scale_in_cooldown: Duration::from_secs(20),
                disable_scale_in,
            }),
        }
    }

    fn seen(values: &[i64], state: AlarmState) -> (Look, AlarmState) {
        let values: Vec<_> = values.iter().copied().map(Decimal::whole).collect();
        (Look { state: Some(state), fresh: values.first().copied(), values }, state)
    }

    #[test]
    fn a_target_is_tracked_from_the_tasks_that_run() {
        use AlarmState::{Alarm, InsufficientData, Ok};
        let on = tracking(50, false);
        for (high, low, running, expected) in [
            (seen(&[75, 60, 60], Alarm), seen(&[75], Ok), 2, Vote::Out(3)),
            (seen(&[51, 51, 51], Alarm), seen(&[51], Ok), 2, Vote::Out(3)),
            (seen(&[500, 60, 60], Alarm), seen(&[500], Ok), 2, Vote::Out(20)),
            (seen(&[60, 60, 60], Alarm), seen(&[60], Ok), 0, Vote::Out(1)),
            (seen(&[48], Ok), seen(&[48], Ok), 2, Vote::Keep),
            (seen(&[0], Ok), seen(&[0, 0], Alarm), 6, Vote::In(3)),
            (seen(&[0], Ok), seen(&[0, 0], Alarm), 1, Vote::In(0)),
            (seen(&[10], Ok), seen(&[10, 40], Alarm), 6, Vote::In(5)),
            (seen(&[10], Ok), seen(&[10, 10], Alarm), 6, Vote::In(4)),
            (seen(&[40], Ok), seen(&[40, 40], Alarm), 2, Vote::In(2)),
            (seen(&[40], Ok), seen(&[40], InsufficientData), 2, Vote::Unknown),
            (seen(&[], InsufficientData), seen(&[], InsufficientData), 2, Vote::Unknown),
            (seen(&[], Alarm), seen(&[], Ok), 2, Vote::Unknown),
            (seen(&[], Ok), seen(&[], Alarm), 2, Vote::Unknown),
        ] {
            let voter = Voter { policy: &on, alarms: vec![high.clone(), low.clone()] };
            assert_eq!(voter.vote(Count { running, base: running, desired: running }), expected, "{high:?} {low:?} {running}");
        }
        let off = tracking(50, true);
        let voter = Voter { policy: &off, alarms: vec![seen(&[0], Ok), seen(&[0, 0], Alarm)] };
        assert_eq!(voter.vote(Count { running: 6, base: 6, desired: 6 }), Vote::Abstain, "it never takes away, and does not keep others from it");
        // While the cooldown of a scale-out from 2 tasks is in force.
        let voter = Voter { policy: &on, alarms: vec![seen(&[60, 75, 75], Alarm), seen(&[60], Ok)] };
        assert_eq!(voter.vote(Count { running: 3, base: 2, desired: 3 }), Vote::Out(3));
    }
}
