//! Container instances on the engines of two machines.

use std::process::Command;

use crate::http::Client;
use crate::lab::{Lab, until};
use crate::load::Load;
use crate::second_machine::SecondMachine;

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
containerInstances:
  - { name: here }
  - { name: there, endpoint: "${ENDPOINT}" }
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
      - { name: app, image: "${IMAGE}", cpu: 64, memory: 32, stopTimeout: 5, portMappings: [{ containerPort: 8080 }] }
services:
  - serviceName: web
    taskDefinition: web
    desiredCount: 2
    loadBalancers: [{ targetGroup: "${CLUSTER}", containerName: app, containerPort: 8080 }]
"#;

/// Whether the instance of the second machine is connected.
fn connected(lab: &Lab) -> bool {
    lab.json(&["instances"])[1]["agentConnected"].as_bool().unwrap()
}

#[test]
fn a_service_runs_on_two_machines_and_outlives_one_of_them() {
    let Some(mut machine) = SecondMachine::boot() else { return };
    let mut lab = Lab::new("engines");
    let endpoint = machine.open_to(&mut lab);
    lab.set("ENDPOINT", &endpoint);
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    assert!(connected(&lab));
    let there = || machine.docker(&["ps", "--quiet", "--filter", "label=dev.ecslocal.container-instance=there"]);
    assert_eq!(there().lines().count(), 1, "the image went there, and a task runs from it");

    // Requests go to both, with the daemon killed in between.
    let load = Load::begin(lab.port, &["/echo"]);
    load.pass(200);
    let tally = load.end().remove("/echo").unwrap();
    assert_eq!((tally.failed, tally.served_by.len()), (vec![], 2));
    assert!(Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap().success());
    lab.must(&["up", "-d"]);
    let mut client = Client::new(lab.port);
    for _ in 0..20 {
        assert_eq!(client.get("/echo").unwrap().status, 200, "`up` returns when it is known again what runs there");
    }

    // A container there that dies is replaced; one that is scaled away leaves nothing.
    let before = lab.tasks("web");
    machine.docker(&["kill", there().trim()]);
    until("the dead task is replaced", || (lab.tasks("web") != before).then_some(()));
    lab.must(&["wait", "steady"]);
    lab.must(&["drain", "there"]);
    until("its container has ended", || there().is_empty().then_some(()));
    lab.must(&["activate", "there"]);
    lab.must(&["deploy", "web"]);
    assert!(!there().is_empty());

    // The power fails there: what is here goes on, and force lets go of the rest.
    machine.fail();
    until("the engine is missed", || (!connected(&lab)).then_some(()));
    let said = lab.run(&["instances"]);
    assert!(said.err.contains("note: there: "), "{said:?}");
    lab.must(&["scale", "web=3"]);
    lab.run(&["deregister", "there"]).fails(1, &["Found running tasks on the instance."]);
    lab.must(&["deregister", "there", "--force"]);
    lab.must(&["wait", "steady"]);
    assert_eq!(lab.json(&["instances"]).as_array().unwrap().len(), 1);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
