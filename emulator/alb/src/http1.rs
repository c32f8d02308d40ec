//! A client connection over HTTP/1: its requests in order, and its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use routing::ClientFailure;
use routing::limits::{MAX_HEADERS, REQUEST_HEADERS_BYTES, REQUEST_LINE_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connection::ConnectionContext;
use crate::forward;
use crate::record::Draft;
use crate::state::Phase;
use crate::transport::{ClientIo, ClientStream};
use crate::{respond, tunnel};

/// How long a closed connection is read on, so that the client gets to see the last answer before a reset.
const LINGER: Duration = Duration::from_secs(2);

/// How the exchange of requests and responses came to its end.
enum End {
    Finished(hyper::Result<()>),
    /// Idle for too long, or its target gone in the middle of a response.
    Cut,
}

/// Serves a client until it or we have enough.
pub(crate) async fn serve(context: &Rc<ConnectionContext>, stream: ClientIo) {
    let state = &context.state;
    let io = TokioIo::new(ClientStream { stream, state: Rc::clone(state) });
    let mut connection = http1::Builder::new()
        .preserve_header_case(true)
        .title_case_headers(true)
        .max_header_size(REQUEST_LINE_BYTES + REQUEST_HEADERS_BYTES)
        .max_headers(MAX_HEADERS)
        .header_read_timeout(None)
        .writev(false)
        .serve_connection(io, service_fn(|request| forward::answer(Rc::clone(context), request)));
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
    finish(context, parts.io.into_inner(), parts.read_buf, end).await;
    state.over();
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
            context.note_unread(failure.status(), words.len());
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
