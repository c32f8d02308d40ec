//! When a task counts as healthy, and when it is sick (ecs.md 3.4).

use model::{HealthStatus, Service, TargetGroup, TargetHealthState, TaskStatus, Timestamp};

use crate::container;
use crate::context::Context;
use crate::draft::{TargetDraft, TaskDraft};

/// Whether the task counts as healthy, and when time alone will make it so.
pub(crate) fn available(context: &Context<'_>, service: &Service, draft: &TaskDraft<'_>) -> (bool, Option<Timestamp>) {
    let task = &draft.task;
    let Some(started) = task.started_at.filter(|_| task.is_live() && task.last_status == TaskStatus::Running) else { return (false, None) };
    let definition = draft.definition;
    let mut checked = task.containers.iter().filter(|record| container::essential(definition, record) && container::checked(definition, record));
    let has_check = checked.clone().next().is_some();
    if !checked.all(|record| record.health == HealthStatus::Healthy) {
        return (false, None);
    }
    let primary = service.primary();
    let is_primary = primary.is_some_and(|primary| task.deployment.as_ref() == Some(&primary.id));
    let names = primary.into_iter().flat_map(|primary| service.spec.load_balancers.iter().map(|entry| entry.group_of(primary)));
    let groups = names.filter(|name| context.world.target_groups.get(*name).is_some_and(|group| !group.deleting)).count();
    let registered = draft.present().filter(|target| target.target.draining_since.is_none()).count();
    let passing = draft.present().filter(|target| passes(target)).count();
    if is_primary && groups > 0 {
        return (passing >= groups, None);
    }
    if registered > 0 {
        return (passing == registered, None);
    }
    // An older task without targets serves nobody through a load balancer, unless its deployment never had one.
    if !is_primary && groups > 0 && primary.is_some_and(|primary| started > primary.created_at) {
        return (false, None);
    }
    let at = started + context.pace.running_is_healthy;
    (has_check || context.now >= at, (!has_check && context.now < at).then_some(at))
}

/// A group that no listener uses checks nothing, so `unused` must not hold a deployment for ever.
fn passes(target: &TargetDraft<'_>) -> bool {
    let state = target.target.health.state;
    target.target.draining_since.is_none() && matches!(state, TargetHealthState::Healthy | TargetHealthState::Unused)
}

/// Why a task is to be replaced.
pub(crate) enum Sick<'d, 'a> {
    /// A target is unhealthy.
    Target(&'d TargetDraft<'a>),
    /// It runs, and nothing leads to it any more: its container was cut off its network. A target of that group would be unhealthy.
    Unreachable(&'a TargetGroup),
    /// An essential container's own check fails.
    Container,
}

/// The first target group whose container runs without a port that could be registered in it.
fn unreachable<'a>(context: &Context<'a>, service: &Service, draft: &TaskDraft<'_>) -> Option<&'a TargetGroup> {
    let task = &draft.task;
    let deployment = service.primary().filter(|primary| task.deployment.as_ref() == Some(&primary.id) && task.last_status == TaskStatus::Running)?;
    let lost = |entry: &&model::ServiceLoadBalancer| {
        let record = task.container(&entry.container_name).filter(|record| record.last_status == model::ContainerStatus::Running);
        record.is_some() && crate::endpoint::wanted(task, draft.definition, context.host_of(task), entry).is_none()
    };
    let entry = service.spec.load_balancers.iter().find(lost)?;
    context.world.target_groups.get(entry.group_of(deployment))
}

/// The sickness of a live task past its grace period; only `unhealthy` counts (ecs.md 4).
pub(crate) fn sick<'d, 'a>(context: &Context<'a>, service: &Service, draft: &'d TaskDraft<'a>) -> (Option<Sick<'d, 'a>>, Option<Timestamp>) {
    let task = &draft.task;
    let Some(started) = task.started_at.filter(|_| task.is_live()) else { return (None, None) };
    let unhealthy = |target: &&TargetDraft<'a>| {
        target.target.health.state == TargetHealthState::Unhealthy && target.target.draining_since.is_none() && !target.group.deleting
    };
    let definition = draft.definition;
    let failing = |record: &model::Container| record.health == HealthStatus::Unhealthy && container::essential(definition, record);
    let target = draft.present().find(unhealthy).map(Sick::Target);
    let target = target.or_else(|| unreachable(context, service, draft).map(Sick::Unreachable));
    let sick = target.or_else(|| task.containers.iter().any(failing).then_some(Sick::Container));
    let grace_ends = started + service.spec.health_check_grace_period;
    match sick {
        Some(_) if context.now < grace_ends => (None, Some(grace_ends)),
        sick => (sick, None),
    }
}
