//! What the README promises, on the manifests that a newcomer reads first.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::http::Client;
use crate::lab::{Lab, Said, docker, root};
use crate::load::Load;

pub(crate) fn node_base() -> String {
    let output = Command::new(root().join("scripts/make-node-base")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A laboratory in which `files` of the repository lie as they do there, under a cluster and images of its own.
pub(crate) fn copy_of(name: &str, files: &[&str]) -> Lab {
    let mut lab = Lab::new(name);
    lab.set("ECSLOCAL_NODE_BASE", &node_base());
    for file in files {
        let status = Command::new("cp").arg("-r").arg(root().join(file)).arg(lab.folder.path()).status().unwrap();
        assert!(status.success());
    }
    lab
}

/// The manifest names its cluster and images itself; beside other tests they need names of their own.
pub(crate) fn rename(lab: &Lab, file: &str, old: &str) {
    let path = lab.folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen(&format!("cluster: {old}"), &format!("cluster: {}", lab.cluster), 1);
    let prefix = format!("image: {}", lab.image_prefix());
    std::fs::write(&path, text.replace("image: ecslocal/", &prefix).replace("image: monolith-lesson/", &prefix)).unwrap();
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
    // The second build takes the name; under another one the first is found again at the end.
    let image = format!("{}users", lab.image_prefix());
    docker(&["tag", &format!("{image}:latest"), &format!("{image}:before")]);
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

#[test]
fn the_monolith_is_split_without_a_failed_request() {
    let lab = copy_of("lesson", &["examples", "services"]);
    let folder = lab.folder.path().join("examples/monolith");
    let step = |file: &str| {
        rename(&lab, &format!("examples/monolith/{file}"), "monolith-lesson");
        let said = Said::of(lab.command(&["up", "-d", "-f", file]).current_dir(&folder).output().unwrap(), &["up", file]);
        assert_eq!(said.code, 0, "{said:?}");
    };
    step("cluster.yaml");
    let paths = ["/api/users", "/api/threads", "/api/posts"];
    let load = Load::begin(lab.port, &paths);
    let mut client = Client::new(lab.port);
    // How many of the three paths the monolith still answers after each step.
    for (file, monolith) in
        [("1-monolith.yaml", 3), ("2-users-split.yaml", 2), ("3-threads-split.yaml", 1), ("4-posts-split.yaml", 0), ("5-retired.yaml", 0)]
    {
        step(file);
        load.pass(20);
        let served: Vec<String> = paths.iter().map(|path| client.get(path).unwrap().served_by()).collect();
        assert_eq!(served.iter().filter(|by| by.starts_with("api/")).count(), monolith, "after {file}: {served:?}");
    }
    for (path, tally) in load.end() {
        assert_eq!(tally.failed, Vec::<String>::new(), "{path}");
    }
    lab.must(&["down", "--cluster", &lab.cluster]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn up_in_the_foreground_ends_in_order() {
    let lab = copy_of("foreground", &["cluster.yaml", "services"]);
    rename(&lab, "cluster.yaml", "tutorial");
    let mut up = lab.command(&["up"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(up.stdout.take().unwrap()).lines().map(Result::unwrap);
    // Once all is steady, logs are followed: the health checks are in them.
    assert!(lines.any(|line| line.contains("GET / 200")), "the end of `up` came before a log line");
    assert_eq!(Client::new(lab.port).get("/api/users").unwrap().status, 200);
    assert!(lines.any(|line| line.contains("GET /api/users 200")), "the end of `up` came before the request's log line");
    let interrupted = Command::new("kill").args(["-INT", &up.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    lines.for_each(drop);
    let said = Said::of(up.wait_with_output().unwrap(), &["up"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
