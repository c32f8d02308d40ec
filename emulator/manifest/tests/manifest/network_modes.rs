//! Network modes, the target groups and port mappings that go with them, and what AWS asks of definitions for Fargate.

use insta::assert_snapshot;
use model::{NetworkMode, TargetType};

use crate::support::{bad, good, read_all, replaced};

const FAMILY: &str = "  - family: users\n";
const MAPPING: &str = "[{ containerPort: 3000 }]";
const GROUP: &str = "  - name: users\n    port: 80\n";

/// The small manifest in that mode, with port mappings, keys of the container and of the target group.
fn in_mode(mode: &str, mappings: &str, container: &str, group: &str) -> String {
    replaced(&[
        (FAMILY, &format!("{FAMILY}    networkMode: {mode}\n")),
        ("        memory: 256\n", &format!("        memory: 256\n{container}")),
        (MAPPING, mappings),
        (GROUP, &format!("{GROUP}{group}")),
    ])
}

const IP: &str = "    targetType: ip\n";

#[test]
fn each_mode_is_read_with_its_ports_as_aws_keeps_them() {
    for (mode, expected, mapping, group, host_port) in [
        ("bridge", NetworkMode::Bridge, MAPPING, "", 0),
        ("awsvpc", NetworkMode::Awsvpc, MAPPING, IP, 3000),
        ("awsvpc", NetworkMode::Awsvpc, "[{ containerPort: 3000, hostPort: 3000, protocol: tcp }]", IP, 3000),
        ("host", NetworkMode::Host, MAPPING, "", 3000),
        ("host", NetworkMode::Host, "[{ containerPort: 3000, hostPort: 0 }]", "", 3000),
    ] {
        let desired = good(&in_mode(mode, mapping, "", group)).desired;
        let definition = desired.task_definitions.values().next().unwrap();
        assert_eq!(definition.network_mode, expected);
        let kind = desired.target_groups.values().next().unwrap().target_type;
        assert_eq!((kind == TargetType::Ip, definition.containers[0].port_mappings[0].host_port), (!group.is_empty(), host_port), "{mode} {mapping}");
    }
    let alone = "cluster: t\ntaskDefinitions: [{ family: job, networkMode: none, containerDefinitions: [{ name: a, image: b, memory: 64 }] }]\nservices: [{ serviceName: job, taskDefinition: job }]\n";
    assert_eq!(good(alone).desired.task_definitions.values().next().unwrap().network_mode, NetworkMode::None);
}

