//! What was asked of the fleet, for assertions such as "scaling touched nothing else".

use model::{ServiceKey, TaskId, Timestamp};

/// The verbs of [`crate::Engine`] by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the method of `Engine` of that name")]
pub enum VerbName {
    Describe,
    List,
    Inspect,
    Watch,
    Image,
    FindImage,
    Export,
    Import,
    PauseImage,
    Build,
    Create,
    Start,
    Stop,
    Remove,
    Disturb,
    Restore,
    Networks,
    RemoveNetwork,
    /// [`crate::Engine::remove_volume`]
    RemoveVolume,
    Usage,
    Exec,
    Put,
    Logs,
}

impl VerbName {
    /// Whether the verb can change a container or a network.
    #[must_use]
    pub const fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Start | Self::Stop | Self::Remove | Self::RemoveNetwork)
    }
}

/// One call of a verb, written down when it was called, whatever came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When.
    pub at: Timestamp,
    /// Which verb.
    pub verb: VerbName,
    /// On what: a container's name in the engine (its id when it is not known), an image's reference, a build's tag, a service, an owner.
    pub subject: String,
    /// The service that the container or network belongs to, if it does.
    pub service: Option<ServiceKey>,
    /// The container's task.
    pub task: Option<TaskId>,
}
