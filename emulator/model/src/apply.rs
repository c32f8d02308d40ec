//! How a [`Change`] is applied: whole, or refused and the World left as it was.

use std::collections::{BTreeMap, VecDeque};

use crate::deployment::BreakerCount;
use crate::world::{Cluster, FamilyRevisions, World};
use crate::{
    Change, ClusterName, Deployment, DeploymentStatus, DesiredStatus, Ids, LaunchBackoff, Listener, ListenerProtocol, LoadBalancer,
    LoadBalancerAttributes, LoadBalancerName, NetworkMode, Refused, Revision, RolloutState, Service, ServiceKey, ServiceSpec, ServiceStatus, Stop,
    TargetGroup, TargetGroupName, TargetGroupSpec, TaskDefinition, TaskId, TaskStatus, Timestamp,
};

/// The most tasks that a service may ask for (a guard against a slip of the finger, not a quota of AWS).
pub const MAX_DESIRED_COUNT: u32 = 5000;

impl World {
    /// Applies a change whole, or refuses it and leaves the World as it was.
    ///
    /// # Errors
    /// [`Refused`] saying why.
    pub fn apply(&mut self, change: Change, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        self.apply_all(vec![change], now, ids)
    }

    /// May leave the World half changed where it refuses.
    fn make(&mut self, change: Change, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        match change {
            Change::CreateCluster(name) => self.create_cluster(name, now)?,
            Change::DeleteCluster(name) => self.delete_cluster(&name)?,
            Change::RegisterTaskDefinition { cluster, definition } => self.register(cluster, *definition),
            Change::CreateTargetGroup { cluster, spec } => self.create_target_group(cluster, *spec, now, ids)?,
            Change::ModifyTargetGroup(spec) => {
                let group = self.target_group_mut(&spec.name)?;
                group.spec = *spec;
                group.register(now);
            }
            Change::DeleteTargetGroup(name) => self.delete_target_group(&name, now)?,
            Change::CreateLoadBalancer { cluster, name, attributes } => self.create_load_balancer(cluster, name, attributes, ids)?,
            Change::ModifyLoadBalancerAttributes { name, attributes } => self.load_balancer_mut(&name)?.attributes = attributes,
            Change::DeleteLoadBalancer(name) => {
                self.load_balancer_mut(&name)?;
                self.load_balancers.remove(&name);
            }
            Change::PutListener { load_balancer, listener } => self.put_listener(&load_balancer, *listener, ids)?,
            Change::DeleteListener { load_balancer, port } => {
                self.listener_mut(&load_balancer, port)?;
                self.load_balancer_mut(&load_balancer)?.listeners.remove(&port);
            }
            Change::PutRule { load_balancer, port, rule } => {
                self.require_target_groups(rule.action.target_groups())?;
                self.listener_mut(&load_balancer, port)?.rules.insert(rule.priority, *rule);
            }
            Change::DeleteRule { load_balancer, port, priority } => {
                let removed = self.listener_mut(&load_balancer, port)?.rules.remove(&priority);
                removed.ok_or_else(|| Refused::NotFound { what: "rule", name: priority.to_string() })?;
            }
            Change::CreateService { cluster, spec, revision } => self.create_service(cluster, *spec, revision, now, ids)?,
            Change::UpdateService { cluster, spec, revision } => self.update_service(cluster, *spec, revision, now, ids)?,
            Change::Scale { service, desired_count } => self.scale(&service, desired_count)?,
            Change::DeleteService(key) => {
                let service = self.active_service_mut(&key)?;
                service.status = ServiceStatus::Draining;
                service.steady = false;
            }
            Change::StopTask { task, reason } => self.stop_task(&task, reason.as_deref(), now)?,
        }
        self.version += 1;
        Ok(())
    }

    /// Applies all changes, or none of them.
    ///
    /// # Errors
    /// The first refusal.
    pub fn apply_all(&mut self, changes: Vec<Change>, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        let mut trial = self.clone();
        for change in changes {
            trial.make(change, now, ids)?;
        }
        trial.check_listeners()?;
        *self = trial;
        Ok(())
    }