#[test]
fn a_task_in_awsvpc_mode_has_its_own_ports_and_its_network_s_names() {
    let container = "        hostname: box\n        extraHosts: [{ hostname: db, ipAddress: 10.0.0.1 }]\n        dnsServers: [10.0.0.2]\n";
    let more = "[{ containerPort: 3000, hostPort: 0 }, { containerPort: 22, hostPort: 22 }]\n      - { name: side, image: side, memory: 64, portMappings: [{ containerPort: 22 }, { containerPort: 22, protocol: udp }] }";
    assert_snapshot!(bad(&in_mode("awsvpc", more, container, "")), @r#"
    error: `hostname` of a container definition is not supported when networkMode=awsvpc
      --> cluster.yaml:21:9
       |
    21 |         hostname: box
       |         ^^^^^^^^
       |
       = hint: remove it: the containers of a task share the host name of its network

    error: `extraHosts` of a container definition is not supported when networkMode=awsvpc
      --> cluster.yaml:22:9
       |
    22 |         extraHosts: [{ hostname: db, ipAddress: 10.0.0.1 }]
       |         ^^^^^^^^^^
       |
       = hint: remove it: the containers of a task share one /etc/hosts and reach each other on 127.0.0.1

    error: When networkMode=awsvpc, the host ports and container ports in port mappings must match.
      --> cluster.yaml:24:57
       |
    24 |         portMappings: [{ containerPort: 3000, hostPort: 0 }, { containerPort: 22, hostPort: 22 }]
       |                                                         ^
       |
       = hint: remove `hostPort`, or say 3000

    error: containers of a task that share a network cannot both listen on port 22
      --> cluster.yaml:25:80
       |
    25 |       - { name: side, image: side, memory: 64, portMappings: [{ containerPort: 22 }, { containerPort: 22, protocol: udp }] }
       |                                                                                ^^ again here
       |
       = hint: the first is at cluster.yaml:24:79

    error: The provided target group users has target type instance, which is incompatible with the awsvpc network mode specified in the task definition.
      --> cluster.yaml:29:36
       |
    29 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: add `targetType: ip` to `users`

    5 problems in cluster.yaml
    "#);
}

#[test]
fn a_task_on_the_host_s_network_has_the_host_s_ports() {
    let text = in_mode("host", "[{ containerPort: 3000, hostPort: 8080 }, { containerPort: 80 }, { containerPort: 2375 }]", "", IP);
    let text = text.replace(
        "    taskDefinition: users\n",
        "    taskDefinition: users\n    desiredCount: 2\n    networkConfiguration: { awsvpcConfiguration: { subnets: [a] } }\n",
    );
    assert_snapshot!(bad(&text), @r#"
    error: When networkMode=host, the host ports and container ports in port mappings must match.
      --> cluster.yaml:22:57
       |
    22 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 80 }, { containerPort: 2375 }]
       |                                                         ^^^^
       |
       = hint: remove `hostPort`, or say 3000

    error: host port 8080 can be used by one task, but service `users` wants 2
      --> cluster.yaml:22:57
       |
    22 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 80 }, { containerPort: 2375 }]
       |                                                         ^^^^
       |
       = hint: `networkMode: bridge` or `awsvpc` gives every task ports of its own

    error: host port 80 can be used by one task, but service `users` wants 2
      --> cluster.yaml:22:82
       |
    22 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 80 }, { containerPort: 2375 }]
       |                                                                                  ^^
       |
       = hint: `networkMode: bridge` or `awsvpc` gives every task ports of its own

    error: host port 80 of service `users` is already used by a listener of load balancer `front`
      --> cluster.yaml:22:82
       |
    22 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 80 }, { containerPort: 2375 }]
       |                                                                                  ^^
       |
       = hint: on the host's network a port is used once

    error: host port 2375 is reserved on every container instance
      --> cluster.yaml:22:105
       |
    22 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 80 }, { containerPort: 2375 }]
       |                                                                                                         ^^^^
       |
       = hint: 22 is for SSH, 2375 and 2376 for Docker, 51678 and 51679 for the ECS agent

    error: host port 2375 can be used by one task, but service `users` wants 2
      --> cluster.yaml:22:105
       |
    22 |         portMappings: [{ containerPort: 3000, hostPort: 8080 }, { containerPort: 80 }, { containerPort: 2375 }]
       |                                                                                                         ^^^^
       |
       = hint: `networkMode: bridge` or `awsvpc` gives every task ports of its own

    error: Network Configuration is not valid for the given networkMode of this task definition.
      --> cluster.yaml:27:5
       |
    27 |     networkConfiguration: { awsvpcConfiguration: { subnets: [a] } }
       |     ^^^^^^^^^^^^^^^^^^^^
       |
       = hint: remove it, or give `users` `networkMode: awsvpc`

    error: The provided target group users has target type ip, which is incompatible with the host network mode specified in the task definition.
      --> cluster.yaml:28:36
       |
    28 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: remove `targetType: ip` from `users`, or make a second target group for this service

    8 problems in cluster.yaml
    "#);
    let notes: Vec<String> = good(&in_mode("host", MAPPING, "", "")).notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "containers in `networkMode: host` have this machine's own network: what they listen on, they listen on for everybody who reaches this machine, unless they bind 127.0.0.1 (cluster.yaml:16:18)"
        ]
    );
}

