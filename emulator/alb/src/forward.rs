//! One request: from its head to the head of its response.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use routing::{ClientFailure, Decision, Given, HeaderLines, InFlight, ListenerTable, Memory, RequestHead, Scheme, UpstreamFailure, decide, limits};

use crate::body::{Relay, RequestBody, ResponseBody};
use crate::clock;
use crate::connection::ConnectionContext;
use crate::cookie;
use crate::framing::{self, Framing};
use crate::respond::{self, Asker};
use crate::rewrite::{self, Rewrite, Unfit};
use crate::state::{ConnectionState, Cut, Turn};
use crate::upstream::Lease;

/// Answers one request. Failures are answers too.
pub(crate) async fn answer(context: Rc<ConnectionContext>, request: Request<Incoming>) -> Result<Response<ResponseBody>, Infallible> {
    let turn = Turn::begin(&context.state);
    let (mut parts, body) = request.into_parts();
    // Wrapped at once: an answer of our own must know whether something of the request is left unread.
    let body = RequestBody::new(body, &context.state);
    let mut asker = Asker::of(&parts, context.listener.closed.get());
    let swallowed = body.is_swallowed(&parts.headers);
    let plan = match check(&parts).and_then(|checked| plan(&context, &mut parts, checked, &mut asker)) {
        Ok(plan) => plan,
        Err(failure) => Plan::Own(Own::Page(failure.status())),
    };
    asker.close |= outlived(&context) || context.state.closing.get();
    let mut request = Some(Request::from_parts(parts, body));
    let outcome = match plan {
        Plan::Target(chosen) => {
            asker.close |= chosen.framing == Framing::Ambiguous;
            forward(&context, chosen, &mut request).await.map_err(Own::Page)
        }
        Plan::Own(own) => Err(own),
    };
    if let Some(request) = request.filter(|_| swallowed && !asker.close) {
        swallow(request.into_body()).await;
    }
    // What is left of a request cannot be told from the next one. And the listener may have been closed in the meantime.
    asker.close |= !context.state.upload_complete.get() || context.listener.closed.get() || context.state.closing.get();
    let mut response = match outcome {
        Ok(answered) => pass_on(&context, answered, &asker, turn).await,
        Err(Own::Redirect(status, location)) => respond::page(status, Some(&location), &asker, turn),
        Err(Own::Fixed(fixed)) => respond::fixed(&fixed, &asker, turn),
        Err(Own::Page(status)) => respond::page(status, None, &asker, turn),
    };
    respond::add_listener_headers(response.headers_mut(), &asker);
    Ok(response)
}

/// How long an answer that does not need the request's body waits for it.
const SWALLOW_PATIENCE: Duration = Duration::from_millis(200);

/// Reads a short body that nobody wants to its end, so that the connection can go on behind the answer.
async fn swallow(body: RequestBody) {
    let mut body = pin!(body);
    let end = poll_fn(|cx| {
        while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
            if frame.is_err() {
                break;
            }
        }
        Poll::Ready(())
    });
    // In time or not, the answer is the same; whether the body is complete shows in the state.
    tokio::time::timeout(SWALLOW_PATIENCE, end).await.unwrap_or_default();
}

/// Whether the connection has lived for `client_keep_alive.seconds`, so that this response is its last (alb.md 6.1).
fn outlived(context: &ConnectionContext) -> bool {
    let limit = context.state.keep_alive.get();
    !limit.is_zero() && clock::now().since(context.state.opened) >= limit
}

/// What is to become of a request.
enum Plan {
    /// Its head is rewritten; a target gets it.
    Target(Chosen),
    /// No target gets it.
    Own(Own),
}

/// The target of a request, which counts on it from now on.
struct Chosen {
    in_flight: InFlight,
    framing: Framing,
    /// What the response tells the client, so that it comes back.
    memory: Option<Memory>,
}

/// An answer of the load balancer's own.
enum Own {
    /// A page of this status.
    Page(u16),
    /// A redirect to this `Location`.
    Redirect(u16, String),
    /// A fixed response.
    Fixed(routing::FixedResponseTable),
}

/// What [`check`] found out.
struct Checked {
    headers_bytes: usize,
    framing: Framing,
}

