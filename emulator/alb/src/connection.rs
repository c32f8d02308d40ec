//! One client connection: its requests in order, and its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::LoadBalancerAttributes;
use routing::limits::{MAX_HEADERS, REQUEST_HEADERS_BYTES, REQUEST_LINE_BYTES};
use routing::metrics::BalancerMetric;
use routing::record::{RequestKind, TlsRecord};
use routing::{Balancer, ClientFailure, Scheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::forward;
use crate::listener::ListenerContext;
use crate::record::Draft;
use crate::state::{ConnectionState, Phase};
use crate::transport::ClientStream;
use crate::worker::Worker;
use crate::{respond, tunnel};

/// How long a closed connection is read on, so that the client gets to see the last answer before a reset.
const LINGER: Duration = Duration::from_secs(2);
/// What the requests of a connection share.
pub(crate) struct ConnectionContext {
    pub(crate) listener: Rc<ListenerContext>,
    pub(crate) state: Rc<ConnectionState>,
    pub(crate) client: SocketAddr,
    /// Random, for the access log.
    pub(crate) id: u128,
    /// What it is encrypted with.
    pub(crate) tls: Option<Arc<TlsRecord>>,
}

impl ConnectionContext {
    pub(crate) const fn scheme(&self) -> Scheme {
        if self.tls.is_some() { Scheme::Https } else { Scheme::Http }
    }

    /// `type` of the access log, until a request is known to be more.
    pub(crate) const fn kind(&self) -> RequestKind {
        if self.tls.is_some() { RequestKind::Https } else { RequestKind::Http }
    }
}

/// How the exchange of requests and responses came to its end.
enum End {
    Finished(hyper::Result<()>),
    /// Idle for too long, or its target gone in the middle of a response.
    Cut,
}

/// Serves a client until it or we have enough.
pub(crate) async fn serve(listener: Rc<ListenerContext>, stream: TcpStream, client: SocketAddr) {
    let worker = Rc::clone(&listener.worker);
    let state = Rc::new(ConnectionState::new(first_idle_timeout(&listener), Rc::clone(&worker.recorder)));
    let _watched = worker.watch(listener.listener_port, &state);
    let _counted = Counted::begin(&listener);
    let context = Rc::new(ConnectionContext { id: worker.random_u128(), tls: None, listener, state: Rc::clone(&state), client });
    let io = TokioIo::new(ClientStream { stream, state: Rc::clone(&state) });
    let mut connection = http1::Builder::new()
        .preserve_header_case(true)
        .title_case_headers(true)
        .max_header_size(REQUEST_LINE_BYTES + REQUEST_HEADERS_BYTES)
        .max_headers(MAX_HEADERS)
        .header_read_timeout(None)
        .writev(false)
        .serve_connection(io, service_fn(|request| forward::answer(Rc::clone(&context), request)));
    let mut told = false;
    let end = poll_fn(|cx| {
        state.remember_waker(cx);
        if state.must_end() {
            return Poll::Ready(End::Cut);
        }
        if state.closing.get() && !told {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        Pin::new(&mut connection).poll(cx).map(End::Finished)
    })
    .await;
    let parts = connection.into_parts();
    finish(&context, parts.io.into_inner(), parts.read_buf, end).await;
    state.over();
}

/// One more connection of the load balancer that its listener belongs to, until this is dropped.
struct Counted {
    worker: Rc<Worker>,
    balancer: Option<Arc<Balancer>>,
}

impl Counted {
    fn begin(listener: &ListenerContext) -> Self {
        let worker = Rc::clone(&listener.worker);
        let balancer = worker.table.borrow_mut().load().listener(listener.listener_port, None).map(|found| Arc::clone(found.balancer()));
        if let Some(balancer) = &balancer {
            worker.recorder.count(balancer, BalancerMetric::NewConnections);
        }
        Self { worker, balancer }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(balancer) = &self.balancer {
            self.worker.recorder.count(balancer, BalancerMetric::ClosedConnections);
        }
    }
}

/// The idle timeout until a request tells which load balancer is meant.
fn first_idle_timeout(listener: &ListenerContext) -> Duration {
    let mut cache = listener.worker.table.borrow_mut();
    cache
        .load()
        .listener(listener.listener_port, None)
        .map_or_else(|| LoadBalancerAttributes::default().idle_timeout, |table| table.attributes().idle_timeout)
}

async fn finish(context: &ConnectionContext, client: ClientStream, read_ahead: Bytes, end: End) {
    let ClientStream { mut stream, state } = client;
    if let Some(tunnel) = state.tunnel.take() {
        tunnel::run(stream, read_ahead, tunnel, &state).await;
        return state.note(Draft::tunnel_ended);
    }
    let failure = match end {
        End::Finished(Err(error)) if error.is_parse() && state.phase.get() == Phase::Idle => Some(broken_head(&error, &read_ahead)),
        End::Finished(_) => None,
        End::Cut if state.phase.get() == Phase::Idle && state.head_begun.get() => Some(ClientFailure::IdleTimeout),
        // In the middle of a response the only honest end is a broken one.
        End::Cut => return,
    };
    let unread = failure.is_some() || !state.upload_complete.get();
    let close = async {
        if let Some(failure) = failure {
            let words = respond::last_words(failure.status());
            note_unread(context, failure, words.len());
            stream.write_all(&words).await?;
        }
        stream.shutdown().await?;
        // Nothing more is written; what is read on is nobody's request.
        state.over();
        // Closing with bytes unread resets the connection, and the client may lose the answer.
        let mut discarded = [0; 4096];
        while unread && stream.read(&mut discarded).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(LINGER, close).await {
        tracing::trace!(%error, "the client was gone first");
    }
}

/// A request that could not be read is logged without anything of its own (alb.md 8, "malformed request").
fn note_unread(context: &ConnectionContext, failure: ClientFailure, sent: usize) {
    let listener = &context.listener;
    let balancer = listener.worker.table.borrow_mut().load().listener(listener.listener_port, None).map(|found| Arc::clone(found.balancer()));
    let Some(balancer) = balancer else { return };
    let mut draft = Draft::begin(context, &balancer);
    draft.responds(failure.status());
    context.state.received.set(0);
    context.state.sent.set(sent as u64);
    *context.state.draft.borrow_mut() = Some(draft);
}

fn broken_head(error: &hyper::Error, read_ahead: &[u8]) -> ClientFailure {
    let line = read_ahead.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace);
    let (method, target, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if is_later_version(version) {
        ClientFailure::VersionNotSupported
    } else if error.is_parse_too_large() && method.len() <= REQUEST_LINE_BYTES && target.len() + method.len() > REQUEST_LINE_BYTES {
        ClientFailure::UriTooLong
    } else if error.is_parse_too_large() {
        ClientFailure::HeadersTooLarge
    } else {
        ClientFailure::Malformed
    }
}

/// HTTP/2 or later, as the preface of HTTP/2 without TLS names it as well.
fn is_later_version(version: &[u8]) -> bool {
    version.strip_prefix(b"HTTP/").is_some_and(|number| {
        let major = number.split(|byte| *byte == b'.').next().unwrap_or_default();
        !major.is_empty() && major.iter().all(u8::is_ascii_digit) && !matches!(major, b"0" | b"1")
    })
}
