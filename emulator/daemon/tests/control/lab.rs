//! A daemon without its data plane, and a client that writes its requests by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use daemon::engines::{Dial, Engines};
use daemon::keeper::{Handle, Keeper, Parts, Traffic};
use daemon::overlays::Overlays;
use daemon::prober::Probe;
use daemon::server::{self, Context};
use daemon::store::Store;
use daemon::vault_store::VaultStore;
use daemon::{meter, observer, prober};
use engine::simulated::Fleet;
use engine::{Clock as _, Engine, EngineError, EngineErrorKind, SystemClock, Verb};
use model::{Desired, EngineName, HealthCheck, Ids};
use routing::ProbeOutcome;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::local::{EngineView, Failure, View};

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// What a request of the command line carries.
pub(crate) const CLIENT: &str = "x-ecslocal-client: test\r\n";

pub(crate) struct Lab {
    pub(crate) address: SocketAddr,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) keeper: Handle,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) stop: CancellationToken,
    pub(crate) ending: CancellationToken,
    pub(crate) ups: TaskTracker,
    pub(crate) followers: TaskTracker,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) mint: Arc<iam::Mint>,
    pub(crate) door: tokio::sync::mpsc::Sender<daemon::doors::Visitor>,
    watchers: JoinSet<()>,
}

/// An answer that is no stream.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn failure(&self) -> Failure {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn value<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }
}

struct NoTraffic;

impl Traffic for NoTraffic {
    fn publish(&self, _: Arc<routing::Table>, _: &model::World) {}
}

struct Healthy;

impl Probe for Healthy {
    fn probe<'a>(&'a self, _: SocketAddr, _: &'a HealthCheck) -> Pin<Box<dyn Future<Output = ProbeOutcome> + Send + 'a>> {
        Box::pin(std::future::ready(ProbeOutcome::Status(200)))
    }
}

struct Text(String);

impl manifest::Source for Text {
    fn read(&self, path: &Path) -> Result<String, String> {
        if path.ends_with("cluster.yaml") { Ok(self.0.clone()) } else { Err("there is no such file".into()) }
    }
}

/// Knows one engine beside the daemon's own.
struct Beside(EngineName, Arc<Fleet>);