    fn create_cluster(&mut self, name: ClusterName, now: Timestamp) -> Result<(), Refused> {
        match self.clusters.get(&name) {
            Some(cluster) if cluster.deleting => {
                Err(Refused::InUse { what: "cluster", name: name.to_string(), by: "tasks that are still stopping".into() })
            }
            Some(_) => Ok(()),
            None => {
                self.clusters.insert(name, Cluster { created_at: now, deleting: false });
                Ok(())
            }
        }
    }

    fn delete_cluster(&mut self, name: &ClusterName) -> Result<(), Refused> {
        let cluster = self.clusters.get_mut(name).ok_or_else(|| Refused::NotFound { what: "cluster", name: name.to_string() })?;
        cluster.deleting = true;
        self.load_balancers.retain(|_, balancer| balancer.owner != *name);
        self.target_groups.retain(|_, group| group.owner != *name);
        for (_, service) in self.services.iter_mut().filter(|(key, _)| key.cluster == *name) {
            service.status = ServiceStatus::Draining;
            service.steady = false;
        }
        Ok(())
    }

    fn register(&mut self, cluster: ClusterName, definition: TaskDefinition) {
        let family =
            self.task_definitions.entry(definition.family.clone()).or_insert_with(|| FamilyRevisions { owner: cluster, revisions: BTreeMap::new() });
        family.revisions.insert(family.latest() + 1, definition);
    }

    fn create_target_group(&mut self, cluster: ClusterName, spec: TargetGroupSpec, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        if let Some(found) = self.target_groups.get_mut(&spec.name) {
            if found.deleting && found.owner == cluster {
                found.deleting = false;
                found.spec = spec;
                found.register(now);
                return Ok(());
            }
            let owner = Some(found.owner.clone()).filter(|owner| *owner != cluster);
            return Err(Refused::Exists { what: "target group", name: spec.name.to_string(), owner });
        }
        let mut group = TargetGroup { id: ids.resource(), owner: cluster, deleting: false, targets: BTreeMap::new(), spec };
        group.register(now);
        self.target_groups.insert(group.spec.name.clone(), group);
        Ok(())
    }

    fn delete_target_group(&mut self, name: &TargetGroupName, now: Timestamp) -> Result<(), Refused> {
        if self.in_use(name) {
            return Err(Refused::InUse { what: "target group", name: name.to_string(), by: "a listener or a rule".into() });
        }
        let registers = |service: &Service| {
            service.status == ServiceStatus::Active && service.spec.load_balancers.iter().any(|entry| entry.target_group == *name)
        };
        if let Some(service) = self.services.values().find(|service| registers(service)) {
            return Err(Refused::InUse { what: "target group", name: name.to_string(), by: format!("the service `{}`", service.spec.name) });
        }
        let group = self.target_group_mut(name)?;
        group.deleting = true;
        for target in group.targets.values_mut() {
            target.draining_since.get_or_insert(now);
        }
        Ok(())
    }

    fn create_load_balancer(
        &mut self,
        cluster: ClusterName,
        name: LoadBalancerName,
        attributes: LoadBalancerAttributes,
        ids: &mut Ids,
    ) -> Result<(), Refused> {
        if let Some(found) = self.load_balancers.get(&name) {
            let owner = Some(found.owner.clone()).filter(|owner| *owner != cluster);
            return Err(Refused::Exists { what: "load balancer", name: name.to_string(), owner });
        }
        let balancer = LoadBalancer { id: ids.resource(), owner: cluster, attributes, listeners: BTreeMap::new(), name };
        self.load_balancers.insert(balancer.name.clone(), balancer);
        Ok(())
    }

