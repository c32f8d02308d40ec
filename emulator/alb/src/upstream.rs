//! Connections to targets: opened, lent to one request at a time, kept for the next one. Each worker has its own.
//!
//! A lent connection is polled by the request that uses it, an idle one by nobody but the worker's rounds: no task and no channel
//! stands between a client and its target.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use routing::limits::{CONNECT_TIMEOUT, MAX_HEADERS, RESPONSE_HEADERS_BYTES};
use routing::{InFlight, TargetState, UpstreamFailure};
use tokio::net::TcpStream;

use crate::body::RequestBody;
use crate::clock::{self, Moment};
use crate::state::ConnectionState;
use crate::transport::{TargetStream, User};

/// Idle connections that a worker keeps per target.
const IDLE_PER_TARGET: usize = 256;

/// One connection to a target.
struct Upstream {
    sender: SendRequest<RequestBody>,
    connection: Connection<TokioIo<TargetStream>, RequestBody>,
    user: User,
    ended: bool,
}

impl Upstream {
    fn drive(&mut self, cx: &mut Context<'_>) {
        // What ended it is told to the request or the body that waits for it.
        if !self.ended && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.ended = true;
        }
    }

    /// Whether another request can be sent on it: it is read up to here, so that a close by the target is seen.
    fn is_reusable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.ended && self.sender.is_ready()
    }
}

/// The idle connections of one worker.
#[derive(Default)]
pub(crate) struct Pool {
    /// By the address of the target's state, which the entry keeps alive.
    idle: RefCell<HashMap<usize, IdleList>>,
}

struct IdleList {
    target: Arc<TargetState>,
    /// The one used last comes last.
    connections: Vec<(Moment, Duration, Box<Upstream>)>,
}

impl Pool {
    fn take(&self, target: &Arc<TargetState>) -> Option<Box<Upstream>> {
        let mut idle = self.idle.borrow_mut();
        let list = idle.get_mut(&key(target))?;
        while let Some((_, _, mut upstream)) = list.connections.pop() {
            if upstream.is_reusable() {
                return Some(upstream);
            }
        }
        None
    }

    fn put(&self, target: &Arc<TargetState>, keep_for: Duration, upstream: Box<Upstream>) {
        if target.is_draining() || target.is_gone() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let list = idle.entry(key(target)).or_insert_with(|| IdleList { target: Arc::clone(target), connections: Vec::new() });
        if list.connections.len() < IDLE_PER_TARGET {
            list.connections.push((clock::now(), keep_for, upstream));
        }
    }

