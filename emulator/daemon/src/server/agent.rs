//! What a task sees at 169.254.170.2: the agent of ECS, and AWS's APIs for whoever signs with the task's credentials.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent::{Answer, FaultAction, FaultStep, FaultType, Found, Limiter, Protect, Request as Asked, Source, What, Whose};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::{Change, ContainerStatus, FaultScope, FaultSpec, FromProfile, Task};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::metadata::{CredentialsProblem, ProtectionError};

use super::answer::{self, Body};
use super::aws::{self, Door};
use super::{Context, chaos, protection};
use crate::doors::Visitor;

/// How long a client may take to send a head, and how long a connection may stay open between two requests (ecs.md 5.1).
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it takes at most until the address of a container that has just started is known here.
const STARTING: Duration = Duration::from_secs(3);

/// The largest body of a request to the agent.
const LARGEST: usize = 16 << 10;

/// Serves those who come in until `context.ending`, or until the doors are gone.
pub async fn run(mut visitors: mpsc::Receiver<Visitor>, context: Arc<Context>) {
    let mut connections = JoinSet::new();
    let limiter = Arc::new(Mutex::new(Limiter::default()));
    loop {
        tokio::select! {
            () = context.ending.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            visitor = visitors.recv() => match visitor {
                // So many at once as the doors have places.
                Some(visitor) => {
                    connections.spawn(serve(visitor, context.clone(), limiter.clone()));
                }
                None => break,
            },
        }
    }
    connections.shutdown().await;
}

async fn serve(visitor: Visitor, context: Arc<Context>, limiter: Arc<Mutex<Limiter>>) {
    let Visitor { stream, source, place } = visitor;
    let service = service_fn(move |request| {
        let (context, limiter, source) = (context.clone(), limiter.clone(), source.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(context, &limiter, &source, request).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection of a task broke off");
    }
    drop(place);
}

async fn answer(context: Arc<Context>, limiter: &Mutex<Limiter>, source: &Source, request: Request<Incoming>) -> Response<Body> {
    let address = if let Source::Network(_, address) = source { Some(*address) } else { None };
    let request = match aws::operation(context.clone(), Door::Task(address), request).await {
        Ok(answered) => return answered,
        Err(request) => request,
    };
    let path = request.uri().path().to_owned();
    let admitted = {
        let mut limiter = limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.admit(address.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)), &path, context.clock.now())
    };
    if !admitted {
        return told(&Answer { status: 429, body: Value::String("You have reached maximum request limit.".into()) });
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let method = request.method().as_str().to_owned();
    let Some(asked) = Asked::read(&method, &path, &query) else {
        let mut response = answer::text("text/plain; charset=utf-8", "404 page not found\n".into());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let limited = Limited::new(request.into_body(), LARGEST).collect();
    let body = tokio::time::timeout(HEAD_TIMEOUT, limited).await.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes);
    told(&agent_answers(&context, source, asked, body.as_deref().unwrap_or_default()).await)
}

fn told(answer: &Answer) -> Response<Body> {
    answer::with_status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &answer.body)
}

/// Whose id it is, waiting for a container that has just started.
async fn settle(context: &Context, source: &Source, whose: Whose<'_>) {
    let mut snapshots = context.keeper.follow();
    let known = snapshots.wait_for(|snapshot| !matches!(agent::find(&snapshot.world, &context.mint, source, whose), Found::NotYet));
    tokio::time::timeout(STARTING, context.ending.run_until_cancelled(known)).await.ok();
}

async fn agent_answers(context: &Context, source: &Source, asked: Asked<'_>, body: &[u8]) -> Answer {
    let whose = match asked {
        Asked::Metadata(_, id, _) | Asked::Protection(id, _) | Asked::Fault(id, ..) => Whose::Container(id),
        Asked::Credentials(Some(id)) => Whose::Credentials(id),
        Asked::Credentials(None) => return agent::not_found(asked),
    };
    settle(context, source, whose).await;
    let snapshot = context.keeper.snapshot();
    let world = &snapshot.world;
    let Found::Task { task, definition, container } = agent::find(world, &context.mint, source, whose) else { return agent::not_found(asked) };
    let of = (task, definition);
    if let (Asked::Credentials(_), Some(role)) = (asked, from_profile(world, definition)) {
        return assumed(context, role).await;
    }
    match (asked, container) {
        (Asked::Metadata(version, _, What::Container), Some(container)) => {
            Answer::ok(&agent::container(world, &context.mint, of, container, version))
        }
        (Asked::Metadata(version, _, What::Task { .. }), _) => Answer::ok(&agent::task(world, &context.mint, of, version)),
        (Asked::Metadata(_, _, What::Stats), Some(container)) => match statistics(context, container).await {
            Some(statistics) => Answer::ok(&statistics),
            None => Answer { status: 500, body: Value::String(format!("Unable to get container stats for: {}", container.runtime_name)) },
        },
        (Asked::Metadata(_, _, What::TaskStats), _) => Answer::ok(&all_statistics(context, task).await),
        (Asked::Metadata(_, _, What::Associations), _) => Answer::ok(&serde_json::json!({ "Associations": [] })),
        (Asked::Credentials(_), _) => match agent::credentials(world, &context.mint, of, context.clock.wall()) {
            Some(credentials) => Answer::ok(&credentials),
            None => agent::not_found(asked),
        },
        (Asked::Protection(_, change), _) => {
            let asked = change.then(|| Protect::read(body, context.clock.now()));
            protect(context, world, of, asked).await
        }
        (Asked::Fault(_, kind, action), _) => match agent::decide(world, of, (kind, action), body) {
            Err(answer) => answer,
            Ok(step) => faults(context, task, (kind, action), step).await,
        },
        (Asked::Metadata(..), None) => agent::not_found(asked),
    }
}

