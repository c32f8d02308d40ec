//! Cloud Map: namespaces with their services, and what a service registers its tasks in (ecs.md 8). Whether ports and records fit is
//! asked in [`crate::references`].

use model::{DiscoveryService, RoutingPolicy, ServiceRegistry};

use super::service_connect::is_host;
use crate::node::Node;
use crate::problem::Report;

/// A service of Cloud Map, with its id at AWS where that is said.
pub(crate) struct Discovered {
    pub(crate) id: Option<String>,
    pub(crate) service: DiscoveryService,
}

/// Every service of every namespace.
pub(super) fn all(tree: &Node, report: &mut Report) -> Vec<Discovered> {
    let mut found = Vec::new();
    for namespace in tree.list("namespaces") {
        let Some(name) = namespace.text_of("name") else { continue };
        domain(super::place(namespace, "name"), name, report);
        for node in namespace.list("services") {
            found.extend(service(node, name, report));
        }
    }
    found
}

fn domain(place: crate::node::Span, name: &str, report: &mut Report) {
    if !is_host(name) {
        report.problem(place, format!("`{name}` is not a domain: letters, digits, `.`, `-` and `_`, at most 253 of them"));
    }
}

fn service(node: &Node, namespace: &str, report: &mut Report) -> Option<Discovered> {
    let name = node.text_of("name")?;
    let config = node.get("dnsConfig")?;
    let (mut a, mut srv) = (None, None);
    for record in config.list("dnsRecords") {
        let (kind, ttl) = (record.text_of("type")?, record.integer_of("ttl")?);
        let slot = match kind {
            "A" => &mut a,
            "SRV" => &mut srv,
            _ => continue,
        };
        if slot.replace(ttl).is_some() {
            report.problem(record.span, format!("there are two DNS records of the type {kind}")).hint("remove one");
        }
    }
    let weighted = config.text_of("routingPolicy") == Some("WEIGHTED");
    let service = DiscoveryService {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        a,
        srv,
        routing_policy: if weighted { RoutingPolicy::Weighted } else { RoutingPolicy::Multivalue },
        custom_health: node.entry("healthCheckCustomConfig").is_some_and(|entry| !entry.node.is_null()),
    };
    domain(super::place(node, "name"), &service.domain(), report);
    Some(Discovered { id: node.text_of("id").map(str::to_owned), service })
}

/// What a reference means: the id in an ARN, or `name.namespace`.
pub(crate) fn referred<'d>(text: &str, known: impl IntoIterator<Item = (Option<&'d str>, String)>) -> Option<usize> {
    let id = text.starts_with("arn:").then(|| text.rsplit('/').next().unwrap_or(text));
    known.into_iter().position(|(own, domain)| match id {
        Some(id) => own == Some(id),
        None => domain.eq_ignore_ascii_case(text) || own == Some(text),
    })
}

/// What a service registers its tasks in. That there is no such thing is told where references are.
pub(super) fn registry(service: &Node, known: &[Discovered], report: &mut Report) -> Option<Option<ServiceRegistry>> {
    let items = service.list("serviceRegistries");
    if let Some(more) = items.get(1) {
        report.problem(more.span, "a service has at most one service registry").hint("remove it");
        return None;
    }
    let Some(node) = items.first() else { return Some(None) };
    let container_name = match node.get("containerName") {
        Some(node) => Some(super::name(node, report)?),
        None => None,
    };
    let at = referred(node.text_of("registry")?, known.iter().map(|found| (found.id.as_deref(), found.service.domain())));
    let Some(found) = at.and_then(|at| known.get(at)) else { return Some(None) };
    let port = node.integer_of("containerPort").or_else(|| node.integer_of("port"));
    Some(Some(ServiceRegistry { discovery: found.service.clone(), container_name, port }))
}
