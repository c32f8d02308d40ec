//! What a user asks for, through whichever door: the manifest, the command line, the AWS API. A change is applied whole or refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::difference::{self, told};
use crate::{
    AlarmSpec, ClusterName, FaultId, FaultSpec, HookAction, InstanceName, InstanceSpec, InstanceStatus, Listener, LoadBalancerAttributes,
    LoadBalancerName, PlacementFailure, Priority, RepositoryName, RepositorySpec, Revision, RoleName, RoleSpec, Rule, RunTask, ScheduleName,
    ScheduledTaskSpec, ServiceKey, ServiceSpec, Speed, TargetGroupName, TargetGroupSpec, TaskDefinition, TaskDefinitionName, TaskId, Timestamp,
    World,
};

/// One change of what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Make a cluster.
    CreateCluster(ClusterName),
    /// Take a cluster down with all that it owns.
    DeleteCluster(ClusterName),
    /// Add a revision to a family; the first one makes the family.
    RegisterTaskDefinition {
        /// Who owns the family if it is new.
        cluster: ClusterName,
        /// The revision's content.
        definition: Box<TaskDefinition>,
    },
    /// Make a target group.
    CreateTargetGroup {
        /// Who owns it.
        cluster: ClusterName,
        /// What it is.
        spec: Box<TargetGroupSpec>,
    },
    /// Change a target group's settings; targets that it lists are registered, those that it lists no more drain.
    ModifyTargetGroup(Box<TargetGroupSpec>),
    /// Let a target group's targets drain, then forget it.
    DeleteTargetGroup(TargetGroupName),
    /// Make a load balancer without listeners.
    CreateLoadBalancer {
        /// Who owns it.
        cluster: ClusterName,
        /// Its name.
        name: LoadBalancerName,
        /// Its attributes.
        attributes: LoadBalancerAttributes,
    },
    /// Change a load balancer's attributes.
    ModifyLoadBalancerAttributes {
        /// Which.
        name: LoadBalancerName,
        /// All of them.
        attributes: LoadBalancerAttributes,
    },
    /// Remove a load balancer with its listeners.
    DeleteLoadBalancer(LoadBalancerName),
    /// Make a listener with its rules, or change all but the rules of the one on that port.
    PutListener {
        /// Its load balancer.
        load_balancer: LoadBalancerName,
        /// The listener.
        listener: Box<Listener>,
    },
    /// Remove a listener.
    DeleteListener {
        /// Its load balancer.
        load_balancer: LoadBalancerName,
        /// Its port.
        port: u16,
    },
    /// Add a rule, or change the one of that priority.
    PutRule {
        /// The load balancer.
        load_balancer: LoadBalancerName,
        /// The listener's port.
        port: u16,
        /// The rule.
        rule: Box<Rule>,
    },
    /// Remove a rule.
    DeleteRule {
        /// The load balancer.
        load_balancer: LoadBalancerName,
        /// The listener's port.
        port: u16,
        /// The rule's priority.
        priority: Priority,
    },
    /// Make a service; its first deployment begins.
    CreateService {
        /// The cluster.
        cluster: ClusterName,
        /// Its settings.
        spec: Box<ServiceSpec>,
        /// What it runs.
        revision: Revision,
    },
    /// Change a service. Another revision or another set of target groups begins a deployment (ecs.md 3.5).
    UpdateService {
        /// The cluster.
        cluster: ClusterName,
        /// Its settings.
        spec: Box<ServiceSpec>,
        /// What it runs.
        revision: Revision,
    },
    /// Change how many tasks a service has, and nothing else.
    Scale {
        /// The service.
        service: ServiceKey,
        /// How many.
        desired_count: u32,
    },
    /// Let a process on this machine take a service's requests while its tasks are at rest (not of ECS).
    Attach {
        /// The service.
        service: ServiceKey,
        /// Where it listens, on 127.0.0.1.
        port: u16,
    },
    /// Let the tasks of an attached service come back.
    Detach(ServiceKey),
    /// Begin a deployment of a service whether anything has changed or not (`forceNewDeployment`).
    Deploy {
        /// The service.
        service: ServiceKey,
        /// What it runs from now on; `None` for what it runs.
        task_definition: Option<TaskDefinitionName>,
    },
    /// Begin a deployment of what a service ran before: the revision of its latest successful deployment of another one.
    RollBack(ServiceKey),
    /// Say how a deployment goes on that a lifecycle hook has paused (ContinueServiceDeployment).
    ContinueDeployment {
        /// The service.
        service: ServiceKey,
        /// The hook's id; `None` for the one that it waits for.
        hook: Option<String>,
        /// On, or back.
        action: HookAction,
    },
    /// Stop a service's tasks, then forget it.
    DeleteService(ServiceKey),
    /// Make a scheduled task, or change it.
    PutScheduledTask {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: ScheduleName,
        /// What it is.
        spec: Box<ScheduledTaskSpec>,
    },
    /// Remove a scheduled task; what it has started goes on.
    DeleteScheduledTask {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: ScheduleName,
    },
    /// Make an alarm, or change it: then it begins anew.
    PutAlarm {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: String,
        /// What it is.
        spec: Box<AlarmSpec>,
    },
    /// Remove an alarm.
    DeleteAlarm {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: String,
    },
    /// Give a cluster exactly these container instances. One that is not among them goes when its tasks have gone.
    PutContainerInstances {
        /// The cluster.
        cluster: ClusterName,
        /// By name, at least one.
        instances: BTreeMap<InstanceName, InstanceSpec>,
    },
    /// Drain a container instance, or place tasks on it again (UpdateContainerInstancesState, ecs.md 6).
    SetContainerInstanceStatus {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: InstanceName,
        /// ACTIVE or DRAINING.
        status: InstanceStatus,
    },
    /// Let go of a container instance (DeregisterContainerInstance, ecs.md 6).
    DeregisterContainerInstance {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: InstanceName,
        /// Also while it has tasks: they are over then, whatever still runs there.
        force: bool,
    },
    /// Make a repository.
    CreateRepository {
        /// Its name.
        name: RepositoryName,
        /// The cluster whose manifest names it.
        owner: Option<ClusterName>,
        /// What it is.
        spec: Box<RepositorySpec>,
    },
    /// Change a repository.
    ModifyRepository {
        /// Its name.
        name: RepositoryName,
        /// The cluster whose manifest names it from now on; `None` leaves that as it is.
        owner: Option<ClusterName>,
        /// All of its settings.
        spec: Box<RepositorySpec>,
    },
    /// Set a repository's policy, or remove it.
    SetRepositoryPolicy {
        /// Its name.
        name: RepositoryName,
        /// The policy.
        text: Option<String>,
    },
    /// No manifest names a repository any more. It stays, since it may hold images; the daemon removes one that holds none.
    ReleaseRepository(RepositoryName),
    /// Forget a repository; what it holds must be gone.
    DeleteRepository(RepositoryName),
    /// Make a role, or change it.
    PutRole {
        /// The cluster whose manifest names it.
        cluster: ClusterName,
        /// Its name.
        name: RoleName,
        /// All of it.
        spec: Box<RoleSpec>,
    },
    /// Remove a role. Credentials of it are good for nothing from then on.
    DeleteRole(RoleName),
    /// Start tasks that no service keeps alive.
    RunTask(Box<RunTask>),
    /// Stop one task; its service starts another.
    StopTask {
        /// Which.
        task: TaskId,
        /// The caller's reason.
        reason: Option<String>,
    },
    /// Do something bad to tasks, for a while.
    InjectFault(Box<FaultSpec>),
    /// Undo that before its time.
    EndFault {
        /// The cluster.
        cluster: ClusterName,
        /// Which.
        id: FaultId,
    },
    /// Let time run so much faster, for all clusters.
    SetSpeed(Speed),
    /// Keep a service's task from being scaled in or replaced by a deployment (ecs.md 3.12).
    ProtectTask {
        /// Which.
        task: TaskId,
        /// Until when; `None` ends the protection.
        until: Option<Timestamp>,
    },
}

