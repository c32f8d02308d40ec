//! Work for the engine: each piece runs as a task of its own, a few at a time, and comes back as a fact.

use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, ContainerSpec, Engine, EngineError, EngineErrorKind, NetworkSpec, Progress};
use model::{ContainerFailure, ContainerFailureKind as Kind, ContainerName, Fact, TaskId, World};
use scheduler::Work;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many verbs the engine is given at once (engine-facts 8, performance.md: beyond eight Docker gets no faster).
const AT_ONCE: usize = 8;

/// How long a piece of work rests after a failure that says nothing about it (the engine is away, or slow), before it is planned again.
const REST: Duration = Duration::from_secs(1);

/// The pieces of work under way.
#[derive(Debug)]
pub struct Effects {
    engine: EngineHandle,
    clock: ClockHandle,
    slots: Arc<Semaphore>,
    under_way: JoinSet<Finished>,
}

/// A piece of work that ended.
#[derive(Debug)]
pub struct Finished {
    /// The work.
    pub work: Work,
    /// What it found out; nothing when it says nothing about its object and is to be planned again.
    pub fact: Option<Fact>,
}

/// What a piece of work needs from the World, taken when it starts.
enum Order {
    Image {
        reference: String,
    },
    Create(Box<ContainerSpec>),
    Start,
    Stop {
        grace: Duration,
    },
    Remove,
    RemoveNetwork(NetworkSpec),
    /// Its object is gone from the World: nothing to do.
    Void,
}

impl Effects {
    /// Nothing under way.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>) -> Self {
        Self { engine: EngineHandle(engine), clock: ClockHandle(clock), slots: Arc::new(Semaphore::new(AT_ONCE)), under_way: JoinSet::new() }
    }

    /// Begins a piece of work with what the World says now.
    pub fn start(&mut self, world: &World, work: Work) {
        let order = order(world, &work);
        let (engine, clock, slots) = (self.engine.0.clone(), self.clock.0.clone(), self.slots.clone());
        self.under_way.spawn(async move {
            // The semaphore is never closed, so a permit always comes.
            let permit = slots.acquire_owned().await;
            let result = execute(engine.as_ref(), &work, order).await;
            drop(permit);
            let fact = match result {
                Ok(fact) => fact,
                Err(error) => {
                    let fact = failure(&work, &error);
                    if fact.is_none() {
                        tracing::warn!(?work, %error, "the engine did not do its work; it is tried again");
                        clock.sleep(REST).await;
                    }
                    fact
                }
            };
            Finished { work, fact }
        });
    }

    /// The next piece of work that ends; `None` when nothing is under way.
    pub async fn next(&mut self) -> Option<Finished> {
        loop {
            match self.under_way.join_next().await? {
                Ok(finished) => return Some(finished),
                // A panic in an engine is its room's fault; the work stays in `busy` rather than be tried in a circle.
                Err(error) => tracing::error!(%error, "a piece of work broke off"),
            }
        }
    }

    /// The same without waiting.
    pub fn try_next(&mut self) -> Option<Finished> {
        loop {
            match self.under_way.try_join_next()? {
                Ok(finished) => return Some(finished),
                Err(error) => tracing::error!(%error, "a piece of work broke off"),
            }
        }
    }

    /// Gives what is under way a moment to end, then lets go of it: each verb may be called again later.
    pub async fn finish(&mut self) {
        let end = self.clock.0.sleep(Duration::from_secs(5));
        tokio::select! {
            () = async { while self.under_way.join_next().await.is_some() {} } => {}
            () = end => self.under_way.abort_all(),
        }
    }
}

