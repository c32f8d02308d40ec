//! The data plane as the daemon holds it: started once, told what to listen on, given new tables.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZero;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use authentication::Keys;
use routing::Table;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::cookie::{CookieKey, CookieSeal};
use crate::encryption::HttpsListener;
use crate::endpoints;
use crate::record::{Record, RecordSink};
use crate::room;
use crate::socket;
use crate::worker::{self, Command, Encrypted, Shared, Start};

/// Commands that may wait for one worker.
const COMMANDS: usize = 256;
/// How long a worker may take to close its sockets.
const UNLISTEN_TIMEOUT: Duration = Duration::from_secs(2);
/// What a worker may need beyond the deadline of a shutdown.
const JOIN_GRACE: Duration = Duration::from_secs(1);

/// How the data plane is started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that serve; at least one. Default: as many as the machine runs in parallel.
    pub workers: usize,
    /// The address that listeners are bound to. Default 127.0.0.1; then `[::1]` is bound as well where there is one.
    pub bind: IpAddr,
    /// What the load balancer's cookies are sealed with. Default: a new key, which forgets the clients of earlier processes.
    pub cookie_key: Option<CookieKey>,
    /// What targets are told of users is signed with: an ECDSA P-256 key as PKCS#8. Default: a new one.
    pub signing_key: Option<Vec<u8>>,
    /// Client connections that each worker may hold; more are closed at once. Default three in four of the file descriptors that the
    /// process may have, and at most 16,384.
    pub connections: Option<usize>,
    /// Where the record of each request goes. Default nowhere: metrics are counted all the same.
    pub records: Option<RecordSink>,
    /// Whether each record is handed over as it comes; otherwise the newest wait until [`DataPlane::flush`]. Those of load balancers with
    /// an access log never wait. Default true.
    pub followed: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, NonZero::get),
            bind: Ipv4Addr::LOCALHOST.into(),
            cookie_key: None,
            signing_key: None,
            connections: None,
            records: None,
            followed: Arc::new(AtomicBool::new(true)),
        }
    }
}

/// The data plane. Dropping it ends its threads without waiting for requests in flight; see [`DataPlane::shutdown`].
#[derive(Debug)]
pub struct DataPlane {
    table: Arc<ArcSwap<Table>>,
    encryption: Arc<ArcSwap<Encrypted>>,
    bind: IpAddr,
    records: Option<RecordSink>,
    keys: Arc<Keys>,
    workers: Vec<Handle>,
    /// The listeners' ports in the World.
    listening: Mutex<BTreeSet<u16>>,
}

