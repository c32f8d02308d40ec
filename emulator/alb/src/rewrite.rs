//! Heads on their way through: what is added, replaced and taken out (alb.md 6.3, 6.5, 6.6, 6.7).

use hyper::HeaderMap;
use hyper::Uri;
use hyper::Version;
use hyper::header::{CONNECTION, COOKIE, EXPECT, Entry, HOST, HeaderName, HeaderValue, TE, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use model::{ProtocolVersion, TargetProtocol};
use routing::headers::{
    ForwardedFor, HOP_BY_HOP, HostForTarget, HostLine, TraceSeed, forwarded_for, forwarded_for_addresses, host_for_target, trace_id,
};
use routing::request::split_port;
use routing::{ClientFailure, ListenerTable, Rewritten, limits};

use crate::clock;
use crate::connection::ConnectionContext;
use crate::respond;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const X_AMZN_TLS_VERSION: HeaderName = HeaderName::from_static("x-amzn-tls-version");
const X_AMZN_TLS_CIPHER_SUITE: HeaderName = HeaderName::from_static("x-amzn-tls-cipher-suite");
/// What a target may be told of its client's certificate.
const CLIENT_CERTIFICATE: [HeaderName; 6] = [
    HeaderName::from_static("x-amzn-mtls-clientcert"),
    HeaderName::from_static("x-amzn-mtls-clientcert-serial-number"),
    HeaderName::from_static("x-amzn-mtls-clientcert-issuer"),
    HeaderName::from_static("x-amzn-mtls-clientcert-subject"),
    HeaderName::from_static("x-amzn-mtls-clientcert-validity"),
    HeaderName::from_static("x-amzn-mtls-clientcert-leaf"),
];
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
/// As the load balancer writes it to targets (alb.md 6.6).
const CONNECTION_UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");

/// What a request's head is rewritten with.
pub(crate) struct Rewrite<'a> {
    pub(crate) context: &'a ConnectionContext,
    pub(crate) table: &'a ListenerTable,
    pub(crate) headers_bytes: usize,
    pub(crate) rewritten: Rewritten,
    /// How the target is spoken to.
    pub(crate) protocol: TargetProtocol,
    /// In which version of HTTP.
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
pub(crate) fn asks_for_websocket(parts: &Parts) -> bool {
    let headers = &parts.headers;
    parts.version == Version::HTTP_11
        && headers.get(UPGRADE).is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// More than 30 addresses earn 463 (alb.md 6.1).
pub(crate) fn check(headers: &HeaderMap) -> Result<(), ClientFailure> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
    if forwarded_for_addresses(lines) > limits::FORWARDED_FOR_ADDRESSES { Err(ClientFailure::TooManyForwardedFor) } else { Ok(()) }
}

/// Makes a client's head the one that a target gets. Where it has header lines with invalid names, says whether they were dropped.
pub(crate) fn request(parts: &mut Parts, rewrite: &Rewrite<'_>) -> Result<Option<bool>, Unfit> {
    let mut scratch = rewrite.context.listener.worker.scratch.borrow_mut();
    host(parts, rewrite, &mut scratch)?;
    let websocket = asks_for_websocket(parts);
    let trailers = parts.headers.get(TE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    strip_hop_by_hop(&mut parts.headers);
    let drops = rewrite.table.attributes().drop_invalid_header_fields;
    let invalid = parts.headers.keys().any(is_invalid).then_some(drops);
    if invalid == Some(true) {
        drop_invalid(&mut parts.headers);
    }
    parts.headers.remove(EXPECT);
    if websocket {
        parts.headers.insert(UPGRADE, WEBSOCKET);
        parts.headers.insert(CONNECTION, CONNECTION_UPGRADE);
    }
    client_address(&mut parts.headers, rewrite, &mut scratch)?;
    parts.headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(rewrite.context.scheme().as_str()));
    parts.headers.insert(X_FORWARDED_PORT, rewrite.context.listener.forwarded_port.clone());
    trace(&mut parts.headers, rewrite, &mut scratch)?;
    encryption(&mut parts.headers, rewrite);
    let from_http2 = std::mem::replace(&mut parts.version, Version::HTTP_11) == Version::HTTP_2;
    if from_http2 {
        join_cookies(&mut parts.headers);
        parts.extensions = rewrite.context.listener.worker.managed_case.clone();
    }
    if let Some(url) = &rewrite.rewritten.url {
        parts.uri = url.parse().map_err(|_| Unfit::Rewritten)?;
    } else if parts.uri.authority().is_some() {
        // Targets get the origin form.
        parts.uri = parts.uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    if rewrite.version != ProtocolVersion::Http1 {
        to_http2(parts, rewrite, trailers)?;
    }
    Ok(invalid)
}

/// Over HTTP/2 a target is told scheme and host beside the path, and no `Host`.
fn to_http2(parts: &mut Parts, rewrite: &Rewrite<'_>, trailers: bool) -> Result<(), Unfit> {
    let host = parts.headers.remove(HOST);
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.scheme = Some(if rewrite.protocol == TargetProtocol::Https { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    uri.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    parts.uri = Uri::from_parts(uri).map_err(|_| ClientFailure::Malformed)?;
    parts.version = Version::HTTP_2;
    parts.extensions.clear();
    if trailers {
        // gRPC asks for it; it is the one thing that this header may say over HTTP/2.
        parts.headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    Ok(())
}

/// A client of HTTP/2 may send its cookies in several lines, which for others are one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

/// What targets are told of TLS (alb.md 1). Where they are told, nobody else may tell them.
fn encryption(headers: &mut HeaderMap, rewrite: &Rewrite<'_>) {
    let Some(encryption) = &rewrite.context.encryption else { return };
    let renamed = rewrite.table.own_attributes().map(|attributes| &attributes.renamed_headers);
    let mut tell = |stock: &HeaderName, value: Option<HeaderValue>| {
        let other = renamed.and_then(|renamed| renamed.iter().find(|(name, _)| name.eq_ignore_ascii_case(stock.as_str())));
        let name = other.and_then(|(_, name)| HeaderName::from_bytes(name.as_bytes()).ok()).unwrap_or_else(|| stock.clone());
        match value {
            Some(value) => drop(headers.insert(name, value)),
            None => drop(headers.remove(name)),
        }
    };
    if rewrite.table.attributes().tls_headers {
        tell(&X_AMZN_TLS_VERSION, Some(HeaderValue::from_static(encryption.record.protocol)));
        tell(&X_AMZN_TLS_CIPHER_SUITE, Some(HeaderValue::from_static(encryption.record.cipher)));
    }
    if encryption.mutual {
        CLIENT_CERTIFICATE.iter().for_each(|name| tell(name, None));
        encryption.client_headers.iter().for_each(|(name, value)| tell(name, Some(value.clone())));
    }
}

fn value(bytes: &[u8]) -> Result<HeaderValue, ClientFailure> {
    // Only what a client sent could be refused here, and it was a header value before.
    HeaderValue::from_bytes(bytes).map_err(|_| ClientFailure::Malformed)
}

fn host(parts: &mut Parts, rewrite: &Rewrite<'_>, scratch: &mut Vec<u8>) -> Result<(), ClientFailure> {
    scratch.clear();
    let preserve = rewrite.table.attributes().preserve_host_header;
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let line = HostLine {
        authority,
        host: parts.headers.get(HOST).and_then(|host| host.to_str().ok()),
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
        HostForTarget::Replaced => drop(parts.headers.insert(HOST, value(scratch)?)),
        HostForTarget::Unchanged if preserve => {}
        HostForTarget::Unchanged => keep_first(&mut parts.headers, HOST),
    }
    Ok(())
}

fn keep_first(headers: &mut HeaderMap, name: HeaderName) {
    if let Entry::Occupied(mut lines) = headers.entry(name)
        && lines.iter().nth(1).is_some()
    {
        let first = lines.get().clone();
        lines.insert(first);
    }
}

fn client_address(headers: &mut HeaderMap, rewrite: &Rewrite<'_>, scratch: &mut Vec<u8>) -> Result<(), ClientFailure> {
    scratch.clear();
    let lines = headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
    match forwarded_for(scratch, lines, rewrite.context.client, rewrite.table.attributes()) {
        ForwardedFor::Replaced => drop(headers.insert(X_FORWARDED_FOR, value(scratch)?)),
        ForwardedFor::Removed => drop(headers.remove(X_FORWARDED_FOR)),
        ForwardedFor::Unchanged => {}
    }
    Ok(())
}

fn trace(headers: &mut HeaderMap, rewrite: &Rewrite<'_>, scratch: &mut Vec<u8>) -> Result<(), ClientFailure> {
    write_trace(scratch, rewrite.context, headers, rewrite.headers_bytes);
    headers.insert(X_AMZN_TRACE_ID, value(scratch)?);
    Ok(())
}

fn write_trace(scratch: &mut Vec<u8>, context: &ConnectionContext, headers: &HeaderMap, headers_bytes: usize) {
    scratch.clear();
    let random = context.listener.worker.random_u128();
    let came = headers.get(X_AMZN_TRACE_ID).map(HeaderValue::as_bytes);
    trace_id(scratch, came, headers_bytes, TraceSeed { epoch_seconds: clock::unix_seconds(), random });
}

/// The trace id of a request that no target gets.
pub(crate) fn new_trace(context: &ConnectionContext, headers: &HeaderMap, headers_bytes: usize) -> Box<str> {
    let mut scratch = context.listener.worker.scratch.borrow_mut();
    write_trace(&mut scratch, context, headers, headers_bytes);
    crate::record::text(&scratch)
}

/// Takes out the headers of this hop, and those that `Connection` names as such.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        strip_named(headers);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Whether a name is more than letters, digits and hyphens (alb.md 1).
fn is_invalid(name: &HeaderName) -> bool {
    !name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn drop_invalid(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_invalid(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn strip_named(headers: &mut HeaderMap) {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let tokens = lines.flat_map(|line| line.split(',')).map(str::trim);
    let named: Vec<HeaderName> = tokens
        .filter(|token| !["close", "keep-alive", "upgrade"].iter().any(|usual| token.eq_ignore_ascii_case(usual)))
        .filter_map(|token| token.parse().ok())
        // A client must not talk us out of what frames or addresses the message, or of what targets are promised.
        .filter(|name| ![HOST, hyper::header::CONTENT_LENGTH, hyper::header::TRANSFER_ENCODING].contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

/// Makes a target's head the one that the client gets.
pub(crate) fn response(headers: &mut HeaderMap, version: Version, close: bool) {
    strip_hop_by_hop(headers);
    if version != Version::HTTP_2 {
        headers.insert(CONNECTION, respond::connection(close));
    }
}

/// The same for `101 Switching Protocols`.
pub(crate) fn switching(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(CONNECTION, CONNECTION_UPGRADE);
}
