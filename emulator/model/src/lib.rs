//! The nouns of the house: what a cluster, a service, a task, a load balancer, a target group *is*, and how the whole of them,
//! the [`World`], may change.
//!
//! **Lives here:** names, ids and ARNs; task definitions, services, deployments, tasks; load balancers, listeners, rules, target
//! groups; container instances; faults on purpose; scaling policies, schedules; [`Change`] (what a user asks for) and [`Step`] (what the scheduler records) with their application; [`Desired`] and its
//! diff against the World; [`Observed`] (what the engine was seen to run); stop codes and reasons; the invariant checker.
//!
//! **Does not live here:** decisions (rooms `scheduler` and `routing`), anything that waits, reads a clock, opens a file or a socket.
//!
//! **Invariants:** a value that exists is valid on its own (names obey their rules, ports are in range); a World that
//! [`check::problems`] finds nothing wrong with stays so under every accepted [`Change`]; a refused Change leaves it untouched.
//!
//! `serde` is derived for two private formats, the daemon's state file and the command line's own requests to the daemon of the
//! same version. AWS's wire formats are types of their own in the room `wire`.
//!
//! **Entry points:** [`World`], [`World::apply`], [`World::record`], [`diff::changes`].

pub mod alarm;
pub mod apply;
pub mod attachment;
mod authenticate;
pub mod change;
pub mod check;
pub mod cidr;
pub mod circuit_breaker;
pub mod cluster_query;
pub mod condition;
pub mod container_definition;
pub mod container_instance;
pub mod cron;
pub mod decimal;
pub mod deployment;
pub mod desired;
pub mod diff;
mod difference;
mod endpoint;
pub mod environment_file;
pub mod event;
pub mod fault;
pub mod firelens;
pub mod health;
pub mod id;
pub mod lifecycle_hook;
pub mod lifecycle_policy;
pub mod linux_parameters;
pub mod listener;
pub mod load_balancer;
pub mod log_configuration;
pub mod metric;
pub mod metric_alarm;
pub mod name;
pub mod namespace_mode;
pub mod network_fault;
pub mod network_mode;
pub mod observed;
pub mod placement;
pub mod policy;
pub mod regex;
pub mod repository;
pub mod restart_policy;
pub mod role;
pub mod rule;
pub mod run_task;
pub mod scalable_target;
pub mod scaling;
pub mod scaling_policy;
pub mod schedule;
pub mod scheduled_task;
pub mod secret_reference;
pub mod secret_spec;
pub mod security_policy;
pub mod service;
pub mod service_connect;
pub mod service_deployment;
pub mod service_registry;
pub mod speed;
pub mod step;
pub mod stickiness;
pub mod stop;
pub mod sync_rule;
pub mod target_group;
pub mod target_group_attributes;
pub mod task;
pub mod task_definition;
pub mod task_endpoint;
pub mod time;
pub mod traffic_shift;
pub mod transform;
pub mod volume;
pub mod world;

