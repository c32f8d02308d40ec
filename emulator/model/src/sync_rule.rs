//! Files that `up --watch` copies into containers without a build, after Compose's `develop.watch`. No part of a task definition: what runs does
//! not change with it.

use serde::{Deserialize, Serialize};

/// What is done when something below a path is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRule {
    /// A file or folder inside the build context, absolute and normal.
    pub path: String,
    /// Where it is in the container, absolute and normal; none for [`SyncAction::Rebuild`].
    pub target: Option<String>,
    /// What is done.
    pub action: SyncAction,
    /// Patterns of a `.dockerignore`, relative to `path`: to what they match the rule does not apply.
    pub ignore: Vec<String>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncAction {
    /// Copy it into the containers that run and into those that come.
    Sync,
    /// Copy it into those that come, and deploy.
    SyncAndRestart,
    /// Build, and deploy what was built.
    Rebuild,
}

impl SyncAction {
    /// By Compose's name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [("sync", Self::Sync), ("sync+restart", Self::SyncAndRestart), ("rebuild", Self::Rebuild)]
            .into_iter()
            .find_map(|(known, action)| (known == name).then_some(action))
    }
}
