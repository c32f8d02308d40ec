//! Answers: one JSON value, a stream of them, a failure.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use wire::local::{Failure, Fault};

/// An answer's body.
pub(super) type Body = BoxBody<Bytes, Infallible>;

/// One JSON value.
pub(super) fn json<T: Serialize>(value: &T) -> Response<Body> {
    with_status(StatusCode::OK, value)
}

/// A failure, as 400 or 500.
pub(super) fn failed(failure: &Failure) -> Response<Body> {
    let status = match failure.fault {
        Fault::Input => StatusCode::BAD_REQUEST,
        Fault::Environment => StatusCode::INTERNAL_SERVER_ERROR,
    };
    with_status(status, failure)
}

/// A value with a status of its own.
pub(super) fn with_status<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(text) => response(status, "application/json", Full::new(Bytes::from(text)).boxed()),
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", Full::new(Bytes::from(error.to_string())).boxed()),
    }
}

/// Text of that type.
pub(super) fn text(content_type: &'static str, text: String) -> Response<Body> {
    response(StatusCode::OK, content_type, Full::new(Bytes::from(text)).boxed())
}

/// One JSON value a line, as they come.
pub(super) fn lines<T: Serialize>(values: impl Stream<Item = T> + Send + Sync + 'static) -> Response<Body> {
    let frames = values.map(|value| {
        let mut line = serde_json::to_vec(&value).unwrap_or_default();
        line.push(b'\n');
        Ok(Frame::data(Bytes::from(line)))
    });
    response(StatusCode::OK, "application/x-ndjson", BodyExt::boxed(StreamBody::new(frames)))
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
