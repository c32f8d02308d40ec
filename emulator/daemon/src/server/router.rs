//! From a request to the operation that answers it.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use wire::local::{Failure, path};

use super::answer::{self, Body};
use super::aws::Door;
use super::query::Query;
use super::{
    Context, aws, changes, chaos, connections, exec, explain, guard, logs, metrics, names, reads, repositories, requests, scaling, secrets, sync,
    tasks,
};

/// The largest request body.
const MAX_BODY: usize = 4 << 20;

/// How long a client may take to send it.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers a request, whatever it is.
pub(super) async fn answer(context: Arc<Context>, request: Request<Incoming>) -> Response<Body> {
    if let Err(failure) = guard::admit(request.method(), request.uri().path(), request.headers()) {
        return answer::with_status(StatusCode::FORBIDDEN, &failure);
    }
    if guard::is_registry(request.uri().path()) {
        let snapshot = context.keeper.snapshot();
        return context.registry.answer(snapshot, context.clock.now(), request).await;
    }
    let request = match aws::operation(context.clone(), Door::Machine, request).await {
        Ok(answered) => return answered,
        Err(request) => request,
    };
    let query = Query::parse(request.uri().query().unwrap_or(""));
    let result = match (request.method().clone(), request.uri().path()) {
        (Method::GET, path::HELLO) => Ok(reads::hello(&context)),
        (Method::GET, path::VIEW) => reads::view(&context, &query).await,
        (Method::GET, path::EVENTS) => reads::events(&context, &query),
        (Method::GET, path::LOGS) => logs::logs(context, &query),
        (Method::GET, path::REQUESTS) => requests::requests(context, &query).await,
        (Method::GET, path::SCALING) => scaling::scaling(&context, &query),
        (Method::GET, path::NAMES) => names::names(&context, &query),
        (Method::GET, path::CONNECTIONS) => connections::connections(&context, &query),
        (Method::GET, path::FAULTS) => chaos::list(&context, &query),
        (Method::POST, path::INJECT_FAULT) => and_then(body(request).await, |asked| chaos::inject(&context, asked)).await,
        (Method::POST, path::END_FAULTS) => chaos::end(&context, &query).await,
        (Method::GET, path::SECRETS) => Ok(secrets::list(&context)),
        (Method::GET, path::METRICS) => Ok(metrics::json(&context)),
        (Method::GET, path::PROMETHEUS) => Ok(metrics::prometheus(&context)),
        (Method::POST, path::UP) => body(request).await.map(|asked| changes::up(context, asked)),
        (Method::POST, path::DIFF) => and_then(body(request).await, |asked| changes::diff(&context, asked)).await,
        (Method::POST, path::DOWN) => changes::down(&context, &query).await,
        (Method::POST, path::COLLECT) => and_then(body(request).await, |asked| repositories::collect(&context, asked)).await,
        (Method::POST, path::SCALE) => and_then(body(request).await, |asked| changes::scale(&context, asked)).await,
        (Method::POST, path::DEPLOY) => body(request).await.map(|asked| tasks::deploy(context, asked)),
        (Method::POST, path::CONTINUE) => tasks::continue_deployment(&context, &query).await,
        (Method::POST, path::ROLLBACK) => tasks::rollback(&context, &query).await,
        (Method::POST, path::RUN_TASK) => body(request).await.map(|asked| tasks::run_task(context, asked)),
        (Method::POST, path::PROTECT) => and_then(body(request).await, |asked| tasks::protect(&context, asked)).await,
        (Method::POST, path::DEREGISTER_INSTANCE) => and_then(body(request).await, |asked| changes::deregister_instance(&context, asked)).await,
        (Method::POST, path::INSTANCE_STATUS) => and_then(body(request).await, |asked| changes::instance_status(&context, asked)).await,
        (Method::POST, path::STOP_TASK) => and_then(body(request).await, |asked| tasks::stop_task(&context, asked)).await,
        (Method::POST, path::SYNC) => and_then(body(request).await, |asked| sync::sync(context, asked)).await,
        (Method::POST, path::ATTACH) => and_then(body(request).await, |asked| changes::attach(&context, asked)).await,
        (Method::POST, path::DETACH) => and_then(body(request).await, |asked| changes::detach(&context, asked)).await,
        (Method::POST, path::EXEC) => exec::exec(context, request).await,
        (Method::POST, path::EXPLAIN) => body(request).await.and_then(|asked| explain::explain(&context, &asked)),
        (Method::POST, path::SHUTDOWN) => Ok(changes::shutdown(&context, &query)),
        (Method::GET, other) => match public_key(&context, other) {
            Some(pem) => Ok(answer::text("application/x-pem-file", pem)),
            None => return unknown(&request),
        },
        _ => return unknown(&request),
    };
    result.unwrap_or_else(|failure| answer::failed(&failure))
}

async fn and_then<T, F: Future<Output = Result<Response<Body>, Failure>>>(
    asked: Result<T, Failure>,
    next: impl FnOnce(T) -> F,
) -> Result<Response<Body>, Failure> {
    next(asked?).await
}

/// Where AWS has `https://public-keys.auth.elb.<region>.amazonaws.com/<key id>`, we have `/<key id>`.
fn public_key(context: &Context, path: &str) -> Option<String> {
    let (id, pem) = context.listeners.as_ref()?.public_key();
    (path.strip_prefix('/') == Some(id)).then(|| pem.to_owned())
}

/// What is not ours is refused by name.
fn unknown(request: &Request<Incoming>) -> Response<Body> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let what =
        target.map_or_else(|| format!("`{} {}`", request.method(), request.uri().path()), |operation| format!("the AWS operation `{operation}`"));
    let status = if target.is_some() { StatusCode::NOT_IMPLEMENTED } else { StatusCode::NOT_FOUND };
    answer::with_status(status, &Failure::input(format!("{what} is not served here")).hint("`ecslocal --help` lists what is"))
}

async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Failure> {
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(request.into_body(), MAX_BODY).collect()).await;
    let unread = |why: String| Failure::input(format!("the request's body could not be read: {why}"));
    let bytes = match collected {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(unread(format!("it is longer than {} MiB", MAX_BODY >> 20))),
        Ok(Err(error)) => return Err(unread(error.to_string())),
        Err(_) => return Err(unread(format!("it did not come within {} s", BODY_TIMEOUT.as_secs()))),
    };
    serde_json::from_slice(&bytes).map_err(|error| Failure::input(format!("the request's body is not what this operation takes: {error}")))
}
