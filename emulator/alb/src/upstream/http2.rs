//! A connection to a target over HTTP/2: requests side by side, each with a sender of its own.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use routing::limits::RESPONSE_HEADERS_BYTES;
use routing::{TargetState, UpstreamFailure};

use super::dial::{dial, failure_of};
use crate::body::RequestBody;
use crate::http2::OnWorker;
use crate::transport::TargetStream;
use crate::worker::Worker;

/// How much of a response, and of all responses of a connection, may be on its way without having been taken by clients.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How much of a request's body is taken from its client before the target has room for it.
const SEND_BUFFER: usize = 64 * 1024;
/// What HTTP/2 counts for a header line besides its name and value, for as many lines as HTTP/1 may have.
const LINE_OVERHEAD: usize = 32 * 512;

/// One request's way to send on a connection.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<RequestBody>,
}

impl Http2 {
    pub(super) async fn open(worker: &Rc<Worker>, target: &Arc<TargetState>) -> Result<Self, UpstreamFailure> {
        let stream = dial(worker, target).await?;
        // Which of its requests a byte belongs to is not known down here; bodies tell it.
        let io = TokioIo::new(TargetStream { stream, user: Rc::new(RefCell::new(None)) });
        let (sender, connection) = Builder::new(OnWorker(Rc::clone(worker)))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(u32::try_from(RESPONSE_HEADERS_BYTES + LINE_OVERHEAD).unwrap_or(u32::MAX))
            .handshake(io)
            .await
            .map_err(|error| failure_of(&error))?;
        let key = target.key.clone();
        // Owned by the worker's tracker; it ends when the last sender is dropped and the last response has come.
        drop(worker.tasks.spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(target = %key, %error, "an HTTP/2 connection to a target broke off");
            }
        }));
        Ok(Self { sender })
    }

    /// Whether another request can be sent on it.
    pub(super) fn is_reusable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the head of its response. What was not sent is given back.
    pub(super) async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, Result<Request<RequestBody>, UpstreamFailure>> {
        if self.sender.ready().await.is_err() {
            return Err(Ok(request));
        }
        self.sender.try_send_request(request).await.map_err(|mut error| {
            let message = error.take_message();
            message.ok_or_else(|| failure_of(error.error()))
        })
    }
}
