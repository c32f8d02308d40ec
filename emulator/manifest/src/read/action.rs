//! The action of a rule or a listener (alb.md 3).

use std::time::Duration;

use model::{Action, Authenticate, FixedResponse, Forward, Redirect, TargetGroupName, WeightedTargetGroup};

use super::authenticate;
use super::target_group::name_of;
use crate::node::Node;
use crate::problem::Report;

const MAX_TARGET_GROUPS: usize = 5;
const MAX_BODY: usize = 1024;
const CONTENT_TYPES: [&str; 5] = ["text/html", "application/json", "application/javascript", "text/css", "text/plain"];

/// The actions of a list: one that routes, and perhaps one before it that asks who is there.
pub(super) fn read(node: &Node, key: &str, https: bool, report: &mut Report) -> Option<(Option<Authenticate>, Action)> {
    let items = node.list(key);
    let asks = |item: &&Node| item.text_of("type").is_some_and(|kind| authenticate::TYPES.iter().any(|(known, ..)| *known == kind));
    let (asking, routing): (Vec<&Node>, Vec<&Node>) = items.iter().partition(asks);
    order(items, &asking, report);
    if let Some(second) = routing.get(1) {
        report
            .problem(second.span, format!("`{key}` has {} of forward, redirect and fixed-response; it must have exactly one", routing.len()))
            .hint("several target groups go into one action: `forwardConfig: {targetGroups: […]}`");
    }
    if let Some(second) = asking.get(1) {
        report.problem(second.span, format!("`{key}` has {} actions that ask who is there; it may have one", asking.len()));
    }
    if let (Some(first), None) = (asking.first(), routing.first()) {
        report.problem(first.span, format!("`{key}` has no forward, redirect or fixed-response")).hint("add what happens to those who may come in");
    }
    if let Some(first) = asking.first().filter(|_| !https) {
        let kind = first.text_of("type").unwrap_or_default();
        report
            .problem(first.span, format!("Actions of type '{kind}' are supported only on HTTPS listeners"))
            .hint("set `protocol: HTTPS` for the listener");
    }
    let mut complete = true;
    let authenticate = asking.first().and_then(|item| {
        let read = asking_action(item, report);
        complete = read.is_some();
        read
    });
    let action = routing.first().and_then(|item| routing_action(item, report));
    complete.then_some(())?;
    Some((authenticate, action?))
}

/// Several actions say which comes first, and the one that routes comes last.
fn order(items: &[Node], asking: &[&Node], report: &mut Report) {
    if asking.is_empty() || items.len() < 2 {
        return;
    }
    let mut known: Vec<i64> = Vec::new();
    for item in items {
        let Some(order) = item.get("order") else {
            report.problem(item.span, "of several actions each must have an `order`").hint("the lowest comes first");
            continue;
        };
        let Some(number) = order.integer() else { continue };
        if known.contains(&number) {
            report.problem(order.span, format!("two actions have the order {number}"));
        }
        known.push(number);
    }
    let last = items.iter().filter_map(|item| Some((item.get("order")?.integer()?, item))).max_by_key(|(order, _)| *order);
    if let Some((_, last)) = last
        && known.len() == items.len()
        && asking.iter().any(|item| std::ptr::eq(*item, last))
    {
        report
            .problem(super::place(last, "order"), "the action with the highest order must be forward, redirect or fixed-response")
            .hint("give this one a lower order");
    }
}

fn asking_action(node: &Node, report: &mut Report) -> Option<Authenticate> {
    let kind = node.text_of("type")?;
    foreign(node, kind, report);
    let (_, key, field) = authenticate::TYPES.into_iter().find(|(known, ..)| *known == kind)?;
    let Some(config) = node.get(key) else {
        report.problem(node.span, format!("For actions of type '{kind}', you must specify the following fields: '{field}'"));
        return None;
    };
    authenticate::read(kind, config, report)
}

