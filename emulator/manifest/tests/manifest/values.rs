//! Manifests that are right, and what they ask for.

use std::time::Duration;

use model::{
    Action, Algorithm, Comparison, Condition, Desired, FailOpen, Family, Forward, ServiceName, Stickiness, StickyCookie, TargetGroupName,
    TransportProtocol, XffMode,
};

use crate::support::{GOOD, good, read_all, replaced};

fn wildcards(values: &[&str]) -> Comparison {
    Comparison::Wildcards(values.iter().map(ToString::to_string).collect())
}

fn family<'a>(desired: &'a Desired, name: &str) -> &'a model::TaskDefinition {
    &desired.task_definitions[&Family::new(name).unwrap()]
}

fn service<'a>(desired: &'a Desired, name: &str) -> &'a model::DesiredService {
    &desired.services[&ServiceName::new(name).unwrap()]
}

fn group<'a>(desired: &'a Desired, name: &str) -> &'a model::TargetGroupSpec {
    &desired.target_groups[&TargetGroupName::new(name).unwrap()]
}

fn listener(desired: &Desired, port: u16) -> &model::Listener {
    &desired.load_balancers.values().next().unwrap().listeners[&port]
}

#[test]
fn conditions_look_at_every_part_of_a_request() {
    let conditions = r#"
              - { field: http-header, httpHeaderConfig: { httpHeaderName: User-Agent, values: ["*Chrome*"] } }
              - { Field: http-header, HttpHeaderConfig: { HttpHeaderName: X-A, RegexValues: ["^v[0-9]+$$"] } }
              - { field: http-request-method, httpRequestMethodConfig: { values: [GET] } }
              - { Field: query-string, QueryStringConfig: { Values: [{ Key: version, Value: v1 }] } }
              - { field: query-string, queryStringConfig: { values: [{ value: "*a\\*" }] } }"#;
    let rest = r#"
          - priority: 2
            conditions:
              - { field: source-ip, sourceIpConfig: { values: [10.0.0.0/8, "2001:db8::/32"] } }
              - { Field: path-pattern, RegexValues: ["^/(a|b)$$"], PathPatternConfig: { RegexValues: ["^/(a|b)$$"] } }
              - { field: host-header, hostHeaderConfig: { regexValues: ["^api$$"] } }
            actions: [{ type: forward, targetGroup: users }]
"#;
    let text = replaced(&[
        (r#"[{ field: path-pattern, values: ["/api/users*"] }]"#, conditions),
        (
            "            actions: [{ type: forward, targetGroup: users }]\n",
            &format!("            actions: [{{ type: forward, targetGroup: users }}]{rest}"),
        ),
    ]);
    let desired = good(&text).desired;
    let shown = |priority: u16| -> Vec<String> {
        let show = |condition: &Condition| format!("{} {:?} {}", condition.field(), condition.header(), condition.values().join(" or "));
        listener(&desired, 80).rules[&priority].conditions.iter().map(show).collect()
    };
    assert_eq!(
        shown(1),
        [
            "http-header Some(\"User-Agent\") *Chrome*",
            "http-header Some(\"X-A\") regex ^v[0-9]+$",
            "http-request-method None GET",
            "query-string None version=v1",
            "query-string None *a\\*",
        ]
    );
    assert_eq!(shown(2), ["source-ip None 10.0.0.0/8 or 2001:db8::/32", "path-pattern None regex ^/(a|b)$", "host-header None regex ^api$"]);
}

#[test]
fn attributes_of_a_target_group_are_read() {
    let text = replaced(&[(
        "    port: 80\nt",
        r#"    port: 80
    attributes:
      - { Key: load_balancing.algorithm.type, Value: weighted_random }
      - { Key: target_group_health.unhealthy_state_routing.minimum_healthy_targets.count, Value: "2" }
      - { Key: target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage, Value: "50" }
t"#,
    )]);
    let attributes = group(&good(&text).desired, "users").attributes.clone();
    assert_eq!(attributes.algorithm, Algorithm::WeightedRandom);
    assert_eq!(attributes.fail_open, FailOpen { below_count: 2, below_percentage: Some(50) });
    let text = replaced(&[(
        "    port: 80\nt",
        r#"    port: 80
    attributes: { slow_start.duration_seconds: 30, target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage: off }
t"#,
    )]);
    let attributes = group(&good(&text).desired, "users").attributes.clone();
    assert_eq!((attributes.algorithm, attributes.slow_start), (Algorithm::RoundRobin, Duration::from_secs(30)));
    assert_eq!(attributes.fail_open, FailOpen::default());
}

#[test]
fn stickiness_is_read() {
    let text = replaced(&[
        (
            "    port: 80\nt",
            r#"    port: 80
    attributes: { stickiness.enabled: true, stickiness.type: lb_cookie, stickiness.lb_cookie.duration_seconds: 60 }
  - { name: app, port: 80, attributes: [{ Key: stickiness.enabled, Value: "true" }, { Key: stickiness.type, Value: app_cookie }, { Key: stickiness.app_cookie.cookie_name, Value: SESSION }] }
t"#,
        ),
        (
            "actions: [{ type: forward, targetGroup: users }]",
            "actions: [{ Type: forward, ForwardConfig: { TargetGroups: [{ targetGroup: users }], TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 3600 } } }]",
        ),
    ]);
    let desired = good(&text).desired;
    let sticky = |name: &str| group(&desired, name).attributes.stickiness.clone().unwrap();
    assert_eq!(sticky("users"), Stickiness { cookie: StickyCookie::LoadBalancer, duration: Duration::from_secs(60) });
    assert_eq!(sticky("app"), Stickiness { cookie: StickyCookie::Application("SESSION".into()), duration: Duration::from_secs(86_400) });
    let Action::Forward(forward) = &listener(&desired, 80).rules[&1].action else { panic!("not forwarded") };
    assert_eq!(forward.stickiness, Some(Duration::from_secs(3600)));
}

#[test]
fn transforms_are_read() {
    let text = replaced(&[(
        "            actions: [{ type: forward, targetGroup: users }]",
        r#"            Transforms:
              - { Type: url-rewrite, UrlRewriteConfig: { Rewrites: [{ Regex: "^/api/(.*)$$", Replace: "/$$1" }] } }
              - { type: host-header-rewrite, hostHeaderRewriteConfig: { rewrites: [{ regex: "^api", replace: users }] } }
            actions: [{ type: forward, targetGroup: users }]"#,
    )]);
    let desired = good(&text).desired;
    assert_eq!(listener(&desired, 80).rules[&1].words(), "rewrite host ^api to users, rewrite url ^/api/(.*)$ to /$1, forward to users");
}

#[test]
fn attributes_of_a_listener_are_read() {
    let text = replaced(&[(
        "      - port: 80\n        default",
        r#"      - port: 80
        Attributes:
          - { Key: routing.http.response.server.enabled, Value: "false" }
          - { Key: routing.http.response.x_frame_options.header_value, Value: DENY }
          - { Key: routing.http.response.access_control_max_age.header_value, Value: "" }
          - { Key: routing.http.response.strict_transport_security.header_value, Value: "max-age=1; includeSubDomains" }
        default"#,
    )]);
    let attributes = &listener(&good(&text).desired, 80).attributes.clone();
    assert!(!attributes.server_header);
    let headers: Vec<_> = attributes.response_headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(headers, ["Strict-Transport-Security: max-age=1; includeSubDomains", "X-Frame-Options: DENY"]);
}

#[test]
fn the_tutorial_is_right() {
    let text = include_str!("../../../../cluster.yaml");
    let manifest = good(text);
    assert_eq!(manifest.notes, []);
    let desired = manifest.desired;
    assert_eq!(desired.cluster.as_str(), "tutorial");
    assert_eq!(desired.services.keys().map(ServiceName::as_str).collect::<Vec<_>>(), ["posts", "threads", "users"]);
    assert_eq!(listener(&desired, 80).rules.len(), 3);
    assert_eq!(group(&desired, "posts").attributes.deregistration_delay, Duration::from_secs(10));
    let container = &family(&desired, "users").containers[0];
    let build = container.build.as_ref().unwrap();
    assert_eq!((build.context.as_str(), build.args["BASE"].as_str()), ("/home/app/services/users", "node:22-alpine"));
    assert_eq!((container.cpu, container.memory, container.stop_timeout), (256, Some(256), Some(10)));
    let elsewhere =
        read_all(&[("cluster.yaml", text), (".env", "ECSLOCAL_NODE_BASE=local/node\nECSLOCAL_PORT=1\n")], &[("ECSLOCAL_PORT", "8081")]).unwrap();
    assert!(elsewhere.desired.load_balancers.values().all(|balancer| balancer.listeners.contains_key(&8081)));
    assert_eq!(family(&elsewhere.desired, "posts").containers[0].build.as_ref().unwrap().args["BASE"], "local/node");
}

#[test]
fn what_is_left_out_has_the_default_of_aws() {
    let desired = good(GOOD).desired;
    let check = &group(&desired, "users").health_check;
    assert_eq!(check, &model::HealthCheck::default());
    assert_eq!(group(&desired, "users").attributes.deregistration_delay, Duration::from_secs(300));
    let spec = &service(&desired, "users").spec;
    assert_eq!((spec.desired_count, spec.minimum_healthy_percent, spec.maximum_percent), (1, 100, 200));
    assert_eq!(spec.health_check_grace_period, Duration::ZERO);
    assert_eq!(service(&desired, "users").revision, None);
    let container = &family(&desired, "users").containers[0];
    assert!(container.essential && container.build.is_none() && container.stop_timeout.is_none() && container.command.is_none());
    let mapping = &container.port_mappings[0];
    assert_eq!((mapping.container_port, mapping.host_port, mapping.protocol), (3000, 0, TransportProtocol::Tcp));
    let balancer = desired.load_balancers.values().next().unwrap();
    assert_eq!(balancer.attributes, model::LoadBalancerAttributes::default());
}

#[test]
fn load_balancer_parts_are_read_as_the_api_spells_them() {
    let desired = good(
        r##"
cluster: test
loadBalancers:
  - Name: front
    Type: application
    Attributes: [{ Key: idle_timeout.timeout_seconds, Value: "30" }, { Key: routing.http.xff_header_processing.mode, Value: remove }]
    Listeners:
      - Port: 8080
        Protocol: HTTP
        DefaultActions:
          - Type: redirect
            RedirectConfig: { Host: "www.#{host}", StatusCode: HTTP_302 }
        Rules:
          - Priority: "7"
            Conditions: [{ Field: host-header, HostHeaderConfig: { Values: ["*.example.com"] } }, { Field: path-pattern, Values: [/a], PathPatternConfig: { Values: [/a] } }]
            Actions:
              - Type: forward
                Order: 1
                ForwardConfig:
                  TargetGroups:
                    - { TargetGroupArn: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/blue/0123456789abcdef", Weight: 3 }
                    - { targetGroup: green }
                  TargetGroupStickinessConfig: { Enabled: false, DurationSeconds: 3600 }
targetGroups:
  - { Name: blue, Port: 80, Protocol: HTTP, HealthCheckPath: "/health?deep=1", HealthCheckPort: traffic-port, Matcher: { HttpCode: "200-299" }, TargetType: instance }
  - { name: green, port: 80, healthCheckPort: 9000, healthCheckEnabled: true }
"##,
    )
    .desired;
    let balancer = desired.load_balancers.values().next().unwrap();
    assert_eq!((balancer.attributes.idle_timeout, balancer.attributes.xff_mode), (Duration::from_secs(30), XffMode::Remove));
    let listener = listener(&desired, 8080);
    assert_eq!(listener.default_action.to_string(), "redirect 302 to #{protocol}://www.#{host}:#{port}/#{path}?#{query}");
    let rule = &listener.rules[&7];
    assert_eq!(rule.conditions, [Condition::HostHeader(wildcards(&["*.example.com"])), Condition::PathPattern(wildcards(&["/a"]))]);
    assert_eq!(rule.action.to_string(), "forward to blue (weight 3), green (weight 1)");
    assert_eq!(group(&desired, "blue").health_check.path, "/health?deep=1");
    assert!(group(&desired, "blue").health_check.matcher.matches(299));
    assert_eq!(group(&desired, "green").health_check.port, Some(9000));
}

#[test]
fn aws_json_is_included_unchanged() {
    let described = r#"{
	"taskDefinition": {
		"taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/users:3", "revision": 3, "status": "ACTIVE",
		"requiresAttributes": [{ "name": "x" }], "compatibilities": ["EC2"], "registeredAt": "2026-01-01T00:00:00Z",
		"family": "users", "networkMode": "bridge", "cpu": "256", "memory": "1 GB", "volumes": [], "placementConstraints": [],
		"executionRoleArn": "arn:aws:iam::123456789012:role/x", "requiresCompatibilities": ["EC2"],
		"containerDefinitions": [{
			"name": "web", "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/users:v1", "cpu": 0, "essential": true,
			"command": ["sh", "-c", "echo $HOME ${PATH} $$"], "environment": [{ "name": "A", "value": "1" }],
			"mountPoints": [], "volumesFrom": [], "systemControls": [], "secrets": null,
			"portMappings": [{ "containerPort": 3000, "hostPort": 0, "protocol": "tcp" }],
			"logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "users", "awslogs-region": "eu-west-1" } }
		}]
	},
	"tags": []
}"#;
    let text = GOOD.replace("  - family: users\n    containerDefinitions:\n      - name: web\n        image: users:v1\n        memory: 256\n        portMappings: [{ containerPort: 3000 }]\n", "  - file: ops/users-task.json\n    containerDefinitions: [{ name: web, build: services/users, environment: [{ name: B, value: 2 }] }]\n");
    let manifest =
        read_all(&[("cluster.yaml", &text), ("ops/users-task.json", described)], &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let definition = family(&manifest.desired, "users");
    assert_eq!((definition.cpu, definition.memory), (Some(256), Some(1024)));
    let container = &definition.containers[0];
    assert_eq!(container.command.as_ref().unwrap()[2], "echo $HOME ${PATH} $$");
    assert_eq!(container.build.as_ref().unwrap().context, "/home/app/services/users");
    assert_eq!(container.environment.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(), ["A=1", "B=2"]);
    let notes: Vec<String> = manifest.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "`roles` does not have the role `x`: what it may do is not known here, so it may fetch all that they need (ops/users-task.json:6:23)",
            "`requiresCompatibilities` of a task definition does nothing here: every task runs on the local engine; for FARGATE its rules are checked (ops/users-task.json:6:59)",
        ]
    );
}

