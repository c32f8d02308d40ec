//! Cloud Map: names that stand for what is registered, for those who may see them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::isolation::{Place, place_of};
use crate::lab::{Lab, until};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
namespaces:
  - name: ${CLUSTER}.local
    services:
      - { name: posts, dnsConfig: { dnsRecords: [{ type: A, ttl: 0 }, { type: SRV, ttl: 7 }] } }
      - { name: users, dnsConfig: { dnsRecords: [{ type: SRV, ttl: 7 }] } }
taskDefinitions:
  - family: own
    networkMode: awsvpc
    containerDefinitions:
      - { name: app, image: "${IMAGE}", memory: 32, stopTimeout: 5, portMappings: [{ containerPort: 8080 }] }
  - family: shared
    containerDefinitions:
      - { name: app, image: "${IMAGE}", memory: 32, stopTimeout: 5, portMappings: [{ containerPort: 8080 }] }
services:
  - serviceName: posts
    taskDefinition: own
    desiredCount: 2
    serviceRegistries: [{ registry: "posts.${CLUSTER}.local", port: 8080 }]
  - serviceName: users
    taskDefinition: shared
    connectsTo: [posts]
    serviceRegistries: [{ registry: "users.${CLUSTER}.local", containerName: app, containerPort: 8080 }]
  - { serviceName: threads, taskDefinition: shared }
"#;

const SRV: u16 = 33;

/// What the container's resolver says of a name: the code, how many records there are, and the rest of the answer as text.
fn resolve(from: &Place, name: &str, kind: u16) -> (u8, u16, String) {
    let (status, answer) = from.ask_bytes(&format!("/records?name={name}&type={kind}"));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    (answer[3] & 15, u16::from_be_bytes([answer[6], answer[7]]), String::from_utf8_lossy(&answer[12..]).into_owned())
}

fn served(from: &Place, name: &str, times: usize) -> BTreeSet<String> {
    (0..times).map(|_| from.ask(&format!("/ask?of={name}:8080&path=/echo")).1).collect()
}

#[test]
fn names_stand_for_what_is_registered_for_those_who_may_see_them() {
    let mut lab = Lab::new("discovery");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let [posts, users, threads] = ["posts", "users", "threads"].map(|service| place_of(&lab, service));
    let domain = |service: &str| format!("{service}.{}.local", lab.cluster);
    let name = domain("posts");

    // The pauses have the host names of the tasks, so a task is known by who answers.
    assert_eq!(served(&users, &name, 6).len(), 2, "each of two tasks by the door");
    let own = served(&posts, &name, 12);
    assert!(!own.is_empty() && own.iter().all(|answer| answer.starts_with("200 ")), "{own:?}");
    assert_eq!(threads.dial(&format!("{name}:8080")), "no such name");
    let answers = |from: &Place, of: &Place| from.dial(&format!("{}:53", of.gateway.unwrap()));
    assert_eq!((answers(&users, &users), answers(&posts, &posts)), ("open", "open"));
    for (from, of) in [(&threads, &users), (&threads, &posts), (&users, &posts), (&threads, &threads)] {
        assert_eq!(answers(from, of), "refused", "{} asks where {} does", from.name, of.name);
    }
    let (code, count, text) = resolve(&users, &name, SRV);
    assert_eq!((code, count), (0, 2));
    for (task, _) in lab.tasks("posts") {
        assert!(text.contains(&task), "the instances are the tasks");
        assert_eq!(users.dial(&format!("{task}.{name}:8080")), "open");
    }
    assert_eq!(resolve(&posts, &domain("users"), SRV).0, 3, "posts does not connect to users");
    assert_eq!((resolve(&users, &domain("users"), SRV).1, resolve(&users, &domain("users"), 1).1), (1, 0), "bridge mode has no addresses");

    let listed = lab.json(&["names"]);
    assert_eq!(seen(&listed, &name), (2, vec!["posts".to_owned(), "users".to_owned()]));
    lab.must(&["scale", "posts=1"]);
    assert_eq!(resolve(&users, &name, SRV).1, 1, "the answer follows");
    lab.must(&["scale", "posts=0"]);
    until("nothing is registered", || (resolve(&users, &name, SRV).0 == 3).then_some(()));
    assert_eq!(users.dial(&format!("{name}:8080")), "no such name");

    let daemon = lab.daemon_pid();
    assert!(std::process::Command::new("kill").args(["-9", &daemon.to_string()]).status().unwrap().success());
    lab.must(&["up", "-d"]);
    // `up` says again how many there are to be.
    until("it is answered again", || (resolve(&users, &name, SRV).1 == 2).then_some(()));
    assert_eq!(served(&users, &name, 6).len(), 2);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn seen(listed: &Value, name: &str) -> (usize, Vec<String>) {
    let found = listed.as_array().unwrap().iter().find(|found| found["name"] == name).unwrap();
    let by = found["seenBy"].as_array().unwrap().iter().map(|seen| seen["service"].as_str().unwrap().to_owned());
    (found["instances"].as_array().unwrap().len(), by.collect())
}
