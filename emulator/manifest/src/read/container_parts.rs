//! The lists inside a container definition (ecs.md 1.2, 1.3, 2.4).

use std::collections::BTreeMap;

use model::{
    AppProtocol, ContainerDependency, ContainerHealthCheck, DependencyCondition, HostEntry, PortMapping, RestartPolicy, TransportProtocol, Ulimit,
};

use crate::node::{Node, Span};
use crate::problem::Report;

/// The most exit codes that a restart policy ignores (ecs.md 1.8).
const MAX_IGNORED_CODES: usize = 50;

/// `None` when an item cannot be read, which the tables have reported.
pub(super) fn port_mappings(node: &Node, report: &mut Report) -> Option<Vec<PortMapping>> {
    let mut taken: BTreeMap<(u16, TransportProtocol), Span> = BTreeMap::new();
    let mut mappings = Vec::new();
    for item in node.list("portMappings") {
        let protocol = if item.text_of("protocol") == Some("udp") { TransportProtocol::Udp } else { TransportProtocol::Tcp };
        if let Some(name) = item.get("name") {
            mapping_name(name, report);
        }
        if item.get("containerPortRange").is_some() {
            continue;
        }
        if item.get("containerPort").is_none() {
            report.problem(item.span, "a port mapping needs `containerPort`, or `containerPortRange`");
            return None;
        }
        let container_port: u16 = item.integer_of("containerPort")?;
        let place = super::place(item, "containerPort");
        if let Some(first) = taken.insert((container_port, protocol), place) {
            report.problem(place, format!("container port {container_port} is mapped twice")).again(first);
        }
        let host_port = item.integer_of("hostPort").unwrap_or(0);
        let app_protocol = item.text_of("appProtocol").and_then(AppProtocol::from_word);
        mappings.push(PortMapping { container_port, host_port, protocol, name: item.text_of("name").map(str::to_owned), app_protocol });
    }
    Some(mappings)
}

fn mapping_name(node: &Node, report: &mut Report) {
    let Some(name) = node.text() else { return };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.chars().all(allowed) {
        report.problem(node.span, format!("port mapping name `{name}` has 1 to 64 of a-z, 0-9, `_` and `-`, and does not begin with `-`"));
    }
}

/// `None` when an item cannot be read, which the tables have reported.
pub(super) fn dependencies(node: &Node, report: &mut Report) -> Option<Vec<ContainerDependency>> {
    let items = node.list("dependsOn").iter();
    items
        .map(|item| {
            let condition = match item.text_of("condition")? {
                "START" => DependencyCondition::Start,
                "COMPLETE" => DependencyCondition::Complete,
                "SUCCESS" => DependencyCondition::Success,
                "HEALTHY" => DependencyCondition::Healthy,
                _ => return None,
            };
            Some(ContainerDependency { container_name: super::name_under(item, "containerName", report)?, condition })
        })
        .collect()
}

pub(super) fn health_check(node: &Node, report: &mut Report) -> Option<ContainerHealthCheck> {
    let command = node.texts_of("command");
    let place = super::place(node, "command");
    let form = "`[CMD, program, argument …]` or `[CMD-SHELL, line]`";
    match command.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // An item that is not a text has been reported.
        _ if node.get("command").is_none() || node.list("command").len() != command.len() => return None,
        ["CMD", _, ..] | ["CMD-SHELL", _] => {}
        ["CMD" | "CMD-SHELL"] => {
            report.problem(place, "the health check's command says nothing to run").hint(form);
        }
        ["CMD-SHELL", ..] => {
            report.problem(place, "`CMD-SHELL` takes one line").hint(form);
        }
        _ => {
            report.problem(place, "a health check's command begins with `CMD` or `CMD-SHELL`").hint(form);
        }
    }
    Some(ContainerHealthCheck {
        command,
        interval: node.integer_of("interval").unwrap_or(30),
        timeout: node.integer_of("timeout").unwrap_or(5),
        retries: node.integer_of("retries").unwrap_or(3),
        start_period: node.integer_of("startPeriod").unwrap_or(0),
    })
}

/// The policy, if it is enabled.
pub(super) fn restart_policy(node: &Node, report: &mut Report) -> Option<RestartPolicy> {
    let policy = node.get("restartPolicy")?;
    let codes = policy.list("ignoredExitCodes");
    if let Some(first) = codes.get(MAX_IGNORED_CODES) {
        report.problem(first.span, format!("`ignoredExitCodes` has at most {MAX_IGNORED_CODES} codes, this one has {}", codes.len()));
    }
    (policy.boolean_of("enabled") == Some(true)).then(|| RestartPolicy {
        ignored_exit_codes: codes.iter().filter_map(Node::integer).collect(),
        restart_attempt_period: policy.integer_of("restartAttemptPeriod").unwrap_or(300),
    })
}

/// `None` when an item cannot be read, which the tables have reported.
pub(super) fn ulimits(node: &Node, report: &mut Report) -> Option<Vec<Ulimit>> {
    let items = node.list("ulimits").iter();
    items
        .map(|item| {
            let limit = Ulimit { name: item.text_of("name")?.to_owned(), soft: item.integer_of("softLimit")?, hard: item.integer_of("hardLimit")? };
            if limit.hard >= 0 && (limit.soft > limit.hard || limit.soft < 0) {
                report.problem(super::place(item, "softLimit"), format!("the soft limit of `{}` is above its hard limit", limit.name));
            }
            Some(limit)
        })
        .collect()
}

/// `None` when an item cannot be read, which has been reported.
pub(super) fn host_entries(node: &Node, report: &mut Report) -> Option<Vec<HostEntry>> {
    let items = node.list("extraHosts").iter();
    items
        .map(|item| {
            let (hostname, address) = (item.text_of("hostname")?, item.text_of("ipAddress")?);
            if address.parse::<std::net::IpAddr>().is_err() && address != "host-gateway" {
                report.problem(super::place(item, "ipAddress"), format!("`{address}` is not an address"));
            }
            Some(HostEntry { hostname: hostname.to_owned(), ip_address: address.to_owned() })
        })
        .collect()
}
