//! A listener, and its attributes (alb.md 1).

use model::{Listener, ListenerAttributes, ListenerProtocol};

use super::action::{self, Actions};
use super::{Reader, rule, tls};
use crate::keys::listener::{REQUEST_HEADERS, RESPONSE_HEADERS};
use crate::node::Node;
use crate::problem::Report;

pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Listener> {
    let protocol = if node.text_of("protocol") == Some("HTTPS") { ListenerProtocol::Https } else { ListenerProtocol::Http };
    let tls = tls::read(node, protocol, reader);
    let report = &mut *reader.report;
    let default = action::all(node, "defaultActions", protocol, report);
    let mut rules = std::collections::BTreeMap::new();
    let mut complete = true;
    for item in node.list("rules") {
        match rule::read(item, protocol, report) {
            Some(rule) => {
                rules.insert(rule.priority, rule);
            }
            None => complete = false,
        }
    }
    let attributes = node.get("attributes").map_or_else(ListenerAttributes::default, |node| attributes(node, protocol, report));
    complete.then_some(())?;
    let Actions { authenticate, action } = default?;
    Some(Listener {
        port: node.integer_of("port")?,
        id: None,
        protocol,
        tls: tls?,
        attributes,
        default_authenticate: authenticate,
        default_action: action,
        rules,
    })
}

/// What the value of a header that is added may hold, beside letters and digits (alb.md 1).
const HEADER_VALUE: &str = "_ :;.,\\/'?!(){}[]@<>=-+*#&`|~^%";
const MAX_HEADER_VALUE: usize = 1024;
const MAX_HEADER_NAME: usize = 40;

/// Headers that say where a message ends and whose it is: a header about TLS of such a name would break requests. AWS is silent.
const RESERVED: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
    "cookie",
];

fn attributes(node: &Node, protocol: ListenerProtocol, report: &mut Report) -> ListenerAttributes {
    let mut attributes = ListenerAttributes::default();
    attributes.server_header = node.boolean_of("routing.http.response.server.enabled").unwrap_or(attributes.server_header);
    for (name, key) in RESPONSE_HEADERS {
        let Some((value, text)) = given(node, key) else { continue };
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !HEADER_VALUE.contains(*c)) {
            report
                .problem(value.span, format!("'{key}' value '{text}' contains a character that is not valid"))
                .label(format!("{bad:?} is not allowed"));
        } else if text.len() > MAX_HEADER_VALUE {
            report.problem(value.span, format!("The '{key}' value is too long; the limit is '{MAX_HEADER_VALUE}'"));
        }
        attributes.response_headers.insert(name.to_owned(), text.to_owned());
    }
    for (name, key) in REQUEST_HEADERS {
        let Some((value, text)) = given(node, key) else { continue };
        if protocol == ListenerProtocol::Http {
            report.note(value.span, format!("the attribute `{key}` does nothing here: an HTTP listener sends targets no such header"));
            continue;
        }
        if let Some(bad) = text.chars().find(|c| !super::is_token(*c)) {
            report.problem(value.span, format!("`{text}` is not the name of a header")).label(format!("{bad:?} is not allowed"));
        } else if text.len() > MAX_HEADER_NAME {
            report.problem(value.span, format!("The '{key}' value is too long; the limit is '{MAX_HEADER_NAME}'"));
        } else if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(text)) {
            report
                .problem(value.span, format!("`{text}` has a meaning of its own, and cannot be the name of `{name}`"))
                .hint("for example `X-Client-Certificate`");
        }
        attributes.renamed_headers.insert(name.to_owned(), text.to_owned());
    }
    attributes
}

/// The value of an attribute; an empty one is AWS's way to say none.
fn given<'n>(node: &'n Node, key: &str) -> Option<(&'n Node, &'n str)> {
    let value = node.get(key)?;
    Some((value, value.text().filter(|text| !text.is_empty())?))
}

/// The lists of actions of a listener in the tree, the default ones first.
pub(crate) fn action_lists(listener: &Node) -> impl Iterator<Item = &[Node]> + Clone {
    std::iter::once(listener.list("defaultActions")).chain(listener.list("rules").iter().map(|rule| rule.list("actions")))
}

/// The actions of a listener in the tree, default ones first.
pub(crate) fn actions_of(listener: &Node) -> impl Iterator<Item = &Node> + Clone {
    action_lists(listener).flatten()
}

/// Every reference of an action to a target group.
pub(crate) fn forwarded_groups(action: &Node) -> impl Iterator<Item = &Node> {
    let several = action.get("forwardConfig").map(|config| config.list("targetGroups")).unwrap_or_default();
    action.get("targetGroup").into_iter().chain(several.iter().filter_map(|group| group.get("targetGroup")))
}
