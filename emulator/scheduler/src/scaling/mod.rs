//! Service auto scaling (ecs.md 7): policies and scheduled actions change the desired count of a service, as a user would.
//!
//! Alarms judge once a minute of CloudWatch's, when that minute has been measured; what they say, cooldowns and activities are part of
//! the World, so a decision is made from it and the time alone, and a daemon that died goes on where it was.

mod decide;
mod evaluate;
mod scheduled;
mod status;
mod step;
mod vote;

use model::{
    ActivityStatus, AlarmRecord, AlarmState, Ids, PolicyKind, RolloutState, ScalableTarget, ScalingActivity, ScalingState, ScheduledState, Service,
    ServiceKey, ServiceStatus, Step, Task, TaskStatus, Timestamp,
};

use crate::context::Context;
use crate::draft::Draft;
use crate::events;

pub use status::{PolicyStatus, ScalingStatus, ScheduledStatus, scaling_status};

/// Scales one service, if it has a scalable target.
pub(crate) fn advance(context: &Context<'_>, draft: &mut Draft<'_>, ids: &mut Ids) {
    let Some((key, service)) = draft.service.filter(|(_, service)| service.status == ServiceStatus::Active) else { return };
    let Some(target) = &service.spec.scalable_target else { return };
    if service.attachment.is_some() {
        return draft.found.waiting.push((None, format!("{} is not scaled while it is attached", service.spec.name)));
    }
    let mut scaling =
        Scaling { key, target, state: service.scaling.clone(), desired: service.spec.desired_count, events: Vec::new(), now: context.now };
    scaling.prepare(ids);
    let wake = scheduled::run(&mut scaling);
    if scaling.state.measured_until > scaling.state.evaluated_until {
        evaluate::evaluate(&mut scaling, &tasks(service, draft), (context.pace.metric_period, context.world.settings.speed));
    }
    scaling.fulfil(&tasks(service, draft));
    if let Some(at) = wake {
        draft.found.wake(context, at);
    }
    let Scaling { state, desired, events, .. } = scaling;
    if desired != service.spec.desired_count {
        draft.found.steps.push(Step::SetDesiredCount { service: key.clone(), desired_count: desired });
    }
    if state != service.scaling {
        draft.found.steps.push(Step::SetScaling { service: key.clone(), scaling: Box::new(state) });
    }
    draft.found.events.extend(events);
}

/// A scalable target while it is being decided on.
struct Scaling<'a> {
    key: &'a ServiceKey,
    target: &'a ScalableTarget,
    state: ScalingState,
    desired: u32,
    events: Vec<String>,
    now: Timestamp,
}

/// What counts of a service's tasks.
#[derive(Clone, Copy, Debug)]
struct Tasks {
    /// Those that run and are wanted: what scaling starts from (ecs.md 7).
    running: u32,
    /// Those that are wanted.
    live: u32,
    /// A deployment is in progress.
    deploying: bool,
}

fn tasks(service: &Service, draft: &Draft<'_>) -> Tasks {
    count(service, draft.tasks.iter().map(|one| one.task.as_ref()))
}

fn count<'a>(service: &Service, tasks: impl Iterator<Item = &'a Task>) -> Tasks {
    let (mut running, mut live) = (0, 0);
    for task in tasks.filter(|task| task.is_live()) {
        live += 1;
        running += u32::from(task.last_status == TaskStatus::Running);
    }
    let rolling = service.deployments.iter().any(|deployment| deployment.rollout_state == RolloutState::InProgress);
    Tasks { running, live, deploying: rolling || service.deployments.len() > 1 }
}

impl Scaling<'_> {
    /// Makes what is not there yet: alarms of policies, memory of scheduled actions; lets go of what is no longer wanted.
    fn prepare(&mut self, ids: &mut Ids) {
        let Self { target, state, key, now, .. } = self;
        state.alarms.retain(|name, _| target.policies.iter().any(|policy| policy.name == *name));
        for policy in target.policies.iter().filter(|policy| !state.alarms.contains_key(&policy.name)).collect::<Vec<_>>() {
            let names = match &policy.kind {
                PolicyKind::TargetTracking(_) => {
                    ["High", "Low"].map(|which| format!("TargetTracking-service/{key}-Alarm{which}-{}", ids.uuid())).to_vec()
                }
                PolicyKind::StepScaling(policy) => vec![policy.alarm_name.clone()],
            };
            let records = names.into_iter().map(|name| AlarmRecord { name, state: AlarmState::default(), since: *now });
            state.alarms.insert(policy.name.clone(), records.collect());
        }
        state.scheduled.retain(|name, _| target.scheduled_actions.iter().any(|action| action.name == *name));
        for action in &target.scheduled_actions {
            state.scheduled.entry(action.name.clone()).or_insert(ScheduledState { since: *now, done_until: *now });
        }
    }

    /// Sets the desired count, and says why.
    fn set_desired(&mut self, count: u32, cause: String) {
        self.desired = count;
        let status_message = format!("Successfully set desired count to {count}. Waiting for change to be fulfilled by ecs.");
        self.events.push(events::scaled(&status_message, &cause));
        self.state.push_activity(ScalingActivity {
            started_at: self.now,
            ended_at: None,
            description: format!("Setting desired count to {count}."),
            cause,
            status: ActivityStatus::InProgress,
            desired_count: Some(count),
            status_message,
        });
    }

    /// An activity is done when the service has its tasks, and overridden when its desired count is another by then.
    fn fulfil(&mut self, tasks: &Tasks) {
        let (desired, now) = (self.desired, self.now);
        for activity in self.state.activities.iter_mut().filter(|activity| activity.status == ActivityStatus::InProgress) {
            let count = activity.desired_count.unwrap_or(desired);
            if count != desired {
                activity.status = ActivityStatus::Overridden;
                activity.status_message = format!("Successfully set desired count to {count}. It has been set to {desired} since.");
            } else if tasks.running == desired && tasks.live == desired {
                activity.status = ActivityStatus::Successful;
                activity.status_message = format!("Successfully set desired count to {count}. Change successfully fulfilled by ecs.");
            } else {
                continue;
            }
            activity.ended_at = Some(now);
        }
    }
}