#[test]
fn several_files_merge_by_name() {
    let over = r#"
cluster: other
loadBalancers:
  - name: front
    listeners:
      - port: 80
        rules:
          - { priority: 1, conditions: [{ field: path-pattern, values: [/users] }] }
          - { priority: 2, conditions: [{ field: path-pattern, values: [/x] }], actions: [{ type: fixed-response, fixedResponseConfig: { statusCode: 200 } }] }
      - port: 81
        defaultActions: [{ type: forward, targetGroup: users }]
targetGroups: [{ Name: users, HealthCheckPath: /health }]
taskDefinitions:
  - family: users
    containerDefinitions:
      - { name: web, image: "users:v2", command: [a, b] }
      - { name: side, image: side, memory: 64, essential: false }
services: [{ serviceName: users, desiredCount: 3 }, { serviceName: more, taskDefinition: "users:4" }]
"#;
    let desired =
        read_all(&[("cluster.yaml", GOOD), ("over.yaml", over)], &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false))).desired;
    assert_eq!(desired.cluster.as_str(), "other");
    let first = listener(&desired, 80);
    assert_eq!(first.rules[&1].conditions, [Condition::PathPattern(wildcards(&["/users"]))]);
    assert!(matches!(&first.rules[&1].action, Action::Forward(Forward { target_groups, .. }) if target_groups.len() == 1));
    assert_eq!((first.rules.len(), listener(&desired, 81).rules.len()), (2, 0));
    assert_eq!((group(&desired, "users").port, group(&desired, "users").health_check.path.as_str()), (80, "/health"));
    let containers = &family(&desired, "users").containers;
    assert_eq!(containers.iter().map(|container| container.image.as_str()).collect::<Vec<_>>(), ["users:v2", "side"]);
    assert_eq!((containers[0].memory, containers[0].command.as_ref().map(Vec::len)), (Some(256), Some(2)));
    let users = service(&desired, "users");
    assert_eq!((users.spec.desired_count, users.spec.load_balancers.len()), (3, 1));
    assert_eq!(service(&desired, "more").revision, Some(4));
}

