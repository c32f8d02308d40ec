//! A container definition: one container of a task definition (ecs.md 1.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    AppProtocol, ContainerName, EnvironmentFile, FirelensConfiguration, LinuxParameters, LogConfiguration, MountPoint, RestartPolicy,
    SecretReference, VolumeFrom,
};

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
    /// Other containers of the task, by names of its own for them. Only in `bridge` mode.
    #[serde(default)]
    pub links: Vec<ContainerLink>,
    /// Ranges of ports to publish on as many host ports in a row.
    #[serde(default)]
    pub port_ranges: Vec<PortRange>,
    /// Capabilities, devices and memory beyond the hard limit.
    #[serde(default)]
    pub linux_parameters: LinuxParameters,
    /// Kernel parameters of its namespaces, by name.
    #[serde(default)]
    pub system_controls: BTreeMap<String, String>,
    /// `no-new-privileges`, `apparmor:<profile>`, `label:<value>`.
    #[serde(default)]
    pub docker_security_options: Vec<String>,
    /// Its standard input stays open, though nobody writes.
    #[serde(default)]
    pub interactive: bool,
    /// It has a terminal.
    #[serde(default)]
    pub pseudo_terminal: bool,
    /// It has no network but its own loopback.
    #[serde(default)]
    pub disable_networking: bool,
    /// Whether it is started again when it ends; `None`: it is not.
    #[serde(default)]
    pub restart_policy: Option<RestartPolicy>,
    /// Where its output goes; `None`: the engine keeps it.
    #[serde(default)]
    pub log_configuration: Option<LogConfiguration>,
    /// It routes the logs of its task's containers; `None`: it does not.
    #[serde(default)]
    pub firelens: Option<FirelensConfiguration>,
    /// Volumes of the task definition, and where it has them.
    #[serde(default)]
    pub mount_points: Vec<MountPoint>,
    /// Containers of the task whose volumes it has as well.
    #[serde(default)]
    pub volumes_from: Vec<VolumeFrom>,
    /// Files with more variables; the first one that has a name counts.
    #[serde(default)]
    pub environment_files: Vec<EnvironmentFile>,
    /// Variables by name whose values are kept elsewhere.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretReference>,
}

impl ContainerDefinition {
    /// An essential container of that image with nothing more said about it.
    #[must_use]
    pub fn new(name: ContainerName, image: &str) -> Self {
        Self {
            name,
            image: image.to_owned(),
            image_id: None,
            build: None,
            cpu: 0,
            memory: None,
            memory_reservation: None,
            essential: true,
            port_mappings: Vec::new(),
            environment: BTreeMap::new(),
            entry_point: None,
            command: None,
            user: None,
            working_directory: None,
            hostname: None,
            stop_timeout: None,
            start_timeout: None,
            depends_on: Vec::new(),
            health_check: None,
            docker_labels: BTreeMap::new(),
            readonly_root_filesystem: false,
            privileged: false,
            init_process_enabled: false,
            ulimits: Vec::new(),
            extra_hosts: Vec::new(),
            dns_servers: Vec::new(),
            dns_search_domains: Vec::new(),
            links: Vec::new(),
            port_ranges: Vec::new(),
            linux_parameters: LinuxParameters::default(),
            system_controls: BTreeMap::new(),
            docker_security_options: Vec::new(),
            interactive: false,
            pseudo_terminal: false,
            disable_networking: false,
            restart_policy: None,
            log_configuration: None,
            firelens: None,
            mount_points: Vec::new(),
            volumes_from: Vec::new(),
            environment_files: Vec::new(),
            secrets: BTreeMap::new(),
        }
    }

    /// Whether its environment, or its log driver's options, have values from elsewhere, which are fetched when its task starts.
    #[must_use]
    pub fn has_outside_values(&self) -> bool {
        let options = self.log_configuration.as_ref().is_some_and(|configuration| !configuration.secret_options.is_empty());
        options || !self.environment_files.is_empty() || !self.secrets.is_empty()
    }

    /// What it waits for: its `dependsOn`, and what its links and `volumesFrom` ask for (ecs.md 1.2). Stops go in reverse.
    pub fn dependencies(&self) -> impl Iterator<Item = ContainerDependency> {
        let links =
            self.links.iter().map(|link| ContainerDependency { container_name: link.container_name.clone(), condition: DependencyCondition::Start });
        let volumes = self
            .volumes_from
            .iter()
            .map(|from| ContainerDependency { container_name: from.source_container.clone(), condition: DependencyCondition::Create });
        self.depends_on.iter().cloned().chain(links).chain(volumes)
    }
}

/// Another container of the task, and what this one calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLink {
    /// Which.
    pub container_name: ContainerName,
    /// Default its own name.
    pub alias: String,
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
    /// What is spoken there; `None` for TCP. Service Connect alone asks for it.
    #[serde(default)]
    pub app_protocol: Option<AppProtocol>,
}

/// A range of ports to publish, `containerPortRange` (ecs.md 1.3). The host's are as many in a row, which the engine chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The first port that the container listens on.
    pub first: u16,
    /// The last one, not below the first.
    pub last: u16,
    /// Default tcp.
    pub protocol: TransportProtocol,
    /// The mapping's name.
    pub name: Option<String>,
}

impl PortRange {
    /// Its ports.
    pub fn ports(&self) -> impl Iterator<Item = u16> + use<> {
        self.first..=self.last
    }
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
    /// It was made. Only `volumesFrom` asks for that.
    Create,
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
