//! Bodies on their way through: never held, one piece at a time, polled by whoever writes them.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use message::{Decoder, RequestHead, Step, Version};
use routing::InFlight;

use crate::client::Client;
use crate::state::{ConnectionState, Phase, Turn};
use crate::upstream::Lease;

/// The longest body that is read to its end though no target takes it, so that the connection can go on.
const SWALLOWED_BYTES: u64 = 64 * 1024;
/// What a client is told that waits for leave to send its body (alb.md 6.3).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A body that cannot go on: malformed, or its sender is gone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body broke off")]
pub(crate) struct BrokeOff;

/// A client's body on its way to a target.
pub(crate) struct RequestBody {
    source: Source,
    state: Rc<ConnectionState>,
}

enum Source {
    Http1 {
        client: Rc<Client>,
        decoder: Decoder,
        /// The client waits for `100 Continue`.
        expects: bool,
    },
    Http2(Incoming),
}

impl RequestBody {
    pub(crate) fn http1(client: &Rc<Client>, state: &Rc<ConnectionState>, head: &RequestHead) -> Self {
        let expects = head.version == Version::Http11 && head.headers.says("expect", "100-continue");
        let decoder = Decoder::new(head.framing);
        Self::new(decoder.is_over(), Source::Http1 { client: Rc::clone(client), decoder, expects }, state)
    }

    pub(crate) fn http2(incoming: Incoming, state: &Rc<ConnectionState>) -> Self {
        Self::new(incoming.is_end_stream(), Source::Http2(incoming), state)
    }

    fn new(complete: bool, source: Source, state: &Rc<ConnectionState>) -> Self {
        state.upload_complete.set(complete);
        state.upload_awaited.set(false);
        state.upload_broken.set(false);
        Self { source, state: Rc::clone(state) }
    }

    /// Whether it is worth reading to its end when nobody wants it. A client that waits for leave to send has not sent it yet.
    pub(crate) fn is_swallowed(&self) -> bool {
        let Source::Http1 { decoder, expects: false, .. } = &self.source else { return false };
        decoder.left().is_some_and(|left| left > 0 && left <= SWALLOWED_BYTES)
    }

