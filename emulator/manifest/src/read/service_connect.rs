//! Service Connect (ecs.md 8). Whether ports and names fit is asked in [`crate::references`].

use model::{ServiceConnect, ServiceConnectService};

use crate::node::Node;
use crate::problem::Report;

/// The name in an ARN of Cloud Map's, or the text itself.
pub(crate) fn namespace_of(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, name)| name)
}

/// The configuration of a service that has it enabled; `fallback` is the cluster's namespace.
pub(super) fn read(node: &Node, fallback: Option<&str>, report: &mut Report) -> Option<Option<ServiceConnect>> {
    if node.boolean_of("enabled") != Some(true) {
        return Some(None);
    }
    let Some(namespace) = node.text_of("namespace").or(fallback).map(namespace_of) else {
        report
            .problem(node.span, "Service Connect needs a namespace, and neither the service nor the cluster has one")
            .hint("add `namespace: local` here, or `serviceConnectDefaults: { namespace: local }` to the manifest");
        return None;
    };
    // All problems, not the first.
    let services: Vec<_> = node.list("services").iter().map(|item| service(item, namespace, report)).collect();
    Some(Some(ServiceConnect { namespace: namespace.to_owned(), services: services.into_iter().collect::<Option<_>>()? }))
}

fn service(node: &Node, namespace: &str, report: &mut Report) -> Option<ServiceConnectService> {
    let port_name = node.text_of("portName")?.to_owned();
    let discovery_name = node.text_of("discoveryName").unwrap_or(&port_name).to_owned();
    let aliases = node.list("clientAliases");
    if let Some(more) = aliases.get(1) {
        report.problem(more.span, "an endpoint has one client alias").hint("remove it");
    }
    let alias = aliases.first()?;
    let dns_name = dns_name_of(node, alias, namespace)?;
    if !is_host(&dns_name) {
        let place = super::place(alias, "dnsName");
        report.problem(place, format!("`{dns_name}` is not a host's name: letters, digits, `.`, `-` and `_`, at most 253 of them"));
    }
    let timeout = |key: &str| node.get("timeout").and_then(|timeout| timeout.integer_of(key));
    Some(ServiceConnectService {
        client_port: alias.integer_of("port")?,
        dns_name,
        idle_timeout: timeout("idleTimeoutSeconds"),
        per_request_timeout: timeout("perRequestTimeoutSeconds"),
        port_name,
        discovery_name,
    })
}

/// What clients of an endpoint ask for.
pub(crate) fn dns_name_of(service: &Node, alias: &Node, namespace: &str) -> Option<String> {
    let discovery_name = service.text_of("discoveryName").or_else(|| service.text_of("portName"))?;
    Some(alias.text_of("dnsName").map_or_else(|| format!("{discovery_name}.{namespace}"), str::to_owned))
}

/// Whether a text is the name of a host, or a domain.
pub(super) fn is_host(name: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    name.len() <= 253 && name.split('.').all(label)
}
