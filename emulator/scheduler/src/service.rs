//! One service: its deleted end, launches and stops, deployments, steady state (ecs.md 3).

use std::borrow::Cow;

use model::{
    Container, ContainerStatus, Deployment, DeploymentId, DeploymentStatus, DesiredStatus, HealthStatus, Ids, LaunchBackoff, RolloutState, Service,
    ServiceStatus, Step, Stop, Task, TaskDefinition, TaskId, TaskStatus,
};

use crate::context::Context;
use crate::draft::{Draft, TaskDraft};
use crate::health::{self, Sick};
use crate::ports::{Fit, Ports};
use crate::rollout::{self, Bounds, Decision, Member};
use crate::{backoff, breaker, events, targets};

/// A deleted service's tasks are all stopped.
pub(crate) fn end_if_deleted(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>) {
    if service.status == ServiceStatus::Draining {
        let live = (0..draft.tasks.len()).filter(|index| draft.tasks[*index].task.is_live()).collect::<Vec<_>>();
        stop(context, service, draft, live.into_iter().map(|index| (index, scaling(service))).collect());
    }
}

fn scaling(service: &Service) -> Stop {
    service.primary().map_or_else(|| Stop::user_initiated(None), |primary| Stop::scaling_activity(&primary.id))
}

/// Starts and stops what the service needs, and says how far its deployments are.
pub(crate) fn advance<'a>(context: &Context<'a>, draft: &mut Draft<'a>, ports: &mut Ports, ids: &mut Ids) {
    let Some((key, service)) = draft.service else { return };
    if service.status == ServiceStatus::Active {
        draft.tasks.iter_mut().for_each(|one| targets::register(context, service, one, &mut draft.found));
    }
    tell_deregistered(context, service, draft);
    if service.status == ServiceStatus::Draining {
        return;
    }
    let backoff = count_failures(context, service, draft);
    let (members, places) = members(context, service, draft);
    let definition = context.world.definition(&service.revision);
    let fit = definition.map_or(Fit::No, |definition| ports.fit(definition));
    let decision = rollout::decide(&members, &bounds(context, service, backoff, fit));
    let why_not = sick_stops(context, service, draft, &places, &decision);
    let moving = decision.launch > 0 || !decision.scale_in.is_empty() || !decision.sick.is_empty();
    tell_hindrance(context, service, draft, (&decision, backoff, fit));
    let in_order = decision.scale_in.iter().map(|index| (places[*index], scaling(service)));
    let stops = in_order.chain(why_not).collect();
    if let Some(definition) = definition {
        launch(context, service, draft, (definition, &decision), ids);
        if decision.launch > 0 {
            ports.take(definition);
        }
    }
    stop(context, service, draft, stops);
    let counts = std::mem::take(&mut draft.found.registered);
    draft.found.events.extend(told(context, counts, |count, arn| events::registered(&service.spec.name, count, arn)));
    let desired = usize::try_from(service.spec.desired_count).unwrap_or(usize::MAX);
    let well = members.len() == desired && members.iter().all(|member| member.primary && member.available && !member.sick);
    settle(context, key, service, draft, (well && !moving, backoff));
}

/// Whether the circuit breaker gave the newest deployment up, with nothing to go back to.
fn is_given_up(service: &Service) -> bool {
    service.primary().is_some_and(|primary| primary.rollout_state == RolloutState::Failed)
}

fn bounds(context: &Context<'_>, service: &Service, backoff: LaunchBackoff, fit: Fit) -> Bounds {
    let limit = match fit {
        _ if is_given_up(service) => 0,
        _ if context.now < backoff.not_before => 0,
        Fit::Any => usize::MAX,
        Fit::Once => 1,
        Fit::Soon | Fit::No => 0,
    };
    let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let spec = &service.spec;
    Bounds {
        desired: number(spec.desired_count),
        // What serves goes on where nothing comes to replace it.
        lower: if is_given_up(service) { usize::MAX } else { number(spec.lower_bound()) },
        upper: number(spec.upper_bound()),
        limit,
        ports_taken: fit == Fit::No && context.now >= backoff.not_before,
    }
}

