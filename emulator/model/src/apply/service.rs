//! Changes of services (ecs.md 3 and 4).

use std::collections::VecDeque;

use super::MAX_DESIRED_COUNT;
use crate::{
    Action, AdvancedConfiguration, AlarmState, ClusterName, HookAction, HookTarget, Ids, LaunchBackoff, NetworkMode, Refused, Revision, RuleName,
    ScalingState, SchedulingStrategy, Service, ServiceKey, ServiceLoadBalancer, ServiceSpec, ServiceStatus, TargetGroupName, TaskDefinitionName,
    Timestamp, World,
};

impl World {
    pub(super) fn create_service(
        &mut self,
        cluster: ClusterName,
        spec: ServiceSpec,
        revision: Revision,
        now: Timestamp,
        ids: &mut Ids,
    ) -> Result<(), Refused> {
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
        let mut service = Service {
            cluster,
            deployments: Vec::new(),
            completed: None,
            revision: revision.clone(),
            status: ServiceStatus::Active,
            created_at: now,
            backoff: LaunchBackoff::default(),
            steady: false,
            events: VecDeque::new(),
            history: VecDeque::new(),
            scaling: ScalingState::default(),
            attachment: None,
            spec,
        };
        service.begin_deployment(&revision, self.alarmed(&key.cluster, &service.spec), now, ids);
        self.services.insert(key, service);
        Ok(())
    }

    pub(super) fn update_service(
        &mut self,
        cluster: ClusterName,
        spec: ServiceSpec,
        revision: Revision,
        now: Timestamp,
        ids: &mut Ids,
    ) -> Result<(), Refused> {
        self.check_service(&cluster, &spec, &revision)?;
        let alarmed = self.alarmed(&cluster, &spec);
        let service = self.active_service_mut(&ServiceKey { cluster, name: spec.name.clone() })?;
        if service.spec.scheduling_strategy != spec.scheduling_strategy {
            let (name, strategy) = (&spec.name, service.spec.scheduling_strategy.as_str());
            return Err(Refused::Invalid(format!(
                "the service `{name}` was made with the scheduling strategy {strategy}, which cannot be changed: give it another name"
            )));
        }
        if let Some(attachment) = service.attachment.filter(|_| spec.load_balancers.is_empty()) {
            let name = &spec.name;
            return Err(Refused::Invalid(format!(
                "the service `{name}` is attached to {attachment}, which needs its load balancer; `ecslocal detach {name}` first"
            )));
        }
        service.want(spec.desired_count);
        let spec = ServiceSpec { desired_count: service.spec.desired_count, ..spec };
        if service.spec.scalable_target != spec.scalable_target {
            service.scaling.adopt(service.spec.scalable_target.as_ref(), spec.scalable_target.as_ref());
        }
        // Containers know the names that they had when they were made.
        let names = service.spec.connects_to != spec.connects_to || service.spec.service_connect != spec.service_connect;
        let registries = (&service.spec.service_registry, &spec.service_registry);
        let registered = match registries {
            (Some(old), Some(new)) => !old.is_as(new),
            (old, new) => old.is_some() != new.is_some(),
        };
        let differs = names || registered || service.revision != revision || service.spec.load_balancers != spec.load_balancers;
        service.spec = spec;
        if differs {
            service.begin_deployment(&revision, alarmed, now, ids);
        }
        Ok(())
    }

    /// A new deployment whether anything has changed or not (`forceNewDeployment`), of another revision if one is named.
    pub(super) fn deploy(&mut self, key: &ServiceKey, named: Option<&TaskDefinitionName>, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        let service = self.active_service_mut(key)?;
        let (spec, current) = (service.spec.clone(), service.revision.clone());
        let revision = named.map_or(Ok(current), |named| self.resolve(named))?;
        self.check_service(&key.cluster, &spec, &revision)?;
        let alarmed = self.alarmed(&key.cluster, &spec);
        self.active_service_mut(key)?.begin_deployment(&revision, alarmed, now, ids);
        Ok(())
    }

    /// Those of a service's deployment alarms that have gone off by now.
    fn alarmed(&self, cluster: &ClusterName, spec: &ServiceSpec) -> Vec<String> {
        let gone_off = |name: &&String| self.alarm(cluster, name).is_some_and(|alarm| alarm.state == AlarmState::Alarm);
        spec.deployment_alarms.iter().flat_map(|alarms| &alarms.names).filter(gone_off).cloned().collect()
    }

    pub(super) fn roll_back(&mut self, key: &ServiceKey, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        let service = self.active_service_mut(key)?;
        if service.shift_back(now) {
            return Ok(());
        }
        let Some((previous, load_balancers)) = service.previous().map(|(revision, entries)| (revision.clone(), entries.cloned())) else {
            let (name, revision) = (&key.name, &service.revision);
            return Err(Refused::Invalid(format!(
                "the service `{name}` has no successful deployment of another revision than {revision} to go back to"
            )));
        };
        let spec = service.spec.clone();
        // What is refused leaves no trace.
        service.spec.load_balancers = load_balancers.unwrap_or(spec.load_balancers.clone());
        let deployed = self.deploy(key, Some(&previous.into()), now, ids);
        if deployed.is_err() {
            self.active_service_mut(key)?.spec = spec;
        }
        deployed
    }

