//! A connection to a target over HTTP/1: one request at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use routing::limits::{MAX_HEADERS, RESPONSE_HEADERS_BYTES};
use routing::{InFlight, TargetState, UpstreamFailure};

use super::Tunnel;
use super::dial::{dial, failure_of};
use crate::body::RequestBody;
use crate::state::ConnectionState;
use crate::transport::{TargetStream, User};
use crate::worker::Worker;

/// Polled by the request that uses it; an idle one by nobody but the worker's rounds.
pub(super) struct Http1 {
    sender: SendRequest<RequestBody>,
    connection: Connection<TokioIo<TargetStream>, RequestBody>,
    user: User,
    ended: bool,
    /// Names that nobody chose the case of are written in small letters, not with capitals: requests that came over HTTP/2 (alb.md 6.4).
    pub(super) small_letters: bool,
}

impl Http1 {
    pub(super) async fn open(worker: &Rc<Worker>, target: &Arc<TargetState>, state: &Rc<ConnectionState>) -> Result<Self, UpstreamFailure> {
        let small_letters = state.parent.is_some();
        let stream = dial(worker, target).await?;
        let user: User = Rc::new(RefCell::new(Some(Rc::clone(state))));
        let io = TokioIo::new(TargetStream { stream, user: Rc::clone(&user) });
        let (sender, connection) = Builder::new()
            .preserve_header_case(true)
            .title_case_headers(!small_letters)
            .max_header_size(RESPONSE_HEADERS_BYTES)
            .max_headers(MAX_HEADERS)
            .writev(false)
            .handshake(io)
            .await
            .map_err(|error| failure_of(&error))?;
        Ok(Self { sender, connection, user, ended: false, small_letters })
    }

    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        // What ended it is told to the request or the body that waits for it.
        if !self.ended && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.ended = true;
        }
    }

    /// Whether another request can be sent on it: it is read up to here, so that a close by the target is seen.
    pub(super) fn is_reusable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.ended && self.sender.is_ready()
    }

    /// Whose request it serves from now on; `None` while it is idle.
    pub(super) fn belongs_to(&self, state: Option<&Rc<ConnectionState>>) {
        *self.user.borrow_mut() = state.cloned();
    }

    /// Sends what is in `waiting`. Without a failure in the error nothing was sent, and the request is back in its place.
    pub(super) async fn send(&mut self, waiting: &mut Option<Request<RequestBody>>) -> Result<Response<Incoming>, Option<UpstreamFailure>> {
        let Some(request) = waiting.take() else { return Err(None) };
        let mut response = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            if !self.ended && Pin::new(&mut self.connection).poll(cx).is_ready() {
                self.ended = true;
            }
            // The connection was polled just now, so its wake-up for the response would only wake ourselves.
            match response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(mut error)) => {
                    *waiting = error.take_message();
                    Poll::Ready(Err(if waiting.is_some() { None } else { Some(failure_of(error.error())) }))
                }
                Poll::Pending if self.ended => Poll::Ready(Err(Some(UpstreamFailure::ClosedBeforeResponse))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// After `101 Switching Protocols`: the bare connection and what came on it already.
    pub(super) async fn into_tunnel(mut self, in_flight: InFlight) -> Tunnel {
        poll_fn(|cx| {
            self.drive(cx);
            if self.ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.connection.into_parts();
        Tunnel { stream: parts.io.into_inner(), read_ahead: parts.read_buf, in_flight }
    }
}
