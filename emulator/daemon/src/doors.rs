//! Doors to the agent of ECS: port 80 of 169.254.170.2, once for each network of a service (engine-facts 5).
//!
//! The address is the machine's, and several daemons may run on it. So each door takes only what comes in by the interface of its own
//! network: daemons are not in each other's way, none answers for another one's tasks, and where a connection comes from is known better
//! than by an address alone. Tasks in `host` mode come in by the loopback interface, which only one daemon can have.
//!
//! A door that cannot be opened ends nothing: tasks run without metadata and credentials, and [`Doors::problem`] says why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent::Source;
use engine::{Clock, Doorway, Engine, EngineErrorKind};
use model::{NetworkMode, OwnerId, ServiceKey, TaskStatus, World};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::keeper::Handle;
use crate::port_holder;

/// The most connections of one network at once; more wait in the operating system's queue, and nobody else does.
const CONNECTIONS: usize = 64;

/// Connections that were accepted and wait to be served.
const QUEUE: usize = 16;

const PORT: u16 = 80;

/// How often it is looked whether all doors are as they should be.
const LOOK: Duration = Duration::from_secs(5);

/// The interface by which tasks in `host` mode come in.
const LOOPBACK: &str = "lo";

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

/// Which door.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Service(ServiceKey),
    Host,
}

/// All doors of a daemon.
pub struct Doors {
    engine: Arc<dyn Engine>,
    owner: OwnerId,
    visitors: mpsc::Sender<Visitor>,
    /// Who opens and closes does so alone.
    open: tokio::sync::Mutex<BTreeMap<Whose, Door>>,
    problem: Mutex<Option<String>>,
}

/// An interface of this host, by name and number.
#[derive(Debug, PartialEq, Eq)]
struct Interface(String, Option<String>);

impl Interface {
    fn of(name: &str) -> Self {
        Self(name.to_owned(), std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok())
    }
}

/// One that is open.
struct Door {
    interface: Interface,
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
    pub fn new(engine: Arc<dyn Engine>, owner: OwnerId) -> (Arc<Self>, mpsc::Receiver<Visitor>) {
        let (visitors, received) = mpsc::channel(QUEUE);
        let doors = Self { engine, owner, visitors, open: tokio::sync::Mutex::default(), problem: Mutex::default() };
        (Arc::new(doors), received)
    }

    /// Why some tasks have no metadata and no credentials; `None` when all is well.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the door of a network that a container is about to join, unless it is open; `None` for the host's.
    pub async fn open(&self, service: Option<&ServiceKey>) {
        let whose = service.map_or(Whose::Host, |service| Whose::Service(service.clone()));
        let mut open = self.open.lock().await;
        if !open.get(&whose).is_some_and(Door::is_open) {
            let wanted = open.keys().cloned().chain([whose]).collect();
            self.arrange(&mut open, &wanted).await;
        }
    }

    /// Closes the door of a network that is to be removed.
    pub async fn close(&self, service: &ServiceKey) {
        self.open.lock().await.remove(&Whose::Service(service.clone()));
    }

    /// Lets go of the address once there is no door any more.
    pub async fn leave(&self) {
        let open = self.open.lock().await;
        if open.is_empty() {
            self.let_go().await;
        }
    }

    async fn let_go(&self) {
        if let Err(error) = self.engine.close_doorways().await {
            tracing::debug!(%error, "the network of the agent's address was not removed");
        }
    }