/// Keys of other types of actions.
fn foreign(node: &Node, kind: &str, report: &mut Report) {
    let routing =
        [("forward", "targetGroup"), ("forward", "forwardConfig"), ("redirect", "redirectConfig"), ("fixed-response", "fixedResponseConfig")];
    let configs = routing.into_iter().chain(authenticate::TYPES.map(|(kind, key, _)| (kind, key)));
    // Of an unknown type nothing can be said; the tables have reported it.
    let known = configs.clone().any(|(owner, _)| owner == kind);
    for (owner, key) in configs.filter(|_| known) {
        if let Some(entry) = node.entry(key).filter(|entry| owner != kind && !entry.node.asks_for_nothing()) {
            report
                .problem(entry.key_span, format!("`{key}` does not belong to an action of type '{kind}'"))
                .hint(format!("it belongs to `type: {owner}`"));
        }
    }
}

fn routing_action(node: &Node, report: &mut Report) -> Option<Action> {
    let kind = node.text_of("type")?;
    foreign(node, kind, report);
    let mut config = |key: &str, field: &str| {
        let found = node.get(key);
        if found.is_none() {
            report.problem(node.span, format!("For actions of type '{kind}', you must specify the following fields: '{field}'"));
        }
        found
    };
    match kind {
        "forward" => forward(node, report).map(Action::Forward),
        "redirect" => config("redirectConfig", "RedirectConfig").and_then(|config| redirect(config, report)).map(Action::Redirect),
        "fixed-response" => {
            config("fixedResponseConfig", "FixedResponseConfig").and_then(|config| fixed_response(config, report)).map(Action::FixedResponse)
        }
        _ => None,
    }
}

fn forward(node: &Node, report: &mut Report) -> Option<Forward> {
    let single = node.get("targetGroup");
    let several = node.get("forwardConfig").map(|config| config.list("targetGroups")).unwrap_or_default();
    let Some(place) = several.first().or(single) else {
        if node.get("forwardConfig").is_none() {
            report
                .problem(node.span, "For actions of type 'forward', you must specify a target group")
                .hint("write `targetGroup: <name>`, or `forwardConfig: {targetGroups: [{targetGroup: <name>, weight: 1}]}`");
        }
        return None;
    };
    let mut target_groups = Vec::new();
    for item in several {
        let group = item.get("targetGroup").and_then(|node| reference(node, report));
        target_groups.push(WeightedTargetGroup { target_group: group?, weight: item.integer_of("weight").unwrap_or(1) });
    }
    if let Some(single) = single {
        let group = reference(single, report)?;
        if target_groups.is_empty() {
            target_groups.push(WeightedTargetGroup { target_group: group, weight: 1 });
        } else if target_groups.len() > 1 || target_groups.iter().any(|entry| entry.target_group != group) {
            report.problem(single.span, "`targetGroup` and `forwardConfig` are both given and differ").hint("keep one of the two");
        }
    }
    if target_groups.len() > MAX_TARGET_GROUPS {
        report.problem(place.span, format!("an action forwards to at most {MAX_TARGET_GROUPS} target groups, this one to {}", target_groups.len()));
    }
    if target_groups.iter().all(|group| group.weight == 0) {
        report.note(place.span, "every weight of this forward action is 0: all its requests are answered 503");
    }
    let stickiness = node.get("forwardConfig").and_then(|config| config.get("targetGroupStickinessConfig"));
    Some(Forward { target_groups, stickiness: stickiness.and_then(|stickiness| group_stickiness(stickiness, report)) })
}

fn group_stickiness(node: &Node, report: &mut Report) -> Option<Duration> {
    if !node.boolean_of("enabled").unwrap_or(false) {
        return None;
    }
    if node.get("durationSeconds").is_none() {
        report
            .problem(node.span, "Target group stickiness duration must be between 1 and 604800 seconds")
            .hint("add `durationSeconds`, for example 3600");
    }
    node.integer_of("durationSeconds").map(Duration::from_secs)
}

/// A target group by name or ARN.
fn reference(node: &Node, report: &mut Report) -> Option<TargetGroupName> {
    match TargetGroupName::new(name_of(node.text()?)) {
        Ok(name) => Some(name),
        Err(error) => {
            report.problem(node.span, error.to_string());
            None
        }
    }
}

/// A part of a redirect: its key, its default, and the placeholders that it may hold.
struct Part {
    key: &'static str,
    default: &'static str,
    placeholders: &'static [&'static str],
    shortest: usize,
}

