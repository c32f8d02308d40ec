//! Placement constraints and strategies (ecs.md 3.3).

use model::placement::{MAX_CONSTRAINTS, MAX_STRATEGIES};
use model::{BinpackField, ClusterQuery, Placement, PlacementConstraint, PlacementStrategy, QueryError, RequiredAttribute, SpreadField};

use crate::node::{Node, Span};
use crate::problem::Report;

/// Capabilities of the agent begin so. What a task definition needs of the agent and is not there is refused where it asks for it.
const CAPABILITIES: [&str; 2] = ["ecs.capability.", "com.amazonaws.ecs.capability."];

/// The two keys of a service or a scheduled task; `None` where one of them is wrong.
pub(super) fn read(node: &Node, report: &mut Report) -> Option<Placement> {
    let constraints = constraints(node, report);
    let strategy = strategies(node, report);
    Some(Placement { constraints: constraints?, strategy: strategy? })
}

/// The `memberOf` constraints of a task definition, which may have no others.
pub(super) fn member_of(node: &Node, report: &mut Report) -> Option<Vec<ClusterQuery>> {
    let read = constraints(node, report);
    let mut queries = Vec::new();
    for (item, constraint) in node.list("placementConstraints").iter().zip(read?) {
        match constraint {
            PlacementConstraint::MemberOf(query) => queries.push(query),
            PlacementConstraint::DistinctInstance => {
                report
                    .problem(super::place(item, "type"), "a task definition may only have `memberOf` constraints")
                    .hint("`distinctInstance` belongs to the service, or to RunTask");
                return None;
            }
        }
    }
    Some(queries)
}

fn constraints(node: &Node, report: &mut Report) -> Option<Vec<PlacementConstraint>> {
    let items = node.list("placementConstraints");
    if items.len() > MAX_CONSTRAINTS {
        let message = format!("there are at most {MAX_CONSTRAINTS} placement constraints, here are {}", items.len());
        report.problem(super::place(node, "placementConstraints"), message).hint("join expressions by `and`");
        return None;
    }
    // All of them are looked at, whichever is wrong.
    let read: Vec<Option<PlacementConstraint>> = items.iter().map(|item| constraint(item, report)).collect();
    read.into_iter().collect()
}

fn constraint(node: &Node, report: &mut Report) -> Option<PlacementConstraint> {
    let kind = node.text_of("type")?;
    match (kind, node.get("expression")) {
        ("distinctInstance", None) => Some(PlacementConstraint::DistinctInstance),
        ("distinctInstance", Some(expression)) => {
            report.problem(expression.span, "`distinctInstance` has no expression").hint("remove it, or say `type: memberOf`");
            None
        }
        ("memberOf", None) => {
            report
                .problem(super::place(node, "type"), "`memberOf` needs an `expression`")
                .hint("for example `expression: attribute:ecs.availability-zone == us-east-1a`");
            None
        }
        ("memberOf", Some(expression)) => query(expression, report).map(PlacementConstraint::MemberOf),
        // Another word has been reported.
        _ => None,
    }
}

fn query(node: &Node, report: &mut Report) -> Option<ClusterQuery> {
    let text = node.text()?;
    match ClusterQuery::parse(text) {
        Ok(query) => Some(query),
        Err(error) => {
            report.problem(within(node, text, &error), error.to_string()).label("here").hint(error.hint);
            None
        }
    }
}

/// Where in the file it is: exact where the expression is written as it is meant, without escapes or substitutions.
fn within(node: &Node, text: &str, error: &QueryError) -> Span {
    let Span { file, start, end } = node.span;
    let begin = match (end - start).checked_sub(text.len()) {
        Some(0) => start,
        // In quotes.
        Some(2) => start + 1,
        _ => return node.span,
    };
    Span { file, start: begin + error.at, end: begin + error.at + error.length }
}

fn strategies(node: &Node, report: &mut Report) -> Option<Vec<PlacementStrategy>> {
    let items = node.list("placementStrategy");
    if items.len() > MAX_STRATEGIES {
        let message = format!("there are at most {MAX_STRATEGIES} placement strategies, here are {}", items.len());
        report.problem(super::place(node, "placementStrategy"), message);
        return None;
    }
    let read: Vec<Option<PlacementStrategy>> = items.iter().map(|item| strategy(item, report)).collect();
    read.into_iter().collect()
}

fn strategy(node: &Node, report: &mut Report) -> Option<PlacementStrategy> {
    let kind = node.text_of("type")?;
    let field = node.get("field").filter(|field| field.text() != Some(""));
    let hint = match kind {
        "random" if field.is_none() => return Some(PlacementStrategy::Random),
        "random" => "`random` has no field: remove it",
        "spread" => match field.and_then(Node::text) {
            // Both spellings are AWS's own.
            Some(text) if text.eq_ignore_ascii_case("instanceId") || text == "host" => {
                return Some(PlacementStrategy::Spread(SpreadField::InstanceId));
            }
            Some(text) => match text.strip_prefix("attribute:").filter(|name| !name.is_empty()) {
                Some(name) => return Some(PlacementStrategy::Spread(SpreadField::Attribute(name.to_owned()))),
                None => "of `spread` it is `instanceId`, `host` or `attribute:NAME`, for example `attribute:ecs.availability-zone`",
            },
            None => "`field: attribute:ecs.availability-zone`, or `field: instanceId`",
        },
        "binpack" => match field.and_then(Node::text).map(str::to_ascii_lowercase).as_deref() {
            Some("cpu") => return Some(PlacementStrategy::Binpack(BinpackField::Cpu)),
            Some("memory") => return Some(PlacementStrategy::Binpack(BinpackField::Memory)),
            _ => "of `binpack` it is `cpu` or `memory`",
        },
        // Another word has been reported.
        _ => return None,
    };
    let message = match field.and_then(Node::text) {
        Some(text) => format!("`{text}` is no field of the strategy `{kind}`"),
        None => format!("the strategy `{kind}` needs a `field`"),
    };
    report.problem(field.unwrap_or(node).span, message).hint(hint);
    None
}

/// The attributes that an instance must have. An agent's capabilities are not asked for: see [`CAPABILITIES`].
pub(super) fn required_attributes(node: &Node) -> Vec<RequiredAttribute> {
    let text = |item: &Node, key: &str| item.text_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let read =
        node.list("requiresAttributes").iter().filter_map(|item| Some(RequiredAttribute { name: text(item, "name")?, value: text(item, "value") }));
    read.filter(|required| !CAPABILITIES.iter().any(|capability| required.name.starts_with(capability))).collect()
}
