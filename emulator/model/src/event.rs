//! A line of a service's event list. The sentences are the scheduler's; this is their shape.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The most events that a service keeps, newest first when read (ecs.md 3.8).
pub const MAX_SERVICE_EVENTS: usize = 100;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// Rises by one with each event of the World, so that a reader can ask for what is new.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// ECS's own sentence.
    pub message: String,
}
