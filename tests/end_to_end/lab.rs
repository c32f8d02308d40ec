//! A laboratory: a state folder, a port and a folder for manifests of its own, the built binary, and a clean end whatever happens.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Lab {
    home: TempDir,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    pub(crate) cluster: String,
    variables: Vec<(String, String)>,
}

impl Lab {
    /// A laboratory whose cluster is called `name` and something of its own.
    pub(crate) fn new(name: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let cluster = format!("{name}-{port}");
        Self { home: tempfile::tempdir().unwrap(), folder, port, cluster, variables: Vec::new() }
    }

    /// The state folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets a variable for every command from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecslocal"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("ECSLOCAL_HOME", self.home.path()).env("ECSLOCAL_CONTROL", "0").env("NO_COLOR", "1");
        command.env("PORT", self.port.to_string()).env("ECSLOCAL_PORT", self.port.to_string()).env("CLUSTER", &self.cluster);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap(), arguments)
    }

    /// A command that must succeed.
    pub(crate) fn must(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{said:?}\n{}", self.daemon_log());
        said
    }

    /// A listing as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--output", "json"]);
        serde_json::from_str(&self.must(&arguments).out).unwrap()
    }

    /// The service's tasks that run and are wanted: task id and container id, sorted.
    pub(crate) fn tasks(&self, service: &str) -> Vec<(String, String)> {
        let listing = self.json(&["ps"]);
        let tasks = listing["tasks"].as_array().unwrap().iter();
        let tasks = tasks.filter(|task| task["serviceName"] == service && task["lastStatus"] == "RUNNING" && task["desiredStatus"] == "RUNNING");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut tasks: Vec<_> = tasks.map(|task| (text(&task["taskId"]), text(&task["containers"][0]["runtimeId"]))).collect();
        tasks.sort();
        tasks
    }

    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon_pid_if_any().unwrap()
    }

    pub(crate) fn daemon_pid_if_any(&self) -> Option<u32> {
        let note: Value = serde_json::from_str(&fs::read_to_string(self.home.path().join("daemon.json")).ok()?).ok()?;
        u32::try_from(note["pid"].as_u64()?).ok()
    }

    pub(crate) fn daemon_log(&self) -> String {
        fs::read_to_string(self.home.path().join("daemon.log")).unwrap_or_default()
    }

    /// The id that is on everything of this laboratory's in the engine.
    pub(crate) fn owner(&self) -> Option<String> {
        let state: Value = serde_json::from_str(&fs::read_to_string(self.home.path().join("state.json")).ok()?).ok()?;
        Some(state["world"]["settings"]["owner"].as_str()?.to_owned())
    }

    /// How the names of images that this laboratory builds begin.
    pub(crate) fn image_prefix(&self) -> String {
        format!("ecslocal-test/{}-", self.cluster)
    }

    /// Containers, networks and volumes of this laboratory's that the engine has.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let Some(owner) = self.owner() else { return Vec::new() };
        let filter = format!("label=dev.ecslocal.owner={owner}");
        let containers = docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        let networks = docker(&["network", "ls", "--quiet", "--filter", &filter]);
        let volumes = docker(&["volume", "ls", "--quiet", "--filter", &filter]);
        containers.lines().chain(networks.lines()).chain(volumes.lines()).map(str::to_owned).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The state goes with the cluster.
        let owner = self.owner();
        let down = self.command(&["down", "--cluster", &self.cluster]).output();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}\ndown: {down:?}", self.daemon_log());
        }
        for id in self.leftovers() {
            Command::new("docker").args(["rm", "--force", "--volumes", &id]).output().ok();
            Command::new("docker").args(["network", "rm", &id]).output().ok();
            Command::new("docker").args(["volume", "rm", &id]).output().ok();
        }
        let images = Command::new("docker").args(["images", "--format", "{{.Repository}}:{{.Tag}}", &format!("{}*", self.image_prefix())]).output();
        for name in images.iter().flat_map(|output| String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()) {
            Command::new("docker").args(["rmi", &name]).output().ok();
        }
        // What a later build has taken the name of.
        let filter = format!("label=dev.ecslocal.owner={}", owner.unwrap_or_default());
        let superseded = Command::new("docker").args(["images", "--quiet", "--no-trunc", "--filter", "dangling=true", "--filter", &filter]).output();
        for id in superseded.iter().flat_map(|output| String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()) {
            Command::new("docker").args(["rmi", &id]).output().ok();
        }
    }
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) command: String,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: Output, arguments: &[&str]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { command: arguments.join(" "), code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The exit code and parts of what was said on standard error.
    pub(crate) fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is not in what `{}` said:\n{}\n{}", self.command, self.err, self.out);
        }
    }
}

/// Waits until `found` gives something; the wait is for a condition, with an end.
#[expect(clippy::disallowed_methods, reason = "a test on real containers waits in real time")]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
