//! Rules that ask who is there, before anything is forwarded (alb.md 3).

use std::sync::Arc;

use authentication::{Answer, Asked, CALLBACK_PATH, Given, IDENTITY_HEADERS, Pass, Step, begin, comes_back};
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use hyper::http::request::Parts;
use model::Authenticate;
use ring::rand::{SecureRandom, SystemRandom};
use routing::metrics::BalancerMetric;
use routing::{Balancer, ListenerTable};

use crate::clock;
use crate::connection::ConnectionContext;
use crate::endpoints;

/// Who may come in, and what that changes.
pub(crate) struct Admitted {
    /// As the access log calls the action.
    pub(crate) word: &'static str,
    pub(crate) pass: Pass,
}

/// More calls than any flow needs.
const MOST_CALLS: usize = 8;

fn asked<'p>(parts: &'p Parts, balancer: &'p Balancer) -> Asked<'p> {
    Asked {
        host: parts.uri.authority().map(|authority| authority.as_str()).or_else(|| text(&parts.headers, &HOST)),
        target: parts.uri.path_and_query().map_or("/", |target| target.as_str()),
        cookies: parts.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).collect(),
        authorization: text(&parts.headers, &AUTHORIZATION),
        load_balancer_arn: balancer.arn(),
    }
}

/// The action that sent this request's browser to an identity provider, if it comes back from one.
pub(crate) fn returning<'t>(context: &ConnectionContext, parts: &Parts, found: &'t ListenerTable) -> Option<&'t Arc<Authenticate>> {
    if parts.uri.path() != CALLBACK_PATH {
        return None;
    }
    let asked = asked(parts, found.balancer());
    found.questions().find(|rule| comes_back(rule, &asked, &context.listener.worker.keys))
}

/// Asks a rule's question of a request. The error is the answer to somebody who may not come in, or not yet.
pub(crate) async fn ask(context: &ConnectionContext, parts: &Parts, rule: &Authenticate, balancer: &Arc<Balancer>) -> Result<Admitted, Answer> {
    let worker = &context.listener.worker;
    let asked = asked(parts, balancer);
    let mut step = match given() {
        Some(given) => begin(rule, &asked, &worker.keys, &mut worker.jwks.borrow_mut(), given),
        None => Step::Answer(unable()),
    };
    for _ in 0..MOST_CALLS {
        match step {
            Step::Pass(pass) => {
                count_pass(context, balancer, &pass);
                return Ok(Admitted { word: rule.log_word(), pass });
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

fn text<'p>(headers: &'p HeaderMap, name: &HeaderName) -> Option<&'p str> {
    headers.get(name).and_then(|value| value.to_str().ok())
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
        (Authenticate::Oidc(_), 500) => BalancerMetric::AuthErrors,
        (Authenticate::Oidc(_), _) => BalancerMetric::AuthFailures,
    };
    context.listener.worker.recorder.count(balancer, metric);
}

/// Tells the target who is there, and nobody else may.
pub(crate) fn introduce(headers: &mut HeaderMap, rule: &Authenticate, admitted: &Admitted) {
    if !matches!(rule, Authenticate::Oidc(_)) {
        return;
    }
    for name in IDENTITY_HEADERS {
        headers.remove(name);
    }
    for (name, value) in &admitted.pass.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
}

/// Sets cookies beside those that are set already.
pub(crate) fn set_cookies(headers: &mut HeaderMap, values: &[String]) {
    for value in values {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(SET_COOKIE, value);
        }
    }
}
