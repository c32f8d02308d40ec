//! Which services reach which: `connectsTo`, a key of our own.

use std::collections::BTreeMap;

use model::{NetworkMode, ServiceName};

use super::Index;
use crate::node::{Node, Span};
use crate::problem::Report;
use crate::read::network_mode;
use crate::suggest::listed;

pub(super) fn check(tree: &Node, index: &Index<'_>, report: &mut Report) {
    let services: BTreeMap<&str, &Node> =
        tree.list("services").iter().filter_map(|service| Some((service.text_of("serviceName")?, service))).collect();
    for client in tree.list("services").iter().filter(|client| !client.list("connectsTo").is_empty()) {
        can_connect(client, index, report);
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for node in client.list("connectsTo") {
            let Some(name) = node.text() else { continue };
            if let Some(first) = seen.insert(name, node.span) {
                report.problem(node.span, format!("`{name}` is named twice")).again(first);
                continue;
            }
            match services.get(name) {
                // A name that is none has been reported.
                None if ServiceName::new(name).is_err() => {}
                None => missing(name, node, &services, report),
                Some(_) if client.text_of("serviceName") == Some(name) => {
                    let text = format!("`{name}` is the service itself, whose tasks reach each other anyway");
                    report.problem(node.span, text).hint("remove it");
                }
                Some(server) => {
                    can_be_reached(name, node, index.definition_of(server), report);
                    is_a_new_name(name, node, index.definition_of(client), report);
                }
            }
        }
    }
}

/// A task without a network of its own has nowhere to reach others from.
fn can_connect(client: &Node, index: &Index<'_>, report: &mut Report) {
    let Some(definition) = index.definition_of(client) else { return };
    let (mode, entry) = (network_mode::of(definition), client.entry("connectsTo"));
    if let Some(entry) = entry.filter(|_| matches!(mode, NetworkMode::Host | NetworkMode::None)) {
        let family = definition.text_of("family").unwrap_or_default();
        let text = format!("a task in `networkMode: {}` has no network of its own to reach other services from", mode.as_str());
        report.problem(entry.key_span, text).hint(format!("remove it, or give `{family}` `networkMode: bridge` or `awsvpc`"));
    }
}

fn missing(name: &str, node: &Node, services: &BTreeMap<&str, &Node>, report: &mut Report) {
    let hint = report.suggest(name, services.keys().copied()).unwrap_or_else(|| format!("there are {}", listed(services.keys().copied())));
    report.problem(node.span, format!("there is no service `{name}`")).hint(hint);
}

/// What is reached is a TCP port of a container.
fn can_be_reached(name: &str, node: &Node, definition: Option<&Node>, report: &mut Report) {
    let Some(definition) = definition else { return };
    let mappings = definition.list("containerDefinitions").iter().flat_map(|container| container.list("portMappings"));
    let single = |mapping: &&Node| mapping.text_of("protocol") != Some("udp") && mapping.get("containerPort").is_some();
    let ports = mappings.filter(single).count();
    if network_mode::of(definition) == NetworkMode::None || ports == 0 {
        let family = definition.text_of("family").unwrap_or_default();
        report
            .problem(node.span, format!("`{name}` has no container port over TCP that could be reached"))
            .hint(format!("add `portMappings` to a container of `{family}`; ranges of ports are not reached"));
    }
}

/// A name that a container knows already would lead to one or the other.
fn is_a_new_name(name: &str, node: &Node, definition: Option<&Node>, report: &mut Report) {
    let Some(definition) = definition.filter(|definition| network_mode::of(definition) == NetworkMode::Bridge) else { return };
    let containers = definition.list("containerDefinitions").iter();
    let what = host_of(definition, name)
        .or_else(|| containers.filter_map(|container| container.text_of("name")).find(|known| *known == name).map(|_| "a container"));
    if let Some(what) = what {
        let family = definition.text_of("family").unwrap_or_default();
        report
            .problem(node.span, format!("`{name}` is also {what} of `{family}`, so the name would mean two things in its containers"))
            .hint("rename one of them");
    }
}

/// What a line of a container's /etc/hosts would stand for by a task definition.
pub(super) fn host_of(definition: &Node, name: &str) -> Option<&'static str> {
    definition.list("containerDefinitions").iter().find_map(|container| {
        let mut links = container.list("links").iter().filter_map(|link| link.text()?.split_once(':'));
        let mut hosts = container.list("extraHosts").iter().filter_map(|host| host.text_of("hostname"));
        match () {
            () if links.any(|(_, alias)| alias == name) => Some("a link"),
            () if hosts.any(|host| host == name) => Some("an extra host"),
            () => None,
        }
    })
}
