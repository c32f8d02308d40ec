//! One request: from its head to the head of its response.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use routing::{ClientFailure, Decision, InFlight, ListenerTable, Pick, RequestHead, Scheme, TargetState, UpstreamFailure, decide, limits};

use crate::body::{Relay, RequestBody, ResponseBody};
use crate::clock;
use crate::connection::ConnectionContext;
use crate::respond::{self, Asker};
use crate::rewrite::{self, Rewrite};
use crate::state::{ConnectionState, Cut, Turn};
use crate::upstream::Lease;

/// Answers one request. Failures are answers too.
pub(crate) async fn answer(context: Rc<ConnectionContext>, request: Request<Incoming>) -> Result<Response<ResponseBody>, Infallible> {
    let turn = Turn::begin(&context.state);
    let (mut parts, body) = request.into_parts();
    // Wrapped at once: an answer of our own must know whether something of the request is left unread.
    let body = RequestBody::new(body, &context.state);
    let mut asker = Asker::of(&parts, context.listener.closed.get());
    let outcome = match check(&parts).and_then(|headers_bytes| plan(&context, &mut parts, headers_bytes)) {
        Ok(plan) => plan,
        Err(failure) => Plan::Page(failure.status()),
    };
    asker.close |= outlived(&context) || context.state.closing.get();
    let target = match outcome {
        Plan::Target(target) => target,
        Plan::Page(status) => return Ok(respond::page(status, None, &asker, turn)),
        Plan::Redirect(status, location) => return Ok(respond::page(status, Some(&location), &asker, turn)),
        Plan::Fixed(fixed) => return Ok(respond::fixed(&fixed, &asker, turn)),
    };
    let outcome = forward(&context, &target, Request::from_parts(parts, body)).await;
    // The listener may have been closed in the meantime.
    asker.close |= context.listener.closed.get() || context.state.closing.get();
    Ok(match outcome {
        Ok(relay) => pass_on(relay, &asker, turn).await,
        Err(status) => respond::page(status, None, &asker, turn),
    })
}

/// Whether the connection has lived for `client_keep_alive.seconds`, so that this response is its last (alb.md 6.1).
fn outlived(context: &ConnectionContext) -> bool {
    let limit = context.state.keep_alive.get();
    !limit.is_zero() && clock::now().since(context.state.opened) >= limit
}

/// What is to become of a request.
enum Plan {
    /// Its head is rewritten; this target gets it.
    Target(Arc<TargetState>),
    /// A page of this status.
    Page(u16),
    /// A redirect to this `Location`.
    Redirect(u16, String),
    /// A fixed response.
    Fixed(routing::FixedResponseTable),
}

/// What no rule is asked about (alb.md 6.1, 6.2). Gives the size of all headers.
fn check(parts: &Parts) -> Result<usize, ClientFailure> {
    if matches!(parts.method, Method::TRACE | Method::CONNECT) {
        return Err(ClientFailure::MethodNotAllowed);
    }
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    // The method, two spaces and the version belong to the line; a target that fills it alone is what earns 414.
    if target + parts.method.as_str().len() + " HTTP/1.1 ".len() > limits::REQUEST_LINE_BYTES {
        return Err(ClientFailure::UriTooLong);
    }
    let mut total = 0;
    for (name, value) in &parts.headers {
        let line = name.as_str().len() + ": \r\n".len() + value.len();
        if line > limits::HEADER_LINE_BYTES {
            return Err(ClientFailure::HeadersTooLarge);
        }
        total += line;
    }
    if total > limits::REQUEST_HEADERS_BYTES { Err(ClientFailure::HeadersTooLarge) } else { Ok(total) }
}

/// Decides with the newest table, and rewrites the head where a target is to get it. Nothing in here waits.
fn plan(context: &ConnectionContext, parts: &mut Parts, headers_bytes: usize) -> Result<Plan, ClientFailure> {
    let listener = &context.listener;
    let worker = &listener.worker;
    let mut cache = worker.table.borrow_mut();
    let table = cache.load();
    let host = host_of(parts)?;
    let Some(found) = table.listener(listener.listener_port, host) else {
        // Removed under an open connection.
        context.state.closing.set(true);
        return Ok(Plan::Page(UpstreamFailure::NoTargetGroup.status()));
    };
    obey(&context.state, found);
    let head = RequestHead {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        host,
        scheme: Scheme::Http,
        listener_port: listener.bound_port,
    };
    let group = match decide(found, &head, worker.random.borrow_mut().next_u64()) {
        Decision::Forward { group, .. } => group,
        Decision::Fixed { response, .. } => return Ok(Plan::Fixed(response.clone())),
        Decision::Redirect { status, location, .. } => return Ok(Plan::Redirect(status, location)),
        Decision::RedirectTooLong { .. } => return Ok(Plan::Page(507)),
        Decision::NoTargetGroup { .. } => return Ok(Plan::Page(UpstreamFailure::NoTargetGroup.status())),
    };
    rewrite::check(&parts.headers)?;
    let Pick::Target(target) = group.pick() else { return Ok(Plan::Page(UpstreamFailure::NoTarget.status())) };
    let target = Arc::clone(target);
    rewrite::request(parts, &Rewrite { context, table: found, headers_bytes })?;
    Ok(Plan::Target(target))
}

/// Who the request says that it is for: an absolute target's authority, else the first `Host` line.
fn host_of(parts: &Parts) -> Result<Option<&str>, ClientFailure> {
    let line = match parts.headers.get(HOST) {
        Some(line) => Some(line.to_str().map_err(|_| ClientFailure::Malformed)?),
        None if parts.version == Version::HTTP_11 => return Err(ClientFailure::MissingHost),
        None => None,
    };
    Ok(parts.uri.authority().map(|authority| authority.as_str()).or(line))
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
}

/// Sends a rewritten request to its target. The error is the status that the client gets.
async fn forward(context: &ConnectionContext, target: &Arc<TargetState>, request: Request<RequestBody>) -> Result<Answered, u16> {
    let state = &context.state;
    let in_flight = target.enter();
    state.set_target(Some(Arc::clone(target)));
    let exchange = async {
        let mut lease = Lease::get(&context.listener.worker.pool, target, state).await?;
        let response = lease.send(request, state).await?;
        Ok::<_, UpstreamFailure>((response, lease))
    };
    match until_cut(state, exchange).await {
        Ok(Ok((response, lease))) => Ok(Answered { response, lease, in_flight }),
        Ok(Err(failure)) => {
            tracing::debug!(target = %target.key, address = %target.address, "{}", failure.description());
            Err(failure.status())
        }
        // A response that broke off had begun, which ends the connection; `Broken` is listed to be complete.
        Err(Cut::Gone | Cut::Broken) => Err(UpstreamFailure::DrainElapsed.status()),
        Err(Cut::Idle) if !state.upload_complete.get() => Err(ClientFailure::IdleTimeout.status()),
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
async fn pass_on(answered: Answered, asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    let Answered { response, lease, in_flight } = answered;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(response, (lease, in_flight), asker, turn).await;
    }
    let (mut parts, incoming) = response.into_parts();
    parts.version = Version::HTTP_11;
    rewrite::response(&mut parts.headers, asker.close);
    let relay = Relay { incoming, lease, _in_flight: in_flight, finished: false };
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
