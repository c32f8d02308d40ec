//! One worker: a thread with a single-threaded runtime, its listening sockets, its connections, its idle connections to targets.
//! Nothing of it is seen by another thread but the channel for its commands.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use authentication::{JwksCache, Keys};
use model::Ids;
use routing::Table;
use routing::metrics::Shard;
use rustls::ClientConfig;
use tls::ClientSetup;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::cookie::CookieSeal;
use crate::encryption::HttpsListener;
use crate::listener::Listening;
use crate::record::{RecordSink, Recorder};
use crate::state::ConnectionState;
use crate::upstream::Pool;

/// How often idle timeouts are looked at: how late one may be.
const ROUND: Duration = Duration::from_millis(250);

/// The most that is read of a client at once while nobody knows yet what comes, in bytes.
const INCOMING: usize = 16 * 1024;

/// What a worker is told.
pub(crate) enum Command {
    /// Accept from these sockets.
    Listen {
        /// The listener's port in the World.
        listener_port: u16,
        /// The port that the sockets are bound to.
        bound_port: u16,
        /// One or two.
        sockets: Vec<TcpListener>,
    },
    /// Accept no more for this listener.
    Unlisten {
        /// The listener's port in the World.
        listener_port: u16,
        /// Told when the sockets are closed.
        done: SyncSender<()>,
    },
    /// Hand over what is recorded.
    Flush(oneshot::Sender<()>),
    /// Finish what is in flight, for at most so long, and end.
    Shutdown(Duration),
}

/// Everything about TLS, swapped whole.
#[derive(Debug)]
pub(crate) struct Encrypted {
    /// By the listener's port; those that share one in the order of their load balancers' names.
    pub(crate) listeners: BTreeMap<u16, Arc<[Arc<HttpsListener>]>>,
    pub(crate) to_http1_targets: Arc<ClientConfig>,
    pub(crate) to_http2_targets: Arc<ClientConfig>,
}

impl Encrypted {
    /// The policy towards targets follows from those of the listeners: one of TLS 1.3 if any of them has it (alb.md 1).
    pub(crate) fn new(listeners: BTreeMap<u16, Vec<Arc<HttpsListener>>>) -> Result<Self, rustls::Error> {
        let behind = listeners.values().flatten().map(|listener| listener.policy.behind());
        let policy = behind.max_by_key(|policy| policy.highest()).unwrap_or_default();
        let sorted = |mut sharing: Vec<Arc<HttpsListener>>| {
            sharing.sort_by(|one, other| one.load_balancer.cmp(&other.load_balancer));
            sharing.into()
        };
        Ok(Self {
            listeners: listeners.into_iter().map(|(port, sharing)| (port, sorted(sharing))).collect(),
            to_http1_targets: ClientSetup { policy, http2: false }.build()?,
            to_http2_targets: ClientSetup { policy, http2: true }.build()?,
        })
    }
}

/// What all workers have.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) table: Arc<ArcSwap<Table>>,
    pub(crate) seal: Arc<CookieSeal>,
    pub(crate) encryption: Arc<ArcSwap<Encrypted>>,
    pub(crate) records: Option<RecordSink>,
    /// Whether somebody wants each record as it comes.
    pub(crate) followed: Arc<AtomicBool>,
    /// Client connections that a worker may hold.
    pub(crate) connections: usize,
    /// What logins are sealed and signed with.
    pub(crate) keys: Arc<Keys>,
    /// Whom identity providers are trusted by.
    pub(crate) trust: Arc<ClientConfig>,
}

/// What a worker is started with.
pub(crate) struct Start {
    /// From 0.
    pub(crate) number: usize,
    pub(crate) shared: Shared,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// A new table was published, or there is work for the rounds.
    pub(crate) stirred: Arc<Notify>,
    pub(crate) finished: oneshot::Sender<()>,
}

/// What the tasks of a worker share.
pub(crate) struct Worker {
    pub(crate) table: RefCell<Cache<Arc<ArcSwap<Table>>, Arc<Table>>>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) seal: Arc<CookieSeal>,
    encryption: Arc<ArcSwap<Encrypted>>,
    pub(crate) random: RefCell<Ids>,
    /// Header values are put together here.
    pub(crate) scratch: RefCell<Vec<u8>>,
    /// What comes of clients is read to here first, so that idle connections need no room.
    pub(crate) incoming: RefCell<Box<[u8]>>,
    pub(crate) tasks: TaskTracker,
    pub(crate) recorder: Rc<Recorder>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) jwks: RefCell<JwksCache>,
    pub(crate) trust: Arc<ClientConfig>,
    /// How many more client connections there is room for.
    pub(crate) room: Cell<usize>,
    connections: RefCell<HashMap<u64, Open>>,
    next_connection: Cell<u64>,
    stirred: Arc<Notify>,
}

struct Open {
    listener_port: u16,
    state: Rc<ConnectionState>,
}