fn members(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>) -> (Vec<Member>, Vec<usize>) {
    let primary = service.primary().map(|primary| &primary.id);
    let (mut members, mut places) = (Vec::new(), Vec::new());
    for (place, one) in draft.tasks.iter().enumerate().filter(|(_, one)| one.task.is_live()) {
        let (available, at) = health::available(context, service, one);
        let (sick, grace) = health::sick(context, service, one);
        at.into_iter().chain(grace).for_each(|at| draft.found.wake(context, at));
        let primary = one.task.deployment.as_ref() == primary;
        members.push(Member { primary, available, sick: sick.is_some(), created_at: one.task.created_at });
        places.push(place);
    }
    (members, places)
}

/// The stops of sick tasks; says of every sick task, once, what is wrong.
fn sick_stops(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, places: &[usize], decision: &Decision) -> Vec<(usize, Stop)> {
    let (mut stops, mut messages, mut sick) = (Vec::new(), Vec::new(), Vec::new());
    for (index, place) in places.iter().enumerate() {
        let one = &draft.tasks[*place];
        let (message, since, stop) = match health::sick(context, service, one).0 {
            None => continue,
            Some(Sick::Container) => {
                (events::unhealthy_container(&service.spec.name, &one.task.id), one.task.created_at, Stop::failed_container_health_checks())
            }
            Some(Sick::Target(target)) => {
                let arn = context.world.target_group_arn(target.group);
                let reason = target.target.health.description.as_deref().unwrap_or("Health checks failed");
                let message = events::unhealthy_target(&service.spec.name, (&one.task.id, &target.key, target.group.spec.target_type), &arn, reason);
                (message, target.target.health.since, Stop::failed_elb_health_checks(&arn))
            }
        };
        if !events::said_since(service, &message, since) {
            messages.push(message);
        }
        if decision.sick.contains(&index) {
            sick.push(one.task.deployment.clone());
            stops.push((*place, stop));
        }
    }
    draft.found.sick = sick;
    draft.found.events.extend(messages);
    stops
}

/// Says why a needed launch does not happen: back-off, ports, percentages.
fn tell_hindrance(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, why: (&Decision, LaunchBackoff, Fit)) {
    let (decision, backoff, fit) = why;
    if is_given_up(service) {
        let reason = format!("{} starts nothing more until another revision is deployed", service.spec.name);
        return draft.found.waiting.push((None, reason));
    }
    if decision.needed > decision.launch && context.now < backoff.not_before {
        draft.found.wake(context, backoff.not_before);
        let seconds = backoff.not_before.since(context.now).as_millis().div_ceil(1000);
        let reason = format!("{} starts its next task in {seconds} s, after {} failures in a row", service.spec.name, backoff.failures);
        draft.found.waiting.push((None, reason));
        return;
    }
    let message = if decision.stuck {
        events::stuck(&service.spec.name)
    } else if decision.needed > 0 && fit == Fit::No && decision.sick.is_empty() {
        events::port_in_use(&service.spec.name, &context.world.settings.instance)
    } else {
        return;
    };
    match events::held_back_until(service, &message, context.now, context.pace.event_suppression) {
        Some(until) => draft.found.wake(context, until),
        None => {
            draft.found.events.push(message);
            draft.found.wake(context, context.now + context.pace.event_suppression);
        }
    }
}

fn launch<'a>(context: &Context<'a>, service: &Service, draft: &mut Draft<'a>, what: (&'a TaskDefinition, &Decision), ids: &mut Ids) {
    let (definition, decision) = what;
    let mut started = Vec::new();
    for _ in 0..decision.launch {
        let task = new_task(context, service, definition, ids);
        started.push(task.id.clone());
        draft.tasks.push(TaskDraft { task: Cow::Owned(task), definition: Some(definition), targets: Vec::new() });
    }
    if !started.is_empty() {
        draft.found.events.push(events::started(&service.spec.name, &started, decision.replaced));
    }
}