    /// Says how a deployment goes on that a hook has paused.
    pub(super) fn continue_deployment(&mut self, key: &ServiceKey, hook: Option<&str>, action: HookAction, now: Timestamp) -> Result<(), Refused> {
        let speed = self.settings.speed;
        let service = self.active_service_mut(key)?;
        let waits = service.awaited_hook(speed).filter(|awaited| awaited.hook.target == HookTarget::Pause);
        if waits.is_none_or(|awaited| hook.is_some_and(|hook| hook != awaited.id)) {
            return Err(Refused::Invalid(match hook {
                Some(hook) => format!("no deployment of the service `{}` waits at the hook `{hook}`", key.name),
                None => format!("no deployment of the service `{}` is paused", key.name),
            }));
        }
        let Some(primary) = service.deployments.first_mut() else { return Ok(()) };
        let Some(shift) = &mut primary.shift else { return Ok(()) };
        match action {
            HookAction::Continue => shift.next_hook(now),
            HookAction::RollBack => primary.given_up = Some(format!("rolled back by user at {}", shift.stage.as_str())),
        }
        primary.updated_at = now;
        Ok(())
    }

    pub(super) fn scale(&mut self, key: &ServiceKey, desired_count: u32) -> Result<(), Refused> {
        check_desired_count(desired_count)?;
        let service = self.active_service_mut(key)?;
        if service.spec.scheduling_strategy == SchedulingStrategy::Daemon {
            let text = "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again";
            return Err(Refused::Invalid(text.into()));
        }
        service.want(desired_count);
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
        if spec.scalable_target.as_ref().is_some_and(|target| target.capacity.min > target.capacity.max) {
            return Err(Refused::Invalid("Minimum capacity must be less than or equal to maximum capacity".into()));
        }
        let mut alarms = spec.deployment_alarms.iter().flat_map(|alarms| &alarms.names);
        if let Some(name) = alarms.find(|name| self.alarm(cluster, name).is_none()) {
            return Err(Refused::NotFound { what: "alarm", name: name.clone() });
        }
        self.require_target_groups(spec.load_balancers.iter().flat_map(ServiceLoadBalancer::groups))?;
        for entry in &spec.load_balancers {
            for group in entry.groups() {
                self.require_target_type(group, definition.network_mode)?;
            }
            for rule in entry.advanced.iter().flat_map(AdvancedConfiguration::rules) {
                self.require_shiftable(rule, entry)?;
            }
            let (name, port) = (&entry.container_name, entry.container_port);
            let container =
                definition.container(name).ok_or_else(|| Refused::Invalid(format!("The container {name} does not exist in the task definition.")))?;
            if !container.port_mappings.iter().any(|mapping| mapping.container_port == port) {
                return Err(Refused::Invalid(format!("The container {name} did not have a container port {port} defined.")));
            }
        }
        Ok(())
    }

    /// A rule whose weights move a service's traffic forwards to its target groups, and to nobody else's.
    fn require_shiftable(&self, name: &RuleName, entry: &ServiceLoadBalancer) -> Result<(), Refused> {
        let action = self.rule_action(name).ok_or_else(|| Refused::NotFound { what: "rule", name: name.to_string() })?;
        let own = |group: &TargetGroupName| entry.groups().any(|own| own == group);
        match action {
            Action::Forward(forward) if forward.target_groups.iter().all(|group| own(&group.target_group)) => Ok(()),
            _ => Err(Refused::Invalid(format!("the rule {name} must forward to {} and to nothing else", entry.target_group))),
        }
    }

    fn require_target_type(&self, name: &TargetGroupName, mode: NetworkMode) -> Result<(), Refused> {
        let kind = self.target_groups.get(name).map_or_else(|| mode.target_type(), |group| group.spec.target_type);
        if mode.registers_in(kind) { Ok(()) } else { Err(Refused::Invalid(mode.refusal(name.as_str(), kind))) }
    }

    pub(crate) fn active_service_mut(&mut self, key: &ServiceKey) -> Result<&mut Service, Refused> {
        let found = self.services.get_mut(key).filter(|service| service.status == ServiceStatus::Active);
        found.ok_or_else(|| Refused::NotFound { what: "service", name: key.name.to_string() })
    }
}

fn check_desired_count(desired_count: u32) -> Result<(), Refused> {
    if desired_count > MAX_DESIRED_COUNT {
        return Err(Refused::Invalid(format!("a desired count of {desired_count} is more than {MAX_DESIRED_COUNT}")));
    }
    Ok(())
}
