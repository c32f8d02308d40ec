//! Two container instances on one engine: spread by zone, drained under load, full.

use std::collections::BTreeMap;

use crate::lab::{Lab, docker};
use crate::load::Load;
use crate::tutorial::{copy_of, rename};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
containerInstances:
  - { name: a1, cpu: 1024, memory: 512, attributes: { ecs.availability-zone: us-east-1a } }
  - { name: b1, cpu: 1024, memory: 512, attributes: { ecs.availability-zone: us-east-1b, disk: ssd } }
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
      - { name: app, image: "${IMAGE}", cpu: 256, memory: 32, stopTimeout: 5, portMappings: [{ containerPort: 8080 }] }
  - family: agent
    containerDefinitions: [{ name: app, image: "${IMAGE}", cpu: 64, memory: 32 }]
  - family: job
    placementConstraints: [{ type: memberOf, expression: "attribute:disk == ssd and task:group == service:web" }]
    containerDefinitions: [{ name: app, image: "${IMAGE}", memory: 32, command: ["--no-listen", "--exit-after", "0", "0"] }]
services:
  - serviceName: web
    taskDefinition: web
    desiredCount: 2
    loadBalancers: [{ targetGroup: "${CLUSTER}", containerName: app, containerPort: 8080 }]
  - { serviceName: agent, taskDefinition: agent, schedulingStrategy: DAEMON }
"#;

/// How many tasks that run each instance has of a service.
fn where_they_are(lab: &Lab, service: &str) -> BTreeMap<String, usize> {
    let listing = lab.json(&["ps"]);
    let tasks = listing["tasks"].as_array().unwrap().iter();
    let mut counts = BTreeMap::new();
    for task in tasks.filter(|task| task["serviceName"] == service && task["lastStatus"] == "RUNNING" && task["desiredStatus"] == "RUNNING") {
        *counts.entry(task["containerInstance"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

fn counts(given: &[(&str, usize)]) -> BTreeMap<String, usize> {
    given.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn tasks_are_spread_over_instances_and_leave_one_without_a_failed_request() {
    let mut lab = Lab::new("instances");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    assert_eq!(where_they_are(&lab, "web"), counts(&[("a1", 1), ("b1", 1)]));
    assert_eq!(where_they_are(&lab, "agent"), counts(&[("a1", 1), ("b1", 1)]));
    assert!(lab.must(&["ps"]).out.contains("INSTANCE"), "which one is shown where there are several");
    let instances = lab.json(&["instances"]);
    assert_eq!((&instances[0]["name"], &instances[0]["status"], &instances[0]["agentConnected"]), (&"a1".into(), &"ACTIVE".into(), &true.into()));
    assert_eq!((&instances[0]["registeredResources"]["cpu"], &instances[0]["remainingResources"]["cpu"]), (&1024.into(), &704.into()));
    assert_eq!(instances[1]["attributes"]["ecs.availability-zone"], "us-east-1b");
    let filter = format!("label=com.amazonaws.ecs.cluster={}", lab.cluster);
    let labelled = docker(&["ps", "--quiet", "--filter", &filter, "--filter", "label=dev.ecslocal.container-instance=b1"]);
    assert_eq!(labelled.lines().count(), 2, "containers say where they are: {labelled}");
    lab.must(&["run", "job"]);

    let load = Load::begin(lab.port, &["/echo"]);
    lab.must(&["drain", "b1"]);
    assert_eq!(where_they_are(&lab, "web"), counts(&[("a1", 2)]));
    let said = lab.must(&["instances"]).out;
    assert!(said.contains("DRAINING"), "{said}");
    lab.run(&["run", "job"]).fails(1, &["MemberOf placement constraint unsatisfied: the constraint", "hint: `ecslocal instances` lists"]);
    lab.run(&["run", "agent", "--member-of", "attribute:disk = ssd"]).fails(1, &["`=` is not an operator, at character 16"]);
    let said = lab.run(&["run", "agent", "--count", "2", "--distinct-instance", "--detach"]);
    said.fails(0, &["1 of 2 tasks were not placed: DistinctInstance placement constraint unsatisfied"]);
    lab.must(&["stop", said.out.trim()]);
    full(&lab);
    lab.must(&["scale", "web=2"]);
    lab.must(&["activate", "b1"]);
    lab.must(&["scale", "web=4"]);
    assert_eq!(where_they_are(&lab, "web"), counts(&[("a1", 2), ("b1", 2)]));
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    lab.run(&["drain", "c1"]).fails(1, &["has no container instance `c1`", "hint: it has a1, b1"]);
    assert!(
        lab.must(&["diff"]).out.contains("desired count 4 -> 2") && !lab.must(&["diff"]).out.contains("agent"),
        "a DAEMON's count is no difference"
    );
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

/// More than fit: that is told at once, not after the timeout, and with what to change.
fn full(lab: &Lab) {
    let said = lab.run(&["scale", "web=6"]);
    said.fails(
        1,
        &[
            "no container instance takes a task of web: it needs 256 CPU units, the closest, a1, has 192 of 1024 left",
            "hint: give the task less `cpu`",
        ],
    );
    let events = lab.must(&["events", "web"]).out;
    assert!(events.contains("The closest matching (container-instance a1) has insufficient CPU units available."), "{events}");
}

#[test]
fn the_example_runs_as_its_readme_says() {
    let lab = copy_of("instances", &["examples", "services"]);
    rename(&lab, "examples/instances/cluster.yaml", "instances-lesson");
    let manifest = lab.folder.path().join("examples/instances/cluster.yaml");
    let file = manifest.to_str().unwrap();
    lab.must(&["up", "-d", "-f", file]);
    assert_eq!(where_they_are(&lab, "posts").values().sum::<usize>(), 3);
    assert_eq!(where_they_are(&lab, "posts")["b1"], 1, "two instances are in the other zone: {:?}", where_they_are(&lab, "posts"));
    assert_eq!(where_they_are(&lab, "users"), counts(&[("a2", 1), ("b1", 1)]));
    // Where `distinctInstance` and `disk == ssd` leave one other instance, a task has nowhere to go.
    lab.run(&["drain", "b1"]).fails(1, &["users does not become steady by waiting", "distinctInstance"]);
    lab.must(&["scale", "users=1"]);
    assert_eq!((where_they_are(&lab, "users"), where_they_are(&lab, "posts").contains_key("b1")), (counts(&[("a2", 1)]), false));
    lab.must(&["activate", "b1"]);
    lab.must(&["scale", "posts=6"]);
    lab.run(&["scale", "posts=20"]).fails(1, &["no container instance takes a task of posts"]);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
