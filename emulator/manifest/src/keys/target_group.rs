//! The keys of CreateTargetGroup (alb.md 4 and 5).

use crate::shape::{Attribute, AttributeRule, Attributes, Choice, Object, Shape, field, inert, integer, list};

pub(crate) static TARGET_GROUP: Object = Object::new(
    "TargetGroup",
    "target group",
    &[
        field("name", Shape::Text, "Unique: 1 to 32 letters, digits and hyphens, no hyphen at an edge.").required().or(&["targetGroupName"]),
        field("protocol", Shape::Choice(&PROTOCOL), "How targets are spoken to. Default HTTP."),
        field("port", integer(1, 65535), "The port of targets that name none; tasks name theirs.").required(),
        field("protocolVersion", Shape::Choice(&VERSION), "Default HTTP1."),
        field("targetType", Shape::Choice(&TARGET_TYPE), "Default instance: an instance and a host port, as tasks in `bridge` mode need."),
        field(
            "targets",
            Shape::List(&list(Shape::Object(&TARGET))),
            "Our own: targets that no service stands behind, such as a process started from an editor.",
        ),
        field(
            "healthCheckEnabled",
            Shape::Choice(&Choice { accepted: &["true"], refused: &[("false", "targets are always checked")] }),
            "Always true.",
        ),
        field("healthCheckProtocol", Shape::Choice(&PROTOCOL), "Default HTTP."),
        field("healthCheckPort", Shape::Text, "1 to 65535, or `traffic-port`, the default."),
        field(
            "healthCheckPath",
            Shape::Text,
            "1 to 1024 characters, begins with `/`, may hold a query. Default `/`, for GRPC `/AWS.ALB/healthcheck`.",
        ),
        field("healthCheckIntervalSeconds", integer(5, 300), "Between two checks of a target. Default 30."),
        field("healthCheckTimeoutSeconds", integer(2, 120), "No answer for so long is a failure; below the interval. Default 5."),
        field("healthyThresholdCount", integer(2, 10), "Passes in a row that make an unhealthy target healthy. Default 5."),
        field("unhealthyThresholdCount", integer(2, 10), "Failures in a row that make a target unhealthy. Default 2."),
        field("matcher", Shape::Object(&MATCHER), "Which statuses pass."),
        field("attributes", Shape::Attributes(&ATTRIBUTES), "Attributes, as a map or as AWS's list of `{key, value}`."),
        inert("vpcId", "targets are on this machine"),
        inert("ipAddressType", "targets are on this machine"),
        inert("tags", "tags are not kept"),
    ],
)
.either_case()
.refusing(&[("targetControlPort", "the target optimizer is not supported")])
.answers(&["loadBalancerArns"]);

static MATCHER: Object = Object::new(
    "Matcher",
    "matcher",
    &[
        field("httpCode", Shape::Text, "200 to 499: `200`, `200,202`, `200-299`. Default `200`."),
        field("grpcCode", Shape::Text, "0 to 99: `0`, `0,12`, `0-99`, for `protocolVersion: GRPC`. Default `12`."),
    ],
)
.either_case();

static TARGET: Object = Object::new(
    "Target",
    "target",
    &[
        field("id", Shape::Text, "An IP address of this machine or of a private network, or `localhost`.").required(),
        field("port", integer(1, 65535), "Default the target group's."),
        inert("availabilityZone", "there is one zone"),
    ],
)
.either_case();

static PROTOCOL: Choice = Choice {
    accepted: &["HTTP", "HTTPS"],
    refused: &[("TCP", "use `HTTP` or `HTTPS`; this is an Application Load Balancer"), ("TLS", "use `HTTPS`; this is an Application Load Balancer")],
};

static VERSION: Choice = Choice { accepted: &["HTTP1", "HTTP2", "GRPC"], refused: &[] };

static TARGET_TYPE: Choice = Choice {
    accepted: &["instance", "ip"],
    refused: &[("lambda", "functions are not supported; use `instance`"), ("alb", "it belongs to Network Load Balancers; use `instance`")],
};

static ATTRIBUTES: Attributes = Attributes {
    id: "TargetGroupAttributes",
    known: &[
        Attribute {
            key: "deregistration_delay.timeout_seconds",
            rule: AttributeRule::Integer(0, 3600),
            about: "How long a target drains, in seconds. Default 300.",
        },
        Attribute {
            key: "slow_start.duration_seconds",
            rule: AttributeRule::Integer(0, 900),
            about: "How long a new target's share grows: 30 to 900 seconds, or 0, the default, for a full share at once.",
        },
        Attribute { key: "stickiness.enabled", rule: AttributeRule::Boolean, about: "Whether clients come back to the target that they had." },
        Attribute {
            key: "stickiness.type",
            rule: AttributeRule::OneOf(&["lb_cookie", "app_cookie"]),
            about: "By the load balancer's own cookie, the default, or by one of the application's.",
        },
        Attribute {
            key: "stickiness.lb_cookie.duration_seconds",
            rule: AttributeRule::Integer(1, 604_800),
            about: "How long a client may be away. Default 86400.",
        },
        Attribute {
            key: "stickiness.app_cookie.duration_seconds",
            rule: AttributeRule::Integer(1, 604_800),
            about: "How long a client may be away. Default 86400.",
        },
        Attribute { key: "stickiness.app_cookie.cookie_name", rule: AttributeRule::Text, about: "Which of the application's cookies." },
        Attribute {
            key: "load_balancing.algorithm.type",
            rule: AttributeRule::OneOf(&["round_robin", "least_outstanding_requests", "weighted_random"]),
            about: "How a target is chosen. Default round_robin.",
        },
        Attribute {
            key: "load_balancing.algorithm.anomaly_mitigation",
            rule: AttributeRule::OneOf(&["on", "off"]),
            about: "Whether targets that fail far more often than the others get fewer requests; with weighted_random only. Default off.",
        },
        Attribute { key: "load_balancing.cross_zone.enabled", rule: AttributeRule::Inert("there is one zone"), about: "Cross-zone." },
        Attribute {
            key: "target_group_health.dns_failover.minimum_healthy_targets.count",
            rule: AttributeRule::Inert("there is no DNS to fail over"),
            about: "DNS failover.",
        },
        Attribute {
            key: "target_group_health.dns_failover.minimum_healthy_targets.percentage",
            rule: AttributeRule::Inert("there is no DNS to fail over"),
            about: "DNS failover.",
        },
        Attribute {
            key: "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
            rule: AttributeRule::Integer(1, 1000),
            about: "With fewer healthy targets, all get requests. Default 1.",
        },
        Attribute {
            key: "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
            rule: AttributeRule::IntegerOrOff(1, 100),
            about: "With fewer healthy ones in a hundred targets, all get requests. Default off.",
        },
    ],
};
