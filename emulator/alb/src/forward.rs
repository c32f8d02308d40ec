//! One request: from its head to the head of its response.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use message::{RequestHead, ResponseHead, Version};
use model::AnswerFault;
use routing::{ClientFailure, InFlight, Memory, TargetState, UpstreamFailure};

use crate::admission::{self, Admitted};
use crate::body::{Relay, RequestBody, ResponseBody};
use crate::clock;
use crate::connection::ConnectionContext;
use crate::cookie;
use crate::outgoing::Coding;
use crate::plan::{Chosen, Own, Plan, plan};
use crate::record;
use crate::record::Draft;
use crate::respond::{self, Asker};
use crate::rewrite;
use crate::state::{ConnectionState, Cut, Turn};
use crate::upstream::Lease;

/// What a client gets.
pub(crate) struct Response {
    pub(crate) head: ResponseHead,
    pub(crate) body: ResponseBody,
    /// How the body is sent over HTTP/1.
    pub(crate) coding: Coding,
    /// The connection ends with it.
    pub(crate) close: bool,
}

/// Answers one request. Failures are answers too. Its body is an option because whoever sends it takes it from there.
pub(crate) async fn answer(context: Rc<ConnectionContext>, mut head: Box<RequestHead>, mut body: Option<RequestBody>) -> Response {
    let turn = Turn::begin(&context);
    let mut asker = Asker::of(&head, context.listener.closed.get());
    let swallowed = body.as_ref().is_some_and(RequestBody::is_swallowed);
    let mut admitted: Option<Box<Admitted>> = None;
    let settled = loop {
        match plan(&context, &mut head, &mut asker, admitted.as_deref()) {
            Plan::Target(chosen) => break Ok(chosen),
            Plan::Own(own) => break Err(own),
            // Seldom, and large: not a part of every request's future.
            Plan::Ask(question, balancer) => match Box::pin(uncut(&context.state, admission::ask(&context, &head, &question, &balancer))).await {
                Ok(pass) => admitted = Some(Box::new(Admitted { question, pass })),
                Err(answer) => {
                    context.state.note(|draft| draft.record().error_reason = answer.reason);
                    break Err(Own::Stay(answer));
                }
            },
        }
    };
    if outlived(&context) || context.listener.closed.get() {
        context.state.close();
    }
    asker.close |= context.state.closing.get();
    let outcome = match settled {
        Ok(chosen) => match fault_of(&context, &chosen) {
            // Seldom: not a part of every request's future.
            Some(fault) => Box::pin(strike(&context, chosen, (&head, &mut body), fault)).await,
            None => forward(&context, chosen, &head, &mut body).await,
        },
        Err(own) => Err(own),
    };
    let outcome = match body.filter(|_| swallowed && !asker.close) {
        None => outcome,
        Some(body) => Box::pin(swallow(body, outcome)).await,
    };
    // What is left of a request cannot be told from the next one. And the listener may have been closed in the meantime.
    asker.close |= !context.state.upload_complete.get() || context.listener.closed.get() || context.state.closing.get();
    let mut response = match outcome {
        Ok(answered) => pass_on(&context, answered, &asker, turn),
        Err(own) => respond::own(own, &asker, turn),
    };
    if let Some(admitted) = &admitted {
        admission::set_cookies(&mut response.head.headers, &admitted.pass.set_cookies);
    }
    respond::add_listener_headers(&mut response.head.headers, asker.listener.as_deref());
    if let Some(draft) = &mut *context.state.draft.borrow_mut() {
        draft.responds(response.head.status);
        respond::add_debug_header(&mut response.head.headers, draft.record());
    }
    if context.state.parent.is_some() {
        context.state.count_sent(record::head_bytes(0, &response.head.headers));
    }
    response
}

/// How long an answer that does not need the request's body waits for it.
const SWALLOW_PATIENCE: Duration = Duration::from_millis(200);

/// Reads a short body that nobody wants to its end, so that the connection can go on behind the answer. Takes care of what came of the request
/// meanwhile, for which no other request is to have room.
async fn swallow<T>(mut body: RequestBody, outcome: T) -> T {
    let end = poll_fn(|cx| {
        while let Some(frame) = ready!(Pin::new(&mut body).poll_frame(cx)) {
            if frame.is_err() {
                break;
            }
        }
        Poll::Ready(())
    });
    // In time or not, the answer is the same; whether the body is complete shows in the state.
    tokio::time::timeout(SWALLOW_PATIENCE, end).await.unwrap_or_default();
    outcome
}

/// Whether the connection has lived for `client_keep_alive.seconds`, so that this response is its last (alb.md 6.1).
fn outlived(context: &ConnectionContext) -> bool {
    let limit = context.state.keep_alive.get();
    !limit.is_zero() && clock::now().since(context.state.opened) >= limit
}

/// A response whose head has come, and what holds the rest of it.
struct Answered {
    head: ResponseHead,
    /// Its body, where that does not come from the lease.
    incoming: Option<Incoming>,
    lease: Lease,
    in_flight: InFlight,
    /// The connection to the target may serve another request.
    reusable: bool,
    memory: Option<Box<Memory>>,
}

