//! A load balancer and its listeners (alb.md 1).

use std::time::Duration;

use model::{DesiredLoadBalancer, DesyncMode, LoadBalancerAttributes, LoadBalancerName, LogBucket, XffMode};

use super::{Reader, listener};
use crate::node::Node;
use crate::problem::Report;

/// Quotas of alb.md 11: listeners and rules of one load balancer.
const MAX_LISTENERS: usize = 50;
const MAX_RULES: usize = 100;
/// Listeners that verify clients' certificates (alb.md 1).
const MAX_VERIFYING: usize = 2;
/// Where AWS keeps its logs below the prefix, so that the prefix cannot hold it.
const AWS_FOLDER: &str = "AWSLogs";

pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<(LoadBalancerName, DesiredLoadBalancer)> {
    let report = &mut *reader.report;
    let name: Option<LoadBalancerName> = super::name_under(node, "name", report);
    if name.as_ref().is_some_and(|name| name.as_str().starts_with("internal-")) {
        report.problem(super::place(node, "name"), "a load balancer's name cannot begin with `internal-`");
    }
    let items = node.list("listeners");
    quotas(node, items, report);
    let listeners = super::named(items, reader, |node, reader| listener::read(node, reader).map(|listener| (listener.port, listener)));
    let attributes = node.get("attributes").map_or_else(LoadBalancerAttributes::default, |node| attributes(node, reader.report));
    Some((name?, DesiredLoadBalancer { attributes, listeners }))
}

fn quotas(node: &Node, listeners: &[Node], report: &mut Report) {
    let rules: usize = listeners.iter().map(|listener| listener.list("rules").len()).sum();
    if listeners.len() > MAX_LISTENERS {
        report
            .problem(super::place(node, "name"), format!("a load balancer has at most {MAX_LISTENERS} listeners, this one has {}", listeners.len()));
    }
    let verifies = |listener: &&Node| listener.get("mutualAuthentication").and_then(|node| node.text_of("mode")) == Some("verify");
    if let Some(third) = listeners.iter().filter(verifies).nth(MAX_VERIFYING) {
        report
            .problem(super::place(third, "mutualAuthentication"), format!("at most {MAX_VERIFYING} listeners of a load balancer verify clients"))
            .hint("use `mode: passthrough`, and let the targets judge");
    }
    if rules > MAX_RULES {
        report.problem(super::place(node, "name"), format!("a load balancer has at most {MAX_RULES} rules, this one has {rules}"));
    }
}

fn attributes(node: &Node, report: &mut Report) -> LoadBalancerAttributes {
    let defaults = LoadBalancerAttributes::default();
    let seconds = |key: &str, default: Duration| node.integer_of(key).map_or(default, Duration::from_secs);
    let boolean = |key: &str, default: bool| node.boolean_of(key).unwrap_or(default);
    LoadBalancerAttributes {
        idle_timeout: seconds("idle_timeout.timeout_seconds", defaults.idle_timeout),
        client_keep_alive: seconds("client_keep_alive.seconds", defaults.client_keep_alive),
        xff_mode: match node.text_of("routing.http.xff_header_processing.mode") {
            Some("preserve") => XffMode::Preserve,
            Some("remove") => XffMode::Remove,
            _ => XffMode::Append,
        },
        xff_client_port: boolean("routing.http.xff_client_port.enabled", defaults.xff_client_port),
        preserve_host_header: boolean("routing.http.preserve_host_header.enabled", defaults.preserve_host_header),
        drop_invalid_header_fields: boolean("routing.http.drop_invalid_header_fields.enabled", defaults.drop_invalid_header_fields),
        desync_mode: match node.text_of("routing.http.desync_mitigation_mode") {
            Some("monitor") => DesyncMode::Monitor,
            Some("strictest") => DesyncMode::Strictest,
            _ => DesyncMode::Defensive,
        },
        http2: boolean("routing.http2.enabled", defaults.http2),
        tls_headers: boolean("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", defaults.tls_headers),
        debug_header: boolean("routing.ecslocal.debug_header.enabled", defaults.debug_header),
        access_logs: log_bucket(node, "access_logs", report),
        connection_logs: log_bucket(node, "connection_logs", report),
        health_check_logs: log_bucket(node, "health_check_logs", report),
    }
}

/// Where one kind of logs goes; checked where it is switched on.
fn log_bucket(node: &Node, kind: &str, report: &mut Report) -> Option<LogBucket> {
    let [enabled, bucket, prefix] = ["enabled", "bucket", "prefix"].map(|part| format!("{kind}.s3.{part}"));
    if node.boolean_of(&enabled) != Some(true) {
        return None;
    }
    let given = |key: &str| node.text_of(key).unwrap_or_default().to_owned();
    let found = LogBucket { bucket: given(&bucket), prefix: given(&prefix) };
    if found.bucket.is_empty() {
        let place = node.get(&bucket).or_else(|| node.get(&enabled)).unwrap_or(node).span;
        report.problem(place, format!("The value of '{bucket}' cannot be empty")).hint(format!("for example `{bucket}: logs`"));
    } else if let Some(wrong) = wrong_bucket(&found.bucket) {
        report
            .problem(super::place(node, &bucket), format!("'{}' is not the name of a bucket: {wrong}", found.bucket))
            .hint("it becomes a folder in the state folder; `ecslocal doctor` shows where that is");
    }
    if let Some(wrong) = wrong_prefix(&found.prefix) {
        report.problem(super::place(node, &prefix), format!("'{}' cannot be a prefix of logs: {wrong}", found.prefix));
    }
    Some(found)
}

/// S3's rules for the names of buckets; here it becomes a folder's.
fn wrong_bucket(name: &str) -> Option<&'static str> {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=63).contains(&name.len()) {
        Some("it has 3 to 63 characters")
    } else if !name.chars().all(|c| edge(c) || matches!(c, '.' | '-')) {
        Some("it is made of small letters, digits, dots and hyphens")
    } else if !name.starts_with(edge) || !name.ends_with(edge) {
        Some("it begins and ends with a letter or a digit")
    } else {
        name.contains("..").then_some("it has no two dots in a row")
    }
}

fn wrong_prefix(prefix: &str) -> Option<&'static str> {
    if prefix.is_empty() {
        None
    } else if prefix.len() > 512 || !prefix.chars().all(|c| c.is_ascii_graphic() && c != '\\') {
        Some("it has at most 512 visible ASCII characters, and no backslash")
    } else if prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("between its slashes are names")
    } else {
        prefix.contains(AWS_FOLDER).then_some("AWS puts its own `AWSLogs` after it")
    }
}
