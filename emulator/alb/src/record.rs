//! What is noted of a request on its way, and how it leaves the worker when the request is over (alb.md 8).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use message::{Headers, RequestHead, lossy};
use routing::metrics::{self, BalancerMetric, Shard};
use routing::record::{RequestKind, RequestLine, USER_AGENT_BYTES};
use routing::request::split_port;
use routing::{AccessRecord, Balancer, ConnectionRecord, HealthCheckRecord, UpstreamFailure};
use tokio::sync::{mpsc, oneshot};

use crate::clock::{self, Moment};
use crate::connection::ConnectionContext;

/// Records that are handed over at once. Fewer wait for the worker's next round.
const BATCH: usize = 256;

/// Where records go: whoever writes logs takes them in batches. When it falls behind, batches are dropped, not waited for.
pub type RecordSink = mpsc::Sender<Vec<Record>>;

/// What is written down.
#[derive(Debug)]
pub enum Record {
    /// A request that is over.
    Request(Arc<AccessRecord>),
    /// A connection that is made, or failed to be.
    Connection(Box<ConnectionRecord>),
    /// A health check.
    HealthCheck(Box<HealthCheckRecord>),
    /// Everything before this is handed over: whoever waits for that is told.
    Flushed(oneshot::Sender<()>),
}

/// Requests that a worker keeps to itself until somebody asks for them.
const KEPT: usize = 1000;

/// A worker's way to count and to hand over what is over. What nobody follows and no log wants stays here, the newest of it: to make
/// and to free it on one thread costs far less than to hand it to another.
pub(crate) struct Recorder {
    shard: Shard,
    sink: Option<RecordSink>,
    /// Whether somebody follows.
    followed: Arc<AtomicBool>,
    kept: RefCell<VecDeque<Box<AccessRecord>>>,
    batch: RefCell<Vec<Record>>,
    dropped: Cell<u64>,
}

impl Recorder {
    pub(crate) const fn new(shard: Shard, sink: Option<RecordSink>, followed: Arc<AtomicBool>) -> Self {
        Self { shard, sink, followed, kept: RefCell::new(VecDeque::new()), batch: RefCell::new(Vec::new()), dropped: Cell::new(0) }
    }

    /// Counts for a load balancer what no request stands for.
    pub(crate) fn count(&self, balancer: &Balancer, metric: BalancerMetric) {
        balancer.metrics().add(self.shard, metric, 1);
    }

    /// Takes what is over.
    pub(crate) fn keep(&self, record: Box<AccessRecord>) {
        metrics::count(&record, self.shard);
        if self.sink.is_none() {
            return;
        }
        if record.balancer.attributes().access_logs.is_some() || self.followed.load(Ordering::Relaxed) {
            return self.push(Record::Request(record.into()));
        }
        let mut kept = self.kept.borrow_mut();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(record);
    }

    /// Takes a connection, where its load balancer has a log of them.
    pub(crate) fn keep_connection(&self, record: ConnectionRecord) {
        if self.sink.is_some() && record.balancer.attributes().connection_logs.is_some() {
            self.push(Record::Connection(Box::new(record)));
        }
    }

    fn push(&self, record: Record) {
        let mut batch = self.batch.borrow_mut();
        batch.push(record);
        if batch.len() >= BATCH {
            self.hand_over(&mut batch);
        }
    }

    /// Whether something waits for the next round.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.borrow().is_empty()
    }

    /// Hands over everything, also what nobody had asked for until now.
    pub(crate) fn flush_all(&self) {
        let kept = std::mem::take(&mut *self.kept.borrow_mut());
        self.batch.borrow_mut().splice(0..0, kept.into_iter().map(|record| Record::Request(record.into())));
        self.flush();
    }

    /// Hands over what somebody waits for.
    pub(crate) fn flush(&self) {
        let mut batch = self.batch.borrow_mut();
        if !batch.is_empty() {
            self.hand_over(&mut batch);
        }
    }

    fn hand_over(&self, batch: &mut Vec<Record>) {
        let Some(sink) = &self.sink else { return };
        let size = batch.len() as u64;
        let sent = std::mem::take(batch);
        let dropped = self.dropped.get();
        match sink.try_send(sent) {
            Ok(()) if dropped > 0 => {
                tracing::warn!(dropped, "requests were not logged: the log could not keep up");
                self.dropped.set(0);
            }
            Ok(()) => {}
            Err(_) => self.dropped.set(dropped + size),
        }
    }
}

