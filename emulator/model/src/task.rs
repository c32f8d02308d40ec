//! A task: what ECS runs from a task definition. Its containers are the engine's (ecs.md 2).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    ClusterName, ContainerId, ContainerName, DeploymentId, EngineName, Ids, InstanceName, InstanceSpec, Revision, ServiceKey, ServiceName, Stop,
    TaskDefinition, TaskId, TaskOverrides, TaskVolume, Timestamp, TransportProtocol, VolumeSource,
};

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
    /// The container instance that it was placed on.
    #[serde(default = "InstanceName::local")]
    pub instance: InstanceName,
    /// The engine of that instance, which keeps what is left of the task when the instance has gone.
    #[serde(default)]
    pub engine: EngineName,
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
    /// The essential container whose end is the task's, where that was its end.
    #[serde(default)]
    pub ended_by: Option<ContainerName>,
    /// In the task definition's order; pause containers, where there are any, are the last.
    pub containers: Vec<Container>,
    /// What it does otherwise than its task definition says.
    #[serde(default)]
    pub overrides: TaskOverrides,
    /// Who asked for it, of a task that runs by itself.
    #[serde(default)]
    pub started_by: Option<String>,
    /// Until when it is neither scaled in nor replaced by a deployment (ecs.md 3.12).
    #[serde(default)]
    pub protected_until: Option<Timestamp>,
    /// Whether it has a network of its own in the engine, or may have: a task that runs by itself, until that is removed.
    #[serde(default)]
    pub own_network: bool,
    /// Volumes of its own that the engine has, or may have, until they are removed.
    #[serde(default)]
    pub volumes: Vec<TaskVolume>,
    /// Why what it needs besides images could not be had, in the agent's words: it ends by that.
    #[serde(default)]
    pub resource_failure: Option<String>,
    /// Whether programs may be run in its containers, as it was said when it started.
    #[serde(default)]
    pub enable_execute_command: bool,
}

/// What a task is made from.
#[derive(Clone, Copy, Debug)]
pub struct Birth<'a> {
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// The service that it belongs to, and the deployment.
    pub service: Option<(&'a ServiceName, Option<&'a DeploymentId>)>,
    /// What it is made from.
    pub revision: &'a Revision,
    /// The same in full.
    pub definition: &'a TaskDefinition,
    /// Where it is placed.
    pub instance: &'a InstanceSpec,
    /// When it is accepted.
    pub at: Timestamp,
}

impl Task {
    /// A task that is accepted and has done nothing yet.
    #[must_use]
    pub fn new(birth: &Birth<'_>, ids: &mut Ids) -> Self {
        let id = ids.task();
        let revision = birth.revision;
        let mut container = |name: ContainerName| {
            let plain: String = name.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            Container::new(name, format!("ecs-{}-{}-{plain}-{}", revision.family, revision.number, ids.container_suffix()))
        };
        let containers = birth.definition.container_names().map(&mut container).collect();
        let own = birth.definition.volumes.iter().filter(|volume| matches!(volume.source, VolumeSource::Task(_)));
        let volumes = own.map(|volume| TaskVolume {
            name: volume.name.clone(),
            runtime_name: format!("ecs-{}-{}-{}-{}", revision.family, revision.number, volume.name, ids.container_suffix()),
        });
        Self {
            volumes: volumes.collect(),
            containers,
            id,
            cluster: birth.cluster.clone(),
            service: birth.service.map(|(service, _)| service.clone()),
            deployment: birth.service.and_then(|(_, deployment)| deployment.cloned()),
            revision: revision.clone(),
            instance: birth.instance.name.clone(),
            engine: birth.instance.engine.clone(),
            desired_status: DesiredStatus::Running,
            last_status: TaskStatus::Pending,
            created_at: birth.at,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            stop: None,
            ended_by: None,
            overrides: TaskOverrides::default(),
            started_by: None,
            protected_until: None,
            own_network: birth.service.is_none(),
            resource_failure: None,
            enable_execute_command: false,
        }
    }

