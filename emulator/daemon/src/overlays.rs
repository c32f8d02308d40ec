//! Files that `up --watch` put into the containers of a service without a build: its overlays. Each is over one image, so that a container that
//! comes later from that image (a replacement, one more, a deployment) is given the same files before it starts, and what a build made never is.
//! `synced/<cluster>/<service>/<container>/<image>.json` of the state folder has them; one goes when no deployment has its image any more.

mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use engine::{ContainerSpec, Engine, EngineError, PutFile};
use model::{ContainerId, ContainerName, ServiceKey, TaskDefinition, World};
use tokio::sync::{RwLock, RwLockWriteGuard};
use wire::local::Failure;

use crate::keeper::{Handle, Input};

/// The folder in the state folder.
pub const OVERLAYS: &str = "synced";

/// The most files of an overlay.
pub(crate) const MAX_FILES: usize = 1000;

/// The most bytes of an overlay: all of it is in memory, and goes into each new container.
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// How long containers that are being made are waited for, before files are put into all.
const IN_THE_MAKING: Duration = Duration::from_secs(10);

/// What an overlay is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Whose containers.
    pub service: ServiceKey,
    /// Which of its task's.
    pub container: ContainerName,
    /// From which image, by the engine's id.
    pub image_id: String,
}

/// The files over one image, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Overlay {
    files: BTreeMap<String, PutFile>,
    /// A build made the same image again, without these files: what comes is not given them, what runs is about to be replaced.
    dropped: bool,
}

/// All overlays. Whoever makes a container holds them for reading, and whoever puts files into all that there are for writing: so none is missed.
#[derive(Debug, Default)]
pub struct Overlays {
    /// None in tests without a state folder.
    folder: Option<PathBuf>,
    kept: RwLock<BTreeMap<Key, Overlay>>,
}

/// All overlays, while no container is being made.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    overlays: &'a Overlays,
    kept: RwLockWriteGuard<'a, BTreeMap<Key, Overlay>>,
}

impl Overlays {
    /// Those of a state folder. One that cannot be read is told to the log.
    #[must_use]
    pub fn open(state_folder: &std::path::Path) -> Self {
        let folder = state_folder.join(OVERLAYS);
        let kept = written::read_all(&folder);
        Self { folder: Some(folder), kept: RwLock::new(kept) }
    }

    /// Creates a container, and gives it what is synced over its image.
    pub(crate) async fn create(&self, engine: &dyn Engine, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let Some(key) = Key::of(spec) else { return engine.create(spec).await };
        let kept = self.kept.read().await;
        let id = engine.create(spec).await?;
        if let Some(overlay) = kept.get(&key).filter(|overlay| !overlay.dropped) {
            let files: Vec<PutFile> = overlay.files.values().cloned().collect();
            engine.put(&id, &files).await?;
        }
        Ok(id)
    }

