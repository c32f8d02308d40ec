//! A target group (alb.md 4 and 5).

use std::time::Duration;

use model::{Algorithm, FailOpen, ProtocolVersion, Stickiness, StickyCookie, TargetGroupAttributes, TargetGroupSpec, TargetType};

use super::{health_check, targets};
use crate::node::Node;
use crate::problem::Report;

const COOKIE_NAME: &str = "stickiness.app_cookie.cookie_name";
const SLOW_START: &str = "slow_start.duration_seconds";
const ANOMALY: &str = "load_balancing.algorithm.anomaly_mitigation";
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
    let health_check = health_check::read(node, version, report);
    let targets = targets::all(node, report);
    let attributes = node.get("attributes").map_or_else(TargetGroupAttributes::default, |node| attributes(node, report));
    Some(TargetGroupSpec {
        name: name?,
        protocol: super::target_protocol(node, "protocol"),
        version,
        target_type: if node.text_of("targetType") == Some("ip") { TargetType::Ip } else { TargetType::Instance },
        targets: targets?,
        port: node.integer_of("port")?,
        health_check: health_check?,
        attributes,
    })
}

fn attributes(node: &Node, report: &mut Report) -> TargetGroupAttributes {
    let defaults = TargetGroupAttributes::default();
    let seconds = |key: &str, default: Duration| node.integer_of(key).map_or(default, Duration::from_secs);
    let attributes = TargetGroupAttributes {
        anomaly_mitigation: node.text_of(ANOMALY) == Some("on"),
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
            .problem(super::place(node, ANOMALY), "You can only enable anomaly mitigation with the weighted random algorithm on a target group")
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
