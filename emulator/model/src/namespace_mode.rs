//! Whose namespace of processes, or of IPC, the containers of a task have (ecs.md 1.6).

use serde::{Deserialize, Serialize};

use crate::{ContainerDefinition, ContainerName, PAUSE_IMAGE, TaskDefinition};

/// `pidMode` or `ipcMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceMode {
    /// The host's.
    Host,
    /// One for all containers of the task, which a pause container holds.
    Task,
    /// Each its own, shared with nobody. Only of IPC.
    None,
}

impl NamespaceMode {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Task => "task",
            Self::None => "none",
        }
    }

    /// The mode that AWS's word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Host, Self::Task, Self::None].into_iter().find(|mode| mode.as_str() == word)
    }
}

impl TaskDefinition {
    /// The pause container that holds the namespaces which a task's containers share, of processes or of IPC; one serves for both. It is
    /// essential: without it the others have none.
    #[must_use]
    pub fn namespace_pause(&self) -> Option<ContainerDefinition> {
        let shared = [self.pid_mode, self.ipc_mode].contains(&Some(NamespaceMode::Task));
        shared.then(|| ContainerDefinition::new(ContainerName::namespace_pause(), PAUSE_IMAGE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, NetworkMode};

    #[test]
    fn a_task_that_shares_has_a_pause_for_it_beside_that_of_its_network() {
        let containers = vec![ContainerDefinition::new(ContainerName::new("app").unwrap(), "app")];
        let definition = |network_mode, pid_mode, ipc_mode| {
            let containers = containers.clone();
            TaskDefinition { pid_mode, ipc_mode, ..TaskDefinition::new(Family::new("users").unwrap(), network_mode, containers) }
        };
        let names = |definition: TaskDefinition| definition.container_names().map(|name| name.to_string()).collect::<Vec<_>>();
        let (task, host) = (Some(NamespaceMode::Task), Some(NamespaceMode::Host));
        assert_eq!(names(definition(NetworkMode::Bridge, None, host)), ["app"]);
        assert_eq!(names(definition(NetworkMode::Bridge, task, None)), ["app", "~internal~ecs~pause~namespace"]);
        let both = definition(NetworkMode::Awsvpc, task, task);
        assert_eq!(names(both), ["app", "~internal~ecs~pause", "~internal~ecs~pause~namespace"]);
        assert!(definition(NetworkMode::Awsvpc, host, task).pauses().all(|pause| pause.essential && pause.name.is_pause()));
    }
}
