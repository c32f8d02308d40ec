//! `connectsTo`: what it grants, to whom alone, and that it follows the tasks behind it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::isolation::{Place, place_of};
use crate::lab::{Lab, docker, until};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
taskDefinitions:
  - family: app
    containerDefinitions:
      - { name: app, image: "${IMAGE}", memory: 32, stopTimeout: 5, portMappings: [{ containerPort: 8080 }] }
  - family: edge
    networkMode: awsvpc
    containerDefinitions:
      - { name: app, image: "${IMAGE}", memory: 32, stopTimeout: 5, portMappings: [{ containerPort: 8080 }] }
services:
  - { serviceName: users, taskDefinition: app, connectsTo: [posts] }
  - { serviceName: edge, taskDefinition: edge, connectsTo: [posts, threads] }
  - { serviceName: threads, taskDefinition: app }
  - { serviceName: posts, taskDefinition: app, desiredCount: 2 }
"#;

/// Who answers when `from` asks `to` so often, over a new connection each time; a failure as it was told.
fn answers(from: &Place, to: &str, times: usize) -> BTreeSet<String> {
    (0..times).map(|_| from.ask(&format!("/ask?of={to}&path=/echo")).1).collect()
}

/// The `X-Served-By` of each task of a service that runs, as [`answers`] has it.
fn names(lab: &Lab, service: &str) -> BTreeSet<String> {
    lab.tasks(service).iter().map(|(_, container)| format!("200 {}", &container[..12])).collect()
}

fn refuses(address: IpAddr) -> bool {
    TcpStream::connect(SocketAddr::new(address, 8080)).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

#[test]
fn a_service_reaches_what_it_is_granted_and_nothing_else() {
    let mut lab = Lab::new("connections");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let [users, edge, threads, posts] = ["users", "edge", "threads", "posts"].map(|service| place_of(&lab, service));

    assert_eq!(answers(&users, "posts:8080", 6), names(&lab, "posts"), "round robin over both tasks");
    assert_eq!(answers(&edge, "posts:8080", 6), names(&lab, "posts"), "in `awsvpc` mode, too");
    // The pause has the host name that its containers share.
    assert_eq!(answers(&edge, "threads:8080", 2), names(&lab, "threads"), "two services with one port");

    let door = posts.gateway.unwrap();
    assert_eq!(users.dial(&format!("{door}:8080")), "open");
    for (from, to) in [(&threads, "posts:8080"), (&posts, "users:8080"), (&users, "threads:8080"), (&users, "edge:8080")] {
        assert_eq!(from.dial(to), "no such name", "{to}");
    }
    for from in [&threads, &posts] {
        assert_eq!(from.dial(&format!("{door}:8080")), "refused", "{} by the address of the door", from.name);
    }
    assert_eq!(users.dial(&format!("{}:8080", threads.gateway.unwrap())), "refused", "the door of somebody else");
    assert_eq!(users.dial(&format!("{}:8080", posts.address)), "timeout", "not past the door");
    assert!(refuses(door), "this machine's own processes are not let in either");

    let listed = lab.must(&["connections"]).out;
    assert!(listed.contains(&format!("users    posts    posts:8080    2      {door}:8080")), "{listed}");
    follows_its_tasks(&lab, &users);
    survives_the_daemon(&lab, &users);
    is_taken_back(&lab, door);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

/// Scaling, a deployment and the death of a task lose no connection that comes after it.
fn follows_its_tasks(lab: &Lab, users: &Place) {
    let over = AtomicBool::new(false);
    let failures = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut failures = Vec::new();
            while !over.load(Ordering::Relaxed) {
                failures.extend(answers(users, "posts:8080", 5).into_iter().filter(|answer| !answer.starts_with("200 ")));
            }
            failures
        });
        lab.must(&["scale", "posts=4"]);
        until("all four have their turn", || (answers(users, "posts:8080", 8) == names(lab, "posts")).then_some(()));
        lab.must(&["scale", "posts=1"]);
        lab.must(&["deploy", "posts"]);
        over.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    assert_eq!(failures, Vec::<String>::new());

    lab.must(&["scale", "posts=2"]);
    let before = lab.tasks("posts");
    docker(&["kill", &before[0].1]);
    // What it had accepted is lost with it; what comes after its death is not.
    assert!(answers(users, "posts:8080", 6).iter().all(|answer| answer.starts_with("200 ")));
    until("another takes its place", || (lab.tasks("posts").len() == 2 && lab.tasks("posts") != before).then_some(()));
    until("it has its turn", || (answers(users, "posts:8080", 4) == names(lab, "posts")).then_some(()));
}

/// The doors are the daemon's: with it they go, and with the next one they are there again, at the same places.
fn survives_the_daemon(lab: &Lab, users: &Place) {
    kill_hard(lab.daemon_pid());
    until("the doors are gone", || (users.dial("posts:8080") == "refused").then_some(()));
    lab.must(&["up", "-d"]);
    until("the doors are there again", || (answers(users, "posts:8080", 4) == names(lab, "posts")).then_some(()));
}

fn kill_hard(pid: u32) {
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

/// What is granted no more is no more: the tasks are new ones, and the door is shut.
fn is_taken_back(lab: &Lab, door: IpAddr) {
    let before = lab.tasks("users");
    lab.write("cluster.yaml", &MANIFEST.replace("taskDefinition: app, connectsTo: [posts]", "taskDefinition: app"));
    lab.must(&["up", "-d"]);
    let users = place_of(lab, "users");
    assert_ne!(lab.tasks("users"), before);
    assert_eq!(users.dial("posts:8080"), "no such name");
    assert_eq!(users.dial(&format!("{door}:8080")), "refused");
}