/// Why a change was refused. The texts are for a person; the AWS doors map each kind to their own code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It names something that does not exist.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// The noun.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It makes something that exists.
    #[error("the {what} `{name}` exists already{}", owner.as_ref().map(|owner| format!(", in cluster `{owner}`")).unwrap_or_default())]
    Exists {
        /// The noun.
        what: &'static str,
        /// Its name.
        name: String,
        /// Whose it is, when that is not the caller.
        owner: Option<ClusterName>,
    },
    /// It removes something that is needed.
    #[error("the {what} `{name}` is in use by {by}")]
    InUse {
        /// The noun.
        what: &'static str,
        /// Its name.
        name: String,
        /// Who needs it.
        by: String,
    },
    /// No task of RunTask can be placed.
    #[error("{}: {}", .0.reason.trim_end_matches('.'), .0.detail)]
    Unplaced(PlacementFailure),
    /// It cannot be.
    #[error("{0}")]
    Invalid(String),
}

impl Change {
    /// One line for a person, of a change of `before`: `+` makes, `~` changes, `-` removes.
    #[must_use]
    pub fn summary(&self, before: &World) -> String {
        let listener = |balancer: &LoadBalancerName, port: u16| before.load_balancers.get(balancer).and_then(|found| found.listeners.get(&port));
        let sign = |known: bool| if known { '~' } else { '+' };
        match self {
            Self::CreateCluster(name) => format!("+ cluster {name}"),
            Self::DeleteCluster(name) => format!("- cluster {name}"),
            Self::RegisterTaskDefinition { definition, .. } => {
                let known = before.task_definitions.get(&definition.family).and_then(|known| known.revisions.values().next_back());
                let differences = known.map(|known| difference::of_definitions(known, definition)).unwrap_or_default();
                format!("+ task definition {}, a new revision{}", definition.family, told(&differences))
            }
            Self::CreateTargetGroup { spec, .. } => format!("+ target group {}", spec.name),
            Self::ModifyTargetGroup(spec) => {
                let known = before.target_groups.get(&spec.name).map(|known| difference::of(&known.spec, spec.as_ref()));
                format!("~ target group {}{}", spec.name, told(&known.unwrap_or_default()))
            }
            Self::DeleteTargetGroup(name) => format!("- target group {name}"),
            Self::CreateLoadBalancer { name, .. } => format!("+ load balancer {name}"),
            Self::ModifyLoadBalancerAttributes { name, attributes } => {
                let known = before.load_balancers.get(name).map(|known| difference::of(&known.attributes, attributes));
                format!("~ load balancer {name}, attributes{}", told(&known.unwrap_or_default()))
            }
            Self::DeleteLoadBalancer(name) => format!("- load balancer {name}"),
            Self::PutListener { load_balancer, listener: new } => {
                let known = sign(listener(load_balancer, new.port).is_some());
                format!("{known} listener {load_balancer}:{}, default {}", new.port, new.default_words())
            }
            Self::DeleteListener { load_balancer, port } => format!("- listener {load_balancer}:{port}"),
            Self::PutRule { load_balancer, port, rule } => {
                let known = sign(listener(load_balancer, *port).is_some_and(|found| found.rules.contains_key(&rule.priority)));
                format!("{known} rule {} on {load_balancer}:{port}, {}", rule.priority, rule.words())
            }
            Self::DeleteRule { load_balancer, port, priority } => format!("- rule {priority} on {load_balancer}:{port}"),
            Self::CreateService { spec, revision, .. } => format!("+ service {}, {} of {revision}", spec.name, spec.desired_count),
            Self::UpdateService { cluster, spec, revision } => {
                let key = ServiceKey { cluster: cluster.clone(), name: spec.name.clone() };
                format!(
                    "~ service {}{}",
                    spec.name,
                    before.services.get(&key).map(|old| difference::of_services(old, spec, revision)).unwrap_or_default()
                )
            }
            Self::Scale { service, desired_count } => {
                let old = before.services.get(service).map_or(0, crate::Service::wanted_count);
                format!("~ service {}, desired count {old} -> {desired_count}", service.name)
            }
            Self::Attach { service, port } => format!("~ service {}, attached to 127.0.0.1:{port}", service.name),
            Self::Detach(service) => format!("~ service {}, detached", service.name),
            Self::Deploy { service, task_definition } => {
                let of = task_definition.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
                format!("~ service {}, a new deployment{of}", service.name)
            }
            Self::RollBack(service) => format!("~ service {}, rolled back", service.name),
            Self::ContinueDeployment { service, action: HookAction::Continue, .. } => format!("~ service {}, its deployment goes on", service.name),
            Self::ContinueDeployment { service, action: HookAction::RollBack, .. } => {
                format!("~ service {}, its deployment is rolled back", service.name)
            }
            Self::DeleteService(key) => format!("- service {}", key.name),
            Self::PutScheduledTask { cluster, name, spec } => {
                let known = sign(before.clusters.get(cluster).is_some_and(|found| found.scheduled_tasks.contains_key(name)));
                format!("{known} scheduled task {name}, {} of {} by {}", spec.count, spec.task_definition, spec.schedule)
            }
            Self::DeleteScheduledTask { name, .. } => format!("- scheduled task {name}"),
            Self::PutAlarm { cluster, name, spec } => {
                let known = sign(before.clusters.get(cluster).is_some_and(|found| found.alarms.contains_key(name)));
                format!("{known} alarm {name}, {} {}", spec.alarm.metric.words(), spec.alarm.words())
            }
            Self::DeleteAlarm { name, .. } => format!("- alarm {name}"),
            Self::PutContainerInstances { cluster, instances } => difference::of_instances(before, cluster, instances),
            Self::DeregisterContainerInstance { name, .. } => format!("- container instance {name}"),
            Self::SetContainerInstanceStatus { name, status, .. } => format!("~ container instance {name}, {}", status.as_str()),
            Self::CreateRepository { name, .. } => format!("+ repository {name}"),
            Self::ModifyRepository { name, spec, .. } => {
                let known = before.repositories.get(name).map(|old| difference::of_repositories(&old.spec, spec));
                format!("~ repository {name}{}", known.unwrap_or_default())
            }
            Self::SetRepositoryPolicy { name, .. } => format!("~ repository {name}, policy"),
            Self::ReleaseRepository(name) => format!("- repository {name}, if it holds no images"),
            Self::DeleteRepository(name) => format!("- repository {name}"),
            Self::PutRole { name, spec, .. } => {
                let policies = spec.policies.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let may = if policies.is_empty() { "which may do nothing".to_owned() } else { format!("policies {policies}") };
                format!("{} role {name}, {may}", sign(before.roles.contains_key(name)))
            }
            Self::DeleteRole(name) => format!("- role {name}"),
            Self::RunTask(run) => format!("+ {} tasks of {}", run.count, run.task_definition),
            Self::StopTask { task, .. } => format!("- task {task}"),
            Self::InjectFault(spec) => format!("+ fault, {}", spec.kind.words()),
            Self::EndFault { id, .. } => format!("- {id}"),
            Self::SetSpeed(speed) => format!("~ time runs {speed}, before {}", before.settings.speed),
            Self::ProtectTask { task, until } => format!("~ task {task}, {}", if until.is_some() { "protected" } else { "no longer protected" }),
        }
    }
}
