//! On which container instance a task is placed, and why on none (ecs.md 3.3 and 6).
//!
//! Every plan builds one [`Ledger`] of what each instance has left; a launch then costs one look at each instance of its cluster.
//! An instance is charged for a task until that has STOPPED. A launch that only stopping tasks stand in the way of waits for their end and
//! is no failure: AWS hands it to the agent, which lets it wait there (ecs.md 2.7).

mod daemon;
mod fit;
mod ledger;
mod query;
mod reason;
mod run;
mod status;
mod strategy;

pub(crate) use daemon::{Post, counts, split};
pub(crate) use fit::{Obstacle, Outcome, Request};
pub(crate) use ledger::Ledger;
pub(crate) use run::Lone;
pub(crate) use strategy::going;

pub use run::place_run;
pub use status::{InstanceUsage, instances};
