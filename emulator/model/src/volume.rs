//! Volumes of a task definition, and where its containers have them (ecs.md 1.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ContainerName;

/// A volume of a task definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Unique in the task definition.
    pub name: String,
    /// What it is.
    pub source: VolumeSource,
}

/// What a volume is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeSource {
    /// A folder of the host's. The engine makes it if it is not there.
    Host(String),
    /// A volume of the engine's that each task has for itself, for all its containers and as long as itself.
    Task(DockerVolume),
    /// A volume of the engine's by its own name, for all who name it, for good.
    Shared {
        /// Whether it is made if it is not there.
        autoprovision: bool,
        /// As what.
        volume: DockerVolume,
    },
    /// A file system of EFS. Here it is a folder of the state folder.
    Efs {
        /// Which.
        file_system_id: String,
        /// What is mounted of it: an absolute path, or the id of an access point.
        root: String,
    },
}

/// How the engine makes a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerVolume {
    /// Default `local`.
    pub driver: Option<String>,
    /// What the driver is told.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels of the user's own.
    pub labels: BTreeMap<String, String>,
}

/// A volume in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPoint {
    /// Which volume of the task definition.
    pub source_volume: String,
    /// Where.
    pub container_path: String,
    /// Default false.
    pub read_only: bool,
}

/// All volumes of another container of the task, where that has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFrom {
    /// Which container.
    pub source_container: ContainerName,
    /// Default false.
    pub read_only: bool,
}

/// A volume that a task has for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskVolume {
    /// Its name in the task definition.
    pub name: String,
    /// Its name in the engine, `ecs-<family>-<revision>-<volume>-<20 hex>`.
    pub runtime_name: String,
}
