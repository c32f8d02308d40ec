//! Cloud Map: namespaces, and what services register their tasks in.

use insta::assert_snapshot;
use model::RoutingPolicy;

use crate::support::{bad, good};

const MANIFEST: &str = "\
cluster: t
namespaces:
  - name: tutorial.local
    services:
      - name: posts
        dnsConfig: { dnsRecords: [{ type: A, ttl: 60 }, { type: SRV, ttl: 10 }] }
        healthCheckCustomConfig: {}
      - { name: web, id: srv-0123456789abcdef, dnsConfig: { dnsRecords: [{ Type: SRV, TTL: 5 }], routingPolicy: WEIGHTED } }
taskDefinitions:
  - family: own
    networkMode: awsvpc
    containerDefinitions: [{ name: app, image: app, memory: 64, portMappings: [{ containerPort: 80 }] }]
  - family: shared
    containerDefinitions: [{ name: app, image: app, memory: 64, dnsServers: [10.0.0.2], portMappings: [{ containerPort: 80 }] }]
";

fn with(services: &str) -> String {
    format!("{MANIFEST}services:\n{services}")
}

#[test]
fn a_service_registers_in_what_it_names_or_what_stands_for_production_s() {
    let read = good(&with(
        "  - { serviceName: posts, taskDefinition: own, serviceRegistries: [{ registry: posts.tutorial.local, port: 80 }] }
  - serviceName: web
    taskDefinition: shared
    serviceRegistries:
      - { registryArn: \"arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-0123456789abcdef\", containerName: app, containerPort: 80 }
",
    ));
    let registry = |name: &str| {
        let service = read.desired.services.values().find(|service| service.spec.name.as_str() == name).unwrap();
        service.spec.service_registry.clone().unwrap()
    };
    let (posts, web) = (registry("posts"), registry("web"));
    assert_eq!((posts.discovery.domain().as_str(), posts.discovery.a, posts.discovery.srv), ("posts.tutorial.local", Some(60), Some(10)));
    assert_eq!((posts.port, posts.discovery.custom_health, posts.discovery.routing_policy), (Some(80), true, RoutingPolicy::Multivalue));
    assert_eq!((web.discovery.domain().as_str(), web.discovery.a, web.discovery.srv), ("web.tutorial.local", None, Some(5)));
    assert_eq!((web.port, web.discovery.custom_health, web.discovery.routing_policy), (Some(80), false, RoutingPolicy::Weighted));
    assert_eq!(web.container_name.unwrap().as_str(), "app");
    let notes: Vec<&str> = read.notes.iter().map(|note| note.message.as_str()).collect();
    assert!(notes.contains(&"names of Cloud Map are not known to name servers of a container's own"), "{notes:?}");
}

#[test]
fn what_cannot_be_registered_is_told_with_a_way_out() {
    let services = "  - { serviceName: a, taskDefinition: own, serviceRegistries: [{ registry: post.tutorial.local }] }
  - { serviceName: b, taskDefinition: own, serviceRegistries: [{ registryArn: \"arn:aws:servicediscovery:r:1:service/srv-1\" }] }
  - { serviceName: c, taskDefinition: shared, serviceRegistries: [{ registry: posts.tutorial.local, port: 80 }] }
  - { serviceName: d, taskDefinition: shared, serviceRegistries: [{ registry: web.tutorial.local }] }
  - { serviceName: e, taskDefinition: own, serviceRegistries: [{ registry: web.tutorial.local, port: 81 }] }
  - { serviceName: f, taskDefinition: own, serviceRegistries: [{ registry: web.tutorial.local, containerName: ap, containerPort: 80 }] }
  - { serviceName: g, taskDefinition: own, serviceRegistries: [{ registry: web.tutorial.local, containerName: app, port: 80 }] }
";
    assert_snapshot!(bad(&with(services)), @r#"
    error: an A record is not supported for tasks in `networkMode: bridge`, which have no address of their own
     --> cluster.yaml:6:35
      |
    6 |         dnsConfig: { dnsRecords: [{ type: A, ttl: 60 }, { type: SRV, ttl: 10 }] }
      |                                   ^^^^^^^^^^^^^^^^^^^^
      |
      = hint: use `type: SRV`, or `networkMode: awsvpc`

    error: there is no service `post.tutorial.local` in `namespaces`
      --> cluster.yaml:16:76
       |
    16 |   - { serviceName: a, taskDefinition: own, serviceRegistries: [{ registry: post.tutorial.local }] }
       |                                                                            ^^^^^^^^^^^^^^^^^^^
       |
       = hint: did you mean `posts.tutorial.local`?

    error: no service of `namespaces` has the id `srv-1`
      --> cluster.yaml:17:79
       |
    17 |   - { serviceName: b, taskDefinition: own, serviceRegistries: [{ registryArn: "arn:aws:servicediscovery:r:1:service/srv-1" }] }
       |                                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: add `id: srv-1` to the one that stands for it here, or name it as `name.namespace`

    error: `port` is for tasks in `networkMode: awsvpc`, and these are in `bridge`
      --> cluster.yaml:18:101
       |
    18 |   - { serviceName: c, taskDefinition: shared, serviceRegistries: [{ registry: posts.tutorial.local, port: 80 }] }
       |                                                                                                     ^^^^
       |
       = hint: use `containerName` and `containerPort`

    error: tasks without an address of their own are registered by a container's port
      --> cluster.yaml:19:67
       |
    19 |   - { serviceName: d, taskDefinition: shared, serviceRegistries: [{ registry: web.tutorial.local }] }
       |                                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: add `containerName` and `containerPort`

    error: no container of `own` has the port 81 over TCP
      --> cluster.yaml:20:102
       |
    20 |   - { serviceName: e, taskDefinition: own, serviceRegistries: [{ registry: web.tutorial.local, port: 81 }] }
       |                                                                                                      ^^
       |
       = hint: add `portMappings: [{containerPort: 81}]` to one

    error: The container ap does not exist in the task definition.
      --> cluster.yaml:21:111
       |
    21 |   - { serviceName: f, taskDefinition: own, serviceRegistries: [{ registry: web.tutorial.local, containerName: ap, containerPort: 80 ...
       |                                                                                                               ^^
       |
       = hint: did you mean `app`?

    error: a registry has `port`, or `containerName` and `containerPort`, not both
      --> cluster.yaml:22:96
       |
    22 |   - { serviceName: g, taskDefinition: own, serviceRegistries: [{ registry: web.tutorial.local, containerName: app, port: 80 }] }
       |                                                                                                ^^^^^^^^^^^^^ again here
       |
       = hint: the first is at cluster.yaml:22:116

    8 problems in cluster.yaml
    "#);
    let twice =
        "  - { serviceName: a, taskDefinition: own, serviceRegistries: [{ registry: posts.tutorial.local }, { registry: web.tutorial.local }] }\n";
    let records = MANIFEST.replace("{ type: SRV, ttl: 10 }", "{ type: A, ttl: 5 }, { type: AAAA, ttl: 5 }").replace("name: web", "name: \"w b\"");
    assert_snapshot!(bad(&format!("{records}services:\n{twice}")), @r#"
    error: there are two DNS records of the type A
     --> cluster.yaml:6:57
      |
    6 |         dnsConfig: { dnsRecords: [{ type: A, ttl: 60 }, { type: A, ttl: 5 }, { type: AAAA, ttl: 5 }] }
      |                                                         ^^^^^^^^^^^^^^^^^^^
      |
      = hint: remove one

    error: `type: AAAA` is not supported
     --> cluster.yaml:6:86
      |
    6 |         dnsConfig: { dnsRecords: [{ type: A, ttl: 60 }, { type: A, ttl: 5 }, { type: AAAA, ttl: 5 }] }
      |                                                                                      ^^^^
      |
      = hint: networks here have no addresses of IPv6; use `A`

    error: `w b.tutorial.local` is not a domain: letters, digits, `.`, `-` and `_`, at most 253 of them
     --> cluster.yaml:8:17
      |
    8 |       - { name: "w b", id: srv-0123456789abcdef, dnsConfig: { dnsRecords: [{ Type: SRV, TTL: 5 }], routingPolicy: WEIGHTED } }
      |                 ^^^^^

    error: a service has at most one service registry
      --> cluster.yaml:16:100
       |
    16 |   - { serviceName: a, taskDefinition: own, serviceRegistries: [{ registry: posts.tutorial.local }, { registry: web.tutorial.local }] }
       |                                                                                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: remove it

    error: there is no service `web.tutorial.local` in `namespaces`
      --> cluster.yaml:16:112
       |
    16 |   - { serviceName: a, taskDefinition: own, serviceRegistries: [{ registry: posts.tutorial.local }, { registry: web.tutorial.local }] }
       |                                                                                                                ^^^^^^^^^^^^^^^^^^
       |
       = hint: did you mean `w b.tutorial.local`?

    5 problems in cluster.yaml
    "#);
}
