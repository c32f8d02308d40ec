//! What refers to what: names that must exist, circles that must not, ports that two cannot have.

mod alarms;
mod connections;
mod containers;
mod discovery;
mod firelens;
mod service_connect;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use model::{NetworkMode, RoleName, TargetType, TaskDefinitionName};

use crate::node::{Node, Span};
use crate::problem::Report;
use crate::read::network_mode::{self, static_port};
use crate::read::{action_lists, actions_of, address_of, authenticating, forwarded_groups, target_group_name};
use crate::suggest::listed;

/// Checks every reference of a tree whose shapes have been checked.
pub(crate) fn check(tree: &Node, report: &mut Report) {
    let index = Index::new(tree);
    let forwarded = actions(tree, &index, report);
    protocols(tree, &index, report);
    shared_ports(tree, report);
    let mut registered = BTreeSet::new();
    for service in tree.list("services") {
        task_definition(service, &index, report);
        memory_to_measure(service, &index, report);
        network_configuration(service, &index, report);
        for entry in service.list("loadBalancers") {
            registered.extend(load_balancer(service, entry, &index, &forwarded, report));
            registered.extend(traffic::shifted(tree, entry, &index, report));
        }
    }
    connections::check(tree, &index, report);
    service_connect::check(tree, &index, report);
    discovery::check(tree, &index, report);
    alarms::check(tree, report);
    for scheduled in tree.list("scheduledTasks") {
        task_definition(scheduled, &index, report);
        overrides(scheduled, &index, report);
    }
    for (name, span) in &index.target_groups {
        if !forwarded.contains(name) && !registered.contains(name) {
            report.note(*span, format!("target group `{name}` is used by no action and no service"));
        }
    }
    used_by_a_listener(tree, report);
    for definition in tree.list("taskDefinitions") {
        role(definition, tree, report);
        containers::check(definition, report);
        firelens::check(definition, report);
    }
    static_ports(tree, &index, report);
}

/// A role of AWS's, named by its ARN, need not be written down here; but what it may do is not known then.
fn role(definition: &Node, tree: &Node, report: &mut Report) {
    let known: Vec<&str> = tree.list("roles").iter().filter_map(|role| role.text_of("roleName")).collect();
    for (key, then) in [("taskRoleArn", "its tasks have no credentials"), ("executionRoleArn", "it may fetch all that they need")] {
        let Some((node, name)) = definition.get(key).and_then(|node| Some((node, RoleName::of_arn(node.text()?).ok()?))) else { continue };
        if known.contains(&name.as_str()) {
            continue;
        }
        if node.text() == Some(name.as_str()) {
            let hint = report.suggest(name.as_str(), known.iter().copied()).unwrap_or_else(|| "write it down under `roles`".into());
            report.problem(node.span, format!("there is no role `{name}`")).hint(hint);
        } else {
            report.note(node.span, format!("`roles` does not have the role `{name}`: what it may do is not known here, so {then}"));
        }
    }
}

/// The names of everything, read from the tree: a thing that is wrong in itself is not missing.
struct Index<'a> {
    target_groups: BTreeMap<&'a str, Span>,
    /// The kind of cookie of each target group with stickiness.
    sticky: BTreeMap<&'a str, &'a str>,
    /// The type of each target group.
    types: BTreeMap<&'a str, TargetType>,
    /// The version of HTTP of each target group that has another than HTTP1.
    versions: BTreeMap<&'a str, &'a str>,
    definitions: BTreeMap<&'a str, &'a Node>,
    /// Whether an instance's engine is reached through `ssh`.
    through_ssh: bool,
}

fn target_type(group: &Node) -> TargetType {
    if group.text_of("targetType") == Some("ip") { TargetType::Ip } else { TargetType::Instance }
}

