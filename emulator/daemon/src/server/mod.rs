//! The control endpoint: HTTP/1.1 on loopback. Our own JSON API under `/local/v1`, the registry under `/v2/`, AWS's APIs at `/`.
//!
//! It can start containers, so it is treated as root: a request whose Host or Origin is not this machine's is refused, and so is a
//! change that does not carry the command line's own header, which a page of another site cannot send.

pub mod agent;
mod answer;
mod aws;
mod changes;
mod chaos;
mod connections;
mod dropping;
pub mod ecr;
pub mod exec;
mod explain;
mod guard;
mod logs;
mod metrics;
mod names;
mod protection;
mod query;
mod reads;
mod repositories;
mod requests;
mod router;
mod scaling;
mod secrets;
mod secretsmanager;
mod ssm;
mod sts;
mod sync;
mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use iam::Mint;
use model::Timestamp;
use registry::Registry;
use scheduler::Pace;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::local::EngineView;

use crate::connections::Connections;
use crate::doors::Doors;
use crate::engines::Engines;
use crate::images::Images;
use crate::keeper::Handle;
use crate::listeners::Listeners;
use crate::overlays::Overlays;
use crate::profiles::Profiles;
use crate::records::Records;
use crate::vault_store::VaultStore;

/// The most connections at once; more wait in the operating system's queue.
const CONNECTIONS: usize = 256;

/// How long a client may take to send a request's head, and how long a connection may stay open between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long answers under way may take at the end, the one to `shutdown` among them.
const LAST_ANSWERS: Duration = Duration::from_millis(250);

/// What requests are answered from.
pub struct Context {
    /// The keeper.
    pub keeper: Handle,
    /// The engines, for logs and images.
    pub engines: Arc<Engines>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The knobs.
    pub pace: Pace,
    /// The bound ports; none in tests without a data plane.
    pub listeners: Option<Arc<Listeners>>,
    /// The doors between services; none in tests without them.
    pub connections: Option<Arc<Connections>>,
    /// Credentials of roles at AWS.
    pub profiles: Arc<Profiles>,
    /// The requests that went through; none in tests without a data plane.
    pub records: Option<Arc<Records>>,
    /// What was pushed.
    pub registry: Arc<Registry>,
    /// The credentials of tasks.
    pub mint: Arc<Mint>,
    /// Where tasks come in; none in tests without an engine of this machine.
    pub doors: Option<Arc<Doors>>,
    /// Secrets and parameters.
    pub vault: Arc<VaultStore>,
    /// Files that are synced over images.
    pub overlays: Arc<Overlays>,
    /// What lifecycle policies would do, as somebody asked.
    pub previews: ecr::Previews,
    /// Where this endpoint is.
    pub endpoint: SocketAddr,
    /// The engine as it said when the daemon began.
    pub engine_view: EngineView,
    /// Where the state is.
    pub state_folder: String,
    /// Since when the daemon runs.
    pub started_at: Timestamp,
    /// Owns every `up` that is under way: it goes on when its client hangs up, until [`Context::ending`].
    pub ups: TaskTracker,
    /// Places for programs that are run in containers.
    pub execs: Arc<tokio::sync::Semaphore>,
    /// Owns every log that is being read, and every program that is run in a container.
    pub followers: TaskTracker,
    /// Ends the daemon, when somebody asks for it.
    pub stop: CancellationToken,
    /// The daemon ends: answer what is asked, take nothing more.
    pub ending: CancellationToken,
}

impl Context {
    /// See [`registry_host`].
    fn registry_host(&self) -> String {
        registry_host(self.endpoint)
    }

    fn images(&self) -> Images {
        let owner = self.keeper.snapshot().world.settings.owner.clone();
        Images { engine: self.engines.own().clone(), clock: self.clock.clone(), owner }
    }
}

/// How the registry is called in the names of images, so that Docker, unmodified, pushes to it and pulls from it: it takes every address
/// of loopback to speak plain HTTP. (AWS's name, `<account>.dkr.ecr.<region>.amazonaws.com`, would lead it to AWS.) Docker does not read
/// an IPv6 address in the name of an image.
#[must_use]
pub fn registry_host(endpoint: SocketAddr) -> String {
    let port = endpoint.port();
    if endpoint.is_ipv4() { endpoint.to_string() } else { format!("localhost:{port}") }
}

/// Serves until `context.ending`; open streams are cut then.
pub async fn run(listener: TcpListener, context: Arc<Context>) {
    let mut connections = JoinSet::new();
    let ending = context.ending.clone();
    loop {
        tokio::select! {
            () = ending.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => {
                let stream = match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of descriptors or the like: wait for connections to end rather than spin.
                        tracing::warn!(%error, "a connection to the control endpoint could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                connections.spawn(serve(stream, context.clone()));
            }
        }
    }
    let grace = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(LAST_ANSWERS, grace).await.ok();
    connections.shutdown().await;
}

/// Serves one connection. At the end of the daemon it is closed as soon as the answer under way is out; an idle one at once.
async fn serve(stream: TcpStream, context: Arc<Context>) {
    let ending = context.ending.clone();
    let service = service_fn(move |request| {
        let context = context.clone();
        async move { Ok::<_, std::convert::Infallible>(router::answer(context, request).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the control endpoint broke off");
    }
}
