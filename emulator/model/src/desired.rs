//! What a manifest asks for: the whole of one cluster, every reference resolved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    AlarmSpec, ClusterName, ContainerName, Family, InstanceName, InstanceSpec, Listener, LoadBalancerAttributes, LoadBalancerName, ParameterSpec,
    RepositoryName, RepositorySpec, RoleName, RoleSpec, ScheduleName, ScheduledTaskSpec, SecretSpec, ServiceName, ServiceSpec, Speed, SyncRule,
    TargetGroupName, TargetGroupSpec, TaskDefinition,
};

/// One cluster as a manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The cluster; it owns everything below.
    pub cluster: ClusterName,
    /// By name.
    pub load_balancers: BTreeMap<LoadBalancerName, DesiredLoadBalancer>,
    /// By name.
    pub target_groups: BTreeMap<TargetGroupName, TargetGroupSpec>,
    /// By family.
    pub task_definitions: BTreeMap<Family, TaskDefinition>,
    /// By name.
    pub services: BTreeMap<ServiceName, DesiredService>,
    /// By name.
    pub scheduled_tasks: BTreeMap<ScheduleName, ScheduledTaskSpec>,
    /// How fast time is to run from then on; `None` leaves it. No manifest says it, whoever brings it up does.
    #[serde(default)]
    pub speed: Option<Speed>,
    /// By name.
    #[serde(default)]
    pub alarms: BTreeMap<String, AlarmSpec>,
    /// By name; none for this machine alone.
    #[serde(default)]
    pub instances: BTreeMap<InstanceName, InstanceSpec>,
    /// By name.
    #[serde(default)]
    pub repositories: BTreeMap<RepositoryName, RepositorySpec>,
    /// By name.
    #[serde(default)]
    pub roles: BTreeMap<RoleName, RoleSpec>,
    /// Secrets by name. They are the region's vault's, not the World's, so that their values are in no state file.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretSpec>,
    /// Parameters by name, as secrets.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterSpec>,
    /// What is copied into containers when it is saved, by family and container. Whoever watches the files does it; the World knows nothing of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watch: BTreeMap<Family, BTreeMap<ContainerName, Vec<SyncRule>>>,
}

impl Desired {
    /// A cluster with nothing in it.
    #[must_use]
    pub const fn empty(cluster: ClusterName) -> Self {
        Self {
            cluster,
            load_balancers: BTreeMap::new(),
            target_groups: BTreeMap::new(),
            task_definitions: BTreeMap::new(),
            services: BTreeMap::new(),
            scheduled_tasks: BTreeMap::new(),
            speed: None,
            alarms: BTreeMap::new(),
            instances: BTreeMap::new(),
            repositories: BTreeMap::new(),
            roles: BTreeMap::new(),
            secrets: BTreeMap::new(),
            parameters: BTreeMap::new(),
            watch: BTreeMap::new(),
        }
    }
}

/// A load balancer as a manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredLoadBalancer {
    /// Settings of the whole.
    pub attributes: LoadBalancerAttributes,
    /// By port; their ids are `None`.
    pub listeners: BTreeMap<u16, Listener>,
}

/// A service as a manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredService {
    /// Its settings.
    pub spec: ServiceSpec,
    /// The family that it runs.
    pub task_definition: Family,
    /// A revision of the family by number; `None` runs the definition of this manifest.
    pub revision: Option<u32>,
}
