//! `connectsTo`: which services reach which.

use insta::assert_snapshot;

use crate::support::{bad, good};

const MANIFEST: &str = "\
cluster: t
taskDefinitions:
  - family: app
    containerDefinitions: [{ name: app, image: app, memory: 64, portMappings: [{ containerPort: 80 }] }]
  - family: odd
    containerDefinitions:
      - { name: posts, image: app, memory: 64, portMappings: [{ containerPort: 53, protocol: udp }, { containerPortRange: 90-91 }] }
      - { name: b, image: app, memory: 64, links: [\"posts:news\"], extraHosts: [{ hostname: users, ipAddress: 10.0.0.1 }] }
  - { family: host, networkMode: host, containerDefinitions: [{ name: app, image: app, memory: 64 }] }
services:
  - { serviceName: posts, taskDefinition: app }
  - { serviceName: news, taskDefinition: app }
";

fn with(services: &str) -> String {
    format!("{MANIFEST}{services}")
}

#[test]
fn the_services_that_are_reached_are_read_once_each_in_whichever_order() {
    let desired = good(&with("  - { serviceName: users, taskDefinition: app, connectsTo: [posts, news] }\n")).desired;
    let users = &desired.services.values().find(|service| service.spec.name.as_str() == "users").unwrap().spec;
    assert_eq!(users.connects_to.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["news", "posts"]);
}

#[test]
fn what_cannot_be_reached_is_told_with_a_way_out() {
    let services = r#"  - { serviceName: users, taskDefinition: odd, connectsTo: [posts, post, news, posts, users] }
  - { serviceName: late, taskDefinition: app, connectsTo: [users, "a b"] }
  - { serviceName: web, taskDefinition: host, connectsTo: [posts] }
"#;
    assert_snapshot!(bad(&with(services)), @r#"
    error: `posts` is also a container of `odd`, so the name would mean two things in its containers
      --> cluster.yaml:13:61
       |
    13 |   - { serviceName: users, taskDefinition: odd, connectsTo: [posts, post, news, posts, users] }
       |                                                             ^^^^^
       |
       = hint: rename one of them

    error: there is no service `post`
      --> cluster.yaml:13:68
       |
    13 |   - { serviceName: users, taskDefinition: odd, connectsTo: [posts, post, news, posts, users] }
       |                                                                    ^^^^
       |
       = hint: did you mean `posts`?

    error: `news` is also a link of `odd`, so the name would mean two things in its containers
      --> cluster.yaml:13:74
       |
    13 |   - { serviceName: users, taskDefinition: odd, connectsTo: [posts, post, news, posts, users] }
       |                                                                          ^^^^
       |
       = hint: rename one of them

    error: `posts` is named twice
      --> cluster.yaml:13:80
       |
    13 |   - { serviceName: users, taskDefinition: odd, connectsTo: [posts, post, news, posts, users] }
       |                                                                                ^^^^^ again here
       |
       = hint: the first is at cluster.yaml:13:61

    error: `users` is the service itself, whose tasks reach each other anyway
      --> cluster.yaml:13:87
       |
    13 |   - { serviceName: users, taskDefinition: odd, connectsTo: [posts, post, news, posts, users] }
       |                                                                                       ^^^^^
       |
       = hint: remove it

    error: `users` has no container port over TCP that could be reached
      --> cluster.yaml:14:60
       |
    14 |   - { serviceName: late, taskDefinition: app, connectsTo: [users, "a b"] }
       |                                                            ^^^^^
       |
       = hint: add `portMappings` to a container of `odd`; ranges of ports are not reached

    error: service name `a b` contains ' '; only letters, digits, hyphens and underscores are allowed
      --> cluster.yaml:14:67
       |
    14 |   - { serviceName: late, taskDefinition: app, connectsTo: [users, "a b"] }
       |                                                                   ^^^^^

    error: a task in `networkMode: host` has no network of its own to reach other services from
      --> cluster.yaml:15:47
       |
    15 |   - { serviceName: web, taskDefinition: host, connectsTo: [posts] }
       |                                               ^^^^^^^^^^
       |
       = hint: remove it, or give `host` `networkMode: bridge` or `awsvpc`

    8 problems in cluster.yaml
    "#);
}
