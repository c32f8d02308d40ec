//! A connection to a target over HTTP/1: one request at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::body::Body;
use message::{Decoder, Framing, HeadScan, RequestHead, ResponseHead, Step};
use routing::limits::RESPONSE_HEADERS_BYTES;
use routing::{InFlight, TargetState, UpstreamFailure};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::Tunnel;
use super::dial::dial;
use crate::body::{BrokeOff, RequestBody};
use crate::outgoing::{Coding, Outgoing};
use crate::state::ConnectionState;
use crate::transport::{TargetStream, User};
use crate::worker::Worker;

/// The least and the most that is read at once, in bytes. A target that fills the room is given twice as
/// much, and one whose whole response needs little of it half as much for the next.
const READ: (usize, usize) = (4 * 1024, 128 * 1024);
/// Room for what comes that an idle connection keeps.
const KEPT: usize = 8 * 1024;

/// A request as it is sent: its head is written already.
pub(super) struct Outbound {
    out: Outgoing,
    /// What is still to come of its body, and how it is put on the connection.
    body: Option<(RequestBody, Coding)>,
    asks_for_head: bool,
}

impl Outbound {
    pub(super) fn new(head: &RequestHead, body: RequestBody) -> Self {
        let mut out = Outgoing::default();
        let text = out.text();
        let target = head.target.origin();
        text.reserve(head.method.len() + target.len() + head.headers.bytes() + 32);
        for part in [head.method.as_bytes(), b" ", &target, b" HTTP/1.1\r\n"] {
            text.extend_from_slice(part);
        }
        head.headers.write(text);
        let coding = if head.framing == Framing::Chunked { Coding::Chunked } else { Coding::Plain };
        let body = Some((body, coding)).filter(|_| !head.framing.is_empty());
        Self { out, body, asks_for_head: head.method == "HEAD" }
    }

    /// Its body, if nothing of it was sent.
    pub(super) fn into_body(self) -> Option<RequestBody> {
        self.body.map(|(body, _)| body)
    }
}

/// Why a request got no answer.
pub(super) enum Unanswered {
    /// Nothing of it was sent.
    Unsent(Box<Outbound>),
    /// It failed.
    Failed(UpstreamFailure),
}

/// Polled by the request that uses it; an idle one by nobody but the worker's rounds.
pub(super) struct Http1 {
    stream: TargetStream,
    buffer: BytesMut,
    /// How much is read at once.
    room: usize,
    /// The most that came at once of the last response.
    largest: usize,
    outbound: Option<Box<Outbound>>,
    decoder: Decoder,
    /// The target lets another request follow.
    keeps: bool,
    /// The request's body broke off, so nothing good can come any more.
    gave_up: bool,
}

impl Http1 {
    pub(super) async fn open(worker: &Rc<Worker>, target: &Arc<TargetState>, state: &Rc<ConnectionState>) -> Result<Self, UpstreamFailure> {
        let stream = dial(worker, target).await?;
        let user: User = Rc::new(RefCell::new(Some(Rc::clone(state))));
        let stream = TargetStream { stream, user };
        let decoder = Decoder::new(Framing::Length(0));
        Ok(Self { stream, buffer: BytesMut::new(), room: READ.0, largest: READ.0, outbound: None, decoder, keeps: true, gave_up: false })
    }

    /// Whether its last exchange left nothing behind that another one could trip over.
    pub(super) fn is_settled(&self) -> bool {
        self.keeps && !self.gave_up && self.outbound.is_none() && self.decoder.is_over() && self.buffer.is_empty()
    }

