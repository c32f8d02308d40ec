//! A load balancer and its listeners (alb.md 1).

use std::time::Duration;

use model::{DesiredLoadBalancer, Listener, ListenerAttributes, ListenerProtocol, LoadBalancerAttributes, LoadBalancerName, XffMode};

use super::{Reader, action, rule};
use crate::keys::listener::RESPONSE_HEADERS;
use crate::node::Node;
use crate::problem::Report;

/// Quotas of alb.md 11: listeners and rules of one load balancer.
const MAX_LISTENERS: usize = 50;
const MAX_RULES: usize = 100;

pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<(LoadBalancerName, DesiredLoadBalancer)> {
    let report = &mut *reader.report;
    let name: Option<LoadBalancerName> = super::name_under(node, "name", report);
    if name.as_ref().is_some_and(|name| name.as_str().starts_with("internal-")) {
        report.problem(super::place(node, "name"), "a load balancer's name cannot begin with `internal-`");
    }
    let items = node.list("listeners");
    quotas(node, items, report);
    let listeners = super::named(items, reader, |node, reader| listener(node, reader.report).map(|listener| (listener.port, listener)));
    Some((name?, DesiredLoadBalancer { attributes: attributes(node.get("attributes")), listeners }))
}

fn quotas(node: &Node, listeners: &[Node], report: &mut Report) {
    let rules: usize = listeners.iter().map(|listener| listener.list("rules").len()).sum();
    if listeners.len() > MAX_LISTENERS {
        report
            .problem(super::place(node, "name"), format!("a load balancer has at most {MAX_LISTENERS} listeners, this one has {}", listeners.len()));
    }
    if rules > MAX_RULES {
        report.problem(super::place(node, "name"), format!("a load balancer has at most {MAX_RULES} rules, this one has {rules}"));
    }
}

fn listener(node: &Node, report: &mut Report) -> Option<Listener> {
    let default_action = action::only(node, "defaultActions", report);
    let mut rules = std::collections::BTreeMap::new();
    let mut complete = true;
    for item in node.list("rules") {
        match rule::read(item, report) {
            Some(rule) => {
                rules.insert(rule.priority, rule);
            }
            None => complete = false,
        }
    }
    complete.then_some(())?;
    Some(Listener {
        tls: None,
        port: node.integer_of("port")?,
        id: None,
        protocol: ListenerProtocol::Http,
        attributes: listener_attributes(node.get("attributes"), report),
        default_action: default_action?,
        rules,
    })
}

/// What the value of a header that is added may hold, beside letters and digits (alb.md 1).
const HEADER_VALUE: &str = "_ :;.,\\/'?!(){}[]@<>=-+*#&`|~^%";
const MAX_HEADER_VALUE: usize = 1024;

fn listener_attributes(node: Option<&Node>, report: &mut Report) -> ListenerAttributes {
    let mut attributes = ListenerAttributes::default();
    let Some(node) = node else { return attributes };
    attributes.server_header = node.boolean_of("routing.http.response.server.enabled").unwrap_or(true);
    for (name, key) in RESPONSE_HEADERS {
        // An empty value is AWS's way to say none.
        let Some((value, text)) = node.get(key).and_then(|value| Some((value, value.text().filter(|text| !text.is_empty())?))) else { continue };
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !HEADER_VALUE.contains(*c)) {
            report
                .problem(value.span, format!("'{key}' value '{text}' contains a character that is not valid"))
                .label(format!("{bad:?} is not allowed"));
        } else if text.len() > MAX_HEADER_VALUE {
            report.problem(value.span, format!("The '{key}' value is too long; the limit is '{MAX_HEADER_VALUE}'"));
        }
        attributes.response_headers.insert(name.to_owned(), text.to_owned());
    }
    attributes
}

fn attributes(node: Option<&Node>) -> LoadBalancerAttributes {
    let mut attributes = LoadBalancerAttributes::default();
    let Some(node) = node else { return attributes };
    if let Some(seconds) = node.integer_of("idle_timeout.timeout_seconds") {
        attributes.idle_timeout = Duration::from_secs(seconds);
    }
    if let Some(seconds) = node.integer_of("client_keep_alive.seconds") {
        attributes.client_keep_alive = Duration::from_secs(seconds);
    }
    attributes.xff_mode = match node.text_of("routing.http.xff_header_processing.mode") {
        Some("preserve") => XffMode::Preserve,
        Some("remove") => XffMode::Remove,
        _ => XffMode::Append,
    };
    attributes.xff_client_port = node.boolean_of("routing.http.xff_client_port.enabled").unwrap_or(false);
    attributes.drop_invalid_header_fields = node.boolean_of("routing.http.drop_invalid_header_fields.enabled").unwrap_or(false);
    attributes.preserve_host_header = node.boolean_of("routing.http.preserve_host_header.enabled").unwrap_or(false);
    attributes
}
