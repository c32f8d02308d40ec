//! What a round means for a service's deployments: failed tasks, completion, steadiness (ecs.md 3.5).

use std::time::Duration;

use model::{Deployment, DeploymentId, DeploymentStatus, LaunchBackoff, RolloutState, Service, ServiceKey, Step, TaskStatus};

use crate::context::Context;
use crate::draft::{Draft, TaskDraft};
use crate::{breaker, deployment_alarms, events, health, shift};

/// A deployment's failed tasks after this round: launches that failed, tasks that never ran, and tasks that were stopped for their health,
/// until one runs successfully; from then on there are none (ecs.md 3.5).
fn count_failed(context: &Context<'_>, service: &Service, draft: &Draft<'_>, deployment: &mut Deployment) {
    let own = |id: &Option<DeploymentId>| id.as_ref() == Some(&deployment.id);
    let failed = draft.found.failures.iter().filter(|failure| !failure.ran && own(&failure.deployment)).count();
    let sick = draft.found.sick.iter().filter(|id| own(id)).count();
    let well = |one: &TaskDraft<'_>| own(&one.task.deployment) && one.task.is_live() && health::available(context, service, one).0;
    deployment.has_run_well = deployment.has_run_well || draft.tasks.iter().any(well);
    deployment.failed_tasks = match deployment.has_run_well {
        true => 0,
        false => deployment.failed_tasks.saturating_add(u32::try_from(failed + sick).unwrap_or(u32::MAX)),
    };
}

/// How far a service is after a round.
pub(crate) struct State {
    /// It has its tasks, all healthy, and none is started or stopped.
    pub(crate) well: bool,
    /// When launches may go on.
    pub(crate) backoff: LaunchBackoff,
}

/// Records back-off, deployments and steadiness where they changed.
pub(crate) fn settle(context: &Context<'_>, key: &ServiceKey, service: &Service, draft: &mut Draft<'_>, state: &State) {
    if state.backoff != service.backoff {
        draft.found.steps.push(Step::SetBackoff { service: key.clone(), backoff: state.backoff });
    }
    let ongoing =
        |id: &DeploymentId| draft.tasks.iter().any(|one| one.task.last_status != TaskStatus::Stopped && one.task.deployment.as_ref() == Some(id));
    let mut deployments = service.deployments.clone();
    deployments.retain(|deployment| deployment.status == DeploymentStatus::Primary || ongoing(&deployment.id));
    let settled = state.well && !is_leaving(draft) && deployments.len() == 1;
    for deployment in &mut deployments {
        let before = deployment.failed_tasks;
        count_failed(context, service, draft, deployment);
        if deployment.failed_tasks != before {
            deployment.updated_at = context.now;
        }
    }
    complete(context, service, draft, &mut deployments, settled);
    breaker::advance(context, key, service, draft, &mut deployments);
    deployment_alarms::advance(context, key, service, draft, &mut deployments);
    shift::advance(context, key, service, draft, &mut deployments);
    let traffic = deployments.first().map(|primary| shift::traffic(context, service, primary));
    draft.found.steps.extend(traffic.into_iter().flatten());
    let steady = settled && deployments.first().is_some_and(|primary| primary.rollout_state == RolloutState::Completed);
    if deployments != service.deployments {
        draft.found.steps.push(Step::SetDeployments { service: key.clone(), deployments });
    }
    if steady != service.steady {
        draft.found.steps.push(Step::SetSteady { service: key.clone(), steady });
        if steady {
            draft.found.events.push(events::steady(&service.spec.name));
        }
    }
}

/// Whether a task is on its way out.
fn is_leaving(draft: &Draft<'_>) -> bool {
    draft.tasks.iter().any(|one| one.task.last_status != TaskStatus::Stopped && !one.task.is_live())
}

/// The PRIMARY deployment is complete when the service is settled, or when its own criteria are met before that; where alarms watch over
/// it, some time later (ecs.md 3.5).
fn complete(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, deployments: &mut [Deployment], settled: bool) {
    let alone = deployments.len() == 1;
    let Some(primary) = deployments.first_mut().filter(|one| one.rollout_state == RolloutState::InProgress) else { return };
    if !settled && !succeeds_early(context, service, draft, primary, alone) {
        return;
    }
    // A shift has a bake time of its own, which the user says; what was gone back to is known.
    let watched = primary.shift.is_none() && primary.rolled_back_from.is_none();
    let bake = if !watched { Duration::ZERO } else { deployment_alarms::bake_time(context, service, primary) };
    let since = *primary.bakes_since.get_or_insert(context.now);
    if context.now < since + bake {
        let seconds = (since + bake).since(context.now).as_millis().div_ceil(1000);
        let reason = format!("{} watches its deployment's alarms for {seconds} s more", service.spec.name);
        draft.found.waiting.push((None, reason));
        return draft.found.wake(context, since + bake);
    }
    (primary.rollout_state, primary.shift, primary.updated_at) = (RolloutState::Completed, None, context.now);
    draft.found.events.push(events::completed(&service.spec.name, &primary.id));
}

fn succeeds_early(context: &Context<'_>, service: &Service, draft: &Draft<'_>, primary: &Deployment, alone: bool) -> bool {
    let Some(early) = service.spec.early_success.filter(|early| primary.shift.is_none() && (early.deferred_cleanup || alone)) else { return false };
    let own = |one: &&TaskDraft<'_>| one.task.is_live() && one.task.deployment.as_ref() == Some(&primary.id);
    let well = draft.tasks.iter().filter(own).filter(|one| health::available(context, service, one).0).count();
    let wanted = (u64::from(service.spec.desired_count) * u64::from(early.healthy_percent)).div_ceil(100);
    well as u64 >= wanted
}
