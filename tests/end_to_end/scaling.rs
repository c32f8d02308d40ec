//! Services that follow their load: one the load balancer's requests, one the memory of its own containers.

use serde_json::Value;

use crate::http::Client;
use crate::lab::{Lab, until};
use crate::load::Load;

/// How the scaling of a service stands.
fn scaling(lab: &Lab, name: &str) -> Value {
    let services = lab.json(&["scaling"]);
    services.as_array().unwrap().iter().find(|service| service["serviceName"] == name).cloned().unwrap()
}

fn desired(lab: &Lab, name: &str) -> u64 {
    scaling(lab, name)["desiredCount"].as_u64().unwrap()
}

#[test]
fn services_grow_with_their_load_and_shrink_without_it() {
    let mut lab = Lab::new("scaling");
    lab.set("IMAGE", &test_support::test_image());
    lab.set("ECSLOCAL_METRIC_PERIOD", "2");
    lab.write("cluster.yaml", include_str!("scaled.yaml"));
    lab.must(&["up", "-d"]);
    let load = Load::begin(lab.port, &["/posts/echo"]);
    Client::new(lab.port).get("/users/eat-memory?mb=32").unwrap();
    until("posts has grown to its maximum", || (desired(&lab, "posts") == 3).then_some(()));
    until("three tasks of posts run", || (lab.tasks("posts").len() == 3).then_some(()));
    until("users has grown, too", || (desired(&lab, "users") == 2 && lab.tasks("users").len() == 2).then_some(()));
    lab.must(&["wait", "steady"]);
    assert_eq!(lab.must(&["diff"]).out, "", "what scaling has come to is no difference from the manifest");
    let cpu = scaling(&lab, "posts")["policies"][1]["value"].as_f64().unwrap();
    assert!(cpu > 0.0, "tasks that answer requests use some of their CPU: {cpu}");
    let listing = lab.must(&["scaling"]).out;
    assert!(listing.contains("maximum capacity is 3") && listing.contains("> 120 for 3 datapoints"), "{listing}");
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    let events = lab.must(&["events", "posts"]).out;
    let sentence =
        "Message: Successfully set desired count to 3. Waiting for change to be fulfilled by ecs. Cause: monitor alarm TargetTracking-service/";
    assert!(events.contains(sentence) && events.contains(" in state ALARM triggered policy requests"), "{events}");

    until("posts has shrunk to its minimum", || (desired(&lab, "posts") == 1 && lab.tasks("posts").len() == 1).then_some(()));
    assert_eq!(desired(&lab, "users"), 2, "nothing takes tasks of users away");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