#[test]
fn anchors_and_merge_keys_work() {
    let text = replaced(&[(
        "targetGroups:\n  - name: users\n    port: 80\n",
        "x-group: &group { port: 80, healthCheckPath: /a }\ntargetGroups:\n  - <<: *group\n    name: users\n  - { name: other, <<: [{ healthCheckPath: /b }, *group] }\n",
    )]);
    let manifest = good(&text);
    assert_eq!(group(&manifest.desired, "users").health_check.path, "/a");
    assert_eq!((group(&manifest.desired, "other").health_check.path.as_str(), group(&manifest.desired, "other").port), ("/b", 80));
    assert_eq!(manifest.notes[0].to_string(), "target group `other` is used by no action and no service (cluster.yaml:15:13)");
}

#[test]
fn values_are_typed_after_substitution() {
    let text = GOOD.replace("port: 80", "port: \"${PORT}\"").replace("memory: 256", "memory: ${MEMORY}\n        essential: ${YES:-true}\n        environment: [{ name: A, value: \"${A-x}$$y\" }, { name: N, value: 1.10 }, { name: T, value: true }]");
    let manifest = read_all(&[("cluster.yaml", &text), (".env", "# ports\nexport PORT=8000\nMEMORY='64' # MiB\n")], &[("PORT", "9000")]);
    let desired = manifest.unwrap_or_else(|problems| panic!("{}", problems.render(false))).desired;
    assert_eq!(listener(&desired, 9000).port, 9000);
    let container = &family(&desired, "users").containers[0];
    assert_eq!((container.memory, container.essential), (Some(64), true));
    assert_eq!(container.environment.values().map(String::as_str).collect::<Vec<_>>(), ["x$y", "1.10", "true"]);
}

