//! Heads on their way through: what is added, replaced and taken out (alb.md 6.3, 6.5, 6.6, 6.7).

use std::collections::BTreeSet;

use authentication::IDENTITY_HEADERS;
use message::{Framing, Headers, RequestHead, ResponseHead, Target, Version};
use model::ProtocolVersion;
use routing::headers::{
    ForwardedFor, HOP_BY_HOP, HostForTarget, HostLine, TraceSeed, X_AMZN_TRACE_ID, X_FORWARDED_FOR, X_FORWARDED_PORT, X_FORWARDED_PROTO,
    forwarded_for, forwarded_for_addresses, host_for_target, trace_id,
};
use routing::request::split_port;
use routing::{ClientFailure, ListenerTable, Rewritten, limits};

use crate::clock;
use crate::connection::ConnectionContext;
use crate::outgoing::Coding;
use crate::respond::{self, Asker};

const TRANSFER_ENCODING: &str = "Transfer-Encoding";
const CONTENT_LENGTH: &str = "Content-Length";
const X_AMZN_TLS_VERSION: &str = "X-Amzn-Tls-Version";
const X_AMZN_TLS_CIPHER_SUITE: &str = "X-Amzn-Tls-Cipher-Suite";
/// What a target may be told of its client's certificate.
const CLIENT_CERTIFICATE: [&str; 6] = [
    "X-Amzn-Mtls-Clientcert",
    "X-Amzn-Mtls-Clientcert-Serial-Number",
    "X-Amzn-Mtls-Clientcert-Issuer",
    "X-Amzn-Mtls-Clientcert-Subject",
    "X-Amzn-Mtls-Clientcert-Validity",
    "X-Amzn-Mtls-Clientcert-Leaf",
];
/// As the load balancer writes it to targets (alb.md 6.6).
const CONNECTION_UPGRADE: &str = "upgrade";

/// What a request's head is rewritten with.
pub(crate) struct Rewrite<'a> {
    pub(crate) context: &'a ConnectionContext,
    pub(crate) table: &'a ListenerTable,
    pub(crate) headers_bytes: usize,
    pub(crate) rewritten: Rewritten,
    /// In which version of HTTP the target is spoken to.
    pub(crate) version: ProtocolVersion,
}

/// Why a head cannot be made.
pub(crate) enum Unfit {
    /// What the client sent is at fault.
    Request(ClientFailure),
    /// What the rule's transforms made of it is no URL.
    Rewritten,
}

impl From<ClientFailure> for Unfit {
    fn from(failure: ClientFailure) -> Self {
        Self::Request(failure)
    }
}

