//! Service Connect: endpoints, names, namespaces.

use insta::assert_snapshot;
use model::AppProtocol;

use crate::support::{bad, good};

const MANIFEST: &str = r#"cluster: t
serviceConnectDefaults: { namespace: "arn:aws:servicediscovery:us-east-1:000000000000:namespace/local" }
taskDefinitions:
  - family: app
    containerDefinitions:
      - { name: app, image: app, memory: 64, portMappings: [{ name: web, containerPort: 80, appProtocol: http }, { name: db, containerPort: 90 }, { name: dns, containerPort: 53, protocol: udp }] }
  - { family: odd, containerDefinitions: [{ name: app, image: app, memory: 64, extraHosts: [{ hostname: api, ipAddress: 10.0.0.1 }] }] }
  - { family: host, networkMode: host, containerDefinitions: [{ name: app, image: app, memory: 64 }] }
services:
"#;

fn with(services: &str) -> String {
    format!("{MANIFEST}{services}")
}

#[test]
fn endpoints_are_read_with_aws_s_defaults() {
    let services = r#"
  - serviceName: posts
    taskDefinition: app
    serviceConnectConfiguration:
      enabled: true
      services:
        - { portName: web, clientAliases: [{ port: 80 }], timeout: { perRequestTimeoutSeconds: 5 } }
        - { portName: db, discoveryName: posts-db, clientAliases: [{ port: 90, dnsName: db }] }
  - { serviceName: users, taskDefinition: app, serviceConnectConfiguration: { enabled: true, namespace: other } }
  - { serviceName: alone, taskDefinition: app, serviceConnectConfiguration: { enabled: false } }
"#;
    let desired = good(&with(services)).desired;
    let connect = |name: &str| {
        let service = desired.services.values().find(|service| service.spec.name.as_str() == name).unwrap();
        service.spec.service_connect.clone()
    };
    let posts = connect("posts").unwrap();
    let endpoints: Vec<_> =
        posts.services.iter().map(|service| format!("{}:{} {}", service.dns_name, service.client_port, service.port_name)).collect();
    assert_eq!((posts.namespace.as_str(), endpoints), ("local", vec!["web.local:80 web".to_owned(), "db:90 db".to_owned()]));
    assert_eq!((posts.services[0].per_request_timeout, posts.services[1].discovery_name.as_str()), (Some(5), "posts-db"));
    let users = connect("users").unwrap();
    assert_eq!((users.namespace.as_str(), users.services.len(), connect("alone")), ("other", 0, None));
    let mappings = &desired.task_definitions.values().next().unwrap().containers[0].port_mappings;
    assert_eq!((mappings[0].app_protocol, mappings[1].app_protocol), (Some(AppProtocol::Http), None));
}

