//! Faults on purpose on a real engine: what is struck, that others do not notice, and that nothing of it is left.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::Client;
use crate::lab::{Lab, docker, until};

fn three(name: &str) -> Lab {
    let mut lab = Lab::new(name);
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", include_str!("three.yaml"));
    lab.must(&["up", "-d"]);
    lab
}

/// How often each status came back of so many requests to a service.
fn statuses(lab: &Lab, service: &str, times: usize) -> Vec<u16> {
    (0..times).map(|_| Client::new(lab.port).get(&format!("/{service}/echo")).map_or(0, |response| response.status)).collect()
}

fn is_paused(container: &str) -> bool {
    docker(&["inspect", "--format", "{{.State.Paused}}", container]).trim() == "true"
}

/// Containers of ours that strike a network.
fn strikers(lab: &Lab) -> usize {
    let filter = format!("label=dev.ecslocal.owner={}", lab.owner().unwrap());
    docker(&["ps", "--all", "--quiet", "--filter", &filter, "--filter", "label=dev.ecslocal.fault"]).lines().count()
}

fn faults(lab: &Lab) -> Vec<(String, String)> {
    let listed = lab.json(&["chaos", "ls", "--all"]);
    let text = |fault: &Value, key: &str| fault[key].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(|fault| (text(fault, "type"), text(fault, "status"))).collect()
}

#[expect(clippy::disallowed_methods, reason = "how long a client waited")]
fn took(what: impl FnOnce()) -> Duration {
    let began = Instant::now();
    what();
    began.elapsed()
}

fn kill_daemon(lab: &Lab) {
    assert!(Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap().success());
}

