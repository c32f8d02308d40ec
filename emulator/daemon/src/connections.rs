//! The doors between services are where the World and the networks of the daemon's own engine say. They are open before the container that is to use
//! them is started, follow every change of the tasks behind them, and are looked at every few seconds, for a network may have been made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use engine::{Bridge, Clock, Engine, EngineError, EngineErrorKind};
use model::{ContainerStatus, OwnerId, ServiceKey, TaskId, TaskStatus, World};
use proxy::{Door, Proxy};
use routing::connection::{Connection, ConnectionKey, connections};
use tokio::sync::Mutex;

use crate::keeper::Handle;
use crate::name_servers::{self, NameServers};
use crate::port_holder;

/// How often doors that could not be opened are tried again, and where the networks are is asked again.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// How long a task that leaves the rotation has before its stop signal: whoever was told to go there has arrived by then.
const LAST_CONNECTIONS: Duration = Duration::from_millis(100);

/// What one service's containers are to reach, of a World of that version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    version: u64,
    connections: BTreeMap<ConnectionKey, Connection>,
    /// Whose containers ask for names of Cloud Map, if any do.
    asking: Option<ServiceKey>,
}

impl Wanted {
    /// Whether its containers ask this machine for names.
    pub(crate) const fn asks_for_names(&self) -> bool {
        self.asking.is_some()
    }

    /// What a service is granted.
    #[must_use]
    pub fn by(world: &World, client: &ServiceKey) -> Self {
        let granted = connections(world).into_iter().filter(|(key, _)| key.client == *client);
        let asking = Some(client).filter(|client| name_servers::sees_any(world, client)).cloned();
        Self { version: world.version, connections: granted.collect(), asking }
    }
}

/// The doors between services.
pub struct Connections {
    /// Whose networks they are on.
    engine: Option<(Arc<dyn Engine>, OwnerId)>,
    proxy: Arc<Proxy>,
    names: NameServers,
    known: Mutex<Known>,
    problems: StdMutex<BTreeMap<ConnectionKey, String>>,
}

/// What is remembered between looks.
#[derive(Default)]
struct Known {
    bridges: BTreeMap<ServiceKey, Bridge>,
    /// Services whose network was not there when the engine was asked last.
    absent: BTreeSet<ServiceKey>,
    /// The version of the World that asked for each door: an older one does not close it.
    asked: BTreeMap<ConnectionKey, u64>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.proxy.fmt(f)
    }
}

