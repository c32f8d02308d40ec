//! Another machine with an engine of its own, made of namespaces of this one: its own network, mounts and processes, which end with it.
//! Reached over a wire of its own, by `tcp://`, and by `ssh://` where there is an SSH server to run.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::lab::{Lab, until};

/// What the engine needs to begin, as the first process of its machine.
const BEGIN: &str = r#"
set -e
ip link set lo up
until ip link show "$WIRE" >/dev/null 2>&1; do sleep 0.02; done
ip addr add "$ADDRESS/30" dev "$WIRE"
ip link set "$WIRE" up
ip route add default via "$HOST"
exec dockerd --config-file "$FOLDER/daemon.json" --data-root "$FOLDER/data" --exec-root "$FOLDER/exec" --pidfile "$FOLDER/pid" \
  --tls=false -H "unix://$FOLDER/docker.sock" -H "tcp://$ADDRESS:2375" >"$FOLDER/log" 2>&1
"#;

pub(crate) struct SecondMachine {
    folder: TempDir,
    address: String,
    /// `unshare`, which waits for the engine.
    machine: Child,
    /// Their SSH server.
    server: Option<Child>,
}

impl SecondMachine {
    /// The machine, when its engine answers; `None`, with the reason, where this one cannot make another.
    pub(crate) fn boot() -> Option<Self> {
        let found = |tool: &&str| Command::new("sh").args(["-c", &format!("command -v {tool} >/dev/null")]).status().unwrap().success();
        let root = fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line.starts_with("Uid:\t0\t"));
        if !root || !["dockerd", "ip", "unshare", "nsenter"].iter().all(found) {
            eprintln!("another machine cannot be made here: it takes root, dockerd, iproute2 and util-linux");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let driver = crate::lab::docker(&["info", "--format", "{{.Driver}}"]);
        fs::write(folder.path().join("daemon.json"), format!(r#"{{"storage-driver": "{}"}}"#, driver.trim())).unwrap();
        // Addresses for tests of devices (RFC 2544), four of them for each process that runs a test.
        let number = std::process::id() & 0x3fff;
        let address = |last: u32| format!("198.{}.{}.{}", 18 + (number >> 13), (number >> 6) & 0x7f, ((number & 0x3f) << 2) + last);
        let (host, address) = (address(1), address(2));
        let wires = [format!("ecl{number}a"), format!("ecl{number}b")];
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", BEGIN]);
        command.env("WIRE", &wires[1]).env("ADDRESS", &address).env("HOST", &host).env("FOLDER", folder.path());
        let machine = command.stdin(Stdio::null()).spawn().unwrap();
        let booting = Self { folder, address, machine, server: None };
        let inside = booting.first_process();
        run("ip", &["link", "add", &wires[0], "type", "veth", "peer", "name", &wires[1], "netns", &inside]);
        run("ip", &["addr", "add", &format!("{host}/30"), "dev", &wires[0]]);
        run("ip", &["link", "set", &wires[0], "up"]);
        until("the engine of the second machine answers", || TcpStream::connect((booting.address.as_str(), 2375)).ok());
        Some(booting)
    }

    /// Lets a laboratory reach it: by `ssh://` if it can, else by `tcp://`. Gives the endpoint.
    pub(crate) fn open_to(&mut self, lab: &mut Lab) -> String {
        if !Path::new("/usr/sbin/sshd").exists() {
            eprintln!("there is no SSH server here: the engine is reached by tcp://");
            return format!("tcp://{}:2375", self.address);
        }
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        for key in ["host", "client"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]);
        }
        fs::create_dir_all("/run/sshd").unwrap();
        let inside = self.first_process();
        let options = ["-D", "-e", "-p", "22", "-h", &path("host"), "-f", "/dev/null", "-o", "StrictModes=no", "-o", "PidFile=none"];
        let keys = format!("AuthorizedKeysFile={}", path("client.pub"));
        let mut server = Command::new("nsenter");
        server.args(["--target", &inside, "--net", "/usr/sbin/sshd"]).args(options).args(["-o", &keys]);
        self.server = Some(server.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        // The user's own configuration is not ours to change: `ssh` is called with another one.
        let config = format!("IdentityFile {}\nIdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n", path("client"));
        fs::write(path("config"), config).unwrap();
        fs::create_dir(path("bin")).unwrap();
        let wrapper = format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", path("config"));
        fs::write(path("bin/ssh"), wrapper).unwrap();
        fs::set_permissions(path("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
        lab.set("PATH", &format!("{}:{}", path("bin"), std::env::var("PATH").unwrap()));
        until("the SSH server answers", || TcpStream::connect((self.address.as_str(), 22)).ok());
        format!("ssh://root@{}{}", self.address, path("docker.sock"))
    }

    /// Docker's command line, spoken to its engine.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let endpoint = format!("tcp://{}:2375", self.address);
        let whole: Vec<&str> = ["-H", &endpoint].into_iter().chain(arguments.iter().copied()).collect();
        crate::lab::docker(&whole)
    }

    /// The power fails.
    pub(crate) fn fail(&mut self) {
        self.machine.kill().unwrap();
        self.machine.wait().unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The process that all others of the machine are below, by the number that it has here.
    fn first_process(&self) -> String {
        let children = format!("/proc/{0}/task/{0}/children", self.machine.id());
        until("`unshare` makes a machine", || {
            let found = fs::read_to_string(&children).unwrap_or_default();
            found.split_whitespace().next().map(str::to_owned)
        })
    }
}

impl Drop for SecondMachine {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            server.kill().ok();
            server.wait().ok();
        }
        if self.machine.try_wait().is_ok_and(|ended| ended.is_none()) {
            // In order, so that its containers leave nothing of theirs in the kernel.
            Command::new("kill").args(["-TERM", &self.first_process()]).status().ok();
            until("the second machine is off", || self.machine.try_wait().unwrap_or_default());
            self.machine.wait().ok();
        }
        if std::thread::panicking() {
            eprintln!("the second engine's log:\n{}", self.log());
        }
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
