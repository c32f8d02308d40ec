//! What the engine was seen to run, and what single pieces of work found out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::{
    ClusterName, ContainerFailure, ContainerId, ContainerName, Decimal, DeploymentId, EngineName, FaultId, HealthStatus, HookAnswer, LifecycleStage,
    Metric, NetworkBinding, ServiceKey, TargetGroupName, TargetHealth, TargetKey, TaskId, Timestamp,
};

/// Everything that the engines run for this owner, as of the last look at them, and the load balancer's open requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Engines that were listed in full and can be reached. Of any other, absence proves nothing.
    pub listed: BTreeSet<EngineName>,
    /// Engines that were tried and cannot be reached: no task is placed on their instances (ecs.md 6).
    pub away: BTreeSet<EngineName>,
    /// By the engine's id.
    pub containers: BTreeMap<ContainerId, ObservedContainer>,
    /// Requests in flight by target; a target that is not here has none.
    pub in_flight: BTreeMap<(TargetGroupName, TargetKey), u64>,
}

/// One container as the engine reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContainer {
    /// The engine that it is on. An engine calls itself [`EngineName::own`]; who asked it knows better.
    pub engine: EngineName,
    /// The engine's id.
    pub id: ContainerId,
    /// The engine's name of it.
    pub runtime_name: String,
    /// The service whose task it belongs to, from its labels.
    pub service: Option<ServiceKey>,
    /// Its task, from its labels.
    pub task: TaskId,
    /// Its name in the task definition, from its labels.
    pub container: ContainerName,
    /// What it does.
    pub state: RunState,
    /// Of its own health check.
    pub health: HealthStatus,
    /// Its address on its network, while it runs.
    pub address: Option<IpAddr>,
    /// Whether the host can dial that address.
    pub direct: bool,
    /// Published ports, while it runs.
    pub network_bindings: Vec<NetworkBinding>,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Made, never started.
    Created,
    /// Runs (or is paused).
    Running,
    /// Has ended.
    Exited {
        /// Its exit code.
        code: i64,
        /// Killed by the kernel for its memory.
        out_of_memory: bool,
        /// When it ended, by the engine's clock.
        at: Option<Timestamp>,
    },
}

/// What one piece of work found out. The scheduler's `learn` turns it into [`crate::Step`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The image of a container is here.
    ImageReady {
        /// The task.
        task: TaskId,
        /// The container.
        container: ContainerName,
        /// The engine's id of the image.
        image_id: String,
    },
    /// A container was made.
    Created {
        /// The task.
        task: TaskId,
        /// The container.
        container: ContainerName,
        /// The engine's id of it.
        id: ContainerId,
    },
    /// A container was seen: running, ended.
    Seen(ObservedContainer),
    /// A container was started, for the first time or again, and this was seen of it then.
    Started(ObservedContainer),
    /// A piece of work on a container failed for good.
    Failed {
        /// The task.
        task: TaskId,
        /// The container.
        container: ContainerName,
        /// Why.
        failure: ContainerFailure,
    },
    /// What a task needs besides images, files of variables and secrets, cannot be had.
    ResourcesFailed {
        /// The task.
        task: TaskId,
        /// Why, in the agent's words.
        reason: String,
    },
    /// A container is gone from the engine.
    Removed(ContainerId),
    /// A service's network is gone from the engine.
    NetworkRemoved(ServiceKey),
    /// A volume of a task's own is gone from the engine.
    VolumeRemoved {
        /// The task.
        task: TaskId,
        /// The engine's name of it.
        name: String,
    },
    /// A fault was done to a task.
    FaultBegun {
        /// Which.
        fault: FaultId,
        /// The task.
        task: TaskId,
    },
    /// A fault cannot be done to a task.
    FaultFailed {
        /// Which.
        fault: FaultId,
        /// The task.
        task: TaskId,
        /// Why, for a person.
        reason: String,
    },
    /// Nothing of a fault is left on a task.
    FaultUndone {
        /// Which.
        fault: FaultId,
        /// The task.
        task: TaskId,
    },
    /// A hook of a deployment has answered.
    Hook {
        /// The service.
        service: ServiceKey,
        /// The deployment that was asked about.
        deployment: DeploymentId,
        /// The stage.
        stage: LifecycleStage,
        /// Which hook of that stage.
        hook: usize,
        /// What it said.
        answer: HookAnswer,
    },
    /// The load balancer's checks changed their mind about a target.
    TargetHealth {
        /// Its group.
        target_group: TargetGroupName,
        /// The target.
        target: TargetKey,
        /// The new health.
        health: TargetHealth,
    },
    /// A minute of an alarm's metric is over.
    AlarmMeasured {
        /// Its cluster.
        cluster: ClusterName,
        /// Its name.
        alarm: String,
        /// The end of the minute.
        at: Timestamp,
        /// The value; `None` where there is none.
        value: Option<Decimal>,
    },
    /// A minute of a service's metrics is over.
    Measured {
        /// The service.
        service: ServiceKey,
        /// The end of the minute.
        at: Timestamp,
        /// What could be measured.
        values: Vec<(Metric, Decimal)>,
    },
}
