//! Why a request failed, for a person.

use serde::{Deserialize, Serialize};

/// The answer to a request that failed, and the last line of an `up` that did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Failure {
    /// Whose fault: decides the exit code.
    pub fault: Fault,
    /// What and why: lower case, no final dot.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
    /// The last lines of a build's or a container's output.
    #[serde(default)]
    pub log: Vec<String>,
}

impl Failure {
    /// The user asked for something that cannot be.
    #[must_use]
    pub fn input(message: impl Into<String>) -> Self {
        Self { fault: Fault::Input, message: message.into(), hint: None, log: Vec::new() }
    }

    /// The environment failed us, or we did.
    #[must_use]
    pub fn environment(message: impl Into<String>) -> Self {
        Self { fault: Fault::Environment, message: message.into(), hint: None, log: Vec::new() }
    }

    /// The same with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with output to show.
    #[must_use]
    pub fn log(mut self, log: Vec<String>) -> Self {
        self.log = log;
        self
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// The user's input, or a deployment that failed: exit code 1.
    Input,
    /// The environment's or ours: exit code 2.
    Environment,
}
