//! Launches are spaced out while tasks keep failing (ecs.md 3.7).

use std::time::Duration;

use model::{LaunchBackoff, Timestamp};

use crate::Pace;

/// The wait after `failures` in a row: none after the first, then a step that doubles up to the ceiling.
pub(crate) fn delay(pace: &Pace, failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => pace.backoff_step.saturating_mul(1_u32 << (more - 2).min(20)).min(pace.backoff_ceiling),
    }
}

/// After a task failed. Tasks of the same batch count once: only one that was launched after the last wait adds to the row.
pub(crate) fn failed(pace: &Pace, backoff: LaunchBackoff, created_at: Timestamp, now: Timestamp) -> LaunchBackoff {
    if backoff.failures > 0 && created_at < backoff.not_before {
        return backoff;
    }
    let failures = backoff.failures.saturating_add(1);
    LaunchBackoff { failures, not_before: now + delay(pace, failures) }
}

/// Whether a task that started at `started_at` has run long enough, and began late enough, to end a row of failures.
pub(crate) fn ends_row(pace: &Pace, backoff: LaunchBackoff, started_at: Timestamp, now: Timestamp) -> bool {
    let last_failure = backoff.not_before.as_millis().saturating_sub(u64::try_from(delay(pace, backoff.failures).as_millis()).unwrap_or(u64::MAX));
    started_at.as_millis() >= last_failure && now.since(started_at) >= pace.proven
}
