//! Name servers for the names of Cloud Map: one on each network of a service that sees any, for as long as it has containers. What they do
//! not know they ask this machine's own.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use engine::Bridge;
use model::{ServiceKey, World};
use proxy::{Answers, Door, NameServer, Proxy};
use routing::discovery::{self, Answer, RecordType};

use crate::keeper::Snapshot;
use crate::port_holder;

/// The port of DNS, which engines ask at.
const PORT: u16 = 53;

/// Where resolvers of this machine read whom they ask.
const CONFIGURATION: &str = "/etc/resolv.conf";

/// The same where the first one names a resolver of this machine's own, which containers do not reach.
const BEHIND_IT: &str = "/run/systemd/resolve/resolv.conf";

/// The name servers that there are.
pub(crate) struct NameServers {
    known: Arc<Known>,
    /// With the version of the World that asked for it: an older one does not close it.
    open: Mutex<BTreeMap<ServiceKey, (NameServer, u64)>>,
    problems: Mutex<BTreeMap<ServiceKey, String>>,
}

/// What all of them answer from.
struct Known {
    proxy: Arc<Proxy>,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
}

/// One service's view.
struct View {
    client: ServiceKey,
    known: Arc<Known>,
}

impl NameServers {
    pub(crate) fn new(proxy: Arc<Proxy>) -> Self {
        Self { known: Arc::new(Known { proxy, snapshot: Mutex::default() }), open: Mutex::default(), problems: Mutex::default() }
    }

    /// Answers from that World from now on.
    pub(crate) fn see(&self, snapshot: Arc<Snapshot>) {
        *self.known.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
    }

    /// Why names cannot be asked for, of services that see some.
    pub(crate) fn problems(&self) -> BTreeMap<ServiceKey, String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The services whose networks have one, with where it answers.
    pub(crate) fn addresses(&self) -> BTreeMap<ServiceKey, SocketAddr> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|(service, (server, _))| (service.clone(), server.address())).collect()
    }

    /// Answers on a service's network, as a World of that version asks for, unless it does already.
    ///
    /// # Errors
    /// Why that cannot be, for a person.
    pub(crate) fn open(&self, bridge: &Bridge, version: u64) -> Result<(), String> {
        let door = Door { address: SocketAddr::new(bridge.gateway, PORT), interface: bridge.interface.clone() };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, asked)) = open.get_mut(&bridge.service)
            && *known.door() == door
            && known.is_open()
        {
            *asked = version.max(*asked);
            return Ok(());
        }
        open.remove(&bridge.service);
        let view = View { client: bridge.service.clone(), known: self.known.clone() };
        let opened = NameServer::open(door.clone(), Arc::new(view)).map_err(|error| explain(&bridge.service, &door, &error));
        let outcome = opened.map(|server| {
            open.insert(bridge.service.clone(), (server, version));
        });
        self.tell(&bridge.service, outcome.as_ref().err());
        outcome
    }

    /// Closes those whose services have no tasks in a World any more, unless a later one has asked for them.
    pub(crate) fn keep(&self, world: &World) {
        let has_tasks = |service: &ServiceKey| world.has_unstopped_tasks(service);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|service, (_, version)| *version > world.version || has_tasks(service));
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).retain(|service, _| has_tasks(service));
    }

    pub(crate) fn is_open_for(&self, service: &ServiceKey) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).contains_key(service)
    }

    /// What hinders one is said once.
    fn tell(&self, service: &ServiceKey, problem: Option<&String>) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.get(service) == problem {
            return;
        }
        match problem {
            Some(problem) => {
                tracing::warn!("{}", problem.replace("\nhint: ", "; "));
                problems.insert(service.clone(), problem.clone());
            }
            None => {
                problems.remove(service);
            }
        }
    }
}

impl Answers for View {
    fn answer(&self, name: &str, kind: RecordType) -> Answer {
        let snapshot = self.known.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(snapshot) = snapshot else { return Answer::Elsewhere };
        discovery::answer(&snapshot.world, &self.client, &doors(&self.known.proxy, &self.client), (name, kind), random())
    }

    fn elsewhere(&self) -> Vec<SocketAddr> {
        // Read each time: a laptop changes its network. It is a few lines.
        proxy::name_servers(&std::fs::read_to_string(CONFIGURATION).unwrap_or_default())
    }
}

/// Where a service's doors to others are.
fn doors(proxy: &Proxy, client: &ServiceKey) -> BTreeMap<ServiceKey, IpAddr> {
    let doors = proxy.doors().into_iter().filter(|(key, _)| key.client == *client);
    doors.map(|(key, door)| (key.server, door.address.ip())).collect()
}

/// Where there is no randomness the same ones are chosen.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

/// Whether a service sees names, or may have containers that saw some.
pub(crate) fn sees_any(world: &World, client: &ServiceKey) -> bool {
    discovery::sees_any(world, client)
}

/// Whom the engine asks where this daemon does not answer: those that containers of this machine are given anyway.
pub(crate) fn others() -> Vec<IpAddr> {
    let read = |path: &str| {
        let servers = proxy::name_servers(&std::fs::read_to_string(path).unwrap_or_default());
        servers.into_iter().map(|server| server.ip()).filter(|address| !address.is_loopback()).collect::<Vec<_>>()
    };
    let named = read(CONFIGURATION);
    if named.is_empty() { read(BEHIND_IT) } else { named }
}

fn explain(service: &ServiceKey, door: &Door, error: &io::Error) -> String {
    let what = format!("names of Cloud Map cannot be asked for by `{}` at {}", service.name, door.address);
    match error.kind() {
        ErrorKind::AddrInUse => {
            let holder = port_holder::find(PORT).map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
            format!("{what}: port {PORT} is taken on every address of this machine by {holder}\nhint: let it listen on 127.0.0.1 alone, or stop it")
        }
        ErrorKind::PermissionDenied => {
            format!("{what}: port {PORT} is not permitted for this user\nhint: `sudo sysctl net.ipv4.ip_unprivileged_port_start={PORT}` grants it")
        }
        _ => format!("{what}: {error}"),
    }
}
