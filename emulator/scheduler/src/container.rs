//! A container: what a look at the engine means for its record, and which work is next.

use model::{
    Container, ContainerDefinition, ContainerFailure, ContainerFailureKind, ContainerStatus, ContainerType, HealthStatus, ObservedContainer,
    RestartPolicy, RunState, Task, TaskDefinition, Timestamp,
};

use crate::Work;
use crate::context::Context;

/// What its task definition and its task say of a container that is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Whether its health is reported.
    checked: bool,
    /// Whether it may be started again when it ends: never in a task that is to stop.
    restart_policy: Option<&'a RestartPolicy>,
}

impl<'a> Terms<'a> {
    pub(crate) fn of(definition: Option<&'a TaskDefinition>, task: &Task, record: &Container) -> Self {
        let wanted = definition.and_then(|definition| definition.container(&record.name));
        Self {
            checked: checked(definition, record),
            restart_policy: wanted.and_then(|wanted| wanted.restart_policy.as_ref()).filter(|_| task.is_live()),
        }
    }
}

/// The record after a look at the engine, or `None` when the look says nothing new. A record only moves forward.
pub(crate) fn after_seeing(record: &Container, seen: &ObservedContainer, terms: Terms<'_>, now: Timestamp) -> Option<Container> {
    if record.last_status == ContainerStatus::Stopped || record.runtime_id.as_ref().is_some_and(|id| *id != seen.id) {
        return None;
    }
    match &seen.state {
        RunState::Created if record.last_status >= ContainerStatus::Created && record.runtime_id.is_some() => None,
        RunState::Created => {
            let last_status = record.last_status.max(ContainerStatus::Created);
            Some(Container { runtime_id: Some(seen.id.clone()), last_status, ..record.clone() })
        }
        RunState::Running => running(record, seen, terms.checked, now),
        // The end that it is started again for; how that went is told by the start.
        RunState::Exited { .. } if record.restarting => None,
        RunState::Exited { code, .. } if terms.restart_policy.is_some_and(|policy| policy.allows(record, *code, now)) => Some(Container {
            runtime_id: Some(seen.id.clone()),
            exit_code: Some(*code),
            health: HealthStatus::Unknown,
            restart_count: record.restart_count.saturating_add(1),
            restarted_at: Some(now),
            restarting: true,
            ..record.clone()
        }),
        RunState::Exited { code, out_of_memory, .. } => {
            let memory = || ContainerFailure::new(ContainerFailureKind::OutOfMemoryError, model::stop::OUT_OF_MEMORY).to_string();
            let reason = record.reason.clone().or_else(|| out_of_memory.then(memory));
            let runtime_id = Some(seen.id.clone());
            let over = Container { runtime_id, last_status: ContainerStatus::Stopped, exit_code: Some(*code), reason, ..record.clone() };
            Some(Container { finished_at: Some(now), ..over })
        }
    }
}

/// The same after a start, which is the end of a restart however it went: one that has ended again by now has ended once more.
pub(crate) fn after_starting(record: &Container, seen: &ObservedContainer, terms: Terms<'_>, now: Timestamp) -> Option<Container> {
    let over = Container { restarting: false, ..record.clone() };
    after_seeing(&over, seen, terms, now).or_else(|| record.restarting.then_some(over))
}

fn running(record: &Container, seen: &ObservedContainer, checked: bool, now: Timestamp) -> Option<Container> {
    let health = if checked { seen.health } else { HealthStatus::Unknown };
    let same = record.last_status == ContainerStatus::Running
        && !record.restarting
        && record.exit_code.is_none()
        && record.runtime_id.as_ref() == Some(&seen.id)
        && record.health == health
        && record.address == seen.address
        && record.direct == seen.direct
        && record.network_bindings == seen.network_bindings;
    (!same).then(|| Container {
        runtime_id: Some(seen.id.clone()),
        last_status: ContainerStatus::Running,
        started_at: record.started_at.or(Some(now)),
        health,
        address: seen.address,
        direct: seen.direct,
        network_bindings: seen.network_bindings.clone(),
        exit_code: None,
        restarting: false,
        ..record.clone()
    })
}

