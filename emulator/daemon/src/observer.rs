//! Watches the engine. Its events only wake us: then we look (design, decision 2). We also look every few seconds, and each time
//! the connection comes back, for an event may have been missed.

use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, Engine, EngineError, EngineEvent};
use futures_util::StreamExt as _;
use model::{ContainerId, EngineName, OwnerId, World};

use crate::keeper::{Handle, Input};

/// How often everything is looked at though nothing happened.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The first and the longest pause before the engine is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Watches until the keeper ends.
pub async fn run(engine: Arc<dyn Engine>, owner: OwnerId, clock: Arc<dyn Clock>, keeper: Handle) {
    let mut pause = RETRY.0;
    loop {
        let before = clock.now();
        let error = match watch(engine.as_ref(), &owner, clock.as_ref(), &keeper).await {
            Ok(()) => return,
            Err(error) => error,
        };
        if clock.now().since(before) > RETRY.1 {
            pause = RETRY.0;
        }
        // Said once an outage, not once a try.
        if pause == RETRY.0 {
            tracing::warn!(%error, "lost sight of the container engine");
        }
        if !keeper.tell(Input::EngineLost(error.message)).await {
            return;
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

/// One connection's worth of watching. `Ok` when the keeper has ended.
async fn watch(engine: &dyn Engine, owner: &OwnerId, clock: &dyn Clock, keeper: &Handle) -> Result<(), EngineError> {
    // Subscribe before the first look, so that nothing falls between the two.
    let mut events = engine.watch(owner).await?;
    // It may have been given more or less since the last time.
    let resources = engine.describe().await?.resources;
    if !keeper.tell(Input::Described { engine: EngineName::own(), resources }).await {
        return Ok(());
    }
    loop {
        if !look(engine, owner, keeper).await? {
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
            if !follow(engine, event?, keeper).await? {
                return Ok(());
            }
        }
    }
}

async fn look(engine: &dyn Engine, owner: &OwnerId, keeper: &Handle) -> Result<bool, EngineError> {
    let asked_at = keeper.news();
    let containers = engine.list(owner).await?;
    Ok(keeper.tell(Input::Listing { containers, asked_at }).await)
}

async fn follow(engine: &dyn Engine, event: EngineEvent, keeper: &Handle) -> Result<bool, EngineError> {
    let input = match event {
        // What may be started again is looked at: the news of its end may be older than its next start.
        EngineEvent::Died { id, .. } if may_restart(&keeper.snapshot().world, &id) => return look_at(engine, id, keeper).await,
        EngineEvent::Changed(id) => return look_at(engine, id, keeper).await,
        EngineEvent::Removed(id) => Input::Gone(id),
        // No look first: its target must not get another request. The next look tells the rest, such as when it ended.
        EngineEvent::Died { id, code, out_of_memory } => Input::Died { id, code, out_of_memory },
    };
    Ok(keeper.tell(input).await)
}

async fn look_at(engine: &dyn Engine, id: ContainerId, keeper: &Handle) -> Result<bool, EngineError> {
    let asked_at = keeper.news();
    let input = match engine.inspect(&id).await? {
        Some(seen) => Input::Seen { container: Box::new(seen), asked_at },
        None => Input::Gone(id),
    };
    Ok(keeper.tell(input).await)
}

/// Whether its definition has a restart policy.
fn may_restart(world: &World, id: &ContainerId) -> bool {
    let mut containers = world.tasks.values().flat_map(|task| task.containers.iter().map(move |record| (task, record)));
    let found = containers.find(|(_, record)| record.runtime_id.as_ref() == Some(id));
    let wanted = found.and_then(|(task, record)| world.definition(&task.revision)?.container(&record.name));
    wanted.is_some_and(|wanted| wanted.restart_policy.is_some())
}
