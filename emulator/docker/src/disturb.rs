//! Faults on purpose.

use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::KillContainerOptionsBuilder;
use engine::{Disturbance, EngineError, EngineErrorKind};
use model::ContainerId;

use crate::create::{CPU_PERIOD, LEAST_MEMORY, MEBIBYTE};
use crate::{Docker, calls};

/// The kernel takes no smaller quota, in microseconds.
const LEAST_QUOTA: i64 = 1000;

impl Docker {
    pub(crate) async fn disturb_container(&self, id: &ContainerId, what: &Disturbance) -> Result<(), EngineError> {
        match what {
            Disturbance::Kill => {
                let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
                let killed = self.call(calls::DISTURB, self.api().kill_container(id.as_str(), Some(options))).await;
                killed.or_else(|error| is_not_running(&error).then_some(()).ok_or(error))
            }
            Disturbance::Cpu { units, .. } => self.limit(id, cpu(Some(*units))).await,
            Disturbance::Memory { mebibytes, swap, .. } => self.limit(id, memory(*mebibytes, *swap)).await.map_err(too_little),
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
            Disturbance::Cpu { before, .. } => self.limit_if_there(id, cpu(*before)).await,
            Disturbance::Memory { before, swap, .. } => self.limit_if_there(id, memory(*before, *swap)).await,
            Disturbance::Network { owner, fault, what, .. } => self.end_network_fault(id, (owner, fault), what).await,
            Disturbance::Pause => {
                let restored = self.call(calls::DISTURB, self.api().unpause_container(id.as_str())).await;
                restored.or_else(|error| (is_not_running(&error) || error.message.contains("is not paused")).then_some(()).ok_or(error))
            }
        }
    }
}

impl Docker {
    async fn limit(&self, id: &ContainerId, limits: ContainerUpdateBody) -> Result<(), EngineError> {
        self.call(calls::DISTURB, self.api().update_container(id.as_str(), limits)).await
    }

    async fn limit_if_there(&self, id: &ContainerId, limits: ContainerUpdateBody) -> Result<(), EngineError> {
        let gone = |error: &EngineError| is_not_running(error) || error.message.contains("marked for removal");
        self.limit(id, limits).await.or_else(|error| gone(&error).then_some(()).ok_or(error))
    }
}

/// A quota of a period; none is -1.
fn cpu(units: Option<u32>) -> ContainerUpdateBody {
    let quota = units.map_or(-1, |units| (i64::from(units) * CPU_PERIOD / 1024).max(LEAST_QUOTA));
    ContainerUpdateBody { cpu_period: Some(CPU_PERIOD), cpu_quota: Some(quota), ..ContainerUpdateBody::default() }
}

fn memory(mebibytes: u32, swap: u32) -> ContainerUpdateBody {
    let memory = (i64::from(mebibytes) * MEBIBYTE).max(LEAST_MEMORY);
    ContainerUpdateBody { memory: Some(memory), memory_swap: Some(memory + i64::from(swap) * MEBIBYTE), ..ContainerUpdateBody::default() }
}

/// A control group of version 1 refuses a limit that is below what is used and cannot be given up.
fn too_little(error: EngineError) -> EngineError {
    if !["busy", "unable to set memory limit"].iter().any(|words| error.message.contains(words)) {
        return error;
    }
    let message = "it uses more memory than would be left, and the kernel cannot take that from it\nhint: cut less with `--percent`";
    EngineError::new(EngineErrorKind::Refused, message)
}

/// It has ended, or is gone.
fn is_not_running(error: &EngineError) -> bool {
    error.kind == EngineErrorKind::NotFound || error.message.contains("is not running")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_said_as_docker_takes_them() {
        let quota = |units| cpu(units).cpu_quota;
        assert_eq!((quota(Some(2048)), quota(Some(512)), quota(Some(1)), quota(None)), (Some(200_000), Some(50_000), Some(1000), Some(-1)));
        let limits = memory(64, 16);
        assert_eq!((limits.memory, limits.memory_swap), (Some(64 << 20), Some(80 << 20)));
        for words in ["failed to write: device or resource busy", "unable to set memory limit to 6291456 (current usage: 9449472)"] {
            let error = EngineError::new(EngineErrorKind::Failed, words);
            assert!(too_little(error).message.contains("more memory than would be left"), "{words}");
        }
    }

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
