//! That a task with a log router has logs for it, and that logs for a router have one (ecs.md 1.10).

use crate::node::Node;
use crate::problem::Report;

/// Options of a container's logs that are no plugin's.
const OWN: [&str; 5] = ["include-pattern", "exclude-pattern", "log-driver-buffer-limit", "mode", "max-buffer-size"];

pub(super) fn check(definition: &Node, report: &mut Report) {
    let containers = definition.list("containerDefinitions");
    let routers: Vec<&Node> = containers.iter().filter(|container| configuration(container).is_some()).collect();
    let drivers = containers.iter().filter_map(|container| container.get("logConfiguration"));
    let routed: Vec<&Node> = drivers.filter(|node| node.text_of("logDriver") == Some("awsfirelens")).collect();
    if let [first, second, ..] = routers.as_slice() {
        let place = |router: &Node| configuration(router).unwrap_or(router).span;
        report.problem(place(second), "a task has at most one container with `firelensConfiguration`").again(place(first));
    }
    match (routers.first(), routed.first()) {
        (Some(router), None) => {
            let text =
                "When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver.";
            let place = configuration(router).unwrap_or(router).span;
            report.problem(place, text).hint("add `logConfiguration: { logDriver: awsfirelens, options: { … } }` to the others");
        }
        (None, Some(logs)) => {
            report
                .problem(logs.span, "`awsfirelens` sends to the log router of the task, which has none")
                .hint("add a container with `firelensConfiguration: { type: fluentbit }`");
        }
        (Some(router), Some(_)) => {
            let kind = configuration(router).and_then(|node| node.text_of("type")).unwrap_or("fluentbit");
            for logs in &routed {
                output(logs, kind, report);
            }
        }
        (None, None) => {}
    }
}

fn configuration(container: &Node) -> Option<&Node> {
    container.get("firelensConfiguration").filter(|node| !node.asks_for_nothing())
}

/// What is told to a plugin needs one.
fn output(logs: &Node, kind: &str, report: &mut Report) {
    let key = if kind == "fluentd" { "@type" } else { "Name" };
    let options = logs.get("options").map(Node::entries).unwrap_or_default();
    let named = options.iter().any(|entry| entry.key == key);
    let others = options.iter().find(|entry| !OWN.contains(&entry.key.as_str()));
    if let Some(other) = others.filter(|_| !named) {
        report
            .problem(other.key_span, format!("missing output key {key} which is required for firelens configuration of type {kind}"))
            .hint(format!("add `\"{key}\": …`, the plugin that the logs go to"));
    }
}
