//! Target groups: targets that they list themselves, versions of HTTP, what only some may have.

use insta::assert_snapshot;
use model::{ProtocolVersion, TargetProtocol, TargetType};

use crate::support::{broken, good, replaced};

const GROUP: &str = "  - name: users\n    port: 80\n";

const HTTP: &str = "      - port: 80\n";
const HTTPS: (&str, &str) = (HTTP, "      - port: 443\n        protocol: HTTPS\n");

/// The target group of a manifest with these keys.
fn group(keys: &str) -> model::TargetGroupSpec {
    good(&with(keys)).desired.target_groups.remove("users").unwrap()
}

fn with(keys: &str) -> String {
    replaced(&[(GROUP, &format!("{GROUP}    {keys}\n"))])
}

fn wrong(keys: &str) -> String {
    broken(&[(GROUP, &format!("{GROUP}    {keys}\n"))])
}

#[test]
fn targets_are_read() {
    let spec = group(
        "Targets: [{ Id: 192.168.1.7, Port: 9001, AvailabilityZone: all }, { id: localhost, port: 81 }, { id: \"::ffff:127.0.0.1\", port: 9000 }, { id: fd00::1 }]",
    );
    let shown: Vec<String> = spec.targets.iter().map(|target| target.address().to_string()).collect();
    assert_eq!(shown, ["127.0.0.1:81", "127.0.0.1:9000", "192.168.1.7:9001", "[fd00::1]:80"]);
    assert_eq!(spec.target_type, TargetType::Instance);
}

