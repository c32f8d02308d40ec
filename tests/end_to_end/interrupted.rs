//! What is cut off half-way, and what others do to our containers and networks.

use std::process::{Command, Stdio};

use crate::http::Client;
use crate::lab::{Lab, Said, docker, until};

fn serving() -> Lab {
    let mut lab = Lab::new("cut");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", include_str!("three.yaml"));
    lab.must(&["up", "-d"]);
    lab
}

fn kill_daemon(lab: &Lab) {
    assert!(Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap().success());
}

#[test]
fn a_daemon_killed_while_it_takes_things_down_is_finished_by_the_next() {
    let lab = serving();
    let all = lab.leftovers().len();
    let mut down = lab.command(&["down"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("something is gone", || (lab.leftovers().len() < all).then_some(()));
    // It may have been quicker than we are: then there is nothing left to finish, which is checked below all the same.
    if let Some(daemon) = lab.daemon_pid_if_any() {
        Command::new("kill").args(["-9", &daemon.to_string()]).stderr(Stdio::null()).status().ok();
    }
    down.wait().unwrap();
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn a_daemon_killed_in_the_middle_of_a_rollout_goes_on_with_it() {
    let mut lab = serving();
    let others = (lab.tasks("threads"), lab.tasks("posts"));
    lab.set("USERS_VERSION", "2");
    let mut up = lab.command(&["up", "-d"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the new version is on its way", || {
        let listing = lab.run(&["ps", "--output", "json"]);
        listing.out.contains("users:2").then_some(())
    });
    kill_daemon(&lab);
    up.wait().unwrap();
    lab.must(&["up", "-d"]);
    assert_eq!(Client::new(lab.port).get("/users/env?name=VERSION").unwrap().body, "2");
    assert_eq!(lab.tasks("users").len(), 1);
    assert_eq!(others, (lab.tasks("threads"), lab.tasks("posts")), "the others are the same containers still");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn a_network_that_was_removed_is_made_again() {
    let lab = serving();
    lab.must(&["scale", "users=0"]);
    assert_eq!(Client::new(lab.port).get("/users/echo").unwrap().status, 503);
    let filter = format!("label=dev.ecslocal.service={}/users", lab.cluster);
    let network = docker(&["network", "ls", "--quiet", "--filter", &filter]);
    // Docker takes the last container out of it a moment after that has ended.
    until("the network is removed", || {
        Command::new("docker").args(["network", "rm", network.trim()]).output().unwrap().status.success().then_some(())
    });
    lab.must(&["scale", "users=1"]);
    assert_eq!(Client::new(lab.port).get("/users/echo").unwrap().status, 200);
}

#[test]
fn two_at_once_end_in_one() {
    let mut lab = Lab::new("twice");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", include_str!("three.yaml"));
    let ups: Vec<_> = (0..2).map(|_| lab.command(&["up", "-d"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).collect();
    for up in ups {
        let said = Said::of(up.wait_with_output().unwrap(), &["up", "-d"]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    for service in ["users", "threads", "posts"] {
        assert_eq!(lab.tasks(service).len(), 1, "{service}");
    }
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
