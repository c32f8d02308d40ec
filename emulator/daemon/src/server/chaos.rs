//! Faults on purpose: injected, listed, ended. Who injects one is told once it is done, who ends one once nothing is left of it.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use hyper::Response;
use model::{Change, ClusterName, Fault, FaultId, FaultOrigin, FaultScope, FaultSpec, Ids, ServiceKey, ServiceName, World};
use wire::local::{ChaosRequest, Failure, FaultView, FaultsReply};

use super::Context;
use super::answer::{self, Body};
use super::changes::{done, ended};
use super::query::Query;
use super::tasks::find_task;
use crate::view::seconds;

/// How long an engine is waited for. What it has not done by then goes on, and the answer says so.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn list(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let cluster: ClusterName = query.required("cluster")?;
    let snapshot = context.keeper.snapshot();
    let mut faults: Vec<_> = snapshot.world.faults.values().filter(|fault| fault.cluster == cluster).collect();
    faults.sort_by_key(|fault| (fault.started_at, &fault.id));
    Ok(answer::json(&faults.into_iter().map(view).collect::<Vec<FaultView>>()))
}

pub(super) async fn inject(context: &Context, request: ChaosRequest) -> Result<Response<Body>, Failure> {
    let ChaosRequest { cluster, whom, percent_of_tasks, kind, seconds } = request;
    let scope = scope(&context.keeper.snapshot().world, &cluster, &whom, percent_of_tasks)?;
    let lasts = Duration::from_secs(seconds.into());
    let spec = FaultSpec { id: new_id(), cluster, scope, kind, lasts, origin: FaultOrigin::User };
    let fault = begin(context, spec).await?;
    match &fault.problem {
        Some(problem) => {
            let (message, hint) = problem.rsplit_once("\nhint: ").map_or((problem.as_str(), None), |(message, hint)| (message, Some(hint)));
            let failure = Failure::environment(format!("{} could not be injected: {message}", fault.kind.word()));
            Err(hint.map_or(failure.clone(), |hint| failure.hint(hint)))
        }
        None => Ok(answer::json(&view(&fault))),
    }
}

/// Injects a fault and waits until it is done, or known not to be.
pub(super) async fn begin(context: &Context, spec: FaultSpec) -> Result<Fault, Failure> {
    let id = spec.id.clone();
    let mut snapshots = context.keeper.follow();
    done(context.keeper.change(vec![Change::InjectFault(Box::new(spec))]).await)?;
    let settled = |world: &World| world.faults.get(&id).is_none_or(|fault| fault.is_over() || fault.is_active());
    tokio::time::timeout(PATIENCE, snapshots.wait_for(|snapshot| settled(&snapshot.world))).await.ok();
    context.keeper.snapshot().world.faults.get(&id).cloned().ok_or_else(ended)
}

pub(super) async fn end(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let cluster: ClusterName = query.required("cluster")?;
    let world = &context.keeper.snapshot().world;
    let going = |fault: &&Fault| fault.cluster == cluster && !fault.is_over();
    let ids: Vec<FaultId> = match query.get("fault") {
        Some(named) => vec![find(world, &cluster, named)?],
        None => world.faults.values().filter(going).map(|fault| fault.id.clone()).collect(),
    };
    end_all(context, &cluster, &ids).await?;
    Ok(answer::json(&FaultsReply { faults: ids.iter().map(ToString::to_string).collect() }))
}

/// Ends faults and waits until nothing is left of them.
pub(super) async fn end_all(context: &Context, cluster: &ClusterName, ids: &[FaultId]) -> Result<(), Failure> {
    let mut snapshots = context.keeper.follow();
    let changes = ids.iter().map(|id| Change::EndFault { cluster: cluster.clone(), id: id.clone() });
    done(context.keeper.change(changes.collect()).await)?;
    let left = |world: &World| ids.iter().filter(|id| world.faults.get(*id).is_some_and(|fault| !fault.is_over())).cloned().collect::<Vec<_>>();
    tokio::time::timeout(PATIENCE, snapshots.wait_for(|snapshot| left(&snapshot.world).is_empty())).await.ok();
    match left(&context.keeper.snapshot().world).first() {
        Some(id) => Err(Failure::environment(format!("{id} is being undone, and the engine has not said after {} s that it is", PATIENCE.as_secs()))
            .hint("it goes on; `ecslocal chaos ls` shows when it is over, `ecslocal doctor` whether the engine answers")),
        None => Ok(()),
    }
}

fn find(world: &World, cluster: &ClusterName, named: &str) -> Result<FaultId, Failure> {
    let named = named.strip_prefix("fault-").unwrap_or(named);
    let matches = |fault: &&Fault| fault.cluster == *cluster && fault.id.as_str().trim_start_matches("fault-").starts_with(named);
    match world.faults.values().filter(matches).collect::<Vec<_>>().as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(Failure::input(format!("there is no fault `{named}`")).hint("`ecslocal chaos ls` lists them")),
        several => Err(Failure::input(format!("`{named}` is the beginning of {} faults", several.len())).hint("give more of its id")),
    }
}

/// A service by its name, else a task.
fn scope(world: &World, cluster: &ClusterName, whom: &str, percent: u8) -> Result<FaultScope, Failure> {
    let service = ServiceName::new(whom).ok().map(|name| ServiceKey { cluster: cluster.clone(), name });
    if let Some(key) = service.filter(|key| world.services.contains_key(key)) {
        return Ok(FaultScope::Service { name: key.name, percent });
    }
    let unknown = |failure: Failure| match failure.message.strip_prefix("the referenced task was not found") {
        Some(_) => Failure::input(format!("`{whom}` is neither a service nor a task of the cluster `{cluster}`")).hint("`ecslocal ps` lists both"),
        None => failure,
    };
    let task = find_task(world, cluster, whom).map_err(unknown)?;
    if percent < 100 {
        return Err(Failure::input(format!("`--share` is of a service's tasks, and `{whom}` is one task")));
    }
    Ok(FaultScope::Tasks(vec![task]))
}

/// A new id; two are never asked for at once by chance.
pub(super) fn new_id() -> FaultId {
    Ids::seeded(RandomState::new().hash_one("fault")).fault()
}

fn view(fault: &Fault) -> FaultView {
    FaultView {
        fault_id: fault.id.to_string(),
        kind: fault.kind.word().into(),
        description: fault.kind.words(),
        status: fault.status().into(),
        service_name: fault.service.as_ref().map(ToString::to_string),
        task_ids: fault.struck.iter().map(ToString::to_string).collect(),
        origin: if fault.origin == FaultOrigin::User { "user" } else { "task" }.into(),
        started_at: seconds(fault.started_at),
        until: seconds(fault.until),
        over_at: fault.over_at.map(seconds),
        problem: fault.problem.clone(),
    }
}