fn new_task(context: &Context<'_>, service: &Service, definition: &TaskDefinition, ids: &mut Ids) -> Task {
    let id: TaskId = ids.task();
    let mut container = |name: model::ContainerName| {
        let plain: String = name.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        Container {
            name,
            runtime_name: format!("ecs-{}-{}-{plain}-{}", service.revision.family, service.revision.number, ids.container_suffix()),
            runtime_id: None,
            image_id: None,
            last_status: ContainerStatus::None,
            started_at: None,
            exit_code: None,
            reason: None,
            health: HealthStatus::Unknown,
            address: None,
            direct: false,
            network_bindings: Vec::new(),
        }
    };
    Task {
        containers: definition.container_names().map(&mut container).collect(),
        id,
        cluster: service.cluster.clone(),
        service: Some(service.spec.name.clone()),
        deployment: service.primary().map(|primary| primary.id.clone()),
        revision: service.revision.clone(),
        desired_status: DesiredStatus::Running,
        last_status: TaskStatus::Pending,
        created_at: context.now,
        started_at: None,
        stopping_at: None,
        stopped_at: None,
        stop: None,
    }
}

/// Begins the stop of tasks. The event comes when the stop begins, before the deregistration that follows (ecs.md 3.6).
fn stop(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, stops: Vec<(usize, Stop)>) {
    let (mut running, mut pending) = (Vec::new(), 0);
    for (index, why) in stops {
        let task = draft.tasks[index].task.to_mut();
        if task.last_status == TaskStatus::Running {
            running.push(task.id.clone())
        } else {
            pending += 1
        }
        task.desired_status = DesiredStatus::Stopped;
        task.stopping_at = Some(context.now);
        task.stop = Some(why);
    }
    if !running.is_empty() {
        draft.found.events.push(events::stopped_running(&service.spec.name, &running));
    }
    if pending > 0 {
        draft.found.events.push(events::stopped_pending(&service.spec.name, pending));
    }
}

/// One event a group, with its ARN; groups that are gone say nothing.
fn told(
    context: &Context<'_>,
    counts: std::collections::BTreeMap<model::TargetGroupName, usize>,
    sentence: impl Fn(usize, &str) -> String,
) -> Vec<String> {
    let groups = counts.into_iter().filter_map(|(name, count)| Some((context.world.target_groups.get(&name)?, count)));
    groups.map(|(group, count)| sentence(count, &context.world.target_group_arn(group))).collect()
}

fn tell_deregistered(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>) {
    let counts = std::mem::take(&mut draft.found.deregistered);
    draft.found.events.extend(told(context, counts, |count, arn| events::deregistered(&service.spec.name, count, arn)));
    let draining = std::mem::take(&mut draft.found.draining);
    draft.found.events.extend(draining.into_iter().map(|(deployment, count)| events::draining(&service.spec.name, &deployment, count)));
}

/// The back-off after this round's failures, or without it once a task that started since has proven itself, or once exactly those
/// that are wanted run and all are proven.
fn count_failures(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>) -> LaunchBackoff {
    let mut after = service.backoff;
    if after.failures > 0 {
        let started = || draft.tasks.iter().map(|one| &one.task).filter(|task| task.is_live()).filter_map(|task| task.started_at);
        if started().any(|started| backoff::ends_row(context.pace, after, started, context.now)) || all_proven(context, service, draft) {
            after = LaunchBackoff::default();
        } else if started().any(|started| backoff::ends_launches(context.pace, after, started)) {
            after.never_ran = 0;
        }
        wake_when_proven(context, draft);
    }
    let primary = service.primary().map(|primary| &primary.id);
    for failure in draft.found.failures.iter().filter(|failure| failure.deployment.as_ref() == primary) {
        after = backoff::failed(context.pace, after, failure, context.now);
    }
    if after.never_ran > service.backoff.never_ran && after.never_ran == context.pace.failures_until_event {
        draft.found.events.push(events::unable_to_start(&service.spec.name));
    }
    after
}

