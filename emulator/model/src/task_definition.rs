//! A task definition: the containers that run together, and how (ecs.md 1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ClusterQuery, ContainerName, Family, NetworkMode, RequiredAttribute};

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
}

impl TaskDefinition {
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

/// One container of a task definition. Field by field as in ecs.md 1.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerDefinition {
    /// Unique in the task definition.
    pub name: ContainerName,
    /// The reference as the user wrote it.
    pub image: String,
    /// The image that a `build` made, by the engine's id, so that a changed build is a changed definition.
    pub image_id: Option<String>,
    /// How to make the image, when the manifest says so.
    pub build: Option<Build>,
    /// CPU units; relative weight (0 means the minimum, 2).
    pub cpu: u32,
    /// Hard limit in MiB.
    pub memory: Option<u32>,
    /// Soft limit in MiB.
    pub memory_reservation: Option<u32>,
    /// Whether its end is the task's end. Default true.
    pub essential: bool,
    /// Ports to publish.
    pub port_mappings: Vec<PortMapping>,
    /// Environment by name.
    pub environment: BTreeMap<String, String>,
    /// Replaces the image's ENTRYPOINT.
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's CMD.
    pub command: Option<Vec<String>>,
    /// `user`, `user:group`, `uid`, `uid:gid` …
    pub user: Option<String>,
    /// Replaces the image's WORKDIR.
    pub working_directory: Option<String>,
    /// The container's host name.
    pub hostname: Option<String>,
    /// Seconds between SIGTERM and SIGKILL. Default 30.
    pub stop_timeout: Option<u32>,
    /// Seconds that a dependent waits for this container's condition.
    pub start_timeout: Option<u32>,
    /// Which containers come first, and how far.
    pub depends_on: Vec<ContainerDependency>,
    /// The container's own check; without one its health stays UNKNOWN.
    pub health_check: Option<ContainerHealthCheck>,
    /// Labels of the user's own.
    pub docker_labels: BTreeMap<String, String>,
    /// Mount the root file system read-only.
    pub readonly_root_filesystem: bool,
    /// All capabilities.
    pub privileged: bool,
    /// An init process as PID 1 (`linuxParameters.initProcessEnabled`).
    pub init_process_enabled: bool,
    /// Resource limits.
    pub ulimits: Vec<Ulimit>,
    /// Lines for `/etc/hosts`.
    pub extra_hosts: Vec<HostEntry>,
    /// Name servers.
    pub dns_servers: Vec<String>,
    /// Search domains.
    pub dns_search_domains: Vec<String>,
}

/// How to make an image from a folder of the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Absolute path of the build context.
    pub context: String,
    /// The Dockerfile, relative to the context. Default `Dockerfile`.
    pub dockerfile: String,
    /// `--build-arg` values.
    pub args: BTreeMap<String, String>,
    /// The stage to stop at.
    pub target: Option<String>,
}

/// A port to publish (ecs.md 1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// The port that the container listens on.
    pub container_port: u16,
    /// The port on the host; 0 (the default) takes an ephemeral one.
    pub host_port: u16,
    /// Default tcp.
    pub protocol: TransportProtocol,
    /// The mapping's name.
    pub name: Option<String>,
}

/// Of a port mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TransportProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl TransportProtocol {
    /// `tcp` or `udp`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// One line of `dependsOn` (ecs.md 2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerDependency {
    /// The container that comes first.
    pub container_name: ContainerName,
    /// How far it must have come.
    pub condition: DependencyCondition,
}

/// When a dependency is satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DependencyCondition {
    /// It runs, or has run.
    Start,
    /// It has stopped, whatever its exit code.
    Complete,
    /// It has stopped with exit code 0.
    Success,
    /// Its health check passes.
    Healthy,
}

/// A container's own health check, run by the engine. Durations in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerHealthCheck {
    /// `CMD …` or `CMD-SHELL …`.
    pub command: Vec<String>,
    /// 5 to 300, default 30.
    pub interval: u32,
    /// 2 to 60, default 5.
    pub timeout: u32,
    /// 1 to 10, default 3.
    pub retries: u32,
    /// 0 to 300, default 0.
    pub start_period: u32,
}

/// One resource limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile`, `nproc` …
    pub name: String,
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

/// One line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// The name.
    pub hostname: String,
    /// The address.
    pub ip_address: String,
}
