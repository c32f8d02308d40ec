//! Doors to the agent of ECS: port 80 of 169.254.170.2, once for each network of a service (engine-facts 5).
//!
//! The address is the machine's, and several daemons may run on it. So each door takes only what comes in by the interface of its own
//! network: daemons are not in each other's way, none answers for another one's tasks, and where a connection comes from is known better
//! than by an address alone. Tasks in `host` mode come in by the interface that has the address, which only one daemon can have.
//!
//! A door that cannot be opened ends nothing: tasks run without metadata and credentials, and [`Doors::problem`] says why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent::Source;
use engine::{Clock, EngineErrorKind};
use model::{EngineName, NetworkMode, OwnerId, ServiceKey, TaskStatus, World};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::engines::Engines;
use crate::keeper::Handle;
use crate::port_holder;

/// The most connections of one network at once; more wait in the operating system's queue, and nobody else does.
const CONNECTIONS: usize = 64;

/// Connections that were accepted and wait to be served.
const QUEUE: usize = 16;

const PORT: u16 = 80;

/// How often it is looked whether all doors are as they should be.
const LOOK: Duration = Duration::from_secs(5);

/// How a problem begins that all tasks have.
const NOTHING: &str = "tasks have neither metadata nor credentials";

const ELSEWHERE: &str =
    "the networks of their engine are not on this machine, so 169.254.170.2 cannot be served there; that needs Docker on Linux itself";

/// Somebody who came in.
#[derive(Debug)]
pub struct Visitor {
    /// The connection.
    pub stream: TcpStream,
    /// Where it comes from.
    pub source: Source,
    /// Its place among the connections of its network.
    pub place: Option<OwnedSemaphorePermit>,
}

/// All doors of a daemon.
pub struct Doors {
    engines: Arc<Engines>,
    owner: OwnerId,
    visitors: mpsc::Sender<Visitor>,
    /// Who opens and closes does so alone.
    open: tokio::sync::Mutex<Open>,
    problem: Mutex<Option<String>>,
}

/// What is open.
#[derive(Default)]
struct Open {
    /// By the name of the interface.
    doors: BTreeMap<String, Door>,
    /// What was asked for while its network was there; `None` is the host's.
    known: BTreeSet<(EngineName, Option<ServiceKey>)>,
}

/// One that is open.
struct Door {
    /// Whose network it is; `None` is the host's.
    service: Option<ServiceKey>,
    /// The interface's number: one that was made anew has another, whatever it is called.
    number: Option<String>,
    /// Accepts, until it is dropped.
    accepting: JoinSet<()>,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Doors")
    }
}

impl Doors {
    /// None is open. Who comes in is received from the other end.
    #[must_use]
    pub fn new(engines: Arc<Engines>, owner: OwnerId) -> (Arc<Self>, mpsc::Receiver<Visitor>) {
        let (visitors, received) = mpsc::channel(QUEUE);
        let doors = Self { engines, owner, visitors, open: tokio::sync::Mutex::default(), problem: Mutex::default() };
        (Arc::new(doors), received)
    }

    /// Why some tasks have no metadata and no credentials; `None` when all is well.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the door of a network that a container is about to join, unless it is open; `None` for the host's.
    pub async fn open(&self, engine: &EngineName, service: Option<&ServiceKey>) {
        let mut open = self.open.lock().await;
        if open.known.insert((engine.clone(), service.cloned())) {
            let host = open.known.iter().any(|(_, service)| service.is_none());
            self.arrange(&mut open, host).await;
        }
    }

    /// Closes the doors of a network that is to be removed.
    pub async fn close(&self, service: &ServiceKey) {
        let mut open = self.open.lock().await;
        open.doors.retain(|_, door| door.service.as_ref() != Some(service));
        open.known.retain(|(_, known)| known.as_ref() != Some(service));
    }

    /// Lets go of the address once there is no door any more.
    pub async fn leave(&self) {
        let open = self.open.lock().await;
        if open.doors.is_empty() {
            self.let_go().await;
        }
    }

    async fn let_go(&self) {
        for engine in self.engines.all() {
            if let Err(error) = engine.close_doorways().await {
                tracing::debug!(%error, "the network of the agent's address was not removed");
            }
        }
    }

