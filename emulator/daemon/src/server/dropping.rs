//! A build takes the place of what was synced. Mostly its image is another one, and nothing is to be done. Where it is the same as before, since
//! what was synced was taken back or goes into no image, tasks that run with synced files are replaced.

use model::{Change, DeploymentId, Desired, ServiceKey, TaskDefinition, World};
use wire::local::Failure;

use super::Context;
use super::changes::{ended, refused};
use crate::keeper::Done;
use crate::overlays::Key;

/// What is to go, by service, with the deployment that was the newest before.
#[derive(Debug, Default)]
pub(super) struct Dropping(Vec<(ServiceKey, Option<DeploymentId>, Vec<Key>)>);

impl Dropping {
    /// For the images of a manifest.
    pub(super) async fn of(context: &Context, desired: &Desired) -> Result<Self, Failure> {
        let mut all = Self::default();
        for (name, service) in desired.services.iter().filter(|(_, service)| service.revision.is_none()) {
            let Some(built) = desired.task_definitions.get(&service.task_definition) else { continue };
            let key = ServiceKey { cluster: desired.cluster.clone(), name: name.clone() };
            if let Err(failure) = all.add(context, &key, built).await {
                all.take_back(context).await;
                return Err(failure);
            }
        }
        Ok(all)
    }

    /// For the images of one service.
    pub(super) async fn add(&mut self, context: &Context, service: &ServiceKey, built: &TaskDefinition) -> Result<(), Failure> {
        let newest = newest(&context.keeper.snapshot().world, service);
        let keys = context.overlays.drop_over(service, built).await?;
        if !keys.is_empty() {
            self.0.push((service.clone(), newest, keys));
        }
        Ok(())
    }

    /// Whether nothing is.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The build's changes are applied: replaces what they do not.
    pub(super) async fn finish(self, context: &Context, mut done: Done) -> Result<Done, Failure> {
        for (service, before, keys) in self.0 {
            if newest(&context.keeper.snapshot().world, &service) == before {
                let change = Change::Deploy { service: service.clone(), task_definition: None };
                done.sequence = context.keeper.change(vec![change]).await.ok_or_else(ended)?.map_err(refused)?.sequence;
                done.changes.push(format!("~ service {}: its tasks with synced files are replaced", service.name));
            }
            context.overlays.dropped(&keys, true).await?;
        }
        Ok(done)
    }

    /// Nothing was changed.
    pub(super) async fn take_back(self, context: &Context) {
        for (_, _, keys) in self.0 {
            if let Err(failure) = context.overlays.dropped(&keys, false).await {
                tracing::warn!(
                    problem = failure.message,
                    "synced files are not given to new containers any more; the next build replaces what has them"
                );
            }
        }
    }
}

fn newest(world: &World, service: &ServiceKey) -> Option<DeploymentId> {
    world.services.get(service)?.deployments.first().map(|deployment| deployment.id.clone())
}