    fn put_listener(&mut self, balancer: &LoadBalancerName, mut listener: Listener, ids: &mut Ids) -> Result<(), Refused> {
        self.require_target_groups(listener.actions().flat_map(crate::Action::target_groups))?;
        let balancer = self.load_balancer_mut(balancer)?;
        if let Some(found) = balancer.listeners.get_mut(&listener.port) {
            // Its rules are changed one by one, its id never.
            let (id, rules) = (found.id.take(), std::mem::take(&mut found.rules));
            *found = Listener { id, rules, ..listener };
        } else {
            listener.id = Some(ids.resource());
            balancer.listeners.insert(listener.port, listener);
        }
        Ok(())
    }

    /// What holds of listeners once all changes are made, in whichever order they come: those that share a port speak one protocol, and
    /// who is asked is asked under TLS (alb.md 3).
    fn check_listeners(&self) -> Result<(), Refused> {
        let mut ports = BTreeMap::new();
        let all = self.load_balancers.values().flat_map(|balancer| balancer.listeners.values().map(move |listener| (balancer, listener)));
        for (balancer, listener) in all {
            let (first, protocol) = *ports.entry(listener.port).or_insert((&balancer.name, listener.protocol));
            if protocol != listener.protocol {
                let (port, protocol) = (listener.port, protocol.as_str());
                return Err(Refused::Invalid(format!("port {port} is shared with load balancer `{first}`, whose listener there speaks {protocol}")));
            }
            if listener.authenticates() && protocol != ListenerProtocol::Https {
                return Err(Refused::Invalid("Actions that authenticate are supported only on HTTPS listeners".into()));
            }
        }
        Ok(())
    }

    fn create_service(&mut self, cluster: ClusterName, spec: ServiceSpec, revision: Revision, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        self.check_service(&cluster, &spec, &revision)?;
        let key = ServiceKey { cluster: cluster.clone(), name: spec.name.clone() };
        if let Some(found) = self.services.get(&key) {
            return Err(match found.status {
                ServiceStatus::Active => Refused::Exists { what: "service", name: key.name.to_string(), owner: None },
                ServiceStatus::Draining => {
                    Refused::InUse { what: "service name", name: key.name.to_string(), by: "a deleted service whose tasks are still stopping".into() }
                }
            });
        }
        let service = Service {
            cluster,
            deployments: vec![new_deployment(&revision, now, ids)],
            completed: None,
            revision,
            status: ServiceStatus::Active,
            created_at: now,
            backoff: LaunchBackoff::default(),
            steady: false,
            events: VecDeque::new(),
            spec,
        };
        self.services.insert(key, service);
        Ok(())
    }

    fn update_service(&mut self, cluster: ClusterName, spec: ServiceSpec, revision: Revision, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        self.check_service(&cluster, &spec, &revision)?;
        let service = self.active_service_mut(&ServiceKey { cluster, name: spec.name.clone() })?;
        if service.revision != revision || service.spec.load_balancers != spec.load_balancers {
            if let Some(completed) = service.primary().filter(|primary| primary.rollout_state == RolloutState::Completed) {
                service.completed = Some(completed.clone());
            }
            for older in &mut service.deployments {
                older.status = DeploymentStatus::Active;
                older.updated_at = now;
            }
            service.deployments.insert(0, new_deployment(&revision, now, ids));
            service.backoff = LaunchBackoff::default();
        }
        service.steady = service.steady && service.spec.desired_count == spec.desired_count && service.revision == revision;
        service.revision = revision;
        service.spec = spec;
        Ok(())
    }

    fn scale(&mut self, key: &ServiceKey, desired_count: u32) -> Result<(), Refused> {
        check_desired_count(desired_count)?;
        let service = self.active_service_mut(key)?;
        service.steady = service.steady && service.spec.desired_count == desired_count;
        service.spec.desired_count = desired_count;
        Ok(())
    }

    fn stop_task(&mut self, id: &TaskId, reason: Option<&str>, now: Timestamp) -> Result<(), Refused> {
        let task = self.tasks.get_mut(id).ok_or_else(|| Refused::NotFound { what: "task", name: id.to_string() })?;
        if task.desired_status == DesiredStatus::Running && task.last_status != TaskStatus::Stopped {
            task.desired_status = DesiredStatus::Stopped;
            task.stopping_at = Some(now);
            task.stop = Some(Stop::user_initiated(reason));
        }
        Ok(())
    }