/// How long the agent gives a fault.
const FAULT_TIME: Duration = Duration::from_secs(5);

/// How long a fault lasts that a task injects on itself, if it does not end it; AWS sets no bound.
const OWN_FAULT: Duration = Duration::from_secs(24 * 60 * 60);

async fn faults(context: &Context, task: &Task, (kind, action): (FaultType, FaultAction), step: FaultStep) -> Answer {
    let done = async {
        match step {
            FaultStep::Begin(wanted) => {
                let spec = FaultSpec {
                    id: chaos::new_id(),
                    cluster: task.cluster.clone(),
                    scope: FaultScope::Tasks(vec![task.id.clone()]),
                    kind: wanted,
                    lasts: OWN_FAULT,
                    origin: agent::ORIGIN,
                };
                let fault = chaos::begin(context, spec).await.map_err(|failure| failure.message)?;
                fault.problem.map_or(Ok("running"), Err)
            }
            FaultStep::End(ids) => chaos::end_all(context, &task.cluster, &ids).await.map(|()| "stopped").map_err(|failure| failure.message),
        }
    };
    match tokio::time::timeout(FAULT_TIME, done).await {
        Ok(Ok(word)) => agent::status(word),
        // The agent says no more; the service's events and `chaos ls` do.
        Ok(Err(problem)) => {
            tracing::warn!(task = task.id.short(), problem, "a fault that a task asked for was not done");
            agent::broken()
        }
        Err(_) => agent::timed_out(kind, action),
    }
}

/// Whose credentials a task has that are not ours.
fn from_profile<'w>(world: &'w model::World, definition: &model::TaskDefinition) -> Option<&'w FromProfile> {
    agent::role_of(world, definition)?.1.spec.from_profile.as_deref()
}

/// The program is not given up where the task does not wait for it: then the next question has an answer at once.
async fn assumed(context: &Context, role: &FromProfile) -> Answer {
    let (profiles, role, now) = (context.profiles.clone(), role.clone(), context.clock.wall());
    match context.followers.spawn(async move { profiles.credentials(&role, now).await }).await {
        Ok(Ok(credentials)) => Answer::ok(&credentials),
        Ok(Err(why)) => Answer::of(CredentialsProblem::Failed(why).body()),
        Err(error) => Answer::of(CredentialsProblem::Failed(error.to_string()).body()),
    }
}

async fn protect(
    context: &Context,
    world: &model::World,
    (task, definition): (&Task, &model::TaskDefinition),
    asked: Option<Result<Protect, ProtectionError>>,
) -> Answer {
    let arn = world.task_arn(task);
    let operation = if asked.is_some() { "UpdateTaskProtection" } else { "GetTaskProtection" };
    if let Err(error) = protection::may(context, world, (task, definition), operation) {
        return Answer::of(error.body(&arn));
    }
    match asked {
        None => agent::protected(world, task, context.clock.now()),
        Some(Err(error)) => Answer::of(error.body(&arn)),
        Some(Ok(Protect { until })) => match context.keeper.change(vec![Change::ProtectTask { task: task.id.clone(), until }]).await {
            Some(Ok(_)) => {
                let snapshot = context.keeper.snapshot();
                snapshot.world.tasks.get(&task.id).map_or_else(
                    || Answer::of(ProtectionError::NoTask.body(&arn)),
                    |task| agent::protected(&snapshot.world, task, context.clock.now()),
                )
            }
            Some(Err(refused)) => agent::refused(world, task, &refused),
            None => Answer::of(ProtectionError::Failed("the daemon is ending".into()).body(&arn)),
        },
    }
}

/// As the engine tells them; `None` of what does not run.
async fn statistics(context: &Context, container: &model::Container) -> Option<Value> {
    let id = container.runtime_id.as_ref().filter(|_| container.last_status == ContainerStatus::Running)?;
    let engine = context.engines.of(&context.keeper.snapshot().world, id).ok()?;
    match engine.statistics(id).await {
        Ok(text) => serde_json::from_str(&text?).ok(),
        Err(error) => {
            tracing::warn!(%error, container = container.runtime_name, "the engine gave no statistics");
            None
        }
    }
}

/// By container id; what has none is told as an empty object (ecs.md 5.4).
async fn all_statistics(context: &Context, task: &Task) -> Map<String, Value> {
    let all = task.containers.iter().filter_map(|container| Some((container.runtime_id.as_ref()?, container)));
    let asked = all.map(|(id, container)| async move { (id.to_string(), statistics(context, container).await.unwrap_or_else(|| Map::new().into())) });
    futures_util::future::join_all(asked).await.into_iter().collect()
}