    /// Drops what has been idle for too long, what targets have closed, and all connections to targets that leave.
    pub(crate) fn sweep(&self) {
        let now = clock::now();
        self.idle.borrow_mut().retain(|_, list| {
            if list.target.is_draining() || list.target.is_gone() {
                return false;
            }
            list.connections.retain_mut(|(since, keep_for, upstream)| now.since(*since) < *keep_for && upstream.is_reusable());
            !list.connections.is_empty()
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.idle.borrow().is_empty()
    }
}

fn key(target: &Arc<TargetState>) -> usize {
    Arc::as_ptr(target).addr()
}

/// A connection to a target, lent to one request.
pub(crate) struct Lease {
    upstream: Option<Box<Upstream>>,
    pool: Rc<Pool>,
    target: Arc<TargetState>,
    keep_for: Duration,
    reused: bool,
}

impl Lease {
    /// An idle connection that the target has not closed, else a new one.
    pub(crate) async fn get(pool: &Rc<Pool>, target: &Arc<TargetState>, state: &Rc<ConnectionState>) -> Result<Self, UpstreamFailure> {
        let mut lease =
            Self { upstream: pool.take(target), pool: Rc::clone(pool), target: Arc::clone(target), keep_for: state.idle_timeout.get(), reused: true };
        match &lease.upstream {
            Some(upstream) => *upstream.user.borrow_mut() = Some(Rc::clone(state)),
            None => lease.renew(state).await?,
        }
        Ok(lease)
    }

    async fn renew(&mut self, state: &Rc<ConnectionState>) -> Result<(), UpstreamFailure> {
        self.upstream = None;
        self.upstream = Some(Box::new(open(&self.target, state).await?));
        self.reused = false;
        Ok(())
    }

    /// Sends the request and waits for the head of the response. A reused connection that turns out closed before anything of the
    /// request was sent is replaced once; nothing is ever sent twice (alb.md 10).
    pub(crate) async fn send(
        &mut self,
        request: &mut Option<Request<RequestBody>>,
        state: &Rc<ConnectionState>,
    ) -> Result<Response<Incoming>, UpstreamFailure> {
        match self.send_once(request).await {
            Ok(response) => Ok(response),
            Err(None) if self.reused => {
                self.renew(state).await?;
                self.send_once(request).await.map_err(failure)
            }
            Err(unanswered) => Err(failure(unanswered)),
        }
    }

    /// Sends what is in `request`. Without a failure in the error nothing was sent, and the request is back in its place.
    async fn send_once(&mut self, waiting: &mut Option<Request<RequestBody>>) -> Result<Response<Incoming>, Option<UpstreamFailure>> {
        let Some(upstream) = self.upstream.as_deref_mut() else { return Err(None) };
        let Some(request) = waiting.take() else { return Err(None) };
        let mut response = pin!(upstream.sender.try_send_request(request));
        poll_fn(|cx| {
            if !upstream.ended && Pin::new(&mut upstream.connection).poll(cx).is_ready() {
                upstream.ended = true;
            }
            // The connection was polled just now, so its wake-up for the response would only wake ourselves.
            match response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(mut error)) => {
                    *waiting = error.take_message();
                    Poll::Ready(Err(if waiting.is_some() { None } else { Some(failure_of(error.error())) }))
                }
                Poll::Pending if upstream.ended => Poll::Ready(Err(Some(UpstreamFailure::ClosedBeforeResponse))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Lets the connection make progress for the body that flows on it.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(upstream) = &mut self.upstream {
            upstream.drive(cx);
        }
    }

    /// The response is over: the next request may have the connection, if both sides let it live.
    pub(crate) fn give_back(&mut self) {
        let Some(mut upstream) = self.upstream.take() else { return };
        *upstream.user.borrow_mut() = None;
        if upstream.is_reusable() {
            self.pool.put(&self.target, self.keep_for, upstream);
        }
    }

    /// After `101 Switching Protocols`: the bare connection and what came on it already.
    pub(crate) async fn into_tunnel(mut self, in_flight: InFlight) -> Option<Tunnel> {
        let mut upstream = self.upstream.take()?;
        poll_fn(|cx| {
            upstream.drive(cx);
            if upstream.ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = upstream.connection.into_parts();
        Some(Tunnel { stream: parts.io.into_inner(), read_ahead: parts.read_buf, in_flight })
    }
}

/// An upgraded connection to a target.
pub(crate) struct Tunnel {
    pub(crate) stream: TargetStream,
    pub(crate) read_ahead: Bytes,
    /// The tunnel counts as a request of its target until it ends.
    pub(crate) in_flight: InFlight,
}

/// What a request that was not answered failed with.
fn failure(unanswered: Option<UpstreamFailure>) -> UpstreamFailure {
    unanswered.unwrap_or(UpstreamFailure::ClosedBeforeResponse)
}

fn failure_of(error: &hyper::Error) -> UpstreamFailure {
    if error.is_parse_too_large() {
        UpstreamFailure::ResponseHeadersTooLarge
    } else if error.is_parse() {
        UpstreamFailure::MalformedResponse
    } else {
        UpstreamFailure::ClosedBeforeResponse
    }
}

async fn open(target: &Arc<TargetState>, state: &Rc<ConnectionState>) -> Result<Upstream, UpstreamFailure> {
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(target.address)).await {
        Ok(connected) => connected.map_err(|error| connect_failure(&error))?,
        Err(_elapsed) => return Err(UpstreamFailure::ConnectTimeout),
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY towards the target");
    }
    let user: User = Rc::new(RefCell::new(Some(Rc::clone(state))));
    let io = TokioIo::new(TargetStream { stream, user: Rc::clone(&user) });
    let (sender, connection) = Builder::new()
        .preserve_header_case(true)
        .title_case_headers(true)
        .max_header_size(RESPONSE_HEADERS_BYTES)
        .max_headers(MAX_HEADERS)
        .writev(false)
        .handshake(io)
        .await
        .map_err(|error| failure_of(&error))?;
    Ok(Upstream { sender, connection, user, ended: false })
}

fn connect_failure(error: &io::Error) -> UpstreamFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => UpstreamFailure::ConnectRefused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => UpstreamFailure::ConnectReset,
        io::ErrorKind::TimedOut => UpstreamFailure::ConnectTimeout,
        _ => UpstreamFailure::ConnectImpossible,
    }
}
