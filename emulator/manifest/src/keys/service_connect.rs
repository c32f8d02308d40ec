//! The keys of Service Connect (ecs.md 8).

use crate::shape::{Choice, Object, Shape, field, inert, integer, list};

/// The cluster's.
pub(crate) static DEFAULTS: Object = Object::new(
    "ServiceConnectDefaults",
    "service connect defaults",
    &[field("namespace", Shape::Text, "The namespace of services that name none.").required()],
);

/// A service's.
pub(crate) static CONFIGURATION: Object = Object::new(
    "ServiceConnectConfiguration",
    "service connect configuration",
    &[
        field("enabled", Shape::Boolean, "Whether the service takes part.").required(),
        field(
            "namespace",
            Shape::Text,
            "Services of one namespace reach each other's endpoints: a name, or an ARN that ends with it. Default that of `serviceConnectDefaults`.",
        ),
        field("services", Shape::List(&list(Shape::Object(&SERVICE))), "The endpoints that it offers; none for a client alone."),
        inert("logConfiguration", "the proxy is the daemon, which writes its own log"),
    ],
)
.refusing(&[("accessLogConfiguration", "connections between services are not logged one by one; remove it")]);

static SERVICE: Object = Object::new(
    "ServiceConnectService",
    "service connect service",
    &[
        field("portName", Shape::Text, "The `name` of a port mapping of the task definition.").required(),
        field("discoveryName", Shape::Text, "Its name in the namespace. Default `portName`."),
        field("clientAliases", Shape::List(&list(Shape::Object(&CLIENT_ALIAS)).not_empty()), "What clients ask for; exactly one.").required(),
        field("timeout", Shape::Object(&TIMEOUT), "When a connection or a request is given up."),
        inert("ingressPortOverride", "no proxy listens within the task"),
    ],
)
.refusing(&[("tls", "connections between services are not encrypted on one machine; remove it")]);

static CLIENT_ALIAS: Object = Object::new(
    "ServiceConnectClientAlias",
    "client alias",
    &[
        field("port", integer(1, 65535), "The port that clients ask for.").required(),
        field("dnsName", Shape::Text, "The host that clients ask for. Default `discoveryName.namespace`."),
    ],
)
.refusing(&[("testTrafficRules", "traffic between services is not told apart by headers; remove it")]);

static TIMEOUT: Object = Object::new(
    "TimeoutConfiguration",
    "timeout configuration",
    &[
        field(
            "idleTimeoutSeconds",
            integer(0, 2_147_483_647),
            "A connection on which nothing moves for so long ends; 0 for never. Default 300, of TCP 3600.",
        ),
        field(
            "perRequestTimeoutSeconds",
            integer(0, 2_147_483_647),
            "A response must be whole after so long; 0 for never. Default 15. Not with TCP.",
        ),
    ],
);

/// `appProtocol` of a port mapping.
pub(crate) static APP_PROTOCOL: Choice = Choice { accepted: &["http", "http2", "grpc"], refused: &[] };
