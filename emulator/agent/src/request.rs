//! What is asked, out of method and path (ecs.md 5.1).

use wire::metadata::Version;

use crate::{FaultAction, FaultType};

/// A request, as far as its path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'p> {
    /// Of the metadata of the container of that id, or of its task.
    Metadata(Version, &'p str, What),
    /// The credentials of that id; `None` where no id is given.
    Credentials(Option<&'p str>),
    /// The protection of the task of the container of that id: what it is, or `PUT`.
    Protection(&'p str, bool),
    /// A fault of the task of that container, to start, stop or ask after.
    Fault(&'p str, FaultType, FaultAction),
}

/// What of the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The container.
    Container,
    /// The task, with its tags or without.
    Task {
        /// `taskWithTags`
        tags: bool,
    },
    /// What the container uses.
    Stats,
    /// What each container of the task uses.
    TaskStats,
    /// Accelerators of a kind, which no task here has.
    Associations,
}

impl<'p> Request<'p> {
    /// Reads a request; `None` for what the agent does not serve.
    #[must_use]
    pub fn read(method: &str, path: &'p str, query: &'p str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let parts = if let [all @ .., ""] = &parts[..] { all } else { &parts[..] };
        let get = method == "GET";
        match parts {
            ["v3", id, rest @ ..] if get => Some(Self::Metadata(Version::V3, id, What::read(rest)?)),
            ["v4", id, rest @ ..] if get => Some(Self::Metadata(Version::V4, id, What::read(rest)?)),
            ["v2", "credentials"] if get => Some(Self::Credentials(None)),
            ["v2", "credentials", id] if get => Some(Self::Credentials(Some(id))),
            ["v1", "credentials"] if get => {
                let id = query.split('&').find_map(|pair| pair.strip_prefix("id="));
                Some(Self::Credentials(id.filter(|id| !id.is_empty())))
            }
            ["api", id, "task-protection", "v1", "state"] if get || method == "PUT" => Some(Self::Protection(id, !get)),
            ["api", id, "fault", "v1", kind, action] if method == "POST" => {
                let action = match *action {
                    "start" => FaultAction::Start,
                    "stop" => FaultAction::Stop,
                    "status" => FaultAction::Status,
                    _ => return None,
                };
                Some(Self::Fault(id, FaultType::read(kind)?, action))
            }
            _ => None,
        }
    }
}

impl What {
    fn read(rest: &[&str]) -> Option<Self> {
        match rest {
            [] => Some(Self::Container),
            ["task"] => Some(Self::Task { tags: false }),
            ["taskWithTags"] => Some(Self::Task { tags: true }),
            ["stats"] => Some(Self::Stats),
            ["task", "stats"] => Some(Self::TaskStats),
            ["associations", _] => Some(Self::Associations),
            _ => None,
        }
    }
}
