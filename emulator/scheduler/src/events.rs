//! The sentences of service events (ecs.md 3.8), and when one is held back.

use std::time::Duration;

use model::{Attachment, DeploymentId, Service, ServiceName, TargetKey, TargetType, TaskId, Timestamp};

fn listed<'t>(tasks: impl Iterator<Item = &'t TaskId>) -> String {
    tasks.map(|task| format!("(task {task})")).collect::<Vec<_>>().join(" ")
}

pub(crate) fn started(service: &ServiceName, tasks: &[TaskId], replaced: usize) -> String {
    let tail = if replaced == 0 { String::new() } else { format!(" Amazon ECS replaced {replaced} tasks due to an unhealthy status.") };
    format!("(service {service}) has started {} tasks: {}.{tail}", tasks.len(), listed(tasks.iter()))
}

pub(crate) fn stopped_running(service: &ServiceName, tasks: &[TaskId]) -> String {
    format!("(service {service}) has stopped {} running tasks: {}.", tasks.len(), listed(tasks.iter()))
}

pub(crate) fn stopped_pending(service: &ServiceName, count: usize) -> String {
    format!("(service {service}) stopped {count} pending tasks.")
}

pub(crate) fn registered(service: &ServiceName, count: usize, arn: &str) -> String {
    format!("(service {service}) registered {count} targets in (target-group {arn})")
}

pub(crate) fn deregistered(service: &ServiceName, count: usize, arn: &str) -> String {
    format!("(service {service}) deregistered {count} targets in (target-group {arn})")
}

pub(crate) fn draining(service: &ServiceName, deployment: &DeploymentId, count: usize) -> String {
    format!("(service {service}, taskSet {deployment}) has begun draining connections on {count} tasks.")
}

pub(crate) fn completed(service: &ServiceName, deployment: &DeploymentId) -> String {
    format!("(service {service}) (deployment {deployment}) deployment completed.")
}

/// `why` where it is not for its tasks.
pub(crate) fn failed(service: &ServiceName, deployment: &DeploymentId, why: Option<&str>) -> String {
    format!("(service {service}) (deployment {deployment}) deployment failed: {}.", why.unwrap_or("tasks failed to start"))
}

pub(crate) fn rolling_back(service: &ServiceName, deployment: &DeploymentId) -> String {
    format!("(service {service}) rolling back to deployment {deployment}.")
}

/// Not of ECS, as the two that follow each other here are not.
pub(crate) fn attached(service: &ServiceName, attachment: Attachment) -> String {
    format!("(service {service}) is attached to the process at {attachment}: its tasks go to rest.")
}

pub(crate) fn detached(service: &ServiceName, attachment: Attachment) -> String {
    format!("(service {service}) is no longer attached to the process at {attachment}: its tasks serve.")
}

pub(crate) fn steady(service: &ServiceName) -> String {
    format!("(service {service}) has reached a steady state.")
}

/// A target is named by its instance, or by its task where it has an address of its own.
pub(crate) fn unhealthy_target(service: &ServiceName, (task, key, kind): (&TaskId, &TargetKey, TargetType), arn: &str, reason: &str) -> String {
    let who = match kind {
        TargetType::Instance => format!("instance {}", key.id),
        TargetType::Ip => format!("task {task}"),
    };
    format!("(service {service}) ({who}) (port {}) is unhealthy in (target-group {arn}) due to (reason {reason}).", key.port)
}

pub(crate) fn unhealthy_container(service: &ServiceName, task: &TaskId) -> String {
    format!("(service {service}) (task {task}) failed container health checks.")
}

pub(crate) fn unreachable(service: &ServiceName, task: &TaskId, arn: &str) -> String {
    format!("(service {service}) (task {task}) is unhealthy in (target-group {arn}) due to (reason Request timed out).")
}

pub(crate) fn unable_to_start(service: &ServiceName) -> String {
    format!("(service {service}) is unable to consistently start tasks successfully.")
}

pub(crate) fn stuck(service: &ServiceName) -> String {
    format!(
        "service ({service}) was unable to stop or start tasks during a deployment because of the service deployment configuration. \
         Update the minimumHealthyPercent or maximumPercent value and try again."
    )
}

pub(crate) fn protected(service: &ServiceName, deployment: &DeploymentId) -> String {
    format!(
        "service ({service}) was unable to reach steady state because task set ({deployment}) was unable to scale in. \
         Reason: The number of protected tasks are more than the desired count of tasks."
    )
}

/// What Application Auto Scaling did (ecs.md 7).
pub(crate) fn scaled(status_message: &str, cause: &str) -> String {
    format!("Message: {status_message} Cause: {cause}")
}

/// When the message may be said again, if it was said within `window` and its cause has not cleared since: a start of tasks, a steady
/// state or another deployment clears it (ecs.md 3.8).
pub(crate) fn held_back_until(service: &Service, message: &str, now: Timestamp, window: Duration) -> Option<Timestamp> {
    let deployed = service.primary().map_or(service.created_at, |primary| primary.created_at);
    let recent = service.events.iter().rev().take_while(|event| event.at >= deployed && now.since(event.at) < window);
    for event in recent {
        if event.message == message {
            return Some(event.at + window);
        }
        if event.message.contains(") has started ") || event.message.ends_with("has reached a steady state.") {
            return None;
        }
    }
    None
}

/// Whether the message was said at or after `since`.
pub(crate) fn said_since(service: &Service, message: &str, since: Timestamp) -> bool {
    service.events.iter().rev().take_while(|event| event.at >= since).any(|event| event.message == message)
}