impl Dial for Beside {
    fn dial<'a>(&'a self, engine: &'a EngineName) -> Verb<'a, Arc<dyn Engine>> {
        let found: Result<Arc<dyn Engine>, _> = match *engine == self.0 {
            true => Ok(self.1.clone()),
            false => Err(EngineError::new(EngineErrorKind::Unreachable, format!("nobody at `{}`\nhint: a test", engine.as_str()))),
        };
        Box::pin(std::future::ready(found))
    }
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::beside("unix:///other.sock").await.0
    }

    /// A lab, and a second engine at that endpoint.
    pub(crate) async fn beside(endpoint: &str) -> (Self, Arc<Fleet>) {
        let clock = Arc::new(SystemClock::new());
        let others = (Fleet::new(clock.clone()), Fleet::numbered(clock, 2));
        Self::over(tempfile::tempdir().unwrap(), others, endpoint).await
    }

    /// The daemon ends at once, and another one begins with what it has left.
    pub(crate) async fn again(mut self) -> Self {
        self.serving.abort();
        self.serving.await.ok();
        self.watchers.shutdown().await;
        let other = Fleet::numbered(Arc::new(SystemClock::new()), 2);
        Self::over(self.folder, (self.fleet, other), "unix:///other.sock").await.0
    }

    async fn over(folder: tempfile::TempDir, (fleet, other): (Arc<Fleet>, Arc<Fleet>), endpoint: &str) -> (Self, Arc<Fleet>) {
        let store = Arc::new(Store::open(&folder.path().join("state")).unwrap());
        let vault = Arc::new(VaultStore::open(store.folder(), Ids::seeded(3)).unwrap());
        let overlays = Arc::new(Overlays::open(store.folder()));
        let clock = Arc::new(SystemClock::new());
        let mut ids = Ids::seeded(1);
        let world = store.load(&mut ids).unwrap();
        let owner = world.settings.owner.clone();
        let metric_period = Duration::from_millis(100);
        let pace = scheduler::Pace { running_is_healthy: Duration::ZERO, metric_period, ..scheduler::Pace::default() };
        let known = pace.clone();
        let connections = Arc::new(daemon::connections::Connections::nowhere());
        let mint = Arc::new(iam::Mint::new(&[7; 32]));
        let engines = Engines::new(fleet.clone(), Box::new(Beside(EngineName::at(endpoint), other.clone())));
        let (keeper, handle) = Keeper::new(Parts {
            world,
            ids,
            clock: clock.clone(),
            pace,
            engines: engines.clone(),
            store: Some(store),
            traffic: Arc::new(NoTraffic),
            hooks: Arc::new(daemon::hooks::LocalHooks),
            connections: connections.clone(),
            mint: mint.clone(),
            doors: None,
            vault: vault.clone(),
            overlays: overlays.clone(),
        });
        let mut watchers = JoinSet::new();
        watchers.spawn(keeper.run());
        let (synced, followed) = (overlays.clone(), handle.clone());
        watchers.spawn(async move { synced.clear(&followed).await });
        watchers.spawn(meter::run(engines.clone(), clock.clone(), handle.clone(), known.clone()));
        watchers.spawn(observer::run(engines.clone(), owner, clock.clone(), handle.clone()));
        watchers.spawn(prober::run(Arc::new(Healthy), clock.clone(), handle.clone()));
        let (stop, ending) = (CancellationToken::new(), CancellationToken::new());
        let (ups, followers) = (TaskTracker::new(), TaskTracker::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let blobs = registry::Store::open(&folder.path().join("registry"), Ids::seeded(2)).unwrap();
        let registry = Arc::new(registry::Registry { store: blobs.shared(), tokens: registry::Tokens::new(&[1; 32]) });
        let context = Context {
            keeper: handle.clone(),
            engines,
            started_at: clock.now(),
            clock,
            pace: known,
            listeners: None,
            connections: Some(connections),
            profiles: Arc::default(),
            records: None,
            registry,
            vault,
            overlays: overlays.clone(),
            previews: server::ecr::Previews::default(),
            mint: mint.clone(),
            doors: None,
            endpoint: address,
            engine_view: EngineView { name: "simulated".into(), version: "1".into(), endpoint: "memory".into(), problem: None },
            state_folder: folder.path().join("state").display().to_string(),
            ups: ups.clone(),
            execs: server::exec::sessions(),
            followers: followers.clone(),
            stop: stop.clone(),
            ending: ending.clone(),
        };
        let (door, visitors) = tokio::sync::mpsc::channel(4);
        let context = Arc::new(context);
        watchers.spawn(server::agent::run(visitors, context.clone()));
        let serving = tokio::spawn(server::run(listener, context));
        let lab = Self { address, fleet, keeper: handle, folder, stop, ending, ups, followers, serving, mint, door, watchers };
        (lab, other)
    }

    /// A lab whose cluster runs one task of `web`.
    pub(crate) async fn up() -> Self {
        let lab = Self::new().await;
        let last = lab.bring(&manifest("sim:v1", "out=hello")).await.pop().unwrap();
        assert_eq!(last["type"], "done", "{last}");
        lab.until(steady).await;
        lab
    }

    /// Sends those bytes and gives what comes back until the connection ends.
    pub(crate) async fn exchange(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), text: body.into() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.exchange(&format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.exchange(&format!("POST {path} HTTP/1.0\r\nhost: {}\r\n{CLIENT}content-length: {}\r\n\r\n{body}", self.address, body.len())).await
    }

    /// A streaming answer, line by line, after its head.
    pub(crate) async fn stream(&self, path: &str) -> Lines<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address).as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        while next_line(&mut lines).await.is_some_and(|line| !line.is_empty()) {}
        lines
    }

    /// Brings a manifest up and gives every line of the answer.
    pub(crate) async fn bring(&self, text: &str) -> Vec<Value> {
        let body = serde_json::json!({ "desired": desired(text) }).to_string();
        let answer = self.post("/local/v1/up", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        values(&answer.text)
    }

    pub(crate) async fn view(&self) -> View {
        self.get("/local/v1/view").await.value()
    }

    /// Whether nobody takes connections any more, in a moment.
    pub(crate) async fn view_is_refused(&self) -> bool {
        let refused = async { while TcpStream::connect(self.address).await.is_ok() {} };
        tokio::time::timeout(PATIENCE, refused).await.is_ok()
    }

    /// Follows the view until it is so.
    pub(crate) async fn until(&self, so: impl Fn(&View) -> bool) -> View {
        let mut view = self.view().await;
        let waiting = async {
            while !so(&view) {
                view = self.get(&format!("/local/v1/view?after={}", view.version)).await.value();
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
        view
    }
}

/// Every service has what it is to have.
pub(crate) fn steady(view: &View) -> bool {
    view.clusters.iter().all(|cluster| cluster.services.iter().all(|service| service.steady))
}

pub(crate) async fn next_line(lines: &mut Lines<BufReader<TcpStream>>) -> Option<String> {
    tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap()
}

pub(crate) fn values(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One service, `web`, behind a listener.
pub(crate) fn manifest(image: &str, script: &str) -> String {
    format!(
        "
cluster: lab
loadBalancers:
  - name: front
    listeners:
      - port: 80
        protocol: HTTP
        defaultActions: [{{ type: fixed-response, fixedResponseConfig: {{ statusCode: \"404\" }} }}]
        rules:
          - priority: 1
            conditions: [{{ field: path-pattern, values: [\"/web*\"] }}]
            actions: [{{ type: forward, targetGroup: web }}]
targetGroups:
  - {{ name: web, protocol: HTTP, port: 80, attributes: {{ deregistration_delay.timeout_seconds: 0 }} }}
taskDefinitions:
  - family: web
    containerDefinitions:
      - {{ name: app, image: \"{image}\", memory: 64, command: [sim, \"{script}\"], portMappings: [{{ containerPort: 80 }}] }}
services:
  - serviceName: web
    taskDefinition: web
    desiredCount: 1
    loadBalancers: [{{ targetGroup: web, containerName: app, containerPort: 80 }}]
"
    )
}

pub(crate) fn desired(text: &str) -> Desired {
    let files = ["cluster.yaml".into()];
    let request =
        manifest::Request { files: &files, environment: &BTreeMap::new(), source: &Text(text.to_owned()), directory: Path::new("/nowhere") };
    manifest::read(&request).unwrap_or_else(|problems| panic!("{}", problems.render(false))).desired
}
