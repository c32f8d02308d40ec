//! Our own API, version 1: what the command line asks the daemon.
//!
//! Everything is `GET` or `POST` of JSON under `/local/v1`. A streaming answer is one JSON value a line (`application/x-ndjson`).
//! A failed request answers 4xx or 5xx with a [`Failure`].

mod chaos;
mod connection;
mod exec;
mod explain;
mod failure;
mod name;
mod request;
mod scaling;
mod secrets;
mod stream;
mod view;

pub use chaos::{ChaosRequest, FaultView, FaultsReply};
pub use connection::ConnectionView;
pub use exec::{EXEC_PROTOCOL, ExecRequest, Frame, FrameReader, LONGEST_FRAME, ToClient, ToDaemon};
pub use explain::{ExplainReply, ExplainedCondition, ExplainedRequest, ExplainedRule, ExplainedSent, ExplainedTarget};
pub use failure::{Failure, Fault};
pub use name::{DnsRecordView, InstanceView, NameView, SeenByView};
pub use request::{
    AttachRequest, CollectReply, CollectRequest, DeployRequest, DeregisterInstanceRequest, DetachRequest, DiffReply, DownReply, ExplainRequest,
    Hello, InstanceStatusRequest, ProtectRequest, RunTaskRequest, ScaleRequest, ShutdownReply, StopTaskRequest, SyncReply, SyncRequest, SyncedFile,
    TasksReply, UpRequest, Wanted,
};
pub use scaling::{ScalingActivityView, ScalingAlarmView, ScalingPolicyView, ScalingView, ScheduledActionView};
pub use secrets::{ParameterView, SecretVersionView, SecretView, SecretsReply};
pub use stream::{EventRecord, LogRecord, MetricRecord, RequestEvent, RequestRecord, UpEvent};
pub use view::{
    AlarmView, AttachmentView, ClusterView, ConditionView, ContainerInstanceView, ContainerView, DeploymentView, EngineView, HopelessView,
    InstanceResources, LifecycleHookView, ListenerView, LoadBalancerView, NetworkBindingView, RuleView, ScheduledTaskView, Seconds,
    ServiceDeploymentView, ServiceView, TargetGroupView, TargetView, TaskView, View,
};

/// The version of this API. Daemon and command line must agree on it.
pub const API_VERSION: u32 = 1;

