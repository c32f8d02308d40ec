//! What the command line sends, and the short answers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;

use model::{
    ClusterName, ContainerName, Desired, EnvironmentFile, InstanceName, Placement, RepositoryName, ServiceName, TaskDefinition, TaskDefinitionName,
};
use serde::{Deserialize, Serialize};

use super::{EngineView, Seconds};

/// Who answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Always `ecslocal`: whoever else holds the port does not say so.
    pub product: String,
    /// The daemon's version.
    pub version: String,
    /// [`super::API_VERSION`] of the daemon.
    pub api: u32,
    /// Its process.
    pub pid: u32,
    /// Since when it runs.
    pub started_at: Seconds,
    /// Where its state is.
    pub state_folder: String,
    /// The engine that it uses.
    pub engine: EngineView,
}

/// Bring a cluster to what a manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpRequest {
    /// The whole cluster.
    pub desired: Desired,
    /// Whether it is let go of where nobody reads its answer any more: while it builds. Otherwise it goes on.
    #[serde(default)]
    pub attended: bool,
}

/// What `up` would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffReply {
    /// One line a change: `+` makes, `~` changes, `-` removes.
    pub changes: Vec<String>,
}

/// What a cluster that is taken down leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DownReply {
    /// Repositories of its manifest that hold images.
    #[serde(default)]
    pub repositories: Vec<RepositoryName>,
    /// What to say of them.
    #[serde(default)]
    pub notice: Option<String>,
}

/// Remove what the registry holds and nobody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectRequest {
    /// Only what nobody has needed for so many seconds.
    pub older_than_seconds: u64,
}

/// What was removed from the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectReply {
    /// Uploads that nobody went on with.
    pub uploads: usize,
    /// Blobs that no image needed.
    pub blobs: usize,
    /// Of the blobs together.
    pub bytes: u64,
}

/// Change how many tasks some services have; all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// New desired counts by service.
    pub desired_counts: BTreeMap<ServiceName, u32>,
}

/// Begin a deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// What it is to run.
    pub what: Wanted,
    /// Whether nothing is begun where the service runs just that.
    #[serde(default)]
    pub unless_current: bool,
    /// Whether it is let go of where nobody reads its answer any more: while it builds. Otherwise it goes on.
    #[serde(default)]
    pub attended: bool,
}

/// Put files of this machine into the containers of a service, those that run and those that come, without a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Which of its task's containers.
    pub container: ContainerName,
    /// At least one.
    pub files: Vec<SyncedFile>,
    /// Whether only those that come get them, and a deployment is begun.
    #[serde(default)]
    pub restart: bool,
}

/// A file to put into containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncedFile {
    /// Where it is on this machine, absolute.
    pub source: String,
    /// Where it is in the container, absolute.
    pub target: String,
}

/// Files were put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncReply {
    /// Into how many containers.
    pub containers: usize,
    /// The version of the view that has the deployment, if one was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// Start tasks that no service keeps alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunTaskRequest {
    /// The cluster; made if it is not there.
    pub cluster: ClusterName,
    /// What they are to run.
    pub what: Wanted,
    /// How many, 1 to 10.
    pub count: u32,
    /// The container that the next three are about. Default: the first essential one.
    pub container: Option<ContainerName>,
    /// Replaces its command.
    pub command: Option<Vec<String>>,
    /// Replaces or adds variables.
    pub environment: BTreeMap<String, String>,
    /// Replaces its files of variables, where there are any.
    #[serde(default)]
    pub environment_files: Vec<EnvironmentFile>,
    /// Who asks.
    pub started_by: Option<String>,
    /// Where they are placed; the task definition's own constraints bind beside these.
    #[serde(default)]
    pub placement: Placement,
    /// Whether programs may be run in their containers.
    #[serde(default)]
    pub enable_execute_command: bool,
}

/// What is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    /// What runs now, of a service.
    Current,
    /// A registered task definition.
    Registered(TaskDefinitionName),
    /// A task definition as a manifest has it: its images are built or pulled, and it is registered where it is new.
    Definition(Box<TaskDefinition>),
}

/// Keep tasks from being scaled in or replaced, or end that; all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtectRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The tasks' ids, or as much of the beginning of each as names one task only.
    pub tasks: Vec<String>,
    /// For how many minutes from now, 1 to 2880; `None` ends the protection.
    pub minutes: Option<u32>,
}

/// Let go of a container instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeregisterInstanceRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The container instance.
    pub instance: InstanceName,
    /// Also while it has tasks.
    #[serde(default)]
    pub force: bool,
}

/// Drain a container instance, or place tasks on it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatusRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The container instance.
    pub instance: InstanceName,
    /// True for DRAINING, false for ACTIVE.
    pub drain: bool,
}

/// Let a process on this machine take a service's requests while its tasks are at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Where the process listens, on 127.0.0.1; 1 to 65535.
    pub port: NonZeroU16,
}

/// Let the tasks of an attached service come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
}

/// The tasks that an operation was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TasksReply {
    /// Their ids.
    pub tasks: Vec<String>,
}

/// Stop one task; its service starts another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopTaskRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The task's id, or as much of its beginning as names one task only.
    pub task: String,
    /// Shown as the task's stopped reason.
    pub reason: Option<String>,
}

/// Ask where a request would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainRequest {
    /// The cluster whose load balancers are asked.
    pub cluster: ClusterName,
    /// `GET`, `POST` …
    pub method: String,
    /// `http://host:port/path?query`, or a path alone.
    pub url: String,
    /// Request headers in order.
    pub headers: Vec<(String, String)>,
    /// The address that it comes from. Default 127.0.0.1.
    #[serde(default)]
    pub source_ip: Option<IpAddr>,
}

/// Whether the daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownReply {
    /// False when it still holds clusters.
    pub stopping: bool,
}
