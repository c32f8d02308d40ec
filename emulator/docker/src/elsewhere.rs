//! Engines that container instances name by their endpoints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use engine::{EngineError, EngineErrorKind};
use model::Endpoint;
use sha2::{Digest, Sha256};

use crate::connect::open;
use crate::place::Place;
use crate::tunnel::{Destination, Tunnel};
use crate::{Docker, NetworkPool};

/// Longest wait for the address of a name.
const RESOLVE: Duration = Duration::from_secs(5);

/// Connects to engines that are not the daemon's own.
#[derive(Debug)]
pub struct Elsewhere {
    network_pool: NetworkPool,
    /// Where tunnels keep their sockets.
    folder: PathBuf,
    /// The last tunnel to each endpoint: another one is opened only when it is closed, for they have the same ports.
    tunnels: Mutex<BTreeMap<String, Weak<Tunnel>>>,
    opened: AtomicU64,
}

impl Elsewhere {
    /// Keeps the sockets of tunnels in that folder, which is made when it is needed.
    #[must_use]
    pub fn new(network_pool: NetworkPool, folder: PathBuf) -> Self {
        Self { network_pool, folder, tunnels: Mutex::default(), opened: AtomicU64::new(0) }
    }

    /// Connects to the engine at an endpoint. What was connected to it before is cut where it goes through a tunnel.
    ///
    /// # Errors
    /// `Unreachable`, with the reason and what to do.
    pub async fn connect(&self, name: &str) -> Result<Docker, EngineError> {
        let docker = match name.parse().map_err(unreachable)? {
            Endpoint::Unix { .. } => open(name, self.network_pool, Place::LOOPBACK).await,
            Endpoint::Tcp { host, port } => {
                let address = resolve(&host, port).await.map_err(|why| refused(name, &why))?;
                open(&over_tcp(&host, port), self.network_pool, Place::At(address)).await
            }
            Endpoint::Ssh { host, port, socket } => {
                let tunnel = self.tunnel(name, Destination { host, port, socket }).await.map_err(|why| refused(name, &why))?;
                let endpoint = format!("unix://{}", tunnel.socket().display());
                open(&endpoint, self.network_pool, Place::Behind(tunnel)).await
            }
        };
        docker.map_err(|why| refused(name, &why.to_string()))
    }

    async fn tunnel(&self, name: &str, destination: Destination) -> Result<Arc<Tunnel>, String> {
        let before = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).remove(name).and_then(|known| known.upgrade());
        if let Some(before) = before {
            before.close().await;
        }
        let digest = Sha256::digest(name.as_bytes());
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let mut file = String::new();
        digest.iter().take(3).try_for_each(|byte| write!(file, "{byte:02x}")).ok();
        let tunnel = Arc::new(Tunnel::open(destination, &self.folder, &format!("{file}-{}-{number}", std::process::id())).await?);
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::downgrade(&tunnel));
        Ok(tunnel)
    }
}

/// As URLs write it: an address of IPv6 in brackets.
fn over_tcp(host: &str, port: u16) -> String {
    if host.contains(':') { format!("tcp://[{host}]:{port}") } else { format!("tcp://{host}:{port}") }
}

/// An address that both machines know it by: ports are published there.
async fn resolve(host: &str, port: u16) -> Result<IpAddr, String> {
    let found = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((host, port))).await;
    let found = found.map_err(|_| format!("the address of `{host}` is not found in {} s", RESOLVE.as_secs()))?;
    let mut addresses: Vec<_> = found.map_err(|error| format!("the address of `{host}` is not found: {error}"))?.map(|found| found.ip()).collect();
    addresses.sort_by_key(|address| !address.is_ipv4());
    addresses.first().copied().ok_or_else(|| format!("`{host}` has no address"))
}

fn unreachable(message: String) -> EngineError {
    EngineError::new(EngineErrorKind::Unreachable, message)
}

fn refused(name: &str, why: &str) -> EngineError {
    let hint = match name.split_once("://") {
        Some(("ssh", _)) => "`ssh` must get there without a question (`ssh-add`, `~/.ssh/config`), and there must be allowed to use Docker",
        _ => "start the engine there, or take the instance out of `containerInstances`",
    };
    unreachable(format!("the engine at `{name}` does not answer: {why}\nhint: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(endpoint: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = Elsewhere::new(NetworkPool::default(), folder.path().join("tunnels"));
        let error = elsewhere.connect(endpoint).await.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Unreachable);
        error.message
    }

    #[test]
    fn an_address_of_ipv6_is_told_from_its_port() {
        assert_eq!(over_tcp("fd00::5", 2375), "tcp://[fd00::5]:2375");
        assert_eq!(over_tcp("box", 2376), "tcp://box:2376");
    }

    #[tokio::test]
    async fn an_engine_that_does_not_answer_is_said_with_the_next_step() {
        let message = refusal("unix:///nowhere/docker.sock").await;
        assert_eq!(
            message,
            "the engine at `unix:///nowhere/docker.sock` does not answer: no such socket\nhint: start the engine there, or take the instance out of `containerInstances`"
        );
        assert!(refusal("npipe:////./pipe/x").await.contains("is no endpoint of an engine"));
    }
}
