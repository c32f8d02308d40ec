//! What to do next: from what is wanted and what is seen to run, the records to make and the work to hand to the engine.
//!
//! **Lives here:** the life of tasks and their containers, dependencies, registration and draining of targets, rolling deployments,
//! scaling by hand and by policies, replacement of the unhealthy, placement on container instances, back-off, what is kept of what has ended, the sentences of service events.
//!
//! **Does not live here:** anything that waits, reads a clock, speaks to an engine or holds state between two calls; health checks
//! (room `alb`); which request goes where (room `routing`).
//!
//! **Invariants:** [`plan`] derives everything from its [`Input`] (level, not edge), so a daemon that died resumes by calling it again;
//! recording a plan's steps and calling again ends after a bounded number of rounds with an empty plan; a [`Work`] that is under way
//! is never planned again; while the engine has not been listed nothing is concluded from absence and no work is planned;
//! what is done for one service depends on other services only through what container instances have left.
//!
//! **Entry points:** [`plan`] and [`learn`]; [`place_run`] before a RunTask; [`scaling_status`] and [`instances`] for those who ask.

mod alarm;
mod attachment;
mod backoff;
mod breaker;
mod container;
mod context;
mod dependencies;
mod deployment_alarms;
mod draft;
mod events;
mod faults;
mod health;
mod launch;
mod learn;
mod leaving;
mod outlook;
mod pace;
mod placement;
mod plan;
mod retention;
mod rollout;
mod scaling;
mod scheduled;
mod service;
mod settle;
mod shift;
mod targets;
mod task;
#[cfg(test)]
mod tests;
mod work;

pub use learn::learn;
pub use pace::Pace;
pub use placement::{InstanceUsage, instances, place_run};
pub use plan::{Hopeless, Input, Plan, Waiting, plan};
pub use scaling::{PolicyStatus, ScalingStatus, ScheduledStatus, scaling_status};
pub use work::Work;
