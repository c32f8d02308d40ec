//! One-off tasks, deployments by revision, and traffic that is shifted share by share.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use crate::http::Client;
use crate::lab::{Lab, Said, until};
use crate::load::Load;

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
loadBalancers:
  - name: ${CLUSTER}
    listeners:
      - port: ${PORT}
        protocol: HTTP
        defaultActions: [{ type: forward, targetGroup: "${CLUSTER}-blue" }]
        rules:
          - priority: 1
            conditions: [{ field: path-pattern, values: ["/test/*"] }]
            actions: [{ type: forward, targetGroup: "${CLUSTER}-blue" }]
targetGroups:
  - &group
    name: ${CLUSTER}-blue
    protocol: HTTP
    port: 80
    healthCheckIntervalSeconds: 5
    healthCheckTimeoutSeconds: 2
    attributes: { deregistration_delay.timeout_seconds: 1 }
  - { <<: *group, name: "${CLUSTER}-green" }
taskDefinitions:
  - family: web
    containerDefinitions:
      - &container
        name: app
        image: ${IMAGE}
        memory: 64
        stopTimeout: 5
        environment: [{ name: PREFIX, value: /test }, { name: VERSION, value: "${VERSION:-1}" }]
        portMappings: [{ containerPort: 8080 }]
  - family: job
    containerDefinitions:
      - { <<: *container, command: ["--no-listen", "--print", "hello", "--eprint", "oh", "--exit-after", "200", "${CODE:-0}"], portMappings: [] }
services:
  - serviceName: web
    taskDefinition: web
    desiredCount: 2
    loadBalancers:
      - targetGroup: ${CLUSTER}-blue
        containerName: app
        containerPort: 8080
        advancedConfiguration:
          alternateTargetGroup: ${CLUSTER}-green
          productionListenerRule: "${CLUSTER}:${PORT}/default"
          testListenerRule: "${CLUSTER}:${PORT}/1"
    deploymentConfiguration:
      strategy: CANARY
      bakeTimeInMinutes: 0
      canaryConfiguration: { canaryPercent: 25, canaryBakeTimeInMinutes: 0 }
      lifecycleHooks: [{ command: [./gate.sh], lifecycleStages: [PRE_PRODUCTION_TRAFFIC_SHIFT, PRODUCTION_TRAFFIC_SHIFT] }]
"#;

/// Waits at each stage until a file of that name lets it through.
const GATE: &str = r#"#!/bin/sh
cat > "asked.$$" && mv "asked.$$" "asked-$ECSLOCAL_LIFECYCLE_STAGE"
[ -e "stop-$ECSLOCAL_LIFECYCLE_STAGE" ] && { echo "stopped by the test" >&2; exit 1; }
[ -e "go-$ECSLOCAL_LIFECYCLE_STAGE" ] || echo '{"hookStatus":"IN_PROGRESS","callBackDelay":0.1}'
"#;

fn laboratory() -> Lab {
    let mut lab = Lab::new("shift");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    let gate = lab.write("gate.sh", GATE);
    std::process::Command::new("chmod").arg("+x").arg(gate).status().unwrap();
    lab
}

/// Which versions answered, by how many requests.
fn versions(lab: &Lab, path: &str, requests: usize) -> BTreeMap<String, usize> {
    let mut client = Client::new(lab.port);
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        let response = client.get(path).unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        *counts.entry(response.body.trim().to_owned()).or_default() += 1;
    }
    counts
}

fn only(version: &str, requests: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(version.to_owned(), requests)])
}

fn stage(lab: &Lab) -> String {
    lab.json(&["ps"])["services"][0]["deployments"][0]["lifecycleStage"].as_str().unwrap_or_default().to_owned()
}

fn weights(lab: &Lab) -> String {
    lab.json(&["routes"])[0]["listeners"][0]["rules"][1]["action"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_canary_gets_its_share_then_all_and_no_request_fails() {
    let mut lab = laboratory();
    lab.must(&["up", "-d"]);
    assert_eq!(versions(&lab, "/env?name=VERSION", 20), only("1", 20));
    let load = Load::begin(lab.port, &["/echo"]);
    lab.set("VERSION", "2");
    let up = lab.command(&["up", "-d"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the new tasks wait for their traffic", || (stage(&lab) == "PRE_PRODUCTION_TRAFFIC_SHIFT").then_some(()));
    assert_eq!(versions(&lab, "/env?name=VERSION", 20), only("1", 20), "production has not moved");
    assert_eq!(versions(&lab, "/test/env?name=VERSION", 20), only("2", 20), "testers are there already");
    lab.write("go-PRE_PRODUCTION_TRAFFIC_SHIFT", "");
    until("a quarter has moved", || weights(&lab).contains("weight 25").then_some(()));
    let counts = versions(&lab, "/env?name=VERSION", 600);
    let share = counts["2"];
    // 150 are expected; six standard deviations are 64.
    assert!((86..=214).contains(&share), "{counts:?}");
    assert!(lab.must(&["diff"]).out.is_empty(), "weights are no difference");
    let asked = fs::read_to_string(lab.folder.path().join("asked-PRODUCTION_TRAFFIC_SHIFT")).unwrap();
    let question: serde_json::Value = serde_json::from_str(&asked).unwrap();
    let mut shares: Vec<_> =
        question["executionDetails"]["productionTrafficWeights"].as_object().unwrap().values().map(|share| share.as_u64()).collect();
    shares.sort_unstable();
    assert_eq!(shares, [Some(25), Some(75)]);
    lab.write("go-PRODUCTION_TRAFFIC_SHIFT", "");
    let said = Said::of(up.wait_with_output().unwrap(), &["up"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(versions(&lab, "/env?name=VERSION", 20), only("2", 20));
    a_hook_brings_it_back(&mut lab);
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn a_hook_brings_it_back(lab: &mut Lab) {
    lab.set("VERSION", "3");
    lab.write("stop-PRODUCTION_TRAFFIC_SHIFT", "");
    let said = lab.run(&["up", "-d"]);
    said.fails(1, &["was rolled back", "a lifecycle hook failed at PRODUCTION_TRAFFIC_SHIFT: stopped by the test"]);
    assert_eq!(versions(lab, "/env?name=VERSION", 20), only("2", 20));
    lab.must(&["wait", "steady"]);
    let history = lab.json(&["deployments", "web"]);
    assert_eq!(history["web"][0]["status"], "ROLLBACK_SUCCESSFUL", "{history}");
}

#[test]
fn a_task_runs_by_itself_and_passes_its_exit_code_on() {
    let mut lab = laboratory();
    let said = lab.must(&["run", "job"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("hello\n", "oh\n"));
    lab.set("CODE", "7");
    let said = lab.run(&["run", "job", "--count", "2"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert_eq!(said.out.lines().filter(|line| line.ends_with("| hello")).count(), 2, "{said:?}");
    let said = lab.run(&["run", "job:1", "-e", "A=b", "--", "--print", "other words", "--no-listen", "--exit-after", "0", "3"]);
    assert_eq!((said.code, said.out.as_str()), (3, "other words\n"), "{said:?}");
    lab.run(&["run", "jobs"]).fails(1, &["there is no task definition `jobs`"]);
    lab.run(&["run", "job", "--container", "web", "--", "a"])
        .fails(1, &["Override for container named web is not a container in the TaskDefinition."]);
    let task = lab.must(&["run", "job", "--detach", "--", "--no-listen"]).out;
    until("it runs", || lab.must(&["ps"]).out.contains("RUNNING").then_some(()));
    lab.must(&["stop", task.trim()]);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