    /// What must hold for a service, whether new or changed (ecs.md 4).
    fn check_service(&self, cluster: &ClusterName, spec: &ServiceSpec, revision: &Revision) -> Result<(), Refused> {
        match self.clusters.get(cluster) {
            Some(found) if !found.deleting => {}
            Some(_) | None => return Err(Refused::NotFound { what: "cluster", name: cluster.to_string() }),
        }
        let definition = self.definition(revision).ok_or_else(|| Refused::NotFound { what: "task definition", name: revision.to_string() })?;
        check_desired_count(spec.desired_count)?;
        self.require_target_groups(spec.load_balancers.iter().map(|entry| &entry.target_group))?;
        for entry in &spec.load_balancers {
            self.require_target_type(&entry.target_group, definition.network_mode)?;
            let (name, port) = (&entry.container_name, entry.container_port);
            let container =
                definition.container(name).ok_or_else(|| Refused::Invalid(format!("The container {name} does not exist in the task definition.")))?;
            if !container.port_mappings.iter().any(|mapping| mapping.container_port == port) {
                return Err(Refused::Invalid(format!("The container {name} did not have a container port {port} defined.")));
            }
        }
        Ok(())
    }

    fn require_target_groups<'a>(&self, mut names: impl Iterator<Item = &'a TargetGroupName>) -> Result<(), Refused> {
        let missing = names.find(|name| self.target_groups.get(*name).is_none_or(|group| group.deleting));
        missing.map_or(Ok(()), |name| Err(Refused::NotFound { what: "target group", name: name.to_string() }))
    }

    fn require_target_type(&self, name: &TargetGroupName, mode: NetworkMode) -> Result<(), Refused> {
        let kind = self.target_groups.get(name).map_or_else(|| mode.target_type(), |group| group.spec.target_type);
        if mode.registers_in(kind) { Ok(()) } else { Err(Refused::Invalid(mode.refusal(name.as_str(), kind))) }
    }

    fn target_group_mut(&mut self, name: &TargetGroupName) -> Result<&mut TargetGroup, Refused> {
        let found = self.target_groups.get_mut(name).filter(|group| !group.deleting);
        found.ok_or_else(|| Refused::NotFound { what: "target group", name: name.to_string() })
    }

    fn load_balancer_mut(&mut self, name: &LoadBalancerName) -> Result<&mut LoadBalancer, Refused> {
        self.load_balancers.get_mut(name).ok_or_else(|| Refused::NotFound { what: "load balancer", name: name.to_string() })
    }

    fn listener_mut(&mut self, balancer: &LoadBalancerName, port: u16) -> Result<&mut Listener, Refused> {
        let found = self.load_balancer_mut(balancer)?.listeners.get_mut(&port);
        found.ok_or_else(|| Refused::NotFound { what: "listener", name: format!("{balancer}:{port}") })
    }

    fn active_service_mut(&mut self, key: &ServiceKey) -> Result<&mut Service, Refused> {
        let found = self.services.get_mut(key).filter(|service| service.status == ServiceStatus::Active);
        found.ok_or_else(|| Refused::NotFound { what: "service", name: key.name.to_string() })
    }
}

fn new_deployment(revision: &Revision, now: Timestamp, ids: &mut Ids) -> Deployment {
    Deployment {
        id: ids.deployment(),
        status: DeploymentStatus::Primary,
        revision: revision.clone(),
        created_at: now,
        updated_at: now,
        rollout_state: RolloutState::InProgress,
        failed_tasks: 0,
        breaker: BreakerCount::default(),
        rolled_back_from: None,
    }
}

fn check_desired_count(desired_count: u32) -> Result<(), Refused> {
    if desired_count > MAX_DESIRED_COUNT {
        return Err(Refused::Invalid(format!("a desired count of {desired_count} is more than {MAX_DESIRED_COUNT}")));
    }
    Ok(())
}
