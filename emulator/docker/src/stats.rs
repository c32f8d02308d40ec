//! What a container has used.

use std::time::Duration;

use bollard::models::{ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use engine::{EngineError, EngineErrorKind, Usage};
use futures_util::StreamExt;
use model::ContainerId;

use crate::{Docker, calls, observe};

impl Docker {
    /// The same as it is, with the sample of a second before in it. What does not run has none.
    pub(crate) async fn statistics_of(&self, id: &ContainerId) -> Result<Option<String>, EngineError> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(false).build();
        let mut answers = std::pin::pin!(self.api().stats(id.as_str(), Some(options)));
        match self.call(calls::STATS, async { answers.next().await.transpose() }).await {
            Ok(answer) => Ok(answer.filter(|answer| usage(answer).is_some()).and_then(|answer| serde_json::to_string(&answer).ok())),
            Err(error) if error.kind == EngineErrorKind::NotFound || error.message.contains("not running") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One answer, not a stream: Docker 20.10 takes a second for it all the same.
    pub(crate) async fn usage_of(&self, id: &ContainerId) -> Result<Option<Usage>, EngineError> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut answers = std::pin::pin!(self.api().stats(id.as_str(), Some(options)));
        let first = async { answers.next().await.transpose() };
        match self.call(calls::STATS, first).await {
            Ok(answer) => Ok(answer.as_ref().and_then(usage)),
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(None),
            // An engine may refuse what does not run.
            Err(error) if error.message.contains("not running") => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A container that does not run has no memory, and was read in the year 1.
fn usage(answer: &ContainerStatsResponse) -> Option<Usage> {
    let at = observe::timestamp(answer.read.as_deref()?)?;
    let nanoseconds = answer.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage?;
    let memory = answer.memory_stats.as_ref().and_then(memory)?;
    Some(Usage { at, cpu_time: Duration::from_nanos(nanoseconds), memory })
}

/// Without pages of files that nobody has used for a while, as the ECS agent and `docker stats` reckon.
fn memory(stats: &ContainerMemoryStats) -> Option<u64> {
    let all = stats.usage.filter(|usage| *usage > 0)?;
    let of = |name: &str| stats.stats.as_ref().and_then(|stats| stats.get(name)).copied();
    let idle = of("total_inactive_file").or_else(|| of("inactive_file")).filter(|idle| *idle < all);
    Some(all - idle.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn read(stats: serde_json::Value) -> Option<Usage> {
        usage(&serde_json::from_value(stats).unwrap())
    }

    #[test]
    fn an_answer_of_either_control_group_is_read() {
        let with = |memory: serde_json::Value| {
            serde_json::json!({
                "read": "2026-01-02T03:04:05.678901234Z", "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}}, "memory_stats": memory,
            })
        };
        let expected = |memory| Some(Usage { at: Timestamp::from_millis(1_767_323_045_678), cpu_time: Duration::from_millis(1500), memory });
        assert_eq!(read(with(serde_json::json!({"usage": 1000, "stats": {"inactive_file": 300}}))), expected(700));
        assert_eq!(read(with(serde_json::json!({"usage": 1000, "stats": {"total_inactive_file": 200, "inactive_file": 300}}))), expected(800));
        assert_eq!(read(with(serde_json::json!({"usage": 1000, "stats": {"inactive_file": 3000}}))), expected(1000));
        assert_eq!(read(with(serde_json::json!({"usage": 1000}))), expected(1000));
        assert_eq!(read(with(serde_json::json!({}))), None);
    }

    #[test]
    fn what_does_not_run_has_used_nothing() {
        let stopped = serde_json::json!({"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}});
        assert_eq!(read(stopped), None);
    }
}
