//! The life of three services: up, scale, kill, a dead daemon, a new version, down.

use std::collections::BTreeSet;
use std::process::Command;

use crate::http::Client;
use crate::lab::{Lab, docker, until};
use crate::load::Load;

const PATHS: [&str; 3] = ["/users/echo", "/threads/echo", "/posts/echo"];

/// A laboratory whose three services serve.
fn three_services() -> Lab {
    let mut lab = Lab::new("life");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", include_str!("three.yaml"));
    lab.must(&["up", "-d"]);
    lab
}

#[test]
fn three_routes_answer_scale_evenly_and_survive_a_kill() {
    let lab = three_services();
    let mut client = Client::new(lab.port);
    for path in PATHS {
        let response = client.get(path).unwrap();
        assert_eq!(response.status, 200, "{path}: {response:?}");
    }
    let missed = client.get("/nowhere").unwrap();
    assert_eq!((missed.status, missed.body.as_str()), (404, "no route"));

    scaling_rotates_evenly_and_touches_nothing_else(&lab);
    a_kill_costs_only_what_was_in_flight(&lab);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn scaling_rotates_evenly_and_touches_nothing_else(lab: &Lab) {
    let others = (lab.tasks("users"), lab.tasks("threads"));
    let load = Load::begin(lab.port, &PATHS);
    lab.must(&["scale", "posts=3"]);
    load.pass(100);
    let tallies = load.end();
    for (path, tally) in &tallies {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    assert_eq!(others, (lab.tasks("users"), lab.tasks("threads")), "scaling posts must not touch the others");
    assert_eq!(lab.tasks("posts").len(), 3);
    let mut client = Client::new(lab.port);
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..30 {
        *counts.entry(client.get("/posts/echo").unwrap().served_by()).or_default() += 1;
    }
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [10, 10, 10], "{counts:?}");
}

fn a_kill_costs_only_what_was_in_flight(lab: &Lab) {
    let before = lab.tasks("posts");
    let load = Load::begin(lab.port, &PATHS);
    docker(&["kill", &before[0].1]);
    let after = until("posts has three running tasks again", || {
        let now = lab.tasks("posts");
        (now.len() == 3 && !now.contains(&before[0])).then_some(now)
    });
    lab.must(&["wait", "steady"]);
    load.pass(100);
    let mut tallies = load.end();
    let posts = tallies.remove("/posts/echo").unwrap();
    for (path, tally) in &tallies {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path} has nothing to do with posts");
    }
    // One client with one request at a time: between the death and its news at most a few requests can meet the dead container.
    let allowed = 1 + posts.answered / 20;
    assert!((posts.failed.len() as u64) <= allowed, "{} of {} requests of posts failed: {:?}", posts.failed.len(), posts.answered, posts.failed);
    assert_eq!(after.iter().filter(|task| before.contains(task)).count(), 2, "the other two tasks go on");
    let stopped = lab.json(&["ps", "--all"]);
    let stopped = stopped["tasks"].as_array().unwrap().iter().find(|task| task["taskId"] == before[0].0.as_str()).cloned().unwrap();
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
    assert_eq!(stopped["stoppedReason"], "Essential container in task exited");
    assert_eq!(stopped["containers"][0]["exitCode"], 137);
    let mut serving = BTreeSet::new();
    let mut client = Client::new(lab.port);
    for _ in 0..6 {
        serving.insert(client.get("/posts/echo").unwrap().served_by());
    }
    assert_eq!(serving.len(), 3, "the replacement serves: {serving:?}");
}

