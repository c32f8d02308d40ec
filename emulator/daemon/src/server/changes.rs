//! Operations that change something. A client that hangs up does not take a change back: it was queued, and the keeper does it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use hyper::Response;
use model::{AttachmentState, Change, ClusterName, Desired, InstanceStatus, Refused, Service, ServiceKey, ServiceStatus, World};
use tokio::sync::mpsc;
use wire::local::{
    AttachRequest, DeregisterInstanceRequest, DetachRequest, DiffReply, DownReply, Failure, InstanceStatusRequest, ScaleRequest, ShutdownReply,
    UpEvent, UpRequest,
};

use super::Context;
use super::answer::{self, Body};
use super::dropping::Dropping;
use super::query::Query;
use super::{repositories, secrets};
use crate::keeper::{Done, Snapshot};
use crate::observer;

/// How long an `up` waits for the end of the cluster that was before.
const LAST_TASKS: Duration = Duration::from_secs(600);

/// How long an engine is waited for that was there before the daemon began. `ssh` says after some seconds that nobody answers.
const FIRST_LISTING: Duration = Duration::from_secs(20);

/// Steps of an `up` that may wait for a slow reader; lines of builds beyond are dropped.
const PROGRESS: usize = 256;

pub(super) fn up(context: Arc<Context>, request: UpRequest) -> Response<Body> {
    with_progress(context, move |context, progress| Box::pin(bring_up(context, request, progress)))
}

/// Something that takes long, owned by the daemon: it goes on when its client hangs up. It changes all or nothing, so it may be cut
/// anywhere by the end of the daemon.
pub(super) fn with_progress<W>(context: Arc<Context>, work: W) -> Response<Body>
where
    W: for<'a> FnOnce(&'a Context, &'a mpsc::Sender<UpEvent>) -> LongWork<'a> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(PROGRESS);
    let ups = context.ups.clone();
    ups.spawn(async move {
        let done = context.ending.run_until_cancelled(work(&context, &sender)).await;
        let last = match done.unwrap_or_else(|| Err(ended())) {
            Ok(()) => UpEvent::Done,
            Err(failure) => UpEvent::Failed { failure },
        };
        // At the end of the daemon a reader that is slow is not waited for.
        match context.ending.run_until_cancelled(sender.reserve()).await {
            Some(Ok(permit)) => permit.send(last),
            Some(Err(_)) => {}
            None => drop(sender.try_send(last)),
        }
    });
    answer::lines(stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }))
}

/// What [`with_progress`] runs.
pub(super) type LongWork<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

async fn bring_up(context: &Context, request: UpRequest, progress: &mpsc::Sender<UpEvent>) -> Result<(), Failure> {
    let result = prepare_and_apply(context, request, progress).await;
    // Whatever came of it: an engine that was only asked whether it is there.
    context.engines.retain(&observer::in_use(&context.keeper.snapshot().world));
    result
}

async fn prepare_and_apply(context: &Context, request: UpRequest, progress: &mpsc::Sender<UpEvent>) -> Result<(), Failure> {
    let mut desired = request.desired;
    wait_for_the_end(context, &desired.cluster, progress).await;
    // What the manifest cannot have is refused before anything is built for it.
    model::diff::changes(&context.keeper.snapshot().world, &desired).map_err(refused)?;
    secrets::preview(context, &desired)?;
    require_engine(context)?;
    require_new_engines(context, &desired).await?;
    wait_for_known_engines(context).await;
    let ports: BTreeSet<u16> = desired.load_balancers.values().flat_map(|balancer| balancer.listeners.keys().copied()).collect();
    if let Some(listeners) = &context.listeners {
        listeners.certificates().check(&desired)?;
        for message in listeners.reserve(&ports)? {
            progress.send(UpEvent::Notice { message }).await.ok();
        }
    }
    let cluster = desired.cluster.clone();
    let before = repositories::of(&context.keeper.snapshot().world, &cluster);
    let images = context.images();
    let resolved = while_read(request.attended, progress, images.resolve(&mut desired, progress)).await;
    let applied = match resolved {
        Ok(()) => {
            let dropping = Dropping::of(context, &desired).await;
            adopt_image_ids(&context.keeper.snapshot().world, &mut desired);
            match dropping {
                Ok(dropping) => dropped(context, dropping, apply(context, desired, progress).await).await,
                Err(failure) => Err(failure),
            }
        }
        Err(failure) => Err(failure),
    };
    if let Some(listeners) = &context.listeners {
        listeners.release(&ports, &context.keeper.snapshot().table.ports());
    }
    tell(applied?, progress).await;
    for message in attached(&context.keeper.snapshot().world, &cluster) {
        progress.send(UpEvent::Notice { message }).await.ok();
    }
    if let Some(message) = repositories::kept(&repositories::let_go(context, before, false).await) {
        progress.send(UpEvent::Notice { message }).await.ok();
    }
    Ok(())
}

