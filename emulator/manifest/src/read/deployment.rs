//! When a deployment is given up, and when it has succeeded (ecs.md 3.5).

use model::{CircuitBreaker, DeploymentAlarms, EarlySuccess, FailureThreshold};

use super::place;
use crate::node::Node;
use crate::problem::Report;

/// What `deploymentConfiguration` says of it.
#[derive(Default)]
pub(super) struct Verdicts {
    pub(super) circuit_breaker: Option<CircuitBreaker>,
    pub(super) alarms: Option<DeploymentAlarms>,
    pub(super) early_success: Option<EarlySuccess>,
}

pub(super) fn read(node: &Node, minimum_healthy_percent: u32, report: &mut Report) -> Verdicts {
    Verdicts {
        circuit_breaker: node.get("deploymentCircuitBreaker").and_then(|node| circuit_breaker(node, report)),
        alarms: node.get("alarms").and_then(|node| alarms(node, report)),
        early_success: node.get("earlySuccessCriteria").and_then(|found| early_success(node, found, minimum_healthy_percent, report)),
    }
}

fn alarms(node: &Node, report: &mut Report) -> Option<DeploymentAlarms> {
    let names: Vec<String> = node.list("alarmNames").iter().filter_map(|name| name.text().map(str::to_owned)).collect();
    let enabled = node.boolean_of("enable")?;
    if enabled && names.is_empty() {
        report.problem(place(node, "alarmNames"), "deployment alarms that are enabled name at least one alarm").hint("or say `enable: false`");
    }
    enabled.then_some(DeploymentAlarms { names, rollback: node.boolean_of("rollback")? })
}

fn early_success(configuration: &Node, node: &Node, minimum_healthy_percent: u32, report: &mut Report) -> Option<EarlySuccess> {
    if !node.boolean_of("enable")? {
        return None;
    }
    if let Some(strategy) = configuration.text_of("strategy").filter(|strategy| *strategy != "ROLLING") {
        report
            .problem(node.span, format!("early success criteria are those of a rolling deployment, and this one is {strategy}"))
            .hint("remove them; `bakeTimeInMinutes` says when such a deployment is over");
        return None;
    }
    for key in ["healthyPercent", "sourceServiceRevisionCleanup"].into_iter().filter(|key| node.get(key).is_none()) {
        let hint = "`{ enable: true, healthyPercent: 100, sourceServiceRevisionCleanup: DEFERRED }`";
        report.problem(node.span, format!("early success criteria that are enabled need `{key}`")).hint(hint);
    }
    let healthy_percent: u32 = node.integer_of("healthyPercent")?;
    if healthy_percent < minimum_healthy_percent {
        report
            .problem(
                place(node, "healthyPercent"),
                format!("`healthyPercent` {healthy_percent} is less than `minimumHealthyPercent` {minimum_healthy_percent}"),
            )
            .hint(format!("{minimum_healthy_percent} to 100"));
        return None;
    }
    Some(EarlySuccess { healthy_percent, deferred_cleanup: node.text_of("sourceServiceRevisionCleanup")? == "DEFERRED" })
}

/// `None` where it is off.
fn circuit_breaker(node: &Node, report: &mut Report) -> Option<CircuitBreaker> {
    let threshold = node.get("thresholdConfiguration").map_or(Some(FailureThreshold::default()), |node| threshold(node, report));
    let says = |key: &str| node.get(key).and_then(Node::boolean);
    let breaker =
        CircuitBreaker { rollback: says("rollback")?, threshold: threshold?, reset_on_healthy_task: says("resetOnHealthyTask").unwrap_or(true) };
    says("enable")?.then_some(breaker)
}

fn threshold(node: &Node, report: &mut Report) -> Option<FailureThreshold> {
    let value: u32 = node.integer_of("value")?;
    Some(match node.get("type")?.text()? {
        "COUNT" => FailureThreshold::Count(value),
        _ if value > 100 => {
            report
                .problem(place(node, "value"), format!("{value} per cent is more than all tasks"))
                .hint("1 to 100; for a number of tasks say `type: COUNT`");
            return None;
        }
        "UNBOUNDED_PERCENT" => FailureThreshold::UnboundedPercent(value),
        _ => FailureThreshold::BoundedPercent(value),
    })
}
