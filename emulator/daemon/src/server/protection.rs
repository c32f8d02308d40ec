//! Whether a task may see and change its own protection: the agent asks ECS with the credentials of the task's role (ecs.md 5.7).

use iam::{Principal, Session, Verified};
use model::{Task, TaskDefinition, World};
use wire::metadata::ProtectionError;

use super::Context;

/// Asks the policies of the task's role.
pub(super) fn may(context: &Context, world: &World, (task, definition): (&Task, &TaskDefinition), operation: &str) -> Result<(), ProtectionError> {
    let (name, role) = agent::role_of(world, definition).ok_or(ProtectionError::NoRole)?;
    let now = context.clock.wall();
    let session =
        Session { role: name.clone(), role_since: role.created_at, name: task.id.to_string(), issued_at: now, expires_at: now + iam::LIFETIME };
    let verified = Verified { session, region: world.settings.region.clone(), service: "ecs".into() };
    let principal = Principal::of(verified, world).map_err(|refusal| ProtectionError::Denied(refusal.to_string()))?;
    let surroundings = principal.surroundings(now, None);
    principal
        .authorise(&format!("ecs:{operation}"), &world.task_arn(task), surroundings)
        .map_err(|denied| ProtectionError::Denied(denied.to_string()))
}
