//! One piece of work for the engine.

use std::time::Duration;

use model::{ContainerId, ContainerName, DeploymentId, EngineName, FaultId, LifecycleStage, ServiceKey, TaskId};

/// One piece of work for the engine. It is its own key: the same value is in `busy` while under way, and is never planned twice.
/// Work that ends without a [`model::Fact`] simply leaves `busy` and is planned again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Fetch or find a container's image.
    PrepareImage {
        /// The task.
        task: TaskId,
        /// The container.
        container: ContainerName,
    },
    /// Make a container from its image.
    Create {
        /// The task.
        task: TaskId,
        /// The container.
        container: ContainerName,
    },
    /// Start a container that was made.
    Start {
        /// The task.
        task: TaskId,
        /// The container.
        container: ContainerName,
        /// The engine's id of it.
        id: ContainerId,
    },
    /// SIGTERM, and SIGKILL after `grace`.
    Stop {
        /// The task.
        task: TaskId,
        /// The engine's id of the container.
        id: ContainerId,
        /// Time between the two signals.
        grace: Duration,
    },
    /// Remove a container, by force if it runs.
    Remove {
        /// The engine that it is on.
        engine: EngineName,
        /// The engine's id of it.
        id: ContainerId,
    },
    /// Ask a hook whether a deployment may go on.
    Hook {
        /// The service.
        service: ServiceKey,
        /// The deployment.
        deployment: DeploymentId,
        /// The stage.
        stage: LifecycleStage,
        /// Which hook of that stage, from 0.
        hook: usize,
        /// How often it was asked before.
        attempt: u32,
    },
    /// Do a fault to a task.
    BeginFault {
        /// Which.
        fault: FaultId,
        /// The task.
        task: TaskId,
        /// The engine that the task is on.
        engine: EngineName,
    },
    /// Undo a fault of a task, whether it was done or not.
    EndFault {
        /// Which.
        fault: FaultId,
        /// The task.
        task: TaskId,
        /// The engine that the task is on.
        engine: EngineName,
    },
    /// Remove a deleted service's network from every engine.
    RemoveNetwork(ServiceKey),
    /// Remove a volume that a task had for itself.
    RemoveVolume {
        /// The task.
        task: TaskId,
        /// The engine's name of it.
        name: String,
    },
}

/// A few words for a log.
impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PrepareImage { task, container } => write!(f, "image of {container} of task {}", task.short()),
            Self::Create { task, container } => write!(f, "create {container} of task {}", task.short()),
            Self::Start { task, container, .. } => write!(f, "start {container} of task {}", task.short()),
            Self::Stop { task, .. } => write!(f, "stop a container of task {}", task.short()),
            Self::Hook { service, stage, hook, .. } => write!(f, "ask hook {hook} of {service} at {}", stage.as_str()),
            Self::Remove { id, .. } => write!(f, "remove container {id:.12}"),
            Self::BeginFault { fault, task, .. } => write!(f, "begin {fault} on task {}", task.short()),
            Self::EndFault { fault, task, .. } => write!(f, "end {fault} on task {}", task.short()),
            Self::RemoveVolume { name, .. } => write!(f, "remove volume {name}"),
            Self::RemoveNetwork(service) => write!(f, "remove the network of {service}"),
        }
    }
}
