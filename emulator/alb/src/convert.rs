//! Heads between our form and that of HTTP/2.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::http::{request, response};
use hyper::{Method, Request, Response, StatusCode, Uri};
use message::{Framing, Headers, RequestHead, ResponseHead, Target, Version};
use model::TargetProtocol;

use crate::body::{RequestBody, ResponseBody};

/// Headers that say something of one connection or of HTTP/1 bodies, which HTTP/2 forbids (RFC 9113, 8.2.2).
const OF_HTTP1: [&str; 6] = ["connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// What a client asks over HTTP/2; `bare` requests have no body.
pub(crate) fn request_from_http2(parts: &request::Parts, bare: bool) -> RequestHead {
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let path = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    RequestHead {
        method: match parts.method {
            Method::GET => Cow::Borrowed("GET"),
            Method::POST => Cow::Borrowed("POST"),
            _ => Cow::Owned(parts.method.as_str().to_owned()),
        },
        target: Target::of_parts(authority, path),
        version: Version::Http2,
        headers: headers_from(&parts.headers),
        framing: if bare { Framing::Length(0) } else { length.map_or(Framing::Chunked, Framing::Length) },
        doubt: None,
        refused: None,
    }
}

/// What a target is asked over HTTP/2. Lines whose names HTTP/2 cannot say are left out.
pub(crate) fn request_to_http2(head: &RequestHead, protocol: TargetProtocol, body: RequestBody) -> Request<RequestBody> {
    let mut uri = hyper::http::uri::Parts::default();
    uri.scheme = Some(if protocol == TargetProtocol::Https { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = head.headers.get("host").and_then(|host| Authority::try_from(host).ok());
    uri.path_and_query = Some(path_of(&head.target.origin()));
    let mut request = Request::new(body);
    *request.method_mut() = Method::from_bytes(head.method.as_bytes()).unwrap_or_default();
    // Without an authority there is no absolute form; the path alone is understood as well.
    let path = uri.path_and_query.clone();
    *request.uri_mut() = Uri::from_parts(uri).ok().or_else(|| path.map(Uri::from)).unwrap_or_default();
    *request.version_mut() = hyper::Version::HTTP_2;
    *request.headers_mut() = headers_to(&head.headers);
    request
}

/// What a target answers over HTTP/2.
pub(crate) fn response_from_http2(parts: &response::Parts) -> ResponseHead {
    let status = parts.status;
    ResponseHead { headers: headers_from(&parts.headers), version: Version::Http2, ..ResponseHead::new(status.as_u16(), phrase(status.as_u16())) }
}

/// What a client is answered over HTTP/2.
pub(crate) fn response_to_http2(head: &ResponseHead, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = headers_to(&head.headers);
    response
}

/// What HTTP calls a status; empty for those that it does not know.
pub(crate) fn phrase(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

fn headers_from(headers: &HeaderMap) -> Headers {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn headers_to(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        let pair = HeaderName::from_bytes(name).ok().zip(HeaderValue::from_bytes(value).ok());
        if let Some((name, value)) = pair.filter(|(name, _)| !OF_HTTP1.contains(&name.as_str())) {
            map.append(name, value);
        }
    }
    map
}

/// A target as HTTP/2 can say it: what it has no room for is escaped.
fn path_of(origin: &[u8]) -> PathAndQuery {
    PathAndQuery::try_from(origin).unwrap_or_else(|_| {
        let mut escaped = Vec::with_capacity(origin.len() + 16);
        for byte in origin {
            if byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(byte) {
                escaped.push(*byte);
            } else {
                escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
        PathAndQuery::from_maybe_shared(Bytes::from(escaped)).unwrap_or_else(|_| PathAndQuery::from_static("/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_only_where_they_must_be() {
        for (origin, path) in [("/a%20b?c=d", "/a%20b?c=d"), ("/a b", "/a%20b"), ("/a\tb\"", "/a%09b%22"), ("/", "/"), ("*", "*")] {
            assert_eq!(path_of(origin.as_bytes()).as_str(), path, "{origin:?}");
        }
        assert_eq!(path_of(b"/\xff\x01").as_str(), "/%FF%01");
    }
}
