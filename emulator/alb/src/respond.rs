//! Answers that the load balancer makes itself: pages, fixed responses, redirects (alb.md 3, 6.9).

use std::sync::Arc;

use bytes::Bytes;
use message::{Headers, RequestHead, ResponseHead, Version};
use model::ListenerAttributes;
use routing::page;
use routing::{AccessRecord, ClientProtocol, FixedResponseTable, status};

use crate::body::ResponseBody;
use crate::convert::phrase;
use crate::forward::Response;
use crate::outgoing::Coding;
use crate::plan::{self, Own};
use crate::state::Turn;
use crate::{admission, clock, rewrite};

/// Our own: which rule, target group and target a response is due to.
const DEBUG_HEADER: &str = "X-Ecslocal-Route";

/// What a target never said.
const INJECTED: &[u8] = b"injected by `ecslocal chaos`\n";

/// What an answer depends on, of the request and its connection.
pub(crate) struct Asker {
    /// It shows pages of its own in place of short ones.
    replaces_pages: bool,
    pub(crate) head_only: bool,
    /// What it speaks.
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
    pub(crate) fn of(head: &RequestHead, last: bool) -> Self {
        Self {
            replaces_pages: head.headers.get("user-agent").is_some_and(page::replaces_pages),
            head_only: head.method == "HEAD",
            version: head.version,
            grpc: plan::client_protocol(head) == ClientProtocol::Grpc,
            upgrade: rewrite::asks_for_websocket(head),
            close: last || !wants_keep_alive(head.version, &head.headers),
            listener: None,
        }
    }
}

/// HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 only when asked to. Over HTTP/2 no request says anything of it.
fn wants_keep_alive(version: Version, headers: &Headers) -> bool {
    match version {
        Version::Http2 => true,
        Version::Http11 => !headers.says("connection", "close"),
        _ => headers.says("connection", "keep-alive") && !headers.says("connection", "close"),
    }
}

/// The value of `Connection` in every response over HTTP/1 (alb.md 6.7).
pub(crate) const fn connection(close: bool) -> &'static str {
    if close { "close" } else { "keep-alive" }
}

/// An answer that no target makes.
pub(crate) fn own(own: Own, asker: &Asker, turn: Turn) -> Response {
    match own {
        Own::Redirect(status, location) => page(status, Some(&location), asker, turn),
        Own::Fixed(fixed) => self::fixed(&fixed, asker, turn),
        Own::Page(status) => page(status, None, asker, turn),
        Own::Injected(status) if asker.grpc => grpc(status, asker, turn),
        Own::Injected(status) => {
            let content = Bytes::from_static(INJECTED);
            make(Made { content_type: Some("text/plain"), content, ..Made::bare(status, asker.close) }, asker, turn)
        }
        Own::Stay(answer) => {
            let mut response = page(answer.status, answer.location.as_deref(), asker, turn);
            admission::set_cookies(&mut response.head.headers, &answer.set_cookies);
            response
        }
    }
}

/// The page of a status; with a `Location` for redirects.
fn page(status: u16, location: Option<&str>, asker: &Asker, turn: Turn) -> Response {
    // Every status that decisions and failures lead to has a page; the code alone is what is left to say if one did not.
    let Some(found) = page::page(status) else { return make(Made::bare(status, asker.close), asker, turn) };
    if asker.grpc {
        return grpc(found.status, asker, turn);
    }
    let content = Bytes::from_static(found.body(asker.replaces_pages).as_bytes());
    let content_type = found.has_body().then_some(page::CONTENT_TYPE);
    let close = asker.close || status::closes_connection(found.status);
    let mut response = make(Made { status: found.status, reason: found.reason, content_type, content, close }, asker, turn);
    if let Some(location) = location {
        response.head.headers.append("Location", location);
    }
    response
}

/// To a gRPC client every failure is one status, which it understands without the page (alb.md 6.8).
fn grpc(status: u16, asker: &Asker, turn: Turn) -> Response {
    let mut response = make(Made { content_type: Some("application/grpc"), ..Made::bare(status, asker.close) }, asker, turn);
    response.head.headers.append("grpc-status", "14");
    response.head.headers.append("grpc-message", "unavailable");
    response
}

/// A fixed-response action's answer.
fn fixed(fixed: &FixedResponseTable, asker: &Asker, turn: Turn) -> Response {
    let content = Bytes::from_owner(Arc::clone(&fixed.body));
    make(Made { content_type: Some(&fixed.content_type), content, ..Made::bare(fixed.status, asker.close) }, asker, turn)
}

struct Made<'m> {
    status: u16,
    reason: &'static str,
    content_type: Option<&'m str>,
    content: Bytes,
    close: bool,
}

impl Made<'_> {
    fn bare(status: u16, close: bool) -> Self {
        Self { status, reason: phrase(status), content_type: None, content: Bytes::new(), close }
    }
}

impl Made<'_> {
    /// The head, over HTTP/1 with what becomes of the connection.
    fn head(&self, http2: bool, listener: Option<&ListenerAttributes>) -> ResponseHead {
        let mut head = ResponseHead::new(self.status, self.reason);
        let headers = &mut head.headers;
        if listener.is_none_or(|listener| listener.server_header) {
            headers.append("Server", page::SERVER);
        }
        headers.append("Date", &*clock::date());
        if let Some(content_type) = self.content_type {
            headers.append("Content-Type", content_type);
        }
        headers.append("Content-Length", self.content.len().to_string());
        if !http2 {
            headers.append("Connection", connection(self.close));
        }
        head
    }
}

fn make(made: Made<'_>, asker: &Asker, turn: Turn) -> Response {
    let head = made.head(asker.version == Version::Http2, asker.listener.as_deref());
    let sent = if asker.head_only { Bytes::new() } else { made.content };
    Response { head, body: ResponseBody::own(sent, turn), coding: Coding::Plain, close: made.close }
}

/// Adds the headers that the listener gives every response, in place of the target's.
pub(crate) fn add_listener_headers(headers: &mut Headers, listener: Option<&ListenerAttributes>) {
    for (name, value) in listener.iter().flat_map(|listener| &listener.response_headers) {
        headers.set(name, value);
    }
}

/// Names what decided, where the load balancer's attribute asks for it.
pub(crate) fn add_debug_header(headers: &mut Headers, record: &AccessRecord) {
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
    headers.set(DEBUG_HEADER, value);
}

/// The whole answer to a head that could not be read, for a connection that ends with it.
pub(crate) fn last_words(status: u16, listener: Option<&ListenerAttributes>) -> Vec<u8> {
    let mut made = Made::bare(status, true);
    if let Some(page) = page::page(status) {
        made.content = Bytes::from_static(page.body(false).as_bytes());
        (made.reason, made.content_type) = (page.reason, page.has_body().then_some(page::CONTENT_TYPE));
    }
    let mut head = made.head(false, listener);
    add_listener_headers(&mut head.headers, listener);
    let mut out = Vec::new();
    head.write(&mut out);
    out.extend_from_slice(&made.content);
    out
}
