//! What the README promises, on the manifests that a newcomer reads first.

use std::process::Command;

use serde_json::Value;

use crate::http::Client;
use crate::lab::{Lab, root};
use crate::load::Load;

fn node_base() -> String {
    let output = Command::new(root().join("scripts/make-node-base")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A laboratory in which `files` of the repository lie as they do there, under a cluster and images of its own.
fn copy_of(name: &str, files: &[&str]) -> Lab {
    let mut lab = Lab::new(name);
    lab.set("ECSLOCAL_NODE_BASE", &node_base());
    for file in files {
        let status = Command::new("cp").arg("-r").arg(root().join(file)).arg(lab.folder.path()).status().unwrap();
        assert!(status.success());
    }
    lab
}

/// The manifest names its cluster, load balancer and target groups itself; beside other tests they need names of their own.
fn rename(lab: &Lab, file: &str, old: &str) {
    let path = lab.folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen(&format!("cluster: {old}"), &format!("cluster: {}", lab.cluster), 1)).unwrap();
}

fn json(client: &mut Client, path: &str) -> Value {
    let response = client.get(path).unwrap();
    assert_eq!(response.status, 200, "{path}: {response:?}");
    serde_json::from_str(&response.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", response.body))
}

#[test]
fn the_tutorial_serves_every_route() {
    let lab = copy_of("tutorial", &["cluster.yaml", "services"]);
    rename(&lab, "cluster.yaml", "tutorial");
    lab.must(&["validate"]);
    lab.must(&["up", "-d"]);
    let mut client = Client::new(lab.port);
    for path in ["/api/users", "/api/threads", "/api/posts"] {
        assert!(json(&mut client, path).as_array().is_some_and(|items| !items.is_empty()), "{path}");
    }
    for path in ["/api/users/1", "/api/threads/1"] {
        assert_eq!(json(&mut client, path)["id"], 1, "{path}");
    }
    for path in ["/api/posts/in-thread/1", "/api/posts/by-user/1"] {
        assert!(json(&mut client, path).is_array(), "{path}");
    }
    assert_eq!(client.get("/nowhere").unwrap().status, 404);
    let explained = lab.must(&["explain", "GET", "/api/posts/by-user/1"]).out;
    assert!(explained.contains("posts"), "{explained}");
    assert!(lab.must(&["logs", "users"]).out.contains("/api/users/1"), "each request is logged");
    assert!(lab.must(&["routes"]).out.contains("/api/threads*"));

    // Edit and deploy: only users rolls, and no request fails.
    let others = (lab.tasks("threads"), lab.tasks("posts"));
    let load = Load::begin(lab.port, &["/api/users", "/api/threads", "/api/posts"]);
    let server = lab.folder.path().join("services/users/server.js");
    let source = std::fs::read_to_string(&server).unwrap();
    std::fs::write(&server, format!("{source}\n// a new version\n")).unwrap();
    lab.must(&["up", "-d"]);
    load.pass(50);
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    assert_eq!(others, (lab.tasks("threads"), lab.tasks("posts")));
    let nothing = lab.must(&["diff"]).out;
    assert!(!nothing.contains("service"), "after `up` there is no difference: {nothing}");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
