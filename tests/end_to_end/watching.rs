//! `up --watch`: what is saved is built and rolled out without a failed request, what fails leaves the version before in place.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::http::Client;
use crate::lab::{Lab, docker, until};
use crate::load::Load;

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
loadBalancers:
  - name: ${CLUSTER}
    listeners:
      - port: ${PORT}
        protocol: HTTP
        defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "404", contentType: text/plain, messageBody: "no route" } }]
        rules:
          - { priority: 1, conditions: [{ field: path-pattern, values: ["/users*"] }], actions: [{ type: forward, targetGroup: "${CLUSTER}-users" }] }
          - { priority: 2, conditions: [{ field: path-pattern, values: ["/posts*"] }], actions: [{ type: forward, targetGroup: "${CLUSTER}-posts" }] }
targetGroups:
  - &group
    name: ${CLUSTER}-users
    protocol: HTTP
    port: 80
    healthCheckIntervalSeconds: 5
    healthCheckTimeoutSeconds: 2
    attributes: { deregistration_delay.timeout_seconds: 2 }
  - { <<: *group, name: "${CLUSTER}-posts" }
taskDefinitions:
  - family: users
    containerDefinitions:
      - &container
        name: app
        image: "ecslocal-test/${CLUSTER}-users:v1"
        build: users
        memory: 64
        stopTimeout: 5
        environment: [{ name: PREFIX, value: /users }]
        environmentFiles: [{ type: file, value: users.env }]
        portMappings: [{ containerPort: 8080 }]
  - { family: posts, containerDefinitions: [{ <<: *container, image: "ecslocal-test/${CLUSTER}-posts:v1", build: posts, environment: [{ name: PREFIX, value: /posts }] , environmentFiles: [] }] }
services:
  - &service
    serviceName: users
    taskDefinition: users
    desiredCount: 1
    loadBalancers: [{ targetGroup: "${CLUSTER}-users", containerName: app, containerPort: 8080 }]
  - { <<: *service, serviceName: posts, taskDefinition: posts, loadBalancers: [{ targetGroup: "${CLUSTER}-posts", containerName: app, containerPort: 8080 }] }
"#;

/// An `up --watch` and what it says.
struct Watch {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    /// What was said before was asked about already.
    heard: usize,
}

impl Watch {
    fn begin(lab: &Lab, arguments: &[&str]) -> Self {
        let all: Vec<&str> = ["up", "--watch"].iter().chain(arguments).copied().collect();
        let mut child = lab.command(&all).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, keep) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&said));
        // It ends with the process, whose output it is.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| keep.lock().unwrap().push(line)));
        let mut watch = Self { child, said, heard: 0 };
        watch.until("following logs");
        watch
    }

    /// Waits for a line with these words, and gives what was said until then since the last time.
    fn until(&mut self, words: &str) -> String {
        until(words, || {
            let said = self.said.lock().unwrap();
            let at = said.iter().skip(self.heard).position(|line| line.contains(words))?;
            let lines = said[self.heard..=self.heard + at].join("\n");
            self.heard += at + 1;
            Some(lines)
        })
    }

    fn end(mut self) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "{:?}", self.said.lock().unwrap());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Where a test has failed before its end.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("up --watch said:\n{}", self.said.lock().unwrap().join("\n"));
        }
    }
}

/// What an image of that version is made of.
fn dockerfile(version: u32, more: &str) -> String {
    format!("FROM {}\nCOPY . /data\nENV VERSION={version}\n{more}", test_support::test_image())
}

fn laboratory(name: &str) -> Lab {
    let lab = Lab::new(name);
    lab.write("cluster.yaml", MANIFEST);
    lab.write("users.env", "COLOUR=red\n");
    for service in ["users", "posts"] {
        lab.write(&format!("{service}/Dockerfile"), &dockerfile(1, ""));
        lab.write(&format!("{service}/.dockerignore"), "*.log\n");
    }
    lab
}

fn variable(lab: &Lab, path: &str) -> String {
    Client::new(lab.port).get(path).unwrap().body
}