    /// Opens what should be open, closes what should not, and says whether that changed what is told of it.
    async fn look(&self, world: &World) -> bool {
        let before = self.problem();
        let mut open = self.open.lock().await;
        let live = world.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped);
        let modes = live.filter_map(|task| Some((task, world.definition(&task.revision)?.network_mode)));
        let mut wanted: BTreeSet<Whose> = open.keys().filter(|whose| **whose != Whose::Host).cloned().collect();
        wanted.extend(modes.filter_map(|(task, mode)| match mode {
            NetworkMode::Bridge | NetworkMode::Awsvpc => Some(Whose::Service(task.network())),
            NetworkMode::Host => Some(Whose::Host),
            NetworkMode::None => None,
        }));
        if !wanted.contains(&Whose::Host) && open.remove(&Whose::Host).is_some() && open.is_empty() {
            self.let_go().await;
        }
        if wanted.is_empty() {
            self.tell(None);
        } else {
            self.arrange(&mut open, &wanted).await;
        }
        self.problem() != before
    }

    async fn arrange(&self, open: &mut BTreeMap<Whose, Door>, wanted: &BTreeSet<Whose>) {
        let doorways = match self.engine.doorways(&self.owner, wanted.contains(&Whose::Host)).await {
            Ok(Some(doorways)) => doorways,
            Ok(None) => {
                let why = "tasks have neither metadata nor credentials: the engine's networks are not on this machine, so 169.254.170.2 cannot be served there; that needs Docker on Linux itself";
                return self.tell(Some(why.into()));
            }
            // That is told already, and doors that are open stay so.
            Err(error) if error.kind == EngineErrorKind::Unreachable => return,
            Err(error) => return self.tell(Some(format!("tasks have neither metadata nor credentials: {}", error.message))),
        };
        // A network that was removed and made again has another interface, whatever it is called.
        open.retain(|whose, door| door.is_open() && interface(whose, &doorways).is_some_and(|found| door.interface == Interface::of(found)));
        let mut problem = None;
        for whose in wanted {
            let Some(interface) = interface(whose, &doorways).filter(|_| !open.contains_key(whose)) else { continue };
            match self.bind(whose, interface) {
                Ok(door) => {
                    open.insert(whose.clone(), door);
                }
                Err(error) => problem = Some(explain(whose, &error)),
            }
        }
        self.tell(problem);
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

    fn bind(&self, whose: &Whose, interface: &str) -> io::Result<Door> {
        let listener = listen(interface)?;
        let mut accepting = JoinSet::new();
        let (visitors, places, whose) = (self.visitors.clone(), Arc::new(Semaphore::new(CONNECTIONS)), whose.clone());
        accepting.spawn(async move {
            loop {
                // Never closed, so a place always comes.
                let place = places.clone().acquire_owned().await.ok();
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        let source = match &whose {
                            Whose::Service(service) => Source::Network(service.clone(), peer.ip()),
                            Whose::Host => Source::Host,
                        };
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
        });
        Ok(Door { interface: Interface::of(interface), accepting })
    }
}

impl Door {
    fn is_open(&self) -> bool {
        !self.accepting.is_empty()
    }
}

fn interface<'d>(whose: &Whose, doorways: &'d [Doorway]) -> Option<&'d str> {
    match whose {
        Whose::Host => Some(LOOPBACK),
        Whose::Service(service) => doorways.iter().find(|doorway| doorway.service == *service).map(|doorway| doorway.interface.as_str()),
    }
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
fn explain(whose: &Whose, error: &io::Error) -> String {
    let tasks = match whose {
        Whose::Service(service) => format!("tasks of {service}"),
        Whose::Host => "tasks in host mode".to_owned(),
    };
    let (why, hint) = match error.kind() {
        ErrorKind::PermissionDenied => {
            ("port 80 of 169.254.170.2 is not permitted for this user".to_owned(), "`sudo sysctl net.ipv4.ip_unprivileged_port_start=80` grants it")
        }
        ErrorKind::AddrInUse if *whose == Whose::Host => {
            ("another daemon serves 169.254.170.2 on this machine's loopback".to_owned(), "run them in awsvpc or bridge mode")
        }
        ErrorKind::AddrInUse => {
            let holder = port_holder::find(PORT)
                .filter(|holder| holder.pid != std::process::id())
                .map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
            (format!("port 80 of 169.254.170.2 is taken by {holder}, which listens on all addresses"), "stop it, or bind it to an address of its own")
        }
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
