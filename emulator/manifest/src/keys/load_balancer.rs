//! The keys of CreateLoadBalancer and of load balancer attributes (alb.md 1).

use crate::keys::listener::LISTENER;
use crate::shape::{Attribute, AttributeRule, Attributes, Choice, Object, Shape, field, inert, named};

pub(crate) static LOAD_BALANCER: Object = Object::new(
    "LoadBalancer",
    "load balancer",
    &[
        field("name", Shape::Text, "Unique: 1 to 32 letters, digits and hyphens, no hyphen at an edge.").required().or(&["loadBalancerName"]),
        field("type", Shape::Choice(&TYPE), "Default application."),
        field("listeners", Shape::List(&named(Shape::Object(&LISTENER), "port")), "The ports that it listens on."),
        field("attributes", Shape::Attributes(&ATTRIBUTES), "Attributes, as a map or as AWS's list of `{key, value}`."),
        inert("scheme", "listeners are bound on this machine"),
        inert("subnets", "there is no VPC"),
        inert("subnetMappings", "there is no VPC"),
        inert("securityGroups", "there is no VPC"),
        inert("ipAddressType", "listeners are bound on this machine"),
        inert("tags", "tags are not kept"),
    ],
)
.either_case();

static TYPE: Choice = Choice {
    accepted: &["application"],
    refused: &[("network", "only Application Load Balancers are supported"), ("gateway", "only Application Load Balancers are supported")],
};

static ATTRIBUTES: Attributes = Attributes {
    id: "LoadBalancerAttributes",
    known: &[
        Attribute { key: "idle_timeout.timeout_seconds", rule: AttributeRule::Integer(1, 4000), about: "Default 60." },
        Attribute { key: "client_keep_alive.seconds", rule: AttributeRule::Integer(60, 604_800), about: "Default 3600." },
        Attribute {
            key: "routing.http.xff_header_processing.mode",
            rule: AttributeRule::OneOf(&["append", "preserve", "remove"]),
            about: "What happens to X-Forwarded-For. Default append.",
        },
        Attribute { key: "routing.http.xff_client_port.enabled", rule: AttributeRule::Boolean, about: "Default false." },
        Attribute { key: "routing.http.preserve_host_header.enabled", rule: AttributeRule::Boolean, about: "Default false." },
        Attribute {
            key: "routing.http.desync_mitigation_mode",
            rule: AttributeRule::OneOf(&["monitor", "defensive", "strictest"]),
            about: "What happens to requests whose end is in doubt. Default defensive.",
        },
        Attribute {
            key: "routing.http.drop_invalid_header_fields.enabled",
            rule: AttributeRule::Boolean,
            about: "Whether headers whose names are not letters, digits and hyphens are dropped. Default false.",
        },
        Attribute { key: "routing.http.x_amzn_tls_version_and_cipher_suite.enabled", rule: AttributeRule::Boolean, about: "Default false." },
        Attribute { key: "routing.http2.enabled", rule: AttributeRule::Boolean, about: "Whether HTTPS listeners offer HTTP/2. Default true." },
        Attribute {
            key: "routing.ecslocal.debug_header.enabled",
            rule: AttributeRule::Boolean,
            about: "Our own: whether responses say in `X-Ecslocal-Route` which rule and target they are due to. Default false.",
        },
        Attribute { key: "waf.fail_open.enabled", rule: AttributeRule::Inert("there is no WAF"), about: "WAF." },
        Attribute { key: "deletion_protection.enabled", rule: AttributeRule::Only("false"), about: "Default false." },
        Attribute { key: "zonal_shift.config.enabled", rule: AttributeRule::Inert("there is one zone"), about: "Zonal shift." },
        Attribute { key: "load_balancing.cross_zone.enabled", rule: AttributeRule::Inert("there is one zone"), about: "Cross-zone." },
        Attribute { key: "ipv6.deny_all_igw_traffic", rule: AttributeRule::Inert("there is no internet gateway"), about: "IPv6." },
        Attribute { key: "access_logs.s3.enabled", rule: AttributeRule::Boolean, about: "Default false." },
        Attribute {
            key: "access_logs.s3.bucket",
            rule: AttributeRule::Text,
            about: "A folder of that name in `s3` of the state folder stands for it.",
        },
        Attribute { key: "access_logs.s3.prefix", rule: AttributeRule::Text, about: "A path in the bucket. Default none." },
        Attribute { key: "connection_logs.s3.enabled", rule: AttributeRule::Boolean, about: "Default false." },
        Attribute {
            key: "connection_logs.s3.bucket",
            rule: AttributeRule::Text,
            about: "A folder of that name in `s3` of the state folder stands for it.",
        },
        Attribute { key: "connection_logs.s3.prefix", rule: AttributeRule::Text, about: "A path in the bucket. Default none." },
        Attribute { key: "health_check_logs.s3.enabled", rule: AttributeRule::Boolean, about: "Default false." },
        Attribute {
            key: "health_check_logs.s3.bucket",
            rule: AttributeRule::Text,
            about: "A folder of that name in `s3` of the state folder stands for it.",
        },
        Attribute { key: "health_check_logs.s3.prefix", rule: AttributeRule::Text, about: "A path in the bucket. Default none." },
    ],
};
