//! Operations on deployments and tasks: `deploy`, `rollback`, `continue`, `run`, `protect`, `stop`.

use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use model::{
    Change, ClusterName, ContainerName, ContainerOverride, HookAction, RunTask, ServiceKey, ServiceName, TaskDefinition, TaskDefinitionName, TaskId,
    TaskOverrides, World,
};
use tokio::sync::mpsc;
use wire::local::{DeployRequest, Failure, ProtectRequest, RunTaskRequest, StopTaskRequest, TasksReply, UpEvent, Wanted};

use super::Context;
use super::answer::{self, Body};
use super::changes::{done, dropped, ended, refused, require_engine, tell, while_read, with_progress};
use super::dropping::Dropping;
use super::query::Query;

/// The longest protection: two days (ecs.md 3.12).
const MAX_PROTECTION_MINUTES: u32 = 2880;

pub(super) fn deploy(context: Arc<Context>, request: DeployRequest) -> Response<Body> {
    with_progress(context, move |context, progress| Box::pin(begin_deployment(context, request, progress)))
}

async fn begin_deployment(context: &Context, request: DeployRequest, progress: &mpsc::Sender<UpEvent>) -> Result<(), Failure> {
    let service = ServiceKey { cluster: request.cluster, name: request.service };
    let snapshot = context.keeper.snapshot();
    let found = snapshot.world.services.get(&service);
    let found = found.ok_or_else(|| refused(model::Refused::NotFound { what: "service", name: service.name.to_string() }))?;
    let what = match request.what {
        // The same as before, but with images as they are now (ecs.md 3.9: what a forced deployment is for).
        Wanted::Current => snapshot.world.definition(&found.revision).map_or(Wanted::Current, |known| Wanted::Definition(Box::new(known.clone()))),
        what => what,
    };
    let builds = matches!(what, Wanted::Definition(_));
    let (mut changes, task_definition) = while_read(request.attended, progress, registered(context, &service.cluster, what, progress)).await?;
    let mut dropping = Dropping::default();
    if let Some(built) = deployed(&context.keeper.snapshot().world, &changes, task_definition.as_ref()).filter(|_| builds) {
        dropping.add(context, &service, &built).await?;
    }
    let runs = |world: &World| world.services.get(&service).map(|found| TaskDefinitionName::from(found.revision.clone()));
    if request.unless_current && changes.is_empty() && dropping.is_empty() && runs(&context.keeper.snapshot().world) == task_definition {
        return change(context, Vec::new(), progress).await;
    }
    changes.push(Change::Deploy { service, task_definition });
    let applied = context.keeper.change(changes).await.ok_or_else(ended).and_then(|applied| applied.map_err(refused));
    tell(dropped(context, dropping, applied).await?, progress).await;
    Ok(())
}

/// The task definition that a deployment is of.
fn deployed(world: &World, changes: &[Change], name: Option<&TaskDefinitionName>) -> Option<TaskDefinition> {
    match changes.first() {
        Some(Change::RegisterTaskDefinition { definition, .. }) => Some((**definition).clone()),
        _ => world.definition(&world.resolve(name?).ok()?).cloned(),
    }
}

pub(super) fn run_task(context: Arc<Context>, request: RunTaskRequest) -> Response<Body> {
    with_progress(context, move |context, progress| Box::pin(start_tasks(context, request, progress)))
}

async fn start_tasks(context: &Context, request: RunTaskRequest, progress: &mpsc::Sender<UpEvent>) -> Result<(), Failure> {
    let RunTaskRequest { cluster, what, count, container, command, environment, environment_files, started_by, placement, enable_execute_command } =
        request;
    let (mut changes, task_definition) = registered(context, &cluster, what, progress).await?;
    let task_definition = task_definition.ok_or_else(|| Failure::input("no task definition is named"))?;
    let mut overrides = TaskOverrides::default();
    if command.is_some() || !environment.is_empty() || !environment_files.is_empty() {
        let container = match (container, changes.first()) {
            (Some(container), _) => container,
            (None, Some(Change::RegisterTaskDefinition { definition, .. })) => first_essential(definition)?,
            (None, _) => {
                let world = &context.keeper.snapshot().world;
                let revision = world.resolve(&task_definition).map_err(refused)?;
                world.definition(&revision).ok_or_else(ended).and_then(first_essential)?
            }
        };
        let environment_files = (!environment_files.is_empty()).then_some(environment_files);
        overrides.containers.insert(container, ContainerOverride { command, environment, environment_files, ..ContainerOverride::default() });
    }
    changes.insert(0, Change::CreateCluster(cluster.clone()));
    let run = RunTask { cluster, task_definition, count, overrides, started_by, placement, enable_execute_command, placed: None };
    changes.push(Change::RunTask(Box::new(run)));
    change(context, changes, progress).await
}

