//! What there is, as one value: the listings of the command line are cut from it.

mod balancing;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(super) use balancing::title;
pub use balancing::{ConditionView, ListenerView, LoadBalancerView, RuleView, TargetGroupView, TargetView};

/// Seconds since the Unix epoch, with a fraction, as in AWS's JSON.
pub type Seconds = f64;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Rises with everything new that a view shows: a change, a reason for waiting, a problem.
    pub version: u64,
    /// The daemon's clock.
    pub now: Seconds,
    /// Why what is shown could not be saved; `None` when all is well. It is in effect, and is lost if the daemon ends before it can be.
    #[serde(default)]
    pub problem: Option<String>,
    /// Why some tasks have neither metadata nor credentials; `None` when all is well.
    #[serde(default)]
    pub agent_problem: Option<String>,
    /// How much faster time runs.
    #[serde(default = "real_time")]
    pub speed: u32,
    /// The engine.
    pub engine: EngineView,
    /// By name.
    pub clusters: Vec<ClusterView>,
}

const fn real_time() -> u32 {
    1
}

/// The engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineView {
    /// `Docker`, `Podman` …
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it was found.
    pub endpoint: String,
    /// Why it cannot be reached just now; `None` when all is well.
    pub problem: Option<String>,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterView {
    /// Its name.
    pub cluster_name: String,
    /// True from `down` until all of it is gone.
    pub deleting: bool,
    /// By name.
    pub services: Vec<ServiceView>,
    /// Newest first; stopped ones stay for a while.
    pub tasks: Vec<TaskView>,
    /// By name.
    #[serde(default)]
    pub scheduled_tasks: Vec<ScheduledTaskView>,
    /// By name.
    #[serde(default)]
    pub alarms: Vec<AlarmView>,
    /// By name.
    #[serde(default)]
    pub container_instances: Vec<ContainerInstanceView>,
    /// By name.
    pub load_balancers: Vec<LoadBalancerView>,
    /// By name.
    pub target_groups: Vec<TargetGroupView>,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmView {
    /// Its name.
    pub alarm_name: String,
    /// CloudWatch's name of what it looks at.
    pub metric_name: String,
    /// The service, target group or load balancer that it is about.
    pub of: String,
    /// `> 100 for 3 datapoints`
    pub condition: String,
    /// OK, ALARM or INSUFFICIENT_DATA.
    pub state_value: String,
    /// Since when.
    pub state_updated_at: Seconds,
    /// The newest datapoint; `None` where the newest minute has none.
    pub value: Option<f64>,
    /// The end of the newest minute; `None` before the first.
    pub measured_at: Option<Seconds>,
    /// The services whose deployments it ends.
    pub services: Vec<String>,
}

/// A container instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerInstanceView {
    /// Its name, which is its id.
    pub name: String,
    /// Its ARN.
    pub container_instance_arn: String,
    /// `i-…`, which names it in target groups.
    pub ec2_instance_id: String,
    /// Where its engine is; absent for the daemon's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// ACTIVE, DRAINING or DEREGISTERING.
    pub status: String,
    /// Whether its engine can be reached.
    pub agent_connected: bool,
    /// Why its engine cannot be reached, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Tasks that are to run.
    pub running_tasks_count: usize,
    /// Tasks that are PENDING.
    pub pending_tasks_count: usize,
    /// What it has.
    pub registered_resources: InstanceResources,
    /// What no task holds of it.
    pub remaining_resources: InstanceResources,
    /// By name.
    pub attributes: BTreeMap<String, String>,
    /// When it was registered.
    pub registered_at: Seconds,
}

/// What a container instance has, or has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceResources {
    /// CPU units; absent where nobody has said how many there are.
    pub cpu: Option<u64>,
    /// MiB; likewise.
    pub memory: Option<u64>,
    /// TCP ports that are taken, the reserved ones among them: of all that its engine runs.
    pub ports: Vec<u16>,
    /// The same of UDP.
    pub ports_udp: Vec<u16>,
}

