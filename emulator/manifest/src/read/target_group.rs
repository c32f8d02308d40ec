//! A target group (alb.md 4 and 5).

use std::time::Duration;

use model::{
    Algorithm, FailOpen, GrpcMatcher, HealthCheck, Matcher, ProtocolVersion, Stickiness, StickyCookie, TargetGroupAttributes, TargetGroupSpec,
    TargetProtocol, TargetType,
};

use super::targets;
use crate::node::Node;
use crate::problem::Report;

/// What a gRPC group is asked for where it names nothing: a method that no server has.
const GRPC_PATH: &str = "/AWS.ALB/healthcheck";
const ANOMALY_MITIGATION: &str = "load_balancing.algorithm.anomaly_mitigation";
const COOKIE_NAME: &str = "stickiness.app_cookie.cookie_name";
const SLOW_START: &str = "slow_start.duration_seconds";
const FAIL_OPEN: &str = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";

/// The name in a reference: itself, or the name part of `arn:aws:elasticloadbalancing:…:targetgroup/<name>/<id>`.
pub(crate) fn name_of(reference: &str) -> &str {
    let Some((_, rest)) = reference.strip_prefix("arn:").and_then(|arn| arn.split_once(":targetgroup/")) else { return reference };
    rest.split_once('/').map_or(rest, |(name, _)| name)
}

pub(super) fn read(node: &Node, report: &mut Report) -> Option<TargetGroupSpec> {
    let name = super::name_under(node, "name", report);
    let version = match node.text_of("protocolVersion") {
        Some("HTTP2") => ProtocolVersion::Http2,
        Some("GRPC") => ProtocolVersion::Grpc,
        _ => ProtocolVersion::Http1,
    };
    let health_check = health_check(node, version, report);
    let port: Option<u16> = node.integer_of("port");
    let targets = targets::read(node, port, report);
    let attributes = node.get("attributes").map_or_else(TargetGroupAttributes::default, |node| attributes(node, report));
    Some(TargetGroupSpec {
        name: name?,
        protocol: protocol(node, "protocol"),
        version,
        target_type: if node.text_of("targetType") == Some("ip") { TargetType::Ip } else { TargetType::Instance },
        targets: targets?,
        port: port?,
        health_check: health_check?,
        attributes,
    })
}

fn attributes(node: &Node, report: &mut Report) -> TargetGroupAttributes {
    let defaults = TargetGroupAttributes::default();
    let seconds = |key: &str, default: Duration| node.integer_of(key).map_or(default, Duration::from_secs);
    let attributes = TargetGroupAttributes {
        anomaly_mitigation: node.text_of(ANOMALY_MITIGATION) == Some("on"),
        deregistration_delay: seconds("deregistration_delay.timeout_seconds", defaults.deregistration_delay),
        algorithm: match node.text_of("load_balancing.algorithm.type") {
            Some("least_outstanding_requests") => Algorithm::LeastOutstandingRequests,
            Some("weighted_random") => Algorithm::WeightedRandom,
            _ => Algorithm::RoundRobin,
        },
        slow_start: seconds(SLOW_START, defaults.slow_start),
        stickiness: stickiness(node, report),
        fail_open: FailOpen {
            below_count: node.integer_of(&format!("{FAIL_OPEN}.count")).unwrap_or(defaults.fail_open.below_count),
            below_percentage: node.integer_of(&format!("{FAIL_OPEN}.percentage")),
        },
    };
    let place = super::place(node, SLOW_START);
    let seconds = attributes.slow_start.as_secs();
    if (1..30).contains(&seconds) {
        report.problem(place, format!("'{SLOW_START}' value '{seconds}' must be 0 or between '30-900' inclusive"));
    }
    if seconds > 0 && attributes.algorithm != Algorithm::RoundRobin {
        let algorithm = attributes.algorithm.as_str().replace('_', " ");
        report
            .problem(place, format!("You cannot enable both slow start and {algorithm} algorithm on a target group"))
            .hint("remove one of the two attributes");
    }
    if attributes.anomaly_mitigation && attributes.algorithm != Algorithm::WeightedRandom {
        report
            .problem(super::place(node, ANOMALY_MITIGATION), "Anomaly mitigation can only be enabled with the weighted random algorithm")
            .hint("add `load_balancing.algorithm.type: weighted_random`");
    }
    if attributes.stickiness.is_some() && attributes.algorithm == Algorithm::WeightedRandom {
        report
            .problem(
                super::place(node, "stickiness.enabled"),
                "You cannot have both stickiness and weighted random algorithm enabled on the same target group.",
            )
            .hint("remove one of the two attributes");
    }
    attributes
}

