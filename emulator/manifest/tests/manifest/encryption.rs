//! HTTPS listeners, target groups of other versions and types, logs (alb.md 1, 4).

use std::net::IpAddr;

use insta::assert_snapshot;
use model::{
    Authenticate, CertificateSource, ClaimFormat, DesyncMode, ListenerProtocol, LogBucket, MutualAuthentication, OnUnauthenticated, ProtocolVersion,
    RegisteredTarget, TargetProtocol, TargetType,
};

use crate::support::{bad, read_all};

const REST: &str = r#"
targetGroups:
  - name: greet
    port: 50051
    protocol: HTTPS
    protocolVersion: GRPC
    targetType: ip
    healthCheckProtocol: HTTPS
    matcher: { grpcCode: "0,12" }
    targets: [{ id: 127.0.0.1 }, { Id: localhost, Port: 9000 }, { id: "fd00::1", port: 9 }]
"#;

#[test]
fn an_https_listener_is_read() {
    let text = format!(
        r#"cluster: test
loadBalancers:
  - name: front
    attributes:
      routing.http.desync_mitigation_mode: strictest
      routing.http2.enabled: false
      routing.http.x_amzn_tls_version_and_cipher_suite.enabled: "true"
      access_logs.s3.enabled: true
      access_logs.s3.bucket: my-logs
      access_logs.s3.prefix: front/dev
    listeners:
      - Port: 443
        Protocol: HTTPS
        SslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-06
        Certificates:
          - {{ certificate: certs/shop.pem, privateKey: certs/shop-key.pem }}
          - {{ CertificateArn: "arn:aws:acm:us-east-1:000000000000:certificate/a", names: [shop.test] }}
        MutualAuthentication: {{ Mode: verify, trustStore: certs/clients.pem, ignoreClientCertificateExpiry: true, advertiseTrustStoreCaNames: "on" }}
        attributes: {{ routing.http.request.x_amzn_tls_version.header_name: X-Tls }}
        defaultActions: [{{ type: forward, targetGroup: greet }}]
      - port: 8443
        protocol: HTTPS
        defaultActions: [{{ type: redirect, redirectConfig: {{ port: "443", statusCode: HTTP_301 }} }}]
{REST}"#
    );
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let files = [("cluster.yaml", &*text), ("certs/shop.pem", pem), ("certs/shop-key.pem", key), ("certs/clients.pem", pem)];
    let manifest = read_all(&files, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let balancer = manifest.desired.load_balancers.values().next().unwrap();
    let attributes = &balancer.attributes;
    assert_eq!((attributes.desync_mode, attributes.http2, attributes.tls_headers), (DesyncMode::Strictest, false, true));
    assert_eq!(attributes.access_logs, Some(LogBucket { bucket: "my-logs".into(), prefix: "front/dev".into() }));
    assert_eq!(attributes.connection_logs, None);
    let listener = &balancer.listeners[&443];
    let tls = listener.tls.as_ref().unwrap();
    assert_eq!((listener.protocol, tls.policy.name().as_str()), (ListenerProtocol::Https, "ELBSecurityPolicy-TLS13-1-2-2021-06"));
    let path = |name: &str| format!("/home/app/certs/{name}");
    assert_eq!(
        tls.certificates,
        [
            CertificateSource::Files { certificate: path("shop.pem"), private_key: path("shop-key.pem") },
            CertificateSource::Development { arn: Some("arn:aws:acm:us-east-1:000000000000:certificate/a".into()), names: vec!["shop.test".into()] },
        ]
    );
    let verify = MutualAuthentication::Verify { trust_store: path("clients.pem"), ignore_expiry: true, advertise_names: true };
    assert_eq!(tls.mutual, verify);
    assert_eq!(listener.attributes.renamed_headers.get("X-Amzn-Tls-Version").map(String::as_str), Some("X-Tls"));
    let made = &balancer.listeners[&8443].tls.as_ref().unwrap().certificates;
    assert_eq!(*made, [CertificateSource::Development { arn: None, names: Vec::new() }]);
    let group = manifest.desired.target_groups.values().next().unwrap();
    assert_eq!((group.protocol, group.version, group.target_type), (TargetProtocol::Https, ProtocolVersion::Grpc, TargetType::Ip));
    let check = &group.health_check;
    assert_eq!((check.protocol, check.version, check.path.as_str()), (TargetProtocol::Https, ProtocolVersion::Grpc, "/AWS.ALB/healthcheck"));
    assert!(check.passes(0) && check.passes(12) && !check.passes(200));
    let target = |id: &str, port| RegisteredTarget { id: id.parse::<IpAddr>().unwrap(), port };
    assert_eq!(group.targets, [target("127.0.0.1", 9000), target("127.0.0.1", 50051), target("fd00::1", 9)]);
    assert!(!manifest.notes.is_empty());
}

#[test]
fn what_is_wrong_with_encryption_is_said_in_its_place() {
    assert_snapshot!(bad(
        r#"cluster: test
loadBalancers:
  - name: front
    attributes: { access_logs.s3.enabled: true, access_logs.s3.bucket: ../x, connection_logs.s3.enabled: true }
    listeners:
      - port: 80
        sslPolicy: ELBSecurityPolicy-2016-08
        certificates: [{ certificateArn: a }]
        defaultActions: [{ type: forward, targetGroup: greet }]
      - port: 443
        protocol: HTTPS
        sslPolicy: ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04
        certificates:
          - { certificate: gone.pem, privateKey: gone-key.pem }
          - { certificate: shop.pem }
          - { certificateArn: a, certificate: shop.pem, privateKey: shop.pem }
          - { names: [a b] }
        mutualAuthentication: { mode: verify, trustStoreArn: arn }
        defaultActions: [{ type: redirect, redirectConfig: { protocol: HTTP, statusCode: HTTP_301 } }]
      - port: 8443
        protocol: HTTPS
        sslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-O6
        mutualAuthentication: { mode: passthrough, trustStore: x.pem }
        defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "404" } }]
  - name: other
    listeners:
      - port: 443
        defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "404" } }]