impl<'a> Index<'a> {
    fn new(tree: &'a Node) -> Self {
        let names = |key: &str, name: &'static str| tree.list(key).iter().filter_map(move |item| Some((item.text_of(name)?, item)));
        let sticky = |(name, item): (&'a str, &'a Node)| {
            let attributes = item.get("attributes").filter(|attributes| attributes.boolean_of("stickiness.enabled") == Some(true))?;
            Some((name, attributes.text_of("stickiness.type").unwrap_or("lb_cookie")))
        };
        Self {
            types: names("targetGroups", "name").map(|(name, item)| (name, target_type(item))).collect(),
            versions: names("targetGroups", "name")
                .filter_map(|(name, item)| Some((name, item.text_of("protocolVersion").filter(|version| matches!(*version, "HTTP2" | "GRPC"))?)))
                .collect(),
            through_ssh: names("containerInstances", "endpoint").any(|(endpoint, _)| endpoint.starts_with("ssh://")),
            sticky: names("targetGroups", "name").filter_map(sticky).collect(),
            target_groups: names("targetGroups", "name").map(|(name, item)| (name, item.get("name").unwrap_or(item).span)).collect(),
            definitions: names("taskDefinitions", "family").collect(),
        }
    }

    /// The definition that a service runs, if it is this manifest's own.
    fn definition_of(&self, service: &Node) -> Option<&'a Node> {
        match TaskDefinitionName::split(service.text_of("taskDefinition")?) {
            (family, None) => self.definitions.get(family).copied(),
            (_, Some(_)) => None,
        }
    }
}

/// Every reference of an action to a target group, with the load balancer's name.
fn actions<'a>(tree: &'a Node, index: &Index<'_>, report: &mut Report) -> BTreeSet<&'a str> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for balancer in tree.list("loadBalancers") {
        let owner = balancer.text_of("name").unwrap_or_default();
        let all = balancer.list("listeners").iter().flat_map(actions_of);
        for action in all.clone() {
            weighted_stickiness(action, index, report);
        }
        for node in all.flat_map(forwarded_groups) {
            let Some(name) = node.text().map(target_group_name) else { continue };
            if !target_group_exists(name, node, index, report) {
                continue;
            }
            let first = *owners.entry(name).or_insert(owner);
            if first != owner {
                report
                    .problem(node.span, format!("The following target groups cannot be associated with more than one load balancer: {name}"))
                    .hint(format!("it belongs to `{first}` already; make a second target group"));
            }
        }
    }
    owners.into_keys().collect()
}