/// Runs a worker on this thread until it is told to shut down or its commands' sender is dropped.
pub(crate) fn run(start: Start) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().on_thread_unpark(clock::refresh).build_local(LocalOptions::default())?;
    let Start { number, shared: Shared { table, seal, encryption, records, followed, connections: room, keys, trust }, commands, stirred, finished } =
        start;
    let worker = Rc::new(Worker {
        table: RefCell::new(Cache::new(table)),
        pool: Rc::default(),
        seal,
        encryption,
        random: RefCell::new(Ids::seeded(RandomState::new().hash_one(0))),
        scratch: RefCell::default(),
        incoming: RefCell::new(vec![0; INCOMING].into()),
        tasks: TaskTracker::new(),
        recorder: Rc::new(Recorder::new(Shard::of_worker(number), records, followed)),
        keys,
        jwks: RefCell::default(),
        trust,
        room: Cell::new(room),
        connections: RefCell::default(),
        next_connection: Cell::new(0),
        stirred,
    });
    runtime.block_on(serve(&worker, commands));
    // Connections that outlived the deadline end here.
    drop(runtime);
    // Nobody may wait for it.
    finished.send(()).unwrap_or_default();
    Ok(())
}

async fn serve(worker: &Rc<Worker>, mut commands: mpsc::Receiver<Command>) {
    let mut listening = BTreeMap::new();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Listen { listener_port, bound_port, sockets }) => {
                    listening.insert(listener_port, Listening::start(worker, listener_port, bound_port, sockets));
                }
                Some(Command::Unlisten { listener_port, done }) => {
                    if let Some(gone) = listening.remove(&listener_port) {
                        worker.close_idle(Some(listener_port));
                        Listening::stop(gone).await;
                    }
                    // Whoever asked may have stopped waiting.
                    done.send(()).unwrap_or_default();
                }
                Some(Command::Flush(done)) => {
                    worker.recorder.flush_all();
                    // Whoever asked may have stopped waiting.
                    done.send(()).unwrap_or_default();
                }
                Some(Command::Shutdown(deadline)) => return worker.shut_down(listening, deadline).await,
                None => return worker.shut_down(listening, Duration::ZERO).await,
            },
            () = worker.stirred.notified() => worker.round(),
            () = tokio::time::sleep(ROUND), if worker.has_rounds() => worker.round(),
        }
    }
}

impl Worker {
    fn has_rounds(&self) -> bool {
        !self.connections.borrow().is_empty() || !self.pool.is_empty() || !self.recorder.is_empty()
    }

    /// Takes over a new table, so that nobody here chooses by the one before it and its memory is free though no request comes.
    /// Then looks for connections that are idle for too long or whose target is gone.
    fn round(&self) {
        clock::refresh();
        self.table.borrow_mut().load();
        self.connections.borrow().values().for_each(|open| open.state.check());
        self.pool.sweep();
        self.recorder.flush();
    }

    /// What an HTTPS listener offers; `None` for one of HTTP.
    pub(crate) fn https(&self, listener_port: u16) -> Option<Arc<[Arc<HttpsListener>]>> {
        self.encryption.load().listeners.get(&listener_port).cloned()
    }

    /// How HTTPS targets are spoken to.
    pub(crate) fn to_targets(&self, http2: bool) -> Arc<ClientConfig> {
        let encryption = self.encryption.load();
        Arc::clone(if http2 { &encryption.to_http2_targets } else { &encryption.to_http1_targets })
    }

    /// A random number.
    pub(crate) fn random_u128(&self) -> u128 {
        let mut random = self.random.borrow_mut();
        u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())
    }

    /// Ends connections between two requests; others end after their response. All, or those of one listener that have served
    /// a request: a new one may have a request on its way.
    fn close_idle(&self, listener_port: Option<u16>) {
        for open in self.connections.borrow().values() {
            if listener_port.is_none_or(|port| open.listener_port == port && open.state.has_served()) {
                open.state.closing.set(true);
                open.state.wake();
            }
        }
    }

    async fn shut_down(&self, listening: BTreeMap<u16, Listening>, deadline: Duration) {
        for (_, one) in listening {
            one.stop().await;
        }
        self.close_idle(None);
        self.tasks.close();
        let finish = async {
            let mut finished = std::pin::pin!(self.tasks.wait());
            loop {
                tokio::select! {
                    () = &mut finished => return,
                    () = self.stirred.notified() => self.round(),
                    () = tokio::time::sleep(ROUND) => self.round(),
                }
            }
        };
        if tokio::time::timeout(deadline, finish).await.is_err() {
            tracing::debug!(connections = self.connections.borrow().len(), "closing connections that did not finish in time");
        }
        self.recorder.flush();
    }

    /// Lets the rounds watch a connection until the returned guard is dropped.
    pub(crate) fn watch(self: &Rc<Self>, listener_port: u16, state: &Rc<ConnectionState>) -> Watched {
        let id = self.next_connection.get();
        self.next_connection.set(id + 1);
        if !self.has_rounds() {
            self.stirred.notify_one();
        }
        self.connections.borrow_mut().insert(id, Open { listener_port, state: Rc::clone(state) });
        Watched { worker: Rc::clone(self), id }
    }
}

/// See [`Worker::watch`].
pub(crate) struct Watched {
    worker: Rc<Worker>,
    id: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let gone = self.worker.connections.borrow_mut().remove(&self.id);
        drop(gone);
    }
}