/// The paths of the operations.
pub mod path {
    /// `GET` → [`super::Hello`].
    pub const HELLO: &str = "/local/v1/hello";
    /// `GET [?after=VERSION]` → [`super::View`]. With `after`, waits (at most 20 s) until there is another version.
    pub const VIEW: &str = "/local/v1/view";
    /// `POST` [`super::UpRequest`] → stream of [`super::UpEvent`]; the last is `done` or `failed`.
    pub const UP: &str = "/local/v1/up";
    /// `POST` [`super::UpRequest`] → [`super::DiffReply`]; nothing is changed.
    pub const DIFF: &str = "/local/v1/diff";
    /// `POST ?cluster=NAME[&repositories=true]` → [`super::DownReply`] at once; the cluster disappears from the view when all of it is
    /// gone. With `repositories` its repositories go with the images in them.
    pub const DOWN: &str = "/local/v1/down";
    /// `POST` [`super::CollectRequest`] → [`super::CollectReply`]. All else of the registry is asked through [`crate::ecr`].
    pub const COLLECT: &str = "/local/v1/registry/collect";
    /// `POST` [`super::ScaleRequest`] → `{}`.
    pub const SCALE: &str = "/local/v1/scale";
    /// `POST` [`super::DeployRequest`] → stream of [`super::UpEvent`]; the last is `done` or `failed`.
    pub const DEPLOY: &str = "/local/v1/deploy";
    /// `POST` [`super::SyncRequest`] → [`super::SyncReply`], once it is done.
    pub const SYNC: &str = "/local/v1/sync";
    /// `POST ?cluster=NAME&service=NAME[&hook=ID][&action=CONTINUE|ROLLBACK]` → `{}`.
    pub const CONTINUE: &str = "/local/v1/continue";
    /// `POST ?cluster=NAME&service=NAME` → `{}`.
    pub const ROLLBACK: &str = "/local/v1/rollback";
    /// `POST` [`super::RunTaskRequest`] → stream of [`super::UpEvent`]; the last is `done` or `failed`.
    pub const RUN_TASK: &str = "/local/v1/run-task";
    /// `POST` [`super::ProtectRequest`] → [`super::TasksReply`].
    pub const PROTECT: &str = "/local/v1/protect";
    /// `POST` [`super::DeregisterInstanceRequest`] → `{}`.
    pub const DEREGISTER_INSTANCE: &str = "/local/v1/deregister-instance";
    /// `POST` [`super::InstanceStatusRequest`] → `{}`.
    pub const INSTANCE_STATUS: &str = "/local/v1/instance-status";
    /// `GET ?cluster=NAME` → list of [`super::ScalingView`]: the services with a scalable target.
    pub const SCALING: &str = "/local/v1/scaling";
    /// `GET ?cluster=NAME` → list of [`super::ConnectionView`].
    pub const CONNECTIONS: &str = "/local/v1/connections";
    /// `GET ?cluster=NAME` → list of [`super::FaultView`], oldest first.
    pub const FAULTS: &str = "/local/v1/faults";
    /// `POST` [`super::ChaosRequest`] → [`super::FaultView`], once it was done to all its tasks.
    pub const INJECT_FAULT: &str = "/local/v1/inject-fault";
    /// `POST ?cluster=NAME[&fault=ID]` → [`super::FaultsReply`], once nothing is left of it; without an id of all.
    pub const END_FAULTS: &str = "/local/v1/end-faults";
    /// `GET ?cluster=NAME` → list of [`super::NameView`].
    pub const NAMES: &str = "/local/v1/names";
    /// `GET` → [`super::SecretsReply`]. Values are asked for through [`crate::secretsmanager`] and [`crate::ssm`] alone.
    pub const SECRETS: &str = "/local/v1/secrets";
    /// `POST ?asked=`[`super::ExecRequest`] as JSON, with `Upgrade: ecslocal-exec` → 101, and then frames, [`super::ToClient`] and
    /// [`super::ToDaemon`].
    pub const EXEC: &str = "/local/v1/exec";
    /// `POST` [`super::AttachRequest`] → `{}`.
    pub const ATTACH: &str = "/local/v1/attach";
    /// `POST` [`super::DetachRequest`] → `{}`.
    pub const DETACH: &str = "/local/v1/detach";
    /// `POST` [`super::StopTaskRequest`] → `{"task": "<id>"}`.
    pub const STOP_TASK: &str = "/local/v1/stop-task";
    /// `GET ?cluster=NAME[&service=NAME][&after=SEQUENCE][&follow=true]` → stream of [`super::EventRecord`], oldest first.
    pub const EVENTS: &str = "/local/v1/events";
    /// `GET ?cluster=NAME[&service=NAME][&task=ID][&container=NAME][&tail=N][&since=SECONDS][&until=SECONDS][&follow=true]` → stream of
    /// [`super::LogRecord`]. What is followed of one task ends with it. Values of secrets are masked.
    pub const LOGS: &str = "/local/v1/logs";
    /// `GET ?cluster=NAME[&tail=N][&follow=true]` → stream of [`super::RequestEvent`], oldest first.
    pub const REQUESTS: &str = "/local/v1/requests";
    /// `GET` → list of [`super::MetricRecord`].
    pub const METRICS: &str = "/local/v1/metrics";
    /// `GET` → the same in the text format of Prometheus.
    pub const PROMETHEUS: &str = "/metrics";
    /// `POST` [`super::ExplainRequest`] → [`super::ExplainReply`].
    pub const EXPLAIN: &str = "/local/v1/explain";
    /// `POST` → [`super::ShutdownReply`]: the daemon ends if it holds no cluster; with `?force=true` it ends in order and leaves containers running.
    pub const SHUTDOWN: &str = "/local/v1/shutdown";
}

/// The header that a request of the command line carries: a browser cannot send it across sites without asking first.
pub const CLIENT_HEADER: &str = "x-ecslocal-client";
