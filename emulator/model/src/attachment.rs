//! A process on this machine that takes a service's requests while its tasks are at rest. Not of ECS: a developer's own.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::{
    Refused, RegisteredTarget, RolloutState, SchedulingStrategy, Service, ServiceKey, ServiceLoadBalancer, ServiceName, ServiceStatus,
    TargetGroupName, TargetKey, Timestamp, World,
};

/// The process that a service is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// How far the exchange is.
    pub state: AttachmentState,
}

/// How far an exchange of tasks and process is: whoever comes is in rotation before whoever goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachmentState {
    /// The process has to pass the health checks; the tasks serve.
    Attaching,
    /// The process serves; the service has no tasks, and remembers how many it is to have.
    Attached {
        /// So many.
        desired_count: u32,
    },
    /// The tasks come back; the process serves until they are all healthy.
    Detaching,
}

impl AttachmentState {
    /// In capitals, as the API has its states.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attaching => "ATTACHING",
            Self::Attached { .. } => "ATTACHED",
            Self::Detaching => "DETACHING",
        }
    }
}

impl Attachment {
    /// The process as a target.
    #[must_use]
    pub const fn target(&self) -> RegisteredTarget {
        RegisteredTarget { id: IpAddr::V4(Ipv4Addr::LOCALHOST), port: self.port }
    }
}

impl std::fmt::Display for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.target().address().fmt(f)
    }
}

impl Service {
    /// How many tasks it is to have, or would have if they were not at rest.
    #[must_use]
    pub fn wanted_count(&self) -> u32 {
        match self.attachment {
            Some(Attachment { state: AttachmentState::Attached { desired_count }, .. }) => desired_count,
            _ => self.spec.desired_count,
        }
    }

    /// Sets how many tasks it is to have; those that are at rest stay so.
    pub(crate) fn want(&mut self, count: u32) {
        match &mut self.attachment {
            Some(Attachment { state: AttachmentState::Attached { desired_count }, .. }) => *desired_count = count,
            _ => {
                self.steady = self.steady && self.spec.desired_count == count;
                self.spec.desired_count = count;
            }
        }
    }

    /// Moves an attachment on, or ends it.
    pub(crate) fn put_attachment(&mut self, attachment: Option<Attachment>) {
        let wanted = self.wanted_count();
        self.attachment = attachment;
        let rests = matches!(self.attachment, Some(Attachment { state: AttachmentState::Attached { .. }, .. }));
        self.spec.desired_count = if rests { 0 } else { wanted };
    }
}