impl Connections {
    /// No door yet.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, owner: OwnerId) -> Self {
        Self { engine: Some((engine, owner)), ..Self::nowhere() }
    }

    /// No door at all, for an engine on which nothing really runs.
    #[must_use]
    pub fn nowhere() -> Self {
        let proxy = Arc::new(Proxy::default());
        Self { engine: None, names: NameServers::new(proxy.clone()), proxy, known: Mutex::default(), problems: StdMutex::default() }
    }

    /// Where each door is.
    #[must_use]
    pub fn doors(&self) -> BTreeMap<ConnectionKey, SocketAddr> {
        self.proxy.doors().into_iter().map(|(key, door)| (key, door.address)).collect()
    }

    /// Why doors are not open that should be.
    #[must_use]
    pub fn problems(&self) -> BTreeMap<ConnectionKey, String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who answers where for names of Cloud Map, and for whom nobody does that should.
    #[must_use]
    pub fn name_servers(&self) -> (BTreeMap<ServiceKey, SocketAddr>, BTreeMap<ServiceKey, String>) {
        (self.names.addresses(), self.names.problems())
    }

    /// Opens the doors of a client whose network is there by now, and waits until they are.
    ///
    /// # Errors
    /// `Failed`, with the first door that cannot be opened and what to do.
    pub async fn open(&self, wanted: &Wanted) -> Result<(), EngineError> {
        if (wanted.connections.is_empty() && wanted.asking.is_none()) || self.engine.is_none() {
            return Ok(());
        }
        let mut known = self.known.lock().await;
        let missing = |service: &ServiceKey| !known.bridges.contains_key(service);
        if wanted.connections.keys().any(|key| missing(&key.client) || missing(&key.server)) || wanted.asking.as_ref().is_some_and(missing) {
            self.look(&mut known).await?;
        }
        for (key, connection) in &wanted.connections {
            // The containers behind a door are those of the newest World, which is not this one's business.
            if known.asked.get(key).is_some_and(|version| *version > wanted.version) {
                continue;
            }
            self.open_one(&mut known, key, connection, wanted.version)
                .map_err(|problem| EngineError::new(EngineErrorKind::Failed, one_line(&problem)))?;
        }
        match wanted.asking.as_ref().and_then(|client| known.bridges.get(client)).map(|bridge| self.names.open(bridge, wanted.version)) {
            // Who asks for nobody's names but its own can do without.
            Some(Err(problem)) if !wanted.connections.is_empty() => Err(EngineError::new(EngineErrorKind::Failed, one_line(&problem))),
            _ => Ok(()),
        }
    }

    /// Lets a task that is about to get its stop signal accept what was on its way to it, and sends nothing more there.
    pub async fn withdraw(&self, task: &TaskId) {
        if self.proxy.withdraw(task) {
            tokio::time::sleep(LAST_CONNECTIONS).await;
        }
    }

    /// Follows the World until the keeper ends.
    pub async fn follow(&self, clock: &dyn Clock, keeper: &Handle) {
        let mut snapshots = keeper.follow();
        let mut again = false;
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            self.names.see(snapshot.clone());
            self.adopt(&snapshot.world, again).await;
            drop(snapshot);
            again = tokio::select! {
                changed = snapshots.changed() => if changed.is_err() { return } else { false },
                () = clock.sleep(LOOK_EVERY) => true,
            };
            if again {
                self.forget_absent().await;
            }
        }
    }

    /// What was looked up is asked again when it is needed.
    async fn forget_absent(&self) {
        let mut known = self.known.lock().await;
        known.absent.clear();
        let any = !known.asked.is_empty() || !self.names.addresses().is_empty();
        if any && let Err(error) = self.look(&mut known).await {
            tracing::debug!(%error, "the engine does not say where its networks are");
        }
    }

    /// Brings the doors to what a World says; `again` tries those, too, that could not be opened.
    async fn adopt(&self, world: &World, again: bool) {
        let mut known = self.known.lock().await;
        let wanted = connections(world);
        let closed = known.asked.iter().filter(|(key, version)| **version <= world.version && !wanted.contains_key(key));
        let closed: Vec<ConnectionKey> = closed.map(|(key, _)| key.clone()).collect();
        for key in closed {
            self.proxy.close(&key).await;
            self.tell(&key, None);
            known.asked.remove(&key);
        }
        known.bridges.retain(|service, _| world.services.contains_key(service));
        let there = |service: &ServiceKey| world.tasks_of(service).any(has_containers);
        self.answer_for_names(&mut known, world, there, again).await;
        for (key, connection) in wanted.iter().filter(|(key, _)| there(&key.client)) {
            let unknown = |service: &ServiceKey| !known.bridges.contains_key(service) && !known.absent.contains(service);
            if unknown(&key.client) || unknown(&key.server) {
                match self.look(&mut known).await {
                    Ok(()) => {
                        let services = [&key.client, &key.server];
                        let absent: Vec<ServiceKey> = services.into_iter().filter(|service| !known.bridges.contains_key(*service)).cloned().collect();
                        known.absent.extend(absent);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the engine does not say where its networks are");
                        continue;
                    }
                }
            }
            let hindered = !again && self.is_hindered(key);
            if !hindered && known.asked.get(key).is_none_or(|version| *version <= world.version) {
                self.open_one(&mut known, key, connection, world.version).ok();
            }
        }
    }

    /// Name servers for those who see names and have containers; one that answers stays as long as there are any, for they ask nobody else first.
    async fn answer_for_names(&self, known: &mut Known, world: &World, there: impl Fn(&ServiceKey) -> bool, again: bool) {
        self.names.keep(world);
        let hindered = self.names.problems();
        for client in world.services.keys().filter(|client| there(client)) {
            let open = self.names.is_open_for(client);
            if !(open || name_servers::sees_any(world, client)) || (!again && (open || hindered.contains_key(client))) {
                continue;
            }
            if !known.bridges.contains_key(client) && !known.absent.contains(client) {
                match self.look(known).await {
                    Ok(()) if known.bridges.contains_key(client) => {}
                    Ok(()) => {
                        known.absent.insert(client.clone());
                    }
                    Err(error) => tracing::debug!(%error, "the engine does not say where its networks are"),
                }
            }
            if let Some(bridge) = known.bridges.get(client) {
                // It is told, and tried again.
                self.names.open(bridge, world.version).ok();
            }
        }
    }

    async fn look(&self, known: &mut Known) -> Result<(), EngineError> {
        let Some((engine, owner)) = &self.engine else { return Ok(()) };
        let bridges = engine.bridges(owner).await?;
        known.bridges = bridges.into_iter().map(|bridge| (bridge.service.clone(), bridge)).collect();
        Ok(())
    }

    /// Opens a door, or says why not, once.
    fn open_one(&self, known: &mut Known, key: &ConnectionKey, connection: &Connection, version: u64) -> Result<(), String> {
        known.asked.insert(key.clone(), version);
        let opened = match (known.bridges.get(&key.client), known.bridges.get(&key.server)) {
            (Some(client), Some(server)) => {
                let door = Door { address: SocketAddr::new(server.gateway, key.port), interface: client.interface.clone() };
                self.proxy.open(key, door.clone(), connection).map_err(|error| explain(key, &door, &error))
            }
            _ => Err(format!("`{}:{}` cannot be served for `{}`: its network is not there", key.server.name, key.port, key.client.name)),
        };
        self.tell(key, opened.as_ref().err());
        opened
    }

    fn is_hindered(&self, key: &ConnectionKey) -> bool {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// What hinders a door is said once.
    fn tell(&self, key: &ConnectionKey, problem: Option<&String>) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.get(key) == problem {
            return;
        }
        match problem {
            Some(problem) => {
                tracing::warn!(connection = %key, "{}", one_line(problem));
                problems.insert(key.clone(), problem.clone());
            }
            None => {
                tracing::info!(connection = %key, "the door is open, or not wanted any more");
                problems.remove(key);
            }
        }
    }
}

