//! Tasks that start by a schedule, as an EventBridge rule or schedule starts them with RunTask (ecs.md 9).

use serde::{Deserialize, Serialize};

use crate::{Placement, Schedule, TaskDefinitionName, TaskId, TaskOverrides, TimeZoneName, Timestamp};

/// What a user says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledTaskSpec {
    /// When it is due.
    pub schedule: Schedule,
    /// By whose clocks. Default UTC.
    pub timezone: TimeZoneName,
    /// `state`: whether it starts anything. Default ENABLED.
    pub enabled: bool,
    /// What it starts; without a revision the latest when it is due.
    pub task_definition: TaskDefinitionName,
    /// How many tasks, 1 to [`crate::run_task::MAX_RUN_COUNT`]. Default 1.
    pub count: u32,
    /// What they do otherwise than their task definition says.
    pub overrides: TaskOverrides,
    /// Where they are placed; the task definition's constraints bind beside these.
    #[serde(default)]
    pub placement: Placement,
    /// Whether programs may be run in their containers. Default false.
    #[serde(default)]
    pub enable_execute_command: bool,
}

/// A scheduled task of the World.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledTask {
    /// What a user said.
    pub spec: ScheduledTaskSpec,
    /// From when a rate is counted.
    pub since: Timestamp,
    /// Everything that was due up to then is done.
    pub done_until: Timestamp,
    /// What came of the last time.
    pub last: Option<ScheduledRun>,
}

/// One time that it was due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledRun {
    /// When it was started.
    pub at: Timestamp,
    /// What was started.
    pub tasks: Vec<TaskId>,
    /// Why nothing was.
    pub problem: Option<String>,
}

impl ScheduledTask {
    /// One that is new.
    #[must_use]
    pub const fn new(spec: ScheduledTaskSpec, now: Timestamp) -> Self {
        Self { spec, since: now, done_until: now, last: None }
    }

    /// When it is due next; `None` for never again, or while it is not enabled.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        let ScheduledTaskSpec { schedule, timezone, .. } = &self.spec;
        schedule.next_after(self.done_until, timezone, self.since).filter(|_| self.spec.enabled)
    }
}
