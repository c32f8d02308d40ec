//! RunTask: tasks that no service keeps alive, and what they do otherwise than their task definition says (ecs.md 9).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, ContainerName, EnvironmentFile, InstanceName, Placement, PlacementFailure, TaskDefinition, TaskDefinitionName};

/// The most tasks that one RunTask starts.
pub const MAX_RUN_COUNT: u32 = 10;

/// What RunTask is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTask {
    /// Where they run.
    pub cluster: ClusterName,
    /// What they run.
    pub task_definition: TaskDefinitionName,
    /// How many, 1 to [`MAX_RUN_COUNT`].
    pub count: u32,
    /// What they do otherwise.
    pub overrides: TaskOverrides,
    /// Who asked, in up to 128 characters of theirs.
    pub started_by: Option<String>,
    /// Where they are placed; the task definition's constraints bind beside these.
    #[serde(default)]
    pub placement: Placement,
    /// Whether programs may be run in their containers.
    #[serde(default)]
    pub enable_execute_command: bool,
    /// Where each of them was placed, and why others were not: filled in by who decides that. Empty before, and taken for the cluster's
    /// first container instance then.
    #[serde(default)]
    pub placed: Option<Placed>,
}

/// What was decided about the placement of the tasks of a RunTask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// One container instance a task.
    pub instances: Vec<InstanceName>,
    /// One a task that cannot be placed.
    pub failures: Vec<PlacementFailure>,
}

/// What a task does otherwise than its task definition says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOverrides {
    /// By container.
    pub containers: BTreeMap<ContainerName, ContainerOverride>,
    /// CPU units of the whole task.
    pub cpu: Option<u32>,
    /// MiB of the whole task.
    pub memory: Option<u32>,
}

/// The same of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerOverride {
    /// Replaces the command; the entry point stays.
    pub command: Option<Vec<String>>,
    /// Replaces or adds variables, by name.
    pub environment: BTreeMap<String, String>,
    /// Replaces the files of variables.
    #[serde(default)]
    pub environment_files: Option<Vec<EnvironmentFile>>,
    /// CPU units.
    pub cpu: Option<u32>,
    /// Hard limit in MiB.
    pub memory: Option<u32>,
    /// Soft limit in MiB.
    pub memory_reservation: Option<u32>,
}

impl TaskOverrides {
    /// Whether nothing is done otherwise.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The task definition as a task with these overrides runs it.
    #[must_use]
    pub fn applied_to(&self, definition: &TaskDefinition) -> TaskDefinition {
        let mut definition = definition.clone();
        definition.cpu = self.cpu.or(definition.cpu);
        definition.memory = self.memory.or(definition.memory);
        for container in &mut definition.containers {
            let Some(other) = self.containers.get(&container.name) else { continue };
            if let Some(command) = &other.command {
                container.command = Some(command.clone());
            }
            container.environment.extend(other.environment.clone());
            if let Some(files) = &other.environment_files {
                container.environment_files.clone_from(files);
            }
            container.cpu = other.cpu.unwrap_or(container.cpu);
            container.memory = other.memory.or(container.memory);
            container.memory_reservation = other.memory_reservation.or(container.memory_reservation);
        }
        definition
    }
}
