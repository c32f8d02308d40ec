//! Output that goes where a task definition says.

use std::fs;
use std::process::Command;

use crate::lab::{Lab, docker, until};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
taskDefinitions:
  - family: web
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        stopTimeout: 1
        command: ["--print", "hello", "--ignore-sigterm"]
        logConfiguration:
          logDriver: awslogs
          options: { awslogs-group: "/ecs/${CLUSTER}", awslogs-region: eu-west-1, awslogs-stream-prefix: ecs }
  - family: plain
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        command: ["--print", "as a file"]
        logConfiguration: { logDriver: json-file, options: { max-size: 1m, max-file: "2" } }
services:
  - { serviceName: web, taskDefinition: web }
  - { serviceName: plain, taskDefinition: plain }
"#;

#[test]
fn a_log_group_is_a_folder_and_what_was_written_is_there_once() {
    let mut lab = Lab::new("logs");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let (task, container) = lab.tasks("web").remove(0);
    let stream = lab.home().join(format!("cloudwatch/ecs/{}/ecs/app/{task}.log", lab.cluster));
    let lines = || fs::read_to_string(&stream).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let with = |text: &str| lines().iter().filter(|line| line.contains(text)).count();
    until("its line is in its stream", || (with(" hello") == 1).then_some(()));

    // What it writes while there is no daemon is read by the next one, and nothing is read twice.
    let before = lines().len();
    assert!(Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap().success());
    docker(&["kill", "--signal", "TERM", &container]);
    lab.must(&["up", "-d"]);
    until("the line of the meantime is there", || (lines().len() > before).then_some(()));
    assert_eq!(with(" hello"), 1, "{:?}", lines());
    assert!(lines().iter().all(|line| line.as_bytes()[10] == b'T' && line.contains("Z ")), "{:?}", lines());

    let said = lab.must(&["logs"]).out;
    assert!(said.contains("| hello") && said.contains("| as a file"), "{said}");
    let (_, plain) = lab.tasks("plain").remove(0);
    let config = docker(&["inspect", "--format", "{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config \"max-size\"}}", &plain]);
    assert_eq!(config.trim(), "json-file 1m");
    let bounds = docker(&["inspect", "--format", "{{.HostConfig.LogConfig.Config}}", &container]);
    assert_eq!(bounds.trim(), "map[max-file:2 max-size:10m]", "who says nothing has a bound");
    // What a container wrote is there when the engine has it no more, also for the next daemon.
    lab.must(&["deploy", "plain"]);
    let (new, _) = lab.tasks("plain").remove(0);
    until("the engine has no more of it", || docker(&["ps", "-aq", "--no-trunc"]).lines().all(|id| id != plain).then_some(()));
    assert!(Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap().success());
    lab.must(&["up", "-d"]);
    let said = lab.must(&["logs", "plain"]).out;
    assert_eq!(said.matches("| as a file").count(), 2, "{said}");
    assert_eq!(lab.tasks("plain")[0].0, new);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
    assert_eq!(with(" hello"), 1, "a log group outlives its tasks");
    assert!(!lab.home().join("logs").join(&lab.cluster).exists(), "what is kept of others does not");
}
