//! The order of start and end. Every socket is bound before anything runs; what cannot be had is said before anything was changed.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use alb::{DataPlane, Record, RecordSink};
use engine::{Clock, Engine, ImageSource, SystemClock};
use model::{EngineName, EngineResources, HealthCheck, Ids, OwnerId, Timestamp};
use registry::{Registry, Tokens};
use routing::HealthCheckRecord;
use routing::health::ProbeOutcome;
use scheduler::Pace;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::local::{EngineView, Failure};

use crate::certificates::{AUTHORITY, Certificates};
use crate::connections::Connections;
use crate::doors::Doors;
use crate::engines::{self, Engines};
use crate::firelens;
use crate::hooks::LocalHooks;
use crate::keeper::{Handle, Input, Keeper, Parts};
use crate::kept_logs::{KEPT_LOGS, KeptLogs};
use crate::listeners::Listeners;
use crate::local_registry::LocalRegistry;
use crate::log_files::Whose;
use crate::log_reader::LogReader;
use crate::overlays::Overlays;
use crate::prober::Probe;
use crate::records::Records;
use crate::server::{self, Context};
use crate::store::{Running, Store};
use crate::supervise::supervise;
use crate::vault_store::VaultStore;
use crate::{Options, doors, housekeeping, log_groups, meter, observer, port_holder, prober, superseded};

/// How long requests in flight are waited for at the end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How long what requests began is waited for at the end. It is told to end before, so this is a matter of milliseconds.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// The folder in the state folder that stands for S3: one folder a bucket.
pub(crate) const BUCKETS: &str = "s3";

/// The folder in the state folder that stands for CloudWatch Logs: one folder a log group.
pub(crate) const LOG_GROUPS: &str = "cloudwatch";
/// The folder in the state folder that holds what was pushed.
const REGISTRY: &str = "registry";

/// The folder in the state folder that has the sockets of tunnels to other engines.
const TUNNELS: &str = "tunnels";

/// How often a port that could not be bound is tried again.
const PORTS_AGAIN: Duration = Duration::from_secs(3);