#[test]
fn a_namespace_is_needed() {
    let text = with("  - { serviceName: a, taskDefinition: app, serviceConnectConfiguration: { enabled: true } }\n");
    let text = text.replace("serviceConnectDefaults: {", "x-unused: {");
    assert_snapshot!(bad(&text), @r#"
    error: Service Connect needs a namespace, and neither the service nor the cluster has one
      --> cluster.yaml:10:73
       |
    10 |   - { serviceName: a, taskDefinition: app, serviceConnectConfiguration: { enabled: true } }
       |                                                                         ^^^^^^^^^^^^^^^^^
       |
       = hint: add `namespace: local` here, or `serviceConnectDefaults: { namespace: local }` to the manifest

    1 problem in cluster.yaml
    "#);
}

#[test]
fn what_does_not_fit_is_told_with_a_way_out() {
    let services = r#"  - serviceName: posts
    taskDefinition: app
    connectsTo: [api]
    serviceConnectConfiguration:
      enabled: true
      services:
        - { portName: wev, clientAliases: [{ port: 80, dnsName: app }] }
        - { portName: dns, clientAliases: [{ port: 80, dnsName: "a b" }, { port: 81 }] }
        - { portName: db, clientAliases: [{ port: 90, dnsName: api }], timeout: { perRequestTimeoutSeconds: 5 } }
        - { portName: web, tls: { roleArn: r }, clientAliases: [{ port: 91, testTrafficRules: { header: x } }] }
  - serviceName: api
    taskDefinition: app
    serviceConnectConfiguration: { enabled: true, services: [{ portName: web, clientAliases: [{ port: 1, dnsName: api }] }] }
  - { serviceName: odd, taskDefinition: odd, serviceConnectConfiguration: { enabled: true } }
  - { serviceName: web, taskDefinition: host, serviceConnectConfiguration: { enabled: true } }
"#;
    assert_snapshot!(bad(&with(services)), @r#"
    error: `api` is also what `posts` is called by Service Connect
      --> cluster.yaml:12:18
       |
    12 |     connectsTo: [api]
       |                  ^^^
       |
       = hint: give the endpoint another `dnsName`

    error: no port mapping of `app` is called `wev`
      --> cluster.yaml:16:23
       |
    16 |         - { portName: wev, clientAliases: [{ port: 80, dnsName: app }] }
       |                       ^^^
       |
       = hint: did you mean `web`?

    error: `dns` is not a single port over TCP, which Service Connect needs
      --> cluster.yaml:17:23
       |
    17 |         - { portName: dns, clientAliases: [{ port: 80, dnsName: "a b" }, { port: 81 }] }
       |                       ^^^
       |
       = hint: name another port mapping

    error: two endpoints of `posts` ask for port 80
      --> cluster.yaml:17:44
       |
    17 |         - { portName: dns, clientAliases: [{ port: 80, dnsName: "a b" }, { port: 81 }] }
       |                                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ again here
       |
       = hint: the first is at cluster.yaml:16:44

    error: `a b` is not a host's name: letters, digits, `.`, `-` and `_`, at most 253 of them
      --> cluster.yaml:17:65
       |
    17 |         - { portName: dns, clientAliases: [{ port: 80, dnsName: "a b" }, { port: 81 }] }
       |                                                                 ^^^^^

    error: an endpoint has one client alias
      --> cluster.yaml:17:74
       |
    17 |         - { portName: dns, clientAliases: [{ port: 80, dnsName: "a b" }, { port: 81 }] }
       |                                                                          ^^^^^^^^^^^^
       |
       = hint: remove it

    error: `api` is also an extra host in the containers of `odd`
      --> cluster.yaml:18:43
       |
    18 |         - { portName: db, clientAliases: [{ port: 90, dnsName: api }], timeout: { perRequestTimeoutSeconds: 5 } }
       |                                           ^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: give the endpoint another `dnsName`

    error: over TCP there are no requests that could time out
      --> cluster.yaml:18:83
       |
    18 |         - { portName: db, clientAliases: [{ port: 90, dnsName: api }], timeout: { perRequestTimeoutSeconds: 5 } }
       |                                                                                   ^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: remove it, or give the port mapping `db` an `appProtocol`

    error: `tls` of a service connect service is not supported
      --> cluster.yaml:19:28
       |
    19 |         - { portName: web, tls: { roleArn: r }, clientAliases: [{ port: 91, testTrafficRules: { header: x } }] }
       |                            ^^^
       |
       = hint: connections between services are not encrypted on one machine; remove it

    error: `testTrafficRules` of a client alias is not supported
      --> cluster.yaml:19:77
       |
    19 |         - { portName: web, tls: { roleArn: r }, clientAliases: [{ port: 91, testTrafficRules: { header: x } }] }
       |                                                                             ^^^^^^^^^^^^^^^^
       |
       = hint: traffic between services is not told apart by headers; remove it

    error: `api` is also an endpoint of `posts`
      --> cluster.yaml:22:95
       |
    22 |     serviceConnectConfiguration: { enabled: true, services: [{ portName: web, clientAliases: [{ port: 1, dnsName: api }] }] }
       |                                                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^ again here
       |
       = hint: the first is at cluster.yaml:18:43

    error: `api` is also an extra host in the containers of `odd`
      --> cluster.yaml:22:95
       |
    22 |     serviceConnectConfiguration: { enabled: true, services: [{ portName: web, clientAliases: [{ port: 1, dnsName: api }] }] }
       |                                                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: give the endpoint another `dnsName`

    error: Service Connect is not supported with `networkMode: host`
      --> cluster.yaml:24:76
       |
    24 |   - { serviceName: web, taskDefinition: host, serviceConnectConfiguration: { enabled: true } }
       |                                                                            ^^^^^^^^^^^^^^^^^
       |
       = hint: give `host` `networkMode: bridge` or `awsvpc`

    13 problems in cluster.yaml
    "#);
}
