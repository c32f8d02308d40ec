//! How a [`Change`] is applied: whole, or refused and the World left as it was.

mod fault;
mod instance;
mod repository;
mod role;
mod service;
mod task;

use std::collections::BTreeMap;

pub use fault::FaultSpec;

use crate::world::{Cluster, FamilyRevisions, World};
use crate::{
    Alarm, Change, ClusterName, Ids, Listener, ListenerProtocol, LoadBalancer, LoadBalancerAttributes, LoadBalancerName, Refused, Service,
    ServiceStatus, Stop, TargetGroup, TargetGroupName, TargetGroupSpec, TaskDefinition, TaskId, Timestamp,
};

/// The most tasks that a service may ask for (a guard against a slip of the finger, not a quota of AWS).
pub const MAX_DESIRED_COUNT: u32 = 5000;

impl World {
    /// Applies a change whole, or refuses it and leaves the World as it was. Gives the tasks that it started.
    ///
    /// # Errors
    /// [`Refused`] saying why.
    pub fn apply(&mut self, change: Change, now: Timestamp, ids: &mut Ids) -> Result<Vec<TaskId>, Refused> {
        self.apply_all(vec![change], now, ids)
    }

    /// May leave the World half changed where it refuses.
    fn make(&mut self, change: Change, now: Timestamp, ids: &mut Ids) -> Result<Vec<TaskId>, Refused> {
        let mut started = Vec::new();
        match change {
            Change::CreateCluster(name) => self.create_cluster(name, now)?,
            Change::DeleteCluster(name) => self.delete_cluster(&name, now)?,
            Change::RegisterTaskDefinition { cluster, definition } => self.register(cluster, *definition),
            Change::CreateTargetGroup { cluster, spec } => self.create_target_group(cluster, *spec, now, ids)?,
            Change::ModifyTargetGroup(spec) => {
                let group = self.target_group_mut(&spec.name)?;
                group.spec = *spec;
                group.register(now);
            }
            Change::DeleteTargetGroup(name) => self.delete_target_group(&name, now)?,
            Change::CreateLoadBalancer { cluster, name, attributes } => self.create_load_balancer(cluster, name, attributes, (now, ids))?,
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
            Change::Attach { service, port } => self.attach(&service, port)?,
            Change::Detach(service) => self.detach(&service)?,
            Change::Deploy { service, task_definition } => self.deploy(&service, task_definition.as_ref(), now, ids)?,
            Change::RollBack(service) => self.roll_back(&service, now, ids)?,
            Change::ContinueDeployment { service, hook, action } => self.continue_deployment(&service, hook.as_deref(), action, now)?,
            Change::PutScheduledTask { cluster, name, spec } => self.put_scheduled_task(&cluster, name, *spec, now)?,
            Change::DeleteScheduledTask { cluster, name } => self.delete_scheduled_task(&cluster, &name)?,
            Change::PutAlarm { cluster, name, spec } => {
                let known = &mut self.cluster_mut(&cluster)?.alarms;
                known.insert(name, Alarm::new(*spec, now));
            }
            Change::DeleteAlarm { cluster, name } => {
                let removed = self.cluster_mut(&cluster)?.alarms.remove(&name);
                removed.ok_or(Refused::NotFound { what: "alarm", name })?;
            }
            Change::PutContainerInstances { cluster, instances } => self.put_instances(&cluster, instances, now, ids)?,
            Change::DeregisterContainerInstance { cluster, name, force } => self.deregister_instance(&cluster, &name, force, now)?,
            Change::SetContainerInstanceStatus { cluster, name, status } => self.set_instance_status(&cluster, &name, status)?,
            Change::CreateRepository { name, owner, spec } => self.create_repository(name, owner, *spec, now)?,
            Change::ModifyRepository { name, owner, spec } => self.modify_repository(&name, owner, *spec)?,
            Change::SetRepositoryPolicy { name, text } => self.repository_mut(&name)?.policy_text = text,
            Change::ReleaseRepository(name) => self.repository_mut(&name)?.owner = None,
            Change::DeleteRepository(name) => self.delete_repository(&name)?,
            Change::PutRole { cluster, name, spec } => self.put_role(cluster, name, *spec, now)?,
            Change::DeleteRole(name) => self.delete_role(&name)?,
            Change::RunTask(run) => started = self.run_task(&run, now, ids)?,
            Change::StopTask { task, reason } => self.stop_task(&task, reason.as_deref(), now)?,
            Change::InjectFault(spec) => self.inject_fault(*spec, now, ids)?,
            Change::EndFault { cluster, id } => self.end_fault(&cluster, &id)?,
            Change::SetSpeed(speed) => self.settings.speed = speed,
            Change::ProtectTask { task, until } => self.protect_task(&task, until, now)?,
        }
        self.version += 1;
        Ok(started)
    }