#[test]
fn a_container_says_everything_that_the_model_knows() {
    let text = replaced(&[
        (
            "        memory: 256\n",
            r#"        build: { context: ../src, dockerfile: Dockerfile.dev, args: { LEVEL: 3 }, target: dev }
        memory: 256
        memoryReservation: 128
        entryPoint: []
        user: "1000"
        workingDirectory: /app
        hostname: h
        startTimeout: 5
        dependsOn: [{ containerName: db, condition: HEALTHY }]
        dockerLabels: { a: b }
        readonlyRootFilesystem: true
        privileged: true
        linuxParameters: { initProcessEnabled: true, capabilities: {} }
        ulimits: [{ name: nofile, softLimit: 1024, hardLimit: -1 }]
        extraHosts: [{ hostname: x, ipAddress: 10.0.0.1 }]
        dnsServers: [1.1.1.1]
        dnsSearchDomains: [local]
"#,
        ),
        (
            "services:\n",
            r#"      - name: db
        build: db
        memory: 64
        healthCheck: { command: [CMD-SHELL, "exit 0"], interval: 5, timeout: 2, retries: 1, startPeriod: 3 }
        portMappings: [{ containerPort: 53, protocol: udp, name: dns }]
services:
"#,
        ),
    ]);
    let desired = good(&text).desired;
    let [web, db] = family(&desired, "users").containers.as_slice() else { panic!("two containers") };
    let build = web.build.as_ref().unwrap();
    assert_eq!((build.context.as_str(), build.dockerfile.as_str(), build.target.as_deref()), ("/home/src", "Dockerfile.dev", Some("dev")));
    assert_eq!((build.args["LEVEL"].as_str(), web.memory_reservation, web.entry_point.as_ref()), ("3", Some(128), None));
    assert_eq!((web.user.as_deref(), web.working_directory.as_deref(), web.hostname.as_deref()), (Some("1000"), Some("/app"), Some("h")));
    assert!(web.readonly_root_filesystem && web.privileged && web.init_process_enabled);
    assert_eq!((web.depends_on[0].container_name.as_str(), web.depends_on[0].condition), ("db", model::DependencyCondition::Healthy));
    assert_eq!((web.ulimits[0].soft, web.ulimits[0].hard, web.start_timeout), (1024, -1, Some(5)));
    assert_eq!((web.extra_hosts[0].hostname.as_str(), web.dns_servers[0].as_str(), web.dns_search_domains[0].as_str()), ("x", "1.1.1.1", "local"));
    assert_eq!(db.image, "ecslocal/users-db:latest");
    let check = db.health_check.as_ref().unwrap();
    assert_eq!((check.interval, check.timeout, check.retries, check.start_period), (5, 2, 1, 3));
    assert_eq!((db.port_mappings[0].protocol, db.port_mappings[0].name.as_deref()), (TransportProtocol::Udp, Some("dns")));
}

#[test]
fn a_deployment_that_cannot_move_is_noted() {
    for (minimum, maximum, noted) in [(100, 100, true), (100, 150, true), (100, 200, false), (0, 100, false)] {
        let text = replaced(&[(
            "taskDefinition: users",
            &format!("taskDefinition: users\n    deploymentConfiguration: {{ minimumHealthyPercent: {minimum}, maximumPercent: {maximum} }}"),
        )]);
        assert_eq!(!good(&text).notes.is_empty(), noted, "{minimum} {maximum}");
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(good(&windows).desired, good(GOOD).desired);
    let problem = crate::support::read(&windows.replace("port: 80\r\nt", "port: x\r\nt")).unwrap_err().as_slice()[0].clone();
    assert_eq!((problem.line, problem.column, problem.source_line()), (13, 11, Some("    port: x")));
}

#[test]
fn json_is_yaml() {
    let json = r#"{ "cluster": "test", "targetGroups": [{ "name": "a", "port": 80 }] }"#;
    assert_eq!(group(&good(json).desired, "a").port, 80);
}
