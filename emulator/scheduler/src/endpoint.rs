//! Where the containers of a task are reached, by its network mode (ecs.md 4): what names a target, and the address to dial.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use model::{
    Container, ContainerStatus, NetworkBinding, NetworkMode, PortMapping, ServiceLoadBalancer, TargetKey, Task, TaskDefinition, TransportProtocol,
};

/// One TCP port of a container, as the load balancer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    /// Whose port it is.
    pub(crate) container: &'a Container,
    /// The port that the container listens on.
    pub(crate) container_port: u16,
    /// The task's own address; `None` where the instance names the target.
    pub(crate) id: Option<IpAddr>,
    /// The target's port.
    pub(crate) port: u16,
    /// Where it is dialled.
    pub(crate) address: SocketAddr,
}

impl Endpoint<'_> {
    /// What names it in a target group.
    pub(crate) fn key(&self, instance: &str) -> TargetKey {
        TargetKey { id: self.id.map_or_else(|| instance.to_owned(), |address| address.to_string()), port: self.port }
    }

    fn is(&self, key: &TargetKey, instance: &str) -> bool {
        self.port == key.port && self.id.map_or_else(|| key.id == instance, |address| key.id == address.to_string())
    }
}

/// Every endpoint of a task whose engine's host is there. Those of containers that have ended are there, too: a look at the engine tells nothing newer of them.
fn all<'a>(task: &'a Task, definition: Option<&'a TaskDefinition>, host: IpAddr) -> impl Iterator<Item = Endpoint<'a>> {
    let mode = definition.map(|definition| definition.network_mode).unwrap_or_default();
    let pause = task.pause();
    let bound = (mode == NetworkMode::Bridge).then(|| task.containers.iter()).into_iter().flatten().flat_map(|container| {
        let tcp = container.network_bindings.iter().filter(|binding| binding.protocol == TransportProtocol::Tcp);
        tcp.map(move |binding| published(container, binding))
    });
    let mapped = definition.filter(|_| mode != NetworkMode::Bridge).into_iter().flat_map(|definition| &definition.containers);
    let mapped = mapped.flat_map(move |wanted| {
        let tcp = wanted.port_mappings.iter().filter(|mapping| mapping.protocol == TransportProtocol::Tcp);
        tcp.filter_map(move |mapping| mapped_port((mode, host), pause, task.container(&wanted.name)?, mapping))
    });
    bound.chain(mapped)
}

/// On a bridge: the host port of a binding names it, and its own address is dialled where the host can reach it.
fn published<'a>(container: &'a Container, binding: &NetworkBinding) -> Endpoint<'a> {
    let host = SocketAddr::new(binding.bind_ip, binding.host_port);
    let own = container.address.filter(|_| container.direct).map(|address| SocketAddr::new(address, binding.container_port));
    Endpoint { container, container_port: binding.container_port, id: None, port: binding.host_port, address: own.unwrap_or(host) }
}

/// Without bindings of its own: in `awsvpc` mode at the pause's address, on the host's network at the host's.
fn mapped_port<'a>(
    (mode, host): (NetworkMode, IpAddr),
    pause: Option<&Container>,
    container: &'a Container,
    mapping: &PortMapping,
) -> Option<Endpoint<'a>> {
    let port = mapping.container_port;
    let endpoint = |id, address| Endpoint { container, container_port: port, id, port, address };
    match mode {
        NetworkMode::Awsvpc => {
            let pause = pause?;
            let own = pause.address?;
            let tcp = |binding: &&NetworkBinding| binding.container_port == port && binding.protocol == TransportProtocol::Tcp;
            let published = pause.network_bindings.iter().find(tcp).map(|binding| SocketAddr::new(binding.bind_ip, binding.host_port));
            let address = if pause.direct { SocketAddr::new(own, port) } else { published? };
            Some(endpoint(Some(own), address))
        }
        NetworkMode::Host => Some(endpoint(None, SocketAddr::new(host, port))),
        NetworkMode::Bridge | NetworkMode::None => None,
    }
}

/// Where an entry's container of a running task is reached, with the address of its engine's host.
pub(crate) fn wanted<'a>(task: &'a Task, definition: Option<&'a TaskDefinition>, host: IpAddr, entry: &ServiceLoadBalancer) -> Option<Endpoint<'a>> {
    let serves = |endpoint: &Endpoint<'_>| {
        let running = endpoint.container.last_status == ContainerStatus::Running;
        running && endpoint.container.name == entry.container_name && endpoint.container_port == entry.container_port
    };
    all(task, definition, host).find(serves)
}

/// The endpoint that a target of the task names, if the task still has it.
pub(crate) fn behind<'a>(task: &'a Task, definition: Option<&'a TaskDefinition>, key: &TargetKey, instance: &str) -> Option<Endpoint<'a>> {
    all(task, definition, Ipv4Addr::LOCALHOST.into()).find(|endpoint| endpoint.is(key, instance))
}

/// Whether nothing can answer any more behind a target of the task: its container has stopped, or what holds its network.
pub(crate) fn is_dead(task: &Task, definition: Option<&TaskDefinition>, key: &TargetKey, instance: &str) -> bool {
    let stopped = |record: &Container| record.last_status == ContainerStatus::Stopped;
    let behind = behind(task, definition, key, instance);
    task.pause().is_some_and(stopped) || behind.map_or_else(|| task.containers.iter().all(stopped), |endpoint| stopped(endpoint.container))
}
