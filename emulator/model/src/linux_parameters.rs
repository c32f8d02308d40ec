//! `linuxParameters` of a container definition (ecs.md 1.2), but for the init process.

use serde::{Deserialize, Serialize};

/// What a container may do beyond, or short of, what others may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinuxParameters {
    /// Capabilities that it has besides the engine's usual ones; `ALL` is every one.
    pub add: Vec<String>,
    /// Capabilities that it has not.
    pub drop: Vec<String>,
    /// Devices of the host's.
    pub devices: Vec<Device>,
    /// File systems in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Of `/dev/shm`, in MiB. The engine's default is 64.
    pub shared_memory_size: Option<u32>,
    /// MiB of swap beyond its memory; 0 is none. Without it there is none either, so that the hard limit is one: AWS leaves that to the
    /// container instance.
    pub max_swap: Option<u32>,
    /// 0 to 100; means nothing without `max_swap`.
    pub swappiness: Option<u32>,
}

/// A device of the host's in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// On the host.
    pub host_path: String,
    /// In the container.
    pub container_path: String,
    /// May be read.
    pub read: bool,
    /// May be written.
    pub write: bool,
    /// May be made with `mknod`.
    pub mknod: bool,
}

/// A file system in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Where.
    pub container_path: String,
    /// At most so many MiB.
    pub size: u32,
    /// As `mount` takes them.
    pub mount_options: Vec<String>,
}
