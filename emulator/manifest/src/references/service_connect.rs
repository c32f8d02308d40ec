//! What the endpoints of Service Connect refer to, and that each name means one thing.

use std::collections::BTreeMap;

use model::NetworkMode;

use super::{Index, connections};
use crate::node::Node;
use crate::problem::Report;
use crate::read::{dns_name_of, namespace_of, network_mode};
use crate::suggest::listed;

/// A service that takes part.
struct Member<'a> {
    service: &'a Node,
    name: &'a str,
    configuration: &'a Node,
    namespace: &'a str,
}

/// A name that clients ask for.
struct Endpoint<'a> {
    server: &'a str,
    namespace: &'a str,
    dns_name: String,
    port: u16,
    alias: &'a Node,
}

pub(super) fn check(tree: &Node, index: &Index<'_>, report: &mut Report) {
    let fallback = tree.get("serviceConnectDefaults").and_then(|node| node.text_of("namespace"));
    let members: Vec<Member<'_>> = tree.list("services").iter().filter_map(|service| member(service, fallback)).collect();
    let mut endpoints: Vec<Endpoint<'_>> = Vec::new();
    for member in &members {
        has_a_network(member, index, report);
        for service in member.configuration.list("services") {
            port(service, index.definition_of(member.service), report);
            let Some(endpoint) = endpoint(member, service) else { continue };
            if let Some(first) = endpoints.iter().find(|first| clash(first, &endpoint)) {
                twice(&endpoint, first, report);
            }
            endpoints.push(endpoint);
        }
    }
    for endpoint in &endpoints {
        for client in members.iter().filter(|client| client.namespace == endpoint.namespace) {
            // The name of a container of a task's own is no name at AWS, so the endpoint has it.
            let definition = index.definition_of(client.service);
            if let Some(what) = definition.and_then(|definition| connections::host_of(definition, &endpoint.dns_name)) {
                let text = format!("`{}` is also {what} in the containers of `{}`", endpoint.dns_name, client.name);
                report.problem(endpoint.alias.span, text).hint("give the endpoint another `dnsName`");
            }
            let connected = client.service.list("connectsTo").iter().find(|node| node.text() == Some(&endpoint.dns_name));
            if let Some(node) = connected.filter(|_| endpoint.dns_name != endpoint.server) {
                let text = format!("`{}` is also what `{}` is called by Service Connect", endpoint.dns_name, endpoint.server);
                report.problem(node.span, text).hint("give the endpoint another `dnsName`");
            }
        }
    }
}

fn member<'a>(service: &'a Node, fallback: Option<&'a str>) -> Option<Member<'a>> {
    let configuration = service.get("serviceConnectConfiguration").filter(|node| node.boolean_of("enabled") == Some(true))?;
    let namespace = configuration.text_of("namespace").or(fallback).map(namespace_of)?;
    Some(Member { service, name: service.text_of("serviceName")?, configuration, namespace })
}

fn endpoint<'a>(member: &Member<'a>, service: &'a Node) -> Option<Endpoint<'a>> {
    let alias = service.list("clientAliases").first()?;
    let (dns_name, port) = (dns_name_of(service, alias, member.namespace)?, alias.integer_of("port")?);
    Some(Endpoint { server: member.name, namespace: member.namespace, dns_name, port, alias })
}

/// A name stands for one address, and every service has one: another service cannot have the name, nor the same service the port twice.
fn clash(first: &Endpoint<'_>, second: &Endpoint<'_>) -> bool {
    let same_name = first.dns_name == second.dns_name && (first.server != second.server || first.port == second.port);
    let same_port = first.server == second.server && first.port == second.port;
    first.namespace == second.namespace && (same_name || same_port)
}

fn twice(endpoint: &Endpoint<'_>, first: &Endpoint<'_>, report: &mut Report) {
    let Endpoint { server, dns_name, port, .. } = endpoint;
    let (text, hint) = if first.server == *server {
        (format!("two endpoints of `{server}` ask for port {port}"), "give each a port of its own: the service has one address")
    } else {
        (format!("`{dns_name}` is also an endpoint of `{}`", first.server), "give each service names of its own, whatever their ports")
    };
    report.problem(endpoint.alias.span, text).again(first.alias.span).hint(hint);
}

/// ECS knows no proxy in a task that has no network of its own.
fn has_a_network(member: &Member<'_>, index: &Index<'_>, report: &mut Report) {
    let Some(definition) = index.definition_of(member.service) else { return };
    let mode = network_mode::of(definition);
    if matches!(mode, NetworkMode::Host | NetworkMode::None) {
        let family = definition.text_of("family").unwrap_or_default();
        let text = format!("Service Connect is not supported with `networkMode: {}`", mode.as_str());
        report.problem(member.configuration.span, text).hint(format!("give `{family}` `networkMode: bridge` or `awsvpc`"));
    }
}

/// The port mapping of an endpoint.
fn port(service: &Node, definition: Option<&Node>, report: &mut Report) {
    let (Some(definition), Some(node)) = (definition, service.get("portName")) else { return };
    let Some(name) = node.text() else { return };
    let mappings = definition.list("containerDefinitions").iter().flat_map(|container| container.list("portMappings"));
    let named: BTreeMap<&str, &Node> = mappings.filter_map(|mapping| Some((mapping.text_of("name")?, mapping))).collect();
    let family = definition.text_of("family").unwrap_or_default();
    match named.get(name) {
        None => {
            let hint = report.suggest(name, named.keys().copied()).unwrap_or_else(|| match named.len() {
                0 => format!("give a port mapping of `{family}` `name: {name}`"),
                _ => format!("its port mappings are called {}", listed(named.keys().copied())),
            });
            report.problem(node.span, format!("no port mapping of `{family}` is called `{name}`")).hint(hint);
        }
        Some(mapping) if mapping.text_of("protocol") == Some("udp") || mapping.get("containerPort").is_none() => {
            report
                .problem(node.span, format!("`{name}` is not a single port over TCP, which Service Connect needs"))
                .hint("name another port mapping");
        }
        Some(mapping) if mapping.get("appProtocol").is_none() => {
            if let Some(timeout) = service.get("timeout").and_then(|timeout| timeout.entry("perRequestTimeoutSeconds")) {
                report
                    .problem(timeout.key_span, "over TCP there are no requests that could time out")
                    .hint(format!("remove it, or give the port mapping `{name}` an `appProtocol`"));
            }
        }
        Some(_) => {}
    }
}
