//! A fault that is injected on purpose: what is done to which tasks, until when. It is always undone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ClusterName, ContainerId, ContainerName, ContainerType, EngineName, FaultId, Ids, NetworkFault, NetworkMode, ServiceName, Task, TaskId, Timestamp,
};

/// How long a fault lasts where nobody says.
pub const DEFAULT_FAULT_TIME: Duration = Duration::from_secs(30);

/// The longest that a user may ask for (our own: whoever forgets it is not left with it).
pub const MAX_FAULT_TIME: Duration = Duration::from_secs(3600);

/// How long one that is over is still shown.
pub const FAULT_RETENTION: Duration = Duration::from_secs(600);

/// A fault, from its injection to a while after its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `fault-` and eight hexadecimal digits.
    pub id: FaultId,
    /// The cluster of its tasks.
    pub cluster: ClusterName,
    /// The service that was named; `None` where tasks were.
    pub service: Option<ServiceName>,
    /// What is done.
    pub kind: FaultKind,
    /// Who asked for it.
    pub origin: FaultOrigin,
    /// When it was injected.
    pub started_at: Timestamp,
    /// When it ends by itself; in the daemon's real time, whatever the speed.
    pub until: Timestamp,
    /// It is being undone.
    pub ending: bool,
    /// The service's events tell of it.
    pub announced: bool,
    /// Why it could not be done, for a person.
    pub problem: Option<String>,
    /// Whom it was injected on: for the listing once it is over.
    pub struck: BTreeSet<TaskId>,
    /// Tasks that have it, or may have it. Empty once it is over.
    pub tasks: BTreeMap<TaskId, FaultedTask>,
    /// When the last trace of it was gone.
    pub over_at: Option<Timestamp>,
}

/// Who asked for a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultOrigin {
    /// `ecslocal chaos`.
    User,
    /// The task itself, at the agent's endpoint (ecs.md 5.8).
    Task,
}

/// One task under a fault. What is needed to undo it is here, because the task may be forgotten first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultedTask {
    /// Whether it was done.
    pub state: FaultState,
    /// The engine that the task is on.
    pub engine: EngineName,
    /// The containers that it is done to.
    pub containers: Vec<ContainerId>,
}

/// Whether a fault was done to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultState {
    /// Not that anybody knows; a daemon that died may have.
    Pending,
    /// It was.
    Active,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// SIGKILL, once.
    Kill {
        /// Which container of each task; `None` for all of the task definition's.
        container: Option<ContainerName>,
    },
    /// Every process is frozen.
    Pause {
        /// Which container of each task; `None` for all of the task definition's.
        container: Option<ContainerName>,
    },
    /// Packets are late, or lost.
    Network(NetworkFault),
    /// Less of the machine is left to it.
    Pressure(Pressure),
    /// The load balancer answers in the tasks' place, or later.
    Answers(AnswerFault),
}

/// What is cut, as if others took it: so many of a hundred of what a container may use, 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pressure {
    /// Of the task's `cpu`, or where it has none, of all that the machine has.
    Cpu(u8),
    /// Of the container's limit, which it must have.
    Memory(u8),
}

impl Pressure {
    /// So many of a hundred.
    #[must_use]
    pub const fn percent(self) -> u8 {
        match self {
            Self::Cpu(percent) | Self::Memory(percent) => percent,
        }
    }

    /// What is left of so much, rounded down.
    #[must_use]
    pub fn left_of(self, whole: u32) -> u32 {
        let left = u64::from(whole) * u64::from(100_u8.saturating_sub(self.percent())) / 100;
        u32::try_from(left).unwrap_or(u32::MAX)
    }
}

/// What the load balancer does to requests that it forwards to a target. Its health checks are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerFault {
    /// The status that is answered in the target's place, 500 to 599; `None` where the target answers.
    pub status: Option<u16>,
    /// How many milliseconds later the answer comes, up to 600,000.
    pub delay_millis: u32,
    /// How many of a hundred requests it strikes, 1 to 100.
    pub percent: u8,
}