impl World {
    /// Lets a process take a service's requests.
    pub(crate) fn attach(&mut self, key: &ServiceKey, port: u16) -> Result<(), Refused> {
        let service = self.active_service_mut(key)?;
        let name = &key.name;
        let refused = |why: String| Err(Refused::Invalid(format!("the service `{name}` cannot be attached: {why}")));
        match service.attachment {
            Some(known) if known.port != port => return refused(format!("it is attached to {known}; `ecslocal detach {name}` first")),
            Some(Attachment { state: AttachmentState::Detaching, .. }) => {
                service.put_attachment(Some(Attachment { port, state: AttachmentState::Attaching }));
                return Ok(());
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if service.spec.scheduling_strategy == SchedulingStrategy::Daemon {
            return refused("its scheduling strategy is DAEMON, so the container instances say how many tasks it has".into());
        }
        let ports: Vec<u16> = service.spec.load_balancers.iter().map(|entry| entry.container_port).collect();
        match ports.as_slice() {
            [] => return refused("it has no load balancer, whose requests the process could take".into()),
            [first, rest @ ..] if rest.iter().any(|port| port != first) => {
                return refused(format!("its target groups are for several container ports ({ports:?}), and a process has one"));
            }
            _ => {}
        }
        // What rolls out would be complete at once without any task.
        if service.deployments.len() > 1 || service.primary().is_some_and(|primary| primary.rollout_state == RolloutState::InProgress) {
            return refused(format!("a deployment is under way; wait for it (`ecslocal wait steady`), or `ecslocal rollback {name}`"));
        }
        service.put_attachment(Some(Attachment { port, state: AttachmentState::Attaching }));
        Ok(())
    }

    /// Lets a service's tasks come back. A process that never served goes at once.
    pub(crate) fn detach(&mut self, key: &ServiceKey) -> Result<(), Refused> {
        let service = self.active_service_mut(key)?;
        let Some(attachment) = service.attachment else {
            return Err(Refused::Invalid(format!("the service `{}` is not attached to anything", key.name)));
        };
        match attachment.state {
            AttachmentState::Attaching => service.put_attachment(None),
            AttachmentState::Attached { .. } => {
                service.put_attachment(Some(Attachment { state: AttachmentState::Detaching, ..attachment }));
                service.steady = false;
            }
            AttachmentState::Detaching => {}
        }
        Ok(())
    }

    /// The service whose process a target of a group is.
    #[must_use]
    pub fn attached_to(&self, group: &TargetGroupName, target: &TargetKey) -> Option<&ServiceName> {
        let has = |service: &&Service| service.attachment.is_some_and(|attachment| attachment.target().key() == *target);
        let registers = |service: &&Service| service.spec.load_balancers.iter().flat_map(ServiceLoadBalancer::groups).any(|name| name == group);
        self.services.values().filter(has).find(registers).map(|service| &service.spec.name)
    }

    /// Registers the processes of attached services in the target groups that the services have now, and lets others drain.
    pub(crate) fn register_attached(&mut self, now: Timestamp) {
        let mut wanted: BTreeMap<&TargetGroupName, Vec<RegisteredTarget>> = BTreeMap::new();
        for service in self.services.values().filter(|service| service.status == ServiceStatus::Active) {
            let Some(attachment) = service.attachment else { continue };
            for group in service.spec.load_balancers.iter().flat_map(ServiceLoadBalancer::groups) {
                wanted.entry(group).or_default().push(attachment.target());
            }
        }
        for (name, group) in self.target_groups.iter_mut().filter(|(_, group)| !group.deleting) {
            let attached = wanted.remove(name).unwrap_or_default();
            if group.attached != attached {
                group.attached = attached;
                group.register(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Change, ClusterName, ContainerDefinition, ContainerName, Family, Ids, NetworkMode, OwnerId, Revision, ServiceSpec, Settings, Speed,
        TargetGroupSpec, TaskDefinition,
    };

    const NOW: Timestamp = Timestamp::from_millis(1000);

    fn key() -> ServiceKey {
        ServiceKey { cluster: ClusterName::new("c").unwrap(), name: ServiceName::new("users").unwrap() }
    }

    fn group() -> TargetGroupName {
        TargetGroupName::new("users").unwrap()
    }

    fn spec(ports: &[u16]) -> ServiceSpec {
        let entry = |port: &u16| ServiceLoadBalancer {
            target_group: group(),
            container_name: ContainerName::new("web").unwrap(),
            container_port: *port,
            advanced: None,
        };
        ServiceSpec { load_balancers: ports.iter().map(entry).collect(), ..ServiceSpec::new(key().name, 3) }
    }

    /// A world with the service, its deployment complete.
    fn world() -> (World, Ids) {
        let settings = Settings {
            owner: OwnerId::from_text("o"),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            instance: "i-0".into(),
            speed: Speed::default(),
        };
        let (mut world, mut ids) = (World::new(settings), Ids::seeded(1));
        let (cluster, family) = (key().cluster, Family::new("users").unwrap());
        let mut container = ContainerDefinition::new(ContainerName::new("web").unwrap(), "web");
        container.port_mappings = [3000, 4000]
            .map(|container_port| crate::PortMapping {
                container_port,
                host_port: 0,
                protocol: crate::TransportProtocol::Tcp,
                name: None,
                app_protocol: None,
            })
            .into();
        let definition = TaskDefinition::new(family.clone(), NetworkMode::Bridge, vec![container]);
        let changes = vec![
            Change::CreateCluster(cluster.clone()),
            Change::RegisterTaskDefinition { cluster: cluster.clone(), definition: Box::new(definition) },
            Change::CreateTargetGroup { cluster: cluster.clone(), spec: Box::new(TargetGroupSpec::new(group(), 80)) },
            Change::CreateService { cluster, spec: Box::new(spec(&[3000])), revision: Revision { family, number: 1 } },
        ];
        world.apply_all(changes, NOW, &mut ids).unwrap();
        let service = world.services.get_mut(&key()).unwrap();
        service.deployments[0].rollout_state = RolloutState::Completed;
        service.steady = true;
        (world, ids)
    }

    fn attach(world: &mut World, ids: &mut Ids, port: u16) -> Result<(), String> {
        world.apply(Change::Attach { service: key(), port }, NOW, ids).map(drop).map_err(|refused| refused.to_string())
    }

    fn registered(world: &World) -> Vec<(u16, bool)> {
        world.target_groups[&group()].targets.iter().map(|(key, target)| (key.port, target.draining_since.is_some())).collect()
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_reason() {
        type Break = fn(&mut World);
        let cases: [(Break, &str); 5] = [
            (|world| world.services.get_mut(&key()).unwrap().spec.load_balancers.clear(), "has no load balancer"),
            (|world| world.services.get_mut(&key()).unwrap().spec = spec(&[3000, 4000]), "several container ports ([3000, 4000])"),
            (|world| world.services.get_mut(&key()).unwrap().spec.scheduling_strategy = SchedulingStrategy::Daemon, "is DAEMON"),
            (|world| world.services.get_mut(&key()).unwrap().deployments[0].rollout_state = RolloutState::InProgress, "a deployment is under way"),
            (|world| world.services.get_mut(&key()).unwrap().status = ServiceStatus::Draining, "there is no service"),
        ];
        for (change, reason) in cases {
            let (mut world, mut ids) = world();
            change(&mut world);
            let refused = attach(&mut world, &mut ids, 9000).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
            assert_eq!(registered(&world), []);
        }
        let (mut world, mut ids) = world();
        assert!(world.apply(Change::Detach(key()), NOW, &mut ids).unwrap_err().to_string().contains("is not attached"));
        attach(&mut world, &mut ids, 9000).unwrap();
        attach(&mut world, &mut ids, 9000).unwrap();
        assert!(attach(&mut world, &mut ids, 9001).unwrap_err().contains("`ecslocal detach users` first"));
        let without = Change::UpdateService { cluster: key().cluster, spec: Box::new(spec(&[])), revision: world.services[&key()].revision.clone() };
        assert!(world.apply(without, NOW, &mut ids).unwrap_err().to_string().contains("needs its load balancer"));
    }

    #[test]
    fn tasks_at_rest_are_remembered_and_come_back() {
        let (mut world, mut ids) = world();
        attach(&mut world, &mut ids, 9000).unwrap();
        assert_eq!((registered(&world), world.services[&key()].spec.desired_count), (vec![(9000, false)], 3));
        let attachment = |state| Some(Attachment { port: 9000, state });
        let rested = attachment(AttachmentState::Attached { desired_count: 3 });
        world.record(crate::Step::SetAttachment { service: key(), at: NOW, attachment: rested });
        let counts = |world: &World| (world.services[&key()].spec.desired_count, world.services[&key()].wanted_count());
        assert_eq!(counts(&world), (0, 3));
        world.apply(Change::Scale { service: key(), desired_count: 5 }, NOW, &mut ids).unwrap();
        assert_eq!(counts(&world), (0, 5));
        let update =
            Change::UpdateService { cluster: key().cluster, spec: Box::new(spec(&[3000])), revision: world.services[&key()].revision.clone() };
        world.apply(update, NOW, &mut ids).unwrap();
        assert_eq!((counts(&world), world.services[&key()].deployments.len()), ((0, 3), 1), "the count alone was another");
        assert_eq!(crate::check::problems(&world), Vec::<String>::new());
        world.apply(Change::Detach(key()), NOW, &mut ids).unwrap();
        let service = &world.services[&key()];
        assert_eq!((service.spec.desired_count, service.attachment, service.steady), (3, attachment(AttachmentState::Detaching), false));
        assert_eq!(registered(&world), [(9000, false)], "it serves until the tasks do");
        world.record(crate::Step::SetAttachment { service: key(), at: NOW, attachment: None });
        assert_eq!((registered(&world), counts(&world)), (vec![(9000, true)], (3, 3)));
    }

    #[test]
    fn a_deleted_service_leaves_its_process() {
        let (mut world, mut ids) = world();
        attach(&mut world, &mut ids, 9000).unwrap();
        world.apply(Change::DeleteService(key()), NOW, &mut ids).unwrap();
        assert_eq!(registered(&world), [(9000, true)]);
        assert_eq!(crate::check::problems(&world), Vec::<String>::new());
    }
}
