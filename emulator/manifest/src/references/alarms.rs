//! What alarms are about, and the alarms that deployments name (ecs.md 3.5).

use crate::node::Node;
use crate::problem::Report;
use crate::read::dimension_name;
use crate::suggest::listed;

/// What each dimension names, where in the manifest, and by which key.
const DIMENSIONS: [(&str, &str, &str, &str); 3] = [
    ("ServiceName", "service", "services", "serviceName"),
    ("TargetGroup", "target group", "targetGroups", "name"),
    ("LoadBalancer", "load balancer", "loadBalancers", "name"),
];

pub(super) fn check(tree: &Node, report: &mut Report) {
    for dimension in tree.list("alarms").iter().flat_map(|alarm| alarm.list("dimensions")) {
        let (Some(name), Some(value)) = (dimension.text_of("name"), dimension.get("value")) else { continue };
        if let Some((_, noun, list, key)) = DIMENSIONS.iter().find(|(dimension, ..)| *dimension == name) {
            let known: Vec<&str> = tree.list(list).iter().filter_map(|item| item.text_of(key)).collect();
            exists(noun, value, dimension_name(value.text().unwrap_or_default()), &known, report);
        }
    }
    let known: Vec<&str> = tree.list("alarms").iter().filter_map(|alarm| alarm.text_of("alarmName")).collect();
    let alarms = tree.list("services").iter().filter_map(|service| service.get("deploymentConfiguration")?.get("alarms"));
    for name in alarms.flat_map(|alarms| alarms.list("alarmNames")) {
        exists("alarm", name, name.text().unwrap_or_default(), &known, report);
    }
}

fn exists(noun: &str, node: &Node, name: &str, known: &[&str], report: &mut Report) {
    if known.contains(&name) {
        return;
    }
    let hint = report.suggest(name, known.iter().copied()).unwrap_or_else(|| match known {
        [] => format!("this manifest has no {noun}"),
        known => format!("there are {}", listed(known.iter().copied())),
    });
    report.problem(node.span, format!("there is no {noun} `{name}`")).hint(hint);
}