impl AnswerFault {
    /// The longest delay, in milliseconds.
    pub const MAX_DELAY_MILLIS: u32 = 600_000;

    /// Whether it strikes a request that drew `dice`, of all numbers there are.
    #[must_use]
    pub const fn strikes(self, dice: u64) -> bool {
        dice % 100 < self.percent as u64
    }
}

impl FaultKind {
    /// One word, as commands and listings have it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Pause { .. } => "pause",
            Self::Network(fault) => fault.word(),
            Self::Pressure(Pressure::Cpu(_)) => "cpu",
            Self::Pressure(Pressure::Memory(_)) => "memory",
            Self::Answers(AnswerFault { status: Some(_), .. }) => "errors",
            Self::Answers(AnswerFault { status: None, .. }) => "delay",
        }
    }

    /// What is done, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let of = |container: &Option<ContainerName>| container.as_ref().map(|name| format!(" of container {name}")).unwrap_or_default();
        match self {
            Self::Kill { container } => format!("kill{}", of(container)),
            Self::Network(fault) => fault.words(),
            Self::Pressure(Pressure::Cpu(percent)) => format!("{percent} % less of the CPU that it may use"),
            Self::Pressure(Pressure::Memory(percent)) => format!("{percent} % less of the memory that it may use"),
            Self::Pause { container } => format!("pause{}", of(container)),
            Self::Answers(AnswerFault { status, delay_millis, percent }) => {
                let later = if *delay_millis > 0 { format!(" after {delay_millis} ms") } else { String::new() };
                match status {
                    Some(status) => format!("status {status}{later} for {percent} % of requests through the load balancer"),
                    None => format!("a delay of {delay_millis} ms for {percent} % of requests through the load balancer"),
                }
            }
        }
    }

    /// Whether an engine has to do it and to undo it; else it is in the routing table.
    #[must_use]
    pub const fn is_the_engine_s(&self) -> bool {
        !matches!(self, Self::Answers(_))
    }

    /// Whether it is done once, with nothing to undo.
    #[must_use]
    pub const fn is_momentary(&self) -> bool {
        matches!(self, Self::Kill { .. })
    }

    /// Whether a task cannot be under both.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Network(own), Self::Network(other)) => own.excludes(other),
            (Self::Pressure(own), Self::Pressure(other)) => std::mem::discriminant(own) == std::mem::discriminant(other),
            _ => matches!((self, other), (Self::Pause { .. }, Self::Pause { .. }) | (Self::Answers(_), Self::Answers(_))),
        }
    }

    /// The containers of a task that it is done to: those that run. The error is why it cannot be done, for a person.
    ///
    /// # Errors
    /// Where the task has no such container, or none that runs.
    pub fn containers(&self, task: &Task, mode: NetworkMode) -> Result<Vec<ContainerId>, String> {
        let container = match (self, mode) {
            (Self::Kill { container } | Self::Pause { container }, _) => container,
            (Self::Answers(_), _) => return Ok(Vec::new()),
            (Self::Network(_), NetworkMode::Awsvpc) => return Ok(task.pause().and_then(|pause| pause.runtime_id.clone()).into_iter().collect()),
            (Self::Pressure(_), _) | (Self::Network(_), NetworkMode::Bridge) => &None,
            (Self::Network(_), NetworkMode::Host) => {
                let task = task.id.short();
                return Err(format!("task {task} has the network of its host (`networkMode: host`), and this would strike the whole machine"));
            }
            (Self::Network(_), NetworkMode::None) => return Err(format!("task {} has no network (`networkMode: none`)", task.id.short())),
        };
        if let Some(name) = container.as_ref().filter(|name| task.container(name).is_none()) {
            let known: Vec<_> = task.containers.iter().map(|container| container.name.as_str()).collect();
            return Err(format!("task {} has no container `{name}`, only {}", task.id.short(), known.join(", ")));
        }
        let wanted = |one: &&crate::Container| match container {
            Some(name) => one.name == *name,
            None => one.kind() == ContainerType::Normal,
        };
        let running = task.containers.iter().filter(wanted).filter(|one| one.last_status == crate::ContainerStatus::Running);
        let found: Vec<_> = running.filter_map(|one| one.runtime_id.clone()).collect();
        if found.is_empty() {
            return Err(format!("no such container of task {} runs", task.id.short()));
        }
        Ok(found)
    }
}

