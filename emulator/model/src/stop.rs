//! Why a task or a container ended, in ECS's words (ecs.md 2.2).

use serde::{Deserialize, Serialize};

use crate::DeploymentId;

/// Why a task was stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The kind.
    pub code: StopCode,
    /// ECS's sentence.
    pub reason: String,
}

impl Stop {
    /// An essential container exited.
    #[must_use]
    pub fn essential_container_exited() -> Self {
        Self { code: StopCode::EssentialContainerExited, reason: "Essential container in task exited".into() }
    }

    /// Scale-in, or an old task of a rolling deployment.
    #[must_use]
    pub fn scaling_activity(deployment: &DeploymentId) -> Self {
        Self { code: StopCode::ServiceSchedulerInitiated, reason: format!("Scaling activity initiated by (deployment {deployment})") }
    }

    /// Its target became unhealthy.
    #[must_use]
    pub fn failed_elb_health_checks(target_group_arn: &str) -> Self {
        Self { code: StopCode::ServiceSchedulerInitiated, reason: format!("Task failed ELB health checks in (target-group {target_group_arn})") }
    }

    /// A container's own check failed.
    #[must_use]
    pub fn failed_container_health_checks() -> Self {
        Self { code: StopCode::ServiceSchedulerInitiated, reason: "Task failed container health checks".into() }
    }

    /// Whether something went wrong, rather than somebody wanting it so: then people look for the task's logs.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self.code {
            StopCode::TaskFailedToStart | StopCode::EssentialContainerExited => true,
            StopCode::ServiceSchedulerInitiated => self.reason.starts_with("Task failed "),
            StopCode::UserInitiated => false,
        }
    }

    /// StopTask, with the caller's reason if there was one.
    #[must_use]
    pub fn user_initiated(reason: Option<&str>) -> Self {
        Self { code: StopCode::UserInitiated, reason: reason.unwrap_or("Task stopped by user").to_owned() }
    }

    /// Its container instance was let go of while it ran there. AWS does not say which code it has; a user wants it so.
    #[must_use]
    pub fn deregistration_forced() -> Self {
        Self { code: StopCode::UserInitiated, reason: "Container instance deregistration forced by user".into() }
    }

    /// Never reached RUNNING.
    #[must_use]
    pub fn failed_to_start(why: Option<&str>) -> Self {
        Self { code: StopCode::TaskFailedToStart, reason: why.unwrap_or("Task failed to start").to_owned() }
    }
}

/// The kinds of stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCode {
    /// Never reached RUNNING.
    TaskFailedToStart,
    /// An essential container exited.
    EssentialContainerExited,
    /// StopTask.
    UserInitiated,
    /// The service scheduler.
    ServiceSchedulerInitiated,
}

impl StopCode {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
        }
    }
}

/// What went wrong with a container: `<name>: <message>` is its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", kind.as_str())]
pub struct ContainerFailure {
    /// The named error.
    pub kind: ContainerFailureKind,
    /// The engine's words.
    pub message: String,
}

impl ContainerFailure {
    /// A failure of that kind.
    #[must_use]
    pub fn new(kind: ContainerFailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The agent's named errors that this house can meet (ecs.md 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerFailureKind {
    /// The image is not here and cannot be pulled.
    CannotPullContainerError,
    /// The engine refused to create it.
    CannotCreateContainerError,
    /// The engine created it and could not start it.
    CannotStartContainerError,
    /// The engine did not answer in time.
    DockerTimeoutError,
    /// The kernel killed it for its memory.
    OutOfMemoryError,
    /// It was removed behind our back.
    ContainerVanishedError,
    /// A container that it depends on failed it.
    TaskDependencyError,
}

impl ContainerFailureKind {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CannotPullContainerError => "CannotPullContainerError",
            Self::CannotCreateContainerError => "CannotCreateContainerError",
            Self::CannotStartContainerError => "CannotStartContainerError",
            Self::DockerTimeoutError => "DockerTimeoutError",
            Self::OutOfMemoryError => "OutOfMemoryError",
            Self::ContainerVanishedError => "ContainerVanishedError",
            Self::TaskDependencyError => "TaskDependencyError",
        }
    }
}

/// The agent's message for a container that the kernel killed for its memory.
pub const OUT_OF_MEMORY: &str = "Container killed due to memory usage";
