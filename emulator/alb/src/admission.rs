//! Rules that ask who is there, before anything is forwarded (alb.md 3).

use std::sync::Arc;

use authentication::{Answer, Asked, CALLBACK_PATH, Given, IDENTITY_HEADERS, Pass, Step, begin, comes_back};
use message::{Headers, RequestHead};
use model::Authenticate;
use ring::rand::{SecureRandom, SystemRandom};
use routing::metrics::BalancerMetric;
use routing::{Balancer, ListenerTable};

use crate::clock;
use crate::connection::ConnectionContext;
use crate::endpoints;

/// Who may come in, and what that changes.
pub(crate) struct Admitted {
    /// What they were asked.
    pub(crate) question: Arc<Authenticate>,
    pub(crate) pass: Pass,
}

/// More calls than any flow needs.
const MOST_CALLS: usize = 8;

fn asked<'p>(request: &'p RequestHead, target: &'p str, balancer: &'p Balancer) -> Asked<'p> {
    Asked {
        host: request.target.authority().or_else(|| request.headers.get_str("host")),
        target,
        cookies: request.headers.all("cookie").filter_map(|line| std::str::from_utf8(line).ok()).collect(),
        authorization: request.headers.get_str("authorization"),
        load_balancer_arn: balancer.arn(),
    }
}

/// The action that sent this request's browser to an identity provider, if it comes back from one.
pub(crate) fn returning<'t>(context: &ConnectionContext, request: &RequestHead, found: &'t ListenerTable) -> Option<&'t Arc<Authenticate>> {
    if request.target.path() != CALLBACK_PATH {
        return None;
    }
    let target = request.target.origin();
    let target = String::from_utf8_lossy(&target);
    let asked = asked(request, &target, found.balancer());
    found.questions().find(|rule| comes_back(rule, &asked, &context.listener.worker.keys))
}

/// Asks a rule's question of a request. The error is the answer to somebody who may not come in, or not yet.
pub(crate) async fn ask(context: &ConnectionContext, request: &RequestHead, rule: &Authenticate, balancer: &Arc<Balancer>) -> Result<Pass, Answer> {
    let worker = &context.listener.worker;
    let target = request.target.origin();
    let target = String::from_utf8_lossy(&target);
    let asked = asked(request, &target, balancer);
    let mut step = match given() {
        Some(given) => begin(rule, &asked, &worker.keys, &mut worker.jwks.borrow_mut(), given),
        None => Step::Answer(unable()),
    };
    for _ in 0..MOST_CALLS {
        match step {
            Step::Pass(pass) => {
                count_pass(context, balancer, &pass);
                return Ok(pass);
            }
            Step::Answer(answer) => {
                count_answer(context, rule, balancer, &answer);
                return Err(answer);
            }
            Step::Call(call) => {
                let outcome = endpoints::perform(&call, &worker.trust).await;
                step = match given() {
                    Some(given) => call.resume(outcome, &worker.keys, &mut worker.jwks.borrow_mut(), given),
                    None => Step::Answer(unable()),
                };
            }
        }
    }
    tracing::error!("a login asked for more calls than any needs, which is a fault of ecslocal");
    Err(unable())
}

/// `None` when the operating system gives no random numbers.
fn given() -> Option<Given> {
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).ok()?;
    Some(Given { now: clock::unix_seconds(), random })
}

fn unable() -> Answer {
    Answer { status: 500, location: None, set_cookies: Vec::new(), reason: None }
}

/// Only logins name somebody; a request that passes without one was allowed in as a stranger, or showed a token.
fn count_pass(context: &ConnectionContext, balancer: &Balancer, pass: &Pass) {
    let recorder = &context.listener.worker.recorder;
    if !pass.headers.is_empty() {
        recorder.count(balancer, BalancerMetric::AuthSuccesses);
    }
    if pass.refreshed {
        recorder.count(balancer, BalancerMetric::AuthRefreshes);
    }
}

fn count_answer(context: &ConnectionContext, rule: &Authenticate, balancer: &Balancer, answer: &Answer) {
    let metric = match (rule, answer.status) {
        (_, 302) => return,
        (Authenticate::Jwt(_), _) => BalancerMetric::JwtFailures,
        // Access denied, a code used twice, a login that took too long; everything else is an error of setup or connection.
        (Authenticate::Oidc(_), 401) => BalancerMetric::AuthFailures,
        (Authenticate::Oidc(_), _) => BalancerMetric::AuthErrors,
    };
    context.listener.worker.recorder.count(balancer, metric);
}

/// Tells the target who is there, and nobody else may.
pub(crate) fn introduce(headers: &mut Headers, rule: &Authenticate, admitted: &Admitted) {
    if !matches!(rule, Authenticate::Oidc(_)) {
        return;
    }
    for name in IDENTITY_HEADERS {
        headers.remove(name);
    }
    for (name, value) in &admitted.pass.headers {
        headers.set(name, value);
    }
}

/// Sets cookies beside those that are set already.
pub(crate) fn set_cookies(headers: &mut Headers, values: &[String]) {
    for value in values {
        headers.append("Set-Cookie", value);
    }
}