/// What no `up` undoes, so that nobody wonders about it.
fn attached(world: &World, cluster: &ClusterName) -> Vec<String> {
    let services = world.services.values().filter(|service| service.cluster == *cluster && service.status == ServiceStatus::Active);
    let told = |service: &Service| {
        let (name, attachment) = (&service.spec.name, service.attachment?);
        let what = if matches!(attachment.state, AttachmentState::Attached { .. }) { "stays" } else { "is" };
        Some(format!("{name} {what} attached to {attachment}; `ecslocal detach {name}` brings its tasks back"))
    };
    services.filter_map(told).collect()
}

/// Builds and pulls; if `attended`, only for as long as somebody reads how far they are.
pub(super) async fn while_read<T>(
    attended: bool,
    progress: &mpsc::Sender<UpEvent>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        result = work => result,
        () = progress.closed(), if attended => Err(Failure::input("nobody waits for this build any more")),
    }
}

/// Applies a manifest: its secrets first, because the tasks that it starts ask for them at once.
async fn apply(context: &Context, mut desired: Desired, progress: &mpsc::Sender<UpEvent>) -> Result<Done, Failure> {
    let brought = secrets::bring(context, &desired).await?;
    let notice = secrets::notice(&context.keeper.snapshot().world, &desired.cluster, &brought.lines);
    // The World has no use for them.
    desired.secrets.clear();
    desired.parameters.clear();
    match context.keeper.up(desired).await.ok_or_else(ended).and_then(|applied| applied.map_err(refused)) {
        Ok(mut done) => {
            done.changes.splice(0..0, brought.lines);
            if let Some(message) = notice {
                progress.send(UpEvent::Notice { message }).await.ok();
            }
            Ok(done)
        }
        Err(failure) => {
            secrets::take_back(context, brought).await;
            Err(failure)
        }
    }
}

/// With what came of the changes that came with a build.
pub(super) async fn dropped(context: &Context, dropping: Dropping, applied: Result<Done, Failure>) -> Result<Done, Failure> {
    match applied {
        Ok(done) => dropping.finish(context, done).await,
        Err(failure) => {
            dropping.take_back(context).await;
            Err(failure)
        }
    }
}

/// Tells what was changed.
pub(super) async fn tell(done: Done, progress: &mpsc::Sender<UpEvent>) {
    let Done { changes, tasks, failures, sequence, unsaved } = done;
    if let Some(model::PlacementFailure { reason, detail, hint, .. }) = failures.first() {
        let (lacking, all) = (failures.len(), failures.len() + tasks.len());
        let message = format!("{lacking} of {all} tasks were not placed: {reason}: {detail}; {hint}");
        progress.send(UpEvent::Notice { message }).await.ok();
    }
    let tasks = tasks.iter().map(ToString::to_string).collect();
    progress.send(UpEvent::Applied { changes, version: sequence, tasks }).await.ok();
    if let Some(message) = unsaved {
        progress.send(UpEvent::Notice { message }).await.ok();
    }
}

