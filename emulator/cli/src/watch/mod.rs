//! `up --watch`: from a saved file to the services that it touches.
//!
//! ```text
//! observer: something woke us -> it is quiet for a moment -> look at all that is watched -> what is another than before
//! affected: which services that touches, and how          schedule: what to do now, what has to wait      rollout: how far that is
//! sync: which files are copied without a build
//! ```
//!
//! Level, not edge: what woke us says nothing but that it is time to look. So nothing is missed where events are lost, come twice, or do not
//! come at all (then we look every second), and a save without a difference is none.

pub(crate) mod affected;
pub(crate) mod files;
mod noise;
pub(crate) mod observer;
pub(crate) mod rollout;
pub(crate) mod schedule;
pub(crate) mod sync;
