//! A container with a restart policy is started again, and its task and its target stay.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::http::Client;
use crate::lab::{Lab, docker, until};

const MANIFEST: &str = r#"
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
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        portMappings: [{ containerPort: 8080 }]
        restartPolicy: { enabled: true, restartAttemptPeriod: 60 }
services:
  - serviceName: web
    taskDefinition: web
    loadBalancers: [{ targetGroup: "${CLUSTER}", containerName: app, containerPort: 8080 }]
"#;

/// The daemon is away while a minute goes by: every container has been started so much earlier when the next one comes.
fn a_minute_later(lab: &Lab) {
    let path = lab.home().join("state.json");
    let read = || serde_json::from_str::<Value>(&fs::read_to_string(&path).unwrap()).unwrap();
    // What is seen of containers is saved a moment later.
    until("it is saved that all run", || {
        let state = read();
        let mut tasks = state["world"]["tasks"].as_object()?.values();
        tasks.all(|task| task["containers"][0]["started_at"].is_u64()).then_some(())
    });
    assert!(Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap().success());
    let mut state = read();
    for task in state["world"]["tasks"].as_object_mut().unwrap().values_mut() {
        for container in task["containers"].as_array_mut().unwrap() {
            for key in ["started_at", "restarted_at"] {
                if let Some(milliseconds) = container[key].as_u64() {
                    container[key] = (milliseconds - 61_000).into();
                }
            }
        }
    }
    fs::write(&path, state.to_string()).unwrap();
    lab.must(&["up", "-d"]);
}

#[test]
fn a_container_that_may_restart_keeps_its_task_and_its_target() {
    let mut lab = Lab::new("restarts");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let tasks = lab.tasks("web");
    let target = |lab: &Lab| {
        lab.json(&["targets"])[0]["targets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|target| (target["id"].clone(), target["port"].clone()))
            .collect::<Vec<_>>()
    };
    let targets = target(&lab);
    a_minute_later(&lab);
    assert_eq!(lab.tasks("web"), tasks, "adopted");

    docker(&["kill", &tasks[0].1]);
    let restarts = |lab: &Lab| lab.json(&["ps"])["tasks"][0]["containers"][0]["restartCount"].as_u64();
    until("it is started again", || (restarts(&lab) == Some(1)).then_some(()));
    until("it runs", || (docker(&["inspect", "--format", "{{.State.Running}}", &tasks[0].1]).trim() == "true").then_some(()));
    until("it answers", || Client::new(lab.port).get("/echo").ok().filter(|response| response.status == 200));
    assert_eq!((lab.tasks("web"), target(&lab)), (tasks.clone(), targets), "the same task, container and target");
    let shown = lab.must(&["ps"]).out;
    assert!(shown.contains("RESTARTS"), "{shown}");

    // Within the period its end is the end of its task.
    docker(&["kill", &tasks[0].1]);
    until("another task takes its place", || {
        let now = lab.tasks("web");
        (now.len() == 1 && now[0].0 != tasks[0].0).then_some(())
    });
    let listing = lab.json(&["ps", "--all"]);
    let stopped = listing["tasks"].as_array().unwrap().iter().find(|task| task["lastStatus"] != "RUNNING").unwrap();
    assert_eq!((&stopped["stoppedReason"], &stopped["containers"][0]["restartCount"]), (&"Essential container in task exited".into(), &1.into()));
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
