//! HTTPS listeners: certificates, clients' certificates, what only they may have.

use insta::assert_snapshot;
use model::{CertificateSource, Listener, ListenerProtocol, ListenerTls, MutualAuthentication, SecurityPolicy};

use crate::support::{bad, good, read_all, replaced};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
const LOCKED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";

/// A manifest whose listener has these keys, beside its port.
fn with(keys: &str) -> String {
    replaced(&[("      - port: 80\n", &format!("      - port: 443\n{}", keys.lines().map(|line| format!("        {line}\n")).collect::<String>()))])
}

/// Reads it beside some files.
fn read(keys: &str) -> Result<manifest::Manifest, manifest::Problems> {
    let files = [
        ("certs/shop.pem", CERTIFICATE),
        ("certs/shop-key.pem", KEY),
        ("locked.pem", LOCKED),
        ("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"),
        ("cluster.yaml", &with(keys)),
    ];
    read_all(&files, &[])
}

fn listener(keys: &str) -> Listener {
    let manifest = read(keys).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    manifest.desired.load_balancers.into_values().next().unwrap().listeners.remove(&443).unwrap()
}

fn tls(keys: &str) -> ListenerTls {
    listener(&format!("protocol: HTTPS\n{keys}")).tls.unwrap()
}

fn wrong(keys: &str) -> String {
    read(keys).unwrap_err().render(false)
}

fn development(arn: Option<&str>, names: &[&str]) -> CertificateSource {
    CertificateSource::Development { arn: arn.map(str::to_owned), names: names.iter().map(ToString::to_string).collect() }
}

#[test]
fn a_listener_without_certificates_gets_one_made_here() {
    let found = listener("protocol: HTTPS");
    assert_eq!(found.protocol, ListenerProtocol::Https);
    let expected = ListenerTls { certificates: vec![development(None, &[])], policy: SecurityPolicy::default(), mutual: MutualAuthentication::Off };
    assert_eq!(found.tls, Some(expected));
    let plain = listener("protocol: HTTP\ncertificates: []\nmutualAuthentication: { mode: off }");
    assert_eq!((plain.protocol, plain.tls), (ListenerProtocol::Http, None));
}

#[test]
fn certificates_are_read() {
    let arn = "arn:aws:acm:eu-west-1:123456789012:certificate/0123";
    let found = tls(&format!(
        "Certificates:\n  - {{ CertificateArn: \"{arn}\", IsDefault: true }}\n  - {{ certificate: certs/shop.pem, privateKey: ./certs/../certs/shop-key.pem }}\n  - {{ names: [Shop.test, \"*.shop.test\", shop.test] }}\n  - {{ certificateArn: \"{arn}\" }}"
    ));
    let files = CertificateSource::Files { certificate: "/home/app/certs/shop.pem".into(), private_key: "/home/app/certs/shop-key.pem".into() };
    assert_eq!(found.certificates, [development(Some(arn), &[]), files, development(None, &["shop.test", "*.shop.test"])]);
    let notes = read(&format!("protocol: HTTPS\ncertificates: [{{ certificateArn: \"{arn}\" }}]")).unwrap().notes;
    assert_eq!(notes[0].message, format!("a development certificate stands in for `{arn}`; `ecslocal doctor` says how to trust it"));
    assert_eq!(notes.len(), 1);
}

#[test]
fn clients_certificates_are_read() {
    assert_eq!(tls("MutualAuthentication: { Mode: passthrough }").mutual, MutualAuthentication::Passthrough);
    assert_eq!(tls("mutualAuthentication: { mode: off, ignoreClientCertificateExpiry: false }").mutual, MutualAuthentication::Off);
    let trust_store = "/home/app/certs/shop.pem".to_owned();
    assert_eq!(
        tls("mutualAuthentication: { mode: verify, trustStore: certs/shop.pem }").mutual,
        MutualAuthentication::Verify { trust_store: trust_store.clone(), ignore_expiry: false, advertise_names: false }
    );
    let all =
        "mutualAuthentication: { mode: verify, trustStore: certs/shop.pem, ignoreClientCertificateExpiry: true, advertiseTrustStoreCaNames: \"on\" }";
    assert_eq!(tls(all).mutual, MutualAuthentication::Verify { trust_store, ignore_expiry: true, advertise_names: true });
}

