//! `sync` of `up --watch`: files into the containers of a service, without a build.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};
use std::sync::Arc;

use engine::{EngineErrorKind, PutFile};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::Response;
use model::{Change, ContainerName, EngineName, ObservedContainer, RunState, ServiceKey, Task, Timestamp, World};
use wire::local::{Failure, SyncReply, SyncRequest, SyncedFile};

use super::Context;
use super::answer::{self, Body};
use super::changes::{ended, refused};
use crate::keeper::Input;
use crate::overlays::{Key, MAX_BYTES, MAX_FILES};

/// How many containers are given files at once.
const AT_ONCE: usize = 8;

/// A client that hangs up does not leave it half done.
pub(super) async fn sync(context: Arc<Context>, request: SyncRequest) -> Result<Response<Body>, Failure> {
    let ups = context.ups.clone();
    let done = ups.spawn(async move { synchronise(&context, request).await }).await;
    let reply = done.map_err(|error| Failure::environment(format!("the copy broke off: {error}")))??;
    Ok(answer::json(&reply))
}

async fn synchronise(context: &Context, request: SyncRequest) -> Result<SyncReply, Failure> {
    let service = ServiceKey { cluster: request.cluster, name: request.service };
    check(&request.files)?;
    // What comes from here on has the files, so all that are there now are all that lack them.
    let mut held = context.overlays.hold().await?;
    let snapshot = context.keeper.snapshot();
    let key = key(&snapshot.world, &service, request.container)?;
    // Read only now: whoever comes last has what was saved last.
    let files = request.files;
    let files = tokio::task::spawn_blocking(move || read(&files)).await.map_err(|error| Failure::environment(error.to_string()))??;
    held.add(&key, &files).await?;
    let containers = if request.restart { 0 } else { put(context, &snapshot.world, &key, &files).await? };
    drop(held);
    let version = if request.restart {
        let change = Change::Deploy { service, task_definition: None };
        Some(context.keeper.change(vec![change]).await.ok_or_else(ended)?.map_err(refused)?.sequence)
    } else {
        // The views tell of it.
        context.keeper.tell(Input::Stirred).await;
        None
    };
    Ok(SyncReply { containers, version })
}

fn check(files: &[SyncedFile]) -> Result<(), Failure> {
    if files.is_empty() || files.len() > MAX_FILES {
        return Err(Failure::input(format!("1 to {MAX_FILES} files are copied at once, not {}", files.len())).hint("a build has them all"));
    }
    let normal = |path: &str| {
        let mut parts = Path::new(path).components();
        parts.next() == Some(Component::RootDir) && parts.clone().next().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    match files.iter().find(|file| !normal(&file.target)) {
        Some(file) => Err(Failure::input(format!("`{}` is no absolute path of a container", file.target))),
        None => Ok(()),
    }
}

/// What the service runs now.
fn key(world: &World, service: &ServiceKey, container: ContainerName) -> Result<Key, Failure> {
    let found = world.services.get(service);
    let found = found.ok_or_else(|| refused(model::Refused::NotFound { what: "service", name: service.name.to_string() }))?;
    let definition = world.definition(&found.revision).and_then(|definition| definition.container(&container));
    let definition = definition.ok_or_else(|| Failure::input(format!("the service `{}` has no container `{container}`", service.name)))?;
    if definition.readonly_root_filesystem {
        return Err(Failure::input(format!("nothing can be copied into `{container}`: its `readonlyRootFilesystem` is true")));
    }
    let image_id = definition.image_id.clone().filter(|_| definition.build.is_some());
    let image_id = image_id.ok_or_else(|| Failure::input(format!("the image of `{container}` is not built here")).hint("`watch` needs a `build`"))?;
    Ok(Key { service: service.clone(), container, image_id })
}

fn read(files: &[SyncedFile]) -> Result<Vec<PutFile>, Failure> {
    let mut left = MAX_BYTES;
    let mut read = Vec::new();
    for file in files {
        let failed = |why: String| Failure::environment(format!("`{}` cannot be copied: {why}", file.source));
        let opened = File::open(&file.source).map_err(|error| failed(error.to_string()))?;
        let metadata = opened.metadata().map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("it is no file".into()));
        }
        let mut content = Vec::new();
        opened.take(left as u64 + 1).read_to_end(&mut content).map_err(|error| failed(error.to_string()))?;
        left = left.checked_sub(content.len()).ok_or_else(|| failed(format!("more than {} MiB are too many", MAX_BYTES >> 20)))?;
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
        let modified = Timestamp::from_millis(u64::try_from(modified.as_millis()).unwrap_or_default());
        read.push(PutFile { path: file.target.clone(), mode: metadata.permissions().mode() & 0o777, modified, content: content.into() });
    }
    Ok(read)
}

/// Puts the files into all containers that were made from the image and have not ended; says into how many.
async fn put(context: &Context, world: &World, key: &Key, files: &[PutFile]) -> Result<usize, Failure> {
    let owner = &world.settings.owner;
    let mut containers: Vec<(EngineName, ObservedContainer)> = Vec::new();
    let engines: std::collections::BTreeSet<EngineName> = world.tasks_of(&key.service).map(|task| task.engine.clone()).collect();
    let failed = |what: &str, error: &engine::EngineError| {
        Failure::environment(format!("{what}: {}", error.message)).hint("a build has the files for all containers")
    };
    for name in engines {
        let listing = match context.engines.get(&name) {
            Ok(engine) => engine.list(owner).await,
            Err(error) => Err(error),
        };
        let listed = listing.map_err(|error| failed("the containers cannot be listed", &error))?;
        containers.extend(listed.into_iter().filter(|seen| is_meant(world, key, seen)).map(|seen| (name.clone(), seen)));
    }
    let each = stream::iter(containers).map(|(name, seen)| async move {
        let done = match context.engines.get(&name) {
            Ok(engine) => engine.put(&seen.id, files).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => Ok(1),
            // It went away meanwhile.
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(0),
            Err(error) => Err(failed(&format!("the copy into `{}` failed", seen.runtime_name), &error)),
        }
    });
    each.buffer_unordered(AT_ONCE).try_fold(0, |sum, one| std::future::ready(Ok(sum + one))).await
}

fn is_meant(world: &World, key: &Key, seen: &ObservedContainer) -> bool {
    let of_image = |task: &Task| {
        let container = world.definition(&task.revision).and_then(|definition| definition.container(&key.container));
        container.and_then(|container| container.image_id.as_ref()) == Some(&key.image_id)
    };
    let ended = matches!(seen.state, RunState::Exited { .. });
    seen.service.as_ref() == Some(&key.service) && seen.container == key.container && !ended && world.tasks.get(&seen.task).is_some_and(of_image)
}
