//! What can go wrong with an engine.

/// A verb failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What kind of failure, for decisions.
    pub kind: EngineErrorKind,
    /// The engine's own words, for people.
    pub message: String,
}

impl EngineError {
    /// A failure of that kind.
    #[must_use]
    pub fn new(kind: EngineErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// Nobody answers, or we may not speak to it.
    Unreachable,
    /// The container, image or network is not there.
    NotFound,
    /// The image is not on this machine and could not be pulled.
    CannotPull,
    /// A step of a build failed; the message ends with its log.
    BuildFailed,
    /// A host port is taken by somebody else.
    PortTaken,
    /// No answer in time.
    Timeout,
    /// The request makes no sense to the engine: our input.
    Refused,
    /// The engine has no way to do that: its log driver keeps nothing that can be read.
    Unsupported,
    /// The engine failed.
    Failed,
}