fn proven(context: &Context<'_>, task: &Task) -> bool {
    task.is_live() && task.started_at.is_some_and(|started| context.now.since(started) >= context.pace.proven)
}

fn all_proven(context: &Context<'_>, service: &Service, draft: &Draft<'_>) -> bool {
    let mut live = draft.tasks.iter().map(|one| &one.task).filter(|task| task.is_live());
    let wanted = usize::try_from(service.spec.desired_count).unwrap_or(usize::MAX);
    live.clone().count() == wanted && live.all(|task| proven(context, task))
}

fn wake_when_proven(context: &Context<'_>, draft: &mut Draft<'_>) {
    for one in draft.tasks.iter().filter(|one| one.task.is_live()) {
        if let Some(started) = one.task.started_at {
            draft.found.wake(context, started + context.pace.proven);
        }
    }
}

/// A deployment's failed tasks after this round: launches that failed, early deaths and, while it rolls out, tasks stopped for their
/// health (ecs.md 3.5); none once a task that started after the last of them is healthy and proven, or all are.
fn failed_tasks(context: &Context<'_>, service: &Service, draft: &Draft<'_>, deployment: &Deployment) -> u32 {
    let own = |id: &Option<DeploymentId>| id.as_ref() == Some(&deployment.id);
    let rolling = deployment.rollout_state == RolloutState::InProgress;
    let failed = draft.found.failures.iter().filter(|failure| own(&failure.deployment)).count();
    let sick = draft.found.sick.iter().filter(|id| own(id)).count();
    let counted = failed + if rolling { sick } else { 0 };
    let before = deployment.failed_tasks;
    let well = |one: &TaskDraft<'_>| proven(context, &one.task) && health::available(context, service, one).0;
    let later = |one: &&TaskDraft<'_>| own(&one.task.deployment) && one.task.started_at >= Some(deployment.updated_at);
    let live = || draft.tasks.iter().filter(|one| one.task.is_live());
    let cleared = before > 0 && (live().filter(later).any(well) || (all_proven(context, service, draft) && live().all(well)));
    let kept = if cleared { 0 } else { before };
    kept.saturating_add(u32::try_from(counted).unwrap_or(u32::MAX))
}

/// Records back-off, deployments and steadiness where they changed.
fn settle(context: &Context<'_>, key: &model::ServiceKey, service: &Service, draft: &mut Draft<'_>, state: (bool, LaunchBackoff)) {
    let (well, backoff) = state;
    if backoff != service.backoff {
        draft.found.steps.push(Step::SetBackoff { service: key.clone(), backoff });
    }
    let ongoing = |id: &model::DeploymentId| {
        draft.tasks.iter().any(|one| one.task.last_status != TaskStatus::Stopped && one.task.deployment.as_ref() == Some(id))
    };
    let mut deployments = service.deployments.clone();
    deployments.retain(|deployment| deployment.status == DeploymentStatus::Primary || ongoing(&deployment.id));
    let leaving = draft.tasks.iter().any(|one| one.task.last_status != TaskStatus::Stopped && !one.task.is_live());
    let steady = well && !leaving && deployments.len() == 1;
    if deployments.iter().any(|deployment| deployment.failed_tasks > 0) {
        wake_when_proven(context, draft);
    }
    for deployment in &mut deployments {
        let before = deployment.failed_tasks;
        deployment.failed_tasks = failed_tasks(context, service, draft, deployment);
        let completes = steady && deployment.status == DeploymentStatus::Primary && deployment.rollout_state == RolloutState::InProgress;
        if completes {
            deployment.rollout_state = RolloutState::Completed;
            draft.found.events.push(events::completed(&service.spec.name, &deployment.id));
        }
        if completes || deployment.failed_tasks != before {
            deployment.updated_at = context.now;
        }
    }
    breaker::advance(context, key, service, draft, &mut deployments);
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
