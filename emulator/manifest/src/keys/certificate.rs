//! The keys of an HTTPS listener's certificates (alb.md 1).

use crate::shape::{Choice, Object, Shape, TEXTS, field};

pub(super) static CERTIFICATE: Object = Object::new(
    "Certificate",
    "certificate",
    &[
        field("certificateArn", Shape::Text, "A certificate on AWS; a development certificate stands in for it here."),
        field("certificate", Shape::Text, "Our own: a PEM file with the certificate and those up to its authority's."),
        field("privateKey", Shape::Text, "Our own: the PEM file of its private key, without a passphrase."),
        field("names", TEXTS, "Our own: more host names that a development certificate is for."),
    ],
)
.either_case()
.answers(&["isDefault"]);

pub(super) static MUTUAL_AUTHENTICATION: Object = Object::new(
    "MutualAuthentication",
    "mutual authentication",
    &[
        field("mode", Shape::Choice(&MODE), "Whether clients show certificates. Default off."),
        field("trustStore", Shape::Text, "Our own: a PEM file with the authorities whose clients are let in, for `mode: verify`."),
        field("ignoreClientCertificateExpiry", Shape::Boolean, "Whether expired certificates are let in. Default false."),
        field("advertiseTrustStoreCaNames", Shape::Choice(&ON_OR_OFF), "Whether clients are told the authorities. Default off."),
    ],
)
.either_case()
.refusing(&[("trustStoreArn", "trust stores of AWS cannot be read; name a PEM file: `trustStore: clients.pem`")])
.answers(&["trustStoreAssociationStatus"]);

static MODE: Choice = Choice { accepted: &["off", "passthrough", "verify"], refused: &[] };
static ON_OR_OFF: Choice = Choice { accepted: &["on", "off"], refused: &[] };