/// Whom a fault is injected on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultScope {
    /// Tasks of a service that run now: so many of a hundred, 1 to 100, at least one. Those that take their place are spared.
    Service {
        /// Its name.
        name: ServiceName,
        /// Of a hundred.
        percent: u8,
    },
    /// These.
    Tasks(Vec<TaskId>),
}

impl Fault {
    /// Whether it is done, or to be done.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over_at.is_some()
    }

    /// Whether it is to strike a task now.
    #[must_use]
    pub fn strikes(&self, task: &TaskId) -> bool {
        !self.ending && self.tasks.contains_key(task)
    }

    /// Whether it was done to all its tasks.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.ending && self.tasks.values().all(|task| task.state == FaultState::Active)
    }

    /// As listings say it.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match (self.over_at, self.ending, &self.problem) {
            (Some(_), _, Some(_)) => "FAILED",
            (Some(_), _, None) => "OVER",
            (None, true, _) => "ENDING",
            (None, false, _) if self.is_active() => "ACTIVE",
            (None, false, _) => "STARTING",
        }
    }

    /// Begins to undo it.
    pub const fn end(&mut self) {
        self.ending = true;
    }
}

/// So many of a hundred of them, at least one, drawn with `dice`.
pub(crate) fn share<T>(mut all: Vec<T>, percent: u8, dice: &mut Ids) -> Vec<T> {
    let wanted = (all.len() * usize::from(percent)).div_ceil(100).max(1);
    let mut drawn = Vec::with_capacity(wanted);
    while drawn.len() < wanted && !all.is_empty() {
        let at = usize::try_from(dice.next_u64() % all.len() as u64).unwrap_or_default();
        drawn.push(all.swap_remove(at));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_never_empty() {
        for (of, percent, expected) in [(4, 50, 2), (3, 50, 2), (1, 1, 1), (10, 25, 3), (4, 100, 4), (0, 100, 0)] {
            let drawn = share((0..of).collect(), percent, &mut Ids::seeded(1));
            let distinct: BTreeSet<_> = drawn.iter().collect();
            assert_eq!((drawn.len(), distinct.len()), (expected, expected), "{percent} % of {of}");
        }
    }

    #[test]
    fn a_percentage_strikes_so_many_of_a_hundred() {
        let fault = |percent| AnswerFault { status: Some(503), delay_millis: 0, percent };
        for percent in [1, 25, 100] {
            assert_eq!((0..1000).filter(|dice| fault(percent).strikes(*dice)).count(), usize::from(percent) * 10);
        }
    }

    #[test]
    fn what_is_done_is_said() {
        let answers = |status, delay_millis| FaultKind::Answers(AnswerFault { status, delay_millis, percent: 20 });
        assert_eq!(answers(Some(503), 0).words(), "status 503 for 20 % of requests through the load balancer");
        assert_eq!(answers(Some(503), 250).words(), "status 503 after 250 ms for 20 % of requests through the load balancer");
        assert_eq!(
            (answers(None, 250).words(), answers(None, 250).word()),
            ("a delay of 250 ms for 20 % of requests through the load balancer".into(), "delay")
        );
        assert_eq!(FaultKind::Pause { container: ContainerName::new("web").ok() }.words(), "pause of container web");
    }
}
