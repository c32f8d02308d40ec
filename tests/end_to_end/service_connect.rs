//! Service Connect: endpoints by their names, request by request, for one namespace alone.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::http::Client;
use crate::isolation::{Place, place_of};
use crate::lab::{Lab, docker, until};
use crate::tutorial::{copy_of, rename};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
serviceConnectDefaults: { namespace: "${CLUSTER}" }
taskDefinitions:
  - family: posts
    containerDefinitions:
      - name: app
        image: "${IMAGE}"
        memory: 32
        stopTimeout: 5
        portMappings: [{ name: web, containerPort: 8080, appProtocol: http }]
  - family: client
    networkMode: awsvpc
    containerDefinitions: [{ name: app, image: "${IMAGE}", memory: 32, stopTimeout: 5 }]
services:
  - serviceName: posts
    taskDefinition: posts
    desiredCount: 2
    serviceConnectConfiguration:
      enabled: true
      services:
        - { portName: web, discoveryName: posts, clientAliases: [{ port: 1080, dnsName: posts.api }], timeout: { perRequestTimeoutSeconds: 2 } }
  - { serviceName: users, taskDefinition: client, serviceConnectConfiguration: { enabled: true } }
  - { serviceName: others, taskDefinition: client, serviceConnectConfiguration: { enabled: true, namespace: elsewhere } }
  - { serviceName: alone, taskDefinition: client }
"#;

/// What comes of so many requests, each over a connection of its own.
fn answers(from: &Place, path: &str, times: usize) -> BTreeSet<String> {
    (0..times).map(|_| from.ask(&format!("/ask?of=posts.api:1080&path={path}")).1).collect()
}

fn names(lab: &Lab) -> BTreeSet<String> {
    lab.tasks("posts").iter().map(|(_, container)| format!("200 {}", &container[..12])).collect()
}

#[test]
fn endpoints_answer_by_their_names_within_their_namespace() {
    let mut lab = Lab::new("connect");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let [posts, users, others, alone] = ["posts", "users", "others", "alone"].map(|service| place_of(&lab, service));
    let door = format!("{}:1080", posts.gateway.unwrap());
    assert_eq!(answers(&users, "/echo", 4), names(&lab));
    assert_eq!(answers(&posts, "/echo", 4), names(&lab), "its own tasks are clients, too");
    for from in [&others, &alone] {
        assert_eq!((from.dial("posts.api:1080"), from.dial(&door)), ("no such name", "refused"), "{}", from.name);
    }
    assert_eq!(users.dial(&format!("{}:8080", posts.gateway.unwrap())), "refused", "the container's port is not an endpoint's");
    assert_eq!(users.ask("/ask?of=posts.api:1080&path=/hang").1, "504 ", "a response has two seconds");
    assert_eq!(users.ask("/ask?of=posts.api:1080&path=/status?code=503").1.split(' ').next(), Some("503"), "its own 503 goes through");
    let listed = lab.must(&["connections"]).out;
    assert!(listed.contains("posts.api:1080") && listed.contains(&door), "{listed}");

    docker(&["kill", &lab.tasks("posts")[0].1]);
    until("the other one answers alone, or with another", || {
        answers(&users, "/echo", 4).iter().all(|answer| answer.starts_with("200 ")).then_some(())
    });
    lab.must(&["scale", "posts=0"]);
    until("nobody is behind it", || (answers(&users, "/echo", 1) == BTreeSet::from(["503 ".to_owned()])).then_some(()));
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn the_example_runs_as_its_readme_says() {
    let lab = copy_of("lesson", &["examples", "services"]);
    rename(&lab, "examples/connections/cluster.yaml", "connections-lesson");
    let manifest = lab.folder.path().join("examples/connections/cluster.yaml");
    lab.must(&["up", "-d", "-f", manifest.to_str().unwrap()]);
    let mut client = Client::new(lab.port);
    let mut served = BTreeSet::new();
    for _ in 0..4 {
        let response = client.get("/pages/1").unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        let page: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(page["user"], "Mira Okafor");
        served.insert(page["servedBy"][1].as_str().unwrap().to_owned());
    }
    assert_eq!(served.len(), 2, "the tasks of posts take turns: {served:?}");
    let connections = lab.json(&["connections", "--cluster", &lab.cluster]);
    let door = connections.as_array().unwrap().iter().find(|found| found["server"] == "posts" && found["client"] == "front").unwrap();
    let threads = &lab.tasks("threads")[0].1;
    for (to, code) in [("posts.tutorial:3000", "ENOTFOUND"), (door["address"].as_str().unwrap(), "ECONNREFUSED")] {
        let program = format!("fetch('http://{to}').catch((error) => console.log(error.cause.code))");
        assert_eq!(docker(&["exec", threads, "node", "-e", &program]).trim(), code, "{to}");
    }
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