#[test]
fn what_is_saved_is_rolled_out_and_what_fails_leaves_what_serves() {
    let lab = laboratory("watch");
    let mut watch = Watch::begin(&lab, &["--speed", "5x"]);
    let posts = lab.tasks("posts");
    let load = Load::begin(lab.port, &["/users/", "/posts/"]);

    // As editors save: a new file that takes the old one's place.
    lab.write("users/.Dockerfile.swp", "");
    lab.write("users/Dockerfile.new", &dockerfile(2, ""));
    fs::rename(lab.folder.path().join("users/Dockerfile.new"), lab.folder.path().join("users/Dockerfile")).unwrap();
    let said = watch.until("users: users:2 answers");
    assert!(said.contains("users/Dockerfile changed: users") && said.contains(" s after the save"), "{said}");
    assert_eq!(variable(&lab, "/users/env?name=VERSION"), "2");
    watch.until("users: steady with users:2");

    // Nothing of this makes a build: the same again, what is ignored, what git and editors write.
    lab.write("users/Dockerfile", &dockerfile(2, ""));
    for name in ["users/debug.log", "users/.git/HEAD", "users/4913", "posts/a~"] {
        lab.write(name, "x");
    }
    // Two saves at once, and folders that come.
    lab.write("users/Dockerfile", &dockerfile(3, ""));
    lab.write("users/views/deep/page.html", "page");
    lab.write("users/Dockerfile", &dockerfile(4, ""));
    let said = watch.until("users: steady with ");
    assert_eq!(variable(&lab, "/users/env?name=VERSION"), "4", "{said}");
    assert!(!said.contains("posts") && !said.contains("git"), "{said}");

    lab.write("users/Dockerfile", &dockerfile(5, "RUN [\"/no-such-program\"]\n"));
    let said = watch.until("the next save tries again");
    assert!(said.contains("no-such-program") && said.contains("error: image"), "{said}");
    lab.write("users/Dockerfile", &dockerfile(6, "ENV HEALTH_STATUS=500\n"));
    let said = watch.until("the next save tries again");
    assert!(said.contains("the deployment of users keeps failing") && said.contains("[500]"), "{said}");
    assert_eq!(variable(&lab, "/users/env?name=VERSION"), "4", "the last that was right");
    lab.write("users/Dockerfile", &dockerfile(7, ""));
    watch.until(" answers ");
    assert_eq!(variable(&lab, "/users/env?name=VERSION"), "7");
    watch.until("users: steady with ");

    assert_eq!(lab.tasks("posts"), posts, "nobody has touched them");
    for (path, tally) in load.end() {
        assert!(tally.failed.is_empty(), "{path}: {:?}", tally.failed);
    }
    watch.end();
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn what_is_copied_without_a_build_is_in_all_containers_until_a_build_has_it() {
    let lab = laboratory("synced");
    let rules = "build: users\n        watch: [{ path: users/pages, target: /data/pages, action: sync }, { path: users/conf, target: /data/conf, action: sync+restart }]";
    lab.write(
        "cluster.yaml",
        &MANIFEST.replacen("build: users", rules, 1).replacen("environmentFiles: [] }", "environmentFiles: [], watch: [] }", 1),
    );
    lab.write("users/pages/one", "built");
    let mut watch = Watch::begin(&lab, &["--speed", "5x"]);
    let load = Load::begin(lab.port, &["/users/"]);
    let container = || lab.tasks("users").pop().map(|(_, container)| container);
    // As an archive, with a head of zeros.
    let content = |path: &str| {
        let said = Command::new("docker").args(["cp", &format!("{}:{path}", container()?), "-"]).output().unwrap();
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let image = || docker(&["inspect", "--format", "{{.Image}}", &container().unwrap()]);
    let has = |path: &str, text: &str| content(path).is_some_and(|found| found.contains(text));
    let (task, built) = (lab.tasks("users"), image());

    lab.write("users/pages/one", "synced-first");
    lab.write("users/pages/deep/two", "synced-second");
    watch.until("its tasks run synced files until the next build");
    until("both are there", || (has("/data/pages/one", "synced-first") && has("/data/pages/deep/two", "synced-second")).then_some(()));
    assert_eq!((lab.tasks("users"), image()), (task.clone(), built.clone()), "nothing was built and nothing has rolled");
    assert!(lab.must(&["ps"]).out.contains("2 synced"));

    // A deployment without a build, whose tasks have those before as well.
    lab.write("users/conf/a", "synced-third");
    watch.until("new tasks are given 1 file, without a build");
    watch.until("users: steady with users:1");
    assert!(lab.tasks("users") != task && image() == built);
    let all = || has("/data/conf/a", "synced-third") && has("/data/pages/one", "synced-first") && has("/data/pages/deep/two", "synced-second");
    assert!(all());
    for (path, tally) in load.end() {
        assert!(tally.failed.is_empty(), "{path}: {:?}", tally.failed);
    }

    // What takes the place of one that dies.
    let before = container();
    docker(&["kill", before.as_ref().unwrap()]);
    until("another one runs", || container().filter(|now| Some(now) != before.as_ref()));
    assert!(all() && image() == built);

    // A build has them itself, and without what is gone.
    fs::remove_file(lab.folder.path().join("users/pages/one")).unwrap();
    watch.until("users/pages/one changed: users");
    watch.until("users: steady with users:2");
    assert!(image() != built && content("/data/pages/one").is_none() && has("/data/conf/a", "synced-third"));
    until("nothing is synced any more", || (!lab.must(&["ps"]).out.contains("synced")).then_some(()));
    assert_eq!(fs::read_dir(lab.home().join("synced")).unwrap().count(), 0);
    watch.end();
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

/// A process that answers every request with that text; it ends with the test.
fn process(text: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                for _ in lines.filter(String::is_empty) {
                    write!(&stream, "HTTP/1.1 200 OK\r\nX-Served-By: editor\r\nContent-Length: {}\r\n\r\n{text}", text.len()).unwrap_or_default();
                }
            });
        }
    });
    port
}