#[test]
fn a_group_of_type_ip_has_targets_and_no_service() {
    let text = replaced(&[(GROUP, &format!("  - {{ name: ide, port: 9000, targetType: ip, targets: [{{ id: 127.0.0.1 }}] }}\n{GROUP}"))]);
    let ide = good(&text).desired.target_groups.remove("ide").unwrap();
    assert_eq!((ide.target_type, ide.targets.len()), (TargetType::Ip, 1));
    assert_snapshot!(wrong("targetType: ip"), @r#"
    error: The provided target group users has target type ip, which is incompatible with the bridge network mode specified in the task definition.
      --> cluster.yaml:25:36
       |
    25 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: remove `targetType: ip` from `users`, or make a second target group for this service

    1 problem in cluster.yaml
    "#);
}

#[test]
fn versions_have_checks_of_their_own() {
    let spec = group("protocol: HTTPS");
    assert_eq!((spec.protocol, spec.version, spec.health_check.protocol), (TargetProtocol::Https, ProtocolVersion::Http1, TargetProtocol::Http));
    let text = with("protocolVersion: GRPC\n    healthCheckProtocol: HTTPS\n    matcher: { GrpcCode: \"0-12,99\" }").replace(HTTPS.0, HTTPS.1);
    let check = good(&text).desired.target_groups.remove("users").unwrap().health_check;
    assert_eq!((check.version, check.protocol, check.path.as_str()), (ProtocolVersion::Grpc, TargetProtocol::Https, "/AWS.ALB/healthcheck"));
    assert!(check.grpc_matcher.matches(99) && !check.grpc_matcher.matches(13));
    let plain = good(&text.replace("    matcher: { GrpcCode: \"0-12,99\" }\n", "")).desired.target_groups.remove("users").unwrap();
    assert_eq!(plain.health_check.grpc_matcher.as_str(), "12");
    let text = text.replace("GRPC\n", "HTTP2\n").replace("GrpcCode: \"0-12,99\"", "httpCode: 204");
    let check = good(&text).desired.target_groups.remove("users").unwrap().health_check;
    assert_eq!((check.version, check.path.as_str(), check.matcher.as_str()), (ProtocolVersion::Http2, "/", "204"));
}

#[test]
fn anomaly_mitigation_is_read() {
    let spec = group("attributes: { load_balancing.algorithm.type: weighted_random, load_balancing.algorithm.anomaly_mitigation: on }");
    assert!(spec.attributes.anomaly_mitigation);
    assert!(!group("attributes: { load_balancing.algorithm.anomaly_mitigation: off }").attributes.anomaly_mitigation);
}

#[test]
fn targets_that_cannot_be() {
    assert_snapshot!(
        wrong("targets: [{ id: 8.8.8.8 }, { id: i-0123456789abcdef0 }, { id: 0.0.0.0 }, { id: fe80::1 }, { port: 9000 }, { id: 10.0.0.1, port: 0 }, { id: localhost, port: 81 }, { id: 127.0.0.1, port: 81 }, { id: 127.0.0.1 }]"),
        @r#"
    error: The IP address '8.8.8.8' cannot be a target: you can't specify publicly routable IP addresses
      --> cluster.yaml:14:21
       |
    14 |     targets: [{ id: 8.8.8.8 }, { id: i-0123456789abcdef0 }, { id: 0.0.0.0 }, { id: fe80::1 }, { port: 9000 }, { id: 10.0.0.1, port: ...
       |                     ^^^^^^^
       |
       = hint: a target is this machine, or in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16 or fc00::/7

    error: Instance ID 'i-0123456789abcdef0' is not valid
      --> cluster.yaml:14:38
       |
    14 |     targets: [{ id: 8.8.8.8 }, { id: i-0123456789abcdef0 }, { id: 0.0.0.0 }, { id: fe80::1 }, { port: 9000 }, { id: 10.0.0.1, port: ...
       |                                      ^^^^^^^^^^^^^^^^^^^
       |
       = hint: a target is named by its IP address, such as `127.0.0.1`, or `localhost`; tasks of a service register themselves

    error: The IP address '0.0.0.0' is not valid
      --> cluster.yaml:14:67
       |
    14 |     targets: [{ id: 8.8.8.8 }, { id: i-0123456789abcdef0 }, { id: 0.0.0.0 }, { id: fe80::1 }, { port: 9000 }, { id: 10.0.0.1, port: ...
       |                                                                   ^^^^^^^
       |
       = hint: nobody answers there; for this machine write `127.0.0.1`

    error: The IP address 'fe80::1' is of one link, and a target cannot say of which
      --> cluster.yaml:14:84
       |
    14 |     targets: [{ id: 8.8.8.8 }, { id: i-0123456789abcdef0 }, { id: 0.0.0.0 }, { id: fe80::1 }, { port: 9000 }, { id: 10.0.0.1, port: ...
       |                                                                                    ^^^^^^^
       |
       = hint: use another address of that machine

    error: a target needs `id`
      --> cluster.yaml:14:95
       |
    14 |     targets: [{ id: 8.8.8.8 }, { id: i-0123456789abcdef0 }, { id: 0.0.0.0 }, { id: fe80::1 }, { port: 9000 }, { id: 10.0.0.1, port: ...
       |                                                                                               ^^^^^^^^^^^^^^
       |
       = hint: an IP address of this machine or of a private network, or `localhost`

    error: `port` must be a whole number from 1 to 65535, found `0`
      --> cluster.yaml:14:133
       |
    14 | ..., { id: fe80::1 }, { port: 9000 }, { id: 10.0.0.1, port: 0 }, { id: localhost, port: 81 }, { id: 127.0.0.1, port: 81 }, { id: 127...
       |                                                             ^ out of range

    error: target 127.0.0.1:81 is registered twice
      --> cluster.yaml:14:167
       |
    14 | ...0.1, port: 0 }, { id: localhost, port: 81 }, { id: 127.0.0.1, port: 81 }, { id: 127.0.0.1 }]
       |                                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^ again here
       |
       = hint: the first is at cluster.yaml:14:138

    error: The IP address cannot be used as a target, as it is in use by a load balancer
      --> cluster.yaml:14:202
       |
    14 | ...: localhost, port: 81 }, { id: 127.0.0.1, port: 81 }, { id: 127.0.0.1 }]
       |                                                                ^^^^^^^^^
       |
       = hint: port 80 is a listener's: give the target's own port with `port`

    8 problems in cluster.yaml
    "#
    );
    assert_snapshot!(wrong("targetType: ip\n    targets: [{ id: example.com }, 127.0.0.1]"), @r#"
    error: The IP address 'example.com' is not valid
      --> cluster.yaml:15:21
       |
    15 |     targets: [{ id: example.com }, 127.0.0.1]
       |                     ^^^^^^^^^^^
       |
       = hint: a target is named by its IP address, such as `127.0.0.1`, or `localhost`; tasks of a service register themselves

    error: `targets` must be a mapping, found `127.0.0.1`
      --> cluster.yaml:15:36
       |
    15 |     targets: [{ id: example.com }, 127.0.0.1]
       |                                    ^^^^^^^^^

    error: The provided target group users has target type ip, which is incompatible with the bridge network mode specified in the task definition.
      --> cluster.yaml:26:36
       |
    26 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: remove `targetType: ip` from `users`, or make a second target group for this service

    3 problems in cluster.yaml
    "#);
    let many = format!("targets: [{}]", (0..1001).map(|n| format!("{{ id: 10.0.0.1, port: {} }}", 1000 + n)).collect::<Vec<_>>().join(", "));
    assert!(wrong(&many).starts_with("error: a target group has at most 1000 targets, this one has 1001"));
}

#[test]
fn what_belongs_to_one_version_only() {
    assert_snapshot!(wrong("matcher: { grpcCode: \"12\" }\n    attributes: { load_balancing.algorithm.anomaly_mitigation: on }"), @r#"
    error: `grpcCode` does not belong to a target group of version HTTP1
      --> cluster.yaml:14:16
       |
    14 |     matcher: { grpcCode: "12" }
       |                ^^^^^^^^
       |
       = hint: use `httpCode`, or `protocolVersion: GRPC`

    error: You can only enable anomaly mitigation with the weighted random algorithm on a target group
      --> cluster.yaml:15:64
       |
    15 |     attributes: { load_balancing.algorithm.anomaly_mitigation: on }
       |                                                                ^^
       |
       = hint: add `load_balancing.algorithm.type: weighted_random`

    2 problems in cluster.yaml
    "#);
    let grpc = |keys: &str| broken(&[HTTPS, (GROUP, &format!("{GROUP}    protocolVersion: GRPC\n    {keys}\n"))]);
    assert_snapshot!(grpc("matcher: { httpCode: 200 }"), @r#"
    error: `httpCode` does not belong to a target group of version GRPC
      --> cluster.yaml:16:16
       |
    16 |     matcher: { httpCode: 200 }
       |                ^^^^^^^^
       |
       = hint: use `grpcCode`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(wrong("matcher: {}"), @r#"
    error: a matcher needs `httpCode`
      --> cluster.yaml:14:14
       |
    14 |     matcher: {}
       |              ^^
       |
       = hint: 200 to 499: `200`, `200,202`, `200-299`; leave `matcher` out for `200`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(grpc("matcher: { grpcCode: 100 }"), @r#"
    error: Health check matcher GRPC code '100' must be within '0-99' inclusive
      --> cluster.yaml:16:26
       |
    16 |     matcher: { grpcCode: 100 }
       |                          ^^^

    1 problem in cluster.yaml
    "#);
}

#[test]
fn http2_and_grpc_need_an_https_listener() {
    let other = "{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: users }, { targetGroup: grpc }] } }";
    assert_snapshot!(
        broken(&[
            ("{ type: fixed-response, fixedResponseConfig: { statusCode: \"404\" } }", other),
            (GROUP, &format!("  - {{ name: grpc, port: 80, protocolVersion: GRPC }}\n{GROUP}    protocolVersion: HTTP2\n")),
        ]),
        @r#"
    error: Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'HTTP2'
     --> cluster.yaml:6:90
      |
    6 |         defaultActions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: users }, { targetGroup: grpc }] } }]
      |                                                                                          ^^^^^
      |
      = hint: give the listener `protocol: HTTPS`, or `users` `protocolVersion: HTTP1`

    error: Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'
     --> cluster.yaml:6:114
      |
    6 |         defaultActions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: users }, { targetGroup: grpc }] } }]
      |                                                                                                                  ^^^^
      |
      = hint: give the listener `protocol: HTTPS`, or `grpc` `protocolVersion: HTTP1`

    error: Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'HTTP2'
      --> cluster.yaml:10:53
       |
    10 |             actions: [{ type: forward, targetGroup: users }]
       |                                                     ^^^^^
       |
       = hint: give the listener `protocol: HTTPS`, or `users` `protocolVersion: HTTP1`

    3 problems in cluster.yaml
    "#
    );
}
