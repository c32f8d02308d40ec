//! The World: everything that is wanted, and every task and target that there is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::{
    Action, Alarm, ClusterName, ContainerInstance, EngineName, EngineResources, Family, Fault, FaultId, InstanceName, LoadBalancer, LoadBalancerName,
    OwnerId, Refused, Repository, RepositoryName, Revision, Role, RoleName, RuleName, ScheduleName, ScheduledTask, Service, ServiceKey, Speed,
    TargetGroup, TargetGroupName, Task, TaskDefinition, TaskDefinitionName, TaskId, TaskStatus, Timestamp,
};

/// The one state of the house. Held by the daemon's keeper, written to the state file, read by everybody else as a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Rises with every change and step.
    pub version: u64,
    /// The sequence number of the newest service event.
    pub last_event: u64,
    /// Who and where we are.
    pub settings: Settings,
    /// By name.
    pub clusters: BTreeMap<ClusterName, Cluster>,
    /// By family.
    pub task_definitions: BTreeMap<Family, FamilyRevisions>,
    /// By name.
    pub load_balancers: BTreeMap<LoadBalancerName, LoadBalancer>,
    /// By name.
    pub target_groups: BTreeMap<TargetGroupName, TargetGroup>,
    /// By cluster and name.
    pub services: BTreeMap<ServiceKey, Service>,
    /// By id; stopped ones stay for a while.
    pub tasks: BTreeMap<TaskId, Task>,
    /// What engines have, as they said last.
    #[serde(default)]
    pub engines: BTreeMap<EngineName, EngineResources>,
    /// By name. What is in them is the room `registry`'s.
    #[serde(default)]
    pub repositories: BTreeMap<RepositoryName, Repository>,
    /// By name.
    #[serde(default)]
    pub roles: BTreeMap<RoleName, Role>,
    /// Injected on purpose, by id; those that are over stay for a while.
    #[serde(default)]
    pub faults: BTreeMap<FaultId, Fault>,
}

/// Who and where we are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Written on everything that we make in the engine.
    pub owner: OwnerId,
    /// Twelve digits. Default 000000000000.
    pub account: String,
    /// Default us-east-1.
    pub region: String,
    /// The EC2 id of the container instance that stands for this machine: `i-` and 17 hexadecimal digits.
    pub instance: String,
    /// How much faster time runs. Back to 1 with the last cluster.
    #[serde(default)]
    pub speed: Speed,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// When it was made.
    pub created_at: Timestamp,
    /// Deleted; gone when its last service is.
    pub deleting: bool,
    /// By name.
    #[serde(default)]
    pub scheduled_tasks: BTreeMap<ScheduleName, ScheduledTask>,
    /// By name.
    #[serde(default)]
    pub alarms: BTreeMap<String, Alarm>,
    /// By name, never empty.
    #[serde(default = "ContainerInstance::of_earlier_versions")]
    pub instances: BTreeMap<InstanceName, ContainerInstance>,
}

impl Cluster {
    /// A cluster of this machine.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            created_at: now,
            deleting: false,
            scheduled_tasks: BTreeMap::new(),
            alarms: BTreeMap::new(),
            instances: ContainerInstance::of_this_machine(now),
        }
    }
}

/// All revisions of a family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyRevisions {
    /// The cluster whose manifest made it.
    pub owner: ClusterName,
    /// By number, never empty.
    pub revisions: BTreeMap<u32, TaskDefinition>,
}

impl FamilyRevisions {
    /// The newest revision's number.
    #[must_use]
    pub fn latest(&self) -> u32 {
        self.revisions.last_key_value().map_or(0, |(number, _)| *number)
    }
}

/// For whoever holds a World inside of something else.
impl AsRef<Self> for World {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl World {
    /// An empty region.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            version: 0,
            last_event: 0,
            settings,
            clusters: BTreeMap::new(),
            task_definitions: BTreeMap::new(),
            load_balancers: BTreeMap::new(),
            target_groups: BTreeMap::new(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            engines: BTreeMap::new(),
            repositories: BTreeMap::new(),
            roles: BTreeMap::new(),
            faults: BTreeMap::new(),
        }
    }

    /// The task definition of a revision.
    #[must_use]
    pub fn definition(&self, revision: &Revision) -> Option<&TaskDefinition> {
        self.task_definitions.get(&revision.family)?.revisions.get(&revision.number)
    }

