//! Whose request it is: of the container whose id is in the path, if it comes from where that container is.

use std::net::IpAddr;

use iam::Mint;
use model::{Container, ContainerName, NetworkMode, ServiceKey, Task, TaskDefinition, TaskStatus, World};

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The network of a service, or of a task that runs by itself, and the address there.
    Network(ServiceKey, IpAddr),
    /// The host's own network, which all tasks in `host` mode share: there the id alone tells who it is.
    Host,
}

/// Which id is in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// A container's own.
    Container(&'a str),
    /// That of the credentials of a task.
    Credentials(&'a str),
}

/// What there is of an id.
#[derive(Clone, Copy, Debug)]
pub enum Found<'w> {
    /// The task, and the container whose id it is.
    Task {
        /// The task.
        task: &'w Task,
        /// What it was made from.
        definition: &'w TaskDefinition,
        /// The container; `None` for credentials, which are all the task's.
        container: Option<&'w Container>,
    },
    /// The id is right, the address is not that of the container as it was seen last. It may have started a moment ago: ask again.
    NotYet,
    /// There is nothing of that id where the request comes from.
    Nobody,
}

/// The id of a container in the paths of its endpoints, one of its own for each (ecs.md 1.9).
pub(crate) fn container_id(mint: &Mint, task: &Task, container: &ContainerName) -> String {
    mint.uuid("container", &format!("{}/{container}", task.id))
}

/// The id of a task's credentials, the same for all its containers.
pub(crate) fn credentials_id(mint: &Mint, task: &Task) -> String {
    mint.uuid("credentials", task.id.as_str())
}

/// Whose request it is.
#[must_use]
pub fn find<'w>(world: &'w World, mint: &Mint, source: &Source, whose: Whose<'_>) -> Found<'w> {
    for task in world.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped) {
        let Some(definition) = world.definition(&task.revision).filter(|definition| may_be(task, definition, source)) else { continue };
        let container = match whose {
            Whose::Container(id) => {
                let found = task.containers.iter().find(|container| !container.name.is_pause() && container_id(mint, task, &container.name) == id);
                let Some(found) = found else { continue };
                Some(found)
            }
            Whose::Credentials(id) if credentials_id(mint, task) == id => None,
            Whose::Credentials(_) => continue,
        };
        return if is_there(task, container, source) { Found::Task { task, definition, container } } else { Found::NotYet };
    }
    Found::Nobody
}

fn may_be(task: &Task, definition: &TaskDefinition, source: &Source) -> bool {
    match (source, definition.network_mode) {
        (Source::Host, NetworkMode::Host) => true,
        (Source::Network(network, _), NetworkMode::Bridge | NetworkMode::Awsvpc) => task.network() == *network,
        _ => false,
    }
}

/// The containers of a task in `awsvpc` mode have the address of its pause.
fn is_there(task: &Task, container: Option<&Container>, source: &Source) -> bool {
    let Source::Network(_, address) = source else { return true };
    match (task.pause(), container) {
        (Some(pause), _) => pause.address == Some(*address),
        (None, Some(container)) => container.address == Some(*address),
        (None, None) => task.containers.iter().any(|container| container.address == Some(*address)),
    }
}