/// Whether a client asks for a WebSocket, over HTTP/1.1: the one upgrade that passes (alb.md 6.6).
pub(crate) fn asks_for_websocket(request: &RequestHead) -> bool {
    let headers = &request.headers;
    request.version == Version::Http11
        && headers.get("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
        && headers.says("connection", "upgrade")
}

/// More than 30 addresses earn 463 (alb.md 6.1).
pub(crate) fn check(headers: &Headers) -> Result<(), ClientFailure> {
    let addresses = forwarded_for_addresses(headers.all(X_FORWARDED_FOR));
    if addresses > limits::FORWARDED_FOR_ADDRESSES { Err(ClientFailure::TooManyForwardedFor) } else { Ok(()) }
}

/// Makes a client's head the one that a target gets. Where it has header lines with invalid names, says whether they were dropped.
pub(crate) fn request(request: &mut RequestHead, rewrite: &Rewrite<'_>) -> Result<Option<bool>, Unfit> {
    let mut scratch = rewrite.context.listener.worker.scratch.borrow_mut();
    host(request, rewrite, &mut scratch);
    let websocket = asks_for_websocket(request);
    let headers = &mut request.headers;
    let trailers = headers.says("te", "trailers");
    strip_hop_by_hop(headers);
    if request.doubt.is_some() {
        headers.retain(|name, _| !is_disguised(name));
    }
    let drops = rewrite.table.attributes().drop_invalid_header_fields;
    let invalid = headers.iter().any(|(name, _)| is_invalid(name)).then_some(drops);
    if invalid == Some(true) {
        headers.retain(|name, _| !is_invalid(name));
    }
    headers.remove("expect");
    if websocket {
        headers.append("Upgrade", "websocket");
        headers.append("Connection", CONNECTION_UPGRADE);
    }
    stand_in_front(headers, rewrite, &mut scratch);
    encryption(headers, rewrite);
    if request.version == Version::Http2 {
        join_cookies(headers);
    }
    framing(request, rewrite.version);
    if rewrite.version != ProtocolVersion::Http1 && trailers {
        // gRPC asks for it; it is the one thing that this header may say over HTTP/2.
        request.headers.append("te", "trailers");
    }
    if let Some(url) = &rewrite.rewritten.url {
        let plain = url.bytes().all(|byte| byte > b' ' && byte != 0x7f);
        request.target = Target::parse(url.as_bytes()).filter(|_| plain).ok_or(Unfit::Rewritten)?;
    }
    Ok(invalid)
}

/// The load balancer's own lines come first, in this order, and behind them what the client sent (seen in captures at targets).
fn stand_in_front(headers: &mut Headers, rewrite: &Rewrite<'_>, scratch: &mut Vec<u8>) {
    let place = client_address(headers, rewrite, scratch);
    // What the client sent under these names is gone before anything is put where it stood.
    headers.remove_all(&[X_FORWARDED_PROTO, X_FORWARDED_PORT]);
    headers.insert(place, X_FORWARDED_PROTO, rewrite.context.scheme().as_str());
    headers.insert(place + 1, X_FORWARDED_PORT, &*rewrite.context.listener.bound_port_text);
    let place = headers.move_to(place + 2, "host");
    write_trace(scratch, rewrite.context, headers, rewrite.headers_bytes);
    headers.remove(X_AMZN_TRACE_ID);
    headers.insert(place, X_AMZN_TRACE_ID, &*scratch);
}

/// Leaves one line that tells where the body ends, or none.
fn framing(request: &mut RequestHead, version: ProtocolVersion) {
    let headers = &mut request.headers;
    match request.framing {
        // Over HTTP/2 the end tells itself; the client told no length.
        Framing::Chunked if version != ProtocolVersion::Http1 => headers.remove(TRANSFER_ENCODING),
        Framing::Chunked if headers.tokens(TRANSFER_ENCODING).filter(|coding| coding.eq_ignore_ascii_case(b"chunked")).count() == 1 => {}
        Framing::Chunked => headers.set(TRANSFER_ENCODING, "chunked"),
        Framing::Length(_) | Framing::UntilClose => {
            // `identity` at most.
            headers.remove(TRANSFER_ENCODING);
            headers.keep_first(CONTENT_LENGTH);
            if headers.get(CONTENT_LENGTH).is_some_and(<[u8]>::is_empty) {
                headers.set_value(CONTENT_LENGTH, "0");
            }
            let has_content = matches!(&*request.method, "POST" | "PUT" | "PATCH");
            if request.version == Version::Http2 && version == ProtocolVersion::Http1 && has_content && !headers.contains(CONTENT_LENGTH) {
                headers.append(CONTENT_LENGTH, "0");
            }
            return;
        }
    }
    headers.remove(CONTENT_LENGTH);
}

/// A client of HTTP/2 may send its cookies in several lines, which for others are one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut Headers) {
    let lines: Vec<&[u8]> = headers.all("cookie").collect();
    if lines.len() > 1 {
        let joined = lines.join(&b"; "[..]);
        headers.set_value("cookie", joined);
    }
}