/// The lesson of `examples/chaos`, step by step.
#[test]
fn one_service_is_struck_and_the_others_do_not_notice() {
    let lab = three("chaos");
    let others = |lab: &Lab| assert!(["users", "threads"].iter().all(|service| statuses(lab, service, 3) == [200; 3]));

    let id = lab.must(&["chaos", "errors", "posts", "--status", "500", "--for", "10m"]).out;
    assert_eq!(statuses(&lab, "posts", 5), [500; 5]);
    others(&lab);
    let listed = lab.must(&["ps"]).out;
    assert!(listed.contains("FAULT") && listed.contains(id.trim()), "{listed}");
    let requests = lab.must(&["requests", "--tail", "20"]).out;
    assert!(requests.contains("  500  "), "{requests}");
    lab.must(&["chaos", "stop", id.trim()]);
    assert_eq!(statuses(&lab, "posts", 5), [200; 5], "the target was never asked, and is healthy");

    lab.must(&["chaos", "delay", "posts", "--delay", "700ms"]);
    assert!(took(|| assert_eq!(statuses(&lab, "posts", 1), [200])).as_millis() >= 700);
    lab.must(&["chaos", "stop", "--all"]);

    let (_, posts) = lab.tasks("posts").remove(0);
    let limits = || docker(&["inspect", "--format", "{{.HostConfig.CpuQuota}} {{.HostConfig.Memory}}", &posts]).trim().to_owned();
    assert_eq!(limits(), format!("0 {}", 64 << 20));
    lab.must(&["chaos", "cpu", "posts", "--percent", "50%", "--for", "10m"]);
    lab.must(&["chaos", "memory", "posts", "--percent", "50%", "--for", "10m"]);
    let pressed = limits();
    assert!(pressed.ends_with(&format!(" {}", 32 << 20)) && !pressed.starts_with("0 "), "{pressed}");
    others(&lab);
    lab.must(&["chaos", "stop", "--all"]);
    // -1 is no limit, as 0 is.
    assert_eq!(limits(), format!("-1 {}", 64 << 20));

    lab.must(&["chaos", "kill", "posts"]);
    others(&lab);
    until("another container of posts", || lab.tasks("posts").into_iter().find(|(_, container)| *container != posts));
    lab.must(&["wait", "steady"]);
    assert_eq!(statuses(&lab, "posts", 3), [200; 3]);
    let events = lab.must(&["events", "posts"]).out;
    assert!(events.contains("(service posts) is under fault-") && events.contains(" is over."), "{events}");

    lab.run(&["chaos", "pause", "nobody"]).fails(1, &["`nobody` is neither a service nor a task", "`ecslocal ps` lists both"]);
    lab.run(&["chaos", "pause", "posts", "--for", "2h"]).fails(1, &["`--for` is from 1s to 1h"]);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn what_is_struck_is_let_go_whoever_dies() {
    let lab = three("chaos");
    let (_, posts) = lab.tasks("posts").remove(0);
    // A daemon that dies finds what it did and carries on.
    lab.must(&["chaos", "pause", "posts", "--for", "10m"]);
    assert!(is_paused(&posts));
    kill_daemon(&lab);
    assert!(is_paused(&posts));
    lab.must(&["doctor"]);
    lab.command(&["up", "-d", "--timeout", "1"]).output().unwrap();
    assert_eq!(faults(&lab), [("pause".to_owned(), "ACTIVE".to_owned())]);
    lab.must(&["chaos", "stop", "--all"]);
    assert!(!is_paused(&posts));
    // What was over while there was none is undone by the next.
    lab.must(&["wait", "steady"]);
    let (_, posts) = lab.tasks("posts").remove(0);
    lab.must(&["chaos", "pause", "posts", "--for", "1s"]);
    kill_daemon(&lab);
    lab.must(&["up", "-d"]);
    until("the end of the pause", || (!is_paused(&posts)).then_some(()));
    // `down` takes what is frozen along.
    lab.must(&["chaos", "pause", "posts", "--for", "10m"]);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn a_network_is_struck_and_let_go() {
    let lab = three("chaos");
    let (_, posts) = lab.tasks("posts").remove(0);
    let address = docker(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &posts]);
    let answers = || std::net::TcpStream::connect_timeout(&format!("{}:8080", address.trim()).parse().unwrap(), Duration::from_millis(900)).is_ok();
    assert!(answers());
    lab.must(&["chaos", "blackhole", "posts", "--port", "8080", "--for", "10m"]);
    assert!(!answers() && strikers(&lab) == 1);
    assert_eq!(statuses(&lab, "users", 3), [200; 3]);
    lab.must(&["chaos", "stop", "--all"]);
    assert!(answers() && strikers(&lab) == 0);

    lab.must(&["chaos", "loss", "posts", "--percent", "100", "--for", "10m"]);
    assert!(!answers());
    lab.run(&["chaos", "latency", "posts", "--delay", "5ms"]).fails(1, &["which excludes this fault"]);
    // Somebody who removes what does it is no way out.
    let filter = format!("label=dev.ecslocal.owner={}", lab.owner().unwrap());
    docker(&["rm", "--force", docker(&["ps", "--quiet", "--filter", &filter, "--filter", "label=dev.ecslocal.fault"]).trim()]);
    assert!(!answers());
    lab.must(&["chaos", "stop", "--all"]);
    assert!(answers());

    // Not every kernel can delay packets; one that cannot is said so by name.
    let latency = lab.run(&["chaos", "latency", "posts", "--delay", "400ms", "--for", "10m"]);
    if latency.code == 0 {
        assert!(took(|| assert!(answers())).as_millis() >= 300);
    } else {
        latency.fails(2, &["the kernel of the engine has no `netem`", "hint: `ecslocal chaos delay`"]);
    }
    lab.must(&["chaos", "stop", "--all"]);

    // It ends with its time even if no daemon comes back.
    lab.must(&["chaos", "blackhole", "posts", "--port", "8080", "--for", "1s"]);
    kill_daemon(&lab);
    assert!(!answers());
    until("its end by itself", || (answers() && strikers(&lab) == 0).then_some(()));
    lab.must(&["up", "-d"]);
    until("that the daemon knows it", || faults(&lab).iter().all(|(_, status)| status == "OVER" || status == "FAILED").then_some(()));
    lab.must(&["chaos", "blackhole", "posts", "--port", "8080", "--for", "10m"]);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
