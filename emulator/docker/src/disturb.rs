//! Faults on purpose.

use bollard::query_parameters::KillContainerOptionsBuilder;
use engine::{Disturbance, EngineError, EngineErrorKind};
use model::ContainerId;

use crate::{Docker, calls};

impl Docker {
    pub(crate) async fn disturb_container(&self, id: &ContainerId, what: &Disturbance) -> Result<(), EngineError> {
        match what {
            Disturbance::Kill => {
                let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
                let killed = self.call(calls::DISTURB, self.api().kill_container(id.as_str(), Some(options))).await;
                killed.or_else(|error| is_not_running(&error).then_some(()).ok_or(error))
            }
            Disturbance::Network { owner, fault, what, time } => self.begin_network_fault(id, (owner, fault), what, *time).await,
            Disturbance::Pause => match self.call(calls::DISTURB, self.api().pause_container(id.as_str())).await {
                Err(error) if error.message.contains("already paused") => Ok(()),
                outcome => outcome,
            },
        }
    }

    pub(crate) async fn restore_container(&self, id: &ContainerId, what: &Disturbance) -> Result<(), EngineError> {
        match what {
            Disturbance::Kill => Ok(()),
            Disturbance::Network { owner, fault, what, .. } => self.end_network_fault(id, (owner, fault), what).await,
            Disturbance::Pause => {
                let restored = self.call(calls::DISTURB, self.api().unpause_container(id.as_str())).await;
                restored.or_else(|error| (is_not_running(&error) || error.message.contains("is not paused")).then_some(()).ok_or(error))
            }
        }
    }
}

/// It has ended, or is gone.
fn is_not_running(error: &EngineError) -> bool {
    error.kind == EngineErrorKind::NotFound || error.message.contains("is not running")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Docker 20.10 and later, word by word.
    #[test]
    fn what_is_over_is_known_by_the_engine_s_words() {
        let error = |kind, message: &str| EngineError::new(kind, message);
        assert!(is_not_running(&error(EngineErrorKind::NotFound, "No such container: abc")));
        assert!(is_not_running(&error(EngineErrorKind::Refused, "Cannot kill container: abc: Container abc is not running")));
        assert!(is_not_running(&error(EngineErrorKind::Refused, "Container abc is not running")));
        assert!(!is_not_running(&error(EngineErrorKind::Refused, "Container abc is already paused")));
    }
}
