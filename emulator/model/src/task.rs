//! A task: what ECS runs from a task definition. Its containers are the engine's (ecs.md 2).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, ContainerId, ContainerName, DeploymentId, Revision, ServiceKey, ServiceName, Stop, TaskId, Timestamp, TransportProtocol};

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// 32 hexadecimal digits.
    pub id: TaskId,
    /// The cluster.
    pub cluster: ClusterName,
    /// The service that it belongs to; `None` for a task that runs by itself.
    pub service: Option<ServiceName>,
    /// The deployment that started it.
    pub deployment: Option<DeploymentId>,
    /// What it was made from.
    pub revision: Revision,
    /// Where it is to go.
    pub desired_status: DesiredStatus,
    /// Where it is.
    pub last_status: TaskStatus,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When all its containers ran.
    pub started_at: Option<Timestamp>,
    /// When its stop began.
    pub stopping_at: Option<Timestamp>,
    /// When its last container ended.
    pub stopped_at: Option<Timestamp>,
    /// Why it stops; set with `desired_status` STOPPED.
    pub stop: Option<Stop>,
    /// In the task definition's order; the pause container, where there is one, is the last.
    pub containers: Vec<Container>,
}

impl Task {
    /// The service's key, for a task of a service.
    #[must_use]
    pub fn service_key(&self) -> Option<ServiceKey> {
        self.service.as_ref().map(|name| ServiceKey { cluster: self.cluster.clone(), name: name.clone() })
    }

    /// The container of that name.
    #[must_use]
    pub fn container(&self, name: &ContainerName) -> Option<&Container> {
        self.containers.iter().find(|container| container.name == *name)
    }

    /// The container of that name, to change.
    pub fn container_mut(&mut self, name: &ContainerName) -> Option<&mut Container> {
        self.containers.iter_mut().find(|container| container.name == *name)
    }

    /// The container that holds its network, in `awsvpc` mode.
    #[must_use]
    pub fn pause(&self) -> Option<&Container> {
        self.containers.iter().find(|container| container.kind() == ContainerType::CniPause)
    }

    /// Whether it counts towards its service's tasks: wanted, and not over.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.desired_status == DesiredStatus::Running && self.last_status != TaskStatus::Stopped
    }
}

/// Where a task is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DesiredStatus {
    /// Run.
    Running,
    /// End.
    Stopped,
}

impl DesiredStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Where a task is (ecs.md 2.1). It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Accepted; images are fetched, containers created and started.
    Pending,
    /// Every container runs, or ran and has ended.
    Running,
    /// To be stopped: its targets drain.
    Deactivating,
    /// SIGTERM was sent, SIGKILL follows.
    Stopping,
    /// Over.
    Stopped,
}

impl TaskStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// One container of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name in the task definition.
    pub name: ContainerName,
    /// Its name in the engine, `ecs-<family>-<revision>-<name>-<20 hex>` (ecs.md 1.7).
    pub runtime_name: String,
    /// Its id in the engine, once created.
    pub runtime_id: Option<ContainerId>,
    /// The engine's id of its image, once resolved.
    pub image_id: Option<String>,
    /// How far it is.
    pub last_status: ContainerStatus,
    /// When it was first seen running.
    pub started_at: Option<Timestamp>,
    /// Its exit code, once known.
    pub exit_code: Option<i64>,
    /// `<ErrorName>: <message>` when something went wrong; the first error stays.
    pub reason: Option<String>,
    /// Of its own health check.
    pub health: HealthStatus,
    /// Its own address on the service's network; none for one that shares another's network.
    pub address: Option<IpAddr>,
    /// Whether the host can dial that address.
    pub direct: bool,
    /// Published ports.
    pub network_bindings: Vec<NetworkBinding>,
}

impl Container {
    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> ContainerType {
        if self.name.is_pause() { ContainerType::CniPause } else { ContainerType::Normal }
    }
}

/// What a container of a task is for (ecs.md 5.2). AWS's API lists only those that are [`ContainerType::Normal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerType {
    /// One of the task definition's.
    Normal,
    /// It holds the task's network and does nothing.
    CniPause,
}

impl ContainerType {
    /// As the metadata endpoint prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::CniPause => "CNI_PAUSE",
        }
    }
}

/// How far a container is (ecs.md 2.1). It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContainerStatus {
    /// Nothing done yet.
    None,
    /// Its image is here.
    Pulled,
    /// The engine has made it.
    Created,
    /// It runs.
    Running,
    /// It has ended, or will never start.
    Stopped,
}

impl ContainerStatus {
    /// As the API prints it: PENDING until it runs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None | Self::Pulled | Self::Created => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Of a container's own health check (ecs.md 2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthStatus {
    /// No check, or no verdict yet.
    #[default]
    Unknown,
    /// Passing.
    Healthy,
    /// Failing.
    Unhealthy,
}

impl HealthStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

/// A published port, as the engine reports it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NetworkBinding {
    /// The address on the host that it is bound to.
    pub bind_ip: IpAddr,
    /// The container's port.
    pub container_port: u16,
    /// The host's port.
    pub host_port: u16,
    /// tcp or udp.
    pub protocol: TransportProtocol,
}
