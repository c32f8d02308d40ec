//! Something bad that is done to a container on purpose.

/// What is done, and undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// SIGKILL; there is nothing to undo.
    Kill,
    /// Every process is frozen.
    Pause,
}
