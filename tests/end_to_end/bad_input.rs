//! What goes wrong at a user's desk: each with a clear message, the exit code of the design, and nothing hurt that ran before.

use std::net::TcpListener;

use crate::http::Client;
use crate::lab::Lab;

const ONE: &str = r#"
cluster: ${CLUSTER}
loadBalancers:
  - name: ${CLUSTER}
    listeners:
      - port: ${PORT}
        protocol: HTTP
        defaultActions: [{ type: forward, targetGroup: "${CLUSTER}" }]
targetGroups:
  - { name: "${CLUSTER}", protocol: HTTP, port: 80, healthCheckIntervalSeconds: 5, healthCheckTimeoutSeconds: 2, attributes: { deregistration_delay.timeout_seconds: 1 } }
taskDefinitions:
  - family: web
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        command: []
        environment: [{ name: HEALTH_STATUS, value: "${HEALTH:-200}" }]
        portMappings: [{ containerPort: 8080 }]
services:
  - serviceName: web
    taskDefinition: web
    desiredCount: 1
    loadBalancers: [{ targetGroup: "${CLUSTER}", containerName: app, containerPort: 8080 }]
"#;

fn one_service() -> Lab {
    let mut lab = Lab::new("bad");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", ONE);
    lab
}

/// A laboratory whose service serves, to see that a mistake hurts nothing.
fn serving() -> Lab {
    let lab = one_service();
    lab.must(&["up", "-d"]);
    lab
}

fn still_serves(lab: &Lab, before: &[(String, String)]) {
    assert_eq!(Client::new(lab.port).get("/").unwrap().status, 200);
    assert_eq!(lab.tasks("web"), before, "what ran before must be left alone");
}

#[test]
fn no_engine() {
    let mut lab = one_service();
    lab.set("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    lab.run(&["up", "-d"]).fails(2, &["error: no container engine answers", "/nonexistent/docker.sock", "hint:"]);
}

#[test]
fn the_port_is_taken() {
    let lab = one_service();
    let holder = TcpListener::bind(("127.0.0.1", lab.port)).unwrap();
    let (port, pid) = (format!("port {} is taken by", lab.port), format!("(process {})", std::process::id()));
    lab.run(&["up", "-d"]).fails(2, &["error:", &port, &pid, "hint:"]);
    drop(holder);
    lab.must(&["up", "-d"]);
}

#[test]
fn an_unknown_key_and_everything_else_that_is_wrong() {
    let lab = serving();
    let before = lab.tasks("web");
    let text = ONE.replace("desiredCount: 1", "desiredcount: 1\n    taskdefinition: web").replace("taskDefinition: web\n", "taskDefinition: wep\n");
    lab.write("cluster.yaml", &text);
    let parts = ["error:", "cluster.yaml:", "desiredcount", "desiredCount", "taskdefinition", "wep", "hint:"];
    lab.run(&["up", "-d"]).fails(1, &parts);
    lab.run(&["validate"]).fails(1, &parts);
    lab.write("cluster.yaml", ONE);
    still_serves(&lab, &before);
}

#[test]
fn an_image_that_cannot_be_pulled() {
    let mut lab = serving();
    let before = lab.tasks("web");
    lab.set("IMAGE", "127.0.0.1:1/nobody/nothing:v1");
    lab.run(&["up", "-d"]).fails(1, &["error:", "127.0.0.1:1/nobody/nothing:v1", "hint:"]);
    lab.set("IMAGE", &test_support::test_image());
    still_serves(&lab, &before);
}

#[test]
fn an_image_that_cannot_be_built() {
    let lab = serving();
    let before = lab.tasks("web");
    let with_build = ONE.replace(
        "        image: ${IMAGE}\n",
        "        image: ecslocal-test/broken:${PORT}\n        build: { context: ., args: { BASE: \"${IMAGE}\" } }\n",
    );
    lab.write("cluster.yaml", &with_build);
    lab.run(&["up", "-d"]).fails(1, &["error:", "Dockerfile", "hint:"]);
    lab.write("Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY nowhere.txt /\n");
    lab.run(&["up", "-d"]).fails(1, &["error:", "ecslocal-test/broken", "nowhere.txt"]);
    lab.write("cluster.yaml", ONE);
    still_serves(&lab, &before);
}

#[test]
fn a_container_that_exits_at_once() {
    let lab = one_service();
    let crashes = r#"command: ["--eprint", "the database is not there", "--exit-after", "1", "7"]"#;
    lab.write("cluster.yaml", &ONE.replace("command: []", crashes));
    lab.run(&["up", "-d"]).fails(1, &["error:", "web", "Essential container in task exited", "exit code 7", "the database is not there", "hint:"]);
    lab.write("cluster.yaml", ONE);
    lab.must(&["up", "-d"]);
    assert_eq!(Client::new(lab.port).get("/").unwrap().status, 200);
}

#[test]
fn a_health_check_that_never_passes() {
    let mut lab = one_service();
    lab.set("HEALTH", "503");
    let said = lab.run(&["up", "-d", "--timeout", "30"]);
    said.fails(1, &["error:", "web", "Health checks failed with these codes: [503]", "hint:"]);
}

#[test]
fn what_is_not_there_is_said() {
    let lab = serving();
    lab.run(&["scale", "wep=2"]).fails(1, &["error:", "wep", "web"]);
    lab.run(&["scale", "web=many"]).fails(1, &["many"]);
    lab.run(&["stop", "ffffffff"]).fails(1, &["error:", "ffffffff", "hint:"]);
    lab.run(&["logs", "wep"]).fails(1, &["error:", "wep"]);
    lab.must(&["down"]);
    lab.run(&["ps"]).fails(1, &["error:", "hint:", "ecslocal up"]);
    lab.must(&["down"]);
}
