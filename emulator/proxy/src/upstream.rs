//! The connections of one client to tasks, kept between its requests.

use std::collections::BTreeMap;

use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use routing::connection::AppProtocol;
use routing::rotation::Member;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer::Body;

/// What became of a request.
pub(crate) enum Outcome {
    /// The head of its answer is there.
    Answered(Response<Incoming>),
    /// The task never had it; this is the body.
    NotSent(Body),
    /// The task may have had it.
    Lost,
}

/// A connection to a task.
pub(crate) enum Upstream {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Upstream {
    /// Sends a request. The error has it back where the task never had it.
    pub(crate) async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Option<Request<Body>>> {
        match self {
            Self::Http1(sender) => match sender.ready().await {
                Ok(()) => sender.try_send_request(request).await.map_err(|mut error| error.take_message()),
                Err(_) => Err(Some(request)),
            },
            Self::Http2(sender) => match sender.ready().await {
                Ok(()) => sender.try_send_request(request).await.map_err(|mut error| error.take_message()),
                Err(_) => Err(Some(request)),
            },
        }
    }
}

/// The connections of one client. Dropped, it cuts them.
pub(crate) struct Upstreams {
    protocol: AppProtocol,
    kept: BTreeMap<Member, Upstream>,
    drivers: JoinSet<()>,
}

impl Upstreams {
    pub(crate) fn new(protocol: AppProtocol) -> Self {
        Self { protocol, kept: BTreeMap::new(), drivers: JoinSet::new() }
    }

    /// The connection to a task, if there is one: that of HTTP/1.1 for one request at a time, that of HTTP/2 for many.
    pub(crate) fn take(&mut self, member: &Member) -> Option<Upstream> {
        match self.kept.get(member)? {
            Upstream::Http2(sender) if !sender.is_closed() => Some(Upstream::Http2(sender.clone())),
            Upstream::Http1(_) | Upstream::Http2(_) => {
                self.kept.remove(member).filter(|kept| matches!(kept, Upstream::Http1(sender) if !sender.is_closed()))
            }
        }
    }

    pub(crate) fn keep(&mut self, member: &Member, upstream: Upstream) {
        self.kept.insert(member.clone(), upstream);
    }

    /// Speaks HTTP on a connection; `None` where the task does not.
    pub(crate) async fn open(&mut self, stream: TcpStream) -> Option<Upstream> {
        while self.drivers.try_join_next().is_some() {}
        let stream = TokioIo::new(stream);
        match self.protocol {
            AppProtocol::Http => {
                let (sender, connection) = http1::handshake::<_, BoxBody<_, _>>(stream).await.ok()?;
                self.drivers.spawn(async move { connection.with_upgrades().await.unwrap_or_else(|error| broke(&error)) });
                Some(Upstream::Http1(sender))
            }
            AppProtocol::Http2 | AppProtocol::Grpc => {
                let (sender, connection) = http2::handshake::<_, _, BoxBody<_, _>>(TokioExecutor::new(), stream).await.ok()?;
                self.drivers.spawn(async move { connection.await.unwrap_or_else(|error| broke(&error)) });
                Some(Upstream::Http2(sender))
            }
        }
    }
}

fn broke(error: &hyper::Error) {
    tracing::trace!(%error, "a connection to a task broke");
}
