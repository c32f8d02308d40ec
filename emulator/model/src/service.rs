//! A service: so many tasks of one task definition, kept alive, replaced and registered (ecs.md 3).

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::MAX_SERVICE_EVENTS;
use crate::{
    AdvancedConfiguration, Attachment, CircuitBreaker, ClusterName, ContainerName, Deployment, DeploymentStatus, Placement, Revision, ScalableTarget,
    ScalingState, ServiceConnect, ServiceDeployment, ServiceEvent, ServiceName, ServiceRegistry, TargetGroupName, Timestamp, TrafficShift,
};

/// A service is unique in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceKey {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub name: ServiceName,
}

impl std::fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.cluster, self.name)
    }
}

impl From<ServiceKey> for String {
    fn from(key: ServiceKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for ServiceKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (cluster, name) = text.split_once('/').ok_or_else(|| format!("`{text}` is not `cluster/service`"))?;
        Ok(Self {
            cluster: ClusterName::new(cluster).map_err(|error| error.to_string())?,
            name: ServiceName::new(name).map_err(|error| error.to_string())?,
        })
    }
}

/// What a user says of a service, besides which task definition it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Unique in its cluster.
    pub name: ServiceName,
    /// How many tasks.
    pub desired_count: u32,
    /// Where its tasks are registered.
    pub load_balancers: Vec<ServiceLoadBalancer>,
    /// `minimumHealthyPercent`: never fewer healthy tasks during a deployment. Default 100.
    pub minimum_healthy_percent: u32,
    /// `maximumPercent`: never more running and pending tasks. Default 200.
    pub maximum_percent: u32,
    /// How long failing health checks of a young task are forgiven. Default 0.
    pub health_check_grace_period: Duration,
    /// When a deployment is given up; `None` where it never is. Default none.
    #[serde(default)]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// The alarms that give a deployment up; `None` where none does. Default none.
    #[serde(default)]
    pub deployment_alarms: Option<DeploymentAlarms>,
    /// When a rolling deployment is complete before the service is steady; `None` where it never is. Default none.
    #[serde(default)]
    pub early_success: Option<EarlySuccess>,
    /// How traffic is shifted to a new deployment; `None` for a rolling one, which replaces task by task. Default none.
    #[serde(default)]
    pub traffic_shift: Option<TrafficShift>,
    /// Who says how many tasks there are. Default REPLICA.
    #[serde(default)]
    pub scheduling_strategy: SchedulingStrategy,
    /// Between which counts it is scaled, and by what; `None` where nothing but a user changes its desired count. Default none.
    #[serde(default)]
    pub scalable_target: Option<ScalableTarget>,
    /// The services of its cluster whose container ports its tasks reach by their names. Default none.
    #[serde(default)]
    pub connects_to: BTreeSet<ServiceName>,
    /// What it takes part in by Service Connect. Default nothing.
    #[serde(default)]
    pub service_connect: Option<ServiceConnect>,
    /// Where Cloud Map finds its tasks. Default nowhere.
    #[serde(default)]
    pub service_registry: Option<ServiceRegistry>,
    /// Where its tasks are placed. Default spread over zones, then over instances.
    #[serde(default)]
    pub placement: Placement,
    /// Whether programs may be run in the containers of tasks that it starts from then on. Default no.
    #[serde(default)]
    pub enable_execute_command: bool,
}

/// `deploymentConfiguration.alarms` with `enable: true` (ecs.md 3.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentAlarms {
    /// Names of alarms of the cluster.
    pub names: Vec<String>,
    /// A deployment that is given up goes back to the most recent one that was COMPLETED.
    pub rollback: bool,
}

/// `earlySuccessCriteria` with `enable: true` (ecs.md 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlySuccess {
    /// So many per cent of the desired count must be healthy. At least `minimumHealthyPercent`.
    pub healthy_percent: u32,
    /// `sourceServiceRevisionCleanup: DEFERRED`: the old tasks may still be there. Otherwise (BLOCKING) they are gone.
    pub deferred_cleanup: bool,
}

/// Who says how many tasks a service has (ecs.md 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchedulingStrategy {
    /// The user does, by the desired count.
    #[default]
    Replica,
    /// The cluster does: one on each ACTIVE container instance that its constraints allow.
    Daemon,
}

impl SchedulingStrategy {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replica => "REPLICA",
            Self::Daemon => "DAEMON",
        }
    }
}

impl ServiceSpec {
    /// A REPLICA service behind no load balancer, with ECS's defaults (ecs.md 3.1): 100 % and 200 % for deployments, no grace period.
    #[must_use]
    pub fn new(name: ServiceName, desired_count: u32) -> Self {
        Self {
            name,
            desired_count,
            load_balancers: Vec::new(),
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            health_check_grace_period: Duration::ZERO,
            circuit_breaker: None,
            deployment_alarms: None,
            early_success: None,
            traffic_shift: None,
            scheduling_strategy: SchedulingStrategy::Replica,
            scalable_target: None,
            connects_to: BTreeSet::new(),
            service_connect: None,
            service_registry: None,
            placement: Placement::default(),
            enable_execute_command: false,
        }
    }

