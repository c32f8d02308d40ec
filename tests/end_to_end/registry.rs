//! The registry with Docker as its client: login, push, pull, and tasks that run what was pushed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::http::Client;
use crate::lab::{Lab, Said, docker};

/// A laboratory whose registry Docker knows, with a configuration of its own.
struct Hall {
    lab: Lab,
    /// `127.0.0.1:<port>`
    host: String,
    /// After the laboratory, whose containers run them.
    _images: Images,
}

/// What was tagged for, or pulled from, the registry of that address.
struct Images(String);

impl Hall {
    /// The first command makes a repository, and starts the daemon.
    fn new(name: &str) -> Self {
        let mut lab = Lab::new(name);
        let config = lab.home().join("docker").display().to_string();
        lab.set("DOCKER_CONFIG", &config);
        let made = lab.json(&["ecr", "create", "users"]);
        let uri = made[0]["repositoryUri"].as_str().unwrap();
        let host = uri.strip_suffix("/users").unwrap().to_owned();
        Self { lab, _images: Images(host.clone()), host }
    }

    /// Docker's command line, logged in where the laboratory is.
    fn docker(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new("docker");
        command.args(arguments).env("DOCKER_CONFIG", self.lab.home().join("docker")).stdin(Stdio::null());
        Said::of(command.output().unwrap(), arguments)
    }

    fn must(&self, arguments: &[&str]) -> Said {
        let said = self.docker(arguments);
        assert_eq!(said.code, 0, "{said:?}\n{}", self.lab.daemon_log());
        said
    }

    /// An image like no other, by a name that the laboratory's end removes.
    fn image(&self, version: &str) -> String {
        let name = format!("{}{version}", self.lab.image_prefix());
        let mut build =
            Command::new("docker").args(["build", "--quiet", "--tag", &name, "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let text = format!("FROM {}\nLABEL of={name}\n", test_support::test_image());
        build.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(build.wait().unwrap().success());
        name
    }

    fn tags(&self, repository: &str) -> Vec<String> {
        let images = self.lab.json(&["ecr", "images", repository]);
        let tags = images.as_array().unwrap().iter().flat_map(|image| image["imageTags"].as_array().cloned().unwrap_or_default());
        let mut tags: Vec<_> = tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
        tags.sort();
        tags
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let filter = format!("reference={}/*", self.0);
        let deeper = format!("reference={}/*/*", self.0);
        let images = Command::new("docker")
            .args(["images", "--all", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}", "--filter", &filter, "--filter", &deeper])
            .output();
        for line in images.iter().flat_map(|output| String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()) {
            if let [repository, tag, digest] = line.split(' ').collect::<Vec<_>>()[..] {
                let name = if tag == "<none>" { format!("{repository}@{digest}") } else { format!("{repository}:{tag}") };
                Command::new("docker").args(["rmi", &name]).output().ok();
            }
        }
    }
}

fn id(image: &str) -> String {
    docker(&["image", "inspect", "--format", "{{.Id}}", image]).trim().to_owned()
}

#[test]
fn docker_logs_in_pushes_and_pulls() {
    let hall = Hall::new("push");
    let (image, uri) = (hall.image("v1"), format!("{}/users:v1", hall.host));
    hall.must(&["tag", &image, &uri]);
    let refused = hall.docker(&["push", &uri]);
    assert!(refused.code != 0 && refused.err.contains("no basic auth credentials"), "{refused:?}");
    hall.lab.must(&["ecr", "login"]);
    hall.must(&["push", &uri]);
    let unknown = format!("{}/none:v1", hall.host);
    hall.must(&["tag", &image, &unknown]);
    let refused = hall.docker(&["push", &unknown]);
    assert!(refused.err.contains("The repository with name 'none' does not exist in the registry with id '000000000000'"), "{refused:?}");

    // It comes back as it went, and the login outlives the daemon.
    let before = id(&uri);
    hall.must(&["rmi", &uri, &image, &unknown]);
    hall.must(&["pull", "--quiet", &uri]);
    assert_eq!(id(&uri), before);
    hall.must(&["push", &uri]);
    assert_eq!(hall.tags("users"), ["v1"]);
    let missing = hall.docker(&["pull", &format!("{}/users:v9", hall.host)]);
    assert!(missing.err.contains("manifest unknown"), "{missing:?}");

    hall.lab.run(&["ecr", "rm", "users"]).fails(1, &["cannot be deleted because it still contains images"]);
    hall.lab.must(&["ecr", "rm", "users:v1"]);
    let again = hall.docker(&["pull", &uri]);
    assert!(again.err.contains("manifest unknown"), "{again:?}");
    hall.lab.must(&["ecr", "rm", "users"]);
    assert!(hall.lab.must(&["ecr", "gc", "--older-than", "0"]).err.contains(" blobs ("));
}

#[test]
fn a_task_definition_with_ecr_s_name_runs_what_was_pushed() {
    let hall = Hall::new("ecr");
    let lab = &hall.lab;
    let image = hall.image("v1");
    let text = include_str!("../../examples/registry/cluster.yaml").replace("cluster: registry", &format!("cluster: {}", lab.cluster));
    lab.write("cluster.yaml", &text);
    assert!(lab.must(&["ecr", "push", &image, "team/posts:v1"]).err.contains("repository team/posts is made"));
    assert_eq!(hall.tags("team/posts"), ["v1"]);
    let pushed = id(&image);
    hall.must(&["rmi", &image]);
    lab.must(&["up", "-d"]);
    assert_eq!(Client::new(lab.port).get("/echo").unwrap().status, 200);
    let container = lab.tasks("posts").remove(0).1;
    assert_eq!(docker(&["inspect", "--format", "{{.Image}}", &container]).trim(), pushed);

    // What is pushed later is what the next `up` rolls out.
    let newer = hall.image("v2");
    lab.must(&["ecr", "push", &newer, "team/posts:v1"]);
    lab.must(&["up", "-d"]);
    let container = lab.tasks("posts").remove(0).1;
    assert_eq!(docker(&["inspect", "--format", "{{.Image}}", &container]).trim(), id(&newer));

    let said = lab.must(&["down"]);
    assert!(said.err.contains("the repository `team/posts` holds images and stays"), "{said:?}");
    assert_eq!(lab.leftovers(), Vec::<String>::new());
    assert_eq!(hall.tags("team/posts"), ["v1"], "images outlive the daemon");
    lab.must(&["ecr", "rm", "team/posts", "--force"]);
}
