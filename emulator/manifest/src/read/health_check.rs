//! The health check of a target group (alb.md 5).

use std::time::Duration;

use model::{GrpcMatcher, HealthCheck, Matcher, ProtocolVersion};

use crate::node::Node;
use crate::problem::Report;

/// Where AWS asks gRPC targets that are told nothing else.
const GRPC_PATH: &str = "/AWS.ALB/healthcheck";

/// The check of a target group of that version.
pub(super) fn read(node: &Node, version: ProtocolVersion, report: &mut Report) -> Option<HealthCheck> {
    let mut check = HealthCheck { version, protocol: super::target_protocol(node, "healthCheckProtocol"), ..HealthCheck::default() };
    if version == ProtocolVersion::Grpc {
        GRPC_PATH.clone_into(&mut check.path);
    }
    let port = port(node, report);
    let path = node.get("healthCheckPath").map(|path| health_check_path(path, report));
    if let Some(node) = node.get("matcher") {
        matcher(node, &mut check, report);
    }
    let seconds = |key: &str, default: Duration| node.integer_of(key).map_or(default, Duration::from_secs);
    check.interval = seconds("healthCheckIntervalSeconds", check.interval);
    check.timeout = seconds("healthCheckTimeoutSeconds", check.timeout);
    check.healthy_threshold = node.integer_of("healthyThresholdCount").unwrap_or(check.healthy_threshold);
    check.unhealthy_threshold = node.integer_of("unhealthyThresholdCount").unwrap_or(check.unhealthy_threshold);
    // Out of range has been reported already.
    if check.timeout >= check.interval && check.timeout.as_secs() <= 120 && check.interval.as_secs() >= 5 {
        timeout_too_long(node, &check, report);
    }
    if let Some(path) = path {
        check.path = path?;
    }
    check.port = port?;
    Some(check)
}

/// The statuses that pass: of gRPC for a group of version GRPC, of HTTP for any other.
fn matcher(node: &Node, check: &mut HealthCheck, report: &mut Report) {
    let grpc = check.version == ProtocolVersion::Grpc;
    let (own, other) = if grpc { ("grpcCode", "httpCode") } else { ("httpCode", "grpcCode") };
    if let Some(entry) = node.entry(other).filter(|entry| !entry.node.asks_for_nothing()) {
        let version = check.version.as_str();
        report.problem(entry.key_span, format!("`{other}` does not belong to a target group of version {version}")).hint(if grpc {
            "use `grpcCode`"
        } else {
            "use `httpCode`, or `protocolVersion: GRPC`"
        });
    } else if node.get(own).is_none() && !report.partial {
        report.problem(node.span, format!("a matcher needs `{own}`")).hint(if grpc {
            "0 to 99: `12`, `0,12`, `0-99`; leave `matcher` out for `12`"
        } else {
            "200 to 499: `200`, `200,202`, `200-299`; leave `matcher` out for `200`"
        });
    }
    let Some((place, text)) = node.get(own).and_then(|node| Some((node.span, node.text()?))) else { return };
    let read = if grpc { GrpcMatcher::new(text).map(|read| check.grpc_matcher = read) } else { Matcher::new(text).map(|read| check.matcher = read) };
    if let Err(why) = read {
        report.problem(place, why);
    }
}

fn timeout_too_long(node: &Node, check: &HealthCheck, report: &mut Report) {
    let (timeout, interval) = (check.timeout.as_secs(), check.interval.as_secs());
    let key = if node.get("healthCheckTimeoutSeconds").is_some() { "healthCheckTimeoutSeconds" } else { "healthCheckIntervalSeconds" };
    report.problem(super::place(node, key), format!("Health check timeout '{timeout}' must be smaller than the interval '{interval}'")).hint(match (
        node.get("healthCheckTimeoutSeconds"),
        node.get("healthCheckIntervalSeconds"),
    ) {
        (None, _) => format!("`healthCheckTimeoutSeconds` is 5 where it is left out: set it to less than {interval}, for example to 2"),
        (_, None) => format!("`healthCheckIntervalSeconds` is 30 where it is left out: set it to more than {timeout}"),
        _ => "set a shorter `healthCheckTimeoutSeconds`, or a longer `healthCheckIntervalSeconds`".to_owned(),
    });
}

/// `Some(None)` is the traffic port.
fn port(node: &Node, report: &mut Report) -> Option<Option<u16>> {
    let Some(port) = node.get("healthCheckPort") else { return Some(None) };
    match (port.text()?, port.port_number()) {
        ("traffic-port", _) => Some(None),
        (_, Some(number)) => Some(Some(number)),
        (given, None) => {
            report.problem(port.span, format!("`healthCheckPort` must be `traffic-port` or a port from 1 to 65535, found `{given}`"));
            None
        }
    }
}

fn health_check_path(node: &Node, report: &mut Report) -> Option<String> {
    let path = node.text()?;
    if !path.starts_with('/') {
        report.problem(node.span, format!("Health check path '{path}' must begin with a '/' character"));
        return None;
    }
    if path.chars().count() > 1024 || !path.chars().all(|c| c.is_ascii_graphic()) {
        report.problem(node.span, "a health check path has 1 to 1024 visible ASCII characters");
        return None;
    }
    Some(path.to_owned())
}