/// A cluster that is being taken down is made again once it is gone; the wait has a limit, behind which the change is refused.
async fn wait_for_the_end(context: &Context, cluster: &ClusterName, progress: &mpsc::Sender<UpEvent>) {
    let mut snapshots = context.keeper.follow();
    let ending = |snapshot: &Snapshot| snapshot.world.clusters.get(cluster).is_some_and(|found| found.deleting);
    if !ending(&snapshots.borrow_and_update()) {
        return;
    }
    progress.send(UpEvent::Notice { message: format!("the cluster `{cluster}` is still being taken down: waiting for its end") }).await.ok();
    let gone = async { while ending(&snapshots.borrow_and_update()) && snapshots.changed().await.is_ok() {} };
    tokio::time::timeout(LAST_TASKS, gone).await.ok();
}

pub(super) async fn diff(context: &Context, request: UpRequest) -> Result<Response<Body>, Failure> {
    let snapshot = context.keeper.snapshot();
    let mut desired = request.desired;
    adopt_image_ids(&snapshot.world, &mut desired);
    let changes = model::diff::changes(&snapshot.world, &desired).map_err(refused)?;
    let mut lines = secrets::preview(context, &desired)?;
    lines.extend(changes.iter().map(|change| change.summary(&snapshot.world)));
    Ok(answer::json(&DiffReply { changes: lines }))
}

/// An image that was not asked for is taken to be the one that runs now, or ran last: `diff` builds and pulls nothing, and `up` only
/// what a service runs.
fn adopt_image_ids(world: &World, desired: &mut Desired) {
    for (family, definition) in &mut desired.task_definitions {
        let running = world.services.values().map(|service| &service.revision).find(|revision| revision.family == *family);
        let latest = || world.task_definitions.get(family).and_then(|found| found.revisions.values().next_back());
        let Some(known) = running.and_then(|revision| world.definition(revision)).or_else(latest) else { continue };
        for container in definition.containers.iter_mut().filter(|container| container.image_id.is_none()) {
            let same = known.container(&container.name).filter(|found| found.image == container.image);
            container.image_id = same.and_then(|found| found.image_id.clone());
        }
    }
}

pub(super) async fn down(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let cluster: ClusterName = query.required("cluster")?;
    let before = repositories::of(&context.keeper.snapshot().world, &cluster);
    done(context.keeper.down(cluster.clone()).await)?;
    secrets::let_go(context, cluster).await?;
    let kept = repositories::let_go(context, before, query.get("repositories") == Some("true")).await;
    Ok(answer::json(&DownReply { notice: repositories::kept(&kept), repositories: kept }))
}

pub(super) async fn scale(context: &Context, request: ScaleRequest) -> Result<Response<Body>, Failure> {
    let cluster = request.cluster;
    let changes = request
        .desired_counts
        .into_iter()
        .map(|(name, desired_count)| Change::Scale { service: ServiceKey { cluster: cluster.clone(), name }, desired_count });
    done(context.keeper.change(changes.collect()).await)?;
    Ok(answer::json(&serde_json::json!({})))
}

pub(super) async fn attach(context: &Context, request: AttachRequest) -> Result<Response<Body>, Failure> {
    let AttachRequest { cluster, service: name, port } = request;
    done(context.keeper.change(vec![Change::Attach { service: ServiceKey { cluster, name }, port: port.get() }]).await)?;
    Ok(answer::json(&serde_json::json!({})))
}

pub(super) async fn detach(context: &Context, request: DetachRequest) -> Result<Response<Body>, Failure> {
    let DetachRequest { cluster, service: name } = request;
    done(context.keeper.change(vec![Change::Detach(ServiceKey { cluster, name })]).await)?;
    Ok(answer::json(&serde_json::json!({})))
}

pub(super) async fn instance_status(context: &Context, request: InstanceStatusRequest) -> Result<Response<Body>, Failure> {
    let InstanceStatusRequest { cluster, instance: name, drain } = request;
    let status = if drain { InstanceStatus::Draining } else { InstanceStatus::Active };
    done(context.keeper.change(vec![Change::SetContainerInstanceStatus { cluster, name, status }]).await)?;
    Ok(answer::json(&serde_json::json!({})))
}

pub(super) async fn deregister_instance(context: &Context, request: DeregisterInstanceRequest) -> Result<Response<Body>, Failure> {
    let DeregisterInstanceRequest { cluster, instance: name, force } = request;
    done(context.keeper.change(vec![Change::DeregisterContainerInstance { cluster, name, force }]).await)?;
    Ok(answer::json(&serde_json::json!({})))
}

