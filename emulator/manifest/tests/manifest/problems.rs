//! Broken manifests and what a person is told.

use insta::assert_snapshot;

use crate::support::{GOOD, bad, broken, read_all};

#[test]
fn unknown_keys_and_words() {
    assert_snapshot!(broken(&[
        ("    port: 80\n", "    port: 80\n    healthCheckpath: /\n    colour: red\n"),
        ("memory: 256", "memmory: 256"),
        ("field: path-pattern", "field: path-patern"),
        ("    taskDefinition: users", "    taskDefinition: users\n    desiredcount: 2"),
    ]), @r#"
    error: `field` must be `path-pattern`, `host-header`, `http-header`, `http-request-method`, `query-string` or `source-ip`, found `path-patern`
     --> cluster.yaml:9:35
      |
    9 |             conditions: [{ field: path-patern, values: ["/api/users*"] }]
      |                                   ^^^^^^^^^^^
      |
      = hint: did you mean `path-pattern`?

    error: unknown key `healthCheckpath` in a target group
      --> cluster.yaml:14:5
       |
    14 |     healthCheckpath: /
       |     ^^^^^^^^^^^^^^^ unknown key
       |
       = hint: did you mean `healthCheckPath`?

    error: unknown key `colour` in a target group
      --> cluster.yaml:15:5
       |
    15 |     colour: red
       |     ^^^^^^ unknown key
       |
       = hint: `ecslocal schema` describes the keys of a target group

    error: Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified.
      --> cluster.yaml:19:15
       |
    19 |       - name: web
       |               ^^^
       |
       = hint: for example `memory: 256` (MiB), here or on the task definition

    error: unknown key `memmory` in a container definition
      --> cluster.yaml:21:9
       |
    21 |         memmory: 256
       |         ^^^^^^^ unknown key
       |
       = hint: did you mean `memory`?

    error: unknown key `desiredcount` in a service
      --> cluster.yaml:26:5
       |
    26 |     desiredcount: 2
       |     ^^^^^^^^^^^^ unknown key
       |
       = hint: did you mean `desiredCount`?

    6 problems in cluster.yaml
    "#);
}

#[test]
fn wrong_types_and_ranges() {
    assert_snapshot!(broken(&[
        ("containerPort: 3000 }", "containerPort: http, hostPort: 70000 }"),
        ("- port: 80", "- port: \"80\""),
        ("    port: 80\n", "    port: [80]\n    healthCheckIntervalSeconds: 4\n    healthCheckPath:\n"),
        ("        memory: 256", "        memory: 256\n        essential: yes\n        command: npm start\n        cpu: 1.5"),
        ("cluster: test", "cluster: [test]"),
    ]), @r#"
    error: `cluster` must be a text, found a list
     --> cluster.yaml:1:10
      |
    1 | cluster: [test]
      |          ^^^^^^

    error: `port` must be a whole number from 1 to 65535, found `"80"`
     --> cluster.yaml:5:15
      |
    5 |       - port: "80"
      |               ^^^^ a text
      |
      = hint: remove the quotes

    error: `port` must be a number, found a list
      --> cluster.yaml:13:11
       |
    13 |     port: [80]
       |           ^^^^

    error: `healthCheckIntervalSeconds` must be a whole number from 5 to 300, found `4`
      --> cluster.yaml:14:33
       |
    14 |     healthCheckIntervalSeconds: 4
       |                                 ^ out of range

    error: `essential` must be `true` or `false`, found `yes`
      --> cluster.yaml:22:20
       |
    22 |         essential: yes
       |                    ^^^

    error: `command` must be a list, found `npm start`
      --> cluster.yaml:23:18
       |
    23 |         command: npm start
       |                  ^^^^^^^^^
       |
       = hint: write `["npm", "start"]`

    error: `cpu` must be a whole number from 0 to 262144, found `1.5`
      --> cluster.yaml:24:14
       |
    24 |         cpu: 1.5
       |              ^^^ not a whole number

    error: `containerPort` must be a whole number from 1 to 65535, found `http`
      --> cluster.yaml:25:41
       |
    25 |         portMappings: [{ containerPort: http, hostPort: 70000 }]
       |                                         ^^^^ not a whole number

    error: `hostPort` must be a whole number from 0 to 65535, found `70000`
      --> cluster.yaml:25:57
       |
    25 |         portMappings: [{ containerPort: http, hostPort: 70000 }]
       |                                                         ^^^^^ out of range

    9 problems in cluster.yaml
    "#);
}

#[test]
fn missing_keys() {
    assert_snapshot!(bad(
        "loadBalancers:\n  - name: front\n    listeners:\n      - port: 80\ntaskDefinitions:\n  - family: a\n    containerDefinitions:\n      - name: web\n      - image: x\nservices: [{}]\n"
    ), @r#"
    error: a manifest needs `cluster`
     --> cluster.yaml:1:1
      |
    1 | loadBalancers:
      | ^^^^^^^^^^^^^^
      |
      = hint: the cluster's name: 1 to 255 letters, digits, hyphens and underscores

    error: a listener needs `defaultActions`
     --> cluster.yaml:4:9
      |
    4 |       - port: 80
      |         ^^^^^^^^
      |
      = hint: for requests that no rule matches: one of forward, redirect and fixed-response, after one that authenticates if need be

    error: a container definition needs `image`, or `build` to make one
     --> cluster.yaml:8:15
      |
    8 |       - name: web
      |               ^^^
      |
      = hint: for example `image: nginx:1.29` or `build: services/users`

    error: Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified.
     --> cluster.yaml:8:15
      |
    8 |       - name: web
      |               ^^^
      |
      = hint: for example `memory: 256` (MiB), here or on the task definition

    error: a container definition needs `name`
     --> cluster.yaml:9:9
      |
    9 |       - image: x
      |         ^^^^^^^^
      |
      = hint: unique in the task definition: 1 to 255 letters, digits, hyphens and underscores

    error: a service needs `serviceName`
      --> cluster.yaml:10:12
       |
    10 | services: [{}]
       |            ^^
       |
       = hint: unique in the cluster: 1 to 255 letters, digits, hyphens and underscores

    error: a service needs `taskDefinition`
      --> cluster.yaml:10:12
       |
    10 | services: [{}]
       |            ^^
       |
       = hint: a family of this manifest, `family:revision`, or an ARN that ends so

    7 problems in cluster.yaml
    "#);
}

#[test]
fn things_given_twice() {
    assert_snapshot!(broken(&[
        ("cluster: test", "cluster: test\ncluster: other"),
        ("            actions: [{ type: forward, targetGroup: users }]\n", "            actions: [{ type: forward, targetGroup: users }]\n          - priority: 1\n            conditions: [{ field: host-header, values: [users.localhost] }]\n            actions: [{ type: forward, targetGroup: users }]\n"),
        ("  - name: users\n    port: 80\n", "  - name: users\n    port: 80\n    Port: 81\n"),
        ("services:\n", "services:\n  - serviceName: users\n    taskDefinition: users\n"),
        ("[{ containerPort: 3000 }]", "[{ containerPort: 3000, hostPort: 8080 }, { containerPort: 3000, hostPort: 8080 }]"),
        ("memory: 256", "memory: 256\n        environment: [{ name: A, value: 1 }, { name: A, value: 2 }]"),
    ]), @r#"
    error: the key `cluster` is given twice
     --> cluster.yaml:2:1
      |
    2 | cluster: other
      | ^^^^^^^ again here
      |
      = hint: the first is at cluster.yaml:1:1

    error: two items of `rules` have the priority `1`
      --> cluster.yaml:12:23
       |
    12 |           - priority: 1
       |                       ^ again here
       |
       = hint: the first is at cluster.yaml:9:23

    error: `port` is given twice
      --> cluster.yaml:18:5
       |
    18 |     Port: 81
       |     ^^^^ again here
       |
       = hint: the first is at cluster.yaml:17:5

    error: two items of `environment` have the name `A`
      --> cluster.yaml:25:54
       |
    25 |         environment: [{ name: A, value: 1 }, { name: A, value: 2 }]
       |                                                      ^ again here
       |
       = hint: the first is at cluster.yaml:25:31

    error: container port 3000 is mapped twice
      --> cluster.yaml:26:82
       |
    26 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 3000, hostPort: 8080 }]
       |                                                                                  ^^^^ again here
       |
       = hint: the first is at cluster.yaml:26:41

    error: host port 8080 is published twice
      --> cluster.yaml:26:98
       |
    26 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 3000, hostPort: 8080 }]
       |                                                                                                  ^^^^ again here
       |
       = hint: the first is at cluster.yaml:26:57

    error: two items of `services` have the serviceName `users`
      --> cluster.yaml:30:18
       |
    30 |   - serviceName: users
       |                  ^^^^^ again here
       |
       = hint: the first is at cluster.yaml:28:18

    7 problems in cluster.yaml
    "#);
}

