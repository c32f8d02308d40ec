//! One request: from its head to the head of its response.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::{Request, Response, StatusCode, Version};
use routing::{ClientFailure, InFlight, Memory, UpstreamFailure};

use crate::admission;
use crate::body::{Relay, RequestBody, ResponseBody};
use crate::clock;
use crate::connection::ConnectionContext;
use crate::cookie;
use crate::framing;
use crate::plan::{Chosen, Own, Plan, plan};
use crate::record::{self, Draft};
use crate::respond::{self, Asker};
use crate::rewrite;
use crate::state::{ConnectionState, Cut, Turn};
use crate::upstream::Lease;

/// Answers one request. Failures are answers too.
pub(crate) async fn answer(context: Rc<ConnectionContext>, request: Request<Incoming>) -> Result<Response<ResponseBody>, Infallible> {
    let turn = Turn::begin(&context);
    let (mut parts, body) = request.into_parts();
    // Wrapped at once: an answer of our own must know whether something of the request is left unread.
    let body = RequestBody::new(body, &context.state);
    let mut asker = Asker::of(&parts, context.listener.closed.get());
    let swallowed = body.is_swallowed(&parts.headers);
    let mut made = plan(&context, &mut parts, &mut asker, None);
    let mut admitted = None;
    if let Plan::Ask(rule, balancer) = &made {
        made = match admission::ask(&context, &parts, rule, balancer).await {
            Ok(who) => plan(&context, &mut parts, &mut asker, Some(admitted.insert(who))),
            Err(answer) => {
                context.state.note(|draft| draft.record().error_reason = answer.reason);
                Plan::Own(Own::Stay(answer))
            }
        };
        // The identity provider's silence is not the target's.
        context.state.take_cut();
    }
    if outlived(&context) || context.listener.closed.get() {
        context.state.close();
    }
    asker.close |= context.state.closing.get();
    let mut request = Some(Request::from_parts(parts, body));
    let outcome = match made {
        // Who is admitted is not asked again.
        Plan::Ask(..) => Err(Own::Page(500)),
        Plan::Target(chosen) => {
            asker.close |= chosen.ambiguous;
            forward(&context, chosen, &mut request).await.map_err(Own::Page)
        }
        Plan::Own(own) => Err(own),
    };
    if let Some(request) = request.filter(|_| swallowed && !asker.close && asker.version != Version::HTTP_2) {
        swallow(request.into_body()).await;
    }
    // What is left of a request cannot be told from the next one. And the listener may have been closed in the meantime.
    asker.close |= !context.state.upload_complete.get() || context.listener.closed.get() || context.state.closing.get();
    let mut response = match outcome {
        Ok(answered) => pass_on(&context, answered, &asker, turn).await,
        Err(Own::Redirect(status, location)) => respond::page(status, Some(&location), &asker, turn),
        Err(Own::Fixed(fixed)) => respond::fixed(&fixed, &asker, turn),
        Err(Own::Page(status)) => respond::page(status, None, &asker, turn),
        Err(Own::Stay(answer)) => {
            let mut response = respond::page(answer.status, answer.location.as_deref(), &asker, turn);
            admission::set_cookies(response.headers_mut(), &answer.set_cookies);
            response
        }
    };
    if let Some(admitted) = &admitted {
        admission::set_cookies(response.headers_mut(), &admitted.pass.set_cookies);
    }
    respond::add_listener_headers(response.headers_mut(), &asker);
    if context.state.parent.is_some() {
        context.state.count_sent(record::head_bytes(0, response.headers()));
    }
    if let Some(draft) = &mut *context.state.draft.borrow_mut() {
        draft.responds(response.status().as_u16());
        respond::add_debug_header(response.headers_mut(), draft.record());
    }
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
    let Chosen { in_flight, ambiguous, memory } = chosen;
    let (state, target) = (&context.state, in_flight.target());
    state.set_target(Some(Arc::clone(target)));
    let exchange = async {
        let mut lease = Lease::get(&context.listener.worker, target, state).await?;
        state.note(Draft::sent_to_target);
        let response = lease.send(request, state).await?;
        state.note(|draft| draft.target_answered(response.status()));
        framing::of_response(response.headers())?;
        Ok::<_, UpstreamFailure>((response, lease))
    };
    let failed = |failure: UpstreamFailure| {
        state.note(|draft| draft.failed(failure));
        tracing::debug!(target = %target.key, address = %target.address, "{}", failure.description());
        Err(failure.status())
    };
    match until_cut(state, exchange).await {
        Ok(Ok((response, lease))) => Ok(Answered { response, lease, in_flight, reusable: !ambiguous, memory }),
        // The target is not to blame when it was us who gave up on the request.
        Ok(Err(_)) if state.upload_broken.get() => Err(ClientFailure::Malformed.status()),
        Ok(Err(failure)) => failed(failure),
        // A response that broke off had begun, which ends the connection; `Broken` is listed to be complete.
        Err(Cut::Gone | Cut::Broken) => failed(UpstreamFailure::DrainElapsed),
        Err(Cut::Idle) if state.upload_awaited.get() => Err(ClientFailure::IdleTimeout.status()),
        Err(Cut::Idle) => failed(UpstreamFailure::IdleTimeout),
    }
}

/// The future's output, unless the worker's rounds cut the request first.
async fn until_cut<F: Future>(state: &ConnectionState, future: F) -> Result<F::Output, Cut> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        state.remember_waker(cx);
        match state.take_cut() {
            Some(cut) => Poll::Ready(Err(cut)),
            None => future.as_mut().poll(cx).map(Ok),
        }
    })
    .await
}

/// Hands a target's response to the client.
async fn pass_on(context: &ConnectionContext, answered: Answered, asker: &Asker, turn: Turn) -> Response<ResponseBody> {
    let Answered { mut response, lease, in_flight, reusable, memory } = answered;
    if let Some(memory) = memory {
        cookie::remember(response.headers_mut(), &memory, context.scheme(), &context.listener.worker.seal);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(response, (lease, in_flight), asker, turn).await;
    }
    let (mut parts, incoming) = response.into_parts();
    parts.version = asker.version;
    // To HTTP/1.0, a body of unknown length ends with its connection.
    let ends = asker.version == Version::HTTP_10 && incoming.size_hint().exact().is_none();
    rewrite::response(&mut parts.headers, asker.version, asker.close || ends);
    let trailers = asker.version == Version::HTTP_2 && lease.is_http2();
    let relay = Relay { incoming, lease, _in_flight: in_flight, finished: false, reusable, trailers };
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