    /// The revision that a user means by a name.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn resolve(&self, name: &TaskDefinitionName) -> Result<Revision, Refused> {
        let latest = || self.task_definitions.get(&name.family).map(FamilyRevisions::latest);
        let revision = name.revision.or_else(latest).map(|number| Revision { family: name.family.clone(), number });
        let not_found = || Refused::NotFound { what: "task definition", name: name.to_string() };
        revision.filter(|revision| self.definition(revision).is_some()).ok_or_else(not_found)
    }

    /// Where this machine reaches what a task publishes on its engine's host.
    #[must_use]
    pub fn host_of(&self, task: &Task) -> IpAddr {
        self.engines.get(&task.engine).map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |engine| engine.host)
    }

    /// An alarm of a cluster.
    #[must_use]
    pub fn alarm(&self, cluster: &ClusterName, name: &str) -> Option<&Alarm> {
        self.clusters.get(cluster)?.alarms.get(name)
    }

    /// What a rule does, or a listener's default.
    #[must_use]
    pub fn rule_action(&self, name: &RuleName) -> Option<&Action> {
        let listener = self.load_balancers.get(&name.load_balancer)?.listeners.get(&name.port)?;
        match name.priority {
            Some(priority) => listener.rules.get(&priority).map(|rule| &rule.action),
            None => Some(&listener.default_action),
        }
    }

    pub(crate) fn rule_action_mut(&mut self, name: &RuleName) -> Option<&mut Action> {
        let listener = self.load_balancers.get_mut(&name.load_balancer)?.listeners.get_mut(&name.port)?;
        match name.priority {
            Some(priority) => listener.rules.get_mut(&priority).map(|rule| &mut rule.action),
            None => Some(&mut listener.default_action),
        }
    }

    /// The oldest first, then by name: of several that share a port the first one has it, and nobody takes it away.
    #[must_use]
    pub fn load_balancers_by_age(&self) -> Vec<&LoadBalancer> {
        let mut balancers: Vec<_> = self.load_balancers.values().collect();
        balancers.sort_by_key(|balancer| balancer.created_at);
        balancers
    }

    /// The tasks of a service, in the order of their ids.
    pub fn tasks_of<'w>(&'w self, service: &'w ServiceKey) -> impl Iterator<Item = &'w Task> {
        self.tasks.values().filter(|task| task.cluster == service.cluster && task.service.as_ref() == Some(&service.name))
    }

    /// Whether any task of the service is not over.
    #[must_use]
    pub fn has_unstopped_tasks(&self, service: &ServiceKey) -> bool {
        self.tasks_of(service).any(|task| task.last_status != TaskStatus::Stopped)
    }

    /// Whether a listener's rule or default action forwards to the group (alb.md 4: otherwise its targets are `unused`).
    #[must_use]
    pub fn in_use(&self, target_group: &TargetGroupName) -> bool {
        self.load_balancers
            .values()
            .flat_map(|balancer| balancer.listeners.values())
            .flat_map(crate::Listener::actions)
            .any(|action| action.target_groups().any(|name| name == target_group))
    }

    /// `arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>`
    #[must_use]
    pub fn target_group_arn(&self, group: &TargetGroup) -> String {
        let Settings { account, region, .. } = &self.settings;
        format!("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{}/{}", group.spec.name, group.id)
    }

    /// `arn:aws:elasticloadbalancing:<region>:<account>:loadbalancer/app/<name>/<id>`
    #[must_use]
    pub fn load_balancer_arn(&self, balancer: &LoadBalancer) -> String {
        let Settings { account, region, .. } = &self.settings;
        format!("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/{}/{}", balancer.name, balancer.id)
    }

    /// `arn:aws:ecr:<region>:<account>:repository/<name>` (ecs.md 10)
    #[must_use]
    pub fn repository_arn(&self, name: &RepositoryName) -> String {
        let Settings { account, region, .. } = &self.settings;
        format!("arn:aws:ecr:{region}:{account}:repository/{name}")
    }

    /// `arn:aws:iam::<account>:role/<name>`
    #[must_use]
    pub fn role_arn(&self, name: &RoleName) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.settings.account)
    }

    /// `arn:aws:ecs:<region>:<account>:task/<cluster>/<id>`
    #[must_use]
    pub fn task_arn(&self, task: &Task) -> String {
        let Settings { account, region, .. } = &self.settings;
        format!("arn:aws:ecs:{region}:{account}:task/{}/{}", task.cluster, task.id)
    }
}
