//! The daemon: the one place where all rooms meet.
//!
//! **Lives here:** the keeper (owner of the World), the effects that carry out a plan, the watch over the engine, the waiting of the
//! health checks, the bound ports, the state folder, the control endpoint, and their order of start and end.
//!
//! **Does not live here:** any decision that could be a pure function (rooms `model`, `scheduler`, `routing`), how Docker or a
//! target is spoken to (rooms `docker`, `alb`), what a user reads (room `cli`).
//!
//! **Invariants:** only the keeper changes the World; a reply goes out after the snapshot that shows its effect; the state file is
//! whole at every instant; nothing listens beyond loopback but doors between services, each for one bridge; every task has an owner that waits for it or aborts it.
//!
//! **Entry point:** [`serve`].

pub mod certificates;
pub mod connections;
pub mod doctor;
pub mod doors;
pub mod effects;
pub mod engines;
mod firelens;
pub mod hooks;
pub mod housekeeping;
pub mod images;
pub mod journal;
pub mod keeper;
mod kept_logs;
pub mod listeners;
pub mod local_registry;
pub mod log_files;
mod log_groups;
mod log_mask;
mod log_reader;
pub mod meter;
mod mounts;
mod name_servers;
mod namespaces;
pub mod observer;
pub mod options;
pub mod overlays;
mod port_holder;
pub mod prober;
pub mod profiles;
pub mod records;
mod resources;
mod serve;
pub mod server;
mod sight;
pub mod store;
mod superseded;
mod supervise;
#[cfg(test)]
mod testing;
pub mod vault_store;
pub mod view;

pub use options::Options;
pub use serve::serve;
pub use store::{Running, is_held};