targetGroups:
  - name: greet
    port: 50051
    protocolVersion: GRPC
    targetType: lambda
    matcher: { httpCode: "200", grpcCode: "200" }
    targets: [{ id: 127.0.0.1 }, { id: localhost }, { id: 8.8.8.8 }, { id: i-0123 }]
"#
    ), @r#"
    error: '../x' is not the name of a bucket: it is made of small letters, digits, dots and hyphens
     --> cluster.yaml:4:72
      |
    4 |     attributes: { access_logs.s3.enabled: true, access_logs.s3.bucket: ../x, connection_logs.s3.enabled: true }
      |                                                                        ^^^^
      |
      = hint: it becomes a folder in the state folder; `ecslocal doctor` shows where that is

    error: The value of 'connection_logs.s3.bucket' cannot be empty
     --> cluster.yaml:4:106
      |
    4 |     attributes: { access_logs.s3.enabled: true, access_logs.s3.bucket: ../x, connection_logs.s3.enabled: true }
      |                                                                                                          ^^^^
      |
      = hint: for example `connection_logs.s3.bucket: logs`

    error: An SSL policy cannot be specified for HTTP listeners
     --> cluster.yaml:7:9
      |
    7 |         sslPolicy: ELBSecurityPolicy-2016-08
      |         ^^^^^^^^^
      |
      = hint: add `protocol: HTTPS`, or remove it

    error: A certificate cannot be specified for HTTP listeners
     --> cluster.yaml:8:9
      |
    8 |         certificates: [{ certificateArn: a }]
      |         ^^^^^^^^^^^^
      |
      = hint: add `protocol: HTTPS`, or remove it

    error: Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'
     --> cluster.yaml:9:56
      |
    9 |         defaultActions: [{ type: forward, targetGroup: greet }]
      |                                                        ^^^^^
      |
      = hint: give the listener `protocol: HTTPS`, or `greet` `protocolVersion: HTTP1`

    error: the security policy `ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04` promises FIPS 140 validated cryptography, which ecslocal cannot keep
      --> cluster.yaml:12:20
       |
    12 |         sslPolicy: ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04
       |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: `ELBSecurityPolicy-TLS13-1-2-2021-06` is the nearest one without that promise

    error: cannot read `gone.pem`: no such file
      --> cluster.yaml:14:28
       |
    14 |           - { certificate: gone.pem, privateKey: gone-key.pem }
       |                            ^^^^^^^^
       |
       = hint: the path is relative to the file that names it

    error: cannot read `gone-key.pem`: no such file
      --> cluster.yaml:14:50
       |
    14 |           - { certificate: gone.pem, privateKey: gone-key.pem }
       |                                                  ^^^^^^^^^^^^
       |
       = hint: the path is relative to the file that names it

    error: a certificate of a file needs `privateKey` beside `certificate`
      --> cluster.yaml:15:13
       |
    15 |           - { certificate: shop.pem }
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: write `{certificate: certs/shop.pem, privateKey: certs/shop-key.pem}`, or neither for a development certificate

    error: `certificateArn` belongs to a development certificate, and this one is read from a file
      --> cluster.yaml:16:15
       |
    16 |           - { certificateArn: a, certificate: shop.pem, privateKey: shop.pem }
       |               ^^^^^^^^^^^^^^
       |
       = hint: keep one of the two

    error: cannot read `shop.pem`: no such file
      --> cluster.yaml:16:47
       |
    16 |           - { certificateArn: a, certificate: shop.pem, privateKey: shop.pem }
       |                                               ^^^^^^^^
       |
       = hint: the path is relative to the file that names it

    error: cannot read `shop.pem`: no such file
      --> cluster.yaml:16:69
       |
    16 |           - { certificateArn: a, certificate: shop.pem, privateKey: shop.pem }
       |                                                                     ^^^^^^^^
       |
       = hint: the path is relative to the file that names it

    error: `a b` is not a host name that a certificate can be for
      --> cluster.yaml:17:23
       |
    17 |           - { names: [a b] }
       |                       ^^^
       |
       = hint: for example `shop.test` or `*.shop.test`

    error: `trustStoreArn` of a mutual authentication is not supported
      --> cluster.yaml:18:47
       |
    18 |         mutualAuthentication: { mode: verify, trustStoreArn: arn }
       |                                               ^^^^^^^^^^^^^
       |
       = hint: trust stores of AWS cannot be read; name a PEM file: `trustStore: clients.pem`

    error: You cannot redirect HTTPS to HTTP
      --> cluster.yaml:19:72
       |
    19 |         defaultActions: [{ type: redirect, redirectConfig: { protocol: HTTP, statusCode: HTTP_301 } }]
       |                                                                        ^^^^
       |
       = hint: this listener's protocol is HTTPS: leave `protocol` out, or write `HTTPS`

    error: there is no security policy `ELBSecurityPolicy-TLS13-1-2-2021-O6`
      --> cluster.yaml:22:20
       |
    22 |         sslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-O6
       |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: did you mean `ELBSecurityPolicy-TLS13-1-2-2021-06`?

    error: `trustStore` belongs to `mode: verify`, this one is `mode: passthrough`
      --> cluster.yaml:23:52
       |
    23 |         mutualAuthentication: { mode: passthrough, trustStore: x.pem }
       |                                                    ^^^^^^^^^^

    error: port 443 cannot be HTTP here and HTTPS at load balancer `front`
      --> cluster.yaml:27:15
       |
    27 |       - port: 443
       |               ^^^
       |
       = hint: load balancers of this machine may share a port, but only with one protocol; give one of them another port

    error: `targetType: lambda` is not supported
      --> cluster.yaml:33:17
       |
    33 |     targetType: lambda
       |                 ^^^^^^
       |
       = hint: functions are not supported; use `instance`

    error: `httpCode` does not belong to a target group of version GRPC
      --> cluster.yaml:34:16
       |
    34 |     matcher: { httpCode: "200", grpcCode: "200" }
       |                ^^^^^^^^
       |
       = hint: use `grpcCode`

    error: Health check matcher GRPC code '200' must be within '0-99' inclusive
      --> cluster.yaml:34:43
       |
    34 |     matcher: { httpCode: "200", grpcCode: "200" }
       |                                           ^^^^^

    error: target 127.0.0.1:50051 is registered twice
      --> cluster.yaml:35:34
       |
    35 |     targets: [{ id: 127.0.0.1 }, { id: localhost }, { id: 8.8.8.8 }, { id: i-0123 }]
       |                                  ^^^^^^^^^^^^^^^^^ again here
       |
       = hint: the first is at cluster.yaml:35:15

    error: The IP address '8.8.8.8' cannot be a target: you can't specify publicly routable IP addresses
      --> cluster.yaml:35:59
       |
    35 |     targets: [{ id: 127.0.0.1 }, { id: localhost }, { id: 8.8.8.8 }, { id: i-0123 }]
       |                                                           ^^^^^^^
       |
       = hint: a target is this machine, or in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16 or fc00::/7

    error: Instance ID 'i-0123' is not valid
      --> cluster.yaml:35:76
       |
    35 |     targets: [{ id: 127.0.0.1 }, { id: localhost }, { id: 8.8.8.8 }, { id: i-0123 }]
       |                                                                            ^^^^^^
       |
       = hint: a target is named by its IP address, such as `127.0.0.1`, or `localhost`; tasks of a service register themselves

    24 problems in cluster.yaml
    "#);
}