#[test]
fn headers_about_tls_get_other_names() {
    let attributes = "attributes: { routing.http.request.x_amzn_tls_version.header_name: X-Tls, routing.http.request.x_amzn_mtls_clientcert_leaf.header_name: X-Client-Certificate, routing.http.request.x_amzn_tls_cipher_suite.header_name: \"\" }";
    let found = listener(&format!("protocol: HTTPS\n{attributes}")).attributes.renamed_headers;
    let shown: Vec<String> = found.iter().map(|(stock, name)| format!("{stock} as {name}")).collect();
    assert_eq!(shown, ["X-Amzn-Mtls-Clientcert-Leaf as X-Client-Certificate", "X-Amzn-Tls-Version as X-Tls"]);
    assert!(listener(attributes).attributes.renamed_headers.is_empty());
    assert_eq!(good(&with(attributes)).notes.len(), 2);
}

#[test]
fn certificates_that_cannot_be() {
    assert_snapshot!(
        wrong(
            "protocol: HTTPS\ncertificates:\n  - { certificateArn: certs/shop.pem }\n  - { certificate: certs/shop.pem }\n  - { certificate: certs/shop-key.pem, privateKey: certs/shop.pem }\n  - { certificate: certs/shoppe.pem, privateKey: locked.pem }\n  - { certificate: cut.pem, privateKey: certs/shop-key.pem, names: [shop.test] }\n  - { names: [\"shop_1.test\"] }\n  - { file: certs/shop.pem }"
        ),
        @r#"
    error: Certificate ARN 'certs/shop.pem' is not valid
     --> cluster.yaml:8:31
      |
    8 |           - { certificateArn: certs/shop.pem }
      |                               ^^^^^^^^^^^^^^
      |
      = hint: a file of this machine is named by `certificate`, with its `privateKey`

    error: a certificate of a file needs `privateKey` beside `certificate`
     --> cluster.yaml:9:13
      |
    9 |           - { certificate: certs/shop.pem }
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: write `{certificate: certs/shop.pem, privateKey: certs/shop-key.pem}`, or neither for a development certificate

    error: `certs/shop-key.pem` holds no certificate in PEM
      --> cluster.yaml:10:28
       |
    10 |           - { certificate: certs/shop-key.pem, privateKey: certs/shop.pem }
       |                            ^^^^^^^^^^^^^^^^^^
       |
       = hint: it holds a private key: are `certificate` and `privateKey` swapped?

    error: `certs/shop.pem` holds no private key in PEM
      --> cluster.yaml:10:60
       |
    10 |           - { certificate: certs/shop-key.pem, privateKey: certs/shop.pem }
       |                                                            ^^^^^^^^^^^^^^
       |
       = hint: it holds a certificate: are `certificate` and `privateKey` swapped?

    error: cannot read `certs/shoppe.pem`: no such file
      --> cluster.yaml:11:28
       |
    11 |           - { certificate: certs/shoppe.pem, privateKey: locked.pem }
       |                            ^^^^^^^^^^^^^^^^
       |
       = hint: the path is relative to the file that names it

    error: `locked.pem` holds no private key in PEM
      --> cluster.yaml:11:58
       |
    11 |           - { certificate: certs/shoppe.pem, privateKey: locked.pem }
       |                                                          ^^^^^^^^^^
       |
       = hint: its key has a passphrase; `openssl pkey -in FILE -out FILE` writes it without one

    error: `cut.pem` is damaged: a section of it has no end
      --> cluster.yaml:12:28
       |
    12 |           - { certificate: cut.pem, privateKey: certs/shop-key.pem, names: [shop.test] }
       |                            ^^^^^^^

    error: `names` belongs to a development certificate, and this one is read from a file
      --> cluster.yaml:12:69
       |
    12 |           - { certificate: cut.pem, privateKey: certs/shop-key.pem, names: [shop.test] }
       |                                                                     ^^^^^
       |
       = hint: keep one of the two

    error: `shop_1.test` is not a host name that a certificate can be for
      --> cluster.yaml:13:23
       |
    13 |           - { names: ["shop_1.test"] }
       |                       ^^^^^^^^^^^^^
       |
       = hint: for example `shop.test` or `*.shop.test`

    error: unknown key `file` in a certificate
      --> cluster.yaml:14:15
       |
    14 |           - { file: certs/shop.pem }
       |               ^^^^ unknown key
       |
       = hint: a certificate may have `certificateArn`, `certificate`, `privateKey` or `names`

    10 problems in cluster.yaml
    "#
    );
    let many = format!("protocol: HTTPS\ncertificates: [{}]", (0..27).map(|n| format!("{{ names: [a{n}.test] }}")).collect::<Vec<_>>().join(", "));
    assert_eq!(wrong(&many).lines().next().unwrap(), "error: a listener has at most 26 certificates, the default one and 25 more; this one has 27");
}

