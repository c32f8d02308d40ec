//! Task protection, which a task asks for itself (ecs.md 5.7).

use std::time::Duration;

use model::{Refused, Task, Timestamp, World};
use serde_json::json;
use wire::metadata::{Failure, Protection, ProtectionError, ProtectionRequest, UpdateProblem};

use crate::Answer;
use crate::metadata::rfc3339;

/// Minutes where nothing is said, and the most.
const DEFAULT: i64 = 120;
const MOST: i64 = 2880;

/// What a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protect {
    /// Until when it is to be protected; `None` ends that.
    pub until: Option<Timestamp>,
}

impl Protect {
    /// Reads a body.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn read(body: &[u8], now: Timestamp) -> Result<Self, ProtectionError> {
        let asked: ProtectionRequest = serde_json::from_slice(body).map_err(|_| ProtectionError::Unreadable)?;
        let enabled = asked.protection_enabled.ok_or(ProtectionError::NoFlag)?;
        let minutes = asked.expires_in_minutes.unwrap_or(DEFAULT);
        if !(1..=MOST).contains(&minutes) {
            let why = format!("expiresInMinutes must be between 1 and {MOST}");
            return Err(ProtectionError::Invalid(UpdateProblem(why)));
        }
        let after = Duration::from_secs(60 * minutes.unsigned_abs());
        Ok(Self { until: enabled.then(|| now + after) })
    }
}

/// Whether a task is protected now.
#[must_use]
pub fn protected(world: &World, task: &Task, now: Timestamp) -> Answer {
    let until = task.protected_until.filter(|_| task.is_protected(now));
    let protection =
        Protection { expiration_date: until.map(|until| rfc3339(until, false)), protection_enabled: until.is_some(), task_arn: world.task_arn(task) };
    Answer::ok(&json!({ "protection": protection }))
}

/// Why a task was not protected. ECS's own reasons come with the status 200.
#[must_use]
pub fn refused(world: &World, task: &Task, refused: &Refused) -> Answer {
    let arn = world.task_arn(task);
    let reason = match refused {
        Refused::Invalid(why) => ["TASK_NOT_VALID", "DEPLOYMENT_BLOCKED"].into_iter().find(|reason| why.starts_with(reason)),
        Refused::NotFound { .. } => Some("MISSING"),
        _ => None,
    };
    match reason {
        Some(reason) => Answer::ok(&json!({ "failure": Failure { arn, detail: None, reason: reason.to_owned() } })),
        None => Answer::of(ProtectionError::Failed(refused.to_string()).body(&arn)),
    }
}
