//! Names of Cloud Map: which instances there are, who sees them, and what a question for a name is answered with (ecs.md 8).
//!
//! At AWS a name is seen by a whole VPC, and security groups decide who reaches what it stands for. Here a service sees the names of the
//! services that it names in `connectsTo`, and its own. A name of another service stands for this machine's address on that service's
//! network, where the doors are; one's own for the addresses of the tasks, which are on the same network.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use model::{
    Container, ContainerName, DiscoveryService, Ids, NetworkMode, RoutingPolicy, Service, ServiceKey, ServiceRegistry, Task, TaskId, TaskStatus,
    TransportProtocol, World,
};

use crate::connection::is_ready;

/// The most instances that a question is answered with.
pub const MOST: usize = 8;

/// How long it may be remembered that there is nothing, in seconds: the TTL of the zone's SOA record, as Cloud Map sets it.
pub const NOTHING: u32 = 15;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// Addresses.
    A,
    /// Places: ports of hosts.
    Srv,
    /// Anything else, which no name here has.
    Other,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub name: String,
    /// Seconds for which it may be remembered.
    pub ttl: u32,
    /// What it says.
    pub data: RecordData,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordData {
    /// An address.
    A(Ipv4Addr),
    /// A place. Its priority and weight are 1, as Cloud Map has them.
    Srv {
        /// The port.
        port: u16,
        /// The name of its host.
        target: String,
    },
}

/// What a question is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name is in no namespace that the asking service's cluster has: somebody else knows.
    Elsewhere,
    /// The name is in that namespace, and there is no such name, or nobody who may see it.
    NoSuchName(String),
    /// There is such a name in that namespace; without records, if there are none of that type.
    Records {
        /// The namespace.
        namespace: String,
        /// The records of the name.
        records: Vec<Record>,
        /// Addresses of the hosts that they name.
        additional: Vec<Record>,
    },
}

/// A task that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The task, whose id is the instance's.
    pub task: TaskId,
    /// Where its own service reaches it; `None` for a task without an address of its own.
    pub address: Option<IpAddr>,
    /// The port that its own service reaches it at, where one is registered.
    pub port: Option<u16>,
    /// Whether it is healthy.
    pub healthy: bool,
}

/// Whether a service sees the names of another, or its own.
#[must_use]
pub fn sees(client: &Service, server: &Service) -> bool {
    client.cluster == server.cluster && (client.spec.name == server.spec.name || client.spec.connects_to.contains(&server.spec.name))
}

/// Whether there is any name that a service sees.
#[must_use]
pub fn sees_any(world: &World, client: &ServiceKey) -> bool {
    world.services.get(client).is_some_and(|client| world.registering().any(|(server, _)| sees(client, server)))
}

/// The tasks of a service that are registered: from RUNNING until they are to stop.
#[must_use]
pub fn instances(world: &World, service: &Service, registry: &ServiceRegistry) -> Vec<Instance> {
    let key = service.key();
    let registered = world.tasks_of(&key).filter(|task| task.is_live() && task.last_status == TaskStatus::Running);
    let instance = |task: &Task| {
        let definition = world.definition(&task.revision)?;
        let place = match definition.network_mode {
            NetworkMode::Awsvpc => task.pause(),
            NetworkMode::Bridge => named(task, registry).or_else(|| task.containers.first()),
            NetworkMode::Host | NetworkMode::None => None,
        };
        let maps = |port: &u16| {
            let mut containers = definition.containers.iter().filter(|container| is(registry.container_name.as_ref(), &container.name));
            containers
                .any(|found| found.port_mappings.iter().any(|mapping| mapping.protocol == TransportProtocol::Tcp && mapping.container_port == *port))
        };
        Some(Instance {
            task: task.id.clone(),
            address: place.and_then(|container| container.address),
            // Of a revision that has no such port, nothing listens there.
            port: registry.port.filter(maps),
            healthy: !registry.discovery.custom_health || is_ready(task, definition),
        })
    };
    registered.filter_map(instance).collect()
}

fn is(wanted: Option<&ContainerName>, name: &ContainerName) -> bool {
    wanted.is_none_or(|wanted| wanted == name)
}

fn named<'t>(task: &'t Task, registry: &ServiceRegistry) -> Option<&'t Container> {
    registry.container_name.as_ref().and_then(|name| task.container(name))
}

