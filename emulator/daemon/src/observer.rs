//! Watches the engines. Their events only wake us: then we look (design, decision 2). We also look every few seconds, and each time
//! the connection comes back, for an event may have been missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, Engine, EngineError, EngineEvent, NetworkSpec};
use futures_util::StreamExt as _;
use model::{ContainerId, EngineName, OwnerId, ServiceKey, World};
use tokio::task::{AbortHandle, JoinSet};

use crate::engines::Engines;
use crate::keeper::{Handle, Input};
use crate::supervise::supervise;

/// How often everything is looked at though nothing happened.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The first and the longest pause before the engine is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Watches every engine that is in use, until the keeper ends.
pub async fn run(engines: Arc<Engines>, owner: OwnerId, clock: Arc<dyn Clock>, keeper: Handle) {
    let mut snapshots = keeper.follow();
    let mut observers = JoinSet::new();
    let mut known: BTreeMap<EngineName, AbortHandle> = BTreeMap::new();
    loop {
        let wanted = in_use(&snapshots.borrow_and_update().world);
        let left: Vec<_> = known.keys().filter(|name| !wanted.contains(*name)).cloned().collect();
        for name in left {
            if let Some(observer) = known.remove(&name) {
                observer.abort();
                // It may be about to say that the engine is connected.
                while !observer.is_finished() {
                    tokio::task::yield_now().await;
                }
            }
            engines.forget(&name);
            if !keeper.tell(Input::EngineForgotten(name)).await {
                return;
            }
        }
        for name in wanted {
            known.entry(name).or_insert_with_key(|name| {
                let (engines, name, owner, clock, keeper) = (engines.clone(), name.clone(), owner.clone(), clock.clone(), keeper.clone());
                observers.spawn(async move {
                    let observe = || observe(&engines, &name, &owner, &clock, &keeper);
                    supervise("watch over an engine", clock.as_ref(), observe).await;
                })
            });
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            // One ends by itself with the keeper only.
            Some(ended) = observers.join_next() => if ended.is_ok() { return },
        }
    }
}

/// The engines of instances, and of tasks whose instance has another by now.
pub(crate) fn in_use(world: &World) -> BTreeSet<EngineName> {
    let instances = world.clusters.values().flat_map(|cluster| cluster.instances.values()).map(|instance| &instance.spec.engine);
    let tasks = world.tasks.values().map(|task| &task.engine);
    instances.chain(tasks).filter(|name| !name.is_own()).cloned().chain([EngineName::own()]).collect()
}

/// Watches one engine until the keeper ends.
async fn observe(engines: &Engines, name: &EngineName, owner: &OwnerId, clock: &Arc<dyn Clock>, keeper: &Handle) {
    let mut pause = RETRY.0;
    loop {
        let before = clock.now();
        let error = match connect_and_watch(engines, (name, owner), clock.as_ref(), keeper).await {
            Ok(()) => return,
            Err(error) => error,
        };
        if clock.now().since(before) > RETRY.1 {
            pause = RETRY.0;
        }
        // Said once an outage, not once a try.
        if pause == RETRY.0 {
            tracing::warn!(engine = name.as_str(), %error, "lost sight of the container engine");
        }
        if !keeper.tell(Input::EngineLost { engine: name.clone(), problem: error.message }).await {
            return;
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

async fn connect_and_watch(engines: &Engines, (name, owner): (&EngineName, &OwnerId), clock: &dyn Clock, keeper: &Handle) -> Result<(), EngineError> {
    let engine = engines.connect(name).await?;
    let view = Observer { engine: engine.as_ref(), name, owner, keeper };
    view.watch(clock).await
}

/// Sees one engine, by one connection.
struct Observer<'a> {
    engine: &'a dyn Engine,
    name: &'a EngineName,
    owner: &'a OwnerId,
    keeper: &'a Handle,
}

impl Observer<'_> {
    /// One connection's worth of watching. `Ok` when the keeper has ended.
    async fn watch(&self, clock: &dyn Clock) -> Result<(), EngineError> {
        // Subscribe before the first look, so that nothing falls between the two.
        let mut events = self.engine.watch(self.owner).await?;
        // It may have been given more or less since the last time.
        let resources = self.engine.describe().await?.resources;
        if !self.keeper.tell(Input::Described { engine: self.name.clone(), resources }).await {
            return Ok(());
        }
        self.clear().await?;
        loop {
            if !self.look().await? {
                return Ok(());
            }
            let next_look = clock.sleep(LOOK_EVERY);
            tokio::pin!(next_look);
            loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    () = &mut next_look => break,
                };
                let Some(event) = event else {
                    return Err(EngineError::new(engine::EngineErrorKind::Unreachable, "the engine ended its stream of events"));
                };
                if !self.follow(event?).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Removes the networks of services that were deleted while this engine was away; the daemon's own is waited for.
    async fn clear(&self) -> Result<(), EngineError> {
        if self.name.is_own() {
            return Ok(());
        }
        let networks = self.engine.networks(self.owner).await?;
        // The World after the question: what has come since then is in it.
        let known = self.keeper.snapshot();
        let used = |key: &ServiceKey| known.world.services.contains_key(key) || known.world.tasks.values().any(|task| task.network() == *key);
        for service in networks.into_iter().filter(|service| !used(service)) {
            let network = NetworkSpec { owner: self.owner.clone(), service };
            if let Err(error) = self.engine.remove_network(&network).await {
                // Containers that nobody knows may be in it until the first look has led to their end.
                tracing::debug!(engine = self.name.as_str(), %error, "a network that nobody uses is still there");
            }
        }
        Ok(())
    }

    async fn look(&self) -> Result<bool, EngineError> {
        let asked_at = self.keeper.news();
        let mut containers = self.engine.list(self.owner).await?;
        containers.iter_mut().for_each(|seen| seen.engine = self.name.clone());
        Ok(self.keeper.tell(Input::Listing { engine: self.name.clone(), containers, asked_at }).await)
    }

    async fn follow(&self, event: EngineEvent) -> Result<bool, EngineError> {
        let input = match event {
            // What may be started again is looked at: the news of its end may be older than its next start.
            EngineEvent::Died { id, .. } if may_restart(&self.keeper.snapshot().world, &id) => return self.look_at(id).await,
            EngineEvent::Changed(id) => return self.look_at(id).await,
            EngineEvent::Removed(id) => Input::Gone(id),
            // No look first: its target must not get another request. The next look tells the rest, such as when it ended.
            EngineEvent::Died { id, code, out_of_memory } => Input::Died { id, code, out_of_memory },
        };
        Ok(self.keeper.tell(input).await)
    }

    async fn look_at(&self, id: ContainerId) -> Result<bool, EngineError> {
        let asked_at = self.keeper.news();
        let input = match self.engine.inspect(&id).await? {
            Some(mut seen) => {
                seen.engine = self.name.clone();
                Input::Seen { container: Box::new(seen), asked_at }
            }
            None => Input::Gone(id),
        };
        Ok(self.keeper.tell(input).await)
    }
}

/// Whether its definition has a restart policy.
fn may_restart(world: &World, id: &ContainerId) -> bool {
    let mut containers = world.tasks.values().flat_map(|task| task.containers.iter().map(move |record| (task, record)));
    let found = containers.find(|(_, record)| record.runtime_id.as_ref() == Some(id));
    let wanted = found.and_then(|(task, record)| world.definition(&task.revision)?.container(&record.name));
    wanted.is_some_and(|wanted| wanted.restart_policy.is_some())
}
