//! The values that the verbs take and give.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{
    ClusterName, ContainerDefinition, ContainerId, DockerVolume, EngineResources, InstanceName, OwnerId, Revision, ServiceKey, Speed, TaskId,
    Timestamp,
};

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// `Docker`, `Podman`, `simulated` …
    pub name: String,
    /// Its version.
    pub version: String,
    /// The API version spoken.
    pub api_version: String,
    /// Where it was found, for example `unix:///var/run/docker.sock`.
    pub endpoint: String,
    /// What tells it from every other engine; empty when it does not say.
    pub id: String,
    /// What it has to give to containers.
    pub resources: EngineResources,
    /// What it runs in, where its networks are not this machine's: `Docker Desktop`, a virtual machine … There a container may reach this
    /// machine's loopback (engine-facts 4).
    pub elsewhere: Option<String>,
}

/// A container to create. It leaves the engine no choice but the host port and the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Whose it is; becomes a label.
    pub owner: OwnerId,
    /// The cluster; becomes a label.
    pub cluster: ClusterName,
    /// The service, if it belongs to one; becomes a label.
    pub service: Option<ServiceKey>,
    /// The container instance that the task is on; becomes a label.
    pub instance: InstanceName,
    /// The task; becomes a label.
    pub task: TaskId,
    /// The task's ARN; becomes the label `com.amazonaws.ecs.task-arn`.
    pub task_arn: String,
    /// What it was made from; becomes labels.
    pub revision: Revision,
    /// The engine's name for it (ecs.md 1.7).
    pub runtime_name: String,
    /// The image to run, by the engine's id.
    pub image_id: String,
    /// Everything that the task definition says of it.
    pub definition: ContainerDefinition,
    /// CPU units of the whole task (1024 a core), which no container of it may pass.
    pub task_cpu: Option<u32>,
    /// MiB of the whole task, which no container of it may pass.
    pub task_memory: Option<u32>,
    /// Groups of variables that it gets unless its image has one of the group itself.
    pub image_defaults: Vec<BTreeMap<String, String>>,
    /// The network of its service.
    pub network: NetworkSpec,
    /// Whose network it has.
    pub namespace: NetworkNamespace,
    /// How much faster time runs: its health check is asked so much more often.
    pub speed: Speed,
    /// Whose processes it sees.
    pub processes: Namespace,
    /// Whose shared memory, semaphores and message queues it has.
    pub ipc: Namespace,
    /// Containers of its network by the engine's names of them, and what it alone calls each.
    pub links: Vec<(String, String)>,
    /// Other services that it reaches, where it has a network namespace of its own.
    pub connections: Vec<Connection>,
    /// It asks this machine, at its address on the container's network, for names; these where that does not answer. `None` where its
    /// engine gives it name servers as to any container.
    pub name_servers: Option<Vec<std::net::IpAddr>>,
    /// What it has of folders and volumes.
    pub mounts: Vec<Mount>,
    /// Containers by the engine's names of them whose mounts it has as well, and whether to read only.
    pub volumes_from: Vec<(String, bool)>,
}

/// A name by which a container reaches another service: it stands for this machine's address on that service's network, where the daemon
/// listens for the container's network alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The host's name in the container.
    pub name: String,
    /// The network of the other service, made if it is not there.
    pub network: NetworkSpec,
}

/// A service's network, where its bridge is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The service.
    pub service: ServiceKey,
    /// This machine's address on it.
    pub gateway: std::net::IpAddr,
    /// The name of the network interface.
    pub interface: String,
}

/// A folder or a volume in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What.
    pub source: MountSource,
    /// Where.
    pub container_path: String,
    /// Whether it may only be read.
    pub read_only: bool,
}

impl Mount {
    /// Whether it is a folder below that one.
    #[must_use]
    pub fn is_below(&self, folder: &std::path::Path) -> bool {
        matches!(&self.source, MountSource::Folder(path) if std::path::Path::new(path).starts_with(folder))
    }
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// A folder of the host's, by its absolute path. The engine makes it if it is not there.
    Folder(String),
    /// A volume of the engine's.
    Volume(VolumeSpec),
}

/// A volume of the engine's (ecs.md 1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpec {
    /// The engine's name for it.
    pub name: String,
    /// Whose it is.
    pub scope: VolumeScope,
    /// How it is made.
    pub volume: DockerVolume,
}

/// Whose a volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeScope {
    /// The task's: made with our owner's label, and removed by name when the task is over.
    Task,
    /// Everybody's: made if it is not there, never removed.
    Shared,
    /// Everybody's: it must be there.
    Existing,
}

/// Whose namespace of processes, or of IPC, a container has (ecs.md 1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// As the engine does it: one of its own.
    #[default]
    Own,
    /// One of its own that others may share. Only of IPC, where engines ask for it.
    Shareable,
    /// That of another container, which runs.
    Shared(ContainerId),
    /// The host's.
    Host,
    /// One of its own that nobody may share. Only of IPC.
    None,
}

/// Whose network a container has (ecs.md 1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NetworkNamespace {
    /// A namespace of its own, on the service's network. Its ports are published on loopback; those of a pause container only where
    /// its address cannot be dialled, because the address is the target.
    #[default]
    Own,
    /// That of another container, which runs: the pause of its task. It has neither an address nor published ports itself.
    Shared(ContainerId),
    /// The host's: it has neither an address nor published ports.
    Host,
    /// A namespace of its own with nothing in it but loopback.
    None,
}

/// What the agent says of a volume that must be there and is not (ecs.md 1.5).
#[must_use]
pub fn missing_volume(name: &str) -> String {
    format!("initialize volume: volume detection failed, volume '{name}' does not exist and autoprovision is set to false")
}

/// A network of its own for a service (engine-facts 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Whose it is; becomes a label.
    pub owner: OwnerId,
    /// The service that it is for; becomes a label and part of its name.
    pub service: ServiceKey,
}

/// The way from a service's network to this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doorway {
    /// Whose network it is.
    pub service: ServiceKey,
    /// The host's interface on it. What comes in there comes from that network and no other.
    pub interface: String,
}

/// An image to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSpec {
    /// Whose the image is; becomes a label.
    pub owner: OwnerId,
    /// Absolute path of the context.
    pub context: std::path::PathBuf,
    /// Dockerfile, relative to the context.
    pub dockerfile: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The stage to stop at.
    pub target: Option<String>,
    /// The name that the image gets.
    pub tag: String,
}

/// Where lines of a pull or a build go, one call a line, without the line's end.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Calls `line` with each line.
    pub fn new(line: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(line))
    }

    /// For work that nobody watches.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| {})
    }

    /// Tells one line.
    pub fn line(&self, text: &str) {
        (self.0)(text);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// What a running container has used, as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// When, by the engine's clock.
    pub at: Timestamp,
    /// CPU time since its start, of all cores together.
    pub cpu_time: Duration,
    /// Bytes of memory, without what the kernel merely keeps of files.
    pub memory: u64,
}

/// Which lines of a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with new lines until the container ends.
    pub follow: bool,
    /// The last so many lines; all when `None`.
    pub tail: Option<u32>,
    /// Only lines after this moment.
    pub since: Option<Timestamp>,
}

/// One line of a container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When the engine took it.
    pub at: Timestamp,
    /// Which stream.
    pub stream: LogStream,
    /// The line without its end, bytes that are not UTF-8 replaced.
    pub text: String,
    /// Whether the line was too long and goes on in the next one of its stream.
    pub continues: bool,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
