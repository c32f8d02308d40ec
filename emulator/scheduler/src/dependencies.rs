//! `dependsOn` and links, and the pauses that all depend on: who is created first, and in reverse who is stopped last (ecs.md 2.4).

use model::{Container, ContainerDefinition, ContainerStatus, ContainerType, DependencyCondition, HealthStatus, Task, TaskDefinition, Timestamp};

/// Whether a container may be created.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Now.
    Open,
    /// Not yet; time alone changes that at `until`, if given.
    Wait {
        /// For a person.
        reason: String,
        /// When a `startTimeout` runs out.
        until: Option<Timestamp>,
    },
    /// Never: the container ends with exit code 143 and this reason.
    Failed(String),
}

/// The exit code of a container whose dependency failed it.
pub(crate) const FAILED_DEPENDENCY_EXIT_CODE: i64 = 143;

/// Whether `container` of `task` may be created. Its image is fetched meanwhile, as with the agent's
/// `ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT`.
pub(crate) fn gate(definition: &TaskDefinition, task: &Task, container: &ContainerDefinition, now: Timestamp) -> Gate {
    // Whatever becomes of a pause, nobody blames a container for it: its end is the task's.
    if let Some(pause) = task.pauses().find(|pause| pause.last_status != ContainerStatus::Running) {
        let what = if pause.kind() == ContainerType::CniPause { "network" } else { "namespaces" };
        return Gate::Wait { reason: format!("{} waits for the {what} of its task", container.name), until: None };
    }
    let mut waits: Option<(String, Option<Timestamp>)> = None;
    for dependency in definition.dependencies_of(container) {
        let Some(record) = task.container(&dependency.container_name) else { continue };
        let failed = |why: &str| {
            let (dependency, container) = (&dependency.container_name, &container.name);
            let what = format!("dependency graph: container ordering dependency [{dependency}] for container [{container}]");
            Gate::Failed(format!("CannotStartContainerError: {what} {why}"))
        };
        match met(record, dependency.condition) {
            Met::Yes => continue,
            Met::Never(why) => return failed(why),
            Met::NotYet => {}
        }
        let until = deadline(definition, record, dependency.condition);
        if until.is_some_and(|until| now >= until) {
            return failed("has timed out.");
        }
        let reason = format!("{} waits for {} {}", container.name, dependency.container_name, condition_word(dependency.condition));
        let earlier = waits.as_ref().and_then(|(_, earlier)| *earlier).into_iter().chain(until).min();
        waits = Some((reason, earlier));
    }
    waits.map_or(Gate::Open, |(reason, until)| Gate::Wait { reason, until })
}

enum Met {
    Yes,
    NotYet,
    Never(&'static str),
}

fn met(record: &Container, condition: DependencyCondition) -> Met {
    let stopped = record.last_status == ContainerStatus::Stopped;
    let vanished = record.reason.as_ref().is_some_and(|reason| reason.starts_with("ContainerVanishedError"));
    let refused = record.reason.as_ref().is_some_and(|reason| reason.starts_with("CannotStartContainerError: dependency graph"));
    let never_started = stopped && !vanished && (record.exit_code.is_none() || refused);
    match condition {
        _ if never_started => Met::Never("because dependency will never start"),
        DependencyCondition::Create if record.last_status >= ContainerStatus::Created => Met::Yes,
        DependencyCondition::Start if record.last_status >= ContainerStatus::Running => Met::Yes,
        DependencyCondition::Complete if stopped && record.exit_code.is_some() => Met::Yes,
        DependencyCondition::Success if stopped && record.exit_code == Some(0) => Met::Yes,
        DependencyCondition::Success | DependencyCondition::Complete if stopped => Met::Never("did not exit successfully."),
        DependencyCondition::Healthy if stopped => Met::Never("because dependency will never start"),
        DependencyCondition::Healthy if record.health == HealthStatus::Healthy => Met::Yes,
        _ => Met::NotYet,
    }
}

/// A dependency's `startTimeout` counts from its own start (ecs.md 2.4).
fn deadline(definition: &TaskDefinition, record: &Container, condition: DependencyCondition) -> Option<Timestamp> {
    if matches!(condition, DependencyCondition::Create | DependencyCondition::Start) || record.last_status != ContainerStatus::Running {
        return None;
    }
    let seconds = definition.container(&record.name)?.start_timeout?;
    Some(record.started_at? + std::time::Duration::from_secs(seconds.into()))
}

const fn condition_word(condition: DependencyCondition) -> &'static str {
    match condition {
        DependencyCondition::Create => "to be created",
        DependencyCondition::Start => "to start",
        DependencyCondition::Complete => "to be COMPLETE",
        DependencyCondition::Success => "to be a SUCCESS",
        DependencyCondition::Healthy => "to be HEALTHY",
    }
}

/// Whether every container that depends on `record` has stopped, so that it may be stopped too. All need the pauses, which are the last.
pub(crate) fn may_stop(definition: Option<&TaskDefinition>, task: &Task, record: &Container) -> bool {
    if record.kind() != ContainerType::Normal {
        let mut others = task.containers.iter().filter(|other| other.kind() == ContainerType::Normal);
        return others.all(|other| other.last_status == ContainerStatus::Stopped);
    }
    let all = definition.into_iter().flat_map(|definition| definition.containers.iter().map(move |other| (definition, other)));
    let mut dependents = all
        .filter(|(definition, other)| definition.dependencies_of(other).any(|dependency| dependency.container_name == record.name))
        .map(|(_, other)| other);
    dependents.all(|other| task.container(&other.name).is_none_or(|other| other.last_status == ContainerStatus::Stopped))
}