#[derive(Debug)]
struct Handle {
    commands: mpsc::Sender<Command>,
    stirred: Arc<Notify>,
    finished: oneshot::Receiver<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl DataPlane {
    /// Starts the worker threads. Nothing is listened on yet.
    ///
    /// # Errors
    /// When the operating system gives no thread, or no random numbers.
    pub fn start(settings: Settings, table: Arc<Table>) -> io::Result<Self> {
        let table = Arc::new(ArcSwap::new(table));
        let key = settings.cookie_key.map_or_else(CookieKey::generate, Ok)?;
        let seal = Arc::new(CookieSeal::new(&key)?);
        let signing = settings.signing_key.map_or_else(Keys::generate_signing_key, Ok).map_err(io::Error::other)?;
        let keys = Arc::new(Keys::new(key.as_bytes(), &signing).map_err(io::Error::other)?);
        let encryption = Arc::new(ArcSwap::from_pointee(Encrypted::new(BTreeMap::new()).map_err(io::Error::other)?));
        let workers = settings.workers.max(1);
        let connections = settings.connections.unwrap_or_else(|| room::per_worker(workers));
        let shared = Shared {
            connections,
            table: Arc::clone(&table),
            seal,
            encryption: Arc::clone(&encryption),
            records: settings.records.clone(),
            followed: settings.followed,
            keys: Arc::clone(&keys),
            trust: endpoints::configuration().map_err(io::Error::other)?,
        };
        let workers = (0..workers).map(|number| spawn(number, &shared)).collect::<io::Result<_>>()?;
        Ok(Self { table, encryption, bind: settings.bind, records: settings.records, keys, workers, listening: Mutex::default() })
    }

    /// Puts `table` in the place of the one before it: the next request sees it. Requests on targets that are
    /// [gone](routing::TargetState::is_gone) by now are cut. A worker in the midst of a choice ends it by the table that it has;
    /// once that one is dropped, all that was chosen by it is counted as in flight.
    pub fn publish(&self, table: Arc<Table>) {
        self.table.store(table);
        self.workers.iter().for_each(|worker| worker.stirred.notify_one());
    }

    /// Says which listeners speak TLS, and how: by their ports in the World. One that should and cannot is `None`: its connections
    /// are closed. Connections that are there keep what they have. Listeners that are not named speak cleartext, so this goes before
    /// [`DataPlane::listen`] and [`DataPlane::publish`].
    pub fn encrypt(&self, listeners: impl IntoIterator<Item = (u16, Option<Arc<HttpsListener>>)>) {
        let mut by_port: BTreeMap<u16, Vec<Arc<HttpsListener>>> = BTreeMap::new();
        for (port, listener) in listeners {
            by_port.entry(port).or_default().extend(listener);
        }
        match Encrypted::new(by_port) {
            Ok(encryption) => self.encryption.store(Arc::new(encryption)),
            // There is no policy that rustls refuses.
            Err(error) => tracing::error!(%error, "listeners keep the TLS that they had, which is a fault of ecslocal"),
        }
    }

    /// The newest table.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// Listens on `port` of this machine for the listener on `listener_port` of the World. Port 0 takes any free one. Gives the port.
    ///
    /// # Errors
    /// `PermissionDenied` and `AddrInUse` are a matter of the port (another process that shares ports counts as using it),
    /// `AlreadyExists` says that this listener listens already; other kinds come from the operating system as they are.
    /// That `[::1]` cannot be bound is no error.
    pub fn listen(&self, listener_port: u16, port: u16) -> io::Result<u16> {
        // A set of ports cannot be left half done, so a panic elsewhere does not spoil it.
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.contains(&listener_port) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("the listener on port {listener_port} is bound already")));
        }
        let group = socket::bind(self.bind, port, self.workers.len())?;
        for (worker, sockets) in self.workers.iter().zip(group.per_worker) {
            worker.tell(Command::Listen { listener_port, bound_port: group.port, sockets })?;
        }
        listening.insert(listener_port);
        Ok(group.port)
    }

    /// Accepts no more connections for the listener. Those that are open finish their request. The port is free when this
    /// returns: it waits for the workers, for microseconds unless one of them is stuck.
    /// Does nothing for a listener that does not listen.
    pub fn unlisten(&self, listener_port: u16) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if !listening.remove(&listener_port) {
            return;
        }
        let (done, closed) = sync_channel(self.workers.len());
        let told = self.workers.iter().filter(|worker| worker.tell(Command::Unlisten { listener_port, done: done.clone() }).is_ok()).count();
        for _ in 0..told {
            if closed.recv_timeout(UNLISTEN_TIMEOUT).is_err() {
                tracing::warn!(listener_port, "a worker did not close its sockets in time");
                return;
            }
        }
    }

    /// The id and the PEM of the public key that targets check what they are told of users with.
    #[must_use]
    pub fn public_key(&self) -> (&str, &str) {
        (self.keys.key_id(), self.keys.public_key_pem())
    }

    /// Hands over the records of everything that is over by now, and waits until they are taken.
    pub async fn flush(&self) {
        for worker in &self.workers {
            let (done, flushed) = oneshot::channel();
            if worker.tell(Command::Flush(done)).is_ok() {
                // A worker that ends flushes as well.
                flushed.await.unwrap_or_default();
            }
        }
        let Some(sink) = &self.records else { return };
        let (done, taken) = oneshot::channel();
        if sink.send(vec![Record::Flushed(done)]).await.is_ok() {
            taken.await.unwrap_or_default();
        }
    }

    /// Accepts no more connections, lets requests in flight finish for at most `deadline`, closes the rest and ends the threads.
    pub async fn shutdown(self, deadline: Duration) {
        for worker in &self.workers {
            // A worker that takes no command has ended.
            drop(worker.tell(Command::Shutdown(deadline)));
        }
        drop(self.records);
        for worker in self.workers {
            let Handle { finished, thread, .. } = worker;
            if tokio::time::timeout(deadline + JOIN_GRACE, finished).await.is_err() {
                tracing::error!("a worker of the data plane hangs; it is left behind");
                continue;
            }
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a worker of the data plane could not start"),
                Err(_) => tracing::error!("a worker of the data plane panicked"),
            }
        }
    }
}

impl Handle {
    fn tell(&self, command: Command) -> io::Result<()> {
        self.commands.try_send(command).map_err(|_| io::Error::other("a worker of the data plane takes no commands"))
    }
}

fn spawn(number: usize, shared: &Shared) -> io::Result<Handle> {
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let (finished_sender, finished) = oneshot::channel();
    let stirred = Arc::new(Notify::new());
    let start = Start { number, shared: shared.clone(), commands: receiver, stirred: Arc::clone(&stirred), finished: finished_sender };
    let thread = std::thread::Builder::new().name(format!("alb-{number}")).spawn(move || worker::run(start))?;
    Ok(Handle { commands, stirred, finished, thread })
}