pub use alarm::{Alarm, AlarmSpec};
pub use apply::FaultSpec;
pub use attachment::{Attachment, AttachmentState};
pub use authenticate::{AdditionalClaim, Authenticate, AuthenticateOidc, ClaimFormat, JwtValidation, OnUnauthenticated, Secret};
pub use change::{Change, Refused};
pub use cidr::Cidr;
pub use circuit_breaker::{CircuitBreaker, FailureThreshold};
pub use cluster_query::{ClusterQuery, QueryError, Subject};
pub use condition::{Comparison, Condition, QueryParameter};
pub use container_definition::{
    Build, ContainerDefinition, ContainerDependency, ContainerHealthCheck, ContainerLink, DependencyCondition, HostEntry, PortMapping, PortRange,
    TransportProtocol, Ulimit,
};
pub use container_instance::{ContainerInstance, EngineName, EngineResources, InstanceSpec, InstanceStatus, Registered};
pub use cron::Cron;
pub use decimal::Decimal;
pub use deployment::{Deployment, DeploymentStatus, RolloutState};
pub use desired::{Desired, DesiredLoadBalancer, DesiredService};
pub use endpoint::Endpoint;
pub use environment_file::EnvironmentFile;
pub use event::ServiceEvent;
pub use fault::{AnswerFault, Fault, FaultKind, FaultOrigin, FaultScope, FaultState, FaultedTask, Pressure};
pub use firelens::{FirelensConfigFile, FirelensConfiguration, FirelensKind, FirelensMetadata};
pub use health::{GrpcMatcher, HealthCheck, Matcher, TargetHealth, TargetHealthReason, TargetHealthState};
pub use id::{ContainerId, DeploymentId, FaultId, Ids, OwnerId, ResourceId, TaskId};
pub use lifecycle_hook::{AwaitedHook, HookAction, HookAnswer, HookTarget, HookTimeout, LifecycleHook, LifecycleStage};
pub use lifecycle_policy::{LifecyclePolicy, PolicyImage};
pub use linux_parameters::{Device, LinuxParameters, Tmpfs};
pub use listener::{CertificateSource, Listener, ListenerAttributes, ListenerProtocol, ListenerTls, MutualAuthentication};
pub use load_balancer::{DesyncMode, LoadBalancer, LoadBalancerAttributes, LogBucket, XffMode};
pub use log_configuration::{LogConfiguration, LogDriver, LogStreamName};
pub use metric::{Datapoint, Metric, MetricSeries};
pub use metric_alarm::{AlarmRecord, AlarmState, ComparisonOperator, MetricAlarm, MissingData};
pub use name::{ClusterName, ContainerName, Family, InstanceName, LoadBalancerName, NameError, ScheduleName, ServiceName, TargetGroupName};
pub use namespace_mode::NamespaceMode;
pub use network_fault::{NetworkFault, NetworkFaultKind, TrafficDirection};
pub use network_mode::{NetworkMode, PAUSE_IMAGE};
pub use observed::{Fact, Observed, ObservedContainer, RunState};
pub use placement::{BinpackField, Placement, PlacementConstraint, PlacementFailure, PlacementStrategy, RequiredAttribute, SpreadField};
pub use policy::{
    PolicyCondition, PolicyDecision, PolicyDocument, PolicyEffect, PolicyPattern, PolicyProblem, PolicyRequest, PolicyScope, PolicyStatement,
};
pub use repository::{Repository, RepositoryName, RepositorySpec, TagMutability, TagRule};
pub use restart_policy::RestartPolicy;
pub use role::{FromProfile, Role, RoleName, RoleSpec};
pub use rule::{Action, FixedResponse, Forward, Priority, Redirect, Rule, WeightedTargetGroup};
pub use run_task::{ContainerOverride, Placed, RunTask, TaskOverrides};
pub use scalable_target::{Capacity, ScalableTarget, ScheduledAction, SuspendedState};
pub use scaling::{ActivityStatus, Cooldown, ScalingActivity, ScalingState, ScheduledState};
pub use scaling_policy::{AdjustmentType, Aggregation, PolicyKind, ScalingPolicy, StepAdjustment, StepScaling, TargetTracking};
pub use schedule::{Schedule, TimeZoneName};
pub use scheduled_task::{ScheduledRun, ScheduledTask, ScheduledTaskSpec};
pub use secret_reference::{SecretReference, SecretSelector, SecretSource};
pub use secret_spec::{ParameterSpec, ParameterType, SecretSpec};
pub use security_policy::{SecurityPolicy, SecurityPolicyError, TlsCipher, TlsVersion};
pub use service::{
    DeploymentAlarms, EarlySuccess, LaunchBackoff, SchedulingStrategy, Service, ServiceKey, ServiceLoadBalancer, ServiceSpec, ServiceStatus,
};
pub use service_connect::{AppProtocol, ServiceConnect, ServiceConnectService};
pub use service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
pub use service_registry::{DiscoveryService, RoutingPolicy, ServiceRegistry};
pub use speed::Speed;
pub use step::Step;
pub use stickiness::{Stickiness, StickyCookie};
pub use stop::{ContainerFailure, ContainerFailureKind, Stop, StopCode};
pub use sync_rule::{SyncAction, SyncRule};
pub use target_group::{ProtocolVersion, RegisteredTarget, Target, TargetGroup, TargetGroupSpec, TargetKey, TargetProtocol, TargetType};
pub use target_group_attributes::{Algorithm, FailOpen, TargetGroupAttributes};
pub use task::{Birth, Container, ContainerStatus, ContainerType, DesiredStatus, HealthStatus, NetworkBinding, Task, TaskStatus};
pub use task_definition::{Revision, TaskDefinition, TaskDefinitionName};
pub use time::Timestamp;
pub use traffic_shift::{AdvancedConfiguration, Permille, RuleName, Shift, ShiftPattern, TrafficShift};
pub use transform::{Rewrite, Transforms};
pub use volume::{DockerVolume, MountPoint, TaskVolume, Volume, VolumeFrom, VolumeSource};
pub use world::{Settings, World};