    /// Waits until no container is being made, and lets none be made until the value is dropped.
    pub(crate) async fn hold(&self) -> Result<Held<'_>, Failure> {
        let kept = tokio::time::timeout(IN_THE_MAKING, self.kept.write()).await;
        let kept =
            kept.map_err(|_| Failure::environment("containers that are being made did not get ready in time").hint("the next save tries again"))?;
        Ok(Held { overlays: self, kept })
    }

    /// How many files are synced over what.
    pub(crate) async fn counts(&self) -> BTreeMap<Key, usize> {
        self.kept.read().await.iter().map(|(key, overlay)| (key.clone(), overlay.files.len())).collect()
    }

    /// A build has made these images for a service. What is synced over the very same is not in them, and new containers are not given it from
    /// now on; says what that is.
    pub(crate) async fn drop_over(&self, service: &ServiceKey, built: &TaskDefinition) -> Result<Vec<Key>, Failure> {
        let images = built.containers.iter().filter(|container| container.build.is_some());
        let images: Vec<_> = images.filter_map(|container| Some((&container.name, container.image_id.as_ref()?))).collect();
        let meant = |key: &Key| key.service == *service && images.contains(&(&key.container, &key.image_id));
        // Mostly there is none, and nobody need wait.
        let keys: Vec<Key> = self.kept.read().await.keys().filter(|key| meant(key)).cloned().collect();
        if !keys.is_empty() {
            self.hold().await?.mark(&keys, true).await?;
        }
        Ok(keys)
    }

    /// The deployment that replaces what runs with them is begun, or it is not to be.
    pub(crate) async fn dropped(&self, keys: &[Key], begun: bool) -> Result<(), Failure> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut held = self.hold().await?;
        if begun { held.remove(|key| keys.contains(key)).await } else { held.mark(keys, false).await }
    }

    /// Removes those that no deployment has the image of, now and whenever one ends, until the keeper does.
    pub async fn clear(&self, keeper: &Handle) {
        let mut snapshots = keeper.follow();
        loop {
            let live = live(&snapshots.borrow_and_update().world);
            let is_over = |key: &Key| !live.contains(key);
            if self.kept.read().await.keys().any(is_over)
                && let Ok(mut held) = self.hold().await
            {
                // As it is while nobody adds any.
                let live = self::live(&keeper.snapshot().world);
                if let Err(failure) = held.remove(|key| !live.contains(key)).await {
                    tracing::warn!(problem = failure.message, "synced files could not be removed");
                }
                drop(held);
                // The views tell of it.
                keeper.tell(Input::Stirred).await;
            }
            if snapshots.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Held<'_> {
    /// Adds files to an overlay, which is kept before anything is done with it.
    ///
    /// # Errors
    /// It would be too large, cannot be written, or is being dropped.
    pub(crate) async fn add(&mut self, key: &Key, files: &[PutFile]) -> Result<(), Failure> {
        let mut overlay = self.kept.get(key).cloned().unwrap_or_default();
        if overlay.dropped {
            return Err(Failure::input("a build takes the place of what was synced").hint("a build has the files as well"));
        }
        overlay.files.extend(files.iter().map(|file| (file.path.clone(), file.clone())));
        let bytes: usize = overlay.files.values().map(|file| file.content.len()).sum();
        if overlay.files.len() > MAX_FILES || bytes > MAX_BYTES {
            let message = format!("{} files with {} KiB are too many to be synced over an image", overlay.files.len(), bytes >> 10);
            return Err(Failure::input(message).hint(format!("at most {MAX_FILES} files and {} MiB; a build has them all", MAX_BYTES >> 20)));
        }
        self.put(key, overlay).await
    }

    async fn put(&mut self, key: &Key, overlay: Overlay) -> Result<(), Failure> {
        if let Some(folder) = self.overlays.folder.clone() {
            let (key, overlay) = (key.clone(), overlay.clone());
            on_disk(move || written::write(&folder, &key, &overlay)).await?;
        }
        self.kept.insert(key.clone(), overlay);
        Ok(())
    }

    async fn mark(&mut self, keys: &[Key], dropped: bool) -> Result<(), Failure> {
        for key in keys {
            if let Some(overlay) = self.kept.get(key).cloned() {
                self.put(key, Overlay { dropped, ..overlay }).await?;
            }
        }
        Ok(())
    }

    async fn remove(&mut self, is_over: impl Fn(&Key) -> bool) -> Result<(), Failure> {
        let keys: Vec<Key> = self.kept.keys().filter(|key| is_over(key)).cloned().collect();
        for key in keys {
            if let Some(folder) = self.overlays.folder.clone() {
                let over = key.clone();
                on_disk(move || written::remove(&folder, &over)).await?;
            }
            self.kept.remove(&key);
        }
        Ok(())
    }
}

impl Key {
    /// Of a container of a service that was built.
    fn of(spec: &ContainerSpec) -> Option<Self> {
        Some(Self { service: spec.service.clone()?, container: spec.definition.name.clone(), image_id: spec.definition.image_id.clone()? })
    }
}

/// Whatever a container of a deployment may be made from.
fn live(world: &World) -> BTreeSet<Key> {
    let deployed = world.services.iter().flat_map(|(key, service)| service.deployments.iter().map(move |deployment| (key, &deployment.revision)));
    let of = |(service, revision): (&ServiceKey, _)| {
        let containers = world.definition(revision).map(|definition| definition.containers.as_slice()).unwrap_or_default();
        let key =
            |image_id: &String, container: &ContainerName| Key { service: service.clone(), container: container.clone(), image_id: image_id.clone() };
        containers.iter().filter_map(|container| Some(key(container.image_id.as_ref()?, &container.name))).collect::<Vec<_>>()
    };
    deployed.flat_map(of).collect()
}

async fn on_disk(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<(), Failure> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string()).and_then(|done| done.map_err(|error| error.to_string()));
    done.map_err(|why| Failure::environment(format!("synced files cannot be kept in the state folder: {why}")).hint("make room there"))
}

#[cfg(test)]
mod tests;