#[test]
fn a_process_takes_over_from_tasks_and_gives_back_without_a_failed_request() {
    let lab = laboratory("attached");
    lab.must(&["up", "-d", "--speed", "5x"]);
    let port = process("from an editor").to_string();
    let load = Load::begin(lab.port, &["/users/", "/posts/"]);
    let served = || Client::new(lab.port).get("/users/").unwrap().body;

    // Nobody listens there: the tasks go on.
    lab.run(&["attach", "users", "--port", "1", "--timeout", "1"]).fails(1, &["127.0.0.1:1 does not serve", "its tasks go on"]);
    assert_eq!(lab.tasks("users").len(), 1);
    lab.run(&["attach", "users", "--port", &port]).fails(1, &["it is attached to 127.0.0.1:1", "detach users"]);
    lab.must(&["detach", "users"]);

    lab.must(&["attach", "users", "--port", &port]);
    assert_eq!((lab.tasks("users").len(), served().as_str()), (0, "from an editor"));
    load.pass(50);
    let said = lab.must(&["up", "-d"]);
    assert!(said.err.contains(&format!("users stays attached to 127.0.0.1:{port}")) && said.err.contains("nothing to change"), "{said:?}");
    assert!(lab.must(&["targets"]).out.contains("attached: users"));
    assert!(lab.must(&["ps"]).out.contains(&format!("ATTACHED 127.0.0.1:{port}, 1 at rest")));
    assert!(lab.must(&["explain", "GET", "/users"]).out.contains("attached: users"));
    load.pass(50);

    lab.must(&["detach", "users"]);
    assert_eq!(lab.tasks("users").len(), 1);
    load.pass(50);
    for (path, tally) in load.end() {
        assert!(tally.failed.is_empty(), "{path}: {:?}", tally.failed);
    }
    // It survives the daemon.
    lab.must(&["attach", "users", "--port", &port]);
    assert!(Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap().success());
    lab.must(&["up", "-d"]);
    assert_eq!((lab.tasks("users").len(), served().as_str()), (0, "from an editor"));
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn the_manifest_is_applied_live_and_what_tasks_read_at_their_start_rolls_them() {
    let lab = laboratory("watched-manifest");
    let mut watch = Watch::begin(&lab, &["--speed", "5x"]);
    let users = lab.tasks("users");
    let text = |path: &str| Client::new(lab.port).get(path).unwrap().body;

    lab.write("cluster.yaml", &MANIFEST.replace("no route", "no such route"));
    watch.until("the manifest is applied");
    assert_eq!(text("/nothing"), "no such route");
    lab.write("cluster.yaml", &MANIFEST.replace("protocol: HTTP\n        defaultActions", "protcol: HTTP\n        defaultActions"));
    let said = watch.until("nothing is changed until the manifest is right again");
    assert!(said.contains("--> cluster.yaml:7:9") && said.contains("protcol"), "{said}");
    assert_eq!(text("/nothing"), "no such route");
    assert_eq!(lab.tasks("users"), users, "nothing has rolled");

    lab.write("cluster.yaml", &MANIFEST.replace("desiredCount: 1", "desiredCount: ${COUNT:-1}"));
    watch.until("the manifest is applied");
    lab.write(".env", "COUNT=2\n");
    watch.until("the manifest is applied");
    until("there are two tasks", || (lab.tasks("users").len() == 2).then_some(()));

    lab.write("users.env", "COLOUR=blue\n");
    watch.until("users.env changed: users");
    watch.until("users: steady with users:1");
    assert_eq!(text("/users/env?name=COLOUR"), "blue");
    watch.end();
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