/// What no rule is asked about (alb.md 6.1, 6.2, 6.6).
fn check(parts: &Parts) -> Result<Checked, ClientFailure> {
    let framing = framing::of_request(parts)?;
    if matches!(parts.method, Method::TRACE | Method::CONNECT) {
        return Err(ClientFailure::MethodNotAllowed);
    }
    if parts.uri.authority().is_some_and(|authority| parts.uri.scheme().is_none() || authority.as_str().contains('@')) {
        // `GET name:80` has neither a path nor an absolute form, and a user's name in front of a host only obscures it.
        return Err(ClientFailure::Malformed);
    }
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let method = parts.method.as_str().len();
    // The method, two spaces and the version belong to the line.
    if target + method + " HTTP/1.1 ".len() > limits::REQUEST_LINE_BYTES {
        return Err(if method > limits::REQUEST_LINE_BYTES { ClientFailure::Malformed } else { ClientFailure::UriTooLong });
    }
    let mut total = 0;
    for (name, value) in &parts.headers {
        let line = name.as_str().len() + ": \r\n".len() + value.len();
        if line > limits::HEADER_LINE_BYTES {
            return Err(ClientFailure::HeadersTooLarge);
        }
        total += line;
    }
    if total > limits::REQUEST_HEADERS_BYTES { Err(ClientFailure::HeadersTooLarge) } else { Ok(Checked { headers_bytes: total, framing }) }
}

/// Decides with the newest table, and rewrites the head where a target is to get it. Nothing in here waits.
fn plan(context: &ConnectionContext, parts: &mut Parts, checked: Checked, asker: &mut Asker) -> Result<Plan, ClientFailure> {
    let listener = &context.listener;
    let worker = &listener.worker;
    let mut cache = worker.table.borrow_mut();
    let table = cache.load();
    let host = host_of(parts)?;
    let Some(found) = table.listener(listener.listener_port, host) else {
        // Removed under an open connection.
        context.state.closing.set(true);
        return Ok(Plan::Own(Own::Page(UpstreamFailure::NoTargetGroup.status())));
    };
    obey(&context.state, found);
    asker.listener = found.own_attributes().cloned();
    let head = RequestHead {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        host,
        scheme: Scheme::Http,
        listener_port: listener.bound_port,
        headers: &Lines(&parts.headers),
        peer: context.client.ip(),
    };
    let given = || Given { random: worker.random.borrow_mut().next_u64(), now: clock::timestamp(), seal: &*worker.seal };
    let (group, sticky, rewritten) = match decide(found, &head, given()) {
        Decision::Forward { group, sticky, rewritten, .. } => (group, sticky, rewritten),
        Decision::BadRewrite { .. } => return Ok(Plan::Own(Own::Page(500))),
        Decision::Fixed { response, .. } => return Ok(Plan::Own(Own::Fixed(response.clone()))),
        Decision::Redirect { status, location, .. } => return Ok(Plan::Own(Own::Redirect(status, location))),
        Decision::RedirectTooLong { .. } => return Ok(Plan::Own(Own::Page(507))),
        Decision::NoTargetGroup { .. } => return Ok(Plan::Own(Own::Page(UpstreamFailure::NoTargetGroup.status()))),
    };
    rewrite::check(&parts.headers)?;
    let pick = group.pick(&head, given());
    let Some(target) = pick.target() else { return Ok(Plan::Own(Own::Page(UpstreamFailure::NoTarget.status()))) };
    let chosen = Chosen { in_flight: target.enter(), framing: checked.framing, memory: group.memory(sticky, pick) };
    let rewrite = Rewrite { context, table: found, headers_bytes: checked.headers_bytes, rewritten };
    match rewrite::request(parts, &rewrite) {
        Ok(()) => Ok(Plan::Target(chosen)),
        Err(Unfit::Request(failure)) => Err(failure),
        Err(Unfit::Rewritten) => Ok(Plan::Own(Own::Page(500))),
    }
}

/// The request's headers for conditions.
#[derive(Debug)]
struct Lines<'a>(&'a HeaderMap);

impl HeaderLines for Lines<'_> {
    fn any(&self, name: &str, found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.get_all(name).iter().any(|value| found(value.as_bytes()))
    }
}

/// Who the request says that it is for: an absolute target's authority, else the first `Host` line. An empty one says nothing.
fn host_of(parts: &Parts) -> Result<Option<&str>, ClientFailure> {
    let line = match parts.headers.get(HOST) {
        Some(line) => Some(line.to_str().map_err(|_| ClientFailure::Malformed)?),
        None if parts.version == Version::HTTP_11 => return Err(ClientFailure::MissingHost),
        None => None,
    };
    Ok(parts.uri.authority().map(|authority| authority.as_str()).or(line).filter(|host| !host.is_empty()))
}