/// Runs the daemon until `stop`, and tells `ready` where it answers. Containers live on; the next daemon adopts them.
///
/// # Errors
/// What is missing to begin, or which part of the daemon failed.
pub async fn serve(options: Options, ready: oneshot::Sender<Running>, stop: CancellationToken) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut ids =
        Ids::seeded(getrandom::u64().map_err(|error| Failure::environment(format!("the operating system gives no random numbers: {error}")))?);
    let store = Arc::new(Store::open(&options.state_folder)?);
    let mut world = store.load(&mut ids)?;
    let control = bind_control(options.control).await?;
    let vault = Arc::new(VaultStore::open(store.folder(), Ids::seeded(ids.next_u64()))?);
    let endpoint = control.local_addr().map_err(|error| Failure::environment(format!("the control endpoint has no address: {error}")))?;
    let registry = open_registry(&store, clock.now())?;
    let source = LocalRegistry { registry: registry.clone(), host: server::registry_host(endpoint), clock: clock.clone() };
    let (engine, engine_view, resources) = connect(&options, Some(Arc::new(source))).await?;
    world.engines.insert(EngineName::own(), resources);
    let elsewhere = engines::Docker::new(&options.docker, store.folder().join(TUNNELS));
    let engines = Engines::new(engine, Box::new(elsewhere));
    let table = Arc::new(routing::compile(&world, None));
    let cookie_key = store
        .cookie_key()
        .map_err(|error| Failure::environment(format!("there is no key for cookies in `{}`: {error}", store.folder().display())))?;
    let signing_key = store
        .signing_key()
        .map_err(|error| Failure::environment(format!("there is no key for logins in `{}`: {error}", store.folder().display())))?;
    let whose = Whose { account: world.settings.account.clone(), region: world.settings.region.clone() };
    let (records, sink, keeping_records) = Records::keep(store.folder().join(BUCKETS), whose)
        .map_err(|error| Failure::environment(format!("the log of requests did not start: {error}")))?;
    let health_log = sink.clone();
    let settings = alb::Settings {
        bind: options.bind,
        cookie_key: Some(cookie_key),
        signing_key: Some(signing_key),
        followed: records.followed(),
        records: Some(sink),
        ..alb::Settings::default()
    };
    let data_plane = DataPlane::start(settings, table).map_err(|error| Failure::environment(format!("the data plane did not start: {error}")))?;
    let certificates = Certificates::new(store.folder().join(AUTHORITY), &world.settings);
    let listeners = Arc::new(Listeners::new(data_plane, certificates));
    store
        .save(&world, true)
        .map_err(|error| Failure::environment(format!("the state cannot be saved in `{}`: {error}", store.folder().display())))?;

    let owner = world.settings.owner.clone();
    let mint =
        store.mint().map_err(|error| Failure::environment(format!("there is no key for credentials in `{}`: {error}", store.folder().display())))?;
    let mint = Arc::new(mint);
    let (doors, visitors) = Doors::new(engines.clone(), owner.clone());
    let pace = Pace { metric_period: options.metric_period, ..Pace::default() };
    let connections = Arc::new(Connections::new(engines.own().clone(), owner.clone()));
    let overlays = Arc::new(Overlays::open(store.folder()));
    let (keeper, handle) = Keeper::new(Parts {
        world,
        ids,
        clock: clock.clone(),
        pace: pace.clone(),
        engines: engines.clone(),
        store: Some(store.clone()),
        traffic: listeners.clone(),
        hooks: Arc::new(LocalHooks),
        connections: connections.clone(),
        mint: mint.clone(),
        doors: Some(doors.clone()),
        vault: vault.clone(),
        overlays: overlays.clone(),
    });
    let running = Running { endpoint, pid: std::process::id() };
    let server_stop = CancellationToken::new();
    let (ups, followers) = (TaskTracker::new(), TaskTracker::new());
    let context = Context {
        keeper: handle.clone(),
        engines: engines.clone(),
        clock: clock.clone(),
        pace: pace.clone(),
        listeners: Some(listeners.clone()),
        connections: Some(connections.clone()),
        profiles: Arc::default(),
        records: Some(records),
        registry: registry.clone(),
        vault,
        overlays: overlays.clone(),
        previews: server::ecr::Previews::default(),
        mint,
        doors: Some(doors.clone()),
        endpoint,
        engine_view,
        state_folder: store.folder().display().to_string(),
        started_at: clock.now(),
        ups: ups.clone(),
        execs: server::exec::sessions(),
        followers: followers.clone(),
        stop: stop.clone(),
        ending: server_stop.clone(),
    };

    store.announce(running).map_err(|error| Failure::environment(format!("the state folder cannot be written: {error}")))?;
    let reader = LogReader { engines: engines.clone(), clock: clock.clone(), keeper: handle.clone(), mask: Arc::default() };
    let groups = store.folder().join(LOG_GROUPS);
    let builder = engines.own().clone();
    let mut watchers = watchers(engines, owner, clock.clone(), &handle, (listeners.clone(), health_log, pace.clone()));
    let time = clock.clone();
    watchers.spawn(async move {
        supervise("keeping of log groups", time.as_ref(), || log_groups::run(reader.clone(), groups.clone())).await;
    });
    let (time, followed) = (clock.clone(), handle.clone());
    let routers = store.folder().join(firelens::FIRELENS);
    watchers.spawn(async move {
        supervise("clearing after log routers", time.as_ref(), || firelens::clear(&routers, &followed)).await;
    });
    let (time, followed) = (clock.clone(), handle.clone());
    watchers.spawn(async move {
        supervise("clearing of synced files", time.as_ref(), || overlays.clear(&followed)).await;
    });
    let (time, followed) = (clock.clone(), handle.clone());
    let kept_logs = KeptLogs::new(store.folder().join(KEPT_LOGS));
    watchers.spawn(async move {
        supervise("clearing of kept logs", time.as_ref(), || kept_logs.clear(&followed)).await;
    });
    let (time, followed) = (clock.clone(), handle.clone());
    watchers.spawn(async move {
        let follow = || connections.follow(time.as_ref(), &followed);
        supervise("doors between services", time.as_ref(), follow).await;
    });
    let (keeper_of_doors, time) = (handle.clone(), clock.clone());
    watchers.spawn(async move {
        let look = || doors::run(doors.clone(), time.clone(), keeper_of_doors.clone());
        supervise("watch over the doors of tasks", time.as_ref(), look).await;
    });
    let (time, keeper_of_images) = (clock.clone(), handle.clone());
    watchers.spawn(async move {
        let look = || superseded::run(builder.clone(), time.clone(), keeper_of_images.clone());
        supervise("removal of superseded images", time.as_ref(), look).await;
    });
    let housekeeper = handle.clone();
    watchers.spawn(async move {
        let keep = || housekeeping::run(registry.store.clone(), clock.clone(), housekeeper.clone());
        supervise("housekeeping of the registry", clock.as_ref(), keep).await;
    });
    let mut keeping = tokio::spawn(keeper.run());
    let context = Arc::new(context);
    let answering = tokio::spawn(server::agent::run(visitors, context.clone()));
    let mut serving = tokio::spawn(server::run(control, context));
    // Whoever started us may have gone: the daemon serves all the same.
    ready.send(running).ok();
    tracing::info!(%endpoint, state = %store.folder().display(), "ready");

    let failed = tokio::select! {
        () = stop.cancelled() => None,
        ended = &mut keeping => Some(("keeper", ended.err())),
        ended = &mut serving => Some(("control endpoint", ended.err())),
    };
    store.retract();
    // Refuse new changes, finish requests in flight, stop planning, let work end, save: in this order.
    server_stop.cancel();
    ups.close();
    followers.close();
    if !serving.is_finished() {
        serving.await.ok();
    }
    answering.await.ok();
    // What a request began and its connection no longer waits for.
    let begun = async { tokio::join!(ups.wait(), followers.wait()) };
    tokio::time::timeout(LAST_TASKS, begun).await.ok();
    watchers.shutdown().await;
    handle.tell(Input::Stop).await;
    if !keeping.is_finished() {
        keeping.await.ok();
    }
    match Arc::into_inner(listeners) {
        Some(listeners) => {
            listeners.into_data_plane().shutdown(LAST_REQUESTS).await;
            keeping_records.end().await;
        }
        None => tracing::error!("somebody still holds the data plane, which is a fault of ecslocal; requests in flight are cut"),
    }
    tracing::info!("ended");
    match failed {
        None => Ok(()),
        Some((part, error)) => {
            let why = error.map_or_else(String::new, |error| format!(": {error}"));
            Err(Failure::environment(format!("the {part} of the daemon broke off{why}"))
                .hint("this is a fault of ecslocal; containers go on, and `ecslocal up` adopts them"))
        }
    }
}

