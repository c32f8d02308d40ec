//! A tunnel to another machine: one `ssh` that brings its engine's socket here, and one forwarded port for each published one.
//!
//! `ssh` itself knows the user's configuration, keys, agent and known hosts, so it is what opens the tunnel. Nothing is asked for at a
//! terminal. It ends with us: its remote command reads what we never write, and ends when we are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use model::ContainerId;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// Longest wait for the other side to be there.
const OPEN: Duration = Duration::from_secs(20);
/// Longest wait for a port to be forwarded.
const FORWARD: Duration = Duration::from_secs(10);
/// What the remote command says when everything is forwarded that was asked for at the beginning.
const READY: &str = "ecslocal-tunnel";
/// Unix sockets have short names: 104 bytes on macOS, of which `ssh` wants 17 for itself.
const LONGEST_PATH: usize = 86;
/// So much of what `ssh` complains about is kept.
const COMPLAINT: u64 = 4096;

/// Where it leads, and which of its machine's sockets it brings here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// `user@host` or `host`.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) socket: String,
}

impl Destination {
    /// The loopback address of this machine where its ports are: one of its own, so that every port keeps its number. Linux has them all.
    fn address(&self) -> Ipv4Addr {
        let digest = Sha256::digest(format!("{self:?}").as_bytes());
        Ipv4Addr::new(127, 213, digest[0], digest[1].clamp(1, 254))
    }
}

/// An open tunnel. It closes when it is dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    destination: Destination,
    control: PathBuf,
    socket: PathBuf,
    /// Ports that are forwarded, by the container that they were published for.
    forwarded: tokio::sync::Mutex<BTreeMap<ContainerId, BTreeSet<u16>>>,
    /// Killed when it is dropped.
    process: tokio::sync::Mutex<(Child, Option<ChildStdin>)>,
}

impl Tunnel {
    /// Opens one, with its sockets in that folder under a name that no other tunnel there has.
    pub(crate) async fn open(destination: Destination, folder: &Path, name: &str) -> Result<Self, String> {
        let folder = if folder.as_os_str().len() + name.len() + 2 > LONGEST_PATH { std::env::temp_dir() } else { folder.to_owned() };
        tokio::fs::create_dir_all(&folder).await.map_err(|error| format!("`{}` cannot be made: {error}", folder.display()))?;
        let (control, socket) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.s")));
        for stale in [&control, &socket] {
            tokio::fs::remove_file(stale).await.ok();
        }
        let mut command = ssh(&destination, &control);
        command.args(["-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindMask=0177"]);
        command.args(["-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]);
        command.arg("-L").arg(format!("{}:{}", socket.display(), destination.socket));
        command.arg(&destination.host).arg(format!("echo {READY}; exec cat >/dev/null"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("`ssh` cannot be started: {error}"))?;
        let input = child.stdin.take();
        greet(&mut child).await?;
        Ok(Self { destination, control, socket, forwarded: tokio::sync::Mutex::default(), process: tokio::sync::Mutex::new((child, input)) })
    }

    /// The engine's socket on this machine.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where forwarded ports are on this machine.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.destination.address()
    }

    /// Sees to it that exactly these ports are forwarded for a container.
    pub(crate) async fn forward(&self, id: &ContainerId, ports: BTreeSet<u16>) -> Result<(), String> {
        let mut forwarded = self.forwarded.lock().await;
        let known = forwarded.get(id).cloned().unwrap_or_default();
        if known == ports {
            return Ok(());
        }
        for port in known.difference(&ports) {
            // Where it fails the port stays forwarded to nobody.
            self.ask("cancel", *port).await.ok();
        }
        let mut now: BTreeSet<u16> = known.intersection(&ports).copied().collect();
        let mut problem = None;
        for port in ports.difference(&known) {
            match self.ask("forward", *port).await {
                Ok(()) => drop(now.insert(*port)),
                Err(why) => problem = Some(why),
            }
        }
        if now.is_empty() {
            drop(forwarded.remove(id))
        } else {
            drop(forwarded.insert(id.clone(), now))
        }
        problem.map_or(Ok(()), Err)
    }

    /// Asks the `ssh` that holds the tunnel.
    async fn ask(&self, what: &str, port: u16) -> Result<(), String> {
        let mut command = ssh(&self.destination, &self.control);
        command.args(["-O", what, "-L"]).arg(format!("{}:{port}:127.0.0.1:{port}", self.address())).arg(&self.destination.host);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let output = tokio::time::timeout(FORWARD, command.output()).await.map_err(|_| format!("`ssh -O {what}` says nothing"))?;
        let output = output.map_err(|error| format!("`ssh` cannot be started: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(format!("`ssh -O {what}` of port {port} at {}: {said}", self.address()))
    }

    /// Closes it, whoever still holds it. Its ports are free then.
    pub(crate) async fn close(&self) {
        let mut process = self.process.lock().await;
        process.1 = None;
        // `kill` waits for its end.
        tokio::time::timeout(FORWARD, process.0.kill()).await.ok();
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        for path in [&self.control, &self.socket] {
            std::fs::remove_file(path).ok();
        }
    }
}

fn ssh(destination: &Destination, control: &Path) -> Command {
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-o"]).arg(format!("ControlPath={}", control.display()));
    if let Some(port) = destination.port {
        command.arg("-p").arg(port.to_string());
    }
    command
}

/// Waits until everything is forwarded, or gives what `ssh` says instead.
async fn greet(child: &mut Child) -> Result<(), String> {
    let (Some(output), Some(complaints)) = (child.stdout.take(), child.stderr.take()) else { return Err("`ssh` has no output".into()) };
    let mut line = String::new();
    let mut output = BufReader::new(output.take(COMPLAINT));
    match tokio::time::timeout(OPEN, output.read_line(&mut line)).await {
        Ok(Ok(_)) if line.trim() == READY => return Ok(()),
        Ok(_) => {}
        Err(_) => return Err(format!("`ssh` did not get there in {} s", OPEN.as_secs())),
    }
    let mut said = Vec::new();
    tokio::time::timeout(FORWARD, complaints.take(COMPLAINT).read_to_end(&mut said)).await.ok();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing");
    Err(format!("`ssh` ended: {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_has_a_loopback_address_of_its_own() {
        let at = |host: &str| Destination { host: host.into(), port: None, socket: "/docker.sock".into() }.address();
        assert_eq!(at("box"), at("box"));
        assert_ne!(at("box"), at("me@box"));
        assert!(at("box").is_loopback() && at("box") != Ipv4Addr::LOCALHOST);
    }
}
