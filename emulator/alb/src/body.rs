//! Bodies on their way through: never held, one chunk at a time, polled by whoever writes them.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use routing::InFlight;

use crate::state::{ConnectionState, Turn};
use crate::upstream::Lease;

/// The longest body that is read to its end though no target takes it, so that the connection can go on.
const SWALLOWED_BYTES: u64 = 64 * 1024;

/// A client's body on its way to a target.
pub(crate) struct RequestBody {
    incoming: Incoming,
    state: Rc<ConnectionState>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, state: &Rc<ConnectionState>) -> Self {
        state.upload_complete.set(incoming.is_end_stream());
        state.upload_awaited.set(false);
        state.upload_broken.set(false);
        Self { incoming, state: Rc::clone(state) }
    }

    /// Whether it is worth reading to its end when nobody wants it. A client that expects `100 Continue` has not sent it yet.
    pub(crate) fn is_swallowed(&self, headers: &HeaderMap) -> bool {
        !self.is_end_stream() && !headers.contains_key(EXPECT) && self.size_hint().exact().is_some_and(|length| length <= SWALLOWED_BYTES)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        self.state.upload_awaited.set(polled.is_pending());
        let frame = ready!(polled);
        match &frame {
            Some(Err(_)) => self.state.upload_broken.set(true),
            None => self.state.upload_complete.set(true),
            Some(Ok(frame)) => {
                self.state.upload_complete.set(frame.is_trailers() || self.incoming.is_end_stream());
                if self.state.parent.is_some() {
                    self.state.touch();
                    self.state.count_received(frame.data_ref().map_or(0, Bytes::len));
                }
            }
        }
        Poll::Ready(if self.state.parent.is_some() { frame } else { without_trailers(frame) })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Trailers of HTTP/1 end here (alb.md 6.6).
fn without_trailers<E>(frame: Option<Result<Frame<Bytes>, E>>) -> Option<Result<Frame<Bytes>, E>> {
    frame.filter(|frame| frame.as_ref().map_or(true, Frame::is_data))
}

/// A response over HTTP/2 that cannot go on: its stream is reset.
#[derive(Debug, thiserror::Error)]
#[error("the response broke off")]
pub(crate) struct BrokeOff;

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
    pub(crate) incoming: Incoming,
    /// The connection that it flows on; polled by nobody else.
    pub(crate) lease: Lease,
    /// Counts the request out when it is dropped.
    pub(crate) _in_flight: InFlight,
    /// The end was seen.
    pub(crate) finished: bool,
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
}

impl Relay {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // A connection that is polled right here would, with its wake-ups for the body, only wake ourselves.
        let mut quiet = Context::from_waker(Waker::noop());
        let mut polled = Pin::new(&mut self.incoming).poll_frame(if self.lease.is_http2() { cx } else { &mut quiet });
        if polled.is_pending() && self.lease.drive(cx) {
            polled = Pin::new(&mut self.incoming).poll_frame(&mut quiet);
        }
        let frame = ready!(polled);
        self.finished = match &frame {
            Some(Ok(frame)) => frame.is_trailers() || self.incoming.is_end_stream(),
            Some(Err(_)) => false,
            None => true,
        };
        Poll::Ready(frame)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if self.reusable && (self.finished || self.incoming.is_end_stream()) {
            self.lease.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let this = &mut *self;
        let state = this.turn.state();
        let multiplexed = state.parent.is_some();
        if multiplexed {
            state.remember_waker(cx);
            if state.must_end() {
                return Poll::Ready(Some(Err(BrokeOff)));
            }
        } else if state.is_broken() {
            // Asked again, the target's body would seem to have ended well.
            return Poll::Pending;
        }
        let frame = match &mut this.kind {
            Kind::Own(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Kind::Relayed(relay) => {
                let frame = ready!(relay.poll(cx));
                if relay.trailers { frame } else { without_trailers(frame) }
            }
        };
        match frame {
            Some(Err(error)) => {
                tracing::debug!(%error, "the target's response broke off");
                if multiplexed {
                    return Poll::Ready(Some(Err(BrokeOff)));
                }
                // An error here would also throw away what has come but is not written yet.
                state.response_broke_off();
                Poll::Pending
            }
            Some(Ok(frame)) => {
                if multiplexed {
                    state.touch();
                    state.count_sent(frame.data_ref().map_or(0, Bytes::len));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own(bytes) => bytes.is_none(),
            Kind::Relayed(relay) => relay.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Relayed(relay) => relay.incoming.size_hint(),
        }
    }
}
