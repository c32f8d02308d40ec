//! Repositories that no manifest names any more: those without images go, the others stay until somebody removes them by name.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Response;
use model::{Change, ClusterName, RepositoryName, World};
use registry::Collected;
use wire::local::{CollectReply, CollectRequest, Failure};

use super::Context;
use super::answer::{self, Body};

/// The repositories of a cluster's manifest.
pub(super) fn of(world: &World, cluster: &ClusterName) -> BTreeSet<RepositoryName> {
    let named = world.repositories.iter().filter(|(_, repository)| repository.owner.as_ref() == Some(cluster));
    named.map(|(name, _)| name.clone()).collect()
}

/// Of those that a manifest named `before`, removes the ones that none names now and that hold no images; with `force` also those that
/// do. Gives the ones that stay. Content goes first: where the daemon ends between the two, the repository is there and empty.
pub(super) async fn let_go(context: &Context, before: BTreeSet<RepositoryName>, force: bool) -> Vec<RepositoryName> {
    let snapshot = context.keeper.snapshot();
    let released = |name: &RepositoryName| snapshot.world.repositories.get(name).is_some_and(|repository| repository.owner.is_none());
    let mut kept = Vec::new();
    for name in before.into_iter().filter(released) {
        let (store, gone) = (context.registry.store.clone(), name.clone());
        let removed = tokio::task::spawn_blocking(move || store.remove_repository(&gone, force)).await;
        if !matches!(removed, Ok(Ok(()))) || !matches!(context.keeper.change(vec![Change::DeleteRepository(name.clone())]).await, Some(Ok(_))) {
            kept.push(name);
        }
    }
    kept
}

/// Removes what no repository needs.
pub(super) async fn collect(context: &Context, asked: CollectRequest) -> Result<Response<Body>, Failure> {
    let (store, now, age) = (context.registry.store.clone(), context.clock.now(), Duration::from_secs(asked.older_than_seconds));
    let broken = |why: String| Failure::environment(format!("the registry's garbage could not be removed: {why}"));
    let collected = tokio::task::spawn_blocking(move || store.collect(age, now)).await.map_err(|error| broken(error.to_string()))?;
    let Collected { uploads, blobs, bytes } = collected.map_err(|error| broken(error.to_string()))?;
    Ok(answer::json(&CollectReply { uploads, blobs, bytes }))
}

/// What is said of those that stay.
pub(super) fn kept(names: &[RepositoryName]) -> Option<String> {
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (noun, verb) = if names.len() == 1 { ("the repository", "holds images and stays") } else { ("the repositories", "hold images and stay") };
    (!names.is_empty()).then(|| format!("{noun} {listed} {verb}; `ecslocal ecr rm --force` removes what you do not need"))
}
