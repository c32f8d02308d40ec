//! What `serviceRegistries` refers to, and that the records of Cloud Map fit the network mode (ecs.md 8).

use std::collections::BTreeSet;

use model::NetworkMode;

use super::{Index, container};
use crate::node::Node;
use crate::problem::Report;
use crate::read::{network_mode, referred};
use crate::suggest::listed;

/// A service of Cloud Map.
struct Known<'a> {
    node: &'a Node,
    domain: String,
    id: Option<&'a str>,
}

pub(super) fn check(tree: &Node, index: &Index<'_>, report: &mut Report) {
    let mut known: Vec<Known<'_>> = Vec::new();
    for namespace in tree.list("namespaces") {
        let Some(name) = namespace.text_of("name") else { continue };
        for node in namespace.list("services") {
            let Some(own) = node.text_of("name") else { continue };
            known.push(Known { node, domain: format!("{own}.{name}"), id: node.text_of("id") });
        }
    }
    let mut used = BTreeSet::new();
    for service in tree.list("services") {
        for entry in service.list("serviceRegistries") {
            used.extend(registry(service, entry, (&known, index), report));
        }
    }
    for (at, found) in known.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
        let place = found.node.get("name").unwrap_or(found.node).span;
        report.note(place, format!("no service registers its tasks in `{}` of Cloud Map", known[at].domain));
    }
    for service in tree.list("services") {
        own_name_servers(service, tree, index, report);
    }
}

fn registry(service: &Node, entry: &Node, (known, index): (&[Known<'_>], &Index<'_>), report: &mut Report) -> Option<usize> {
    let node = entry.get("registry")?;
    let text = node.text()?;
    let Some(at) = referred(text, known.iter().map(|found| (found.id, found.domain.clone()))) else {
        missing(text, node, known, report);
        return None;
    };
    let definition = index.definition_of(service)?;
    let mode = network_mode::of(definition);
    let records = known[at].node.get("dnsConfig").map(|config| config.list("dnsRecords")).unwrap_or_default();
    let of_type = |kind: &str| records.iter().find(|record| record.text_of("type") == Some(kind));
    match mode {
        NetworkMode::None => {
            report.problem(node.span, "a task without a network cannot be registered").hint("use `networkMode: awsvpc` or `bridge`");
        }
        NetworkMode::Bridge | NetworkMode::Host => {
            if let Some(record) = of_type("A") {
                let text = format!("an A record is not supported for tasks in `networkMode: {}`, which have no address of their own", mode.as_str());
                report.problem(record.span, text).hint("use `type: SRV`, or `networkMode: awsvpc`");
            }
            if let Some(port) = entry.entry("port") {
                report
                    .problem(port.key_span, format!("`port` is for tasks in `networkMode: awsvpc`, and these are in `{}`", mode.as_str()))
                    .hint("use `containerName` and `containerPort`");
            } else if of_type("SRV").is_some() {
                both(entry, "tasks without an address of their own are registered by a container's port", report);
            }
        }
        NetworkMode::Awsvpc => {
            if let Some(port) = entry.entry("port") {
                if let Some(second) = entry.entry("containerName").or_else(|| entry.entry("containerPort")) {
                    let text = "a registry has `port`, or `containerName` and `containerPort`, not both";
                    report.problem(second.key_span, text).again(port.key_span);
                } else {
                    of_a_container(&port.node, definition, report);
                }
            } else if of_type("SRV").is_some() || entry.get("containerName").is_some() || entry.get("containerPort").is_some() {
                both(entry, "an SRV record needs the port of a container", report);
            }
        }
    }
    container(entry, definition, report);
    Some(at)
}

fn missing(text: &str, node: &Node, known: &[Known<'_>], report: &mut Report) {
    if text.starts_with("arn:") {
        let id = text.rsplit('/').next().unwrap_or(text);
        report
            .problem(node.span, format!("no service of `namespaces` has the id `{id}`"))
            .hint(format!("add `id: {id}` to the one that stands for it here, or name it as `name.namespace`"));
        return;
    }
    let domains = || known.iter().map(|found| found.domain.as_str());
    let hint = report.suggest(text, domains()).unwrap_or_else(|| match known.len() {
        0 => "write it down: `namespaces: [{ name: local, services: [{ name: …, dnsConfig: { dnsRecords: [{ type: SRV, ttl: 60 }] } }] }]`".into(),
        _ => format!("there are {}", listed(domains())),
    });
    report.problem(node.span, format!("there is no service `{text}` in `namespaces`")).hint(hint);
}

fn both(entry: &Node, why: &str, report: &mut Report) {
    if entry.get("containerName").is_none() || entry.get("containerPort").is_none() {
        report.problem(entry.span, why).hint("add `containerName` and `containerPort`");
    }
}

/// A door leads to a container's port, so it must be one.
fn of_a_container(port: &Node, definition: &Node, report: &mut Report) {
    let Some(number) = port.integer() else { return };
    let mappings = definition.list("containerDefinitions").iter().flat_map(|container| container.list("portMappings"));
    let tcp: Vec<i64> =
        mappings.filter(|mapping| mapping.text_of("protocol") != Some("udp")).filter_map(|mapping| mapping.integer_of("containerPort")).collect();
    if !tcp.contains(&number) {
        let family = definition.text_of("family").unwrap_or_default();
        report
            .problem(port.span, format!("no container of `{family}` has the port {number} over TCP"))
            .hint(format!("add `portMappings: [{{containerPort: {number}}}]` to one"));
    }
}

/// As at AWS, who asks other name servers does not learn what Cloud Map knows.
fn own_name_servers(service: &Node, tree: &Node, index: &Index<'_>, report: &mut Report) {
    let registers = |name: &str| {
        tree.list("services").iter().any(|other| other.text_of("serviceName") == Some(name) && !other.list("serviceRegistries").is_empty())
    };
    let reached = service.list("connectsTo").iter().filter_map(Node::text);
    let sees = reached.chain(service.text_of("serviceName")).any(registers);
    let Some(definition) = index.definition_of(service).filter(|_| sees) else { return };
    for entry in definition.list("containerDefinitions").iter().filter_map(|container| container.entry("dnsServers")) {
        if !entry.node.asks_for_nothing() {
            report.note(entry.key_span, "names of Cloud Map are not known to name servers of a container's own".to_owned());
        }
    }
}
