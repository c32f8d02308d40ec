//! Once a minute of CloudWatch's: what the alarms say, what the policies ask for, what is done.

use std::time::Duration;

use model::{AlarmState, Cooldown, Datapoint, ScalableTarget, ScalingPolicy, ScalingState, ServiceKey, Speed, Timestamp};

use super::decide::{Decision, Situation, decide};
use super::vote::{Count, Vote, Voter};
use super::{Scaling, Tasks};
use crate::alarm;

/// Judges the minutes measured so far, and does what comes of it.
pub(super) fn evaluate(scaling: &mut Scaling<'_>, tasks: &Tasks, (minute, speed): (Duration, Speed)) {
    let voters = voters(scaling.target, &scaling.state, minute);
    let (votes, decision) = outcome(&voters, scaling, tasks);
    scaling.state.evaluated_until = scaling.state.measured_until;
    for voter in &voters {
        let records = scaling.state.alarms.get_mut(&voter.policy.name).into_iter().flatten();
        for (record, (_, state)) in records.zip(&voter.alarms).filter(|(record, (_, state))| record.state != *state) {
            (record.state, record.since) = (*state, scaling.now);
        }
    }
    let Some((count, place)) = decision.change else { return };
    let voter = &voters[place];
    let out = count > scaling.desired;
    let until = scaling.now + speed.of(voter.cooldown(out));
    if out {
        // Reckoned on from the same tasks while the cooldown lasts; and a scale-out ends the cooldown of a scale-in.
        let from_count = base(&scaling.state, tasks, scaling.now);
        scaling.state.scale_out_cooldown = Some(Cooldown { until, from_count });
        scaling.state.scale_in_cooldown = None;
    } else {
        scaling.state.scale_in_cooldown = Some(Cooldown { until, from_count: tasks.running });
    }
    let records = scaling.state.alarms.get(&voter.policy.name);
    let alarm = records.and_then(|records| records.get(voter.alarm_of(votes[place]))).map(|record| record.name.clone()).unwrap_or_default();
    scaling.set_desired(count, format!("monitor alarm {alarm} in state ALARM triggered policy {}", voter.policy.name));
}

/// Each policy with what its alarms see and say.
pub(super) fn voters<'a>(target: &'a ScalableTarget, state: &ScalingState, minute: Duration) -> Vec<Voter<'a>> {
    let voter = |policy: &'a ScalingPolicy| {
        let points: Vec<Datapoint> = state.points(policy.metric()).collect();
        let records = state.alarms.get(&policy.name).map_or(&[][..], Vec::as_slice);
        let alarms = policy.alarms().into_iter().enumerate().map(|(place, alarm)| {
            let look = alarm::look(&alarm, &points, state.measured_until, minute);
            let said = records.get(place).map_or(AlarmState::default(), |record| record.state);
            let says = look.state.unwrap_or(said);
            (look, says)
        });
        Voter { policy, alarms: alarms.collect() }
    };
    target.policies.iter().map(voter).collect()
}

fn outcome(voters: &[Voter<'_>], scaling: &Scaling<'_>, tasks: &Tasks) -> (Vec<Vote>, Decision) {
    let situation = situation(scaling.target, &scaling.state, scaling.desired, tasks, scaling.now);
    let count = Count { running: tasks.running, desired: scaling.desired, base: base(&scaling.state, tasks, scaling.now) };
    let votes: Vec<Vote> = voters.iter().map(|voter| voter.vote(count)).collect();
    let named: Vec<(&str, Vote)> = voters.iter().zip(&votes).map(|(voter, vote)| (voter.policy.name.as_str(), *vote)).collect();
    let decision = decide(&named, &situation);
    (votes, decision)
}

/// What would be done now, for a person who asks.
pub(super) fn preview(
    key: &ServiceKey,
    target: &ScalableTarget,
    state: &ScalingState,
    desired: u32,
    tasks: &Tasks,
    at: (Timestamp, Duration),
) -> Decision {
    let (now, minute) = at;
    let scaling = Scaling { key, target, state: state.clone(), desired, events: Vec::new(), now };
    outcome(&voters(target, state, minute), &scaling, tasks).1
}

fn situation(target: &ScalableTarget, state: &ScalingState, desired: u32, tasks: &Tasks, now: Timestamp) -> Situation {
    let in_force = |cooldown: Option<Cooldown>| cooldown.map(|cooldown| cooldown.until).filter(|until| *until > now);
    Situation {
        capacity: state.capacity(target),
        suspended: target.suspended,
        desired,
        deploying: tasks.deploying,
        cooldown_out: in_force(state.scale_out_cooldown),
        cooldown_in: in_force(state.scale_in_cooldown),
        now,
    }
}

fn base(state: &ScalingState, tasks: &Tasks, now: Timestamp) -> u32 {
    let in_force = state.scale_out_cooldown.filter(|cooldown| cooldown.until > now);
    in_force.map_or(tasks.running, |cooldown| cooldown.from_count.min(tasks.running))
}
