//! Bodies on their way through: never held, one chunk at a time, polled by whoever writes them.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use routing::InFlight;

use crate::state::{ConnectionState, Turn};
use crate::upstream::Lease;

/// A client's body on its way to a target.
pub(crate) struct RequestBody {
    incoming: Incoming,
    state: Rc<ConnectionState>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, state: &Rc<ConnectionState>) -> Self {
        state.upload_complete.set(incoming.is_end_stream());
        Self { incoming, state: Rc::clone(state) }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if frame.is_none() || self.incoming.is_end_stream() {
            self.state.upload_complete.set(true);
        }
        Poll::Ready(without_trailers(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Trailers end here (alb.md 6.6).
fn without_trailers<E>(frame: Option<Result<Frame<Bytes>, E>>) -> Option<Result<Frame<Bytes>, E>> {
    frame.filter(|frame| frame.as_ref().map_or(true, Frame::is_data))
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
    pub(crate) incoming: Incoming,
    /// The connection that it flows on; polled by nobody else.
    pub(crate) lease: Lease,
    /// Counts the request out when it is dropped.
    pub(crate) _in_flight: InFlight,
    /// The end was seen, so the connection may serve another request.
    pub(crate) finished: bool,
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
        // The connection is polled right here, so its wake-ups for the body would only wake ourselves.
        let mut quiet = Context::from_waker(Waker::noop());
        let mut polled = Pin::new(&mut self.incoming).poll_frame(&mut quiet);
        if polled.is_pending() {
            self.lease.drive(cx);
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
        if self.finished || self.incoming.is_end_stream() {
            self.lease.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        match &mut this.kind {
            Kind::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Relayed(relay) => match without_trailers(ready!(relay.poll(cx))) {
                Some(Err(error)) => {
                    // An error here would also throw away what has come but is not written yet.
                    tracing::debug!(%error, "the target's response broke off");
                    this.turn.state().response_broke_off();
                    Poll::Pending
                }
                Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
                None => Poll::Ready(None),
            },
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