/// Why a service will not become steady by waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HopelessView {
    /// Why.
    pub reason: String,
    /// What to change.
    pub hint: String,
}

/// A task that starts by a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledTaskView {
    /// Its name.
    pub name: String,
    /// `rate(5 minutes)` …
    pub schedule_expression: String,
    /// By whose clocks.
    pub schedule_expression_timezone: String,
    /// ENABLED or DISABLED.
    pub state: String,
    /// `family`, or `family:revision`.
    pub task_definition: String,
    /// How many tasks it starts.
    pub task_count: u32,
    /// When it is due next.
    pub next_at: Option<Seconds>,
    /// When it was due last.
    pub last_at: Option<Seconds>,
    /// The tasks that were started then.
    pub last_tasks: Vec<String>,
    /// Why none was.
    pub last_problem: Option<String>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceView {
    /// Its name.
    pub service_name: String,
    /// ACTIVE or DRAINING.
    pub status: String,
    /// How many tasks it is to have.
    pub desired_count: u32,
    /// How many run.
    pub running_count: u32,
    /// How many are on their way.
    pub pending_count: u32,
    /// `family:revision`
    pub task_definition: String,
    /// Whether it has all its tasks, healthy, and nothing else is under way.
    pub steady: bool,
    /// REPLICA or DAEMON.
    #[serde(default)]
    pub scheduling_strategy: String,
    /// Whether a deployment whose tasks keep failing is given up.
    #[serde(default)]
    pub deployment_circuit_breaker: bool,
    /// Newest first.
    pub deployments: Vec<DeploymentView>,
    /// Its last deployments, newest first, whether they are over or not.
    #[serde(default)]
    pub service_deployments: Vec<ServiceDeploymentView>,
    /// What it waits for, one sentence each.
    pub waiting: Vec<String>,
    /// The process that takes its requests, or is about to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<AttachmentView>,
    /// How many files `up --watch` put over its images without a build; they go with the next build.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub synced_files: usize,
    /// Why it will not become steady by waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hopeless: Option<HopelessView>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A process on this machine that takes a service's requests while its tasks are at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentView {
    /// Where it listens: `127.0.0.1:<port>`.
    pub address: String,
    /// ATTACHING (the tasks serve until it is healthy), ATTACHED, or DETACHING (it serves until the tasks are healthy).
    pub state: String,
    /// How many tasks the service has again without it.
    pub desired_count: u32,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentView {
    /// `ecs-svc/<digits>`
    pub id: String,
    /// PRIMARY or ACTIVE.
    pub status: String,
    /// `family:revision`
    pub task_definition: String,
    /// How many of its tasks run.
    pub running_count: u32,
    /// How many of its tasks are on their way.
    pub pending_count: u32,
    /// Consecutive failures.
    pub failed_tasks: u32,
    /// IN_PROGRESS, COMPLETED or FAILED.
    pub rollout_state: String,
    /// ECS's sentence for it.
    pub rollout_state_reason: String,
    /// The deployment that failed, and from which the circuit breaker went back to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_from: Option<String>,
    /// Of one that shifts traffic: where it is, `PRE_SCALE_UP` to `CLEAN_UP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_stage: Option<String>,
    /// Likewise: the lifecycle hook that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_hook: Option<LifecycleHookView>,
    /// Likewise: how many per cent of production traffic it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production_traffic_percent: Option<f64>,
    /// When it was asked for.
    pub created_at: Seconds,
}

/// A lifecycle hook that a deployment waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LifecycleHookView {
    /// Its id, for `continue`.
    pub hook_id: String,
    /// PAUSE; COMMAND or ENDPOINT where AWS has AWS_LAMBDA.
    pub target_type: String,
    /// AWAITING_ACTION of a pause, else IN_PROGRESS.
    pub status: String,
    /// When it is given up on.
    pub expires_at: Seconds,
    /// What then: ROLLBACK or CONTINUE.
    pub timeout_action: String,
}