#[test]
fn actions_that_ask_who_is_there_come_first() {
    let text = r#"cluster: test
loadBalancers:
  - name: front
    listeners:
      - port: 443
        protocol: HTTPS
        defaultActions:
          - { type: fixed-response, order: 2, fixedResponseConfig: { statusCode: "200" } }
          - type: authenticate-oidc
            order: 1
            authenticateOidcConfig:
              issuer: http://idp.test
              authorizationEndpoint: http://idp.test/login?a=b
              tokenEndpoint: http://idp.test/token
              userInfoEndpoint: http://idp.test/user
              clientId: shop
              clientSecret: ${CLIENT_SECRET}
              sessionTimeout: 3600
              authenticationRequestExtraParams: { prompt: login }
              onUnauthenticatedRequest: deny
        rules:
          - priority: 1
            conditions: [{ field: path-pattern, values: ["/api*"] }]
            actions:
              - Type: jwt-validation
                Order: 1
                JwtValidationConfig:
                  JwksEndpoint: https://idp.test/keys
                  Issuer: https://idp.test
                  AdditionalClaims: [{ Format: space-separated-values, Name: scope, Values: [read] }]
              - { Type: fixed-response, Order: 2, FixedResponseConfig: { StatusCode: "200" } }
"#;
    let manifest = read_all(&[("cluster.yaml", text)], &[("CLIENT_SECRET", "hunter2")]).unwrap();
    let listener = &manifest.desired.load_balancers.values().next().unwrap().listeners[&443];
    let Some(Authenticate::Oidc(oidc)) = &listener.default_authenticate else { panic!("{listener:?}") };
    assert_eq!((oidc.client_secret.expose(), oidc.session_timeout.as_secs(), oidc.scope.as_str()), ("hunter2", 3600, "openid"));
    assert_eq!((oidc.on_unauthenticated, oidc.extra_params["prompt"].as_str()), (OnUnauthenticated::Deny, "login"));
    let Some(Authenticate::Jwt(jwt)) = &listener.rules[&1].authenticate else { panic!("{listener:?}") };
    assert_eq!((jwt.jwks_endpoint.as_str(), jwt.additional_claims[0].format), ("https://idp.test/keys", ClaimFormat::SpaceSeparatedValues));
    assert_eq!(listener.rules[&1].words(), "jwt-validation, fixed response 200");
}

