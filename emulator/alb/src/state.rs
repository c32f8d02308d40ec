//! What is known of one client connection: shared by its transport, its requests and the worker's rounds. Never leaves its thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use routing::{ClientFailure, TargetState};

use crate::clock::{self, Moment};
use crate::connection::ConnectionContext;
use crate::http2::StreamGuard;
use crate::record::{Draft, Recorder};
use crate::upstream::Tunnel;

/// Where a client connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between requests: everything answered and written.
    Idle,
    /// A request has come, no response has begun.
    Answering,
    /// A response has begun.
    Responding,
    /// The response has ended; its last bytes may wait to be written.
    Flushing,
    /// The connection was upgraded: bytes pass as they come.
    Tunnel,
    /// The connection speaks HTTP/2: its requests have states of their own.
    Multiplexed,
}

/// Why work in progress is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// No byte moved on either side for the idle timeout.
    Idle,
    /// The target was taken away.
    Gone,
}

/// See the module.
pub(crate) struct ConnectionState {
    pub(crate) phase: Cell<Phase>,
    /// Bytes have come since the last request ended.
    pub(crate) head_begun: Cell<bool>,
    /// The request's body is here to its end.
    pub(crate) upload_complete: Cell<bool>,
    /// More of the request's body is wanted, and the client has not sent it.
    pub(crate) upload_awaited: Cell<bool>,
    /// The request's body cannot be read on: it is malformed, or the client is gone.
    pub(crate) upload_broken: Cell<bool>,
    /// No further request is to be read.
    pub(crate) closing: Cell<bool>,
    /// Of the load balancer that the last request was for.
    pub(crate) idle_timeout: Cell<Duration>,
    /// `client_keep_alive.seconds` as the first request found it; zero until then.
    pub(crate) keep_alive: Cell<Duration>,
    pub(crate) opened: Moment,
    /// The upgraded connection to a target, to be joined with this one.
    pub(crate) tunnel: RefCell<Option<Tunnel>>,
    /// What is noted of the request that is under way.
    pub(crate) draft: RefCell<Option<Draft>>,
    /// Bytes from the client since the last request was over.
    pub(crate) received: Cell<u64>,
    /// Bytes to the client since the last request was over.
    pub(crate) sent: Cell<u64>,
    /// Requests of an HTTP/2 connection that are under way.
    pub(crate) streams: Cell<usize>,
    /// Of an HTTP/2 request: its connection.
    pub(crate) parent: Option<Rc<ConnectionState>>,
    recorder: Rc<Recorder>,
    served: Cell<bool>,
    last_activity: Cell<Moment>,
    cut: Cell<Option<Cut>>,
    target: RefCell<Option<Arc<TargetState>>>,
    waker: RefCell<Option<Waker>>,
}