    /// Opens what should be open, closes what should not, and says whether that changed what is told of it.
    async fn look(&self, world: &World) -> bool {
        let before = self.problem();
        let mut open = self.open.lock().await;
        let live = world.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped);
        let modes = live.filter_map(|task| Some((task, world.definition(&task.revision)?.network_mode)));
        let known = modes.filter_map(|(task, mode)| match mode {
            NetworkMode::Bridge | NetworkMode::Awsvpc => Some((task.engine.clone(), Some(task.network()))),
            NetworkMode::Host => Some((task.engine.clone(), None)),
            NetworkMode::None => None,
        });
        open.known = known.collect();
        let host = open.known.iter().any(|(_, service)| service.is_none());
        let any = !open.doors.is_empty();
        if any || !open.known.is_empty() {
            self.arrange(&mut open, host).await;
        }
        if open.known.is_empty() {
            self.tell(None);
        }
        if any && open.doors.is_empty() {
            self.let_go().await;
        }
        self.problem() != before
    }

    /// A door for each network that there is.
    async fn arrange(&self, open: &mut Open, host: bool) {
        let (mut ways, mut problem, mut away) = (BTreeMap::new(), None, false);
        for engine in self.engines.all() {
            match engine.doorways(&self.owner, host).await {
                Ok(Some(doorways)) => ways.extend(doorways.into_iter().map(|doorway| (doorway.interface, Some(doorway.service)))),
                Ok(None) => problem = Some(format!("{NOTHING}: {ELSEWHERE}")),
                // That is told already, and doors that are open stay so.
                Err(error) if error.kind == EngineErrorKind::Unreachable => away = true,
                Err(error) => problem = Some(format!("{NOTHING}: {}", error.message)),
            }
        }
        if host {
            ways.insert(docker::AGENT_INTERFACE.to_owned(), None);
        }
        open.doors.retain(|interface, door| !door.accepting.is_empty() && door.number == number(interface) && (away || ways.contains_key(interface)));
        for (interface, service) in ways {
            if open.doors.contains_key(&interface) {
                continue;
            }
            match self.bind(&interface, service.clone()) {
                Ok(door) => {
                    open.doors.insert(interface, door);
                }
                Err(error) => problem = Some(explain(service.as_ref(), &error)),
            }
        }
        if !away || problem.is_some() {
            self.tell(problem);
        }
    }

    fn tell(&self, problem: Option<String>) {
        let mut told = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != problem {
            match &problem {
                Some(problem) => tracing::warn!("{problem}"),
                None => tracing::info!("169.254.170.2 is served"),
            }
            *told = problem;
        }
    }

    fn bind(&self, interface: &str, service: Option<ServiceKey>) -> io::Result<Door> {
        let listener = listen(interface)?;
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, service.clone(), self.visitors.clone()));
        Ok(Door { service, number: number(interface), accepting })
    }
}

/// Until nobody serves any more.
async fn accept(listener: TcpListener, service: Option<ServiceKey>, visitors: mpsc::Sender<Visitor>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed, so a place always comes.
        let place = places.clone().acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, peer)) => {
                let source = service.as_ref().map_or(Source::Host, |service| Source::Network(service.clone(), peer.ip()));
                if visitors.send(Visitor { stream, source, place }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to 169.254.170.2 could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The number of an interface of this host.
fn number(interface: &str) -> Option<String> {
    std::fs::read_to_string(format!("/sys/class/net/{interface}/ifindex")).ok()
}

/// Only what comes in by that interface.
#[cfg(target_os = "linux")]
fn listen(interface: &str) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind_device(Some(interface.as_bytes()))?;
    // The daemon before this one may have ended a moment ago.
    socket.set_reuseaddr(true)?;
    socket.bind((agent::ADDRESS, PORT).into())?;
    socket.listen(128)
}

#[cfg(not(target_os = "linux"))]
fn listen(_: &str) -> io::Result<TcpListener> {
    Err(io::Error::new(ErrorKind::Unsupported, "sockets cannot be held to an interface on this system"))
}

/// What is wrong, and what to do.
fn explain(service: Option<&ServiceKey>, error: &io::Error) -> String {
    let tasks = service.map_or_else(|| "tasks in host mode".to_owned(), |service| format!("tasks of {service}"));
    let (why, hint) = match error.kind() {
        ErrorKind::PermissionDenied => {
            ("port 80 of 169.254.170.2 is not permitted for this user".to_owned(), "`sudo sysctl net.ipv4.ip_unprivileged_port_start=80` grants it")
        }
        ErrorKind::AddrInUse => match port_holder::find_on_all(PORT) {
            Some(holder) => {
                let why = format!("port 80 of 169.254.170.2 is taken by {holder}, which listens on all addresses");
                (why, "stop it, or bind it to an address of its own")
            }
            None if service.is_none() => ("another daemon has such tasks already".to_owned(), "run them in awsvpc or bridge mode"),
            None => ("port 80 of 169.254.170.2 is taken by another process".to_owned(), "`ss -ltnp` tells by which"),
        },
        ErrorKind::AddrNotAvailable => (
            "169.254.170.2 is not an address of this machine".to_owned(),
            "another network may have 169.254.170.0/24: `docker network inspect` tells",
        ),
        _ => (error.to_string(), "see the daemon's log"),
    };
    format!("{tasks} have neither metadata nor credentials: {why}; {hint}")
}

/// Looks again and again, and lets the views know what is new.
pub(crate) async fn run(doors: Arc<Doors>, clock: Arc<dyn Clock>, keeper: Handle) {
    loop {
        let snapshot = keeper.snapshot();
        if doors.look(&snapshot.world).await && !keeper.tell(crate::keeper::Input::Stirred).await {
            return;
        }
        clock.sleep(LOOK).await;
    }
}