/// A deployment of the past, or the one that is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeploymentView {
    /// `ecs-svc/<digits>`
    pub id: String,
    /// IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_IN_PROGRESS, ROLLBACK_SUCCESSFUL or ROLLBACK_FAILED.
    pub status: String,
    /// `family:revision` that it rolled out.
    pub target: String,
    /// `family:revision` that ran before; none for the first.
    pub source: Option<String>,
    /// When it was asked for.
    pub started_at: Seconds,
    /// When it was over.
    pub finished_at: Option<Seconds>,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// 32 hexadecimal digits.
    pub task_id: String,
    /// Its ARN.
    pub task_arn: String,
    /// The service, if it belongs to one.
    pub service_name: Option<String>,
    /// The deployment that started it, or who asked for it by `run`.
    pub started_by: Option<String>,
    /// Until when it is neither scaled in nor replaced by a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_until: Option<Seconds>,
    /// `family:revision`
    pub task_definition: String,
    /// The container instance that it was placed on, by name.
    #[serde(default)]
    pub container_instance: String,
    /// Its ARN.
    #[serde(default)]
    pub container_instance_arn: String,
    /// RUNNING or STOPPED.
    pub desired_status: String,
    /// PENDING, RUNNING, DEACTIVATING, STOPPING, STOPPED.
    pub last_status: String,
    /// When it was accepted.
    pub created_at: Seconds,
    /// When all its containers ran.
    pub started_at: Option<Seconds>,
    /// When its stop began.
    pub stopping_at: Option<Seconds>,
    /// When it was over.
    pub stopped_at: Option<Seconds>,
    /// The kind of stop.
    pub stop_code: Option<String>,
    /// ECS's sentence for the stop.
    pub stopped_reason: Option<String>,
    /// The essential container whose end was the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// What is done to it on purpose: ids of faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// In the task definition's order.
    pub containers: Vec<ContainerView>,
    /// What holds its network, in `awsvpc` mode. AWS's API does not tell of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<ContainerView>,
    /// What holds the namespaces that its containers share, with `pidMode` or `ipcMode` `task`. AWS's API does not tell of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_pause: Option<ContainerView>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerView {
    /// Its name in the task definition.
    pub name: String,
    /// The image reference of the task definition.
    pub image: String,
    /// Whether its end is the task's end.
    #[serde(default)]
    pub essential: bool,
    /// The engine's id of it.
    pub runtime_id: Option<String>,
    /// The engine's name of it.
    pub runtime_name: String,
    /// PENDING, RUNNING, STOPPED.
    pub last_status: String,
    /// UNKNOWN, HEALTHY, UNHEALTHY.
    pub health_status: String,
    /// Its exit code.
    pub exit_code: Option<i64>,
    /// `<ErrorName>: <message>`
    pub reason: Option<String>,
    /// Its address on the service's network; in `awsvpc` mode the task's.
    pub address: Option<String>,
    /// Published ports.
    pub network_bindings: Vec<NetworkBindingView>,
    /// How often it was started again; only of one with a restart policy, as AWS has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_count: Option<u32>,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkBindingView {
    /// The host's address.
    #[serde(rename = "bindIP")]
    pub bind_ip: String,
    /// The container's port, unless the binding is of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port: Option<u16>,
    /// The container's ports, `first-last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port_range: Option<String>,
    /// The host's port, unless the binding is of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// The host's ports, `first-last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port_range: Option<String>,
    /// tcp or udp.
    pub protocol: String,
}

impl NetworkBindingView {
    /// The host's port or ports, and the container's, as text.
    #[must_use]
    pub fn ports(&self) -> (String, String) {
        let text = |one: Option<u16>, range: &Option<String>| one.map(|port| port.to_string()).or_else(|| range.clone()).unwrap_or_default();
        (text(self.host_port, &self.host_port_range), text(self.container_port, &self.container_port_range))
    }
}