/// For a log, and for the reason of a task's stop.
fn one_line(problem: &str) -> String {
    problem.replace("\nhint: ", "; ")
}

/// On the daemon's own engine: the networks of others are not this machine's.
fn has_containers(task: &model::Task) -> bool {
    task.engine.is_own()
        && task.last_status != TaskStatus::Stopped
        && task.containers.iter().any(|container| container.last_status >= ContainerStatus::Created)
}

/// Why a door cannot be opened, for a person.
fn explain(key: &ConnectionKey, door: &Door, error: &io::Error) -> String {
    let (port, what) = (key.port, format!("`{}:{}` cannot be served for `{}` at {}", key.server.name, key.port, key.client.name, door.address));
    match error.kind() {
        ErrorKind::AddrInUse => {
            let holder = port_holder::find(port).map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
            format!("{what}: port {port} is taken on every address of this machine by {holder}\nhint: let it listen on 127.0.0.1 alone, or stop it")
        }
        ErrorKind::PermissionDenied => {
            format!("{what}: port {port} is not permitted for this user\nhint: `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}` grants it")
        }
        _ => format!("{what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use model::{ClusterName, ServiceName};

    use super::*;

    #[test]
    fn what_hinders_a_door_is_told_with_the_next_step() {
        let service = |name: &str| ServiceKey { cluster: ClusterName::new("c").unwrap(), name: ServiceName::new(name).unwrap() };
        let key = ConnectionKey { client: service("users"), server: service("posts"), port: 80 };
        let door = Door { address: ([10, 213, 4, 1], 80).into(), interface: "br-1".into() };
        for (kind, part) in [
            (
                ErrorKind::PermissionDenied,
                "`posts:80` cannot be served for `users` at 10.213.4.1:80: port 80 is not permitted for this user\nhint: `sudo",
            ),
            (ErrorKind::AddrInUse, "port 80 is taken on every address of this machine by"),
            (ErrorKind::AddrNotAvailable, "at 10.213.4.1:80: address not available"),
        ] {
            let text = explain(&key, &door, &kind.into());
            assert!(text.contains(part), "{text}");
        }
    }
}
