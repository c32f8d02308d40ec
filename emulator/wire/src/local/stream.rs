//! The lines of streaming answers.

use serde::{Deserialize, Serialize};

use super::{Failure, Seconds};

/// One step of an `up`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum UpEvent {
    /// An image is being built.
    Building {
        /// Its name.
        image: String,
    },
    /// A line of a build's output.
    BuildLine {
        /// The image.
        image: String,
        /// The line.
        line: String,
    },
    /// An image is built.
    Built {
        /// Its name.
        image: String,
        /// The engine's id of it.
        image_id: String,
        /// How long it took.
        seconds: f64,
    },
    /// The changes are applied: from here on the view tells how far things are.
    Applied {
        /// One line a change; empty when there was nothing to do.
        changes: Vec<String>,
        /// The version of the view that has them.
        version: u64,
    },
    /// Something to know that stops nothing, such as another port than the one asked for.
    Notice {
        /// The sentence.
        message: String,
    },
    /// The end.
    Done,
    /// The end: nothing was changed.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// A line of a service's event list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRecord {
    /// Rises with each event.
    pub sequence: u64,
    /// When.
    pub created_at: Seconds,
    /// The service.
    pub service: String,
    /// ECS's own sentence.
    pub message: String,
}

/// A line that a container wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRecord {
    /// When.
    pub at: Seconds,
    /// The service; empty for a task of none.
    pub service: String,
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The line without its end.
    pub text: String,
}
