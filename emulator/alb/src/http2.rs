//! A client connection over HTTP/2: its requests side by side (alb.md 1).

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::body::{RequestBody, ResponseBody};
use crate::connection::ConnectionContext;
use crate::convert;
use crate::forward;
use crate::state::{ConnectionState, Phase};
use crate::transport::{ClientIo, ClientStream};
use crate::worker::Watched;

/// Requests of a connection that are under way at once.
const CONCURRENT_STREAMS: u32 = 128;
/// After so many requests a connection takes no more.
const REQUESTS: u64 = 10_000;
/// How much of a request's body, and of all bodies of a connection, may be on its way without having been taken by targets.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// How much of a response is taken from its target before the client has room for it.
const SEND_BUFFER: usize = 64 * 1024;
/// Requests that a client may give up before they were looked at; one more ends the connection ("rapid reset").
const RESET_STREAMS: usize = 20;
/// What HTTP/2 counts for a header line besides its name and value, for as many lines as HTTP/1 may have.
const HEADER_LIST_BYTES: u32 = 64 * 1024 + 512 * 32;

/// Spawns what hyper wants spawned onto the worker that the connection belongs to.
#[derive(Clone)]
pub(crate) struct OnWorker(pub(crate) Rc<crate::worker::Worker>);

impl<F: Future + 'static> Executor<F> for OnWorker {
    fn execute(&self, future: F) {
        // Owned by the worker's tracker; each ends with its connection.
        drop(self.0.tasks.spawn_local(async move { drop(future.await) }));
    }
}

/// Serves a client until it or we have enough.
pub(crate) async fn serve(context: &Rc<ConnectionContext>, stream: ClientIo) {
    let state = &context.state;
    state.phase.set(Phase::Multiplexed);
    let io = TokioIo::new(ClientStream { stream, state: Rc::clone(state) });
    let requests = Cell::new(0);
    let mut connection = http2::Builder::new(OnWorker(Rc::clone(&context.listener.worker)))
        .max_concurrent_streams(CONCURRENT_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .serve_connection(
            io,
            service_fn(|request| {
                requests.set(requests.get() + 1);
                if requests.get() >= REQUESTS {
                    state.closing.set(true);
                    state.wake();
                }
                answer(request_context(context), request)
            }),
        );
    let mut told = false;
    let end = poll_fn(|cx| {
        state.remember_waker(cx);
        if state.must_end() {
            // Idle, and told so before; or stuck.
            if told || state.streams.get() > 0 {
                return Poll::Ready(Ok(()));
            }
            state.closing.set(true);
            state.take_cut();
        }
        if state.closing.get() && !told {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        Pin::new(&mut connection).poll(cx)
    })
    .await;
    if let Err(error) = end {
        tracing::trace!(%error, "an HTTP/2 connection broke off");
    }
}

async fn answer(context: Rc<ConnectionContext>, request: Request<Incoming>) -> Result<Response<ResponseBody>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let head = Box::new(convert::request_from_http2(&parts, incoming.is_end_stream()));
    drop(parts);
    let body = RequestBody::http2(incoming, &context.state);
    let response = forward::answer(context, head, Some(body)).await;
    Ok(convert::response_to_http2(&response.head, response.body))
}

fn request_context(connection: &Rc<ConnectionContext>) -> Rc<ConnectionContext> {
    let state = Rc::new(ConnectionState::of_stream(&connection.state));
    let watched = connection.listener.worker.watch(connection.listener.listener_port, &state);
    connection.state.streams.set(connection.state.streams.get() + 1);
    let guard = StreamGuard { connection: Rc::clone(&connection.state), _watched: watched };
    Rc::new(ConnectionContext {
        listener: Rc::clone(&connection.listener),
        state,
        client: connection.client,
        id: connection.id,
        encryption: connection.encryption.clone(),
        stream: Cell::new(Some(guard)),
    })
}

/// A request that is under way on a connection.
pub(crate) struct StreamGuard {
    connection: Rc<ConnectionState>,
    _watched: Watched,
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.connection.streams.set(self.connection.streams.get() - 1);
        self.connection.touch();
    }
}
