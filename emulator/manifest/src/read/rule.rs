//! A rule and its conditions (alb.md 2).

use model::{Condition, Rule};

use super::action;
use crate::node::Node;
use crate::problem::Report;

/// Comparison strings of all conditions of a rule.
const MAX_VALUES: usize = 5;
const MAX_LENGTH: usize = 128;

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Rule> {
    let items = node.list("conditions");
    let mut conditions: Vec<Condition> = Vec::with_capacity(items.len());
    let mut complete = true;
    for item in items {
        let Some(condition) = condition(item, report) else {
            complete = false;
            continue;
        };
        if conditions.iter().any(|other| other.field() == condition.field()) {
            report
                .problem(item.span, format!("a rule can only have one '{}' condition", condition.field()))
                .hint("put all patterns in `values` of one condition; one of them must match");
        }
        conditions.push(condition);
    }
    let values: usize = conditions.iter().map(|condition| condition.values().len()).sum();
    if values > MAX_VALUES {
        report
            .problem(super::place(node, "conditions"), format!("A rule can only have '{MAX_VALUES}' condition values"))
            .hint(format!("this one has {values}; make a second rule with the same action"));
    }
    let action = action::only(node, "actions", report);
    complete.then_some(())?;
    Some(Rule { priority: node.integer_of("priority")?, conditions, action: action? })
}

fn condition(node: &Node, report: &mut Report) -> Option<Condition> {
    let field = node.text_of("field")?;
    let (own, other) = match field {
        "path-pattern" => ("pathPatternConfig", "hostHeaderConfig"),
        "host-header" => ("hostHeaderConfig", "pathPatternConfig"),
        _ => return None,
    };
    if let Some(entry) = node.entry(other).filter(|entry| !entry.node.asks_for_nothing()) {
        report.problem(entry.key_span, format!("`{other}` does not belong to the field `{field}`")).hint(format!("use `{own}` or `values`"));
    }
    let config = node.get(own).map(|config| config.list("values")).unwrap_or_default();
    let values = node.list("values");
    // AWS's answers repeat the values in both places.
    let texts = |items: &[Node]| items.iter().filter_map(Node::text).map(decoded).collect::<Vec<_>>();
    if !config.is_empty() && !values.is_empty() && texts(config) != texts(values) {
        report.problem(super::place(node, own), format!("`values` and `{own}` are both given and differ")).hint("keep one of the two");
    }
    let chosen = if config.is_empty() { values } else { config };
    if chosen.is_empty() {
        report.problem(node.span, "A condition value must be specified").hint("for example `values: [\"/api/users*\"]`");
        return None;
    }
    for value in chosen {
        pattern(field, value, report);
    }
    let texts = texts(chosen);
    Some(if field == "path-pattern" { Condition::PathPattern(texts) } else { Condition::HostHeader(texts) })
}

/// A pattern may write `&` as `&amp;` (alb.md 2).
fn decoded(text: &str) -> String {
    text.replace("&amp;", "&")
}

/// Length and characters of one comparison string (the table of alb.md 2).
fn pattern(field: &str, node: &Node, report: &mut Report) {
    let Some(text) = node.text().map(decoded) else { return };
    if text.is_empty() {
        report.problem(node.span, "A condition value must be specified");
        return;
    }
    if text.chars().count() > MAX_LENGTH {
        report.problem(node.span, format!("The '{field}' value is too long; the limit is '{MAX_LENGTH}'"));
        return;
    }
    let allowed: fn(char) -> bool = match field {
        "path-pattern" => |c| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?".contains(c),
        _ => |c| c.is_ascii_alphanumeric() || "-.*?".contains(c),
    };
    if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
        report
            .problem(node.span, format!("Condition value '{text}' contains a character that is not valid"))
            .label(format!("{bad:?} is not allowed"));
        return;
    }
    if field == "host-header" {
        host(&text, node, report);
    } else if !text.starts_with(['/', '*', '?']) {
        report.note(node.span, format!("the path pattern `{text}` can never match: every path begins with `/`"));
    }
}

fn host(text: &str, node: &Node, report: &mut Report) {
    let after = text.rsplit_once('.').map(|(_, after)| after);
    if !after.is_some_and(|after| !after.is_empty() && after.chars().all(|c| c.is_ascii_alphabetic())) {
        report
            .problem(node.span, format!("Condition value '{text}' is not a host name: it needs a dot, and only letters after the last one"))
            .hint("for example `users.localhost` or `*.example.com`");
    }
}
