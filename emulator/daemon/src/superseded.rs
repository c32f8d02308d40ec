//! Images that later builds have superseded are removed, but for those that something runs or could go back to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, Engine};
use model::{Revision, TaskStatus, Timestamp, World};

use crate::keeper::Handle;

/// How often is looked.
const PERIOD: Duration = Duration::from_secs(10 * 60);

/// How old an image must be: one that was just built may still be on its way into a task definition.
const AGE: Duration = Duration::from_secs(10 * 60);

/// Looks for as long as the daemon runs, at its start first.
pub(crate) async fn run(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>, keeper: Handle) {
    loop {
        let snapshot = keeper.snapshot();
        let older_than = Timestamp::from_millis(clock.now().as_millis().saturating_sub(u64::try_from(AGE.as_millis()).unwrap_or(u64::MAX)));
        match engine.remove_superseded(&snapshot.world.settings.owner, &kept(&snapshot.world), older_than).await {
            Ok(0) => {}
            Ok(images) => tracing::info!(images, "images that later builds have superseded were removed"),
            // Of an engine that is away others tell.
            Err(error) => tracing::debug!(%error, "superseded images were not removed"),
        }
        clock.sleep(PERIOD).await;
    }
}

/// The images of everything that runs, that a rollback or the circuit breaker goes back to, and that the last deployments of each service ran:
/// by the engine's ids.
fn kept(world: &World) -> BTreeSet<String> {
    let mut revisions: BTreeSet<Revision> = BTreeSet::new();
    for service in world.services.values() {
        revisions.insert(service.revision.clone());
        revisions.extend(service.deployments.iter().chain(&service.completed).map(|deployment| deployment.revision.clone()));
        revisions.extend(service.history.iter().flat_map(|known| std::iter::once(&known.revision).chain(&known.source)).cloned());
    }
    let live = world.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped);
    revisions.extend(live.map(|task| task.revision.clone()));
    // What a scheduled task or `run` starts by the family's name alone.
    let newest = world.task_definitions.values().filter_map(|family| family.revisions.values().next_back());
    let definitions = revisions.iter().filter_map(|revision| world.definition(revision)).chain(newest);
    definitions.flat_map(|definition| &definition.containers).filter_map(|container| container.image_id.clone()).collect()
}

#[cfg(test)]
mod tests;