/// What targets are told of TLS (alb.md 1). Where they are told, nobody else may tell them.
fn encryption(headers: &mut Headers, rewrite: &Rewrite<'_>) {
    let Some(encryption) = &rewrite.context.encryption else { return };
    let renamed = rewrite.table.own_attributes().map(|attributes| &attributes.renamed_headers);
    let mut tell = |stock: &str, value: Option<&str>| {
        let other = renamed.and_then(|renamed| renamed.iter().find(|(name, _)| name.eq_ignore_ascii_case(stock)));
        let name = other.map_or(stock, |(_, name)| name);
        match value {
            Some(value) => headers.set(name, value),
            None => headers.remove(name),
        }
    };
    if rewrite.table.attributes().tls_headers {
        tell(X_AMZN_TLS_VERSION, Some(encryption.record.protocol));
        tell(X_AMZN_TLS_CIPHER_SUITE, Some(encryption.record.cipher));
    }
    if encryption.mutual {
        CLIENT_CERTIFICATE.iter().for_each(|name| tell(name, None));
        encryption.client_headers.iter().for_each(|(name, value)| tell(name, Some(value)));
    }
}

fn host(request: &mut RequestHead, rewrite: &Rewrite<'_>, scratch: &mut Vec<u8>) {
    scratch.clear();
    let preserve = rewrite.table.attributes().preserve_host_header;
    let line = HostLine {
        authority: request.target.authority(),
        host: request.headers.get_str("host"),
        listener_port: rewrite.context.listener.bound_port,
        preserve,
        dns_name: rewrite.table.dns_name(),
    };
    // The rewritten name takes the place of the one that was asked for, whose port it keeps; no longer is anything preserved.
    let renamed = rewrite.rewritten.host.as_ref().map(|name| match line.authority.or(line.host).and_then(|host| split_port(host).1) {
        Some(port) => format!("{name}:{port}"),
        None => name.clone(),
    });
    let line = match &renamed {
        Some(host) => HostLine { authority: Some(host), host: None, preserve: false, ..line },
        None => line,
    };
    match host_for_target(scratch, &line) {
        HostForTarget::Replaced if request.version == Version::Http2 => request.headers.set("Host", &*scratch),
        HostForTarget::Replaced => request.headers.set_value("Host", &*scratch),
        HostForTarget::Unchanged if preserve => {}
        HostForTarget::Unchanged => {
            request.headers.keep_first("host");
        }
    }
}

/// The place behind the lines that tell the client's address, which are the first ones.
fn client_address(headers: &mut Headers, rewrite: &Rewrite<'_>, scratch: &mut Vec<u8>) -> usize {
    scratch.clear();
    match forwarded_for(scratch, headers.all(X_FORWARDED_FOR), rewrite.context.client, rewrite.table.attributes()) {
        ForwardedFor::Unchanged => headers.move_to(0, X_FORWARDED_FOR),
        ForwardedFor::Removed => {
            headers.remove(X_FORWARDED_FOR);
            0
        }
        ForwardedFor::Replaced => {
            headers.remove(X_FORWARDED_FOR);
            headers.insert(0, X_FORWARDED_FOR, &*scratch);
            1
        }
    }
}

fn write_trace(scratch: &mut Vec<u8>, context: &ConnectionContext, headers: &Headers, headers_bytes: usize) {
    scratch.clear();
    let random = context.listener.worker.random_u128();
    trace_id(scratch, headers.get(X_AMZN_TRACE_ID), headers_bytes, TraceSeed { epoch_seconds: clock::unix_seconds(), random });
}

/// The trace id of a request that no target gets.
pub(crate) fn new_trace(context: &ConnectionContext, headers: &Headers, headers_bytes: usize) -> Box<str> {
    let mut scratch = context.listener.worker.scratch.borrow_mut();
    write_trace(&mut scratch, context, headers, headers_bytes);
    crate::record::text(&scratch)
}

/// Takes out the headers of this hop, and those that `Connection` names as such.
fn strip_hop_by_hop(headers: &mut Headers) {
    if headers.contains("connection") {
        strip_named(headers);
    }
    headers.remove_all(&HOP_BY_HOP);
}

