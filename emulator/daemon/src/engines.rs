//! The engines that tasks run on: the daemon's own, which is there as long as the daemon is, and those that container instances name by
//! their endpoints, which come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{Engine, EngineError, EngineErrorKind, Progress, Verb};
use model::{ContainerId, EngineName, World};

/// How an engine is connected to.
pub trait Dial: Send + Sync + 'static {
    /// Connects to the engine of that name, anew where it was connected before. Fails with `Unreachable`.
    fn dial<'a>(&'a self, engine: &'a EngineName) -> Verb<'a, Arc<dyn Engine>>;
}

/// Engines of Docker's API, wherever they are.
pub(crate) struct Docker(docker::Elsewhere);

impl Docker {
    /// Keeps what tunnels need in that folder; what a daemon left there that was killed is no use to anybody.
    pub(crate) fn new(settings: &docker::Settings, tunnels: PathBuf) -> Self {
        std::fs::remove_dir_all(&tunnels).ok();
        Self(docker::Elsewhere::new(settings.network_pool, tunnels))
    }
}

impl Dial for Docker {
    fn dial<'a>(&'a self, engine: &'a EngineName) -> Verb<'a, Arc<dyn Engine>> {
        Box::pin(async move { Ok(Arc::new(self.0.connect(engine.as_str()).await?) as Arc<dyn Engine>) })
    }
}

/// Knows no engine.
struct Nobody;

impl Dial for Nobody {
    fn dial<'a>(&'a self, engine: &'a EngineName) -> Verb<'a, Arc<dyn Engine>> {
        let message = format!("there is no engine `{}`", engine.as_str());
        Box::pin(async move { Err(EngineError::new(EngineErrorKind::Unreachable, message)) })
    }
}

/// The engines, by name.
pub struct Engines {
    own: Arc<dyn Engine>,
    dial: Box<dyn Dial>,
    others: Mutex<BTreeMap<EngineName, Other>>,
    /// Who connects to an engine waits for whoever does so already.
    turns: Mutex<BTreeMap<EngineName, Arc<tokio::sync::Mutex<()>>>>,
}

/// An engine that is connected.
#[derive(Clone)]
struct Other {
    engine: Arc<dyn Engine>,
    /// What tells it from others, whatever it is called.
    id: String,
    /// Nobody watches it yet.
    fresh: bool,
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engines").field(&self.others().keys()).finish()
    }
}

impl Engines {
    /// The daemon's own engine, and a way to others.
    #[must_use]
    pub fn new(own: Arc<dyn Engine>, dial: Box<dyn Dial>) -> Arc<Self> {
        Arc::new(Self { own, dial, others: Mutex::default(), turns: Mutex::default() })
    }

    /// The daemon's own engine and no other.
    #[must_use]
    pub fn only(own: Arc<dyn Engine>) -> Arc<Self> {
        Self::new(own, Box::new(Nobody))
    }

    /// The daemon's own engine.
    #[must_use]
    pub fn own(&self) -> &Arc<dyn Engine> {
        &self.own
    }

    /// An engine that is connected.
    ///
    /// # Errors
    /// `Unreachable` when it is not.
    pub fn get(&self, name: &EngineName) -> Result<Arc<dyn Engine>, EngineError> {
        if name.is_own() {
            return Ok(self.own.clone());
        }
        let found = self.others().get(name).map(|other| other.engine.clone());
        found.ok_or_else(|| EngineError::new(EngineErrorKind::Unreachable, format!("the engine at `{}` is not connected", name.as_str())))
    }

    /// The engine that a container is on, by what the World says of it.
    ///
    /// # Errors
    /// Likewise.
    pub fn of(&self, world: &World, id: &ContainerId) -> Result<Arc<dyn Engine>, EngineError> {
        if self.others().is_empty() {
            return Ok(self.own.clone());
        }
        let mut tasks = world.tasks.values();
        let found = tasks.find(|task| task.containers.iter().any(|container| container.runtime_id.as_ref() == Some(id)));
        found.map_or_else(|| Ok(self.own.clone()), |task| self.get(&task.engine))
    }

    /// Every engine that is connected, the daemon's own first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<dyn Engine>> {
        let others = self.others();
        std::iter::once(&self.own).chain(others.values().map(|other| &other.engine)).cloned().collect()
    }

    /// Connects to an engine before anything is placed on it.
    ///
    /// # Errors
    /// As [`Engines::connect`].
    pub async fn prepare(&self, name: &EngineName) -> Result<(), EngineError> {
        let turn = self.turn(name);
        let _turn = turn.lock().await;
        if self.get(name).is_err() {
            self.dial(name, true).await?;
        }
        Ok(())
    }

    /// Connects to an engine to watch it, anew if that was done before; the daemon's own is there as it is.
    ///
    /// # Errors
    /// `Unreachable`, also for one that is connected under another name already: each of its containers would be there twice.
    pub async fn connect(&self, name: &EngineName) -> Result<Arc<dyn Engine>, EngineError> {
        if name.is_own() {
            return Ok(self.own.clone());
        }
        let turn = self.turn(name);
        let _turn = turn.lock().await;
        if let Some(other) = self.others().get_mut(name).filter(|other| other.fresh) {
            other.fresh = false;
            return Ok(other.engine.clone());
        }
        self.forget(name);
        self.dial(name, false).await
    }

    async fn dial(&self, name: &EngineName, fresh: bool) -> Result<Arc<dyn Engine>, EngineError> {
        let engine = self.dial.dial(name).await?;
        let id = engine.describe().await?.id;
        let own = self.own.describe().await.is_ok_and(|own| !id.is_empty() && own.id == id);
        let mut others = self.others();
        let same = others.iter().find(|(known, other)| *known != name && !id.is_empty() && other.id == id);
        let known = match same {
            _ if own => Some("the daemon's own, which instances without `endpoint` have".to_owned()),
            Some((known, _)) => Some(format!("the one at `{}`", known.as_str())),
            None => None,
        };
        if let Some(known) = known {
            let message = format!("the engine at `{}` is {known}\nhint: instances may share an engine: give them the same endpoint", name.as_str());
            return Err(EngineError::new(EngineErrorKind::Unreachable, message));
        }
        others.insert(name.clone(), Other { engine: engine.clone(), id, fresh });
        Ok(engine)
    }

    fn turn(&self, name: &EngineName) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default().clone()
    }

    /// Lets go of the engines that are not among these.
    pub fn retain(&self, wanted: &BTreeSet<EngineName>) {
        self.others().retain(|name, _| wanted.contains(name));
    }

    /// Lets go of an engine.
    pub fn forget(&self, name: &EngineName) {
        self.others().remove(name);
    }

    /// The id of an image on an engine. One that is on the daemon's own engine is copied from there rather than pulled, so that what was
    /// built here runs there, and a tag that moves means the same image everywhere.
    ///
    /// # Errors
    /// As [`Engine::image`], [`Engine::export`] and [`Engine::import`].
    pub(crate) async fn image(&self, name: &EngineName, reference: &str, progress: Progress) -> Result<String, EngineError> {
        let engine = self.get(name)?;
        if name.is_own() {
            return engine.image(reference, progress).await;
        }
        if let Some(id) = engine.find_image(reference).await? {
            return Ok(id);
        }
        match self.own.find_image(reference).await? {
            Some(id) => engine.import(self.own.export(&id).await?).await,
            None => engine.image(reference, progress).await,
        }
    }

    fn others(&self) -> std::sync::MutexGuard<'_, BTreeMap<EngineName, Other>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
