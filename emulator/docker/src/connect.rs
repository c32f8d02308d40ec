//! Finding an engine that answers, and agreeing on the version of its API.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::models::{SystemInfo, SystemVersion};
use engine::{EngineError, EngineErrorKind, EngineInfo, ImageSource};
use hyper::Uri;
use model::EngineResources;

use crate::endpoint::{Candidate, Settings, candidates};
use crate::host_ports::HostPorts;
use crate::place::Place;
use crate::{NetworkPool, errors};

pub(crate) type Client = bollard::Docker;

/// Docker 20.10 and Podman 4.3.
const OLDEST: u32 = 41;
/// The newest that was tried (Docker 28.5); a newer engine is spoken to in this version.
const NEWEST: u32 = 51;
/// Longest wait for a socket to accept.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for the engine to say its version.
const GREET: Duration = Duration::from_secs(10);
/// Longest wait for the first byte of an answer, in seconds; the limits of single calls are shorter.
const FIRST_BYTE: u64 = 300;

/// A Docker engine (or Podman). Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Docker {
    shared: Arc<Shared>,
}

struct Shared {
    api: Client,
    version: Arc<AtomicU32>,
    endpoint: String,
    network_pool: NetworkPool,
    network_gates: [tokio::sync::Mutex<()>; 16],
    host_ports: HostPorts,
    source: OnceLock<Arc<dyn ImageSource>>,
    place: Place,
    logging_driver: tokio::sync::OnceCell<String>,
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Docker").field(&self.shared.endpoint).finish()
    }
}

impl Docker {
    pub(crate) fn api(&self) -> &Client {
        &self.shared.api
    }

    /// Lets it ask there for images that it does not have, before their own registries. The first one given counts.
    pub fn ask_first(&self, source: Arc<dyn ImageSource>) {
        self.shared.source.set(source).ok();
    }

    pub(crate) fn source(&self) -> Option<&dyn ImageSource> {
        self.shared.source.get().map(AsRef::as_ref)
    }

    pub(crate) fn network_pool(&self) -> NetworkPool {
        self.shared.network_pool
    }

    pub(crate) fn host_ports(&self) -> &HostPorts {
        &self.shared.host_ports
    }

    pub(crate) fn logging_driver_cell(&self) -> &tokio::sync::OnceCell<String> {
        &self.shared.logging_driver
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Place {
        &self.shared.place
    }

    /// One of a few gates, so that networks of different names are made at the same time and those of one name are not.
    pub(crate) fn network_gate(&self, name: &str) -> &tokio::sync::Mutex<()> {
        let sum = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        &self.shared.network_gates[sum % self.shared.network_gates.len()]
    }

    pub(crate) fn speak_version(&self, minor: u32) {
        self.shared.version.store(minor, Ordering::Relaxed);
    }

    /// Asks again who answers: the engine may have been replaced since the first time.
    pub(crate) fn info(&self, version: &SystemVersion, system: &SystemInfo) -> EngineInfo {
        let spoken = self.shared.version.load(Ordering::Relaxed);
        info(version, spoken, &self.shared.endpoint, (system, self.place().host()))
    }
}

/// Connects to the first engine that answers.
///
/// # Errors
/// `Unreachable`, with every place that was tried and why it would not do.
pub async fn connect(settings: &Settings) -> Result<Docker, EngineError> {
    let places = candidates(settings, &|path| std::fs::read_to_string(path).ok())?;
    let mut tried = Vec::new();
    for place in places {
        match open_own(&place.endpoint, settings.network_pool).await {
            Ok(docker) => return Ok(docker),
            Err(why) => tried.push((place, why)),
        }
    }
    Err(nobody(&tried))
}

/// Why a place would not do.
pub(crate) enum Obstacle {
    /// The socket is there, but not for us.
    Denied,
    /// Anything else.
    Other(String),
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Denied => "permission denied",
            Self::Other(why) => why,
        })
    }
}

impl From<std::io::Error> for Obstacle {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Self::Denied,
            std::io::ErrorKind::NotFound => Self::Other("no such socket".into()),
            std::io::ErrorKind::ConnectionRefused => Self::Other("nobody listens".into()),
            _ => Self::Other(error.to_string()),
        }
    }
}