#[test]
fn what_is_wrong_with_who_is_asked_is_said_in_its_place() {
    assert_snapshot!(bad(
        r#"cluster: test
loadBalancers:
  - name: front
    listeners:
      - port: 80
        defaultActions:
          - { type: jwt-validation, order: 1, jwtValidationConfig: { jwksEndpoint: https://a.test/k, issuer: a } }
          - { type: fixed-response, order: 2, fixedResponseConfig: { statusCode: "200" } }
      - port: 443
        protocol: HTTPS
        defaultActions:
          - { type: authenticate-cognito, authenticateCognitoConfig: { userPoolArn: pool, userPoolClientId: c, userPoolDomain: d } }
        rules:
          - priority: 1
            conditions: [{ field: path-pattern, values: ["/a"] }]
            actions:
              - { type: fixed-response, order: 1, fixedResponseConfig: { statusCode: "200" } }
              - { type: jwt-validation, order: 2, jwtValidationConfig: { jwksEndpoint: a.test, issuer: a, additionalClaims: [{ name: exp, format: single-string, values: [] }] } }
              - { type: authenticate-oidc, order: 2, jwtValidationConfig: { jwksEndpoint: https://a.test, issuer: a } }
"#
    ), @r#"
    error: Actions of type 'jwt-validation' are supported only on HTTPS listeners
     --> cluster.yaml:7:21
      |
    7 |           - { type: jwt-validation, order: 1, jwtValidationConfig: { jwksEndpoint: https://a.test/k, issuer: a } }
      |                     ^^^^^^^^^^^^^^
      |
      = hint: add `protocol: HTTPS` to the listener; without `certificates` it gets a development certificate

    error: `defaultActions` must end with one action of forward, redirect and fixed-response
      --> cluster.yaml:12:11
       |
    12 |           - { type: authenticate-cognito, authenticateCognitoConfig: { userPoolArn: pool, userPoolClientId: c, userPoolDomain: d } }
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: add what happens to who is let in, for example `{type: forward, order: 2, targetGroup: <name>}`

    error: 'pool' is not the ARN of a user pool
      --> cluster.yaml:12:85
       |
    12 |           - { type: authenticate-cognito, authenticateCognitoConfig: { userPoolArn: pool, userPoolClientId: c, userPoolDomain: d } }
       |                                                                                     ^^^^
       |
       = hint: for example `arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbCdEf123`

    error: `jwksEndpoint` must be a full URL, including the protocol, the domain, and the path, found `a.test`
      --> cluster.yaml:18:88
       |
    18 | ...   - { type: jwt-validation, order: 2, jwtValidationConfig: { jwksEndpoint: a.test, issuer: a, additionalClaims: [{ name: exp, fo...
       |                                                                                ^^^^^^
       |
       = hint: for example `https://idp.example.com/oauth2/token`, or `http://localhost:8080/…` for a provider of this machine

    error: the claim `exp` cannot be asked for: exp, iss, nbf and iat are always checked
      --> cluster.yaml:18:134
       |
    18 | ...   - { type: jwt-validation, order: 2, jwtValidationConfig: { jwksEndpoint: a.test, issuer: a, additionalClaims: [{ name: exp, fo...
       |                                                                                                                              ^^^
       |
       = hint: remove it from `additionalClaims`

    error: a claim has 1 to 10 values, this one 0
      --> cluster.yaml:18:170
       |
    18 | ...additionalClaims: [{ name: exp, format: single-string, values: [] }] } }
       |                                                                   ^^

    error: For actions of type 'authenticate-oidc', you must specify the following fields: 'AuthenticateOidcConfig'
      --> cluster.yaml:19:17
       |
    19 |               - { type: authenticate-oidc, order: 2, jwtValidationConfig: { jwksEndpoint: https://a.test, issuer: a } }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `actions` authenticates twice
      --> cluster.yaml:19:17
       |
    19 |               - { type: authenticate-oidc, order: 2, jwtValidationConfig: { jwksEndpoint: https://a.test, issuer: a } }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: one of authenticate-oidc, authenticate-cognito and jwt-validation may come before the other action

    error: two actions have the order 2
      --> cluster.yaml:19:51
       |
    19 |               - { type: authenticate-oidc, order: 2, jwtValidationConfig: { jwksEndpoint: https://a.test, issuer: a } }
       |                                                   ^ again here
       |
       = hint: the first is at cluster.yaml:18:48

    error: `jwtValidationConfig` does not belong to an action of type 'authenticate-oidc'
      --> cluster.yaml:19:54
       |
    19 |               - { type: authenticate-oidc, order: 2, jwtValidationConfig: { jwksEndpoint: https://a.test, issuer: a } }
       |                                                      ^^^^^^^^^^^^^^^^^^^
       |
       = hint: it belongs to `type: jwt-validation`

    10 problems in cluster.yaml
    "#);
}