#[test]
fn a_killed_daemon_comes_back_to_the_same_containers() {
    let lab = three_services();
    let services = ["users", "threads", "posts"];
    let before: Vec<_> = services.iter().map(|service| lab.tasks(service)).collect();
    let containers: Vec<String> = before.iter().flatten().map(|(_, container)| container.clone()).collect();
    let started =
        |lab: &[String]| lab.iter().map(|id| docker(&["inspect", "--format", "{{.State.StartedAt}} {{.RestartCount}}", id])).collect::<Vec<_>>();
    let starts = started(&containers);
    let load = Load::begin(lab.port, &PATHS);
    let killed = Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap();
    assert!(killed.success());
    lab.must(&["up", "-d"]);
    load.pass(100);
    for (path, tally) in load.end() {
        let last = tally.failed.len();
        assert!(tally.answered > 100 && last > 0, "{path} was asked while the daemon was dead, and answered after it came back");
    }
    let after: Vec<_> = services.iter().map(|service| lab.tasks(service)).collect();
    assert_eq!(before, after, "the same tasks in the same containers");
    assert_eq!(starts, started(&containers), "none was restarted");
    let targets = lab.json(&["targets"]);
    let states: Vec<&str> = targets
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["targets"].as_array().unwrap())
        .map(|target| target["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["healthy"; 3], "no target was lost");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn a_new_version_rolls_under_load_without_one_failure() {
    let mut lab = three_services();
    lab.must(&["scale", "users=2"]);
    let others = (lab.tasks("threads"), lab.tasks("posts"));
    let load = Load::begin(lab.port, &PATHS);
    lab.set("USERS_VERSION", "2");
    lab.must(&["up", "-d"]);
    load.pass(100);
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    assert_eq!(others, (lab.tasks("threads"), lab.tasks("posts")), "only users rolls");
    assert_eq!(Client::new(lab.port).get("/users/env?name=VERSION").unwrap().body, "2");

    // A version whose health check never passes: said so, exit code 1, and the one before it goes on serving.
    lab.set("USERS_VERSION", "3");
    lab.set("USERS_HEALTH", "500");
    let load = Load::begin(lab.port, &PATHS);
    let said = lab.run(&["up", "-d", "--timeout", "20"]);
    said.fails(1, &["users", "Health checks failed with these codes: [500]", "hint:"]);
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    assert_eq!(Client::new(lab.port).get("/users/env?name=VERSION").unwrap().body, "2");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn a_version_that_cannot_start_is_given_up_and_what_served_goes_on() {
    let lab = three_services();
    let guarded = include_str!("three.yaml").replace(
        "desiredCount: 1\n",
        "desiredCount: 1\n    deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } }\n",
    );
    lab.write("cluster.yaml", &guarded);
    lab.must(&["up", "-d"]);
    let before = lab.tasks("users");
    let load = Load::begin(lab.port, &PATHS);
    lab.write("cluster.yaml", &guarded.replacen("stopTimeout: 5", "stopTimeout: 5\n        entryPoint: [/nowhere]", 1));
    lab.run(&["up", "-d"]).fails(1, &["failed: tasks failed to start; the service went back to", "was rolled back", "CannotStartContainerError"]);
    lab.must(&["wait", "steady"]);
    load.pass(50);
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    assert_eq!(lab.tasks("users"), before, "what served was not touched");
    let told = lab.must(&["events"]).out;
    assert!(
        told.contains("deployment failed: tasks failed to start.") && told.contains("(service users) rolling back to deployment ecs-svc/"),
        "{told}"
    );
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn death_by_memory_and_by_another_hand_is_told_in_ecs_words() {
    let lab = three_services();
    let before = lab.tasks("users");
    // It answers nothing any more; that it dies is seen below.
    Client::new(lab.port).get("/users/eat-memory?mb=256").ok();
    let stopped = stopped_task(&lab, &before[0].0);
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
    assert_eq!(stopped["containers"][0]["exitCode"], 137);
    assert_eq!(stopped["containers"][0]["reason"], "OutOfMemoryError: Container killed due to memory usage");

    let before = lab.tasks("posts");
    docker(&["rm", "--force", &before[0].1]);
    let stopped = stopped_task(&lab, &before[0].0);
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
    lab.must(&["wait", "steady"]);
    for path in PATHS {
        assert_eq!(Client::new(lab.port).get(path).unwrap().status, 200, "{path}");
    }
    let events = lab.must(&["events", "users"]).out;
    assert!(events.contains("(service users) deregistered 1 targets in (target-group arn:aws:elasticloadbalancing:"), "{events}");

    let mine = lab.tasks("threads");
    lab.must(&["stop", &mine[0].0[..8], "--reason", "to see what happens"]);
    let stopped = stopped_task(&lab, &mine[0].0);
    assert_eq!((stopped["stopCode"].as_str(), stopped["stoppedReason"].as_str()), (Some("UserInitiated"), Some("to see what happens")));
    assert_eq!(stopped["containers"][0]["exitCode"], 0, "SIGTERM is obeyed");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn stopped_task(lab: &Lab, id: &str) -> serde_json::Value {
    until("the task is stopped", || {
        let listing = lab.json(&["ps", "--all"]);
        listing["tasks"].as_array().unwrap().iter().find(|task| task["taskId"] == id && task["lastStatus"] == "STOPPED").cloned()
    })
}
