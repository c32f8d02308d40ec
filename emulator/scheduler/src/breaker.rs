//! The deployment circuit breaker: gives a deployment up, and goes back to the one before (ecs.md 3.5).

use model::deployment::BreakerCount;
use model::{CircuitBreaker, Deployment, DeploymentId, DeploymentStatus, RolloutState, Service, ServiceKey, Step};

use crate::context::Context;
use crate::draft::{Draft, TaskDraft};
use crate::{events, health};

/// What happened to a deployment's tasks in one round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// One of them has reached RUNNING, now or before.
    has_run: bool,
    /// So many stopped before they reached it.
    never_ran: usize,
    /// So many were replaced for failed health checks.
    replaced: usize,
    /// One that started after the last failure is healthy.
    recovered: bool,
}

/// Until a task of the deployment runs, those count that never do; from then on those that are replaced for their health. A task that
/// ran and exited is neither.
fn count(breaker: &CircuitBreaker, before: BreakerCount, round: Round) -> BreakerCount {
    let failed = if before.has_run || round.has_run { round.replaced } else { round.never_ran };
    let kept = if breaker.reset_on_healthy_task && round.recovered { 0 } else { before.failures };
    BreakerCount { has_run: before.has_run || round.has_run, failures: kept.saturating_add(u32::try_from(failed).unwrap_or(u32::MAX)) }
}

fn round(context: &Context<'_>, service: &Service, draft: &Draft<'_>, deployment: &Deployment) -> Round {
    let own = |id: &Option<DeploymentId>| id.as_ref() == Some(&deployment.id);
    let tasks = || draft.tasks.iter().filter(|one| own(&one.task.deployment));
    let healthy = |one: &TaskDraft<'_>| one.task.is_live() && health::available(context, service, one).0;
    // The deployment was last changed when its last failure was counted.
    let later = |one: &&TaskDraft<'_>| one.task.started_at.is_some_and(|started| started >= deployment.updated_at);
    Round {
        has_run: tasks().any(|one| one.task.started_at.is_some()),
        never_ran: draft.found.failures.iter().filter(|failure| !failure.ran && own(&failure.deployment)).count(),
        replaced: draft.found.sick.iter().filter(|id| own(id)).count(),
        recovered: deployment.breaker.failures > 0 && tasks().filter(later).any(healthy),
    }
}

/// Whether what happened in this round gives a deployment up.
pub(crate) fn trips(context: &Context<'_>, service: &Service, draft: &Draft<'_>, deployment: &Deployment) -> bool {
    let Some(breaker) = service.spec.circuit_breaker.as_ref().filter(|_| deployment.rollout_state == RolloutState::InProgress) else { return false };
    let counted = count(breaker, deployment.breaker, round(context, service, draft, deployment));
    counted.failures >= breaker.threshold.tasks(service.spec.desired_count)
}

/// Counts for the PRIMARY deployment, and gives it up at its threshold.
pub(crate) fn advance(context: &Context<'_>, key: &ServiceKey, service: &Service, draft: &mut Draft<'_>, deployments: &mut Vec<Deployment>) {
    let Some(breaker) = &service.spec.circuit_breaker else { return };
    let rolls_out = |one: &&mut Deployment| one.status == DeploymentStatus::Primary && one.rollout_state == RolloutState::InProgress;
    let Some(primary) = deployments.iter_mut().find(rolls_out) else { return };
    let counted = count(breaker, primary.breaker, round(context, service, draft, primary));
    if counted.failures != primary.breaker.failures {
        primary.updated_at = context.now;
    }
    primary.breaker = counted;
    if counted.failures < breaker.threshold.tasks(service.spec.desired_count) {
        return;
    }
    if breaker.rollback {
        return go_back(context, (key, service), draft, deployments, None);
    }
    give_up(context, service, draft, primary);
}

pub(crate) fn give_up(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, primary: &mut Deployment) {
    primary.rollout_state = RolloutState::Failed;
    primary.updated_at = context.now;
    draft.found.events.push(events::failed(&service.spec.name, &primary.id, primary.given_up.as_deref()));
}

/// Gives the PRIMARY deployment up, and goes back to the most recent one that was complete. `why` where it is not for its failed tasks.
pub(crate) fn go_back(
    context: &Context<'_>,
    (key, service): (&ServiceKey, &Service),
    draft: &mut Draft<'_>,
    deployments: &mut Vec<Deployment>,
    why: Option<String>,
) {
    let Some(primary) = deployments.first_mut() else { return };
    give_up(context, service, draft, primary);
    let failed = primary.id.clone();
    // What was gone back to and fails as well has nothing before it to go back to.
    if let Some(before) = service.completed.as_ref().filter(|_| primary.rolled_back_from.is_none()) {
        primary.status = DeploymentStatus::Active;
        draft.found.events.push(events::rolling_back(&service.spec.name, &before.id));
        draft.found.steps.push(Step::RollBack {
            service: key.clone(),
            revision: before.revision.clone(),
            load_balancers: before.load_balancers.clone(),
        });
        deployments.retain(|one| one.id != before.id);
        deployments.insert(0, before.again(failed, why, context.now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_by_stage() {
        let breaker = CircuitBreaker { rollback: true, threshold: model::FailureThreshold::default(), reset_on_healthy_task: true };
        let count = |before: (bool, u32), round: Round| {
            let after = count(&breaker, BreakerCount { has_run: before.0, failures: before.1 }, round);
            (after.has_run, after.failures)
        };
        let none = Round::default();
        assert_eq!(count((false, 0), Round { never_ran: 2, ..none }), (false, 2), "none runs yet");
        assert_eq!(count((false, 0), Round { replaced: 2, ..none }), (false, 0));
        assert_eq!(count((false, 2), Round { has_run: true, never_ran: 1, replaced: 1, ..none }), (true, 3), "one runs");
        assert_eq!(count((true, 2), Round { never_ran: 5, ..none }), (true, 2));
        assert_eq!(count((true, 2), Round { replaced: 1, recovered: true, ..none }), (true, 1), "one got healthy");
        let forgets_nothing = CircuitBreaker { reset_on_healthy_task: false, ..breaker.clone() };
        let after = super::count(&forgets_nothing, BreakerCount { has_run: true, failures: 2 }, Round { recovered: true, ..none });
        assert_eq!(after.failures, 2);
    }
}