/// The engine's container of a record: the one of its id, or the furthest one with its labels while it has none.
pub(crate) fn find<'a>(record: &Container, seen: &[&'a ObservedContainer]) -> Option<&'a ObservedContainer> {
    let named = seen.iter().filter(|found| found.container == record.name).copied();
    match &record.runtime_id {
        Some(id) => named.into_iter().find(|found| found.id == *id),
        None => named.max_by_key(|found| match found.state {
            RunState::Exited { .. } => 0,
            RunState::Created => 1,
            RunState::Running => 2,
        }),
    }
}

/// The record of a container that was removed behind our back: it ran, and a full listing does not have it.
pub(crate) fn vanished(record: &Container, wanted: bool) -> Container {
    let failure = ContainerFailure::new(ContainerFailureKind::ContainerVanishedError, "the container was removed from the engine");
    let reason = record.reason.clone().or_else(|| wanted.then(|| failure.to_string()));
    Container { last_status: ContainerStatus::Stopped, reason, restarting: false, ..record.clone() }
}

/// The work that brings a container of a wanted task further; `open` says whether its dependencies let it be created.
pub(crate) fn next_work(task: &Task, record: &Container, open: bool) -> Option<Work> {
    let (task, container) = (task.id.clone(), record.name.clone());
    match (record.last_status, &record.runtime_id) {
        (ContainerStatus::None, _) => Some(Work::PrepareImage { task, container }),
        (ContainerStatus::Pulled, _) => open.then_some(Work::Create { task, container }),
        (ContainerStatus::Created, Some(id)) => Some(Work::Start { task, container, id: id.clone() }),
        (ContainerStatus::Running, Some(id)) if record.restarting => Some(Work::Start { task, container, id: id.clone() }),
        (ContainerStatus::Created | ContainerStatus::Running | ContainerStatus::Stopped, _) => None,
    }
}

/// What a stopping container needs before its task is over.
pub(crate) enum Ending {
    /// It never ran and nothing of it is under way: it is over.
    Over,
    /// Something of it is under way.
    Wait,
    /// It runs.
    Signal(Work),
}

/// How a container of a task that is to stop comes to its end.
pub(crate) fn ending(context: &Context<'_>, task: &Task, record: &Container, definition: Option<&ContainerDefinition>) -> Ending {
    match (record.last_status, &record.runtime_id) {
        // Before a listing it may run without our knowing: its end is not concluded from what was recorded.
        (ContainerStatus::None | ContainerStatus::Pulled | ContainerStatus::Created, _) if !context.knows(task) => Ending::Wait,
        (ContainerStatus::None | ContainerStatus::Pulled, _) if context.creating(&task.id, &record.name) => Ending::Wait,
        // It has ended and waits to be started again: nothing of it runs, unless that is under way.
        (ContainerStatus::Running, Some(_)) if record.restarting && !context.knows(task) => Ending::Wait,
        (ContainerStatus::Created | ContainerStatus::Running, Some(id)) if record.last_status == ContainerStatus::Created || record.restarting => {
            let start = Work::Start { task: task.id.clone(), container: record.name.clone(), id: id.clone() };
            if context.busy.contains(&start) { Ending::Wait } else { Ending::Over }
        }
        // It is let go first.
        (ContainerStatus::Running, Some(_)) if context.frozen.contains(&task.id) => Ending::Wait,
        (ContainerStatus::Running, Some(id)) => {
            let seconds = definition.and_then(|definition| definition.stop_timeout).map(|seconds| std::time::Duration::from_secs(seconds.into()));
            let grace = seconds.unwrap_or(context.pace.stop_timeout);
            Ending::Signal(Work::Stop { task: task.id.clone(), id: id.clone(), grace })
        }
        _ => Ending::Over,
    }
}

/// Whether a container's end is its task's end: without its pauses a task has no network, or its containers no namespaces. A container that
/// its definition does not know is not essential.
pub(crate) fn essential(definition: Option<&TaskDefinition>, record: &Container) -> bool {
    record.kind() != ContainerType::Normal
        || definition.and_then(|definition| definition.container(&record.name)).is_some_and(|found| found.essential)
}

/// Whether its health is reported: only a check of the task definition counts (ecs.md 0.5).
pub(crate) fn checked(definition: Option<&TaskDefinition>, record: &Container) -> bool {
    definition.and_then(|definition| definition.container(&record.name)).is_some_and(|found| found.health_check.is_some())
}
