//! Work for the engine: each piece runs as a task of its own, a few at a time, and comes back as a fact.

mod execute;
mod order;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, EngineError, EngineErrorKind};
use futures_util::FutureExt as _;
use iam::Mint;
use model::{ContainerFailure, ContainerFailureKind as Kind, Fact, ServiceKey, World};
use scheduler::Work;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::execute::{execute, supply};
use self::order::{engine_of, order};
use crate::connections::Connections;
use crate::doors::Doors;
use crate::engines::Engines;
use crate::firelens;
use crate::hooks::Hooks;
use crate::kept_logs::KeptLogs;
use crate::overlays::Overlays;
use crate::resources::Resources;

/// How many verbs that keep the engine busy it is given at once (engine-facts 8, performance.md: beyond eight Docker gets no faster).
const AT_ONCE: usize = 8;

/// How many images of one service are looked for at once. A pull takes as long as the network needs, and must hold up nobody else.
const IMAGES_AT_ONCE: usize = 4;

/// How many containers are being stopped at once. A stop waits for the container, up to its `stopTimeout`, and costs the engine nothing.
const STOPS_AT_ONCE: usize = 128;

/// How many hooks are asked at once. A service asks one at a time.
const HOOKS_AT_ONCE: usize = 16;

/// How long a piece of work rests after a failure that says nothing about it (the engine is away, or slow), before it is planned again.
const REST: Duration = Duration::from_secs(1);

/// The rest doubles with each further failure in a row, up to this; not while the engine is away, for then it is tried when it is back.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How long the end of the daemon waits for verbs under way. Each may be cut: it is found half done, or done, and called again.
const LAST_VERBS: Duration = Duration::from_secs(1);

/// The pieces of work under way.
#[derive(Debug)]
pub struct Effects {
    engines: Arc<Engines>,
    hooks: HooksHandle,
    connections: Arc<Connections>,
    clock: ClockHandle,
    /// The folder that stands for EFS.
    file_systems: PathBuf,
    /// What log routers are given.
    routers: firelens::Folders,
    /// Where the logs of containers go that are removed; nowhere in tests without a state folder.
    kept_logs: Option<KeptLogs>,
    /// What containers are given to find the agent of ECS and credentials, and the doors to it; no doors in tests.
    agent: (Arc<Mint>, Option<Arc<Doors>>),
    resources: Resources,
    /// What containers are given over their images.
    overlays: Arc<Overlays>,
    slots: Slots,
    under_way: JoinSet<Finished>,
    /// Failures in a row of work that did not say anything about its object.
    failures: BTreeMap<Work, u32>,
}