    /// Whether another request can be sent on it: it is read up to here, so that a close by the target is seen.
    pub(super) fn is_reusable(&mut self) -> bool {
        if !self.is_settled() {
            return false;
        }
        let mut byte = [0];
        Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Whose request it serves from now on; `None` while it is idle.
    pub(super) fn belongs_to(&mut self, state: Option<&Rc<ConnectionState>>) {
        *self.stream.user.borrow_mut() = state.cloned();
        if state.is_none() && self.buffer.capacity() > KEPT {
            self.buffer = BytesMut::new();
        }
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(&mut self, outbound: Box<Outbound>) -> Result<ResponseHead, Unanswered> {
        if std::mem::take(&mut self.largest) < self.room / 4 {
            self.room = (self.room / 2).max(READ.0);
        }
        let asks_for_head = outbound.asks_for_head;
        self.outbound = Some(outbound);
        let mut scan = HeadScan::default();
        match poll_fn(|cx| self.poll_head(&mut scan, cx)).await {
            Ok(head) => {
                let framing = head.framing(asks_for_head).map_err(|_| Unanswered::Failed(UpstreamFailure::MalformedResponse))?;
                self.decoder = Decoder::new(framing);
                self.keeps = framing != Framing::UntilClose && head.keeps_connection();
                Ok(head)
            }
            Err(failure) => match self.outbound.take() {
                Some(outbound) if !outbound.out.has_begun() && !self.gave_up => Err(Unanswered::Unsent(outbound)),
                _ => Err(Unanswered::Failed(failure)),
            },
        }
    }

    /// Sends what can be sent of the request. What goes wrong shows in reading.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        let Some(outbound) = &mut self.outbound else { return };
        loop {
            while let Some((body, coding)) = &mut outbound.body
                && outbound.out.has_room()
            {
                let coding = *coding;
                match Pin::new(body).poll_frame(cx) {
                    // Trailers end here (alb.md 6.6).
                    Poll::Ready(Some(Ok(frame))) => outbound.out.piece(frame.into_data().unwrap_or_default(), coding),
                    Poll::Ready(Some(Err(BrokeOff))) => {
                        self.gave_up = true;
                        outbound.body = None;
                        outbound.out.clear();
                    }
                    Poll::Ready(None) => {
                        outbound.out.end(coding);
                        outbound.body = None;
                    }
                    Poll::Pending => break,
                }
            }
            if outbound.out.is_empty() {
                break;
            }
            match outbound.out.poll_write(&mut self.stream, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    tracing::trace!(%error, "a target takes nothing more");
                    self.keeps = false;
                    if outbound.out.has_begun() {
                        outbound.body = None;
                        outbound.out.clear();
                    }
                    return;
                }
                Poll::Pending => return,
            }
        }
        if outbound.body.is_none() {
            self.outbound = None;
        }
    }

    fn poll_head(&mut self, scan: &mut HeadScan, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, UpstreamFailure>> {
        self.drive(cx);
        loop {
            if self.gave_up {
                return Poll::Ready(Err(UpstreamFailure::ClosedBeforeResponse));
            }
            let found = scan.find(&self.buffer);
            if found.unwrap_or(self.buffer.len()) > RESPONSE_HEADERS_BYTES {
                return Poll::Ready(Err(UpstreamFailure::ResponseHeadersTooLarge));
            }
            if !ResponseHead::could_begin(&self.buffer) {
                return Poll::Ready(Err(UpstreamFailure::MalformedResponse));
            }
            if let Some(length) = found {
                let head = ResponseHead::parse(&self.buffer[..length]);
                self.buffer.advance(length);
                match head {
                    // What is said in between is not passed on (alb.md 6.7, unknown at AWS).
                    Ok(head) if head.status < 200 && head.status != 101 => *scan = HeadScan::default(),
                    head => return Poll::Ready(head.map_err(|_| UpstreamFailure::MalformedResponse)),
                }
            } else if !ready!(self.poll_read(cx)) {
                return Poll::Ready(Err(UpstreamFailure::ClosedBeforeResponse));
            }
        }
    }

    /// `false` at the end of the connection, however it came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.buffer.reserve(self.room);
        let read = ready!(pin!(self.stream.read_buf(&mut self.buffer)).poll(cx)).unwrap_or_default();
        self.largest = self.largest.max(read);
        if read >= self.room {
            self.room = (2 * self.room).min(READ.1);
        }
        Poll::Ready(read > 0)
    }

    /// The next piece of the response's body.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        self.drive(cx);
        loop {
            if self.gave_up {
                return Poll::Ready(Some(Err(BrokeOff)));
            }
            match self.decoder.next(&mut self.buffer) {
                Ok(Step::Data(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(Step::End) => return Poll::Ready(None),
                Err(_) => return Poll::Ready(Some(Err(BrokeOff))),
                Ok(Step::More) => {}
            }
            if !ready!(self.poll_read(cx)) && !self.decoder.close() {
                return Poll::Ready(Some(Err(BrokeOff)));
            }
        }
    }

    /// Whether the response's body is over.
    pub(super) fn is_over(&self) -> bool {
        self.decoder.is_over()
    }

    /// How many bytes of the response's body are still to come, where that is known.
    pub(super) const fn left(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// After `101 Switching Protocols`: the bare connection and what came on it already.
    pub(super) fn into_tunnel(self, in_flight: InFlight) -> Tunnel {
        Tunnel { stream: self.stream, read_ahead: self.buffer.freeze(), in_flight }
    }
}
