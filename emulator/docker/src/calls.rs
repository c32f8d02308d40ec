//! How long each call may take (ecs.md 1.11), and what is said when it takes longer.

use std::time::Duration;

use engine::{EngineError, EngineErrorKind};

use crate::Docker;
use crate::connect::Client;
use crate::errors;

/// A call's time, and the word that the agent uses for what it was to achieve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) after: Duration,
    pub(crate) to: &'static str,
}

impl Limit {
    pub(crate) const fn new(seconds: u64, to: &'static str) -> Self {
        Self { after: Duration::from_secs(seconds), to }
    }

    /// As the agent says it: `Could not transition to started; timed out after waiting 3m0s`.
    pub(crate) fn passed(self) -> EngineError {
        let seconds = self.after.as_secs();
        let waited = if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) };
        EngineError::new(EngineErrorKind::Timeout, format!("Could not transition to {}; timed out after waiting {waited}", self.to))
    }
}

pub(crate) const CREATE: Limit = Limit::new(240, "created");
pub(crate) const START: Limit = Limit::new(180, "started");
pub(crate) const INSPECT: Limit = Limit::new(30, "inspecting");
pub(crate) const LIST: Limit = Limit::new(30, "listing");
pub(crate) const EXEC: Limit = Limit::new(30, "executing");
pub(crate) const PUT: Limit = Limit::new(30, "copied into");
pub(crate) const STATS: Limit = Limit::new(10, "measured");
pub(crate) const DISTURB: Limit = Limit::new(30, "disturbed");
pub(crate) const REMOVE: Limit = Limit::new(300, "removed");
pub(crate) const NETWORK: Limit = Limit::new(60, "network created");
pub(crate) const VOLUME: Limit = Limit::new(60, "volume created");
pub(crate) const PULL: Limit = Limit::new(600, "pulled");
/// A pull that makes no progress for so long is given up.
pub(crate) const PULL_IDLE: Limit = Limit::new(60, "pulled");
/// Images may be gigabytes, and lines slow.
pub(crate) const TRANSFER: Limit = Limit::new(1800, "copied");
pub(crate) const LOAD: Limit = Limit::new(60, "loaded");
pub(crate) const BUILD: Limit = Limit::new(1800, "built");

/// The agent waits so long beyond the grace period (ecs.md 1.11).
pub(crate) fn stop(grace: Duration) -> Limit {
    Limit { after: grace + Duration::from_secs(120), to: "stopped" }
}

impl Docker {
    /// Waits for a call as long as it may take.
    pub(crate) async fn call<T>(&self, limit: Limit, call: impl Future<Output = Result<T, bollard::errors::Error>>) -> Result<T, EngineError> {
        match tokio::time::timeout(limit.after, call).await {
            Ok(answer) => answer.map_err(|error| self.failure(error)),
            Err(_) => Err(limit.passed()),
        }
    }

    /// An error of Docker's as ours. An engine that asks for another version of the API is spoken to in that one from now on.
    pub(crate) fn failure(&self, error: bollard::errors::Error) -> EngineError {
        if let bollard::errors::Error::DockerResponseServerError { status_code: 400, message } = &error
            && let Some(minor) = errors::other_version(message)
        {
            self.speak_version(minor);
        }
        errors::from_docker(error)
    }

    /// A client that waits longer than usual for the first byte of an answer.
    pub(crate) fn patient(&self, limit: Duration) -> Client {
        self.api().clone().with_timeout(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_limit_is_said_in_the_agent_s_words() {
        assert_eq!(START.passed().message, "Could not transition to started; timed out after waiting 3m0s");
        assert_eq!(INSPECT.passed().message, "Could not transition to inspecting; timed out after waiting 30s");
        assert_eq!(stop(Duration::from_secs(30)).passed().message, "Could not transition to stopped; timed out after waiting 2m30s");
    }
}