#[test]
fn references_to_nothing() {
    assert_snapshot!(broken(&[
        ("type: forward, targetGroup: users", "type: forward, targetGroup: user"),
        ("taskDefinition: users", "taskDefinition: userz"),
    ]), @r#"
    error: Target group 'user' not found
      --> cluster.yaml:10:53
       |
    10 |             actions: [{ type: forward, targetGroup: user }]
       |                                                     ^^^^ no such target group
       |
       = hint: did you mean `users`?

    error: the task definition `userz` is not in this manifest
      --> cluster.yaml:23:21
       |
    23 |     taskDefinition: userz
       |                     ^^^^^ no such family
       |
       = hint: did you mean `users`?

    error: The target group with targetGroupArn users does not have an associated load balancer.
      --> cluster.yaml:24:36
       |
    24 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: forward to it from a listener's default action or from a rule

    3 problems in cluster.yaml
    "#);
    assert_snapshot!(broken(&[
        ("containerName: web, containerPort: 3000", "containerName: wep, containerPort: 3000"),
        ("memory: 256", "memory: 256\n        dependsOn: [{ containerName: db, condition: START }]"),
    ]), @r#"
    error: the container `db` is not in this task definition
      --> cluster.yaml:20:38
       |
    20 |         dependsOn: [{ containerName: db, condition: START }]
       |                                      ^^ no such container

    error: The container wep does not exist in the task definition.
      --> cluster.yaml:25:58
       |
    25 |     loadBalancers: [{ targetGroup: users, containerName: wep, containerPort: 3000 }]
       |                                                          ^^^
       |
       = hint: did you mean `web`?

    2 problems in cluster.yaml
    "#);
    assert_snapshot!(broken(&[("containerName: web, containerPort: 3000", "containerName: web, containerPort: 3001")]), @r#"
    error: The container web did not have a container port 3001 defined.
      --> cluster.yaml:24:78
       |
    24 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3001 }]
       |                                                                              ^^^^
       |
       = hint: its container ports are `3000`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(broken(&[("type: forward, targetGroup: users", "type: redirect, redirectConfig: { statusCode: HTTP_301, path: /x }")]), @r#"
    error: The target group with targetGroupArn users does not have an associated load balancer.
      --> cluster.yaml:24:36
       |
    24 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: forward to it from a listener's default action or from a rule

    1 problem in cluster.yaml
    "#);
}

#[test]
fn names_obey_their_rules() {
    assert_snapshot!(broken(&[
        ("cluster: test", "cluster: my cluster"),
        ("- name: front", "- name: internal-front"),
        ("- family: users", "- family: us.ers"),
        ("  - name: users\n    port", "  - name: -users\n    port"),
        ("image: users:v1", "image: \"users v1\""),
    ]), @r#"
    error: cluster name `my cluster` contains ' '; only letters, digits, hyphens and underscores are allowed
     --> cluster.yaml:1:10
      |
    1 | cluster: my cluster
      |          ^^^^^^^^^^

    error: a load balancer's name cannot begin with `internal-`
     --> cluster.yaml:3:11
      |
    3 |   - name: internal-front
      |           ^^^^^^^^^^^^^^

    error: Target group 'users' not found
      --> cluster.yaml:10:53
       |
    10 |             actions: [{ type: forward, targetGroup: users }]
       |                                                     ^^^^^ no such target group
       |
       = hint: did you mean `-users`?

    error: target group name `-users` cannot begin or end with '-'
      --> cluster.yaml:12:11
       |
    12 |   - name: -users
       |           ^^^^^^

    error: task definition family `us.ers` contains '.'; only letters, digits, hyphens and underscores are allowed
      --> cluster.yaml:15:13
       |
    15 |   - family: us.ers
       |             ^^^^^^

    error: Container.image contains invalid characters.
      --> cluster.yaml:18:16
       |
    18 |         image: "users v1"
       |                ^^^^^^^^^^
       |
       = hint: for example `nginx:1.29` or `users:v1`

    error: the task definition `users` is not in this manifest
      --> cluster.yaml:23:21
       |
    23 |     taskDefinition: users
       |                     ^^^^^ no such family
       |
       = hint: did you mean `us.ers`?

    error: Target group 'users' not found
      --> cluster.yaml:24:36
       |
    24 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^ no such target group
       |
       = hint: did you mean `-users`?

    8 problems in cluster.yaml
    "#);
}

#[test]
fn actions() {
    assert_snapshot!(broken(&[(
        "            actions: [{ type: forward, targetGroup: users }]",
        r##"            actions: [{ type: redirect, redirectConfig: { statusCode: HTTP_301 } }]
          - priority: 2
            conditions: [{ field: path-pattern, values: ["/a"] }]
            actions: [{ type: fixed-response, fixedResponseConfig: { statusCode: 302, contentType: text/pain } }]
          - priority: 3
            conditions: [{ field: path-pattern, values: ["/b"] }]
            actions: [{ type: forward, fixedResponseConfig: { statusCode: 200 } }]
          - priority: 4
            conditions: [{ field: path-pattern, values: ["/c"] }]
            actions:
              - { type: redirect, redirectConfig: { protocol: FTP, port: "#{query}", path: x, query: "?a", statusCode: HTTP_303 } }
              - { type: forward, targetGroup: users }
          - priority: 5
            conditions: [{ field: path-pattern, values: ["/d"] }]
            actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
          - priority: 6
            conditions: [{ field: path-pattern, values: ["/e"] }]
            actions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: users, weight: 1000 }], targetGroupStickinessConfig: { enabled: true } } }]"##
    )]), @r##"
    error: The redirect configuration is not valid because it creates a loop.
      --> cluster.yaml:10:57
       |
    10 |             actions: [{ type: redirect, redirectConfig: { statusCode: HTTP_301 } }]
       |                                                         ^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: change at least one of `protocol`, `host`, `port`, `path` and `query`

    error: `statusCode` of a fixed response is 2XX, 4XX or 5XX, found `302`
      --> cluster.yaml:13:82
       |
    13 |             actions: [{ type: fixed-response, fixedResponseConfig: { statusCode: 302, contentType: text/pain } }]
       |                                                                                  ^^^

    error: The ContentType must be one of:'text/html', 'application/json', 'application/javascript', 'text/css', 'text/plain'
      --> cluster.yaml:13:100
       |
    13 |             actions: [{ type: fixed-response, fixedResponseConfig: { statusCode: 302, contentType: text/pain } }]
       |                                                                                                    ^^^^^^^^^
       |
       = hint: did you mean `text/plain`?

    error: For actions of type 'forward', you must specify a target group
      --> cluster.yaml:16:23
       |
    16 |             actions: [{ type: forward, fixedResponseConfig: { statusCode: 200 } }]
       |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: write `targetGroup: <name>`, or `forwardConfig: {targetGroups: [{targetGroup: <name>, weight: 1}]}`

    error: `fixedResponseConfig` does not belong to an action of type 'forward'
      --> cluster.yaml:16:40
       |
    16 |             actions: [{ type: forward, fixedResponseConfig: { statusCode: 200 } }]
       |                                        ^^^^^^^^^^^^^^^^^^^
       |
       = hint: it belongs to `type: fixed-response`

    error: `protocol` of a redirect is `HTTP`, `HTTPS` or `#{protocol}`, found `FTP`
      --> cluster.yaml:20:63
       |
    20 |               - { type: redirect, redirectConfig: { protocol: FTP, port: "#{query}", path: x, query: "?a", statusCode: HTTP_303 } }
       |                                                               ^^^

    error: `#{query}` cannot be used in `port` of a redirect
      --> cluster.yaml:20:74
       |
    20 |               - { type: redirect, redirectConfig: { protocol: FTP, port: "#{query}", path: x, query: "?a", statusCode: HTTP_303 } }
       |                                                                          ^^^^^^^^^^
       |
       = hint: it may hold `#{port}`

    error: `path` of a redirect begins with `/`, found `x`
      --> cluster.yaml:20:92
       |
    20 |               - { type: redirect, redirectConfig: { protocol: FTP, port: "#{query}", path: x, query: "?a", statusCode: HTTP_303 } }
       |                                                                                            ^

    error: `query` of a redirect has no leading `?`, found `?a`
      --> cluster.yaml:20:102
       |
    20 |               - { type: redirect, redirectConfig: { protocol: FTP, port: "#{query}", path: x, query: "?a", statusCode: HTTP_303 } }
       |                                                                                                      ^^^^

    error: `statusCode` must be `HTTP_301` or `HTTP_302`, found `HTTP_303`
      --> cluster.yaml:20:120
       |
    20 |               - { type: redirect, redirectConfig: { protocol: FTP, port: "#{query}", path: x, query: "?a", statusCode: HTTP_303 } }
       |                                                                                                                        ^^^^^^^^
       |
       = hint: did you mean `HTTP_301`?

    error: `actions` has 2 actions of forward, redirect and fixed-response; there must be exactly one
      --> cluster.yaml:21:17
       |
    21 |               - { type: forward, targetGroup: users }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: several target groups go into one action: `forwardConfig: {targetGroups: […]}`

    error: `actions` must end with one action of forward, redirect and fixed-response
      --> cluster.yaml:24:22
       |
    24 |             actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
       |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: add what happens to who is let in, for example `{type: forward, order: 2, targetGroup: <name>}`

    error: Actions of type 'authenticate-oidc' are supported only on HTTPS listeners
      --> cluster.yaml:24:31
       |
    24 |             actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
       |                               ^^^^^^^^^^^^^^^^^
       |
       = hint: add `protocol: HTTPS` to the listener; without `certificates` it gets a development certificate

    error: an authentication needs `authorizationEndpoint`
      --> cluster.yaml:24:74
       |
    24 |             actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
       |                                                                          ^^^^^^^^^^^^^
       |
       = hint: where browsers log in: a URL

    error: an authentication needs `tokenEndpoint`
      --> cluster.yaml:24:74
       |
    24 |             actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
       |                                                                          ^^^^^^^^^^^^^
       |
       = hint: where codes become tokens: a URL

    error: an authentication needs `userInfoEndpoint`
      --> cluster.yaml:24:74
       |
    24 |             actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
       |                                                                          ^^^^^^^^^^^^^
       |
       = hint: where the user's claims are: a URL

    error: an authentication needs `clientId`
      --> cluster.yaml:24:74
       |
    24 |             actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
       |                                                                          ^^^^^^^^^^^^^
       |
       = hint: the OAuth 2.0 client

    error: `issuer` must be a full URL, including the protocol, the domain, and the path, found `x`
      --> cluster.yaml:24:84
       |
    24 |             actions: [{ type: authenticate-oidc, authenticateOidcConfig: { issuer: x } }]
       |                                                                                    ^
       |
       = hint: for example `https://idp.example.com/oauth2/token`, or `http://localhost:8080/…` for a provider of this machine

    error: `weight` must be a whole number from 0 to 999, found `1000`
      --> cluster.yaml:27:102
       |
    27 | ...   actions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: users, weight: 1000 }], targetGroupStickinessConfig:...
       |                                                                                                ^^^^ out of range

    error: Target group stickiness duration must be between 1 and 604800 seconds
      --> cluster.yaml:27:140
       |
    27 | ...p: users, weight: 1000 }], targetGroupStickinessConfig: { enabled: true } } }]
       |                                                            ^^^^^^^^^^^^^^^^^
       |
       = hint: add `durationSeconds`, for example 3600

    20 problems in cluster.yaml
    "##);
}

