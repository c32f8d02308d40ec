//! The credentials of a task's role (ecs.md 5.5).

use iam::Mint;
use model::{Role, RoleName, Task, TaskDefinition, Timestamp, World};
use wire::metadata::CredentialsAnswer;

use crate::metadata::rfc3339;

/// The role of a task that is made from `definition`, if it has one that a manifest knows.
#[must_use]
pub fn role_of<'w>(world: &'w World, definition: &TaskDefinition) -> Option<(&'w RoleName, &'w Role)> {
    world.roles.get_key_value(definition.task_role.as_ref()?)
}

/// The credentials of a task, as of now by the wall's time; `None` where it has no role.
#[must_use]
pub fn credentials(world: &World, mint: &Mint, (task, definition): (&Task, &TaskDefinition), now: Timestamp) -> Option<CredentialsAnswer> {
    let (name, role) = role_of(world, definition)?;
    let made = mint.credentials(name, role.created_at, task.id.as_str(), now);
    Some(CredentialsAnswer {
        role_arn: world.role_arn(name),
        access_key_id: made.access_key_id,
        secret_access_key: made.secret_access_key,
        token: made.session_token,
        expiration: rfc3339(made.expires_at, false),
    })
}