impl ConnectionState {
    pub(crate) fn new(idle_timeout: Duration, recorder: Rc<Recorder>) -> Self {
        let now = clock::now();
        Self {
            phase: Cell::new(Phase::Idle),
            head_begun: Cell::new(false),
            upload_complete: Cell::new(true),
            upload_awaited: Cell::new(false),
            upload_broken: Cell::new(false),
            closing: Cell::new(false),
            idle_timeout: Cell::new(idle_timeout),
            keep_alive: Cell::new(Duration::ZERO),
            opened: now,
            tunnel: RefCell::new(None),
            draft: RefCell::new(None),
            received: Cell::new(0),
            sent: Cell::new(0),
            streams: Cell::new(0),
            parent: None,
            recorder,
            served: Cell::new(false),
            last_activity: Cell::new(now),
            cut: Cell::new(None),
            target: RefCell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// The state of one request over HTTP/2.
    pub(crate) fn of_stream(connection: &Rc<Self>) -> Self {
        let state = Self::new(connection.idle_timeout.get(), Rc::clone(&connection.recorder));
        Self { opened: connection.opened, keep_alive: connection.keep_alive.clone(), parent: Some(Rc::clone(connection)), ..state }
    }

    /// Whether this is an HTTP/2 connection or a request of one.
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.parent.is_some() || self.phase.get() == Phase::Multiplexed
    }

    /// No further request is to be read on the connection.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        if let Some(connection) = &self.parent {
            connection.closing.set(true);
            connection.wake();
        }
    }

    /// Whether a request has come on it.
    pub(crate) fn has_served(&self) -> bool {
        self.served.get()
    }

    /// Notes something of the request that is under way.
    pub(crate) fn note(&self, what: impl FnOnce(&mut Draft)) {
        if let Some(draft) = &mut *self.draft.borrow_mut() {
            what(draft);
        }
    }

    /// The request is over, to its last byte: it is counted and logged.
    pub(crate) fn over(&self) {
        let Some(mut draft) = self.draft.take() else { return };
        let record = draft.record();
        record.received = self.received.take();
        record.sent = self.sent.take();
        if record.elb_status == 0 {
            let failure = if self.upload_complete.get() { ClientFailure::ClosedBeforeResponse } else { ClientFailure::ClosedBeforeBody };
            record.elb_status = failure.status();
            record.responded = clock::unix();
            record.sent = 0;
        }
        self.recorder.keep(draft.finish());
    }

    /// So many bytes came from the client.
    pub(crate) fn count_received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
    }

    /// So many bytes went to the client.
    pub(crate) fn count_sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
    }

    /// A byte moved on one of the two sides.
    pub(crate) fn touch(&self) {
        self.last_activity.set(clock::now());
    }

    /// Who to wake when something is cut.
    pub(crate) fn remember_waker(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            other => *other = Some(cx.waker().clone()),
        }
    }

    /// The same for a request whose connection is not polled with it.
    pub(crate) fn remember_own_waker(&self, cx: &Context<'_>) {
        if self.parent.is_some() {
            self.remember_waker(cx);
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The target that the current request is on.
    pub(crate) fn set_target(&self, target: Option<Arc<TargetState>>) {
        *self.target.borrow_mut() = target;
    }

    /// Looked at by the worker's rounds.
    pub(crate) fn check(&self) {
        if self.streams.get() > 0 {
            // Its requests are watched one by one.
            return;
        }
        if let (Some(cut), Some(connection)) = (self.cut.get(), &self.parent) {
            // It was told before and has not moved: the client takes nothing more of it, so the whole connection ends.
            connection.cut.set(Some(cut));
            return connection.wake();
        }
        let gone = self.target.borrow().as_ref().is_some_and(|target| target.is_gone());
        let cut = if gone {
            Cut::Gone
        } else if clock::now().since(self.last_activity.get()) >= self.idle_timeout.get() {
            Cut::Idle
        } else {
            return;
        };
        self.cut.set(Some(cut));
        self.wake();
    }

    /// Whether the connection itself is to end: a cut that no request answers any more.
    pub(crate) fn must_end(&self) -> bool {
        self.phase.get() != Phase::Answering && self.cut.get().is_some()
    }

    /// For the request that will answer the cut with a status; the connection lives on.
    pub(crate) fn take_cut(&self) -> Option<Cut> {
        self.cut.take().inspect(|_| {
            self.set_target(None);
            self.touch();
        })
    }
}

/// One request's hold on its connection, from its head to the end of its response's body.
pub(crate) struct Turn {
    state: Rc<ConnectionState>,
    /// Dropped last.
    _stream: Option<StreamGuard>,
}

impl Turn {
    pub(crate) fn begin(context: &ConnectionContext) -> Self {
        let state = &context.state;
        // The one before it, if its end was not seen written.
        state.over();
        state.phase.set(Phase::Answering);
        state.served.set(true);
        if let Some(connection) = &state.parent {
            connection.served.set(true);
        }
        state.head_begun.set(false);
        Self { state: Rc::clone(state), _stream: context.stream.take() }
    }

    pub(crate) fn response_begins(&self) {
        self.state.phase.set(Phase::Responding);
    }

    pub(crate) fn state(&self) -> &Rc<ConnectionState> {
        &self.state
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.state.set_target(None);
        self.state.phase.set(Phase::Flushing);
        if self.state.parent.is_some() {
            self.state.over();
        }
    }
}
