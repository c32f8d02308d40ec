//! Connections to targets: opened, lent to requests, kept for the next ones. Each worker has its own.
//!
//! Over HTTP/1 a lent connection is polled by the request that uses it: no task and no channel stands between a client and its target.
//! Over HTTP/2 one connection serves many requests, and a task of its own polls it.

mod dial;
mod http1;
mod http2;
mod pool;

use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response};
use model::ProtocolVersion;
use routing::{InFlight, TargetState, UpstreamFailure};

use crate::body::RequestBody;
use crate::state::ConnectionState;
use crate::transport::TargetStream;
use crate::worker::Worker;

use http1::Http1;
use http2::Http2;
pub(crate) use pool::Pool;

/// A connection to a target, lent to one request.
pub(crate) struct Lease {
    upstream: Option<Upstream>,
    worker: Rc<Worker>,
    target: Arc<TargetState>,
    keep_for: Duration,
    reused: bool,
}

enum Upstream {
    Http1(Box<Http1>),
    Http2(Http2),
}

impl Lease {
    /// An idle connection that the target has not closed, else a new one.
    pub(crate) async fn get(worker: &Rc<Worker>, target: &Arc<TargetState>, state: &Rc<ConnectionState>) -> Result<Self, UpstreamFailure> {
        let upstream = match target.version {
            ProtocolVersion::Http1 => worker.pool.take(target, state.parent.is_some()).map(Upstream::Http1),
            ProtocolVersion::Http2 | ProtocolVersion::Grpc => worker.pool.share(target).map(Upstream::Http2),
        };
        let mut lease = Self { upstream, worker: Rc::clone(worker), target: Arc::clone(target), keep_for: state.idle_timeout.get(), reused: true };
        match &lease.upstream {
            Some(Upstream::Http1(upstream)) => upstream.belongs_to(Some(state)),
            Some(Upstream::Http2(_)) => {}
            None => lease.renew(state).await?,
        }
        Ok(lease)
    }

    async fn renew(&mut self, state: &Rc<ConnectionState>) -> Result<(), UpstreamFailure> {
        self.upstream = None;
        self.upstream = Some(match self.target.version {
            ProtocolVersion::Http1 => Upstream::Http1(Box::new(Http1::open(&self.worker, &self.target, state).await?)),
            ProtocolVersion::Http2 | ProtocolVersion::Grpc => {
                let opened = Http2::open(&self.worker, &self.target).await?;
                self.worker.pool.put_shared(&self.target, self.keep_for, opened.clone());
                Upstream::Http2(opened)
            }
        });
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

    async fn send_once(&mut self, waiting: &mut Option<Request<RequestBody>>) -> Result<Response<Incoming>, Option<UpstreamFailure>> {
        match &mut self.upstream {
            Some(Upstream::Http1(upstream)) => upstream.send(waiting).await,
            Some(Upstream::Http2(upstream)) => upstream.send(waiting).await,
            None => Err(None),
        }
    }

    /// Whether it is one over HTTP/2.
    pub(crate) const fn is_http2(&self) -> bool {
        matches!(self.upstream, Some(Upstream::Http2(_)))
    }

    /// Lets the connection make progress for the body that flows on it; the waker is woken when it can make more. False where a task
    /// of its own does.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.upstream {
            Some(Upstream::Http1(upstream)) => {
                upstream.drive(cx);
                true
            }
            Some(Upstream::Http2(_)) | None => false,
        }
    }

    /// The response is over: the next request may have the connection, if both sides let it live.
    pub(crate) fn give_back(&mut self) {
        let Some(Upstream::Http1(mut upstream)) = self.upstream.take() else { return };
        upstream.belongs_to(None);
        if upstream.is_reusable() {
            self.worker.pool.put(&self.target, self.keep_for, upstream);
        }
    }

    /// After `101 Switching Protocols`: the bare connection and what came on it already. HTTP/2 has no such thing.
    pub(crate) async fn into_tunnel(self, in_flight: InFlight) -> Option<Tunnel> {
        match self.upstream {
            Some(Upstream::Http1(upstream)) => Some(upstream.into_tunnel(in_flight).await),
            Some(Upstream::Http2(_)) | None => None,
        }
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