/// What was pushed, in a folder of its own, with the key that logins are signed with.
fn open_registry(store: &Store, now: Timestamp) -> Result<Arc<Registry>, Failure> {
    let folder = store.folder().join(REGISTRY);
    let failure = |error: std::io::Error| {
        Failure::environment(format!("the registry cannot be opened in `{}`: {error}", folder.display()))
            .hint("move the file or folder away that it names; what was pushed there is then unknown here")
    };
    let seed = getrandom::u64().unwrap_or_else(|_| now.as_millis());
    let tokens = Tokens::new(&store.registry_key().map_err(failure)?);
    let blobs = registry::Store::open(&folder, Ids::seeded(seed)).map_err(failure)?;
    Ok(Arc::new(Registry { store: blobs.shared(), tokens }))
}

/// The parts that only watch. Each begins again when it breaks off; the set owns them.
fn watchers(
    engines: Arc<Engines>,
    owner: OwnerId,
    clock: Arc<dyn Clock>,
    keeper: &Handle,
    (listeners, health_log, pace): (Arc<Listeners>, RecordSink, Pace),
) -> JoinSet<()> {
    let mut watchers = JoinSet::new();
    let (handle, time, asked) = (keeper.clone(), clock.clone(), engines.clone());
    watchers.spawn(async move {
        let measure = || meter::run(asked.clone(), time.clone(), handle.clone(), pace.clone());
        supervise("measuring for scaling policies", time.as_ref(), measure).await;
    });
    let (handle, time) = (keeper.clone(), clock.clone());
    watchers.spawn(async move {
        let observe = || observer::run(engines.clone(), owner.clone(), time.clone(), handle.clone());
        supervise("watch over the engines", time.as_ref(), observe).await;
    });
    let (handle, time) = (keeper.clone(), clock.clone());
    watchers.spawn(async move {
        let probe = || prober::run(Arc::new(LiveProbe(health_log.clone())), time.clone(), handle.clone());
        supervise("health checking", time.as_ref(), probe).await;
    });
    let handle = keeper.clone();
    watchers.spawn(async move {
        let watch = || watch_ports(listeners.clone(), clock.clone(), handle.clone());
        supervise("watch over the ports", clock.as_ref(), watch).await;
    });
    watchers
}

