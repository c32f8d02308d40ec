//! FireLens: the folder that a task's log router and Docker's driver share (ecs.md 1.10). `firelens/<task>` of the state folder has the
//! router's configuration and the folder of its socket, and goes with the task.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use engine::{ContainerSpec, EngineError, EngineErrorKind, Mount, MountSource};
use model::firelens::{self, FirelensConfigFile, FirelensMetadata};
use model::{ContainerDefinition, ContainerName, LogDriver, NetworkMode, Task, TaskDefinition, TaskStatus, World};

use crate::keeper::Handle;
use crate::resources::Fetched;
use crate::store;

/// The folder in the state folder.
pub(crate) const FIRELENS: &str = "firelens";

/// The longest path of a socket that Linux takes.
const LONGEST_SOCKET: usize = 107;

/// The folders that it needs of the state folder.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// What is shared with routers.
    pub(crate) shared: PathBuf,
    /// The folder that stands for S3.
    pub(crate) buckets: PathBuf,
}

/// What a router is given when it is made.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    folder: PathBuf,
    config: String,
    /// What is to be there besides.
    external: Option<PathBuf>,
    /// The secret options of each container's logs.
    secrets: Vec<(ContainerName, Vec<String>)>,
}

/// Completes a container of a task with a log router: with where its logs go and where the router is, or with the router's own mounts. The
/// router's folder is then to be made.
///
/// # Errors
/// Why that cannot be on the task's engine.
pub(crate) fn complete(
    (world, folders): (&World, &Folders),
    (task, whole): (&Task, &TaskDefinition),
    definition: &mut ContainerDefinition,
    mounts: &mut Vec<Mount>,
) -> Result<Option<Router>, EngineError> {
    let Some((router, configuration)) = whole.log_router() else { return Ok(None) };
    let folder = folders.shared.join(task.id.as_str());
    let socket = folder.join("socket").join(firelens::SOCKET).to_string_lossy().into_owned();
    if let Some(logs) = definition.log_configuration.as_ref().filter(|logs| logs.driver == LogDriver::Awsfirelens) {
        if socket.len() > LONGEST_SOCKET {
            let message =
                format!("the path of the log router's socket is longer than {LONGEST_SOCKET} bytes: `{socket}`; a shorter `ECSLOCAL_HOME` helps");
            return Err(EngineError::new(EngineErrorKind::Refused, message));
        }
        let told = firelens::driver_configuration(logs, &definition.name, task.id.as_str(), &socket);
        definition.log_configuration = Some(told);
        let host = match whole.network_mode {
            NetworkMode::Awsvpc => Some("127.0.0.1".to_owned()),
            NetworkMode::Bridge => task.container(&router.name).and_then(|router| router.address).map(|address| address.to_string()),
            NetworkMode::Host | NetworkMode::None => None,
        };
        if let Some(host) = host {
            definition.environment.insert("FLUENT_HOST".into(), host);
            definition.environment.insert("FLUENT_PORT".into(), firelens::PORT.to_string());
        }
    }
    if definition.name != router.name {
        return Ok(None);
    }
    let metadata = FirelensMetadata {
        cluster: task.cluster.to_string(),
        task_arn: world.task_arn(task),
        task_definition: task.revision.to_string(),
        instance: world.settings.instance.clone(),
    };
    let mut mount = |source: PathBuf, path: &str| {
        let source = MountSource::Folder(source.to_string_lossy().into_owned());
        mounts.push(Mount { source, container_path: path.to_owned(), read_only: false });
    };
    mount(folder.join("config/fluent.conf"), configuration.kind.config_path());
    mount(folder.join("socket"), firelens::SOCKET_FOLDER);
    let external = match &configuration.config_file {
        Some(FirelensConfigFile::S3 { bucket, key }) => Some(folders.buckets.join(bucket).join(key)),
        Some(FirelensConfigFile::File(_)) | None => None,
    };
    if let Some(path) = &external {
        mount(path.clone(), configuration.kind.external_path());
    }
    let secrets = whole.routed().map(|(name, logs)| (name.clone(), logs.secret_options.keys().cloned().collect())).collect();
    Ok(whole.router_config(&metadata).map(|config| Router { folder, config, external, secrets }))
}

impl Router {
    /// Gives it the secret options of the others, in the variables that its configuration names.
    pub(crate) fn give_secrets(&self, router: &mut ContainerDefinition, fetched: &Fetched) {
        for (name, options) in &self.secrets {
            for option in options {
                let Some(value) = fetched.get(name).and_then(|values| values.option(option)) else { continue };
                router.environment.insert(firelens::secret_variable(option, name), value.expose().to_owned());
            }
        }
    }

    /// Writes the configuration, and makes the folder of the socket, which whoever the router runs as may write to.
    ///
    /// # Errors
    /// What cannot be had.
    pub(crate) async fn prepare(self, spec: &ContainerSpec) -> Result<(), EngineError> {
        let failed =
            |why: String| EngineError::new(EngineErrorKind::Failed, format!("the log router `{}` cannot be configured: {why}", spec.definition.name));
        let missing = self.external.as_ref().filter(|path| !path.is_file());
        if let Some(path) = missing {
            return Err(failed(format!("there is no file `{}`, which stands for the object of S3", path.display())));
        }
        let written = tokio::task::spawn_blocking(move || write(&self.folder, &self.config)).await;
        written.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }
}

fn write(folder: &Path, config: &str) -> io::Result<()> {
    let (configs, socket) = (folder.join("config"), folder.join("socket"));
    std::fs::create_dir_all(&configs)?;
    std::fs::create_dir_all(&socket)?;
    let path = configs.join("fluent.conf");
    store::replace(&path, config.as_bytes(), false)?;
    // Both are behind the state folder, which is this user's alone; in the router's container they may be anybody's.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o777))?;
    }
    Ok(())
}

/// Removes the folders of tasks that are over, now and whenever some end, until the keeper does.
pub(crate) async fn clear(folder: &Path, keeper: &Handle) {
    let mut snapshots = keeper.follow();
    let mut known = None;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let routed = |task: &&Task| world_has_router(&snapshot.world, task) && task.last_status != TaskStatus::Stopped;
        let live: BTreeSet<String> = snapshot.world.tasks.values().filter(routed).map(|task| task.id.to_string()).collect();
        drop(snapshot);
        if known.as_ref() != Some(&live) {
            let (folder, kept) = (folder.to_owned(), live.clone());
            let cleared = tokio::task::spawn_blocking(move || keep_alone(&folder, &kept)).await;
            if let Ok(Err(error)) = cleared {
                tracing::warn!(%error, "what log routers were given could not be removed");
            }
            known = Some(live);
        }
        if snapshots.changed().await.is_err() {
            return;
        }
    }
}

fn world_has_router(world: &World, task: &Task) -> bool {
    world.definition(&task.revision).is_some_and(|definition| definition.log_router().is_some())
}

fn keep_alone(folder: &Path, kept: &BTreeSet<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        if !kept.contains(&*entry.file_name().to_string_lossy()) {
            match std::fs::remove_dir_all(entry.path()) {
                // A router that runs as somebody else made its socket there, which this user may not remove.
                Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
