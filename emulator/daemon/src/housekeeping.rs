//! What the registry does by itself: lifecycle policies are carried out and garbage is removed, once an hour.

use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use model::Timestamp;
use registry::Store;

use crate::keeper::{Handle, Snapshot};

/// How often. AWS carries policies out within 24 hours; a push does it at once, here.
const PERIOD: Duration = Duration::from_secs(60 * 60);

/// How long what no image needs, and an upload that nobody goes on with, is kept.
pub const GARBAGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps house for as long as the daemon runs.
pub async fn run(store: Arc<Store>, clock: Arc<dyn Clock>, keeper: Handle) {
    loop {
        let (store, snapshot, now) = (store.clone(), keeper.snapshot(), clock.now());
        // It ends by itself; a panic in it was told to the log.
        tokio::task::spawn_blocking(move || keep(&store, &snapshot, now)).await.ok();
        clock.sleep(PERIOD).await;
    }
}

fn keep(store: &Store, snapshot: &Snapshot, now: Timestamp) {
    for (name, repository) in &snapshot.world.repositories {
        if let Some(policy) = &repository.spec.lifecycle_policy {
            store.expire_and_tell(name, policy, now);
        }
    }
    match store.collect(GARBAGE, now) {
        Ok(collected) if collected == registry::Collected::default() => {}
        Ok(registry::Collected { uploads, blobs, bytes }) => tracing::info!(uploads, blobs, bytes, "garbage of the registry was removed"),
        Err(error) => tracing::warn!(%error, "the registry's garbage could not be removed"),
    }
}