/// The record of the request that a connection serves now.
pub(crate) struct Draft {
    record: Box<AccessRecord>,
    /// When its current stage began.
    stage: Moment,
}

impl Draft {
    /// A request whose head has come.
    pub(crate) fn begin(context: &ConnectionContext, balancer: &Arc<Balancer>) -> Self {
        let record = AccessRecord::begin(context.kind(), clock::unix(), Arc::clone(balancer), context.client, context.id);
        Self { record: Box::new(record), stage: clock::now() }
    }

    /// What is known.
    pub(crate) const fn record(&mut self) -> &mut AccessRecord {
        &mut self.record
    }

    /// It is over.
    pub(crate) fn finish(self) -> Box<AccessRecord> {
        self.record
    }

    /// Notes what the client asked for.
    pub(crate) fn read(&mut self, context: &ConnectionContext, request: &RequestHead) {
        if context.state.parent.is_some() {
            let line = request.method.len() + request.target.origin().len();
            context.state.count_received(head_bytes(line, &request.headers));
        }
        let record = self.record();
        record.request = Some(request_line(context, request, record.balancer.dns_name()));
        record.user_agent = request.headers.get("user-agent").map(|value| text(cut(value, USER_AGENT_BYTES)));
        record.tls = context.encryption.as_ref().map(|encryption| Arc::clone(&encryption.record));
    }

    /// The stage ends and the next one begins.
    fn turn(&mut self) -> Option<std::time::Duration> {
        let now = clock::now();
        let spent = now.since(self.stage);
        self.stage = now;
        Some(spent)
    }

    /// The connection to the target is there: the request goes out. What is delayed on purpose counts as sent before.
    pub(crate) fn sent_to_target(&mut self) {
        if self.record.times.request.is_none() {
            let spent = self.turn();
            self.record().times.request = spent;
        }
    }

    /// The head of the target's response is here.
    pub(crate) fn target_answered(&mut self, status: u16) {
        let spent = self.turn();
        let record = self.record();
        record.times.target = spent;
        record.target_status = Some(status);
    }

    /// The target did not answer. How long it was waited for is told unless the silence itself was the failure (alb.md 8).
    pub(crate) fn failed(&mut self, failure: UpstreamFailure) {
        let reached = self.record.times.request.is_some() && !matches!(failure, UpstreamFailure::IdleTimeout);
        let spent = if reached { self.turn() } else { None };
        let record = self.record();
        record.times.target = spent;
        record.failure = Some(failure);
    }

    /// The connection was upgraded, and has ended: only now is it written down, with all its bytes.
    pub(crate) fn tunnel_ended(&mut self) {
        let record = self.record();
        record.kind = if record.tls.is_some() { RequestKind::Wss } else { RequestKind::Ws };
        record.responded = clock::unix();
    }

    /// A response is made.
    pub(crate) fn responds(&mut self, status: u16) {
        let spent = if self.record.target_status.is_some() { self.turn() } else { None };
        let record = self.record();
        record.times.response = spent;
        record.elb_status = status;
        record.responded = clock::unix();
    }
}

/// What a head would be over HTTP/1, with its first line: over HTTP/2 nobody can say how many bytes one request's was.
pub(crate) fn head_bytes(first_line: usize, headers: &Headers) -> usize {
    first_line + headers.bytes()
}

fn request_line(context: &ConnectionContext, request: &RequestHead, own_name: &str) -> RequestLine {
    let named = request.target.authority().or_else(|| request.headers.get_str("host")).filter(|host| !host.is_empty());
    let (host, port) = named.map_or((own_name, None), split_port);
    let target = request.target.origin();
    let target = lossy(&target);
    let scheme = context.scheme().as_str();
    let port = port.filter(|port| !port.is_empty()).unwrap_or(&context.listener.bound_port_text);
    let mut url = String::with_capacity(scheme.len() + host.len() + port.len() + target.len() + 4);
    for part in [scheme, "://", host, ":", port, &target] {
        url.push_str(part);
    }
    RequestLine { method: request.method.clone(), url: url.into(), version: request.version.as_str() }
}

/// A header's value; what is no UTF-8 in it is replaced.
pub(crate) fn text(value: &[u8]) -> Box<str> {
    lossy(value).into()
}

/// The trace id that a target is sent.
pub(crate) fn trace_of(headers: &Headers) -> Option<Box<str>> {
    headers.get("x-amzn-trace-id").map(text)
}

fn cut(value: &[u8], most: usize) -> &[u8] {
    &value[..value.len().min(most)]
}