/// Places for verbs, apart by what they cost: what waits for a network or a container must not hold up what does not.
#[derive(Debug)]
struct Slots {
    images: BTreeMap<Option<ServiceKey>, Arc<Semaphore>>,
    stops: Arc<Semaphore>,
    hooks: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

/// A piece of work that ended.
#[derive(Debug)]
pub struct Finished {
    /// The work.
    pub work: Work,
    /// What it found out; nothing when it says nothing about its object and is to be planned again.
    pub fact: Option<Fact>,
    /// It failed without a fact, and has rested.
    pub failed: bool,
}

impl Effects {
    /// Nothing under way.
    #[must_use]
    pub(crate) fn new(
        engines: Arc<Engines>,
        (hooks, connections): (Arc<dyn Hooks>, Arc<Connections>),
        clock: Arc<dyn Clock>,
        (file_systems, routers, kept_logs, resources, overlays): (PathBuf, firelens::Folders, Option<KeptLogs>, Resources, Arc<Overlays>),
        agent: (Arc<Mint>, Option<Arc<Doors>>),
    ) -> Self {
        let slots = Slots {
            images: BTreeMap::new(),
            stops: Arc::new(Semaphore::new(STOPS_AT_ONCE)),
            hooks: Arc::new(Semaphore::new(HOOKS_AT_ONCE)),
            others: Arc::new(Semaphore::new(AT_ONCE)),
        };
        Self {
            engines,
            hooks: HooksHandle(hooks),
            connections,
            clock: ClockHandle(clock),
            file_systems,
            routers,
            kept_logs,
            agent,
            resources,
            overlays,
            slots,
            under_way: JoinSet::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Begins a piece of work with what the World says now.
    pub fn start(&mut self, world: &World, work: Work) {
        let order = order(world, &work, (&self.file_systems, &self.routers), &self.agent.0);
        let needed = self.resources.needed(world, &work);
        let name = engine_of(world, &work);
        let (engines, hooks, clock, slots) = (self.engines.clone(), self.hooks.0.clone(), self.clock.0.clone(), self.slots.of(world, &work));
        let failures = self.failures.get(&work).copied().unwrap_or(0);
        let (connections, doors, kept_logs) = (self.connections.clone(), self.agent.1.clone(), self.kept_logs.clone());
        let overlays = self.overlays.clone();
        self.under_way.spawn(async move {
            let order = match supply(&work, order, needed.as_ref()).await {
                Ok(order) => order,
                Err(fact) => return Finished { work, fact: Some(fact), failed: false },
            };
            // The semaphore is never closed, so a permit always comes.
            let permit = slots.acquire_owned().await;
            let result =
                unbroken(execute((&engines, &name, hooks.as_ref(), &overlays), (&connections, doors.as_deref(), kept_logs.as_ref()), &work, order))
                    .await;
            drop(permit);
            let fact = match result {
                Ok(fact) => fact,
                Err(error) => {
                    let fact = failure(&work, &error);
                    if fact.is_none() {
                        let rest = rest(&error, failures);
                        tracing::warn!(%work, %error, failures, "the engine did not do its work; it is tried again in {} s", rest.as_secs());
                        clock.sleep(rest).await;
                        return Finished { work, fact: None, failed: true };
                    }
                    fact
                }
            };
            Finished { work, fact, failed: false }
        });
    }

    /// The next piece of work that ends; `None` when nothing is under way. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Finished> {
        loop {
            match self.under_way.join_next().await? {
                Ok(finished) => return Some(self.count(finished)),
                Err(error) => tracing::error!(%error, "a piece of work was lost"),
            }
        }
    }

    /// The same without waiting.
    pub fn try_next(&mut self) -> Option<Finished> {
        loop {
            match self.under_way.try_join_next()? {
                Ok(finished) => return Some(self.count(finished)),
                Err(error) => tracing::error!(%error, "a piece of work was lost"),
            }
        }
    }

    /// Gives what is under way a moment to end, then lets go of it: each verb may be called again later.
    pub async fn finish(&mut self) {
        let end = self.clock.0.sleep(LAST_VERBS);
        tokio::select! {
            () = async { while self.under_way.join_next().await.is_some() {} } => {}
            () = end => self.under_way.abort_all(),
        }
    }

    fn count(&mut self, finished: Finished) -> Finished {
        if finished.failed {
            *self.failures.entry(finished.work.clone()).or_default() += 1;
        } else {
            self.failures.remove(&finished.work);
        }
        if self.under_way.is_empty() && !finished.failed {
            // What failed and was never planned again.
            self.failures.clear();
        }
        finished
    }
}

impl Slots {
    fn of(&mut self, world: &World, work: &Work) -> Arc<Semaphore> {
        match work {
            Work::PrepareImage { task, .. } => {
                let service = world.tasks.get(task).and_then(model::Task::service_key);
                self.images.retain(|known, _| known.as_ref().is_none_or(|key| world.services.contains_key(key)));
                self.images.entry(service).or_insert_with(|| Arc::new(Semaphore::new(IMAGES_AT_ONCE))).clone()
            }
            Work::Stop { .. } => self.stops.clone(),
            Work::Hook { .. } => self.hooks.clone(),
            Work::Create { .. }
            | Work::Start { .. }
            | Work::Remove { .. }
            | Work::RemoveNetwork(_)
            | Work::RemoveVolume { .. }
            | Work::BeginFault { .. }
            | Work::EndFault { .. } => self.others.clone(),
        }
    }
}

fn rest(error: &EngineError, failures: u32) -> Duration {
    match error.kind {
        EngineErrorKind::Unreachable => REST,
        _ => REST.saturating_mul(1 << failures.min(8)).min(LONGEST_REST),
    }
}

/// A verb that panics is a fault of its room; its work is reported and tried again like any other that failed, rather than be under way for ever.
async fn unbroken(work: impl Future<Output = Result<Option<Fact>, EngineError>>) -> Result<Option<Fact>, EngineError> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(EngineError::new(EngineErrorKind::Failed, "the work broke off: this is a fault of ecslocal")))
}