#[test]
fn what_belongs_to_https_only() {
    assert_snapshot!(wrong("certificates: [{ certificateArn: \"arn:aws:acm:x\" }]\nmutualAuthentication: { mode: passthrough }"), @r#"
    error: A certificate cannot be specified for HTTP listeners
     --> cluster.yaml:6:9
      |
    6 |         certificates: [{ certificateArn: "arn:aws:acm:x" }]
      |         ^^^^^^^^^^^^
      |
      = hint: add `protocol: HTTPS`, or remove it

    error: Mutual authentication cannot be specified for HTTP listeners
     --> cluster.yaml:7:9
      |
    7 |         mutualAuthentication: { mode: passthrough }
      |         ^^^^^^^^^^^^^^^^^^^^
      |
      = hint: add `protocol: HTTPS`, or remove it

    2 problems in cluster.yaml
    "#);
    assert_snapshot!(wrong("protocol: TLS\ncertificates: [{ certificateArn: \"arn:aws:acm:x\" }]\nalpnPolicy: [HTTP2Only]"), @r#"
    error: `protocol: TLS` is not supported
     --> cluster.yaml:6:19
      |
    6 |         protocol: TLS
      |                   ^^^
      |
      = hint: use `HTTPS`; this is an Application Load Balancer

    error: `alpnPolicy` of a listener is not supported
     --> cluster.yaml:8:9
      |
    8 |         alpnPolicy: [HTTP2Only]
      |         ^^^^^^^^^^
      |
      = hint: it belongs to Network Load Balancers; `routing.http2.enabled` of the load balancer chooses

    2 problems in cluster.yaml
    "#);
}

#[test]
fn clients_certificates_that_cannot_be() {
    assert_snapshot!(wrong("protocol: HTTPS\nmutualAuthentication: { mode: verify, trustStoreArn: \"arn:aws:elasticloadbalancing:x\" }"), @r#"
    error: `trustStoreArn` of a mutual authentication is not supported
     --> cluster.yaml:7:47
      |
    7 |         mutualAuthentication: { mode: verify, trustStoreArn: "arn:aws:elasticloadbalancing:x" }
      |                                               ^^^^^^^^^^^^^
      |
      = hint: trust stores of AWS cannot be read; name a PEM file: `trustStore: clients.pem`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(
        wrong("protocol: HTTPS\nmutualAuthentication: { mode: passthrough, trustStore: certs/shop.pem, advertiseTrustStoreCaNames: yes }"),
        @r#"
    error: `trustStore` belongs to `mode: verify`, this one is `mode: passthrough`
     --> cluster.yaml:7:52
      |
    7 |         mutualAuthentication: { mode: passthrough, trustStore: certs/shop.pem, advertiseTrustStoreCaNames: yes }
      |                                                    ^^^^^^^^^^

    error: `advertiseTrustStoreCaNames` belongs to `mode: verify`, this one is `mode: passthrough`
     --> cluster.yaml:7:80
      |
    7 |         mutualAuthentication: { mode: passthrough, trustStore: certs/shop.pem, advertiseTrustStoreCaNames: yes }
      |                                                                                ^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `advertiseTrustStoreCaNames` must be `on` or `off`, found `yes`
     --> cluster.yaml:7:108
      |
    7 |         mutualAuthentication: { mode: passthrough, trustStore: certs/shop.pem, advertiseTrustStoreCaNames: yes }
      |                                                                                                            ^^^

    3 problems in cluster.yaml
    "#
    );
    assert_snapshot!(wrong("protocol: HTTPS\nmutualAuthentication: { mode: verify }"), @r#"
    error: `mode: verify` needs a trust store
     --> cluster.yaml:7:31
      |
    7 |         mutualAuthentication: { mode: verify }
      |                               ^^^^^^^^^^^^^^^^
      |
      = hint: name a file with the authorities' certificates: `trustStore: certs/authorities.pem`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(wrong("protocol: HTTPS\nmutualAuthentication: { mode: verify, trustStore: certs/shop-key.pem }"), @r#"
    error: `certs/shop-key.pem` holds no certificate in PEM
     --> cluster.yaml:7:59
      |
    7 |         mutualAuthentication: { mode: verify, trustStore: certs/shop-key.pem }
      |                                                           ^^^^^^^^^^^^^^^^^^
      |
      = hint: it holds a private key: are `certificate` and `privateKey` swapped?

    1 problem in cluster.yaml
    "#);
    let third = "      - { port: PORT, protocol: HTTPS, mutualAuthentication: { mode: verify, trustStore: certs/shop.pem }, defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: \"404\" } }] }\n";
    let listeners: String = (8443..8446).map(|port| third.replace("PORT", &port.to_string())).collect();
    let text = replaced(&[("      - port: 80\n", &format!("{listeners}      - port: 80\n"))]);
    assert_snapshot!(read_all(&[("certs/shop.pem", CERTIFICATE), ("cluster.yaml", &text)], &[]).unwrap_err().render(false), @r#"
    error: at most 2 listeners of a load balancer verify clients
     --> cluster.yaml:7:62
      |
    7 |       - { port: 8445, protocol: HTTPS, mutualAuthentication: { mode: verify, trustStore: certs/shop.pem }, defaultActions: [{ type: f...
      |                                                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: use `mode: passthrough`, and let the targets judge

    1 problem in cluster.yaml
    "#);
}

#[test]
fn nothing_leads_from_https_back_to_http() {
    let redirect = |protocol: &str, keys: &str| {
        with(keys).replace(
            "[{ type: fixed-response, fixedResponseConfig: { statusCode: \"404\" } }]",
            &format!("[{{ type: redirect, redirectConfig: {{ protocol: {protocol}, port: \"8443\", statusCode: HTTP_301 }} }}]"),
        )
    };
    good(&redirect("HTTPS", "protocol: HTTPS"));
    good(&redirect("HTTP", "protocol: HTTP"));
    assert_snapshot!(bad(&redirect("HTTP", "protocol: HTTPS")), @r#"
    error: You cannot redirect HTTPS to HTTP
     --> cluster.yaml:7:72
      |
    7 |         defaultActions: [{ type: redirect, redirectConfig: { protocol: HTTP, port: "8443", statusCode: HTTP_301 } }]
      |                                                                        ^^^^
      |
      = hint: this listener's protocol is HTTPS: leave `protocol` out, or write `HTTPS`

    1 problem in cluster.yaml
    "#);
}

#[test]
fn names_of_headers_about_tls_are_names() {
    assert_snapshot!(
        wrong("protocol: HTTPS\nattributes:\n  routing.http.request.x_amzn_tls_version.header_name: X Tls\n  routing.http.request.x_amzn_tls_cipher_suite.header_name: Content-Length"),
        @r#"
    error: `X Tls` is not the name of a header
     --> cluster.yaml:8:64
      |
    8 |           routing.http.request.x_amzn_tls_version.header_name: X Tls
      |                                                                ^^^^^ ' ' is not allowed

    error: `Content-Length` has a meaning of its own, and cannot be the name of `X-Amzn-Tls-Cipher-Suite`
     --> cluster.yaml:9:69
      |
    9 |           routing.http.request.x_amzn_tls_cipher_suite.header_name: Content-Length
      |                                                                     ^^^^^^^^^^^^^^
      |
      = hint: for example `X-Client-Certificate`

    2 problems in cluster.yaml
    "#
    );
}