fn order(world: &World, work: &Work) -> Order {
    let found = |task: &TaskId, container: &ContainerName| {
        let task = world.tasks.get(task)?;
        Some((task, task.container(container)?, world.definition(&task.revision)?.container(container)?))
    };
    match work {
        Work::PrepareImage { task, container } => found(task, container).map_or(Order::Void, |(_, _, definition)| Order::Image {
            reference: definition.image_id.clone().unwrap_or_else(|| definition.image.clone()),
        }),
        Work::Create { task, container } => found(task, container).map_or(Order::Void, |(task, record, definition)| {
            let owner = world.settings.owner.clone();
            let service = task.service_key();
            Order::Create(Box::new(ContainerSpec {
                network: NetworkSpec {
                    owner: owner.clone(),
                    // Every task of today belongs to a service; one that runs by itself would get a network of its own.
                    service: service.clone().unwrap_or_else(|| lone(task)),
                },
                owner,
                cluster: task.cluster.clone(),
                service,
                task: task.id.clone(),
                task_arn: world.task_arn(task),
                revision: task.revision.clone(),
                runtime_name: record.runtime_name.clone(),
                image_id: record.image_id.clone().unwrap_or_else(|| definition.image.clone()),
                definition: definition.clone(),
            }))
        }),
        Work::Start { .. } => Order::Start,
        Work::Stop { grace, .. } => Order::Stop { grace: *grace },
        Work::Remove { .. } => Order::Remove,
        Work::RemoveNetwork(service) => Order::RemoveNetwork(NetworkSpec { owner: world.settings.owner.clone(), service: service.clone() }),
    }
}

fn lone(task: &model::Task) -> model::ServiceKey {
    let name = model::ServiceName::new(task.revision.family.as_str()).unwrap_or_else(|_| unreachable!("a family obeys the rule of a service name"));
    model::ServiceKey { cluster: task.cluster.clone(), name }
}

async fn execute(engine: &dyn Engine, work: &Work, order: Order) -> Result<Option<Fact>, EngineError> {
    let (task, container) = match work {
        Work::PrepareImage { task, container } | Work::Create { task, container } | Work::Start { task, container, .. } => {
            (Some(task.clone()), Some(container.clone()))
        }
        Work::Stop { .. } | Work::Remove { .. } | Work::RemoveNetwork(_) => (None, None),
    };
    Ok(match (work, order) {
        (Work::PrepareImage { .. }, Order::Image { reference }) => {
            let image_id = engine.image(&reference, Progress::none()).await?;
            task.zip(container).map(|(task, container)| Fact::ImageReady { task, container, image_id })
        }
        (Work::Create { .. }, Order::Create(spec)) => {
            let id = engine.create(&spec).await?;
            task.zip(container).map(|(task, container)| Fact::Created { task, container, id })
        }
        (Work::Start { id, .. }, _) => Some(Fact::Seen(engine.start(id).await?)),
        (Work::Stop { id, .. }, Order::Stop { grace }) => {
            engine.stop(id, grace).await?;
            Some(engine.inspect(id).await?.map_or_else(|| Fact::Removed(id.clone()), Fact::Seen))
        }
        (Work::Remove { id }, _) => {
            engine.remove(id).await?;
            Some(Fact::Removed(id.clone()))
        }
        (Work::RemoveNetwork(service), Order::RemoveNetwork(spec)) => {
            engine.remove_network(&spec).await?;
            Some(Fact::NetworkRemoved(service.clone()))
        }
        _ => None,
    })
}

/// What a failure says about a container, in the agent's words (ecs.md 2.2); nothing when it only says that the engine is away.
fn failure(work: &Work, error: &EngineError) -> Option<Fact> {
    let (task, container, kind) = match work {
        Work::PrepareImage { task, container } => (task, container, Kind::CannotPullContainerError),
        Work::Create { task, container } => (task, container, Kind::CannotCreateContainerError),
        Work::Start { task, container, .. } => (task, container, Kind::CannotStartContainerError),
        Work::Stop { .. } | Work::Remove { .. } | Work::RemoveNetwork(_) => return None,
    };
    let kind = match error.kind {
        EngineErrorKind::Unreachable => return None,
        EngineErrorKind::Timeout => Kind::DockerTimeoutError,
        _ => kind,
    };
    Some(Fact::Failed { task: task.clone(), container: container.clone(), failure: ContainerFailure::new(kind, &error.message) })
}

struct EngineHandle(Arc<dyn Engine>);
struct ClockHandle(Arc<dyn Clock>);

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl std::fmt::Debug for ClockHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
