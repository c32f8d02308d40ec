//! How far the scaling of a service is, for a person who asks: what each policy sees, and why nothing happens.

use model::{AlarmRecord, Capacity, Datapoint, PolicyKind, ScalingPolicy, ScheduledAction, ServiceKey, Timestamp, World};

use super::evaluate::{preview, voters};
use super::{Tasks, count};
use crate::Pace;

/// The scaling of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingStatus<'a> {
    /// The bounds that hold now.
    pub capacity: Capacity,
    /// Tasks that run and are wanted.
    pub running: u32,
    /// The end of the cooldown after a scale-out, if it is in force.
    pub scale_out_cooldown: Option<Timestamp>,
    /// The end of the cooldown after a scale-in, if it is in force.
    pub scale_in_cooldown: Option<Timestamp>,
    /// In the order of the scalable target.
    pub policies: Vec<PolicyStatus<'a>>,
    /// In the order of the scalable target.
    pub scheduled: Vec<ScheduledStatus<'a>>,
    /// Why nothing happens where a user might expect something.
    pub waiting: Vec<String>,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStatus<'a> {
    /// The policy.
    pub policy: &'a ScalingPolicy,
    /// The newest datapoint of its metric.
    pub latest: Option<Datapoint>,
    /// In the order of [`ScalingPolicy::alarms`]; none before the first plan.
    pub alarms: &'a [AlarmRecord],
}

/// One scheduled action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledStatus<'a> {
    /// The action.
    pub action: &'a ScheduledAction,
    /// When it is due next; `None` where it never is again.
    pub next: Option<Timestamp>,
}

/// The scaling of a service; `None` for one without a scalable target.
#[must_use]
pub fn scaling_status<'a>(world: &'a World, key: &'a ServiceKey, pace: &Pace, now: Timestamp) -> Option<ScalingStatus<'a>> {
    let pace = &pace.at(world.settings.speed);
    let service = world.services.get(key)?;
    let target = service.spec.scalable_target.as_ref()?;
    let state = &service.scaling;
    let tasks = count(service, world.tasks_of(key));
    let in_force = |cooldown: Option<model::Cooldown>| cooldown.map(|cooldown| cooldown.until).filter(|until| *until > now);
    let policies = target.policies.iter().map(|policy| PolicyStatus {
        policy,
        latest: state.points(policy.metric()).next_back(),
        alarms: state.alarms.get(&policy.name).map_or(&[], Vec::as_slice),
    });
    let scheduled = target.scheduled_actions.iter().map(|action| ScheduledStatus {
        action,
        next: state.scheduled.get(&action.name).and_then(|known| action.next_after(known.done_until.max(now), known.since)),
    });
    Some(ScalingStatus {
        capacity: state.capacity(target),
        running: tasks.running,
        scale_out_cooldown: in_force(state.scale_out_cooldown),
        scale_in_cooldown: in_force(state.scale_in_cooldown),
        policies: policies.collect(),
        scheduled: scheduled.collect(),
        waiting: waiting(world, key, &tasks, pace, now),
    })
}

fn waiting(world: &World, key: &ServiceKey, tasks: &Tasks, pace: &Pace, now: Timestamp) -> Vec<String> {
    let Some((service, target)) = world.services.get(key).and_then(|service| Some((service, service.spec.scalable_target.as_ref()?))) else {
        return Vec::new();
    };
    let mut reasons = preview(key, target, &service.scaling, service.spec.desired_count, tasks, (now, pace.metric_period)).held;
    for voter in voters(target, &service.scaling, pace.metric_period) {
        let blind: Vec<String> = voter
            .policy
            .alarms()
            .iter()
            .zip(&voter.alarms)
            .filter(|(_, (_, state))| *state == model::AlarmState::InsufficientData)
            .map(|(alarm, (look, _))| {
                let (symbol, threshold, needed) = (alarm.comparison.symbol(), alarm.threshold, alarm.evaluation_periods);
                format!("`{symbol} {threshold}` needs {needed} datapoints, and has {}", look.values.len())
            })
            .collect();
        let disabled = matches!(&voter.policy.kind, PolicyKind::TargetTracking(policy) if policy.disable_scale_in);
        if !blind.is_empty() {
            reasons.push(format!("policy {} has insufficient data: {}", voter.policy.name, blind.join(", ")));
        } else if disabled && matches!(voter.alarms.as_slice(), [_, (_, model::AlarmState::Alarm)]) {
            reasons.push(format!("policy {} could do with fewer tasks, and its scale-in is disabled", voter.policy.name));
        }
    }
    let capacity = service.scaling.capacity(target);
    if !capacity.contains(service.spec.desired_count) {
        let (word, next) =
            if service.spec.desired_count < capacity.min { ("below the minimum", "scale-out") } else { ("above the maximum", "scale-in") };
        reasons.push(format!("the desired count {} is {word} capacity; the next {next} brings it there", service.spec.desired_count));
    }
    reasons
}
