//! The keys of CreateListener and of listener attributes (alb.md 1).

use crate::keys::certificate::{CERTIFICATE, MUTUAL_AUTHENTICATION};
use crate::keys::rule::{ACTION, RULE};
use crate::shape::{Attribute, AttributeRule, Attributes, Choice, Object, Shape, field, inert, integer, list, named};

pub(super) static LISTENER: Object = Object::new(
    "Listener",
    "listener",
    &[
        field("port", integer(1, 65535), "The port; one listener a port of a load balancer.").required(),
        field("protocol", Shape::Choice(&PROTOCOL), "Default HTTP."),
        field(
            "certificates",
            Shape::List(&list(Shape::Object(&CERTIFICATE))),
            "Of an HTTPS listener; the first is the default one. Without any a development certificate is made.",
        ),
        field("sslPolicy", Shape::Text, "The security policy of an HTTPS listener. Default ELBSecurityPolicy-2016-08."),
        field("mutualAuthentication", Shape::Object(&MUTUAL_AUTHENTICATION), "Whether clients of an HTTPS listener show certificates."),
        field("defaultActions", Shape::List(&list(Shape::Object(&ACTION)).not_empty()), DEFAULT_ACTIONS).required(),
        field("rules", Shape::List(&named(Shape::Object(&RULE), "priority")), "Rules; the lowest priority is tried first."),
        field("attributes", Shape::Attributes(&ATTRIBUTES), "Attributes, as a map or as AWS's list of `{key, value}`."),
        inert("tags", "tags are not kept"),
    ],
)
.either_case()
.refusing(&[("alpnPolicy", "it belongs to Network Load Balancers; `routing.http2.enabled` of the load balancer chooses")]);

const DEFAULT_ACTIONS: &str =
    "For requests that no rule matches: one of forward, redirect and fixed-response, after one that authenticates if need be.";

static PROTOCOL: Choice = Choice {
    accepted: &["HTTP", "HTTPS"],
    refused: &[("TCP", "use `HTTP` or `HTTPS`; this is an Application Load Balancer"), ("TLS", "use `HTTPS`; this is an Application Load Balancer")],
};

/// Each header that a listener can add to responses, and its attribute.
pub(crate) const RESPONSE_HEADERS: [(&str, &str); 10] = [
    ("Strict-Transport-Security", "routing.http.response.strict_transport_security.header_value"),
    ("Access-Control-Allow-Origin", "routing.http.response.access_control_allow_origin.header_value"),
    ("Access-Control-Allow-Methods", "routing.http.response.access_control_allow_methods.header_value"),
    ("Access-Control-Allow-Headers", "routing.http.response.access_control_allow_headers.header_value"),
    ("Access-Control-Allow-Credentials", "routing.http.response.access_control_allow_credentials.header_value"),
    ("Access-Control-Expose-Headers", "routing.http.response.access_control_expose_headers.header_value"),
    ("Access-Control-Max-Age", "routing.http.response.access_control_max_age.header_value"),
    ("Content-Security-Policy", "routing.http.response.content_security_policy.header_value"),
    ("X-Content-Type-Options", "routing.http.response.x_content_type_options.header_value"),
    ("X-Frame-Options", "routing.http.response.x_frame_options.header_value"),
];

/// Each header about TLS that targets are sent, and the attribute that renames it.
pub(crate) const REQUEST_HEADERS: [(&str, &str); 8] = [
    ("X-Amzn-Mtls-Clientcert", "routing.http.request.x_amzn_mtls_clientcert.header_name"),
    ("X-Amzn-Mtls-Clientcert-Serial-Number", "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name"),
    ("X-Amzn-Mtls-Clientcert-Issuer", "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name"),
    ("X-Amzn-Mtls-Clientcert-Subject", "routing.http.request.x_amzn_mtls_clientcert_subject.header_name"),
    ("X-Amzn-Mtls-Clientcert-Validity", "routing.http.request.x_amzn_mtls_clientcert_validity.header_name"),
    ("X-Amzn-Mtls-Clientcert-Leaf", "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name"),
    ("X-Amzn-Tls-Version", "routing.http.request.x_amzn_tls_version.header_name"),
    ("X-Amzn-Tls-Cipher-Suite", "routing.http.request.x_amzn_tls_cipher_suite.header_name"),
];

static ATTRIBUTES: Attributes = Attributes {
    id: "ListenerAttributes",
    known: &[
        Attribute {
            key: "routing.http.response.server.enabled",
            rule: AttributeRule::Boolean,
            about: "Whether the load balancer's own answers say `Server: awselb/2.0`. Default true.",
        },
        response_header(RESPONSE_HEADERS[0].1),
        response_header(RESPONSE_HEADERS[1].1),
        response_header(RESPONSE_HEADERS[2].1),
        response_header(RESPONSE_HEADERS[3].1),
        response_header(RESPONSE_HEADERS[4].1),
        response_header(RESPONSE_HEADERS[5].1),
        response_header(RESPONSE_HEADERS[6].1),
        response_header(RESPONSE_HEADERS[7].1),
        response_header(RESPONSE_HEADERS[8].1),
        response_header(RESPONSE_HEADERS[9].1),
        of_tls(REQUEST_HEADERS[0].1),
        of_tls(REQUEST_HEADERS[1].1),
        of_tls(REQUEST_HEADERS[2].1),
        of_tls(REQUEST_HEADERS[3].1),
        of_tls(REQUEST_HEADERS[4].1),
        of_tls(REQUEST_HEADERS[5].1),
        of_tls(REQUEST_HEADERS[6].1),
        of_tls(REQUEST_HEADERS[7].1),
    ],
};

const fn response_header(key: &'static str) -> Attribute {
    Attribute {
        key,
        rule: AttributeRule::Text,
        about: "A header of every response, in place of the target's; at most 1024 characters. Default none.",
    }
}

const fn of_tls(key: &'static str) -> Attribute {
    Attribute { key, rule: AttributeRule::Text, about: "Another name for a header about TLS that targets of an HTTPS listener are sent." }
}
