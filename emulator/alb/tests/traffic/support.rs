//! A data plane on free ports, targets that do exactly what a test says, and clients that see every byte.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use alb::{DataPlane, Record, Settings};
use model::{
    Action, Change, ClusterName, Comparison, Condition, FixedResponse, Forward, Ids, Listener, LoadBalancerAttributes, LoadBalancerName, OwnerId,
    Rule, Step, Target, TargetGroupAttributes, TargetGroupName, TargetGroupSpec, TargetHealth, TargetKey, Timestamp, Transforms, WeightedTargetGroup,
    World,
};
use routing::metrics::BalancerMetrics;
use routing::{AccessRecord, Table};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The listener's port in the World. The port on this machine is any free one.
pub(crate) const LISTENER_PORT: u16 = 80;

/// Fails a test that hangs.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nothing should take this long")
}

/// A World with one load balancer, and the data plane that serves it.
pub(crate) struct Front {
    pub(crate) world: World,
    pub(crate) table: Arc<Table>,
    pub(crate) plane: DataPlane,
    pub(crate) port: u16,
    /// Those before `table`, which a worker may still be using.
    earlier: Vec<Weak<Table>>,
    records: mpsc::Receiver<Vec<Record>>,
    known: VecDeque<Arc<AccessRecord>>,
    ids: Ids,
    workers: usize,
}

impl Front {
    /// Two workers; `/<group>*` goes to the group of that name, the rest is answered `404 no route`.
    pub(crate) fn start(groups: &[(&str, &[SocketAddr])]) -> Self {
        Self::with(2, LoadBalancerAttributes::default(), groups)
    }

    pub(crate) fn with(workers: usize, attributes: LoadBalancerAttributes, groups: &[(&str, &[SocketAddr])]) -> Self {
        Self::begin(workers, None, attributes, groups)
    }

    /// One worker with room for so many connections.
    pub(crate) fn roomy(connections: usize, groups: &[(&str, &[SocketAddr])]) -> Self {
        Self::begin(1, Some(connections), LoadBalancerAttributes::default(), groups)
    }

    fn begin(workers: usize, connections: Option<usize>, attributes: LoadBalancerAttributes, groups: &[(&str, &[SocketAddr])]) -> Self {
        let settings = model::Settings {
            owner: OwnerId::from_text("me"),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            instance: "i-1".into(),
            speed: model::Speed::default(),
        };
        let world = World::new(settings);
        let table = Arc::new(routing::compile(&world, None));
        let (sink, records) = mpsc::channel(64);
        let plane = DataPlane::start(Settings { workers, connections, records: Some(sink), ..Settings::default() }, Arc::clone(&table)).unwrap();
        let known = VecDeque::new();
        let mut front = Self { world, table, plane, port: 0, earlier: Vec::new(), records, known, ids: Ids::seeded(1), workers };
        front.change(Change::CreateCluster(cluster()));
        front.change(Change::CreateLoadBalancer { cluster: cluster(), name: balancer(), attributes });
        for (name, _) in groups {
            front.change(Change::CreateTargetGroup { cluster: cluster(), spec: Box::new(group_spec(name)) });
        }
        let rules = (1..).zip(groups).map(|(priority, (name, _))| (priority, forward_rule(priority, name))).collect();
        let fixed = FixedResponse { status: 404, content_type: Some("text/plain".into()), body: Some("no route".into()) };
        let listener = Listener { rules, ..Listener::new(LISTENER_PORT, Action::FixedResponse(fixed)) };
        front.change(Change::PutListener { load_balancer: balancer(), listener: Box::new(listener) });
        for (name, targets) in groups {
            targets.iter().for_each(|target| front.register(name, *target));
        }
        front.publish();
        front.port = front.plane.listen(LISTENER_PORT, 0).unwrap();
        front
    }

    pub(crate) fn change(&mut self, change: Change) {
        self.world.apply(change, Timestamp::from_millis(1), &mut self.ids).unwrap();
    }

    pub(crate) fn rule(&mut self, priority: u16, path: &str, action: Action) {
        self.rule_if(priority, vec![Condition::PathPattern(Comparison::Wildcards(vec![path.into()]))], action);
    }

    pub(crate) fn rule_if(&mut self, priority: u16, conditions: Vec<Condition>, action: Action) {
        self.put(Rule { priority, conditions, transforms: Transforms::default(), authenticate: None, action });
    }

