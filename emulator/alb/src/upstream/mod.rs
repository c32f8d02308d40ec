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
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use message::{RequestHead, ResponseHead};
use model::ProtocolVersion;
use routing::{InFlight, TargetState, UpstreamFailure};

use crate::body::{BrokeOff, RequestBody};
use crate::convert;
use crate::state::ConnectionState;
use crate::transport::TargetStream;
use crate::worker::Worker;

use http1::{Http1, Outbound, Unanswered};
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

/// The head of a response, and its body where that does not come from the lease.
pub(crate) type Head = (ResponseHead, Option<Incoming>);

enum Upstream {
    Http1(Box<Http1>),
    Http2(Http2),
}

/// A request that got no answer, and its body if nothing of it was sent.
struct Unserved {
    failure: UpstreamFailure,
    unsent: Option<RequestBody>,
}

impl Unserved {
    const fn unsent(body: Option<RequestBody>) -> Self {
        Self { failure: UpstreamFailure::ClosedBeforeResponse, unsent: body }
    }
}

impl From<UpstreamFailure> for Unserved {
    fn from(failure: UpstreamFailure) -> Self {
        Self { failure, unsent: None }
    }
}

impl Lease {
    /// An idle connection that the target has not closed, else a new one.
    pub(crate) async fn get(worker: &Rc<Worker>, target: &Arc<TargetState>, state: &Rc<ConnectionState>) -> Result<Self, UpstreamFailure> {
        let upstream = match target.version {
            ProtocolVersion::Http1 => worker.pool.take(target).map(Upstream::Http1),
            ProtocolVersion::Http2 | ProtocolVersion::Grpc => worker.pool.share(target).map(Upstream::Http2),
        };
        let mut lease = Self { upstream, worker: Rc::clone(worker), target: Arc::clone(target), keep_for: state.idle_timeout.get(), reused: true };
        match &mut lease.upstream {
            Some(Upstream::Http1(upstream)) => upstream.belongs_to(Some(state)),
            Some(Upstream::Http2(_)) => {}
            None => lease.renew(state).await?,
        }
        Ok(lease)
    }

    async fn renew(&mut self, state: &Rc<ConnectionState>) -> Result<(), UpstreamFailure> {
        self.upstream = None;
        self.upstream = Some(match self.target.version {
            // Seldom, and large: not a part of every request's future.
            ProtocolVersion::Http1 => Upstream::Http1(Box::new(Box::pin(Http1::open(&self.worker, &self.target, state)).await?)),
            ProtocolVersion::Http2 | ProtocolVersion::Grpc => {
                let opened = Box::pin(Http2::open(&self.worker, &self.target)).await?;
                self.worker.pool.put_shared(&self.target, self.keep_for, opened.clone());
                Upstream::Http2(opened)
            }
        });
        self.reused = false;
        Ok(())
    }

    /// Sends the request and waits for the head of the response, behind which its body comes: over HTTP/2 with the head, over HTTP/1 from
    /// here. A reused connection that turns out closed before anything of the request was sent is replaced once; nothing is ever sent
    /// twice (alb.md 10). A body that nobody sent goes back to its place.
    pub(crate) async fn send(
        &mut self,
        head: &RequestHead,
        body: &mut Option<RequestBody>,
        state: &Rc<ConnectionState>,
    ) -> Result<Head, UpstreamFailure> {
        let Some(own) = body.take() else { return Err(UpstreamFailure::ClosedBeforeResponse) };
        // The one that is seldom and large is not a part of every request's future.
        let sent = if self.is_http2() { Box::pin(self.send_http2(head, own, state)).await } else { self.send_http1(head, own, state).await };
        sent.map_err(|Unserved { failure, unsent }| {
            *body = unsent;
            failure
        })
    }

    async fn send_http1(&mut self, head: &RequestHead, body: RequestBody, state: &Rc<ConnectionState>) -> Result<Head, Unserved> {
        let mut outbound = Box::new(Outbound::new(head, body));
        loop {
            let Some(Upstream::Http1(upstream)) = &mut self.upstream else { return Err(UpstreamFailure::ClosedBeforeResponse.into()) };
            match upstream.send(outbound).await {
                Ok(head) => return Ok((head, None)),
                Err(Unanswered::Unsent(unsent)) if self.reused => {
                    outbound = unsent;
                    self.renew(state).await?;
                }
                Err(Unanswered::Unsent(unsent)) => return Err(Unserved::unsent(unsent.into_body())),
                Err(Unanswered::Failed(failure)) => return Err(failure.into()),
            }
        }
    }

    async fn send_http2(&mut self, head: &RequestHead, body: RequestBody, state: &Rc<ConnectionState>) -> Result<Head, Unserved> {
        let mut request = convert::request_to_http2(head, self.target.protocol, body);
        loop {
            let Some(Upstream::Http2(upstream)) = &mut self.upstream else { return Err(UpstreamFailure::ClosedBeforeResponse.into()) };
            match upstream.send(request).await {
                Ok(response) => {
                    let (parts, incoming) = response.into_parts();
                    return Ok((convert::response_from_http2(&parts), Some(incoming)));
                }
                Err(Ok(unsent)) if self.reused => {
                    request = unsent;
                    self.renew(state).await?;
                }
                Err(Ok(unsent)) => return Err(Unserved::unsent(Some(unsent.into_body()))),
                Err(Err(failure)) => return Err(failure.into()),
            }
        }
    }

    /// Whether it is one over HTTP/2.
    pub(crate) const fn is_http2(&self) -> bool {
        matches!(self.upstream, Some(Upstream::Http2(_)))
    }

    /// Lets the request go on while its response flows. Over HTTP/2 a task of its own does.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(Upstream::Http1(upstream)) = &mut self.upstream {
            upstream.drive(cx);
        }
    }

    /// The next piece of a response over HTTP/1.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        self.http1_mut().map_or(Poll::Ready(None), |upstream| upstream.poll_piece(cx))
    }

    /// Whether a response over HTTP/1 is over.
    pub(crate) fn is_over(&self) -> bool {
        self.http1().is_none_or(Http1::is_over)
    }

    /// How many bytes of a response over HTTP/1 are still to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.http1().and_then(Http1::left)
    }

    fn http1(&self) -> Option<&Http1> {
        if let Some(Upstream::Http1(upstream)) = &self.upstream { Some(upstream) } else { None }
    }

    fn http1_mut(&mut self) -> Option<&mut Http1> {
        if let Some(Upstream::Http1(upstream)) = &mut self.upstream { Some(upstream) } else { None }
    }

    /// The response is over: the next request may have the connection, if both sides let it live.
    pub(crate) fn give_back(&mut self) {
        let Some(Upstream::Http1(mut upstream)) = self.upstream.take() else { return };
        upstream.belongs_to(None);
        if upstream.is_settled() {
            self.worker.pool.put(&self.target, self.keep_for, upstream);
        }
    }

    /// After `101 Switching Protocols`: the bare connection and what came on it already. HTTP/2 has no such thing.
    pub(crate) fn into_tunnel(self, in_flight: InFlight) -> Option<Tunnel> {
        match self.upstream {
            Some(Upstream::Http1(upstream)) => Some(upstream.into_tunnel(in_flight)),
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