    /// The fewest healthy tasks that a deployment may leave: `desired * minimumHealthyPercent`, rounded up.
    #[must_use]
    pub fn lower_bound(&self) -> u32 {
        let product = u64::from(self.desired_count) * u64::from(self.minimum_healthy_percent);
        u32::try_from(product.div_ceil(100)).unwrap_or(u32::MAX)
    }

    /// The most tasks that may exist during a deployment: `desired * maximumPercent`, rounded down.
    #[must_use]
    pub fn upper_bound(&self) -> u32 {
        let product = u64::from(self.desired_count) * u64::from(self.maximum_percent);
        u32::try_from(product / 100).unwrap_or(u32::MAX)
    }
}

/// One target group of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLoadBalancer {
    /// The group that tasks are registered in.
    pub target_group: TargetGroupName,
    /// Which container of the task definition.
    pub container_name: ContainerName,
    /// Which of its ports.
    pub container_port: u16,
    /// Where its traffic can be shifted.
    #[serde(default)]
    pub advanced: Option<AdvancedConfiguration>,
}

impl ServiceLoadBalancer {
    /// The group that tasks of a deployment are registered in.
    #[must_use]
    pub fn group_of(&self, deployment: &Deployment) -> &TargetGroupName {
        let advanced = self.advanced.as_ref().filter(|_| deployment.alternate);
        advanced.map_or(&self.target_group, |advanced| &advanced.alternate_target_group)
    }

    /// Both groups, where there are two.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroupName> {
        std::iter::once(&self.target_group).chain(self.advanced.as_ref().map(|advanced| &advanced.alternate_target_group))
    }
}

/// A service of the World.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The cluster.
    pub cluster: ClusterName,
    /// What a user said.
    pub spec: ServiceSpec,
    /// What it runs.
    pub revision: Revision,
    /// ACTIVE, or DRAINING once deleted.
    pub status: ServiceStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// Newest first; the first is PRIMARY.
    pub deployments: Vec<Deployment>,
    /// The most recent deployment that was COMPLETED and is no longer PRIMARY: what a failed one goes back to.
    #[serde(default)]
    pub completed: Option<Deployment>,
    /// When launches may go on, after failures.
    pub backoff: LaunchBackoff,
    /// Its last deployments, oldest first, at most [`crate::service_deployment::MAX_SERVICE_DEPLOYMENTS`].
    #[serde(default)]
    pub history: VecDeque<ServiceDeployment>,
    /// Whether its last word was "has reached a steady state".
    pub steady: bool,
    /// Oldest first, at most [`MAX_SERVICE_EVENTS`].
    pub events: VecDeque<ServiceEvent>,
    /// How far its scaling is.
    #[serde(default)]
    pub scaling: ScalingState,
    /// The process that takes its requests, or is about to.
    #[serde(default)]
    pub attachment: Option<Attachment>,
}

impl Service {
    /// Its key in the World.
    #[must_use]
    pub fn key(&self) -> ServiceKey {
        ServiceKey { cluster: self.cluster.clone(), name: self.spec.name.clone() }
    }

    /// The PRIMARY deployment.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == DeploymentStatus::Primary)
    }

    /// The deployment that gets production traffic while another one is on its way to it.
    #[must_use]
    pub fn old(&self) -> Option<&Deployment> {
        let completed = self.completed.as_ref()?;
        self.deployments.iter().find(|deployment| deployment.id == completed.id && deployment.status == DeploymentStatus::Active)
    }

    /// Whether its containers know a name of another service.
    #[must_use]
    pub fn names(&self, other: &Self) -> bool {
        let namespace = |service: &Self| service.spec.service_connect.as_ref().map(|connect| connect.namespace.clone());
        let connected = namespace(self).is_some() && namespace(self) == namespace(other);
        connected || (self.cluster == other.cluster && self.spec.connects_to.contains(&other.spec.name))
    }

    pub(crate) fn push_event(&mut self, event: ServiceEvent) {
        if self.events.len() == MAX_SERVICE_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// Whether a service is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceStatus {
    /// Kept alive.
    Active,
    /// Deleted; gone when its last task is.
    Draining,
}

impl ServiceStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
        }
    }
}

/// Launches are spaced out while they keep failing (ecs.md 3.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchBackoff {
    /// Failures in a row: launches, and tasks that died soon after.
    pub failures: u32,
    /// Launches in a row that never reached RUNNING.
    #[serde(default)]
    pub never_ran: u32,
    /// No launch before this moment.
    pub not_before: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(desired_count: u32, minimum: u32, maximum: u32) -> ServiceSpec {
        ServiceSpec { minimum_healthy_percent: minimum, maximum_percent: maximum, ..ServiceSpec::new(ServiceName::new("s").unwrap(), desired_count) }
    }

    #[test]
    fn bounds_round_as_ecs_rounds() {
        for (desired, minimum, maximum, lower, upper) in
            [(4, 50, 200, 2, 8), (2, 75, 200, 2, 4), (3, 100, 125, 3, 3), (1, 100, 200, 1, 2), (0, 100, 200, 0, 0), (3, 0, 100, 0, 3)]
        {
            let spec = spec(desired, minimum, maximum);
            assert_eq!((spec.lower_bound(), spec.upper_bound()), (lower, upper), "{desired} {minimum} {maximum}");
        }
    }
}