/// Tries again and again to bind what could not be bound, reads certificates that have been renewed, and lets the views know.
async fn watch_ports(listeners: Arc<Listeners>, clock: Arc<dyn Clock>, keeper: Handle) {
    loop {
        clock.sleep(PORTS_AGAIN).await;
        // Some milliseconds, and only while a port cannot be had; and a look at the files of certificates.
        let bound = listeners.retry();
        let renewed = listeners.renew();
        if (bound || renewed) && !keeper.tell(Input::Stirred).await {
            return;
        }
    }
}

async fn bind_control(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        if error.kind() != ErrorKind::AddrInUse {
            return Failure::environment(format!("the control endpoint {address} cannot be bound: {error}"));
        }
        let holder = port_holder::find(address.port()).map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
        Failure::environment(format!("the control endpoint's port {} is taken by {holder}", address.port()))
            .hint("stop it, or set `ECSLOCAL_CONTROL` to another port (0 takes a free one)")
    })
}

/// The engine, which is to ask that source first for images, what it says of itself, and what it has.
pub(crate) async fn connect(
    options: &Options,
    source: Option<Arc<dyn ImageSource>>,
) -> Result<(Arc<dyn Engine>, EngineView, EngineResources), Failure> {
    let failure = |error: engine::EngineError| {
        let (message, hint) = error.message.rsplit_once("\nhint: ").unwrap_or((&error.message, "is Docker installed and running?"));
        Failure::environment(message).hint(hint)
    };
    let docker = docker::connect(&options.docker).await.map_err(failure)?;
    if let Some(source) = source {
        docker.ask_first(source);
    }
    let engine: Arc<dyn Engine> = Arc::new(docker);
    let info = engine.describe().await.map_err(failure)?;
    Ok((engine, EngineView { name: info.name, version: info.version, endpoint: info.endpoint, problem: None }, info.resources))
}

/// The data plane's own check over TCP.
struct LiveProbe(RecordSink);

impl Probe for LiveProbe {
    fn probe<'a>(&'a self, address: SocketAddr, check: &'a HealthCheck) -> Pin<Box<dyn Future<Output = ProbeOutcome> + Send + 'a>> {
        Box::pin(alb::probe(address, check))
    }

    fn log(&self, record: HealthCheckRecord) {
        // When the log cannot keep up, a line is missing; a check never waits for it.
        self.0.try_send(vec![Record::HealthCheck(Box::new(record))]).ok();
    }
}