    pub(crate) fn put(&mut self, rule: Rule) {
        self.change(Change::PutRule { load_balancer: balancer(), port: LISTENER_PORT, rule: Box::new(rule) });
        self.publish();
    }

    /// Changes the listener; its rules stay.
    pub(crate) fn listener(&mut self, change: impl FnOnce(&mut Listener)) {
        let mut listener = self.world.load_balancers[&balancer()].listeners[&LISTENER_PORT].clone();
        change(&mut listener);
        self.change(Change::PutListener { load_balancer: balancer(), listener: Box::new(listener) });
        self.publish();
    }

    /// Changes a target group's attributes.
    pub(crate) fn attributes(&mut self, group: &str, change: impl FnOnce(&mut TargetGroupAttributes)) {
        let mut spec = self.world.target_groups[&group_name(group)].spec.clone();
        change(&mut spec.attributes);
        self.change(Change::ModifyTargetGroup(Box::new(spec)));
        self.publish();
    }

    pub(crate) fn sicken(&mut self, group: &str, address: SocketAddr) {
        let mut target = self.world.target_groups[&group_name(group)].targets[&key(address)].clone();
        let at = Timestamp::from_millis(2);
        target.health = TargetHealth::because(model::TargetHealthState::Unhealthy, model::TargetHealthReason::FailedHealthChecks, at);
        self.world.record(Step::PutTarget { target_group: group_name(group), key: key(address), target });
        self.publish();
    }

    pub(crate) fn register(&mut self, group: &str, address: SocketAddr) {
        let at = Timestamp::from_millis(1);
        let task = Some(model::TaskId::from_text("t"));
        let target = Target { address, task, registered_at: at, draining_since: None, health: TargetHealth::healthy(at) };
        self.world.record(Step::PutTarget { target_group: group_name(group), key: key(address), target });
    }

    pub(crate) fn deregister(&mut self, group: &str, address: SocketAddr) {
        self.world.record(Step::RemoveTarget { target_group: group_name(group), key: key(address) });
    }

    pub(crate) fn drain(&mut self, group: &str, address: SocketAddr) {
        let mut target = self.world.target_groups[&group_name(group)].targets[&key(address)].clone();
        target.draining_since = Some(Timestamp::from_millis(2));
        self.world.record(Step::PutTarget { target_group: group_name(group), key: key(address), target });
    }

    pub(crate) fn publish(&mut self) {
        let table = Arc::new(routing::compile(&self.world, Some(&self.table)));
        self.earlier.push(Arc::downgrade(&std::mem::replace(&mut self.table, table)));
        self.plane.publish(Arc::clone(&self.table));
    }

    /// Publishes, and waits until no worker chooses by an earlier table.
    pub(crate) async fn publish_everywhere(&mut self) {
        self.publish();
        within(async {
            while self.earlier.iter().any(|table| table.strong_count() > 0) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        self.earlier.clear();
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.port).await
    }

    /// The record of the next request that is over.
    pub(crate) async fn record(&mut self) -> Arc<AccessRecord> {
        while self.known.is_empty() {
            let batch = within(self.records.recv()).await.unwrap();
            self.known.extend(batch.into_iter().filter_map(|record| match record {
                Record::Request(record) => Some(record),
                Record::Connection(_) | Record::HealthCheck(_) | Record::Flushed(_) => None,
            }));
        }
        self.known.pop_front().unwrap()
    }

    /// What is counted of the load balancer.
    pub(crate) fn record_metrics(&self) -> &BalancerMetrics {
        self.table.listeners()[0].balancer().metrics()
    }

    /// How many requests are on all targets, draining ones included.
    pub(crate) fn in_flight(&self) -> u64 {
        self.table.targets().map(|target| target.in_flight()).sum()
    }

    /// Waits until nothing is in flight: the count falls when the worker sees the end, not when the client does.
    pub(crate) async fn settled(&self) {
        within(async {
            while self.in_flight() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers
    }
}

fn cluster() -> ClusterName {
    ClusterName::new("tests").unwrap()
}

pub(crate) fn balancer() -> LoadBalancerName {
    LoadBalancerName::new("front").unwrap()
}

pub(crate) fn group_name(name: &str) -> TargetGroupName {
    TargetGroupName::new(name).unwrap()
}

fn key(address: SocketAddr) -> TargetKey {
    TargetKey { id: "i-1".into(), port: address.port() }
}

fn group_spec(name: &str) -> TargetGroupSpec {
    TargetGroupSpec::new(group_name(name), 80)
}

pub(crate) fn forward_rule(priority: u16, group: &str) -> Rule {
    let target_groups = vec![WeightedTargetGroup { target_group: group_name(group), weight: 1 }];
    Rule {
        priority,
        transforms: Transforms::default(),
        authenticate: None,
        conditions: vec![Condition::PathPattern(Comparison::Wildcards(vec![format!("/{group}*")]))],
        action: Action::Forward(Forward { target_groups, stickiness: None }),
    }
}

/// A message as it came over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// With its last empty line.
    pub(crate) head: String,
    /// Chunks joined.
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn start_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.start_line().split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default()
    }

    /// The values of a header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One side of a connection, read message by message.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    pub(crate) async fn connect(port: u16) -> Self {
        Self::new(within(TcpStream::connect(("127.0.0.1", port))).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) const fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        within(self.stream.write_all(text.as_bytes())).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Message {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n")).await;
        self.message().await
    }

    /// `None` where the connection ends without an answer.
    pub(crate) async fn try_get(&mut self, path: &str) -> Option<Message> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n");
        within(self.stream.write_all(request.as_bytes())).await.ok()?;
        self.try_message().await
    }

