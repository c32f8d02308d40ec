//! What the network mode of a task definition asks of its containers (ecs.md 1.3, 1.6).

use std::collections::BTreeMap;

use model::{ContainerDefinition, NetworkMode};

use crate::node::{Node, Span};
use crate::problem::Report;

/// What a container instance keeps for itself, of TCP (ecs.md 1.3).
const RESERVED: [u16; 5] = [22, 2375, 2376, 51678, 51679];

/// What has no effect beside a network that is the task's, and what to do instead.
const NOT_IN_AWSVPC: [(&str, &str); 2] = [
    ("hostname", "remove it: the containers of a task share the host name of its network"),
    ("extraHosts", "remove it: the containers of a task share one /etc/hosts and reach each other on 127.0.0.1"),
];

/// The mode of a task definition; a word that is none has been reported.
pub(crate) fn of(definition: &Node) -> NetworkMode {
    definition.text_of("networkMode").and_then(NetworkMode::from_word).unwrap_or_default()
}

/// The host port that a mapping takes for itself alone, and where it says so.
pub(crate) fn static_port(mapping: &Node, mode: NetworkMode) -> Option<(u16, Span)> {
    let written = mapping.integer_of::<u16>("hostPort").filter(|port| *port > 0).map(|port| (port, super::place(mapping, "hostPort")));
    match mode {
        NetworkMode::Bridge => written,
        NetworkMode::Host => written.or_else(|| Some((mapping.integer_of("containerPort")?, super::place(mapping, "containerPort")))),
        NetworkMode::Awsvpc | NetworkMode::None => None,
    }
}

/// Mappings as AWS keeps them: without addresses of their own, the host's ports are the containers'.
pub(super) fn normalise(mode: NetworkMode, mut containers: Vec<ContainerDefinition>) -> Vec<ContainerDefinition> {
    if matches!(mode, NetworkMode::Awsvpc | NetworkMode::Host) {
        for mapping in containers.iter_mut().flat_map(|container| &mut container.port_mappings) {
            mapping.host_port = mapping.container_port;
        }
    }
    containers
}

pub(super) fn check(definition: &Node, mode: NetworkMode, report: &mut Report) {
    let containers = definition.list("containerDefinitions");
    let mappings = || containers.iter().flat_map(|container| container.list("portMappings"));
    mappings().for_each(|mapping| reserved(mapping, mode, report));
    match mode {
        NetworkMode::Bridge => {}
        NetworkMode::Host => {
            mappings().for_each(|mapping| must_match(mapping, mode, report));
            report.note(
                super::place(definition, "networkMode"),
                "containers in `networkMode: host` have this machine's own network: what they listen on, they listen on for everybody who \
                 reaches this machine, unless they bind 127.0.0.1",
            );
        }
        NetworkMode::Awsvpc => {
            mappings().for_each(|mapping| must_match(mapping, mode, report));
            containers.iter().for_each(|container| not_in_awsvpc(container, report));
        }
        NetworkMode::None => {
            for entry in containers.iter().filter_map(|container| container.entry("portMappings")).filter(|entry| !entry.node.asks_for_nothing()) {
                report
                    .problem(entry.key_span, "containers in `networkMode: none` have no network, so no port of theirs can be mapped")
                    .hint("remove `portMappings`, or use `networkMode: bridge`");
            }
        }
    }
    once(containers, mode, report);
}

fn reserved(mapping: &Node, mode: NetworkMode, report: &mut Report) {
    let Some((port, place)) = static_port(mapping, mode).filter(|_| mapping.text_of("protocol") != Some("udp")) else { return };
    if RESERVED.contains(&port) {
        let free = if mode == NetworkMode::Bridge { "; `hostPort: 0` takes a free port" } else { "" };
        report
            .problem(place, format!("host port {port} is reserved on every container instance"))
            .hint(format!("22 is for SSH, 2375 and 2376 for Docker, 51678 and 51679 for the ECS agent{free}"));
    }
}

/// On the host's network 0 means what leaving it out means; a task's own network has no such port.
fn must_match(mapping: &Node, mode: NetworkMode, report: &mut Report) {
    let (Some(host), Some(container)) = (mapping.integer_of::<u16>("hostPort"), mapping.integer_of::<u16>("containerPort")) else { return };
    let left_open = mode == NetworkMode::Host && host == 0;
    if host != container && !left_open {
        let message = format!("When networkMode={}, the host ports and container ports in port mappings must match.", mode.as_str());
        report.problem(super::place(mapping, "hostPort"), message).hint(format!("remove `hostPort`, or say {container}"));
    }
}

fn not_in_awsvpc(container: &Node, report: &mut Report) {
    for (key, instead) in NOT_IN_AWSVPC {
        if let Some(entry) = container.entry(key).filter(|entry| !entry.node.asks_for_nothing()) {
            report.problem(entry.key_span, format!("`{key}` of a container definition is not supported when networkMode=awsvpc")).hint(instead);
        }
    }
}

/// No two mappings of a task can have one port of the host's, or of the network that its containers share.
fn once(containers: &[Node], mode: NetworkMode, report: &mut Report) {
    let mut taken: BTreeMap<(u16, &str), (usize, Span)> = BTreeMap::new();
    let mappings =
        containers.iter().enumerate().flat_map(|(index, container)| container.list("portMappings").iter().map(move |mapping| (index, mapping)));
    for (index, mapping) in mappings {
        let port = match mode {
            NetworkMode::Awsvpc => mapping.integer_of("containerPort").map(|port| (port, super::place(mapping, "containerPort"))),
            _ => static_port(mapping, mode),
        };
        let Some((port, place)) = port else { continue };
        let Some((other, first)) = taken.insert((port, mapping.text_of("protocol").unwrap_or("tcp")), (index, place)) else { continue };
        match mode {
            NetworkMode::Bridge => report.problem(place, format!("host port {port} is published twice")).again(first),
            // One container port twice in one container has been reported.
            _ if other == index => continue,
            _ => report.problem(place, format!("containers of a task that share a network cannot both listen on port {port}")).again(first),
        };
    }
}