    /// Begins its end, unless that has begun.
    pub fn end(&mut self, stop: Stop, now: Timestamp) {
        if self.is_live() {
            self.desired_status = DesiredStatus::Stopped;
            self.stopping_at = Some(now);
            self.stop = Some(stop);
        }
    }

    /// It is over as far as anybody knows: nothing is asked of its engine any more. If that comes back, what is left there is removed as
    /// containers are that nobody wants.
    pub fn abandon(&mut self, stop: Stop, now: Timestamp) {
        self.end(stop, now);
        self.last_status = TaskStatus::Stopped;
        self.stopped_at.get_or_insert(now);
        self.engine = EngineName::own();
        self.own_network = false;
        self.volumes.clear();
        for container in &mut self.containers {
            (container.last_status, container.restarting) = (ContainerStatus::Stopped, false);
        }
    }

    /// Whose network it joins: its service's, or one of its own.
    #[must_use]
    pub fn network(&self) -> ServiceKey {
        // A task's id is made of hexadecimal digits, and so obeys the rule of a service's name.
        self.service_key().unwrap_or_else(|| ServiceKey { cluster: self.cluster.clone(), name: ServiceName::of_task(&self.id) })
    }

    /// Whether it is neither scaled in nor replaced by a deployment now.
    #[must_use]
    pub fn is_protected(&self, now: Timestamp) -> bool {
        self.protected_until.is_some_and(|until| now < until)
    }

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

    /// `service:<name>`, or `family:<family>` for a task that runs by itself (ecs.md 3.1).
    #[must_use]
    pub fn group(&self) -> String {
        self.service.as_ref().map_or_else(|| format!("family:{}", self.revision.family), |service| format!("service:{service}"))
    }

    /// The container that holds the namespaces of processes and of IPC that its containers share.
    #[must_use]
    pub fn namespace_pause(&self) -> Option<&Container> {
        self.containers.iter().find(|container| container.kind() == ContainerType::NamespacePause)
    }

    /// The containers that ECS added.
    pub fn pauses(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| container.kind() != ContainerType::Normal)
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
    /// When the engine had made it.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was first seen running.
    pub started_at: Option<Timestamp>,
    /// When it was seen to have ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Its exit code, once known; while it is started again, that of the end before.
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
    /// How often it was started again by its restart policy (ecs.md 1.8).
    #[serde(default)]
    pub restart_count: u32,
    /// When that was decided last.
    #[serde(default)]
    pub restarted_at: Option<Timestamp>,
    /// It has ended and is being started again. To its task it runs meanwhile.
    #[serde(default)]
    pub restarting: bool,
}

impl Container {
    /// One of which nothing exists yet.
    #[must_use]
    pub const fn new(name: ContainerName, runtime_name: String) -> Self {
        Self {
            name,
            runtime_name,
            runtime_id: None,
            image_id: None,
            last_status: ContainerStatus::None,
            created_at: None,
            started_at: None,
            finished_at: None,
            exit_code: None,
            reason: None,
            health: HealthStatus::Unknown,
            address: None,
            direct: false,
            network_bindings: Vec::new(),
            restart_count: 0,
            restarted_at: None,
            restarting: false,
        }
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> ContainerType {
        match () {
            () if self.name.holds_network() => ContainerType::CniPause,
            () if self.name.is_pause() => ContainerType::NamespacePause,
            () => ContainerType::Normal,
        }
    }
}

/// What a container of a task is for (ecs.md 5.2). AWS's API lists only those that are [`ContainerType::Normal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerType {
    /// One of the task definition's.
    Normal,
    /// It holds the task's network and does nothing.
    CniPause,
    /// It holds the task's namespaces of processes and of IPC and does nothing.
    NamespacePause,
}

impl ContainerType {
    /// As the metadata endpoint prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::CniPause => "CNI_PAUSE",
            Self::NamespacePause => "NAMESPACE_PAUSE",
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