/// Whether a name is that of a line which only the load balancer may write or end, with something around it that a target could trim.
fn is_disguised(name: &[u8]) -> bool {
    let Some(first) = name.iter().position(u8::is_ascii_alphanumeric) else { return false };
    let last = name.iter().rposition(u8::is_ascii_alphanumeric).unwrap_or(first);
    let bare = &name[first..=last];
    let ours = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_PORT, X_AMZN_TRACE_ID, X_AMZN_TLS_VERSION, X_AMZN_TLS_CIPHER_SUITE, "host"];
    let mut known = ours.iter().chain(&HOP_BY_HOP).chain(&CLIENT_CERTIFICATE).chain(&IDENTITY_HEADERS);
    bare.len() < name.len() && known.any(|known| bare.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether a name is more than letters, digits and hyphens (alb.md 1).
fn is_invalid(name: &[u8]) -> bool {
    !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Tokens of `Connection` that say something of it themselves, and headers that a client must not talk us out of: what frames or
/// addresses the message.
const NOT_NAMED: [&str; 6] = ["close", "keep-alive", "upgrade", "host", CONTENT_LENGTH, TRANSFER_ENCODING];

/// By a set of names: somebody may name thousands of them, and send thousands of lines.
fn strip_named(headers: &mut Headers) {
    let small = |name: &[u8]| name.to_ascii_lowercase();
    let usual = |token: &&[u8]| !NOT_NAMED.iter().any(|known| token.eq_ignore_ascii_case(known.as_bytes()));
    let named: BTreeSet<Vec<u8>> = headers.tokens("connection").filter(usual).map(small).collect();
    if !named.is_empty() {
        headers.retain(|name, _| !named.contains(&small(name)));
    }
}

/// Makes a target's head the one that the client gets, but for the order of its lines. Says how its body is put on the connection, and
/// whether its end is that of the connection. `over` where there is no body.
pub(crate) fn response(head: &mut ResponseHead, asker: &Asker, over: bool) -> (Coding, bool) {
    let headers = &mut head.headers;
    strip_hop_by_hop(headers);
    // Equal ones mean one (RFC 9110, 8.6).
    headers.keep_first(CONTENT_LENGTH);
    let bodiless = asker.head_only || matches!(head.status, 204 | 304);
    if bodiless || headers.contains(CONTENT_LENGTH) {
        if asker.version < Version::Http11 {
            headers.remove(TRANSFER_ENCODING);
        }
        return (Coding::Plain, false);
    }
    if over && !headers.contains(TRANSFER_ENCODING) {
        headers.append(CONTENT_LENGTH, "0");
        return (Coding::Plain, false);
    }
    match asker.version {
        Version::Http11 => {
            if !headers.contains(TRANSFER_ENCODING) {
                headers.append(TRANSFER_ENCODING, "chunked");
            }
            (Coding::Chunked, false)
        }
        // A body of unknown length ends with its connection.
        version => {
            headers.remove(TRANSFER_ENCODING);
            (Coding::Plain, version != Version::Http2)
        }
    }
}

/// Puts the lines of a target's response into the load balancer's order, and its own among them: those that say what the message is,
/// `Connection`, its cookies, the rest as the target sent it (alb.md 6.7).
pub(crate) fn arrange(headers: &mut Headers, version: Version, close: bool, cookies: Vec<String>) {
    let mut place = headers.move_to(0, "date");
    if place == 0 {
        headers.insert(0, "Date", &*clock::date());
        place = 1;
    }
    place = headers.move_to(place, "content-type");
    // It has one of them at most.
    place = headers.move_to(place, CONTENT_LENGTH);
    place = headers.move_to(place, TRANSFER_ENCODING);
    if version != Version::Http2 {
        headers.insert(place, "Connection", respond::connection(close));
        place += 1;
    }
    for (place, cookie) in (place..).zip(cookies) {
        headers.insert(place, "Set-Cookie", cookie);
    }
}

/// The same for `101 Switching Protocols`.
pub(crate) fn switching(headers: &mut Headers) {
    strip_hop_by_hop(headers);
    headers.append("Upgrade", "websocket");
    headers.append("Connection", CONNECTION_UPGRADE);
}