fn nobody(tried: &[(Candidate, Obstacle)]) -> EngineError {
    let mut message = "no container engine answers; tried".to_owned();
    for (place, why) in tried {
        message.push_str(&format!("\n  `{}` ({}): {why}", place.endpoint, place.because));
    }
    let denied = tried.iter().any(|(_, why)| matches!(why, Obstacle::Denied));
    message.push_str(if denied {
        "\nhint: add yourself to the group `docker` with `sudo usermod -aG docker $USER`, then log in again"
    } else {
        "\nhint: start Docker (`sudo systemctl start docker`, or Docker Desktop), or say where it is in DOCKER_HOST"
    });
    EngineError::new(EngineErrorKind::Unreachable, message)
}

/// The daemon's own engine is one of this machine: folders and the registry here are to be there, too.
async fn open_own(endpoint: &str, network_pool: NetworkPool) -> Result<Docker, Obstacle> {
    let address = endpoint.strip_prefix("tcp://").or_else(|| endpoint.strip_prefix("http://"));
    if address.is_some_and(|address| !is_loopback(address.trim_end_matches('/'))) {
        return Err(Obstacle::Other("on another machine, whose published ports are closed to this one; use an engine on this machine".into()));
    }
    open(endpoint, network_pool, Place::Own).await
}

/// Tries by connecting, not by looking: a dead Docker Desktop leaves its socket behind.
pub(crate) async fn open(endpoint: &str, network_pool: NetworkPool, place: Place) -> Result<Docker, Obstacle> {
    let api = dial(endpoint).await?;
    let version = Arc::new(AtomicU32::new(0));
    let spoken = Arc::clone(&version);
    let api = api.with_request_modifier(move |mut request| {
        if let Some(uri) = versioned(request.uri(), spoken.load(Ordering::Relaxed)) {
            *request.uri_mut() = uri;
        }
        request
    });
    let greeting = tokio::time::timeout(GREET, api.version()).await;
    let greeting = greeting.map_err(|_| Obstacle::Other(format!("accepts, but says nothing in {} s", GREET.as_secs())))?;
    let greeting = greeting.map_err(|error| Obstacle::Other(errors::from_docker(error).message))?;
    let minor = agree(greeting.api_version.as_deref(), greeting.min_api_version.as_deref()).map_err(Obstacle::Other)?;
    version.store(minor, Ordering::Relaxed);
    let network_gates = std::array::from_fn(|_| tokio::sync::Mutex::new(()));
    let endpoint = endpoint.to_owned();
    let (host_ports, source, logging_driver) = (HostPorts::default(), OnceLock::new(), tokio::sync::OnceCell::new());
    Ok(Docker { shared: Arc::new(Shared { api, version, endpoint, network_pool, network_gates, host_ports, source, place, logging_driver }) })
}

