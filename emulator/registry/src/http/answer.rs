//! Answers: empty ones, small ones, and files as they are read.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read as _;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};

use crate::{Digest, StoreError};

use super::refusal::Refusal;

/// An answer's body. A file that cannot be read further ends it before its time, and the connection with it.
pub type Body = BoxBody<Bytes, Infallible>;

/// The digest of what was stored or is sent.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// How much of a file is in memory at once, for each request.
const CHUNK: usize = 128 * 1024;

/// Sets a header; a value that cannot stand in one is left out.
pub(super) fn put(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().boxed());
    *response.status_mut() = status;
    response
}

/// Something was made, or begun: its place, and its digest once that is known.
pub(super) fn made(status: StatusCode, location: &str, digest: Option<&Digest>) -> Response<Body> {
    let mut response = empty(status);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    put(&mut response, LOCATION, location);
    if let Some(digest) = digest {
        put(&mut response, CONTENT_DIGEST, digest.as_str());
    }
    response
}

/// Bytes of that type.
pub(super) fn json(status: StatusCode, content_type: &str, content: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Full::from(content).boxed());
    *response.status_mut() = status;
    put(&mut response, CONTENT_TYPE, content_type);
    response
}

/// The next `length` bytes of a file.
pub(super) fn file(status: StatusCode, file: File, length: u64) -> Response<Body> {
    let chunks = stream::unfold((file, length), |(mut file, left)| async move {
        let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        if most == 0 {
            return None;
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0; most];
            let read = file.read(&mut buffer)?;
            buffer.truncate(read);
            Ok::<_, std::io::Error>((buffer, file))
        });
        match read.await {
            Ok(Ok((chunk, file))) if !chunk.is_empty() => {
                let left = left - chunk.len() as u64;
                Some((Ok(Frame::data(Bytes::from(chunk))), (file, left)))
            }
            Ok(Ok(_)) => {
                tracing::error!("a blob of the registry is shorter than it was");
                None
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "a blob of the registry cannot be read");
                None
            }
            Err(_) => None,
        }
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(chunks)));
    *response.status_mut() = status;
    response
}

/// Runs what waits for the disk where that holds up nobody.
pub(super) async fn on_disk<T, F>(work: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Refusal::from),
        Err(error) => Err(Refusal::from(StoreError::Io(std::io::Error::other(error)))),
    }
}
