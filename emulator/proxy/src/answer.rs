//! What a client is told where no task answers, in the words of Envoy, which is the proxy at AWS; and bodies that must end in time.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::{Instant, Sleep, sleep_until};

/// Why a body did not come to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// One side broke off.
    Connection(hyper::Error),
    /// It took too long.
    Timeout,
}

impl From<hyper::Error> for Broken {
    fn from(error: hyper::Error) -> Self {
        Self::Connection(error)
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connection(_) => f.write_str("the connection broke"),
            Self::Timeout => f.write_str("the response took too long"),
        }
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Timeout => None,
        }
    }
}

/// A body on its way through.
pub(crate) type Body = BoxBody<Bytes, Broken>;

/// Why there is no answer of a task's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody is behind the door.
    NoTask,
    /// Nobody accepted.
    Connect,
    /// A task broke off before it answered.
    Reset,
    /// A task did not answer in time.
    Timeout,
}

impl Failure {
    const fn words(self) -> &'static str {
        match self {
            Self::NoTask => "no healthy upstream",
            Self::Connect => "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
            Self::Reset => "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            Self::Timeout => "upstream request timeout",
        }
    }

    /// A response; for gRPC one that says UNAVAILABLE.
    pub(crate) fn response(self, grpc: bool) -> Response<Body> {
        let text = if grpc { "" } else { self.words() };
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed());
        let headers = response.headers_mut();
        if grpc {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert("grpc-status", HeaderValue::from_static("14"));
            headers.insert("grpc-message", HeaderValue::from_static(self.words()));
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            *response.status_mut() = if self == Self::Timeout { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::SERVICE_UNAVAILABLE };
        }
        response
    }
}

/// Whether a request is one of gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// A task's body, which breaks off at the deadline.
pub(crate) fn timed(body: Incoming, deadline: Option<Instant>) -> Body {
    Timed { body, end: deadline.map(|deadline| Box::pin(sleep_until(deadline))) }.boxed()
}

struct Timed {
    body: Incoming,
    end: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Broken::from)));
        }
        let late = this.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready());
        if late { Poll::Ready(Some(Err(Broken::Timeout))) } else { Poll::Pending }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
