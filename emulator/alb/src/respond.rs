//! Answers that the load balancer makes itself: pages, fixed responses, redirects (alb.md 3, 6.9).

use std::sync::Arc;

use bytes::Bytes;
use hyper::ext::ReasonPhrase;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, SERVER, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Version};
use model::ListenerAttributes;
use routing::page::{self, Delivery, Page};
use routing::{AccessRecord, ClientProtocol, FixedResponseTable, status};

use crate::body::ResponseBody;
use crate::clock;
use crate::plan;
use crate::rewrite;
use crate::state::Turn;

/// Our own: which rule, target group and target a response is due to.
const DEBUG_HEADER: HeaderName = HeaderName::from_static("x-ecslocal-route");

/// What an answer depends on, of the request and its connection.
pub(crate) struct Asker {
    user_agent: Option<HeaderValue>,
    head_only: bool,
    /// What it speaks: HTTP/1.0, 1.1 or 2.
    pub(crate) version: Version,
    /// It makes a gRPC call.
    grpc: bool,
    /// It asks for a WebSocket.
    pub(crate) upgrade: bool,
    /// The connection ends with the answer.
    pub(crate) close: bool,
    /// What the listener adds to the answer, known once the load balancer is.
    pub(crate) listener: Option<Arc<ListenerAttributes>>,
}

impl Asker {
    pub(crate) fn of(parts: &Parts, last: bool) -> Self {
        Self {
            user_agent: parts.headers.get(USER_AGENT).cloned(),
            head_only: parts.method == Method::HEAD,
            version: parts.version,
            grpc: plan::client_protocol(parts) == ClientProtocol::Grpc,
            upgrade: rewrite::asks_for_websocket(parts),
            close: last || !wants_keep_alive(parts.version, &parts.headers),
            listener: None,
        }
    }
}

/// HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 only when asked to. Over HTTP/2 no request says anything of it.
fn wants_keep_alive(version: Version, headers: &HeaderMap) -> bool {
    let says = |word: &str| {
        let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
    };
    match version {
        Version::HTTP_2 => true,
        Version::HTTP_11 => !says("close"),
        _ => says("keep-alive") && !says("close"),
    }
}

/// The value of `Connection` in every response over HTTP/1 (alb.md 6.7).
pub(crate) const fn connection(close: bool) -> HeaderValue {
    HeaderValue::from_static(if close { "close" } else { "keep-alive" })
}

/// The page of a status; with a `Location` for redirects.
pub(crate) fn page(status: u16, location: Option<&str>, asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    // Every status that decisions and failures lead to has a page; 500 is what is left to say if one did not.
    let Some(found) = page::page(status).or_else(|| page::page(500)) else { return Response::new(ResponseBody::own(Bytes::new(), turn)) };
    if asker.grpc {
        return grpc(found.status, asker, turn);
    }
    let content = found.body(asker.user_agent.as_ref().map(HeaderValue::as_bytes));
    let content_type = found.has_body().then(|| HeaderValue::from_static(page::CONTENT_TYPE));
    let close = asker.close || status::closes_connection(found.status);
    let mut response = own(Own { status: found.status, content_type, content: Bytes::from_static(content.as_bytes()), close }, asker, turn);
    response.extensions_mut().insert(ReasonPhrase::from_static(found.reason.as_bytes()));
    if let Some(location) = location.and_then(|location| HeaderValue::from_str(location).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// To a gRPC client every failure is one status, which it understands without the page (alb.md 6.8).
fn grpc(status: u16, asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    let content_type = Some(HeaderValue::from_static("application/grpc"));
    let mut response = own(Own { status, content_type, content: Bytes::new(), close: asker.close }, asker, turn);
    response.headers_mut().insert("grpc-status", HeaderValue::from_static("14"));
    response.headers_mut().insert("grpc-message", HeaderValue::from_static("unavailable"));
    response
}

/// A fixed-response action's answer.
pub(crate) fn fixed(fixed: &FixedResponseTable, asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    let content_type = HeaderValue::from_str(&fixed.content_type).ok();
    let content = Bytes::from_owner(std::sync::Arc::clone(&fixed.body));
    own(Own { status: fixed.status, content_type, content, close: asker.close }, asker, turn)
}

struct Own {
    status: u16,
    content_type: Option<HeaderValue>,
    content: Bytes,
    close: bool,
}

fn own(own: Own, asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    let Own { status, content_type, content, close } = own;
    let length = HeaderValue::from(content.len());
    let sent = if asker.head_only { Bytes::new() } else { content };
    let mut response = Response::new(ResponseBody::own(sent, turn));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.version_mut() = asker.version;
    let headers = response.headers_mut();
    if asker.listener.as_ref().is_none_or(|listener| listener.server_header) {
        headers.insert(SERVER, HeaderValue::from_static(page::SERVER));
    }
    if let Ok(date) = HeaderValue::from_str(&clock::date()) {
        headers.insert(DATE, date);
    }
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    headers.insert(CONTENT_LENGTH, length);
    if asker.version != Version::HTTP_2 {
        headers.insert(CONNECTION, connection(close));
    }
    response
}

/// Adds the headers that the listener gives every response, in place of the target's.
pub(crate) fn add_listener_headers(headers: &mut HeaderMap, asker: &Asker) {
    for (name, value) in asker.listener.iter().flat_map(|listener| &listener.response_headers) {
        // Whoever set the attribute has checked it, so both are what they should be.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
}

/// Names what decided, where the load balancer's attribute asks for it.
pub(crate) fn add_debug_header(headers: &mut HeaderMap, record: &AccessRecord) {
    if !record.balancer.attributes().debug_header {
        return;
    }
    let rule = record.rule.map_or_else(|| "none".to_owned(), |rule| rule.to_string());
    let mut value = format!("rule={rule}");
    if let Some(group) = &record.group {
        value += &format!("; target-group={}", group.name());
    }
    if let Some(target) = &record.target {
        value += &format!("; target={}", target.key);
    }
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(DEBUG_HEADER, value);
    }
}

/// The whole answer to a head that could not be read, for a connection that ends with it.
pub(crate) fn last_words(status: u16) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(page) = page::page(status) {
        Page::write(&page, &mut out, &Delivery { date: &clock::date(), close: true, ..Delivery::default() });
    }
    out
}