    async fn fill(&mut self) -> bool {
        within(self.stream.read_buf(&mut self.buffer)).await.is_ok_and(|read| read > 0)
    }

    /// Up to and with the empty line; `None` if the other side closed first.
    pub(crate) async fn try_head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                return Some(String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    pub(crate) async fn head(&mut self) -> String {
        self.try_head().await.expect("a head, not the end of the connection")
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill().await, "the connection ended {} bytes early", length - self.buffer.len());
        }
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let rest = self.buffer.split_off(end + 2);
                return String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap().trim_end().to_owned();
            }
            assert!(self.fill().await, "the connection ended in the middle of a line");
        }
    }

    /// One chunk of a chunked body; empty for the last one.
    pub(crate) async fn chunk(&mut self) -> Vec<u8> {
        let length = usize::from_str_radix(&self.line().await, 16).unwrap();
        let chunk = self.exactly(length).await;
        assert_eq!(self.line().await, "");
        chunk
    }

    pub(crate) async fn try_message(&mut self) -> Option<Message> {
        let head = self.try_head().await?;
        let mut message = Message { head, body: Vec::new() };
        if let Some(length) = message.all("content-length").first() {
            let length = length.parse().unwrap();
            message.body = self.exactly(length).await;
        } else if message.all("transfer-encoding") == ["chunked"] {
            loop {
                let chunk = self.chunk().await;
                if chunk.is_empty() {
                    break;
                }
                message.body.extend(chunk);
            }
        }
        Some(message)
    }

    pub(crate) async fn message(&mut self) -> Message {
        self.try_message().await.expect("a message, not the end of the connection")
    }

    /// Everything until the other side closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }
}

/// A target whose connections each run `script`.
pub(crate) async fn origin<F, S>(script: S) -> SocketAddr
where
    S: Fn(Client, usize) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(Client::new(stream), number));
            number += 1;
        }
    });
    address
}

/// What came to a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(usize, Message)>>>);

impl Seen {
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.0.lock().unwrap().iter().map(|(_, message)| message.clone()).collect()
    }

    /// How many connections requests came on.
    pub(crate) fn connections(&self) -> usize {
        let mut numbers: Vec<_> = self.0.lock().unwrap().iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len()
    }

    pub(crate) fn last(&self) -> Message {
        self.messages().pop().unwrap()
    }
}

/// A target that keeps connections and gives every request this answer.
pub(crate) async fn answering(answer: &'static str) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let record = seen.clone();
    let address = origin(move |mut connection, number| {
        let record = record.clone();
        async move {
            while let Some(message) = connection.try_message().await {
                record.0.lock().unwrap().push((number, message));
                connection.send(answer).await;
            }
        }
    })
    .await;
    (address, seen)
}

/// A target that answers with its own name.
pub(crate) async fn named(name: &str) -> (SocketAddr, Seen) {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
    answering(answer.leak()).await
}

/// An address that refuses connections.
pub(crate) async fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
