//! One client connection: its requests in order, and its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::LoadBalancerAttributes;
use routing::ClientFailure;
use routing::limits::{MAX_HEADERS, REQUEST_HEADERS_BYTES, REQUEST_LINE_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::forward;
use crate::listener::ListenerContext;
use crate::state::{ConnectionState, Phase};
use crate::transport::ClientStream;
use crate::{respond, tunnel};

/// How long a closed connection is read on, so that the client gets to see the last answer before a reset.
const LINGER: Duration = Duration::from_secs(2);
/// What the requests of a connection share.
pub(crate) struct ConnectionContext {
    pub(crate) listener: Rc<ListenerContext>,
    pub(crate) state: Rc<ConnectionState>,
    pub(crate) client: SocketAddr,
}

/// How the exchange of requests and responses came to its end.
enum End {
    Finished(hyper::Result<()>),
    /// Idle for too long, or its target gone in the middle of a response.
    Cut,
}

/// Serves a client until it or we have enough.
pub(crate) async fn serve(listener: Rc<ListenerContext>, stream: TcpStream, client: SocketAddr) {
    let state = Rc::new(ConnectionState::new(first_idle_timeout(&listener)));
    let _watched = listener.worker.watch(listener.listener_port, &state);
    let context = Rc::new(ConnectionContext { listener, state: Rc::clone(&state), client });
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
    finish(parts.io.into_inner(), parts.read_buf, end).await;
}

/// The idle timeout until a request tells which load balancer is meant.
fn first_idle_timeout(listener: &ListenerContext) -> Duration {
    let mut cache = listener.worker.table.borrow_mut();
    cache
        .load()
        .listener(listener.listener_port, None)
        .map_or_else(|| LoadBalancerAttributes::default().idle_timeout, |table| table.attributes().idle_timeout)
}

async fn finish(client: ClientStream, read_ahead: Bytes, end: End) {
    let ClientStream { mut stream, state } = client;
    if let Some(tunnel) = state.tunnel.take() {
        return tunnel::run(stream, read_ahead, tunnel, state).await;
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
            stream.write_all(&respond::last_words(failure.status())).await?;
        }
        stream.shutdown().await?;
        // Closing with bytes unread resets the connection, and the client may lose the answer.
        let mut discarded = [0; 4096];
        while unread && stream.read(&mut discarded).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(LINGER, close).await {
        tracing::trace!(%error, "the client was gone first");
    }
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