pub(super) fn shutdown(context: &Context, query: &Query) -> Response<Body> {
    // An `up` that still builds has no cluster yet, and would be cut.
    let idle = || context.ups.is_empty() && context.keeper.snapshot().world.clusters.is_empty();
    let stopping = query.get("force") == Some("true") || idle();
    if stopping {
        context.stop.cancel();
    }
    answer::json(&ShutdownReply { stopping })
}

/// Images are had from the engine only.
pub(super) fn require_engine(context: &Context) -> Result<(), Failure> {
    match context.keeper.snapshot().engine_problem() {
        Some(problem) => {
            Err(Failure::environment(format!("the container engine cannot be reached: {problem}")).hint("`ecslocal doctor` looks into it"))
        }
        None => Ok(()),
    }
}

/// An instance whose engine does not answer is refused while it is new; later, what runs elsewhere goes on without it.
async fn require_new_engines(context: &Context, desired: &Desired) -> Result<(), Failure> {
    let snapshot = context.keeper.snapshot();
    let known: BTreeSet<_> =
        snapshot.world.clusters.values().flat_map(|cluster| cluster.instances.values()).map(|known| &known.spec.engine).collect();
    let new: BTreeMap<_, _> =
        desired.instances.values().filter(|spec| !known.contains(&spec.engine)).map(|spec| (&spec.engine, &spec.name)).collect();
    for (engine, instance) in new.into_iter().filter(|(engine, _)| !engine.is_own()) {
        context.engines.prepare(engine).await.map_err(|error| {
            let (message, hint) = error.message.rsplit_once("\nhint: ").unwrap_or((&error.message, "`docker -H ENDPOINT version` asks it, too"));
            Failure::environment(format!("container instance `{instance}`: {message}")).hint(hint)
        })?;
    }
    Ok(())
}

/// Waits until of each engine it is known what runs there, or that it is away: a daemon that has just begun knows what ran.
async fn wait_for_known_engines(context: &Context) {
    let mut snapshots = context.keeper.follow();
    let known = |snapshot: &Arc<Snapshot>| {
        let mut names = observer::in_use(&snapshot.world).into_iter();
        names.all(|name| snapshot.listed.contains(&name) || snapshot.engine_problems.contains_key(&name))
    };
    tokio::time::timeout(FIRST_LISTING, snapshots.wait_for(known)).await.ok();
}

/// A change that is in effect and could not be saved is told as a failure: it would be lost with the daemon.
pub(super) fn done(result: Option<Result<Done, Refused>>) -> Result<(), Failure> {
    match result.ok_or_else(ended)?.map_err(refused)?.unsaved {
        None => Ok(()),
        Some(problem) => Err(Failure::environment(format!("the change is in effect, but {problem}"))
            .hint("make room there; it is tried again every 2 s, and until then the change would be lost with the daemon")),
    }
}

pub(super) fn refused(refused: Refused) -> Failure {
    let hint = match &refused {
        Refused::NotFound { what: "service", .. } => Some("`ecslocal ps` lists the services"),
        Refused::NotFound { what: "task definition", .. } => Some("`ecslocal up` registers those of the manifest"),
        Refused::NotFound { what: "container instance", .. } => Some("`ecslocal instances` lists them"),
        Refused::NotFound { what: "cluster", .. } => Some("`ecslocal up` makes the cluster of the manifest"),
        Refused::InUse { what: "cluster" | "service name", .. } => Some("try again in a moment; `ecslocal ps --watch` shows what is left"),
        _ => None,
    };
    if let Refused::Exists { owner: Some(owner), .. } = &refused {
        let message = "names of load balancers and target groups are the region's: give it another name, or take that cluster down with";
        return Failure::input(refused.to_string()).hint(format!("{message} `ecslocal down --cluster {owner}`"));
    }
    if let Refused::Unplaced(failure) = &refused {
        return Failure::input(refused.to_string()).hint(&failure.hint);
    }
    let failure = Failure::input(refused.to_string());
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

pub(super) fn ended() -> Failure {
    Failure::environment("the daemon is ending").hint("`ecslocal up` starts it again")
}