/// Sends a rewritten request to its target; the body stays where it is if the target cannot be reached. The error is what the client gets
/// instead.
async fn forward(context: &ConnectionContext, chosen: Chosen, head: &RequestHead, body: &mut Option<RequestBody>) -> Result<Answered, Own> {
    let Chosen { in_flight, ambiguous, memory } = chosen;
    let (state, target) = (&context.state, in_flight.target());
    state.set_target(Some(Arc::clone(target)));
    let outcome = {
        let exchange = pin!(async {
            let mut lease = Lease::get(&context.listener.worker, target, state).await?;
            state.note(Draft::sent_to_target);
            let (head, incoming) = lease.send(head, body, state).await?;
            state.note(|draft| draft.target_answered(head.status));
            Ok::<_, UpstreamFailure>((head, incoming, lease))
        });
        until_cut(state, exchange).await
    };
    match outcome {
        Ok(Ok((head, incoming, lease))) => Ok(Answered { head, incoming, lease, in_flight, reusable: !ambiguous, memory }),
        // The target is not to blame when it was us who gave up on the request.
        Ok(Err(_)) if state.upload_broken.get() => Err(Own::Page(ClientFailure::Malformed.status())),
        Ok(Err(failure)) => Err(failed(state, target, failure)),
        Err(reason) => Err(cut(state, target, reason)),
    }
}

/// What a client gets whose request was cut.
fn cut(state: &ConnectionState, target: &TargetState, reason: Cut) -> Own {
    match reason {
        Cut::Gone => failed(state, target, UpstreamFailure::DrainElapsed),
        Cut::Idle if state.upload_awaited.get() => Own::Page(ClientFailure::IdleTimeout.status()),
        Cut::Idle => failed(state, target, UpstreamFailure::IdleTimeout),
    }
}

fn failed(state: &ConnectionState, target: &TargetState, failure: UpstreamFailure) -> Own {
    state.note(|draft| draft.failed(failure));
    tracing::debug!(target = %target.key, address = %target.address, "{}", failure.description());
    Own::Page(failure.status())
}

/// The fault on purpose that strikes this request.
fn fault_of(context: &ConnectionContext, chosen: &Chosen) -> Option<AnswerFault> {
    chosen.in_flight.target().fault().filter(|fault| fault.strikes(context.listener.worker.random.borrow_mut().next_u64()))
}

/// A fault on purpose: the target seems to take so much longer, and to answer with that status, if it is one.
async fn strike(
    context: &ConnectionContext,
    chosen: Chosen,
    (head, body): (&RequestHead, &mut Option<RequestBody>),
    fault: AnswerFault,
) -> Result<Answered, Own> {
    let (state, target) = (&context.state, Arc::clone(chosen.in_flight.target()));
    state.set_target(Some(Arc::clone(&target)));
    state.note(Draft::sent_to_target);
    let delay = Duration::from_millis(fault.delay_millis.into());
    until_cut(state, pin!(tokio::time::sleep(delay))).await.map_err(|reason| cut(state, &target, reason))?;
    let Some(status) = fault.status else { return forward(context, chosen, head, body).await };
    state.note(|draft| draft.target_answered(status));
    Err(Own::Injected(status))
}

/// The future's output, unless the worker's rounds cut the request first.
async fn until_cut<F: Future>(state: &ConnectionState, mut future: Pin<&mut F>) -> Result<F::Output, Cut> {
    poll_fn(|cx| {
        state.remember_own_waker(cx);
        match state.take_cut() {
            Some(cut) => Poll::Ready(Err(cut)),
            None => future.as_mut().poll(cx).map(Ok),
        }
    })
    .await
}

/// The future's output; no cut ends it. The identity provider's silence is not the target's, and it has limits of its own.
async fn uncut<F: Future>(state: &ConnectionState, future: F) -> F::Output {
    let mut future = pin!(future);
    let output = poll_fn(|cx| {
        state.remember_own_waker(cx);
        state.take_cut();
        future.as_mut().poll(cx)
    })
    .await;
    state.touch();
    output
}

/// Hands a target's response to the client.
fn pass_on(context: &ConnectionContext, answered: Answered, asker: &Asker, turn: Turn) -> Response {
    let Answered { mut head, incoming, lease, in_flight, reusable, memory } = answered;
    if head.status == 101 {
        return switch(head, (lease, in_flight), asker, turn);
    }
    let ours = memory.map(|memory| cookie::remember(&head.headers, &memory, context.scheme(), &context.listener.worker.seal));
    let over = incoming.as_ref().map_or_else(|| lease.is_over(), Body::is_end_stream);
    let (coding, ends) = rewrite::response(&mut head, asker, over);
    let close = asker.close || ends;
    rewrite::arrange(&mut head.headers, asker.version, close, ours.unwrap_or_default());
    let trailers = asker.version == Version::Http2 && lease.is_http2();
    let relay = Relay { incoming, lease, _in_flight: in_flight, reusable, trailers };
    Response { head, body: ResponseBody::relayed(relay, turn), coding, close }
}

/// Joins the two connections once the `101` is written (alb.md 6.6).
fn switch(mut head: ResponseHead, held: (Lease, InFlight), asker: &Asker, turn: Turn) -> Response {
    let (lease, in_flight) = held;
    let tunnel = if asker.upgrade { lease.into_tunnel(in_flight) } else { None };
    let Some(tunnel) = tunnel else {
        // Nobody asked for another protocol.
        return respond::own(Own::Page(UpstreamFailure::MalformedResponse.status()), asker, turn);
    };
    *turn.state().tunnel.borrow_mut() = Some(tunnel);
    rewrite::switching(&mut head.headers);
    Response { head, body: ResponseBody::own(Bytes::new(), turn), coding: Coding::Plain, close: false }
}
