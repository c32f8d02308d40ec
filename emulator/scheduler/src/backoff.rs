//! Launches are spaced out while tasks keep failing (ecs.md 3.7).

use std::time::Duration;

use model::{LaunchBackoff, Timestamp};

use crate::Pace;
use crate::draft::Failure;

/// The wait after `failures` in a row: none after the first, then a step that doubles up to the ceiling.
pub(crate) fn delay(pace: &Pace, failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => pace.backoff_step.saturating_mul(1_u32 << (more - 2).min(20)).min(pace.backoff_ceiling),
    }
}

/// After a task failed. Tasks of the same batch count once: only one that was launched after the last wait adds to the row.
pub(crate) fn failed(pace: &Pace, backoff: LaunchBackoff, failure: &Failure, now: Timestamp) -> LaunchBackoff {
    let never_ran = |also: u32| if failure.ran { 0 } else { backoff.never_ran.saturating_add(also) };
    if backoff.failures > 0 && failure.created_at < backoff.not_before {
        return LaunchBackoff { never_ran: never_ran(0), ..backoff };
    }
    let failures = backoff.failures.saturating_add(1);
    LaunchBackoff { failures, never_ran: never_ran(1), not_before: now + delay(pace, failures) }
}

/// When a row of failures got its last one.
fn last_failure(pace: &Pace, backoff: LaunchBackoff) -> u64 {
    backoff.not_before.as_millis().saturating_sub(u64::try_from(delay(pace, backoff.failures).as_millis()).unwrap_or(u64::MAX))
}

/// Whether a task that reached RUNNING at `started_at` ends a row of launches that never did: AWS asks for no more (ecs.md 3.7).
pub(crate) fn ends_launches(pace: &Pace, backoff: LaunchBackoff, started_at: Timestamp) -> bool {
    started_at.as_millis() >= last_failure(pace, backoff)
}

/// Whether a task that started at `started_at` has run long enough, and began late enough, to end a row of failures.
pub(crate) fn ends_row(pace: &Pace, backoff: LaunchBackoff, started_at: Timestamp, now: Timestamp) -> bool {
    ends_launches(pace, backoff, started_at) && now.since(started_at) >= pace.proven
}
