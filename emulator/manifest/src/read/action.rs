//! The actions of a rule or a listener (alb.md 3).

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Action, Authenticate, FixedResponse, Forward, ListenerProtocol, Redirect, TargetGroupName, WeightedTargetGroup};

use super::authenticate;
use super::target_group::name_of;
use crate::node::Node;
use crate::problem::Report;

const MAX_TARGET_GROUPS: usize = 5;
const MAX_BODY: usize = 1024;
const CONTENT_TYPES: [&str; 5] = ["text/html", "application/json", "application/javascript", "text/css", "text/plain"];

/// What a list of actions says: who must be asking, and what happens then.
pub(super) struct Actions {
    pub(super) authenticate: Option<Authenticate>,
    pub(super) action: Action,
}

/// Each type, the key of its configuration, and AWS's name for that.
const ROUTING: [&str; 3] = ["forward", "redirect", "fixed-response"];
const CONFIGS: [(&str, &str, &str); 7] = [
    ("forward", "targetGroup", "TargetGroupArn"),
    ("forward", "forwardConfig", "ForwardConfig"),
    ("redirect", "redirectConfig", "RedirectConfig"),
    ("fixed-response", "fixedResponseConfig", "FixedResponseConfig"),
    ("authenticate-oidc", "authenticateOidcConfig", "AuthenticateOidcConfig"),
    ("authenticate-cognito", "authenticateCognitoConfig", "AuthenticateCognitoConfig"),
    ("jwt-validation", "jwtValidationConfig", "JwtValidationConfig"),
];

/// The type of an action that authenticates.
pub(crate) fn authenticating(action: &Node) -> Option<&str> {
    action.text_of("type").filter(|kind| matches!(*kind, "authenticate-oidc" | "authenticate-cognito" | "jwt-validation"))
}

/// The actions of a rule or of a listener of that protocol.
pub(super) fn all(node: &Node, key: &str, protocol: ListenerProtocol, report: &mut Report) -> Option<Actions> {
    let items = node.list(key);
    let mut authenticate = None;
    for item in items.iter().filter(|item| authenticating(item).is_some()) {
        let read = read_authentication(item, protocol, report);
        if authenticate.is_some() {
            report
                .problem(item.span, format!("`{key}` authenticates twice"))
                .hint("one of authenticate-oidc, authenticate-cognito and jwt-validation may come before the other action");
        }
        authenticate = Some(read);
    }
    let rest: Vec<&Node> = items.iter().filter(|item| authenticating(item).is_none()).collect();
    if let Some(second) = rest.get(1) {
        report
            .problem(second.span, format!("`{key}` has {} actions of forward, redirect and fixed-response; there must be exactly one", rest.len()))
            .hint("several target groups go into one action: `forwardConfig: {targetGroups: […]}`");
    } else if rest.is_empty() && !items.is_empty() && !report.partial {
        report
            .problem(super::place(node, key), format!("`{key}` must end with one action of forward, redirect and fixed-response"))
            .hint("add what happens to who is let in, for example `{type: forward, order: 2, targetGroup: <name>}`");
    } else {
        order(items, report);
    }
    let action = read(rest.first()?, protocol, report);
    Some(Actions { authenticate: authenticate.map_or(Some(None), |read| read.map(Some))?, action: action? })
}

/// Several actions are told apart by their order, the one that routes last.
fn order(items: &[Node], report: &mut Report) {
    if items.len() < 2 {
        return;
    }
    let mut known: BTreeMap<i64, crate::node::Span> = BTreeMap::new();
    for item in items {
        let Some((span, number)) = item.get("order").and_then(|node| Some((node.span, node.integer()?))) else {
            if item.get("order").is_none() {
                report
                    .problem(item.span, "an action that is not alone needs `order`")
                    .hint("the lowest comes first: `order: 1` for who authenticates, `order: 2` for what happens then");
            }
            continue;
        };
        if let Some(first) = known.insert(number, span) {
            report.problem(span, format!("two actions have the order {number}")).again(first);
        }
    }
    let last = items.iter().max_by_key(|item| item.integer_of::<i64>("order"));
    if known.len() == items.len()
        && let Some((kind, last)) = last.and_then(|last| Some((authenticating(last)?, last)))
    {
        report
            .problem(super::place(last, "order"), format!("the action of type '{kind}' comes last, after the one that it should guard"))
            .hint("give it the lower `order`");
    }
}

fn read_authentication(node: &Node, protocol: ListenerProtocol, report: &mut Report) -> Option<Authenticate> {
    let kind = authenticating(node)?;
    foreign(node, kind, report);
    if protocol == ListenerProtocol::Http {
        report
            .problem(super::place(node, "type"), format!("Actions of type '{kind}' are supported only on HTTPS listeners"))
            .hint("add `protocol: HTTPS` to the listener; without `certificates` it gets a development certificate");
    }
    config(node, kind, report).and_then(|config| authenticate::read(kind, config, report))
}

/// Keys that belong to actions of other types.
fn foreign(node: &Node, kind: &str, report: &mut Report) {
    for (owner, key, _) in CONFIGS.into_iter().filter(|(owner, ..)| *owner != kind) {
        if let Some(entry) = node.entry(key).filter(|entry| !entry.node.asks_for_nothing()) {
            report
                .problem(entry.key_span, format!("`{key}` does not belong to an action of type '{kind}'"))
                .hint(format!("it belongs to `type: {owner}`"));
        }
    }
}

/// The configuration of an action whose type needs one.
fn config<'n>(node: &'n Node, kind: &str, report: &mut Report) -> Option<&'n Node> {
    let (_, key, field) = CONFIGS.into_iter().rfind(|(owner, ..)| *owner == kind)?;
    let found = node.get(key);
    if found.is_none() {
        report.problem(node.span, format!("For actions of type '{kind}', you must specify the following fields: '{field}'"));
    }
    found
}

fn read(node: &Node, protocol: ListenerProtocol, report: &mut Report) -> Option<Action> {
    // Of an unknown type nothing can be said; the tables have reported it.
    let kind = node.text_of("type").filter(|kind| ROUTING.contains(kind))?;
    foreign(node, kind, report);
    match kind {
        "forward" => forward(node, report).map(Action::Forward),
        "redirect" => config(node, kind, report).and_then(|config| redirect(config, protocol, report)).map(Action::Redirect),
        _ => config(node, kind, report).and_then(|config| fixed_response(config, report)).map(Action::FixedResponse),
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

fn redirect(node: &Node, listener: ListenerProtocol, report: &mut Report) -> Option<Redirect> {
    let [protocol, host, port, path, query] = PARTS.map(|part| redirect_part(node, &part, report));
    let same = [(&protocol, 0), (&host, 1), (&port, 2), (&path, 3), (&query, 4)].iter().all(|(text, index)| text.as_str() == PARTS[*index].default);
    if same {
        report
            .problem(node.span, "The redirect configuration is not valid because it creates a loop.")
            .hint("change at least one of `protocol`, `host`, `port`, `path` and `query`");
    }
    if listener == ListenerProtocol::Https && protocol == "HTTP" {
        report
            .problem(super::place(node, "protocol"), "You cannot redirect HTTPS to HTTP")
            .hint("this listener's protocol is HTTPS: leave `protocol` out, or write `HTTPS`");
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
