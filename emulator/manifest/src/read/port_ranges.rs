//! `containerPortRange` of port mappings (ecs.md 1.3).

use model::{NetworkMode, PortRange, TransportProtocol};

use crate::node::{Node, Span};
use crate::problem::Report;

/// The most ranges of one container.
const MAX_RANGES: usize = 100;

/// The ranges of a container; what cannot be read has been reported.
pub(super) fn read(container: &Node, report: &mut Report) -> Option<Vec<PortRange>> {
    let items = container.list("portMappings");
    let written = || items.iter().filter_map(|item| Some((item, item.get("containerPortRange")?)));
    if let Some((_, node)) = written().nth(MAX_RANGES) {
        report.problem(node.span, format!("a container has at most {MAX_RANGES} ranges of ports"));
    }
    let ranges: Vec<_> = written().map(|(item, node)| read_one(item, node, report)).collect();
    ranges.into_iter().collect()
}

fn read_one(item: &Node, node: &Node, report: &mut Report) -> Option<PortRange> {
    for key in ["hostPort", "containerPort"] {
        if let Some(entry) = item.entry(key).filter(|entry| !entry.node.asks_for_nothing()) {
            report.problem(entry.key_span, format!("a port mapping with `containerPortRange` has no `{key}`")).hint("remove one of the two");
        }
    }
    let Some((first, last)) = parts(node) else {
        report
            .problem(node.span, format!("`containerPortRange` is `first-last`, found {}", node.describe()))
            .hint("two ports from 1 to 65535, for example `8000-8010`");
        return None;
    };
    Some(PortRange { first, last, protocol: protocol(item), name: item.text_of("name").map(str::to_owned) })
}

fn parts(node: &Node) -> Option<(u16, u16)> {
    let (first, last) = node.text()?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (0 < first && first <= last).then_some((first, last))
}

fn protocol(item: &Node) -> TransportProtocol {
    if item.text_of("protocol") == Some("udp") { TransportProtocol::Udp } else { TransportProtocol::Tcp }
}

/// Ranges only where a port can be another one outside, and none that reaches into another one: of the container, or of the network that
/// the containers share.
pub(super) fn check(definition: &Node, mode: NetworkMode, report: &mut Report) {
    let containers = definition.list("containerDefinitions");
    if mode == NetworkMode::Host {
        for entry in containers.iter().flat_map(|container| container.list("portMappings")).filter_map(|item| item.entry("containerPortRange")) {
            report
                .problem(entry.key_span, "`containerPortRange` is not supported when networkMode=host")
                .hint("on this machine's own network every port is open: remove it");
        }
    }
    if mode == NetworkMode::Awsvpc {
        overlaps(containers.iter().flat_map(|container| container.list("portMappings")), report);
    } else {
        containers.iter().for_each(|container| overlaps(container.list("portMappings").iter(), report));
    }
}

fn overlaps<'a>(mappings: impl Iterator<Item = &'a Node>, report: &mut Report) {
    let mut known: Vec<(u16, u16, TransportProtocol, Span, bool)> = Vec::new();
    for item in mappings {
        let range = item.get("containerPortRange").and_then(|node| Some((parts(node)?, node.span, true)));
        let single = || item.get("containerPort").and_then(|node| Some((node.text()?.parse().ok()?, node.span)));
        let Some(((first, last), span, ranged)) = range.or_else(|| single().map(|(port, span): (u16, _)| ((port, port), span, false))) else {
            continue;
        };
        let protocol = protocol(item);
        let clash = known.iter().find(|other| other.2 == protocol && first <= other.1 && other.0 <= last && (ranged || other.4));
        // Two single ports have been compared.
        if let Some((.., earlier, _)) = clash {
            report.problem(span, "a range of ports reaches into another mapping").again(*earlier);
        }
        known.push((first, last, protocol, span, ranged));
    }
}
