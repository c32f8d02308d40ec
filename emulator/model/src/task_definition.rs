//! A task definition: the containers that run together, and how (ecs.md 1).

use serde::{Deserialize, Serialize};

use crate::{
    ClusterQuery, ContainerDefinition, ContainerName, Family, NamespaceMode, NetworkMode, RequiredAttribute, RoleName, TransportProtocol, Volume,
};

/// `family:revision`, which names one immutable task definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision {
    /// The family.
    pub family: Family,
    /// From 1, one more on each registration, never used again.
    pub number: u32,
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.family, self.number)
    }
}

/// What a task is made from. Its revision is its place in the [`crate::World`], so two equal definitions compare equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// The family.
    pub family: Family,
    /// Default `bridge` (ecs.md 1.6).
    pub network_mode: NetworkMode,
    /// Whose processes its containers see; `None`: each its own (ecs.md 1.6).
    #[serde(default)]
    pub pid_mode: Option<NamespaceMode>,
    /// Whose shared memory, semaphores and message queues its containers have; `None`: as the engine does it (ecs.md 1.6).
    #[serde(default)]
    pub ipc_mode: Option<NamespaceMode>,
    /// CPU units of the whole task (1024 = one core).
    pub cpu: Option<u32>,
    /// MiB of the whole task.
    pub memory: Option<u32>,
    /// At least one, one of them essential.
    pub containers: Vec<ContainerDefinition>,
    /// What must hold for the container instance of its tasks (`placementConstraints`, `memberOf`).
    #[serde(default)]
    pub member_of: Vec<ClusterQuery>,
    /// Attributes that the container instance of its tasks must have; capabilities of the agent are not among them.
    #[serde(default)]
    pub requires_attributes: Vec<RequiredAttribute>,
    /// What its containers may mount.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Whose credentials its containers have; `None`: nobody's (`taskRoleArn`).
    #[serde(default)]
    pub task_role: Option<RoleName>,
    /// Whether its tasks may inject faults on themselves (ecs.md 5.8). Default false.
    #[serde(default)]
    pub enable_fault_injection: bool,
    /// Who fetches what it needs before it starts: its secrets, parameters and files of variables (`executionRoleArn`). `None`, or a role that no manifest
    /// describes, may fetch all.
    #[serde(default)]
    pub execution_role: Option<RoleName>,
}

impl TaskDefinition {
    /// A family's containers with nothing said about the task as a whole.
    #[must_use]
    pub const fn new(family: Family, network_mode: NetworkMode, containers: Vec<ContainerDefinition>) -> Self {
        Self {
            family,
            network_mode,
            pid_mode: None,
            ipc_mode: None,
            cpu: None,
            memory: None,
            containers,
            volumes: Vec::new(),
            member_of: Vec::new(),
            requires_attributes: Vec::new(),
            task_role: None,
            enable_fault_injection: false,
            execution_role: None,
        }
    }

    /// The container of that name.
    #[must_use]
    pub fn container(&self, name: &ContainerName) -> Option<&ContainerDefinition> {
        self.containers.iter().find(|container| container.name == *name)
    }

    /// The host ports that its tasks take by number, so that only one of them can run on a container instance.
    pub fn static_ports(&self) -> impl Iterator<Item = (TransportProtocol, u16)> + Clone {
        let takes = self.network_mode.takes_host_ports();
        let mappings = self.containers.iter().filter(move |_| takes).flat_map(|container| &container.port_mappings);
        mappings.filter(|mapping| mapping.host_port != 0).map(|mapping| (mapping.protocol, mapping.host_port))
    }

    /// The CPU units that a task is charged for on its container instance: its own, else those of its containers together (ecs.md 6).
    #[must_use]
    pub fn charged_cpu(&self) -> u32 {
        self.cpu.unwrap_or_else(|| self.containers.iter().map(|container| container.cpu).fold(0, u32::saturating_add))
    }

    /// The CPU units that a task reserves: its own, else those of its containers together (ecs.md 7). AWS is silent on a task that reserves
    /// none, here it is taken to have reserved one core.
    #[must_use]
    pub fn reserved_cpu(&self) -> u32 {
        let own = self.charged_cpu();
        if own == 0 { 1024 } else { own }
    }

    /// The MiB that a task reserves: its own, else of each container the soft limit, or the hard one where there is none; `None` for a task
    /// that reserves none, which AWS would not take.
    #[must_use]
    pub fn reserved_memory(&self) -> Option<u32> {
        let containers = || self.containers.iter().filter_map(|container| container.memory_reservation.or(container.memory));
        self.memory.or_else(|| Some(containers().fold(0, u32::saturating_add))).filter(|mebibytes| *mebibytes > 0)
    }
}

/// A task definition as a user names it: `family` for the latest revision, or `family:revision`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDefinitionName {
    /// The family.
    pub family: Family,
    /// `None` for the latest.
    pub revision: Option<u32>,
}

impl TaskDefinitionName {
    /// Family and revision in `family`, `family:revision`, or an ARN that ends so.
    #[must_use]
    pub fn split(text: &str) -> (&str, Option<&str>) {
        let name = text.strip_prefix("arn:").and_then(|arn| arn.split_once(":task-definition/")).map_or(text, |(_, name)| name);
        name.split_once(':').map_or((name, None), |(family, revision)| (family, Some(revision)))
    }
}

impl From<Revision> for TaskDefinitionName {
    fn from(revision: Revision) -> Self {
        Self { family: revision.family, revision: Some(revision.number) }
    }
}

impl std::fmt::Display for TaskDefinitionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.revision {
            Some(number) => write!(f, "{}:{number}", self.family),
            None => write!(f, "{}", self.family),
        }
    }
}

impl std::str::FromStr for TaskDefinitionName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (family, revision) = Self::split(text);
        let number = |text: &str| {
            text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("`{text}` is not a revision: revisions are numbers from 1"))
        };
        Ok(Self { family: Family::new(family).map_err(|error| error.to_string())?, revision: revision.map(number).transpose()? })
    }
}