#[test]
fn conditions() {
    assert_snapshot!(broken(&[(
        r#"[{ field: path-pattern, values: ["/api/users*"] }]"#,
        r#"
              - { field: path-pattern, values: [/a, /b, "/c d"] }
              - { field: path-pattern, values: [] }
              - { field: host-header, values: [localhost, "a.b.*", x.localhost], pathPatternConfig: { values: [/x] } }
              - { field: http-header, values: [y], httpHeaderConfig: { httpHeaderName: Host, values: [y] } }"#
    )]), @r#"
    error: A rule can only have '5' condition values
      --> cluster.yaml:10:15
       |
    10 |               - { field: path-pattern, values: [/a, /b, "/c d"] }
       |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: this one has 6; make a second rule with the same action

    error: Condition value '/c d' contains a character that is not valid
      --> cluster.yaml:10:57
       |
    10 |               - { field: path-pattern, values: [/a, /b, "/c d"] }
       |                                                         ^^^^^^ ' ' is not allowed

    error: A condition value must be specified
      --> cluster.yaml:11:17
       |
    11 |               - { field: path-pattern, values: [] }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: for example `values: ["/api/users*"]`

    error: Condition value 'localhost' is not a host name: it needs a dot, and only letters after the last one
      --> cluster.yaml:12:48
       |
    12 |               - { field: host-header, values: [localhost, "a.b.*", x.localhost], pathPatternConfig: { values: [/x] } }
       |                                                ^^^^^^^^^
       |
       = hint: for example `users.localhost` or `*.example.com`

    error: Condition value 'a.b.*' is not a host name: it needs a dot, and only letters after the last one
      --> cluster.yaml:12:59
       |
    12 |               - { field: host-header, values: [localhost, "a.b.*", x.localhost], pathPatternConfig: { values: [/x] } }
       |                                                           ^^^^^^^
       |
       = hint: for example `users.localhost` or `*.example.com`

    error: `pathPatternConfig` does not belong to the field `host-header`
      --> cluster.yaml:12:82
       |
    12 |               - { field: host-header, values: [localhost, "a.b.*", x.localhost], pathPatternConfig: { values: [/x] } }
       |                                                                                  ^^^^^^^^^^^^^^^^^
       |
       = hint: use `hostHeaderConfig` or `values`

    error: `values` does not belong to the field `http-header`
      --> cluster.yaml:13:39
       |
    13 |               - { field: http-header, values: [y], httpHeaderConfig: { httpHeaderName: Host, values: [y] } }
       |                                       ^^^^^^
       |
       = hint: use `httpHeaderConfig`

    error: `Host` has a field of its own
      --> cluster.yaml:13:88
       |
    13 |               - { field: http-header, values: [y], httpHeaderConfig: { httpHeaderName: Host, values: [y] } }
       |                                                                                        ^^^^
       |
       = hint: use `field: host-header`

    8 problems in cluster.yaml
    "#);
    assert_snapshot!(broken(&[(r#"["/api/users*"]"#, "[/1, /2, /3, /4, /5, /6]")]), @r#"
    error: A rule can only have '5' condition values
     --> cluster.yaml:9:25
      |
    9 |             conditions: [{ field: path-pattern, values: [/1, /2, /3, /4, /5, /6] }]
      |                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: this one has 6; make a second rule with the same action

    1 problem in cluster.yaml
    "#);
    let long = format!("[/{}]", "x".repeat(200));
    assert_snapshot!(broken(&[(r#"["/api/users*"]"#, &long)]), @r#"
    error: The 'path-pattern' value is too long; the limit is '128'
     --> cluster.yaml:9:58
      |
    9 | ...: [/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx] }]
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    1 problem in cluster.yaml
    "#);
}

#[test]
fn attributes_of_target_groups() {
    assert_snapshot!(broken(&[(
        "    port: 80\nt",
        r#"    port: 80
    attributes:
      slow_start.duration_seconds: 7
      load_balancing.algorithm.type: least_outstanding_requests
      target_group_health.unhealthy_state_routing.minimum_healthy_targets.count: off
      target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage: 0
t"#
    )]), @r#"
    error: 'slow_start.duration_seconds' value '7' must be 0 or between '30-900' inclusive
      --> cluster.yaml:15:36
       |
    15 |       slow_start.duration_seconds: 7
       |                                    ^

    error: You cannot enable both slow start and least outstanding requests algorithm on a target group
      --> cluster.yaml:15:36
       |
    15 |       slow_start.duration_seconds: 7
       |                                    ^
       |
       = hint: remove one of the two attributes

    error: 'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count' value 'off' must be between '1-1000' inclusive
      --> cluster.yaml:17:82
       |
    17 |       target_group_health.unhealthy_state_routing.minimum_healthy_targets.count: off
       |                                                                                  ^^^

    error: 'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage' value '0' must be 'off' or between '1-100' inclusive
      --> cluster.yaml:18:87
       |
    18 |       target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage: 0
       |                                                                                       ^

    4 problems in cluster.yaml
    "#);
}

#[test]
fn stickiness() {
    assert_snapshot!(broken(&[(
        "    port: 80\nt",
        r#"    port: 80
    attributes: { stickiness.enabled: true, stickiness.type: app_cookie, stickiness.app_cookie.cookie_name: AWSALBAPP, load_balancing.algorithm.type: weighted_random }
  - { name: blue, port: 80, attributes: { stickiness.enabled: true, stickiness.type: app_cookie } }
  - { name: green, port: 80, attributes: { stickiness.enabled: true, stickiness.lb_cookie.duration_seconds: 0 } }
t"#
    ), (
        "actions: [{ type: forward, targetGroup: users }]",
        "actions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: blue }, { targetGroup: green }], targetGroupStickinessConfig: { enabled: true } } }]\n          - priority: 2\n            conditions: [{ field: path-pattern, values: [/x] }]\n            actions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: green }, { targetGroup: users }] } }]",
    )]), @r#"
    error: Target group 'blue' is sticky by an application's cookie, which weighted target groups cannot be
      --> cluster.yaml:10:87
       |
    10 | ...   actions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: blue }, { targetGroup: green }], targetGroupStickine...
       |                                                                                 ^^^^
       |
       = hint: use `stickiness.type: lb_cookie`

    error: Target group stickiness duration must be between 1 and 604800 seconds
      --> cluster.yaml:10:149
       |
    10 | ..., { targetGroup: green }], targetGroupStickinessConfig: { enabled: true } } }]
       |                                                            ^^^^^^^^^^^^^^^^^
       |
       = hint: add `durationSeconds`, for example 3600

    error: Target group 'green' is sticky, and the action that chooses between several groups is not
      --> cluster.yaml:13:87
       |
    13 |             actions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: green }, { targetGroup: users }] } }]
       |                                                                                       ^^^^^
       |
       = hint: add `targetGroupStickinessConfig: {enabled: true, durationSeconds: 86400}` to `forwardConfig`

    error: Target group 'users' is sticky by an application's cookie, which weighted target groups cannot be
      --> cluster.yaml:13:111
       |
    13 |             actions: [{ type: forward, forwardConfig: { targetGroups: [{ targetGroup: green }, { targetGroup: users }] } }]
       |                                                                                                               ^^^^^
       |
       = hint: use `stickiness.type: lb_cookie`

    error: You cannot have both stickiness and weighted random algorithm enabled on the same target group.
      --> cluster.yaml:17:39
       |
    17 |     attributes: { stickiness.enabled: true, stickiness.type: app_cookie, stickiness.app_cookie.cookie_name: AWSALBAPP, load_balancin...
       |                                       ^^^^
       |
       = hint: remove one of the two attributes

    error: a cookie of an application cannot have a name of the load balancer's own, AWSALB, AWSALBAPP or AWSALBTG
      --> cluster.yaml:17:109
       |
    17 |     attributes: { stickiness.enabled: true, stickiness.type: app_cookie, stickiness.app_cookie.cookie_name: AWSALBAPP, load_balancin...
       |                                                                                                             ^^^^^^^^^
       |
       = hint: for example `stickiness.app_cookie.cookie_name: SESSION`

    error: `stickiness.type` `app_cookie` needs the name of the application's cookie
      --> cluster.yaml:18:41
       |
    18 |   - { name: blue, port: 80, attributes: { stickiness.enabled: true, stickiness.type: app_cookie } }
       |                                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: for example `stickiness.app_cookie.cookie_name: SESSION`

    error: 'stickiness.lb_cookie.duration_seconds' value '0' must be between '1-604800' inclusive
      --> cluster.yaml:19:109
       |
    19 |   - { name: green, port: 80, attributes: { stickiness.enabled: true, stickiness.lb_cookie.duration_seconds: 0 } }
       |                                                                                                             ^

    8 problems in cluster.yaml
    "#);
}

#[test]
fn listener_attributes() {
    assert_snapshot!(broken(&[(
        "      - port: 80\n        default",
        r#"      - port: 80
        attributes:
          routing.http.response.server.enabled: 1
          routing.http.response.x_frame_options.header_value: "DE\"NY"
          routing.http.response.x_frame_option.header_value: DENY
        default"#
    )]), @r#"
    error: the attribute `routing.http.response.server.enabled` must be `true` or `false`, found `1`
     --> cluster.yaml:7:49
      |
    7 |           routing.http.response.server.enabled: 1
      |                                                 ^

    error: 'routing.http.response.x_frame_options.header_value' value 'DE"NY' contains a character that is not valid
     --> cluster.yaml:8:63
      |
    8 |           routing.http.response.x_frame_options.header_value: "DE\"NY"
      |                                                               ^^^^^^^^ '"' is not allowed

    error: the attribute `routing.http.response.x_frame_option.header_value` does not exist
     --> cluster.yaml:9:11
      |
    9 |           routing.http.response.x_frame_option.header_value: DENY
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: did you mean `routing.http.response.x_frame_options.header_value`?

    3 problems in cluster.yaml
    "#);
}

#[test]
fn transforms() {
    assert_snapshot!(broken(&[(
        "            actions: [{ type: forward, targetGroup: users }]",
        r#"            transforms:
              - { type: url-rewrite, urlRewriteConfig: { rewrites: [{ regex: "^/(a", replace: "/$$1" }] } }
              - { type: url-rewrite, urlRewriteConfig: { rewrites: [{ regex: "^/(a)", replace: "/$$2" }, { regex: b, replace: c }] } }
              - { type: host-header-rewrite, urlRewriteConfig: { rewrites: [{ regex: a, replace: b }] } }
              - { type: host-rewrite }
            actions: [{ type: forward, targetGroup: users }]"#
    )]), @r#"
    error: the regular expression `^/(a` cannot be used: unclosed group
      --> cluster.yaml:11:78
       |
    11 |               - { type: url-rewrite, urlRewriteConfig: { rewrites: [{ regex: "^/(a", replace: "/$$1" }] } }
       |                                                                              ^^^^^^

    error: a rule can only have one 'url-rewrite' transform
      --> cluster.yaml:12:17
       |
    12 |               - { type: url-rewrite, urlRewriteConfig: { rewrites: [{ regex: "^/(a)", replace: "/$$2" }, { regex: b, replace: c }] } }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `$2` names a group that the regular expression does not have
      --> cluster.yaml:12:96
       |
    12 |               - { type: url-rewrite, urlRewriteConfig: { rewrites: [{ regex: "^/(a)", replace: "/$$2" }, { regex: b, replace: c }] } }
       |                                                                                                ^^^^^^
       |
       = hint: it has 1

    error: a transform has exactly one rewrite
      --> cluster.yaml:12:106
       |
    12 |               - { type: url-rewrite, urlRewriteConfig: { rewrites: [{ regex: "^/(a)", replace: "/$$2" }, { regex: b, replace: c }] } }
       |                                                                                                          ^^^^^^^^^^^^^^^^^^^^^^^^

    error: a transform of this type needs `hostHeaderRewriteConfig`
      --> cluster.yaml:13:17
       |
    13 |               - { type: host-header-rewrite, urlRewriteConfig: { rewrites: [{ regex: a, replace: b }] } }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: write `hostHeaderRewriteConfig: {rewrites: [{regex: …, replace: …}]}`

    error: `urlRewriteConfig` does not belong to a transform of type 'host-header-rewrite'
      --> cluster.yaml:13:46
       |
    13 |               - { type: host-header-rewrite, urlRewriteConfig: { rewrites: [{ regex: a, replace: b }] } }
       |                                              ^^^^^^^^^^^^^^^^
       |
       = hint: it belongs to `type: url-rewrite`

    error: `type` must be `host-header-rewrite` or `url-rewrite`, found `host-rewrite`
      --> cluster.yaml:14:25
       |
    14 |               - { type: host-rewrite }
       |                         ^^^^^^^^^^^^
       |
       = hint: did you mean `url-rewrite`?

    7 problems in cluster.yaml
    "#);
}

#[test]
fn conditions_on_other_parts() {
    assert_snapshot!(broken(&[(
        r#"[{ field: path-pattern, values: ["/api/users*"] }]"#,
        r#"
              - { field: http-header, httpHeaderConfig: { httpHeaderName: "X Y", values: ["é"] } }
              - { field: http-header, httpHeaderConfig: { values: [a], regexValues: [b] } }
              - { field: http-header }
              - { field: http-request-method, httpRequestMethodConfig: { values: [get, "GE*"] } }
              - { field: query-string, queryStringConfig: { values: [{ key: "", value: a }, { key: b }, "c=d"] } }
              - { field: source-ip, sourceIpConfig: { values: [10.0.0.1, 10.0.0.0/40, 255.255.255.255/32] } }"#
    )]), @r#"
    error: `X Y` is not the name of a header
      --> cluster.yaml:10:75
       |
    10 |               - { field: http-header, httpHeaderConfig: { httpHeaderName: "X Y", values: ["é"] } }
       |                                                                           ^^^^^ ' ' is not allowed

    error: Condition value 'é' contains a character that is not valid
      --> cluster.yaml:10:91
       |
    10 |               - { field: http-header, httpHeaderConfig: { httpHeaderName: "X Y", values: ["é"] } }
       |                                                                                           ^^^ 'é' is not allowed

    error: a condition's configuration needs `httpHeaderName`
      --> cluster.yaml:11:57
       |
    11 |               - { field: http-header, httpHeaderConfig: { values: [a], regexValues: [b] } }
       |                                                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: 1 to 40 characters, in letters of any case, without wildcards; not `Host`

    error: `values` and `regexValues` are both given
      --> cluster.yaml:11:86
       |
    11 |               - { field: http-header, httpHeaderConfig: { values: [a], regexValues: [b] } }
       |                                                                                      ^
       |
       = hint: a condition has one of the two; keep one

    error: A condition value must be specified
      --> cluster.yaml:12:17
       |
    12 |               - { field: http-header }
       |                 ^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: write `httpHeaderConfig: {httpHeaderName: X-Version, values: […]}`

    error: The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore
      --> cluster.yaml:13:83
       |
    13 |               - { field: http-request-method, httpRequestMethodConfig: { values: [get, "GE*"] } }
       |                                                                                   ^^^
       |
       = hint: methods are compared to the letter, without wildcards: write `GET`

    error: The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore
      --> cluster.yaml:13:88
       |
    13 |               - { field: http-request-method, httpRequestMethodConfig: { values: [get, "GE*"] } }
       |                                                                                        ^^^^^
       |
       = hint: methods are compared to the letter, without wildcards: write `GET`

    error: A condition value must be specified
      --> cluster.yaml:14:77
       |
    14 |               - { field: query-string, queryStringConfig: { values: [{ key: "", value: a }, { key: b }, "c=d"] } }
       |                                                                             ^^

    error: a query parameter needs `value`
      --> cluster.yaml:14:93
       |
    14 |               - { field: query-string, queryStringConfig: { values: [{ key: "", value: a }, { key: b }, "c=d"] } }
       |                                                                                             ^^^^^^^^^^
       |
       = hint: its value, `*` and `?` are wildcards; `\*` and `\?` mean the characters

    error: `values` must be a mapping, found `"c=d"`
      --> cluster.yaml:14:105
       |
    14 |               - { field: query-string, queryStringConfig: { values: [{ key: "", value: a }, { key: b }, "c=d"] } }
       |                                                                                                         ^^^^^

    error: Condition value '10.0.0.1' is not a range of addresses: it needs a length, such as `10.0.0.0/8`; one address is `/32` (IPv6: `/128`)
      --> cluster.yaml:15:64
       |
    15 |               - { field: source-ip, sourceIpConfig: { values: [10.0.0.1, 10.0.0.0/40, 255.255.255.255/32] } }
       |                                                                ^^^^^^^^

    error: Condition value '10.0.0.0/40' is not a range of addresses: its length is a number from 0 to 32
      --> cluster.yaml:15:74
       |
    15 |               - { field: source-ip, sourceIpConfig: { values: [10.0.0.1, 10.0.0.0/40, 255.255.255.255/32] } }
       |                                                                          ^^^^^^^^^^^

    error: Condition value '255.255.255.255/32' is not valid
      --> cluster.yaml:15:87
       |
    15 |               - { field: source-ip, sourceIpConfig: { values: [10.0.0.1, 10.0.0.0/40, 255.255.255.255/32] } }
       |                                                                                       ^^^^^^^^^^^^^^^^^^
       |
       = hint: it is the broadcast address; no request comes from it

    13 problems in cluster.yaml
    "#);
    assert_snapshot!(broken(&[(
        r#"[{ field: path-pattern, values: ["/api/users*"] }]"#,
        r#"
              - { field: path-pattern, regexValues: ["(a", "(?=b)"], values: [/c] }
              - { field: path-pattern, regexValues: ["(a", "(?=b)"] }
              - { field: http-request-method, httpRequestMethodConfig: { values: [GET] } }
              - { field: http-request-method, httpRequestMethodConfig: { values: [PUT] } }
              - { field: query-string, queryStringConfig: { values: [{ key: "*a*", value: "*\\\\*?" }, { value: "*b*" }] } }
              - { field: host-header, values: ["*.example.com"] }"#
    )]), @r#"
    error: A rule can only have '5' condition values
      --> cluster.yaml:10:15
       |
    10 |               - { field: path-pattern, regexValues: ["(a", "(?=b)"], values: [/c] }
       |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: this one has 7; make a second rule with the same action

    error: `values` and `regexValues` are both given
      --> cluster.yaml:10:54
       |
    10 |               - { field: path-pattern, regexValues: ["(a", "(?=b)"], values: [/c] }
       |                                                      ^^^^
       |
       = hint: a condition has one of the two; keep one

    error: the regular expression `(a` cannot be used: unclosed group
      --> cluster.yaml:11:54
       |
    11 |               - { field: path-pattern, regexValues: ["(a", "(?=b)"] }
       |                                                      ^^^^

    error: the regular expression `(?=b)` cannot be used: look-around, including look-ahead and look-behind, is not supported
      --> cluster.yaml:11:60
       |
    11 |               - { field: path-pattern, regexValues: ["(a", "(?=b)"] }
       |                                                            ^^^^^^^

    error: a rule can only have one 'http-request-method' condition
      --> cluster.yaml:13:17
       |
    13 |               - { field: http-request-method, httpRequestMethodConfig: { values: [PUT] } }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: put all values into one condition; one of them must match

    5 problems in cluster.yaml
    "#);
}

#[test]
fn target_groups() {
    assert_snapshot!(broken(&[(
        "    port: 80\nt",
        "    port: 80\n    protocol: HTTPS\n    targetType: ip\n    healthCheckPath: health\n    healthCheckIntervalSeconds: 5\n    healthCheckTimeoutSeconds: 5\n    healthCheckPort: all\n    matcher: { httpCode: 200-600 }\n    attributes: [{ Key: deregistration_delay.timeout_seconds, Value: 4000 }, { key: stickiness.enabled, value: true }, { key: stickyness.type, value: x }]\nt"
    )]), @r#"
    error: Health check path 'health' must begin with a '/' character
      --> cluster.yaml:16:22
       |
    16 |     healthCheckPath: health
       |                      ^^^^^^

    error: Health check timeout '5' must be smaller than the interval '5'
      --> cluster.yaml:18:32
       |
    18 |     healthCheckTimeoutSeconds: 5
       |                                ^
       |
       = hint: set a shorter `healthCheckTimeoutSeconds`, or a longer `healthCheckIntervalSeconds`

    error: `healthCheckPort` must be `traffic-port` or a port from 1 to 65535, found `all`
      --> cluster.yaml:19:22
       |
    19 |     healthCheckPort: all
       |                      ^^^

    error: Health check matcher HTTP code '600' must be within '200-499' inclusive
      --> cluster.yaml:20:26
       |
    20 |     matcher: { httpCode: 200-600 }
       |                          ^^^^^^^

    error: 'deregistration_delay.timeout_seconds' value '4000' must be between '0-3600' inclusive
      --> cluster.yaml:21:70
       |
    21 |     attributes: [{ Key: deregistration_delay.timeout_seconds, Value: 4000 }, { key: stickiness.enabled, value: true }, { key: sticky...
       |                                                                      ^^^^

    error: the attribute `stickyness.type` does not exist
      --> cluster.yaml:21:127
       |
    21 | ...4000 }, { key: stickiness.enabled, value: true }, { key: stickyness.type, value: x }]
       |                                                             ^^^^^^^^^^^^^^^
       |
       = hint: did you mean `stickiness.type`?

    error: The provided target group users has target type ip, which is incompatible with the bridge network mode specified in the task definition.
      --> cluster.yaml:32:36
       |
    32 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: remove `targetType: ip` from `users`, or make a second target group for this service

    7 problems in cluster.yaml
    "#);
}

#[test]
fn what_acts_on_aws_only_is_refused_by_name() {
    assert_snapshot!(broken(&[
        ("- family: users", "- family: users\n    networkMode: default\n    volumes: [{ name: data, configuredAtLaunch: true }]"),
        ("memory: 256", "memory: 256\n        credentialSpecs: [a]\n        mountPoints: []\n        logConfiguration: { logDriver: none }"),
        ("taskDefinition: users", "taskDefinition: users\n    volumeConfigurations: [{ name: data }]"),
        ("- port: 80", "- port: 443\n        protocol: HTTPS\n        certificates: [{ certificateArn: a }]"),
    ]), @r#"
    error: Certificate ARN 'a' is not valid
     --> cluster.yaml:7:42
      |
    7 |         certificates: [{ certificateArn: a }]
      |                                          ^
      |
      = hint: a file of this machine is named by `certificate`, with its `privateKey`

    error: `networkMode: default` is not supported
      --> cluster.yaml:18:18
       |
    18 |     networkMode: default
       |                  ^^^^^^^
       |
       = hint: it belongs to Windows; use `bridge`

    error: `configuredAtLaunch` of a volume is not supported
      --> cluster.yaml:19:29
       |
    19 |     volumes: [{ name: data, configuredAtLaunch: true }]
       |                             ^^^^^^^^^^^^^^^^^^
       |
       = hint: volumes of EBS are not supported; without it, the volume is one of each task's own

    error: `credentialSpecs` of a container definition is not supported
      --> cluster.yaml:24:9
       |
    24 |         credentialSpecs: [a]
       |         ^^^^^^^^^^^^^^^
       |
       = hint: they belong to Windows

    error: `logDriver: none` is not supported
      --> cluster.yaml:26:40
       |
    26 |         logConfiguration: { logDriver: none }
       |                                        ^^^^
       |
       = hint: ECS has no such driver; without `logConfiguration` the engine keeps the output

    error: `volumeConfigurations` of a service is not supported
      --> cluster.yaml:31:5
       |
    31 |     volumeConfigurations: [{ name: data }]
       |     ^^^^^^^^^^^^^^^^^^^^
       |
       = hint: volumes of EBS are not supported

    6 problems in cluster.yaml
    "#);
}

#[test]
fn containers() {
    assert_snapshot!(broken(&[(
        "        memory: 256\n",
        r#"        essential: false
        dependsOn: [{ containerName: db, condition: HEALTHY }, { containerName: db, condition: SUCCESS }]
        workingDirectory: app
        dnsServers: [one]
      - name: db
        build: https://example.com/x.git
        essential: false
        memory: 512
        memoryReservation: 512
        dependsOn: [{ containerName: web, condition: START }]
        healthCheck: { command: [curl, localhost] }
        ulimits: [{ name: nofile, softLimit: 10, hardLimit: 5 }]
"#
    )]), @r#"
    error: a task definition needs at least one essential container
      --> cluster.yaml:15:13
       |
    15 |   - family: users
       |             ^^^^^
       |
       = hint: remove one `essential: false`

    error: Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified.
      --> cluster.yaml:17:15
       |
    17 |       - name: web
       |               ^^^
       |
       = hint: for example `memory: 256` (MiB), here or on the task definition

    error: `workingDirectory` must be an absolute path, found `app`
      --> cluster.yaml:21:27
       |
    21 |         workingDirectory: app
       |                           ^^^

    error: `dnsServers` lists addresses, found `one`
      --> cluster.yaml:22:22
       |
    22 |         dnsServers: [one]
       |                      ^^^

    error: a build's context is a folder
      --> cluster.yaml:24:16
       |
    24 |         build: https://example.com/x.git
       |                ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: a path relative to this file, for example `services/users`

    error: `memoryReservation` must be below `memory`, 512
      --> cluster.yaml:27:28
       |
    27 |         memoryReservation: 512
       |                            ^^^

    error: `dependsOn` goes in a circle: db -> web -> db
      --> cluster.yaml:28:20
       |
    28 |         dependsOn: [{ containerName: web, condition: START }]
       |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: none of them could ever start; remove one of these dependencies

    error: a health check's command begins with `CMD` or `CMD-SHELL`
      --> cluster.yaml:29:33
       |
    29 |         healthCheck: { command: [curl, localhost] }
       |                                 ^^^^^^^^^^^^^^^^^
       |
       = hint: `[CMD, program, argument …]` or `[CMD-SHELL, line]`

    error: the soft limit of `nofile` is above its hard limit
      --> cluster.yaml:30:46
       |
    30 |         ulimits: [{ name: nofile, softLimit: 10, hardLimit: 5 }]
       |                                              ^^

    error: The container web did not have a container port 3000 defined.
      --> cluster.yaml:35:78
       |
    35 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                                                              ^^^^
       |
       = hint: add `portMappings: [{containerPort: 3000}]` to it

    10 problems in cluster.yaml
    "#);
}

#[test]
fn host_ports() {
    assert_snapshot!(broken(&[
        ("containerPort: 3000 }]", "containerPort: 3000, hostPort: 80 }]"),
        ("taskDefinition: users", "taskDefinition: users\n    desiredCount: 2"),
    ]), @r#"
    error: host port 80 can be used by one task, but service `users` wants 2
      --> cluster.yaml:20:57
       |
    20 |         portMappings: [{ containerPort: 3000, hostPort: 80 }]
       |                                                         ^^
       |
       = hint: `hostPort: 0` gives every task a port of its own

    error: host port 80 of service `users` is already used by a listener of load balancer `front`
      --> cluster.yaml:20:57
       |
    20 |         portMappings: [{ containerPort: 3000, hostPort: 80 }]
       |                                                         ^^
       |
       = hint: `hostPort: 0` takes a free port

    2 problems in cluster.yaml
    "#);
}

#[test]
fn variables() {
    let text =
        GOOD.replace("port: 80", "port: ${PROT}").replace("users:v1", "users:${TAG:?set it to a tag}").replace("cluster: test", "cluster: ${NAME");
    let problems = read_all(&[("cluster.yaml", &text), (".env", "PORT=80\noops\n")], &[]).unwrap_err();
    assert_snapshot!(problems.render(false), @r#"
    error: this line is not `NAME=value`
     --> .env:2:1
      |
    2 | oops
      | ^^^^
      |
      = hint: begin a comment with `#`

    error: `${` is not closed
     --> cluster.yaml:1:10
      |
    1 | cluster: ${NAME
      |          ^^^^^^
      |
      = hint: write `$$` for a dollar sign

    error: the variable `PROT` is not set
     --> cluster.yaml:5:15
      |
    5 |       - port: ${PROT}
      |               ^^^^^^^
      |
      = hint: did you mean `PORT`?

    error: the variable `PROT` is not set
      --> cluster.yaml:13:11
       |
    13 |     port: ${PROT}
       |           ^^^^^^^
       |
       = hint: did you mean `PORT`?

    error: the variable `TAG` is required: set it to a tag
      --> cluster.yaml:18:22
       |
    18 |         image: users:${TAG:?set it to a tag}
       |                      ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: set it in the environment or in `.env`

    5 problems in 2 files
    "#);
}

#[test]
fn syntax_errors_leave_other_files_checked() {
    let files = [
        ("cluster.yaml", "cluster: test\n  services: [\n"),
        ("more.yaml", "services:\n  - serviceName: a b\n    taskDefinition: elsewhere\n    colour: red\n"),
    ];
    assert_snapshot!(read_all(&files, &[]).unwrap_err().render(false), @r#"
    error: not YAML: mapping values are not allowed in this context
     --> cluster.yaml:2:11
      |
    2 |   services: [
      |           ^

    error: service name `a b` contains ' '; only letters, digits, hyphens and underscores are allowed
     --> more.yaml:2:18
      |
    2 |   - serviceName: a b
      |                  ^^^

    error: unknown key `colour` in a service
     --> more.yaml:4:5
      |
    4 |     colour: red
      |     ^^^^^^ unknown key
      |
      = hint: `ecslocal schema` describes the keys of a service

    3 problems in 2 files
    "#);
}

#[test]
fn files_that_cannot_be_read() {
    assert_snapshot!(read_all(&[], &[]).unwrap_err().render(false), @r#"
    error: no manifest was given
    --> cluster.yaml
     = hint: name one with `-f FILE`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(bad("# nothing\n"), @r#"
    error: the file is empty
    --> cluster.yaml
     = hint: begin with `cluster: <name>`; `ecslocal schema` describes the rest

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(bad("- a\n"), @r#"
    error: a manifest must be a mapping, found a list
     --> cluster.yaml:1:1
      |
    1 | - a
      | ^^^
      |
      = hint: begin with `cluster: <name>`; `ecslocal schema` describes the rest

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(bad("cluster: a\n---\ncluster: b\n"), @r#"
    error: a second document begins here
     --> cluster.yaml:2:1
      |
    2 | ---
      | ^^^
      |
      = hint: give it a file of its own: `-f one.yaml -f two.yaml`

    1 problem in cluster.yaml
    "#);
}

#[test]
fn includes() {
    let text = GOOD.replace("  - family: users\n", "  - file: ops/a.yaml\n  - file: ops/missing.json\n  - file: ops/b.json\n  - family: users\n");
    let files = [
        ("cluster.yaml", text.as_str()),
        ("ops/a.yaml", "- file: ../ops/a.yaml\n"),
        (
            "ops/b.json",
            "{\n\t\"family\": \"b\",\n\t\"containerDefinitions\": [\n\t\t{\"name\": \"b\", \"image\": \"b\", \"cpu\": \"many\"}\n\t]\n}\n",
        ),
    ];
    assert_snapshot!(read_all(&files, &[]).unwrap_err().render(false), @r#"
    error: cannot read `ops/missing.json`: no such file
      --> cluster.yaml:16:11
       |
    16 |   - file: ops/missing.json
       |           ^^^^^^^^^^^^^^^^
       |
       = hint: the path is relative to the file that names it

    error: `../ops/a.yaml` includes itself
     --> ops/a.yaml:1:9
      |
    1 | - file: ../ops/a.yaml
      |         ^^^^^^^^^^^^^
      |
      = hint: break the circle of `file` keys

    error: `cpu` must be a whole number from 0 to 262144, found `"many"`
     --> ops/b.json:4:38
      |
    4 |         {"name": "b", "image": "b", "cpu": "many"}
      |                                            ^^^^^^ not a whole number

    3 problems in 3 files
    "#);
}

#[test]
fn circles() {
    assert_snapshot!(broken(&[(
        "        memory: 256\n",
        r#"        memory: 256
        dependsOn: [{ containerName: a, condition: START }]
      - { name: a, image: a, memory: 64, dependsOn: [{ containerName: b, condition: START }] }
      - { name: b, image: b, memory: 64, dependsOn: [{ containerName: web, condition: START }] }
      - name: alone
        image: alone
        memory: 64
        dependsOn: [{ containerName: alone, condition: START }]
"#
    )]), @r#"
    error: `dependsOn` goes in a circle: a -> b -> web -> a
      --> cluster.yaml:21:53
       |
    21 |       - { name: a, image: a, memory: 64, dependsOn: [{ containerName: b, condition: START }] }
       |                                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: none of them could ever start; remove one of these dependencies

    error: `dependsOn` goes in a circle: alone -> alone
      --> cluster.yaml:26:20
       |
    26 |         dependsOn: [{ containerName: alone, condition: START }]
       |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: none of them could ever start; remove one of these dependencies

    error: The container web did not have a container port 3000 defined.
      --> cluster.yaml:31:78
       |
    31 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                                                              ^^^^
       |
       = hint: add `portMappings: [{containerPort: 3000}]` to it

    3 problems in cluster.yaml
    "#);
}

#[test]
fn a_long_line_is_shown_in_part() {
    let json = format!(
        r#"{{"family": "users", "cpu": "256", "containerDefinitions": [{{"name": "web", "image": "x", "command": ["{}"], "memory": "64"}}]}}"#,
        "x".repeat(500)
    );
    let text = GOOD.replace("  - family: users\n", "  - file: task.json\n  - family: other\n");
    assert_snapshot!(read_all(&[("cluster.yaml", &text), ("task.json", &json)], &[]).unwrap_err().render(false), @r#"
    error: The container web did not have a container port 3000 defined.
      --> cluster.yaml:25:78
       |
    25 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                                                              ^^^^
       |
       = hint: add `portMappings: [{containerPort: 3000}]` to it

    error: `memory` must be a whole number from 6 to 4194304, found `"64"`
      |
    1 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"], "memory": "64"}]}
      |                                                               ^^^^ a text
     ::: task.json:1:617
      = hint: remove the quotes

    2 problems in 2 files
    "#);
}

#[test]
fn what_ecs_and_the_load_balancer_would_refuse() {
    assert_snapshot!(broken(&[
        ("targetGroups:\n", "  - name: back\n    listeners: [{ port: 81, defaultActions: [{ type: forward, targetGroup: users }] }]\ntargetGroups:\n"),
        ("  - family: users\n", "  - family: users\n    cpu: 10\n    memory: \"128\"\n"),
        (
            "memory: 256",
            "memory: 256\n        dependsOn: [{ containerName: db, condition: SUCCESS }, { containerName: db, condition: HEALTHY }]",
        ),
        (
            "services:\n",
            "      - { name: db, image: db }\nservices:\n  - { serviceName: old, taskDefinition: \"users:0\" }\n  - { serviceName: udp, taskDefinition: udp, loadBalancers: [{ targetGroup: users, containerName: dns, containerPort: 53 }] }\n",
        ),
        (
            "taskDefinitions:\n",
            "taskDefinitions:\n  - family: udp\n    containerDefinitions: [{ name: dns, image: dns, memory: 64, portMappings: [{ containerPort: 53, protocol: udp }] }]\n",
        ),
    ]), @r#"
    error: The following target groups cannot be associated with more than one load balancer: users
      --> cluster.yaml:12:76
       |
    12 |     listeners: [{ port: 81, defaultActions: [{ type: forward, targetGroup: users }] }]
       |                                                                            ^^^^^
       |
       = hint: it belongs to `front` already; make a second target group

    error: Invalid 'cpu' setting for task: `10`
      --> cluster.yaml:20:10
       |
    20 |     cpu: 10
       |          ^^
       |
       = hint: units from 128 to 196608 (1024 a core), or for example `1 vCPU`

    error: container memory limit(256) greater than task memory limit(128)
      --> cluster.yaml:25:17
       |
    25 |         memory: 256
       |                 ^^^

    error: `SUCCESS` waits for the end of container `db`, which is essential: its end is the task's
      --> cluster.yaml:26:53
       |
    26 |         dependsOn: [{ containerName: db, condition: SUCCESS }, { containerName: db, condition: HEALTHY }]
       |                                                     ^^^^^^^
       |
       = hint: give `db` `essential: false`

    error: `HEALTHY` waits for container `db`, which has no `healthCheck`
      --> cluster.yaml:26:96
       |
    26 |         dependsOn: [{ containerName: db, condition: SUCCESS }, { containerName: db, condition: HEALTHY }]
       |                                                                                                ^^^^^^^
       |
       = hint: give `db` one

    error: `0` is not a revision
      --> cluster.yaml:30:41
       |
    30 |   - { serviceName: old, taskDefinition: "users:0" }
       |                                         ^^^^^^^^^
       |
       = hint: revisions are numbers from 1: `family:3`

    error: The container dns did not have a container port 53 defined.
      --> cluster.yaml:31:119
       |
    31 |   - { serviceName: udp, taskDefinition: udp, loadBalancers: [{ targetGroup: users, containerName: dns, containerPort: 53 }] }
       |                                                                                                                       ^^
       |
       = hint: add `portMappings: [{containerPort: 53}]` to it

    7 problems in cluster.yaml
    "#);
}
