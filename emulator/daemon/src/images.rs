//! The images of a manifest, made or found before anything is changed: a manifest whose image cannot be had changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use engine::{BuildSpec, Clock, Engine, EngineError, EngineErrorKind, Progress};
use model::{Build, ContainerDefinition, Desired, OwnerId, PAUSE_IMAGE, TaskDefinition};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::local::{Failure, UpEvent};

/// How many images are built or pulled at once.
const AT_ONCE: usize = 4;

/// How many last lines of a failed build are shown.
const LOG_LINES: usize = 20;

/// Builds and pulls.
#[derive(Clone)]
pub struct Images {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// For durations.
    pub clock: Arc<dyn Clock>,
    /// Written on what is built.
    pub owner: OwnerId,
}

/// One image to make or to find: equal ones are made once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    image: String,
    build: Option<Recipe>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Recipe {
    context: String,
    dockerfile: String,
    args: BTreeMap<String, String>,
    target: Option<String>,
}

impl Images {
    /// Fills in the engine's id of every image that a service of the manifest runs, telling `progress` how far it is.
    ///
    /// # Errors
    /// The first image that could not be had; the others are let go of.
    pub async fn resolve(&self, desired: &mut Desired, progress: &mpsc::Sender<UpEvent>) -> Result<(), Failure> {
        let services = desired.services.values().filter(|service| service.revision.is_none()).map(|service| service.task_definition.clone());
        let scheduled = desired.scheduled_tasks.values().filter(|one| one.task_definition.revision.is_none());
        let used: Vec<_> = services.chain(scheduled.map(|one| one.task_definition.family.clone())).collect();
        let definitions = desired.task_definitions.iter_mut().filter(|(family, _)| used.contains(family));
        self.resolve_all(&mut definitions.map(|(_, definition)| definition).collect::<Vec<_>>(), progress).await
    }

    /// The same for every image of these task definitions.
    ///
    /// # Errors
    /// Likewise.
    pub async fn resolve_all(&self, definitions: &mut [&mut TaskDefinition], progress: &mpsc::Sender<UpEvent>) -> Result<(), Failure> {
        let mut all: Vec<_> = definitions.iter().flat_map(|definition| definition.containers.iter().map(wanted)).collect();
        all.sort();
        all.dedup();
        let recipes: BTreeMap<String, Recipe> = all.iter().filter_map(|wanted| Some((wanted.image.clone(), wanted.build.clone()?))).collect();
        // An image that one container builds is there for the others that name it.
        let built = |wanted: &Wanted| wanted.build.is_none() && recipes.contains_key(&wanted.image);
        all.retain(|wanted| !built(wanted));
        let ids = self.get_all(all, progress).await?;
        if definitions.iter().any(|definition| definition.pauses().next().is_some()) {
            self.engine.pause_image().await.map_err(|error| cannot_have(PAUSE_IMAGE, &error))?;
        }
        for container in definitions.iter_mut().flat_map(|definition| &mut definition.containers) {
            let mut wanted = wanted(container);
            if built(&wanted) {
                wanted.build = recipes.get(&wanted.image).cloned();
            }
            container.image_id = ids.get(&wanted).cloned();
        }
        Ok(())
    }

    async fn get_all(&self, mut waiting: Vec<Wanted>, progress: &mpsc::Sender<UpEvent>) -> Result<BTreeMap<Wanted, String>, Failure> {
        let mut ids = BTreeMap::new();
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < AT_ONCE {
                let Some(wanted) = waiting.pop() else { break };
                let (images, progress) = (self.clone(), progress.clone());
                under_way.spawn(async move { (images.get(&wanted, progress).await, wanted) });
            }
            match under_way.join_next().await {
                None => return Ok(ids),
                Some(Ok((Ok(id), wanted))) => {
                    ids.insert(wanted, id);
                }
                Some(Ok((Err(failure), _))) => return Err(failure),
                Some(Err(error)) => return Err(Failure::environment(format!("the work on an image broke off: {error}"))),
            }
        }
    }

    async fn get(&self, wanted: &Wanted, progress: mpsc::Sender<UpEvent>) -> Result<String, Failure> {
        let image = wanted.image.clone();
        let Some(recipe) = &wanted.build else {
            let result = self.engine.image(&image, lines(&image, &progress)).await;
            return result.map_err(|error| cannot_have(&image, &error));
        };
        let started = self.clock.now();
        progress.send(UpEvent::Building { image: image.clone() }).await.ok();
        let spec = BuildSpec {
            owner: self.owner.clone(),
            context: PathBuf::from(&recipe.context),
            dockerfile: recipe.dockerfile.clone(),
            args: recipe.args.clone(),
            target: recipe.target.clone(),
            tag: image.clone(),
        };
        let image_id = self.engine.build(&spec, lines(&image, &progress)).await.map_err(|error| cannot_have(&image, &error))?;
        let seconds = self.clock.now().since(started).as_secs_f64();
        progress.send(UpEvent::Built { image, image_id: image_id.clone(), seconds }).await.ok();
        Ok(image_id)
    }
}

fn wanted(container: &ContainerDefinition) -> Wanted {
    let recipe = |Build { context, dockerfile, args, target }: &Build| Recipe {
        context: context.clone(),
        dockerfile: dockerfile.clone(),
        args: args.clone(),
        target: target.clone(),
    };
    Wanted { image: container.image.clone(), build: container.build.as_ref().map(recipe) }
}

/// Lines that nobody takes in time are dropped: progress must not hold up a build.
fn lines(image: &str, progress: &mpsc::Sender<UpEvent>) -> Progress {
    let (image, progress) = (image.to_owned(), progress.clone());
    Progress::new(move |line| drop(progress.try_send(UpEvent::BuildLine { image: image.clone(), line: line.to_owned() })))
}

fn cannot_have(image: &str, error: &EngineError) -> Failure {
    let mut lines = error.message.lines().map(str::to_owned);
    let first = lines.next().unwrap_or_default();
    let mut log: Vec<String> = lines.collect();
    log.drain(..log.len().saturating_sub(LOG_LINES));
    let hint = log.iter().position(|line| line.starts_with("hint: ")).map(|at| log.remove(at)["hint: ".len()..].to_owned());
    let failure = match error.kind {
        EngineErrorKind::Unreachable | EngineErrorKind::Timeout | EngineErrorKind::Failed => {
            Failure::environment(format!("image `{image}`: {first}"))
        }
        _ => Failure::input(format!("image `{image}`: {first}")),
    };
    let failure = failure.log(log);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