/// What a container of `client` is answered when it asks for a name. `doors` says where the doors to other services are; `random` chooses.
#[must_use]
pub fn answer(world: &World, client: &ServiceKey, doors: &BTreeMap<ServiceKey, IpAddr>, (name, kind): (&str, RecordType), random: u64) -> Answer {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let mut namespaces: Vec<&str> = world
        .registering()
        .filter(|(server, _)| server.cluster == client.cluster)
        .map(|(_, registry)| registry.discovery.namespace.as_str())
        .filter(|namespace| is_below(&name, namespace))
        .collect();
    // The nearest one is asked, as of hosted zones.
    namespaces.sort_by_key(|namespace| std::cmp::Reverse(namespace.len()));
    let Some(namespace) = namespaces.first().map(|namespace| (*namespace).to_owned()) else { return Answer::Elsewhere };
    let Some(client) = world.services.get(client) else { return Answer::NoSuchName(namespace) };
    let (mut found, mut discovery) = (Vec::new(), None);
    for (server, registry) in world.registering().filter(|(server, registry)| sees(client, server) && registry.discovery.namespace == namespace) {
        let domain = registry.discovery.domain().to_ascii_lowercase();
        if name != domain && !is_below(&name, &domain) {
            continue;
        }
        discovery.get_or_insert(&registry.discovery);
        let door = (server.spec.name != client.spec.name).then(|| doors.get(&server.key()).copied());
        for instance in instances(world, server, registry) {
            // Others come in by a door, which has the container's port.
            let address = door.unwrap_or(instance.address);
            found.extend(address.map(|address| Instance { address: Some(address), ..instance }));
        }
    }
    match discovery {
        _ if name == namespace.to_ascii_lowercase() => Answer::Records { namespace, records: Vec::new(), additional: Vec::new() },
        Some(discovery) if !found.is_empty() => records(discovery, found, (&name, kind), random),
        _ => Answer::NoSuchName(namespace),
    }
}

/// Whether a name is a domain, or within it.
fn is_below(name: &str, domain: &str) -> bool {
    let Some(at) = name.len().checked_sub(domain.len()) else { return false };
    name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(domain) && (at == 0 || name[..at].ends_with('.'))
}

/// The records of a service of Cloud Map that has instances, or of one instance.
fn records(discovery: &DiscoveryService, instances: Vec<Instance>, (name, kind): (&str, RecordType), random: u64) -> Answer {
    let (namespace, domain) = (discovery.namespace.clone(), discovery.domain());
    let host = |instance: &Instance| format!("{}.{domain}", instance.task);
    let address = |name: String, ttl, instance: &Instance| match instance.address {
        Some(IpAddr::V4(address)) => Some(Record { name, ttl, data: RecordData::A(address) }),
        _ => None,
    };
    if !name.eq_ignore_ascii_case(&domain) {
        // The host of a place has an address, and nothing else has a name.
        let one = instances.iter().find(|instance| host(instance).eq_ignore_ascii_case(name)).zip(discovery.srv);
        let Some((instance, ttl)) = one else { return Answer::NoSuchName(namespace) };
        let records = address(name.to_owned(), ttl, instance).filter(|_| kind == RecordType::A).into_iter().collect();
        return Answer::Records { namespace, records, additional: Vec::new() };
    }
    let chosen = choose(instances, discovery.routing_policy, random);
    let (mut records, mut additional) = (Vec::new(), Vec::new());
    match (kind, discovery.a, discovery.srv) {
        (RecordType::A, Some(ttl), _) => records.extend(chosen.iter().filter_map(|instance| address(domain.clone(), ttl, instance))),
        (RecordType::Srv, _, Some(ttl)) => {
            for instance in &chosen {
                let Some(port) = instance.port else { continue };
                records.push(Record { name: domain.clone(), ttl, data: RecordData::Srv { port, target: host(instance) } });
                additional.extend(address(host(instance), ttl, instance));
            }
        }
        _ => {}
    }
    // All instances behind one door have its address.
    let mut seen = Vec::new();
    records.retain(|record| {
        !seen.contains(record) && {
            seen.push(record.clone());
            true
        }
    });
    Answer::Records { namespace, records, additional }
}

/// Healthy ones, whichever; where none is, all count as healthy, as Route 53 has it.
fn choose(mut instances: Vec<Instance>, policy: RoutingPolicy, random: u64) -> Vec<Instance> {
    if instances.iter().any(|instance| instance.healthy) {
        instances.retain(|instance| instance.healthy);
    }
    let mut ids = Ids::seeded(random);
    let mut keyed: Vec<(u64, Instance)> = instances.into_iter().map(|instance| (ids.next_u64(), instance)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    let most = if policy == RoutingPolicy::Weighted { 1 } else { MOST };
    keyed.into_iter().map(|(_, instance)| instance).take(most).collect()
}

#[cfg(test)]
mod tests;