const PARTS: [Part; 5] = [
    Part { key: "protocol", default: "#{protocol}", placeholders: &["protocol"], shortest: 1 },
    Part { key: "host", default: "#{host}", placeholders: &["host"], shortest: 1 },
    Part { key: "port", default: "#{port}", placeholders: &["port"], shortest: 1 },
    Part { key: "path", default: "/#{path}", placeholders: &["host", "path", "port"], shortest: 1 },
    Part { key: "query", default: "#{query}", placeholders: &["protocol", "host", "port", "path", "query"], shortest: 0 },
];

fn redirect(node: &Node, report: &mut Report) -> Option<Redirect> {
    let [protocol, host, port, path, query] = PARTS.map(|part| redirect_part(node, &part, report));
    let same = [(&protocol, 0), (&host, 1), (&port, 2), (&path, 3), (&query, 4)].iter().all(|(text, index)| text.as_str() == PARTS[*index].default);
    if same {
        report
            .problem(node.span, "The redirect configuration is not valid because it creates a loop.")
            .hint("change at least one of `protocol`, `host`, `port`, `path` and `query`");
    }
    let status = if node.text_of("statusCode")? == "HTTP_301" { 301 } else { 302 };
    Some(Redirect { protocol, host, port, path, query, status })
}

fn redirect_part(node: &Node, part: &Part, report: &mut Report) -> String {
    let Some((value, text)) = node.get(part.key).and_then(|node| node.text().map(|text| (node, text))) else { return part.default.to_owned() };
    let length = text.chars().count();
    if length < part.shortest || length > 128 {
        report.problem(value.span, format!("`{}` of a redirect has {} to 128 characters, this one has {length}", part.key, part.shortest));
        return text.to_owned();
    }
    for placeholder in text.split("#{").skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name)) {
        if !part.placeholders.contains(&placeholder) {
            let known: Vec<String> = part.placeholders.iter().map(|name| format!("`#{{{name}}}`")).collect();
            report
                .problem(value.span, format!("`#{{{placeholder}}}` cannot be used in `{}` of a redirect", part.key))
                .hint(format!("it may hold {}", known.join(", ")));
            return text.to_owned();
        }
    }
    let wrong = match part.key {
        "protocol" if !["HTTP", "HTTPS", part.default].contains(&text) => Some("is `HTTP`, `HTTPS` or `#{protocol}`"),
        "port" if text != part.default && value.port_number().is_none() => Some("is a port from 1 to 65535, or `#{port}`"),
        "path" if !text.starts_with('/') => Some("begins with `/`"),
        "query" if text.starts_with('?') => Some("has no leading `?`"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        report.problem(value.span, format!("`{}` of a redirect {wrong}, found `{text}`", part.key));
    }
    text.to_owned()
}

fn fixed_response(node: &Node, report: &mut Report) -> Option<FixedResponse> {
    let code = node.get("statusCode")?;
    let status = code.integer().and_then(|number| u16::try_from(number).ok()).filter(|status| matches!(status, 200..=299 | 400..=599));
    if status.is_none() {
        report.problem(code.span, format!("`statusCode` of a fixed response is 2XX, 4XX or 5XX, found {}", code.describe()));
    }
    if let Some(kind) = node.get("contentType").filter(|node| !node.text().is_some_and(|text| CONTENT_TYPES.contains(&text))) {
        let hint = crate::suggest::did_you_mean(kind.text().unwrap_or_default(), CONTENT_TYPES);
        let known = CONTENT_TYPES.map(|name| format!("'{name}'")).join(", ");
        report.problem(kind.span, format!("The ContentType must be one of:{known}")).hint_if(hint);
    }
    if let Some(body) = node.get("messageBody").filter(|node| node.text().is_some_and(|text| text.chars().count() > MAX_BODY)) {
        report.problem(body.span, format!("`messageBody` of a fixed response has at most {MAX_BODY} characters"));
    }
    Some(FixedResponse {
        status: status?,
        content_type: node.text_of("contentType").map(str::to_owned),
        body: node.text_of("messageBody").map(str::to_owned),
    })
}