fn first_essential(definition: &TaskDefinition) -> Result<ContainerName, Failure> {
    let essential = definition.containers.iter().find(|container| container.essential);
    essential.map(|container| container.name.clone()).ok_or_else(|| Failure::input("the task definition has no essential container"))
}

/// What is to run, by its name, and the changes that register it where it is new.
async fn registered(
    context: &Context,
    cluster: &ClusterName,
    what: Wanted,
    progress: &mpsc::Sender<UpEvent>,
) -> Result<(Vec<Change>, Option<TaskDefinitionName>), Failure> {
    let mut definition = match what {
        Wanted::Current => return Ok((Vec::new(), None)),
        Wanted::Registered(name) => return Ok((Vec::new(), Some(name))),
        Wanted::Definition(definition) => definition,
    };
    require_engine(context)?;
    context.images().resolve_all(&mut [&mut definition], progress).await?;
    let family = definition.family.clone();
    let known = known_revision(&context.keeper.snapshot().world, &definition);
    let name = TaskDefinitionName { family, revision: known };
    let register = Change::RegisterTaskDefinition { cluster: cluster.clone(), definition };
    Ok((known.is_none().then_some(register).into_iter().collect(), Some(name)))
}

/// The latest revision that says the same.
fn known_revision(world: &World, definition: &TaskDefinition) -> Option<u32> {
    let revisions = &world.task_definitions.get(&definition.family)?.revisions;
    revisions.iter().rev().find(|(_, known)| *known == definition).map(|(number, _)| *number)
}

async fn change(context: &Context, changes: Vec<Change>, progress: &mpsc::Sender<UpEvent>) -> Result<(), Failure> {
    let applied = context.keeper.change(changes).await.ok_or_else(ended)?.map_err(refused)?;
    tell(applied, progress).await;
    Ok(())
}

pub(super) async fn rollback(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let (cluster, name): (ClusterName, ServiceName) = (query.required("cluster")?, query.required("service")?);
    done(context.keeper.change(vec![Change::RollBack(ServiceKey { cluster, name })]).await)?;
    Ok(answer::json(&serde_json::json!({})))
}

pub(super) async fn continue_deployment(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let (cluster, name): (ClusterName, ServiceName) = (query.required("cluster")?, query.required("service")?);
    let action = match query.get("action") {
        None | Some("CONTINUE") => HookAction::Continue,
        Some("ROLLBACK") => HookAction::RollBack,
        Some(other) => return Err(Failure::input(format!("`{other}` is neither CONTINUE nor ROLLBACK"))),
    };
    let change = Change::ContinueDeployment { service: ServiceKey { cluster, name }, hook: query.get("hook").map(str::to_owned), action };
    done(context.keeper.change(vec![change]).await)?;
    Ok(answer::json(&serde_json::json!({})))
}

pub(super) async fn protect(context: &Context, request: ProtectRequest) -> Result<Response<Body>, Failure> {
    if request.minutes.is_some_and(|minutes| !(1..=MAX_PROTECTION_MINUTES).contains(&minutes)) {
        return Err(Failure::input(format!("a task is protected for 1 to {MAX_PROTECTION_MINUTES} minutes")));
    }
    let snapshot = context.keeper.snapshot();
    let find = |text: &String| find_task(&snapshot.world, &request.cluster, text);
    let tasks: Vec<TaskId> = request.tasks.iter().map(find).collect::<Result<_, _>>()?;
    let until = request.minutes.map(|minutes| context.clock.now() + Duration::from_secs(60 * u64::from(minutes)));
    let changes = tasks.iter().map(|task| Change::ProtectTask { task: task.clone(), until });
    done(context.keeper.change(changes.collect()).await)?;
    Ok(answer::json(&TasksReply { tasks: tasks.iter().map(ToString::to_string).collect() }))
}

pub(super) async fn stop_task(context: &Context, request: StopTaskRequest) -> Result<Response<Body>, Failure> {
    let snapshot = context.keeper.snapshot();
    let task = find_task(&snapshot.world, &request.cluster, &request.task)?;
    let change = Change::StopTask { task: task.clone(), reason: request.reason };
    done(context.keeper.change(vec![change]).await)?;
    Ok(answer::json(&serde_json::json!({ "task": task.as_str() })))
}

pub(super) fn find_task(world: &World, cluster: &ClusterName, named: &str) -> Result<TaskId, Failure> {
    let asked = named.rsplit('/').next().unwrap_or_default();
    let found: Vec<_> = world.tasks.values().filter(|task| task.cluster == *cluster && task.id.as_str().starts_with(asked)).collect();
    match found.as_slice() {
        [only] => Ok(only.id.clone()),
        // ECS's own sentence for an unknown task (ecs.md 11.5), lower-cased as our messages are.
        [] => Err(Failure::input(format!("the referenced task was not found: `{named}`")).hint("`ecslocal ps` lists the tasks")),
        several => Err(Failure::input(format!("`{named}` is the beginning of {} tasks", several.len())).hint("give more of its id")),
    }
}
