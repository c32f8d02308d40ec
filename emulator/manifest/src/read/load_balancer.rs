//! A load balancer: its listeners and attributes (alb.md 1).

use std::time::Duration;

use model::{DesiredLoadBalancer, DesyncMode, LoadBalancerAttributes, LoadBalancerName, LogBucket, XffMode};

use super::{Reader, listener};
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
    let listeners = super::named(items, reader, |node, reader| listener::read(node, reader).map(|listener| (listener.port, listener)));
    verifying(items, reader.report);
    Some((name?, DesiredLoadBalancer { attributes: attributes(node.get("attributes"), reader.report), listeners }))
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

/// At most two listeners of a load balancer verify clients (alb.md 1).
fn verifying(listeners: &[Node], report: &mut Report) {
    let modes = listeners.iter().filter_map(|listener| listener.get("mutualAuthentication"));
    if let Some(third) = modes.filter(|mutual| mutual.text_of("mode") == Some("verify")).nth(2) {
        report.problem(third.span, "a load balancer has at most 2 listeners that verify clients");
    }
}

fn attributes(node: Option<&Node>, report: &mut Report) -> LoadBalancerAttributes {
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
    attributes.desync_mode = match node.text_of("routing.http.desync_mitigation_mode") {
        Some("monitor") => DesyncMode::Monitor,
        Some("strictest") => DesyncMode::Strictest,
        _ => DesyncMode::Defensive,
    };
    attributes.http2 = node.boolean_of("routing.http2.enabled").unwrap_or(true);
    attributes.tls_headers = node.boolean_of("routing.http.x_amzn_tls_version_and_cipher_suite.enabled").unwrap_or(false);
    attributes.debug_header = node.boolean_of("routing.ecslocal.debug_header.enabled").unwrap_or(false);
    attributes.access_logs = bucket(node, "access_logs", report);
    attributes.connection_logs = bucket(node, "connection_logs", report);
    attributes.health_check_logs = bucket(node, "health_check_logs", report);
    attributes.preserve_host_header = node.boolean_of("routing.http.preserve_host_header.enabled").unwrap_or(false);
    attributes
}

/// Where a log goes, if it is enabled. The bucket becomes a folder of the state folder, so its name must be one.
fn bucket(node: &Node, log: &str, report: &mut Report) -> Option<LogBucket> {
    if !node.boolean_of(&format!("{log}.s3.enabled")).unwrap_or(false) {
        return None;
    }
    let key = format!("{log}.s3.bucket");
    let bucket = node.text_of(&key).unwrap_or_default();
    let fits = |name: &str| {
        (3..=63).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
            && !name.starts_with(['.', '-'])
            && !name.contains("..")
    };
    if !fits(bucket) {
        report
            .problem(super::place(node, &key), format!("`{key}` must be the name of a bucket: 3 to 63 small letters, digits, hyphens and dots"))
            .hint("it becomes a folder in the state folder; `ecslocal doctor` shows where that is");
    }
    let key = format!("{log}.s3.prefix");
    let prefix = node.text_of(&key).unwrap_or_default();
    let odd =
        prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("AWSLogs") || prefix.split('/').any(|part| part == ".." || part == ".");
    if odd || !prefix.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b':')) {
        report.problem(super::place(node, &key), format!("`{key}` must be a path without `/` at its ends, without `..` and without `AWSLogs`"));
    }
    Some(LogBucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}
