//! The scheduler against a fleet in memory: time jumps to the next thing that is due, every invariant is checked at each plan.

mod checks;
mod containers;
mod engine;
mod engines;
mod failing;
mod faults;
mod fleet;
mod keeping;
mod life;
mod network_modes;
mod placement;
mod placement_property;
mod property;
mod restarts;
mod rolling;
mod scaling;
mod scaling_property;
mod setup;
