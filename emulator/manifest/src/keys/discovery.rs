//! The keys of Cloud Map: those of CreatePrivateDnsNamespace and CreateService, and `serviceRegistries` of a service (ecs.md 8).

use crate::shape::{Choice, Object, Shape, field, inert, integer, list, named};

/// A namespace with its services.
pub(crate) static NAMESPACE: Object = Object::new(
    "Namespace",
    "namespace",
    &[
        field("name", Shape::Text, "A domain, such as `tutorial.local`: it is this cluster's whole, whatever the Internet has there.").required(),
        field("services", Shape::List(&named(Shape::Object(&SERVICE), "name")), "What services of the cluster register their tasks in."),
        inert("vpc", "who sees its names is said by `connectsTo`"),
        inert("description", "it is for people"),
        inert("properties", "that there is nothing is remembered for 15 seconds"),
        inert("creatorRequestId", "the manifest is compared with what runs"),
        inert("tags", "tags are not kept"),
    ],
)
.either_case()
.answers(&["id", "arn", "type", "serviceCount", "createDate"]);

static SERVICE: Object = Object::new(
    "DiscoveryService",
    "Cloud Map service",
    &[
        field("name", Shape::Text, "The tasks are found as `name.namespace`.").required(),
        field("id", Shape::Text, "Its id at AWS, `srv-…`: then `registryArn` may be the ARN of there."),
        field("dnsConfig", Shape::Object(&DNS_CONFIG), "Which records there are.").required(),
        field("healthCheckCustomConfig", Shape::Object(&CUSTOM_HEALTH), "ECS says which instances are healthy. Otherwise all are."),
        inert("namespaceId", "the namespace is the one that it is written in"),
        inert("description", "it is for people"),
        inert("creatorRequestId", "the manifest is compared with what runs"),
        inert("tags", "tags are not kept"),
    ],
)
.either_case()
.refusing(&[
    ("healthCheckConfig", "Route 53 checks public addresses alone; use `healthCheckCustomConfig: {}`"),
    ("type", "instances that are found by the API alone are not supported; remove it, and say `dnsConfig`"),
])
.answers(&["arn", "instanceCount", "createDate"]);

static DNS_CONFIG: Object = Object::new(
    "DnsConfig",
    "DNS configuration",
    &[
        field("dnsRecords", Shape::List(&list(Shape::Object(&RECORD)).not_empty()), "One of each type at most.").required(),
        field(
            "routingPolicy",
            Shape::Choice(&Choice { accepted: &["MULTIVALUE", "WEIGHTED"], refused: &[] }),
            "Whether a question is answered with up to eight healthy instances, or with one. Default MULTIVALUE.",
        ),
        inert("namespaceId", "the namespace is the one that it is written in"),
    ],
)
.either_case();

static RECORD: Object = Object::new(
    "DnsRecord",
    "DNS record",
    &[
        field("type", Shape::Choice(&TYPE), "A for addresses, SRV for ports of hosts.").required(),
        field("ttl", integer(0, 2_147_483_647), "Seconds for which an answer may be remembered.").required().or(&["TTL"]),
    ],
)
.either_case();

static TYPE: Choice = Choice {
    accepted: &["A", "SRV"],
    refused: &[("AAAA", "networks here have no addresses of IPv6; use `A`"), ("CNAME", "ECS registers addresses and ports; use `A` or `SRV`")],
};

static CUSTOM_HEALTH: Object =
    Object::new("HealthCheckCustomConfig", "custom health check", &[inert("failureThreshold", "AWS takes 1 whatever is said").of(integer(1, 10))])
        .either_case();

/// One of a service's `serviceRegistries`.
pub(crate) static REGISTRY: Object = Object::new(
    "ServiceRegistry",
    "service registry",
    &[
        field("registry", Shape::Text, "A service of `namespaces`: `name.namespace`, or an ARN with its `id`.").required().or(&["registryArn"]),
        field("port", integer(1, 65535), "The container port to register, in `awsvpc` mode. Not with `containerName`."),
        field("containerName", Shape::Text, "A container of the task definition, where SRV records are wanted."),
        field("containerPort", integer(1, 65535), "One of its container ports."),
    ],
);