/// What a failure says about a container, in the agent's words (ecs.md 2.2); nothing when it only says that the engine is away.
fn failure(work: &Work, error: &EngineError) -> Option<Fact> {
    let (task, container, kind) = match work {
        Work::PrepareImage { task, container } => (task, container, Kind::CannotPullContainerError),
        Work::Create { task, container } => (task, container, Kind::CannotCreateContainerError),
        Work::Start { task, container, .. } => (task, container, Kind::CannotStartContainerError),
        // Half of it may be done; that is undone at once, and the user is told.
        Work::BeginFault { fault, task, .. } if error.kind != EngineErrorKind::Unreachable => {
            return Some(Fact::FaultFailed { fault: fault.clone(), task: task.clone(), reason: error.message.clone() });
        }
        Work::Stop { .. }
        | Work::Hook { .. }
        | Work::Remove { .. }
        | Work::RemoveNetwork(_)
        | Work::RemoveVolume { .. }
        | Work::BeginFault { .. }
        | Work::EndFault { .. } => return None,
    };
    let kind = match error.kind {
        EngineErrorKind::Unreachable => return None,
        EngineErrorKind::Timeout => Kind::DockerTimeoutError,
        _ => kind,
    };
    Some(Fact::Failed { task: task.clone(), container: container.clone(), failure: ContainerFailure::new(kind, &error.message) })
}

struct HooksHandle(Arc<dyn Hooks>);

impl std::fmt::Debug for HooksHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

struct ClockHandle(Arc<dyn Clock>);

impl std::fmt::Debug for ClockHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use model::{ContainerName, EngineName, TaskId};

    use super::*;

    #[tokio::test]
    async fn a_verb_that_panics_is_a_failure_like_any_other() {
        let error = unbroken(async { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Failed);
    }

    #[test]
    fn what_fails_again_and_again_rests_longer_but_not_while_the_engine_is_away() {
        let rests = |kind| [0, 1, 2, 5, 99].map(|failures| rest(&EngineError::new(kind, ""), failures).as_secs());
        assert_eq!(rests(EngineErrorKind::Failed), [1, 2, 4, 30, 30]);
        assert_eq!(rests(EngineErrorKind::Unreachable), [1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_failure_is_told_in_the_words_of_the_agent_or_not_at_all() {
        let (task, container) = (TaskId::from_text("t"), ContainerName::new("c").unwrap());
        let id = model::ContainerId::from_text("i");
        let image = Work::PrepareImage { task: task.clone(), container: container.clone() };
        let create = Work::Create { task: task.clone(), container: container.clone() };
        let start = Work::Start { task: task.clone(), container, id: id.clone() };
        let stop = Work::Stop { task, id: id.clone(), grace: REST };
        let said = |work: &Work, kind| match failure(work, &EngineError::new(kind, "why")) {
            Some(Fact::Failed { failure, .. }) => failure.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(said(&image, EngineErrorKind::CannotPull), "CannotPullContainerError: why");
        assert_eq!(said(&create, EngineErrorKind::NotFound), "CannotCreateContainerError: why");
        // A container that went away between its creation and its start.
        assert_eq!(said(&start, EngineErrorKind::NotFound), "CannotStartContainerError: why");
        assert_eq!(said(&start, EngineErrorKind::Timeout), "DockerTimeoutError: why");
        for work in [&image, &create, &start] {
            assert_eq!(said(work, EngineErrorKind::Unreachable), "None");
        }
        for work in [&stop, &Work::Remove { engine: EngineName::own(), id }] {
            assert_eq!(said(work, EngineErrorKind::Failed), "None");
        }
    }
}