    /// Applies all changes, or none of them. Gives the tasks that they started.
    ///
    /// # Errors
    /// The first refusal.
    pub fn apply_all(&mut self, changes: Vec<Change>, now: Timestamp, ids: &mut Ids) -> Result<Vec<TaskId>, Refused> {
        self.apply_completed(changes, now, ids, |_, change| change)
    }

    /// The same, with `complete` asked before each change for what must be decided by the World as it then is: where tasks are placed.
    ///
    /// # Errors
    /// Likewise.
    pub fn apply_completed(
        &mut self,
        changes: Vec<Change>,
        now: Timestamp,
        ids: &mut Ids,
        mut complete: impl FnMut(&Self, Change) -> Change,
    ) -> Result<Vec<TaskId>, Refused> {
        let mut trial = self.clone();
        let mut started = Vec::new();
        for change in changes {
            let change = complete(&trial, change);
            started.extend(trial.make(change, now, ids)?);
        }
        trial.check_listeners()?;
        trial.register_attached(now);
        *self = trial;
        Ok(started)
    }

    fn create_cluster(&mut self, name: ClusterName, now: Timestamp) -> Result<(), Refused> {
        match self.clusters.get(&name) {
            Some(cluster) if cluster.deleting => {
                Err(Refused::InUse { what: "cluster", name: name.to_string(), by: "tasks that are still stopping".into() })
            }
            Some(_) => Ok(()),
            None => {
                self.clusters.insert(name, Cluster::new(now));
                Ok(())
            }
        }
    }

    fn delete_cluster(&mut self, name: &ClusterName, now: Timestamp) -> Result<(), Refused> {
        let cluster = self.clusters.get_mut(name).ok_or_else(|| Refused::NotFound { what: "cluster", name: name.to_string() })?;
        cluster.deleting = true;
        self.load_balancers.retain(|_, balancer| balancer.owner != *name);
        self.target_groups.retain(|_, group| group.owner != *name);
        self.release_repositories(name);
        for (_, service) in self.services.iter_mut().filter(|(key, _)| key.cluster == *name) {
            service.status = ServiceStatus::Draining;
            service.steady = false;
        }
        let alone = self.tasks.values_mut().filter(|task| task.cluster == *name && task.service.is_none());
        alone.for_each(|task| task.end(Stop::user_initiated(None), now));
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
        let mut group = TargetGroup { id: ids.resource(), owner: cluster, deleting: false, targets: BTreeMap::new(), attached: Vec::new(), spec };
        group.register(now);
        self.target_groups.insert(group.spec.name.clone(), group);
        Ok(())
    }

    fn delete_target_group(&mut self, name: &TargetGroupName, now: Timestamp) -> Result<(), Refused> {
        if self.in_use(name) {
            return Err(Refused::InUse { what: "target group", name: name.to_string(), by: "a listener or a rule".into() });
        }
        let registers = |service: &Service| {
            service.status == ServiceStatus::Active
                && service.spec.load_balancers.iter().flat_map(crate::ServiceLoadBalancer::groups).any(|group| group == name)
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
        (now, ids): (Timestamp, &mut Ids),
    ) -> Result<(), Refused> {
        if let Some(found) = self.load_balancers.get(&name) {
            let owner = Some(found.owner.clone()).filter(|owner| *owner != cluster);
            return Err(Refused::Exists { what: "load balancer", name: name.to_string(), owner });
        }
        let balancer = LoadBalancer { id: ids.resource(), owner: cluster, attributes, listeners: BTreeMap::new(), created_at: now, name };
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

    fn require_target_groups<'a>(&self, mut names: impl Iterator<Item = &'a TargetGroupName>) -> Result<(), Refused> {
        let missing = names.find(|name| self.target_groups.get(*name).is_none_or(|group| group.deleting));
        missing.map_or(Ok(()), |name| Err(Refused::NotFound { what: "target group", name: name.to_string() }))
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
}