/// Takes over the timers of the load balancer that the request is for.
fn obey(state: &ConnectionState, listener: &ListenerTable) {
    let attributes = listener.attributes();
    state.idle_timeout.set(attributes.idle_timeout);
    if state.keep_alive.get().is_zero() {
        // A changed value is for new connections only (alb.md 1).
        state.keep_alive.set(attributes.client_keep_alive);
    }
}

/// A response whose head has come, and what holds the rest of it.
struct Answered {
    response: Response<Incoming>,
    lease: Lease,
    in_flight: InFlight,
    /// The connection to the target may serve another request.
    reusable: bool,
    memory: Option<Memory>,
}

/// Sends a rewritten request to its target; it stays where it is if the target cannot be reached. The error is the status that the
/// client gets.
async fn forward(context: &ConnectionContext, chosen: Chosen, request: &mut Option<Request<RequestBody>>) -> Result<Answered, u16> {
    let Chosen { in_flight, framing, memory } = chosen;
    let (state, target) = (&context.state, in_flight.target());
    state.set_target(Some(Arc::clone(target)));
    let exchange = async {
        let mut lease = Lease::get(&context.listener.worker.pool, target, state).await?;
        let response = lease.send(request, state).await?;
        framing::of_response(response.headers())?;
        Ok::<_, UpstreamFailure>((response, lease))
    };
    match until_cut(state, exchange).await {
        Ok(Ok((response, lease))) => Ok(Answered { response, lease, in_flight, reusable: framing == Framing::Plain, memory }),
        // The target is not to blame when it was us who gave up on the request.
        Ok(Err(_)) if state.upload_broken.get() => Err(ClientFailure::Malformed.status()),
        Ok(Err(failure)) => {
            tracing::debug!(target = %target.key, address = %target.address, "{}", failure.description());
            Err(failure.status())
        }
        // A response that broke off had begun, which ends the connection; `Broken` is listed to be complete.
        Err(Cut::Gone | Cut::Broken) => Err(UpstreamFailure::DrainElapsed.status()),
        Err(Cut::Idle) if state.upload_awaited.get() => Err(ClientFailure::IdleTimeout.status()),
        Err(Cut::Idle) => Err(UpstreamFailure::IdleTimeout.status()),
    }
}

/// The future's output, unless the worker's rounds cut the request first.
async fn until_cut<F: Future>(state: &ConnectionState, future: F) -> Result<F::Output, Cut> {
    let mut future = pin!(future);
    poll_fn(|cx| match state.take_cut() {
        Some(cut) => Poll::Ready(Err(cut)),
        None => future.as_mut().poll(cx).map(Ok),
    })
    .await
}

/// Hands a target's response to the client.
async fn pass_on(context: &ConnectionContext, answered: Answered, asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    let Answered { mut response, lease, in_flight, reusable, memory } = answered;
    if let Some(memory) = memory {
        cookie::remember(response.headers_mut(), &memory, Scheme::Http, &context.listener.worker.seal);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(response, (lease, in_flight), asker, turn).await;
    }
    let (mut parts, incoming) = response.into_parts();
    parts.version = asker.version;
    // To HTTP/1.0, a body of unknown length ends with its connection.
    let ends = asker.version == Version::HTTP_10 && incoming.size_hint().exact().is_none();
    rewrite::response(&mut parts.headers, asker.close || ends);
    let relay = Relay { incoming, lease, _in_flight: in_flight, finished: false, reusable };
    Response::from_parts(parts, ResponseBody::relayed(relay, turn))
}

/// Joins the two connections once the `101` is written (alb.md 6.6).
async fn switch(response: Response<Incoming>, held: (Lease, InFlight), asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    let (lease, in_flight) = held;
    let tunnel = if asker.upgrade { lease.into_tunnel(in_flight).await } else { None };
    let Some(tunnel) = tunnel else {
        // Nobody asked for another protocol.
        return respond::page(UpstreamFailure::MalformedResponse.status(), None, asker, turn);
    };
    *turn.state().tunnel.borrow_mut() = Some(tunnel);
    let (mut parts, _) = response.into_parts();
    rewrite::switching(&mut parts.headers);
    Response::from_parts(parts, ResponseBody::own(bytes::Bytes::new(), turn))
}
