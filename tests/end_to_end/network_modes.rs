//! Tasks with an address of their own, pasted as AWS prints them for Fargate; on the host's network; without a network.

use std::collections::BTreeSet;
use std::net::TcpListener;

use serde_json::Value;

use crate::http::Client;
use crate::lab::{Lab, docker, until};
use crate::tutorial::{copy_of, rename};

/// The pause containers of a laboratory's cluster that run.
fn pauses(lab: &Lab) -> Vec<String> {
    let cluster = format!("label=com.amazonaws.ecs.cluster={}", lab.cluster);
    let names =
        docker(&["ps", "--filter", &cluster, "--filter", "label=com.amazonaws.ecs.container-name=~internal~ecs~pause", "--format", "{{.Names}}"]);
    names.lines().map(str::to_owned).collect()
}

/// The targets of a group, each as `id:port state`.
fn targets(lab: &Lab, group: &str) -> Vec<String> {
    let listing = lab.json(&["targets"]);
    let groups = listing.as_array().unwrap();
    let group = groups.iter().find(|found| found["targetGroupName"] == group).unwrap();
    let text = |target: &Value| format!("{}:{} {}", target["id"].as_str().unwrap(), target["port"], target["state"].as_str().unwrap());
    group["targets"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn a_definition_for_fargate_runs_as_aws_prints_it() {
    let lab = copy_of("fargate", &["examples", "services"]);
    rename(&lab, "examples/fargate/cluster.yaml", "fargate-lesson");
    let manifest = lab.folder.path().join("examples/fargate/cluster.yaml");
    let file = manifest.to_str().unwrap();
    let said = lab.must(&["validate", "-f", file]);
    assert_eq!(said.err.matches("`networkConfiguration` of a service does nothing here").count(), 1, "{said:?}");
    lab.must(&["up", "-d", "-f", file]);

    // Both tasks listen on 8080 and on 3000; a target is the task's own address with the container's port.
    let registered = targets(&lab, "users");
    assert_eq!(registered.len(), 2, "{registered:?}");
    assert!(registered.iter().all(|target| target.starts_with("10.") && target.ends_with(":8080 healthy")), "{registered:?}");
    let mut client = Client::new(lab.port);
    let mut served = BTreeSet::new();
    for _ in 0..6 {
        let response = client.get("/api/users/1").unwrap();
        // The proxy reached its neighbour on 127.0.0.1.
        assert_eq!((response.status, response.header("x-proxied-by")), (200, Some("proxy")), "{response:?}");
        served.insert(response.served_by());
    }
    assert_eq!(served.len(), 2, "{served:?}");

    // What the engine runs for it, and what AWS's API would tell of that.
    let before = pauses(&lab);
    assert_eq!(before.len(), 2, "{before:?}");
    assert!(before.iter().all(|name| name.starts_with("ecs-users-1-internalecspause-")), "{before:?}");
    let listing = lab.json(&["ps"]);
    for task in listing["tasks"].as_array().unwrap() {
        let names: Vec<&str> = task["containers"].as_array().unwrap().iter().map(|container| container["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["proxy", "users"]);
        let mode = docker(&["inspect", "--format", "{{.HostConfig.NetworkMode}}", task["containers"][0]["runtimeId"].as_str().unwrap()]);
        assert_eq!(mode.trim(), format!("container:{}", task["pause"]["runtimeId"].as_str().unwrap()));
    }
    a_killed_pause_is_the_end_of_its_task(&lab, &before);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn a_killed_pause_is_the_end_of_its_task(lab: &Lab, before: &[String]) {
    let tasks = lab.tasks("users");
    docker(&["kill", &before[0]]);
    until("another task takes its place", || {
        let now = lab.tasks("users");
        (now.len() == 2 && now != tasks).then_some(())
    });
    lab.must(&["wait", "steady"]);
    let after = pauses(lab);
    assert!(after.len() == 2 && after.contains(&before[1]) && !after.contains(&before[0]), "{before:?} {after:?}");
    let listing = lab.json(&["ps", "--all"]);
    let stopped = listing["tasks"].as_array().unwrap().iter().find(|task| task["lastStatus"] == "STOPPED").unwrap();
    assert_eq!(stopped["stoppedReason"], "Essential container in task exited");
    assert_eq!(stopped["pause"]["exitCode"], 137);
    assert!(lab.must(&["ps", "--all"]).out.contains("~internal~ecs~pause=137"), "a person is told which");
    assert_eq!(Client::new(lab.port).get("/api/users").unwrap().status, 200);
}

const HOST_AND_NONE: &str = r#"
cluster: ${CLUSTER}
loadBalancers:
  - name: ${CLUSTER}
    listeners: [{ port: "${PORT}", protocol: HTTP, defaultActions: [{ type: forward, targetGroup: "${CLUSTER}" }] }]
targetGroups:
  - name: ${CLUSTER}
    port: 80
    healthCheckIntervalSeconds: 5
    healthCheckTimeoutSeconds: 2
    attributes: { deregistration_delay.timeout_seconds: 1 }
taskDefinitions:
  - family: web
    networkMode: host
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        environment: [{ name: PORT, value: "${HOST_PORT}" }]
        portMappings: [{ containerPort: "${HOST_PORT}", hostPort: 0 }]
  - family: job
    networkMode: none
    containerDefinitions: [{ name: app, image: "${IMAGE}", memory: 64 }]
services:
  - serviceName: web
    taskDefinition: web
    loadBalancers: [{ targetGroup: "${CLUSTER}", containerName: app, containerPort: "${HOST_PORT}" }]
  - { serviceName: job, taskDefinition: job, desiredCount: 2 }
"#;

#[test]
fn tasks_run_on_the_host_s_network_and_without_one() {
    let mut lab = Lab::new("modes");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    lab.set("HOST_PORT", &port.to_string());
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", HOST_AND_NONE);
    lab.must(&["up", "-d"]);
    let registered = targets(&lab, &lab.cluster);
    assert!(registered.len() == 1 && registered[0].starts_with("i-") && registered[0].ends_with(&format!(":{port} healthy")), "{registered:?}");
    assert_eq!(Client::new(lab.port).get("/echo").unwrap().status, 200);
    assert_eq!(Client::new(port).get("/echo").unwrap().status, 200, "it listens on this machine itself");
    let modes = |service: &str| {
        let modes =
            lab.tasks(service).into_iter().map(|(_, id)| docker(&["inspect", "--format", "{{.HostConfig.NetworkMode}}", &id]).trim().to_owned());
        modes.collect::<Vec<_>>()
    };
    assert_eq!((modes("web"), modes("job")), (vec!["host".to_owned()], vec!["none".to_owned(); 2]));
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