    /// The next frame; trailers of HTTP/1 end here (alb.md 6.6).
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        match &mut self.source {
            Source::Http1 { client, decoder, expects } => {
                let answering = self.state.phase.get() == Phase::Answering;
                let piece = ready!(poll_upload(client, decoder, (expects, answering), cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
            Source::Http2(incoming) => Pin::new(incoming).poll_frame(cx).map_err(|_| BrokeOff),
        }
    }
}

/// `answering` until the response begins, behind whose head no leave can stand.
fn poll_upload(
    client: &Client,
    decoder: &mut Decoder,
    (expects, answering): (&mut bool, bool),
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, BrokeOff>>> {
    loop {
        match client.take(|buffer| decoder.next(buffer)) {
            Ok(Step::Data(data)) => return Poll::Ready(Some(Ok(data))),
            Ok(Step::End) => return Poll::Ready(None),
            Ok(Step::More) => {}
            Err(_) => return Poll::Ready(Some(Err(BrokeOff))),
        }
        if std::mem::take(expects) && answering {
            client.out.borrow_mut().text().extend_from_slice(CONTINUE);
        }
        // It is written once, and with the response at the latest; whether it could be shows there.
        drop(client.poll_write(cx));
        match ready!(client.poll_body(decoder.left(), cx)) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Poll::Ready(Some(Err(BrokeOff))),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let polled = self.poll(cx);
        self.state.upload_awaited.set(polled.is_pending());
        let frame = ready!(polled);
        match &frame {
            Some(Err(_)) => self.state.upload_broken.set(true),
            None => self.state.upload_complete.set(true),
            Some(Ok(frame)) => {
                self.state.upload_complete.set(frame.is_trailers() || self.is_end_stream());
                if self.state.parent.is_some() {
                    self.state.touch();
                    self.state.count_received(frame.data_ref().map_or(0, Bytes::len));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Http1 { decoder, .. } => decoder.is_over(),
            Source::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1 { decoder, .. } => decoder.left().map_or_else(SizeHint::new, SizeHint::with_exact),
            Source::Http2(incoming) => incoming.size_hint(),
        }
    }
}

/// What a client is answered with.
pub(crate) struct ResponseBody {
    kind: Kind,
    /// Dropped last: then the response is over.
    turn: Turn,
}

enum Kind {
    /// Made here; empty once taken.
    Own(Option<Bytes>),
    /// A target's.
    Relayed(Box<Relay>),
}

/// A target's body, and what is held as long as it flows.
pub(crate) struct Relay {
    /// The body of a target over HTTP/2; otherwise it comes from the lease.
    pub(crate) incoming: Option<Incoming>,
    /// The connection that it flows on; polled by nobody else.
    pub(crate) lease: Lease,
    /// Counts the request out when it is dropped.
    pub(crate) _in_flight: InFlight,
    /// The connection may serve another request after the end.
    pub(crate) reusable: bool,
    /// Trailers go on: from HTTP/2 to HTTP/2.
    pub(crate) trailers: bool,
}

impl ResponseBody {
    pub(crate) fn own(bytes: Bytes, turn: Turn) -> Self {
        turn.response_begins();
        Self { kind: Kind::Own(Some(bytes).filter(|bytes| !bytes.is_empty())), turn }
    }

    pub(crate) fn relayed(relay: Relay, turn: Turn) -> Self {
        turn.response_begins();
        Self { kind: Kind::Relayed(Box::new(relay)), turn }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        match &mut self.kind {
            Kind::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Relayed(relay) => relay.poll(cx),
        }
    }

    /// The next piece for a client over HTTP/1.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        Poll::Ready(match ready!(self.poll(cx)) {
            // Only data and an end are told to them.
            Some(Ok(frame)) => frame.into_data().ok().map(Ok),
            Some(Err(error)) => {
                tracing::debug!("the target's response broke off");
                Some(Err(error))
            }
            None => None,
        })
    }

    /// Lets the rest of the request go on to its target while nothing of the response can be taken.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Kind::Relayed(relay) = &mut self.kind {
            relay.lease.drive(cx);
        }
    }
}

impl Relay {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let Some(incoming) = &mut self.incoming else {
            return self.lease.poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)));
        };
        let frame = ready!(Pin::new(incoming).poll_frame(cx));
        let passes = |frame: &Result<Frame<Bytes>, BrokeOff>| self.trailers || frame.as_ref().map_or(true, Frame::is_data);
        Poll::Ready(frame.map(|frame| frame.map_err(|_| BrokeOff)).filter(passes))
    }

    fn is_over(&self) -> bool {
        self.incoming.as_ref().map_or_else(|| self.lease.is_over(), Body::is_end_stream)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if self.reusable && self.is_over() {
            self.lease.give_back();
        }
    }
}

/// For clients over HTTP/2.
impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let this = &mut *self;
        let state = Rc::clone(this.turn.state());
        state.remember_waker(cx);
        if state.must_end() {
            return Poll::Ready(Some(Err(BrokeOff)));
        }
        let frame = ready!(this.poll(cx));
        match &frame {
            Some(Ok(frame)) => {
                state.touch();
                state.count_sent(frame.data_ref().map_or(0, Bytes::len));
            }
            Some(Err(_)) => tracing::debug!("the target's response broke off"),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own(bytes) => bytes.is_none(),
            Kind::Relayed(relay) => relay.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Relayed(relay) => match &relay.incoming {
                Some(incoming) => incoming.size_hint(),
                None => relay.lease.left().map_or_else(SizeHint::new, SizeHint::with_exact),
            },
        }
    }
}