fn stickiness(node: &Node, report: &mut Report) -> Option<Stickiness> {
    let day = 24 * 60 * 60;
    if !node.boolean_of("stickiness.enabled").unwrap_or(false) {
        return None;
    }
    if node.text_of("stickiness.type") != Some("app_cookie") {
        let duration = Duration::from_secs(node.integer_of("stickiness.lb_cookie.duration_seconds").unwrap_or(day));
        return Some(Stickiness { cookie: StickyCookie::LoadBalancer, duration });
    }
    let name = node.text_of(COOKIE_NAME).unwrap_or_default();
    let wrong = if name.is_empty() {
        Some("`stickiness.type` `app_cookie` needs the name of the application's cookie")
    } else if name.starts_with("AWSALB") {
        Some("a cookie of an application cannot have a name of the load balancer's own, AWSALB, AWSALBAPP or AWSALBTG")
    } else if !name.chars().all(|c| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c)) {
        Some("this is not the name of a cookie")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        report.problem(super::place(node, COOKIE_NAME), wrong).hint(format!("for example `{COOKIE_NAME}: SESSION`"));
    }
    let duration = Duration::from_secs(node.integer_of("stickiness.app_cookie.duration_seconds").unwrap_or(day));
    Some(Stickiness { cookie: StickyCookie::Application(name.to_owned()), duration })
}

fn protocol(node: &Node, key: &str) -> TargetProtocol {
    if node.text_of(key) == Some("HTTPS") { TargetProtocol::Https } else { TargetProtocol::Http }
}

fn health_check(node: &Node, version: ProtocolVersion, report: &mut Report) -> Option<HealthCheck> {
    let mut check = HealthCheck { version, protocol: protocol(node, "healthCheckProtocol"), ..HealthCheck::default() };
    if version == ProtocolVersion::Grpc {
        check.path = GRPC_PATH.to_owned();
    }
    let port = port(node, report);
    if let Some(path) = node.get("healthCheckPath") {
        check.path = health_check_path(path, report)?;
    }
    if let Some(codes) = node.get("matcher") {
        matcher(codes, &mut check, report);
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
    check.port = port?;
    Some(check)
}

fn matcher(node: &Node, check: &mut HealthCheck, report: &mut Report) {
    let grpc = check.version == ProtocolVersion::Grpc;
    let (own, other) = if grpc { ("grpcCode", "httpCode") } else { ("httpCode", "grpcCode") };
    if let Some(entry) = node.entry(other).filter(|entry| !entry.node.asks_for_nothing()) {
        report
            .problem(entry.key_span, format!("Health check matcher {other} cannot be used with the protocol version {}", check.version.as_str()))
            .hint(format!("use `{own}`"));
    }
    let Some((codes, text)) = node.get(own).and_then(|codes| Some((codes, codes.text()?))) else { return };
    let read = if grpc { GrpcMatcher::new(text).map(|read| check.grpc_matcher = read) } else { Matcher::new(text).map(|read| check.matcher = read) };
    if let Err(why) = read {
        report.problem(codes.span, why);
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

impl Node {
    /// A port from 1 to 65535.
    pub(super) fn port_number(&self) -> Option<u16> {
        self.integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0)
    }
}
