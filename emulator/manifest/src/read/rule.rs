//! A rule (alb.md 2).

use model::{Action, Comparison, Condition, ListenerProtocol, Rule};

use super::action::{self, Actions};
use super::{condition, place, transform};
use crate::node::Node;
use crate::problem::Report;

/// Values of all conditions of a rule.
const MAX_VALUES: usize = 5;
/// Wildcard characters of a rule: AWS's two pages say 5 and 6 (alb.md 2), and what one of them allows is not refused here.
const MAX_WILDCARDS: usize = 6;

pub(super) fn read(node: &Node, protocol: ListenerProtocol, report: &mut Report) -> Option<Rule> {
    let items = node.list("conditions");
    let mut conditions: Vec<Condition> = Vec::with_capacity(items.len());
    let mut complete = true;
    for item in items {
        let Some(condition) = condition::read(item, report) else {
            complete = false;
            continue;
        };
        if !may_repeat(&condition) && conditions.iter().any(|other| other.field() == condition.field()) {
            report
                .problem(item.span, format!("a rule can only have one '{}' condition", condition.field()))
                .hint("put all values into one condition; one of them must match");
        }
        conditions.push(condition);
    }
    limits(node, &conditions, report);
    let transforms = transform::read(node, report);
    let actions = action::all(node, "actions", protocol, report);
    if !transforms.is_empty() && !matches!(actions.as_ref().map(|actions| &actions.action), None | Some(Action::Forward(_))) {
        report.note(place(node, "transforms"), "transforms change what a target is sent, and this rule's action sends nothing to a target");
    }
    complete.then_some(())?;
    let Actions { authenticate, action } = actions?;
    Some(Rule { priority: node.integer_of("priority")?, conditions, transforms, authenticate, action })
}

const fn may_repeat(condition: &Condition) -> bool {
    matches!(condition, Condition::HttpHeader { .. } | Condition::QueryString(_))
}

fn limits(node: &Node, conditions: &[Condition], report: &mut Report) {
    let values: usize = conditions.iter().map(|condition| condition.values().len()).sum();
    if values > MAX_VALUES {
        report
            .problem(place(node, "conditions"), format!("A rule can only have '{MAX_VALUES}' condition values"))
            .hint(format!("this one has {values}; make a second rule with the same action"));
    }
    let wildcards: usize = conditions.iter().map(wildcards).sum();
    if wildcards > MAX_WILDCARDS {
        report
            .problem(place(node, "conditions"), format!("A rule can only have '{MAX_WILDCARDS}' wildcard characters"))
            .hint(format!("this one has {wildcards}; make a second rule with the same action, or use `regexValues`"));
    }
}

fn wildcards(condition: &Condition) -> usize {
    let count = |text: &str| text.matches(['*', '?']).count();
    // Only in a query may they stand for themselves.
    let unescaped = |text: &str| count(&text.replace("\\*", "").replace("\\?", ""));
    match condition {
        Condition::PathPattern(Comparison::Wildcards(values))
        | Condition::HostHeader(Comparison::Wildcards(values))
        | Condition::HttpHeader { values: Comparison::Wildcards(values), .. } => values.iter().map(|value| count(value)).sum(),
        Condition::QueryString(values) => values.iter().map(|one| unescaped(&one.value) + one.key.as_deref().map_or(0, unescaped)).sum(),
        _ => 0,
    }
}