/// HTTP/2 and gRPC reach their targets from HTTPS listeners alone, and by nothing but `forward` (alb.md 4).
fn protocols(tree: &Node, index: &Index<'_>, report: &mut Report) {
    let listeners = tree.list("loadBalancers").iter().flat_map(|balancer| balancer.list("listeners"));
    let version_of = |node: &Node| node.text().and_then(|name| index.versions.get_key_value(target_group_name(name)));
    for listener in listeners {
        for actions in action_lists(listener) {
            let authenticating = actions.iter().find_map(authenticating);
            for (node, (name, version)) in actions.iter().flat_map(forwarded_groups).filter_map(|node| Some((node, version_of(node)?))) {
                // Another word than HTTP or HTTPS has been reported.
                match (listener.text_of("protocol"), authenticating) {
                    (None | Some("HTTP"), _) => {
                        let message = format!("Listener protocol 'HTTP' is not supported with a target group with the protocol-version '{version}'");
                        report.problem(node.span, message).hint(format!("give the listener `protocol: HTTPS`, or `{name}` `protocolVersion: HTTP1`"));
                    }
                    (Some("HTTPS"), Some(kind)) => {
                        let message = format!("Actions of type '{kind}' are not supported with a target group with the protocol-version '{version}'");
                        report.problem(node.span, message).hint(format!("only `forward` is: give `{name}` `protocolVersion: HTTP1`"));
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Load balancers that share a port are told apart by the host that is asked for, once the protocol is known.
fn shared_ports(tree: &Node, report: &mut Report) {
    let mut known: BTreeMap<i64, (&str, &str)> = BTreeMap::new();
    for balancer in tree.list("loadBalancers") {
        let owner = balancer.text_of("name").unwrap_or_default();
        for listener in balancer.list("listeners") {
            let Some(port) = listener.get("port") else { continue };
            let protocol = listener.text_of("protocol").unwrap_or("HTTP");
            let Some(number) = port.integer() else { continue };
            let (first, before) = *known.entry(number).or_insert((owner, protocol));
            if before != protocol {
                report
                    .problem(port.span, format!("port {number} cannot be {protocol} here and {before} at load balancer `{first}`"))
                    .hint("load balancers of this machine may share a port, but only with one protocol; give one of them another port");
            }
        }
    }
}

/// What target groups with stickiness ask of an action that chooses between several (alb.md 3 and 7).
fn weighted_stickiness(action: &Node, index: &Index<'_>, report: &mut Report) {
    let Some(config) = action.get("forwardConfig").filter(|config| config.list("targetGroups").len() > 1) else { return };
    let enabled = config.get("targetGroupStickinessConfig").and_then(|stickiness| stickiness.boolean_of("enabled")) == Some(true);
    for node in config.list("targetGroups").iter().filter_map(|group| group.get("targetGroup")) {
        let Some((name, kind)) = node.text().map(target_group_name).and_then(|name| index.sticky.get_key_value(name)) else { continue };
        if *kind == "app_cookie" {
            report
                .problem(node.span, format!("Target group '{name}' is sticky by an application's cookie, which weighted target groups cannot be"))
                .hint("use `stickiness.type: lb_cookie`");
        } else if !enabled {
            report
                .problem(node.span, format!("Target group '{name}' is sticky, and the action that chooses between several groups is not"))
                .hint("add `targetGroupStickinessConfig: {enabled: true, durationSeconds: 86400}` to `forwardConfig`");
        }
    }
}

fn target_group_exists(name: &str, node: &Node, index: &Index<'_>, report: &mut Report) -> bool {
    let exists = index.target_groups.contains_key(name);
    if !exists {
        let hint = report.suggest(name, index.target_groups.keys().copied()).unwrap_or_else(|| "list it under `targetGroups`".into());
        report.problem(node.span, format!("Target group '{name}' not found")).label("no such target group").hint(hint);
    }
    exists
}

fn task_definition(service: &Node, index: &Index<'_>, report: &mut Report) {
    let Some((node, text)) = service.get("taskDefinition").and_then(|node| node.text().map(|text| (node, text))) else { return };
    let (family, revision) = TaskDefinitionName::split(text);
    if revision.is_none() && !index.definitions.contains_key(family) {
        let hint = report.suggest(family, index.definitions.keys().copied()).unwrap_or_else(|| "list it under `taskDefinitions`".into());
        report.problem(node.span, format!("the task definition `{family}` is not in this manifest")).label("no such family").hint(hint);
    }
}

/// Memory is measured in per cent of what tasks reserve.
fn memory_to_measure(service: &Node, index: &Index<'_>, report: &mut Report) {
    let Some(definition) = index.definition_of(service) else { return };
    let reserves = |node: &Node| node.get("memory").or_else(|| node.get("memoryReservation")).is_some();
    if reserves(definition) || definition.list("containerDefinitions").iter().any(reserves) {
        return;
    }
    for policy in service.get("scalableTarget").map(|target| target.list("scalingPolicies")).unwrap_or_default() {
        let tracked = policy.get("targetTrackingScalingPolicyConfiguration").and_then(|node| node.get("predefinedMetricSpecification"));
        let metrics = [tracked.and_then(|node| node.get("predefinedMetricType")), policy.get("alarm").and_then(|node| node.get("metricName"))];
        for metric in metrics.into_iter().flatten().filter(|node| node.text().is_some_and(|text| text.contains("Memory"))) {
            report
                .problem(metric.span, "the tasks reserve no memory, of which this would be a share")
                .hint("add `memory` or `memoryReservation` to the containers of its task definition");
        }
    }
}

/// What a scheduled task overrides is there.
fn overrides(scheduled: &Node, index: &Index<'_>, report: &mut Report) {
    let Some(definition) = index.definition_of(scheduled) else { return };
    let containers = definition.list("containerDefinitions");
    let names = || containers.iter().filter_map(|container| container.text_of("name"));
    for node in scheduled.list("containerOverrides").iter().filter_map(|item| item.get("name")) {
        let Some(name) = node.text().filter(|name| names().all(|known| known != *name)) else { continue };
        let hint = report.suggest(name, names()).unwrap_or_else(|| format!("its containers are {}", listed(names())));
        report.problem(node.span, format!("Override for container named {name} is not a container in the TaskDefinition.")).hint(hint);
    }
}

/// One entry of a service's `loadBalancers` (the sentences of ecs.md 4); gives the target group's name.
fn load_balancer<'a>(service: &Node, entry: &'a Node, index: &Index<'_>, forwarded: &BTreeSet<&str>, report: &mut Report) -> Option<&'a str> {
    let group = entry.get("targetGroup").and_then(|node| node.text().map(|text| (target_group_name(text), node)));
    if let Some((name, node)) = group
        && target_group_exists(name, node, index, report)
        && !forwarded.contains(name)
    {
        report
            .problem(node.span, format!("The target group with targetGroupArn {name} does not have an associated load balancer."))
            .hint("forward to it from a listener's default action or from a rule");
    }
    if let Some(definition) = index.definition_of(service) {
        let mode = network_mode::of(definition);
        if let Some((name, node)) = group {
            reachable(name, node, mode, index, report);
            if mode == NetworkMode::Host && index.through_ssh {
                report
                    .problem(node.span, "a task on its host's network is not reached through `ssh://`, which brings published ports here")
                    .hint("use `networkMode: bridge`, or an `endpoint` of `tcp://` or `unix://`");
            }
        }
        if mode != NetworkMode::None {
            container(entry, definition, report);
        }
    }
    group.map(|(name, _)| name)
}

/// Tasks with addresses of their own register by them, others by the instance.
fn reachable(name: &str, node: &Node, mode: NetworkMode, index: &Index<'_>, report: &mut Report) {
    let Some(kind) = index.types.get(name).copied().filter(|kind| !mode.registers_in(*kind)) else { return };
    let hint = match mode {
        NetworkMode::Awsvpc => format!("add `targetType: ip` to `{name}`"),
        NetworkMode::Bridge | NetworkMode::Host => format!("remove `targetType: ip` from `{name}`, or make a second target group for this service"),
        NetworkMode::None => "no load balancer reaches a task without a network: remove it, or use `networkMode: bridge`".to_owned(),
    };
    report.problem(node.span, mode.refusal(name, kind)).hint(hint);
}

fn network_configuration(service: &Node, index: &Index<'_>, report: &mut Report) {
    let Some(entry) = service.entry("networkConfiguration").filter(|entry| !entry.node.asks_for_nothing()) else { return };
    let Some(definition) = index.definition_of(service).filter(|definition| network_mode::of(definition) != NetworkMode::Awsvpc) else { return };
    let family = definition.text_of("family").unwrap_or_default();
    report
        .problem(entry.key_span, "Network Configuration is not valid for the given networkMode of this task definition.")
        .hint(format!("remove it, or give `{family}` `networkMode: awsvpc`"));
}

fn container(entry: &Node, definition: &Node, report: &mut Report) -> Option<()> {
    let node = entry.get("containerName")?;
    let name = node.text()?;
    let containers = definition.list("containerDefinitions");
    let names = containers.iter().filter_map(|container| container.text_of("name"));
    let Some(found) = containers.iter().find(|container| container.text_of("name") == Some(name)) else {
        let hint = report.suggest(name, names.clone()).unwrap_or_else(|| format!("its containers are {}", listed(names)));
        report.problem(node.span, format!("The container {name} does not exist in the task definition.")).hint(hint);
        return None;
    };
    let port = entry.get("containerPort")?;
    let number = port.integer()?;
    let mappings = found.list("portMappings");
    // A service registers single ports; those of a range are not among them.
    let tcp = mappings.iter().filter(|mapping| mapping.text_of("protocol") != Some("udp") && mapping.get("containerPortRange").is_none());
    // A mapping without a readable port has been reported; it may be the one that is meant.
    let ports = tcp.map(|mapping| mapping.integer_of::<i64>("containerPort")).collect::<Option<Vec<_>>>()?;
    if !ports.contains(&number) {
        let hint = if ports.is_empty() {
            format!("add `portMappings: [{{containerPort: {number}}}]` to it")
        } else {
            let known: Vec<String> = ports.iter().map(i64::to_string).collect();
            format!("its container ports are {}", listed(known.iter().map(String::as_str)))
        };
        report.problem(port.span, format!("The container {name} did not have a container port {number} defined.")).hint(hint);
    }
    Some(())
}

/// A target that is a listener would be asked by itself.
fn used_by_a_listener(tree: &Node, report: &mut Report) {
    let listeners = tree.list("loadBalancers").iter().flat_map(|balancer| balancer.list("listeners"));
    let ports: BTreeSet<u16> = listeners.filter_map(|listener| listener.integer_of("port")).collect();
    for group in tree.list("targetGroups") {
        for target in group.list("targets") {
            let Some(id) = target.get("id") else { continue };
            let loopback = id.text().and_then(address_of).is_some_and(|address| address.is_loopback());
            let port: Option<u16> = target.integer_of("port").or_else(|| group.integer_of("port"));
            if let Some(port) = port.filter(|port| loopback && ports.contains(port)) {
                report
                    .problem(id.span, "The IP address cannot be used as a target, as it is in use by a load balancer")
                    .hint(format!("port {port} is a listener's: give the target's own port with `port`"));
            }
        }
    }
}

/// A fixed host port belongs to one task of one service, and to no listener.
fn static_ports(tree: &Node, index: &Index<'_>, report: &mut Report) {
    let mut owners: BTreeMap<u16, String> = BTreeMap::new();
    for balancer in tree.list("loadBalancers") {
        for port in balancer.list("listeners").iter().filter_map(|listener| listener.integer_of("port")) {
            owners.insert(port, format!("a listener of load balancer `{}`", balancer.text_of("name").unwrap_or_default()));
        }
    }
    for service in tree.list("services") {
        let Some(definition) = index.definition_of(service) else { continue };
        let name = service.text_of("serviceName").unwrap_or_default();
        let count = service.integer_of::<u32>("desiredCount").unwrap_or(1);
        let mode = network_mode::of(definition);
        let (several, other) = match mode {
            NetworkMode::Host => ("`networkMode: bridge` or `awsvpc` gives every task ports of its own", "on the host's network a port is used once"),
            _ => ("`hostPort: 0` gives every task a port of its own", "`hostPort: 0` takes a free port"),
        };
        for mapping in definition.list("containerDefinitions").iter().flat_map(|container| container.list("portMappings")) {
            let Some((port, place)) = static_port(mapping, mode).filter(|_| mapping.text_of("protocol") != Some("udp")) else { continue };
            if count > 1 {
                report.problem(place, format!("host port {port} can be used by one task, but service `{name}` wants {count}")).hint(several);
            }
            let own = format!("service `{name}`");
            match owners.get(&port) {
                Some(holder) if *holder != own => {
                    report.problem(place, format!("host port {port} of {own} is already used by {holder}")).hint(other);
                }
                _ => {
                    owners.insert(port, own);
                }
            }
        }
    }
}
