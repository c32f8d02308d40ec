//! The container engine on Docker's API (and Podman's copy of it), by way of bollard.
//!
//! **Lives here:** finding the engine ([`candidates`], [`connect`]) and those of other machines ([`Elsewhere`]), with the tunnels to them and images
//! on their way there; labels to task identity and back; the mapping of a container
//! definition to Docker's create parameters (ecs.md 1.2); a bridge network a service; the image of pause containers; pull, build, logs, events; Docker's errors as
//! [`engine::EngineError`].
//!
//! **Does not live here:** what to run and when (room `scheduler`), anything of the load balancer.
//!
//! **Invariants:** the API version stands in every URL; ports are published on 127.0.0.1, or on the address of a `tcp://` endpoint on another machine, and nowhere else, those of a pause only where
//! its address cannot be dialled; a network or container is
//! listed, and a network or volume removed, only with the owner's label on it; no restart policy of the engine's, no container list kept here;
//! every call has a time limit.
//!
//! **Entry point:** [`connect`].

mod build;
mod calls;
mod connect;
mod context;
mod create;
mod disturb;
mod doorway;
mod elf;
mod elsewhere;
mod endpoint;
mod engine_impl;
mod errors;
mod exec;
mod host_ports;
mod image;
mod labels;
mod log_bound;
mod logs;
mod network;
mod network_fault;
mod observe;
mod pause_executable;
mod pause_image;
mod place;
mod put;
mod stats;
mod subnet;
mod superseded;
mod transcript;
mod transfer;
mod tunnel;
mod volume;
mod watch;

pub use connect::{Docker, connect};
pub use doorway::AGENT_INTERFACE;
pub use elsewhere::Elsewhere;
pub use endpoint::{Candidate, Settings, candidates};
pub use subnet::NetworkPool;