async fn dial(endpoint: &str) -> Result<Client, Obstacle> {
    let late = |_| Obstacle::Other(format!("does not accept in {} s", CONNECT.as_secs()));
    let wrong = |error: bollard::errors::Error| Obstacle::Other(errors::from_docker(error).message);
    #[cfg(unix)]
    if let Some(path) = endpoint.strip_prefix("unix://") {
        drop(tokio::time::timeout(CONNECT, tokio::net::UnixStream::connect(path)).await.map_err(late)??);
        return Client::connect_with_unix(endpoint, FIRST_BYTE, bollard::API_DEFAULT_VERSION).map_err(wrong);
    }
    let Some(address) = endpoint.strip_prefix("tcp://").or_else(|| endpoint.strip_prefix("http://")) else {
        return Err(Obstacle::Other("not supported; use `unix://<path>` or `tcp://localhost:<port>`".into()));
    };
    let address = address.trim_end_matches('/');
    drop(tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(address)).await.map_err(late)??);
    Client::connect_with_http(address, FIRST_BYTE, bollard::API_DEFAULT_VERSION).map_err(wrong)
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// bollard leaves the version out of the URL, which engines call deprecated and which lets answers change their form.
fn versioned(uri: &Uri, minor: u32) -> Option<Uri> {
    if minor == 0 {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    let path = parts.path_and_query.take()?;
    parts.path_and_query = Some(format!("/v1.{minor}{path}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The newest version that both sides know, as the number after `1.`.
fn agree(newest: Option<&str>, oldest: Option<&str>) -> Result<u32, String> {
    let minor = |text: Option<&str>| text?.strip_prefix("1.")?.parse::<u32>().ok();
    let Some(theirs) = minor(newest) else {
        return Err(format!("does not say a version of Docker's API that we know: {newest:?}"));
    };
    if theirs < OLDEST {
        return Err(format!("speaks version 1.{theirs} of Docker's API; 1.{OLDEST} (Docker 20.10) or later is needed"));
    }
    Ok(theirs.min(NEWEST).max(minor(oldest).unwrap_or(0)))
}

/// What the engine has: on Docker Desktop that is its virtual machine's.
fn resources(system: &SystemInfo, host: IpAddr) -> EngineResources {
    let cores = u32::try_from(system.ncpu.unwrap_or_default()).unwrap_or_default();
    let memory = u32::try_from(system.mem_total.unwrap_or_default() >> 20).unwrap_or_default();
    // As ECS names them.
    let architecture = match system.architecture.as_deref().unwrap_or_default() {
        "aarch64" => "arm64",
        "amd64" => "x86_64",
        other => other,
    };
    EngineResources {
        cpu: cores.saturating_mul(1024),
        memory,
        architecture: architecture.to_owned(),
        os_type: system.os_type.clone().unwrap_or_else(|| "linux".to_owned()),
        host,
    }
}

/// Engines of one host, and hosts that were copied from one another, may have the same id: but not the same folder as well.
fn identity(system: &SystemInfo) -> Option<String> {
    Some(format!("{} {} {}", system.id.as_deref()?, system.name.as_deref()?, system.docker_root_dir.as_deref()?))
}

fn info(version: &SystemVersion, minor: u32, endpoint: &str, (system, host): (&SystemInfo, IpAddr)) -> EngineInfo {
    let components = version.components.iter().flatten();
    let podman = components.into_iter().any(|component| component.name.contains("Podman"));
    EngineInfo {
        name: if podman { "Podman" } else { "Docker" }.into(),
        version: version.version.clone().unwrap_or_default(),
        api_version: format!("1.{minor}"),
        endpoint: endpoint.to_owned(),
        id: identity(system).unwrap_or_default(),
        resources: resources(system, host),
        elsewhere: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_on_a_version() {
        for (newest, oldest, expected) in [
            (Some("1.41"), Some("1.12"), Some(41)),
            (Some("1.51"), Some("1.44"), Some(51)),
            (Some("1.57"), Some("1.40"), Some(51)),
            (Some("1.70"), Some("1.60"), Some(60)),
            (Some("1.41"), None, Some(41)),
            (Some("1.40"), Some("1.12"), None),
            (Some("2.0"), None, None),
            (None, None, None),
        ] {
            assert_eq!(agree(newest, oldest).ok(), expected, "{newest:?} {oldest:?}");
        }
    }

    #[test]
    fn the_version_stands_in_the_url() {
        let uri: Uri = "http://localhost/containers/json?all=true".parse().unwrap();
        assert_eq!(versioned(&uri, 41).unwrap().to_string(), "http://localhost/v1.41/containers/json?all=true");
        assert_eq!(versioned(&uri, 0), None);
    }

    #[test]
    fn only_this_machine_s_engine_will_do() {
        for (address, expected) in
            [("localhost:2375", true), ("127.0.0.1:2375", true), ("[::1]:2375", true), ("10.0.0.5:2375", false), ("docker:2375", false)]
        {
            assert_eq!(is_loopback(address), expected, "{address}");
        }
    }

    async fn refusal(host: &str) -> String {
        let settings = Settings { docker_host: Some(host.into()), ..Settings::default() };
        let error = connect(&settings).await.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Unreachable);
        error.message
    }

    #[tokio::test]
    async fn what_was_tried_is_said_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker.sock");
        let host = format!("unix://{}", path.display());
        assert!(refusal(&host).await.contains(&format!("`{host}` (DOCKER_HOST): no such socket\nhint: start Docker")));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(refusal(&host).await.contains("nobody listens"));
        for (host, why) in [("ssh://box", "not supported"), ("tcp://10.0.0.5:2375", "on another machine"), ("npipe:////./pipe/x", "not supported")] {
            let message = refusal(host).await;
            assert!(message.contains(why), "{message}");
        }
    }

    #[test]
    fn a_socket_that_is_not_for_us_has_its_own_hint() {
        let place = Candidate { endpoint: "unix:///var/run/docker.sock".into(), because: "Docker".into() };
        let denied = Obstacle::from(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        let message = nobody(&[(place, denied)]).message;
        assert!(message.contains("(Docker): permission denied\nhint: add yourself to the group `docker`"), "{message}");
    }
}