#[test]
fn a_task_without_a_network_has_no_ports_and_no_load_balancer() {
    assert_snapshot!(bad(&in_mode("none", MAPPING, "", "")), @r#"
    error: containers in `networkMode: none` have no network, so no port of theirs can be mapped
      --> cluster.yaml:21:9
       |
    21 |         portMappings: [{ containerPort: 3000 }]
       |         ^^^^^^^^^^^^
       |
       = hint: remove `portMappings`, or use `networkMode: bridge`

    error: The provided target group users has target type instance, which is incompatible with the none network mode specified in the task definition.
      --> cluster.yaml:25:36
       |
    25 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: no load balancer reaches a task without a network: remove it, or use `networkMode: bridge`

    2 problems in cluster.yaml
    "#);
}

/// As `aws ecs describe-task-definition` and `describe-services` print them.
#[test]
fn a_definition_for_fargate_is_read_as_aws_prints_it() {
    let task = r#"{"taskDefinition": {"taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/users:7", "family": "users", "revision": 7,
        "containerDefinitions": [{"name": "web", "image": "users:v1", "cpu": 0, "essential": true, "environment": [], "mountPoints": [],
            "portMappings": [{"containerPort": 3000, "hostPort": 3000, "protocol": "tcp", "name": "web-3000-tcp", "appProtocol": "http"}],
            "volumesFrom": [], "systemControls": [], "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/users", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs"}}}],
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole", "networkMode": "awsvpc", "volumes": [], "status": "ACTIVE",
        "requiresAttributes": [{"name": "ecs.capability.task-eni"}], "placementConstraints": [], "compatibilities": ["EC2", "FARGATE"],
        "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}, "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "registeredAt": 1741684893.123}, "tags": []}"#;
    let service = "taskDefinition: users\n    launchType: FARGATE\n    networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1], securityGroups: [sg-1], assignPublicIp: ENABLED } }\n";
    let text = replaced(&[
        (
            "  - family: users\n    containerDefinitions:\n      - name: web\n        image: users:v1\n        memory: 256\n        portMappings: [{ containerPort: 3000 }]\n",
            "  - file: task.json\n",
        ),
        ("taskDefinition: users\n", service),
        (GROUP, &format!("{GROUP}{IP}")),
    ]);
    let manifest = read_all(&[("cluster.yaml", &text), ("task.json", task)], &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let definition = manifest.desired.task_definitions.values().next().unwrap();
    assert_eq!((definition.cpu, definition.memory, definition.network_mode), (Some(256), Some(512), NetworkMode::Awsvpc));
    let notes: Vec<String> = manifest.notes.iter().map(ToString::to_string).collect();
    let said = |part: &str| notes.iter().filter(|note| note.contains(part)).count();
    for part in
        ["`networkConfiguration` of a service does nothing here: tasks are on a network of this machine", "`requiresCompatibilities`", "`launchType`"]
    {
        assert_eq!(said(part), 1, "{part}: {notes:#?}");
    }
    let wrong = text.replace("subnets: [subnet-1]", "subnets: []").replace("ENABLED", "yes");
    let refused = read_all(&[("cluster.yaml", &wrong), ("task.json", task)], &[]).unwrap_err().render(false);
    assert!(refused.contains("`subnets` must not be empty") && refused.contains("`assignPublicIp` must be `ENABLED` or `DISABLED`"), "{refused}");
}

fn fargate(definition: &str, container: &str) -> String {
    let text = in_mode("awsvpc", MAPPING, container, IP);
    text.replacen("networkMode: awsvpc\n", &format!("networkMode: awsvpc\n    requiresCompatibilities: [EC2, FARGATE]\n{definition}"), 1)
}

#[test]
fn fargate_has_sizes_to_choose_from() {
    for (cpu, memory, fits) in [
        (256, 512, true),
        (256, 1024, true),
        (256, 2048, true),
        (256, 1536, false),
        (256, 4096, false),
        (512, 3072, true),
        (512, 512, false),
        (1024, 8192, true),
        (1024, 2560, false),
        (4096, 30_720, true),
        (4096, 32_768, false),
        (8192, 16_384, true),
        (8192, 18_432, false),
        (16_384, 122_880, true),
        (300, 512, false),
    ] {
        let text = fargate(&format!("    cpu: {cpu}\n    memory: {memory}\n"), "");
        let said = if fits { good(&text).desired.cluster.to_string() } else { bad(&text) };
        assert_eq!(said.contains("No Fargate configuration exists for given values."), !fits, "{cpu} {memory}: {said}");
    }
    good(&fargate("    cpu: .25 vCPU\n    memory: 0.5 GB\n", "").replace(".25 vCPU", "0.25 vCPU"));
}

#[test]
fn what_fargate_does_not_have_is_told_at_once() {
    let container = "        privileged: true\n        stopTimeout: 300\n        logConfiguration: { logDriver: json-file }\n";
    let text = fargate("    memory: 700\n", container).replace("networkMode: awsvpc", "networkMode: bridge").replace(IP, "");
    assert_snapshot!(bad(&text), @r#"
    error: Fargate only supports network mode 'awsvpc'.
      --> cluster.yaml:16:18
       |
    16 |     networkMode: bridge
       |                  ^^^^^^
       |
       = hint: `networkMode: awsvpc`, or `requiresCompatibilities: [EC2]`

    error: Fargate requires that 'cpu' be defined at the task level.
      --> cluster.yaml:17:36
       |
    17 |     requiresCompatibilities: [EC2, FARGATE]
       |                                    ^^^^^^^
       |
       = hint: for example `cpu: 256` or `cpu: 0.5 vCPU`

    error: `privileged` of a container definition is not supported on Fargate
      --> cluster.yaml:23:9
       |
    23 |         privileged: true
       |         ^^^^^^^^^^
       |
       = hint: remove it, or say `requiresCompatibilities: [EC2]`

    error: `stopTimeout` on Fargate is from 2 to 120 seconds
      --> cluster.yaml:24:22
       |
    24 |         stopTimeout: 300
       |                      ^^^
       |
       = hint: remove it, or say `requiresCompatibilities: [EC2]`

    error: Fargate only supports the log drivers `awslogs`, `splunk` or `awsfirelens`
      --> cluster.yaml:25:40
       |
    25 |         logConfiguration: { logDriver: json-file }
       |                                        ^^^^^^^^^
       |
       = hint: use `awslogs`: here a log group is a folder, and `ecslocal logs` shows the lines

    5 problems in cluster.yaml
    "#);
    assert_snapshot!(bad(&fargate("    cpu: 256\n    memory: 700\n", "")), @r#"
    error: No Fargate configuration exists for given values.
      --> cluster.yaml:20:13
       |
    20 |     memory: 700
       |             ^^^
       |
       = hint: with 256 units `memory` is 512, 1024 or 2048 MiB

    1 problem in cluster.yaml
    "#);
}

/// Also for keys that are refused for every task: each is told once.
#[test]
fn each_key_that_fargate_does_not_have_is_one_problem() {
    for (definition, container, named) in [
        ("    ipcMode: task\n", "", "ipcMode"),
        ("    pidMode: host\n", "", "pidMode"),
        ("    placementConstraints: [{ type: memberOf, expression: attribute:x exists }]\n", "", "placementConstraints"),
        ("", "        privileged: true\n", "privileged"),
        ("", "        dockerSecurityOptions: [no-new-privileges]\n", "dockerSecurityOptions"),
        ("", "        linuxParameters: { sharedMemorySize: 64 }\n", "sharedMemorySize"),
        ("", "        linuxParameters: { devices: [{ hostPath: /dev/null }] }\n", "devices"),
        ("", "        startTimeout: 1\n", "startTimeout"),
    ] {
        let said = bad(&fargate(&format!("    cpu: 256\n    memory: 512\n{definition}"), container));
        assert!(said.contains("1 problem in cluster.yaml") && said.contains(named), "{named}: {said}");
    }
}
