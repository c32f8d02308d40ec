//! What `advancedConfiguration` refers to: the other target group, and the rules that move traffic (ecs.md 3.10).

use model::RuleName;

use super::{Index, target_group_exists};
use crate::node::Node;
use crate::problem::Report;
use crate::read::{forwarded_groups, target_group_name};

/// Checks one entry of a service's `loadBalancers`; gives the alternate target group's name.
pub(super) fn shifted<'a>(tree: &Node, entry: &'a Node, index: &Index<'_>, report: &mut Report) -> Option<&'a str> {
    let advanced = entry.get("advancedConfiguration")?;
    let alternate = advanced.get("alternateTargetGroup")?;
    let name = target_group_name(alternate.text()?);
    let own = entry.text_of("targetGroup").map(target_group_name);
    if own == Some(name) {
        report.problem(alternate.span, format!("`{name}` is the target group itself")).hint("make a second target group for the new tasks");
        return None;
    }
    target_group_exists(name, alternate, index, report).then_some(())?;
    for key in ["productionListenerRule", "testListenerRule"] {
        if let Some((node, rule)) = advanced.get(key).and_then(|node| Some((node, node.text()?.parse::<RuleName>().ok()?))) {
            rule_of_groups(tree, node, &rule, &[own.unwrap_or_default(), name], report);
        }
    }
    if let Some(test) = advanced.get("testListenerRule").filter(|test| test.text() == advanced.text_of("productionListenerRule")) {
        report
            .problem(test.span, "the test rule is the production rule")
            .hint("a rule of its own leads testers to the new tasks before anybody else");
    }
    Some(name)
}

/// The rule must be there, and lead to the two groups alone: its weights are changed.
fn rule_of_groups(tree: &Node, node: &Node, rule: &RuleName, groups: &[&str], report: &mut Report) {
    let balancers = tree.list("loadBalancers").iter().filter(|balancer| balancer.text_of("name") == Some(rule.load_balancer.as_str()));
    let mut listeners = balancers.flat_map(|balancer| balancer.list("listeners")).filter(|found| found.integer_of("port") == Some(rule.port));
    let actions = listeners.next().and_then(|listener| match rule.priority {
        None => Some(listener.list("defaultActions")),
        Some(priority) => listener.list("rules").iter().find(|found| found.integer_of("priority") == Some(priority)).map(|rule| rule.list("actions")),
    });
    let Some(actions) = actions else {
        report
            .problem(node.span, format!("there is no rule {rule}"))
            .hint("a rule is named `<load balancer>:<port>/<priority>`, a listener's default `…/default`");
        return;
    };
    let mut forwarded = actions.iter().flat_map(forwarded_groups).filter_map(|group| group.text().map(target_group_name)).peekable();
    let known = forwarded.peek().is_some();
    if !known || forwarded.any(|group| !groups.contains(&group)) {
        let [own, alternate] = groups else { return };
        report
            .problem(node.span, format!("the rule {rule} must forward to `{own}` and to nothing else"))
            .hint(format!("`actions: [{{ type: forward, targetGroup: {own} }}]`; `{alternate}` is added to it by the first deployment"));
    }
}
