//! The keeper: the one task that holds the World.
//!
//! It takes everything that waits (changes from the doors, news from the engine, verdicts of the health checks, work that ended),
//! applies it, plans until a plan asks for nothing more, publishes one snapshot, saves it, and only then replies: whoever asks
//! next sees what was answered. Readers never wait for it.

mod handle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use iam::Mint;
use model::{Change, Desired, Fact, FaultId, Ids, PlacementFailure, Refused, RunTask, Step, TaskId, Timestamp, World};
use scheduler::{Hopeless, Pace, Plan, Waiting, Work};
use tokio::sync::{mpsc, watch};

pub use handle::{Done, Handle, Input, News, Reply, Snapshot};

use crate::connections::Connections;
use crate::doors::Doors;
use crate::effects::{Effects, Finished};
use crate::engines::Engines;
use crate::firelens;
use crate::hooks::Hooks;
use crate::kept_logs::{KEPT_LOGS, KeptLogs};
use crate::overlays::Overlays;
use crate::resources::Resources;
use crate::serve::BUCKETS;
use crate::sight::Sight;
use crate::store::Store;
use crate::vault_store::VaultStore;

/// How many inputs may wait before a sender does.
const QUEUE: usize = 1024;

/// A plan follows the records of the one before it; more rounds than this in one turn is a fault of the scheduler's.
const MAX_ROUNDS: usize = 64;

/// News of the engine's is saved within this time, together; what a user asked is saved before the reply.
const SAVE_WITHIN: Duration = Duration::from_millis(100);

/// A state that could not be saved is saved again after this.
const SAVE_AGAIN: Duration = Duration::from_secs(2);

/// The folder in the state folder that stands for EFS: one folder a file system.
const FILE_SYSTEMS: &str = "efs";

/// Time alone brings the next plan no earlier than this: a plan that asks to be woken at once, again and again, must not take all there is.
const SHORTEST_NAP: Duration = Duration::from_millis(5);

/// Where a new routing table goes: the data plane.
pub trait Traffic: Send + Sync + 'static {
    /// From now on requests are routed by `table`, which is that of `world`.
    fn publish(&self, table: Arc<routing::Table>, world: &World);
}

/// What the keeper is made of.
pub struct Parts {
    /// The World as it was saved.
    pub world: World,
    /// The source of ids.
    pub ids: Ids,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The knobs.
    pub pace: Pace,
    /// The engines.
    pub engines: Arc<Engines>,
    /// The state folder; `None` in tests that need none.
    pub store: Option<Arc<Store>>,
    /// The data plane.
    pub traffic: Arc<dyn Traffic>,
    /// Who asks hooks.
    pub hooks: Arc<dyn Hooks>,
    /// The doors between services.
    pub connections: Arc<Connections>,
    /// The credentials of tasks.
    pub mint: Arc<Mint>,
    /// Where tasks find the agent of ECS; none in tests without an engine of this machine.
    pub doors: Option<Arc<Doors>>,
    /// Secrets and parameters, for tasks that start.
    pub vault: Arc<VaultStore>,
    /// Files that containers are given when they are made.
    pub overlays: Arc<Overlays>,
}

/// The owner of the World.
pub struct Keeper {
    world: World,
    sight: Sight,
    busy: BTreeSet<Work>,
    waiting: Vec<Waiting>,
    hopeless: Vec<Hopeless>,
    wake_at: Option<Timestamp>,
    save_at: Option<Timestamp>,
    state_problem: Option<String>,
    /// Those that a daemon after this one will find.
    saved_faults: BTreeSet<FaultId>,
    ids: Ids,
    clock: Arc<dyn Clock>,
    pace: Pace,
    effects: Effects,
    store: Option<Arc<Store>>,
    traffic: Arc<dyn Traffic>,
    inputs: mpsc::Receiver<Input>,
    publisher: watch::Sender<Arc<Snapshot>>,
}

/// What changes made.
#[derive(Debug, Default)]
struct Made {
    /// One line a change, where somebody wants to read them.
    changes: Vec<String>,
    /// Tasks of RunTask.
    tasks: Vec<TaskId>,
    /// Why others of RunTask were not started.
    failures: Vec<PlacementFailure>,
}

/// What one turn has taken in.
#[derive(Default)]
struct Turn {
    /// Who waits for this turn's snapshot, and whether what they asked was applied.
    replies: Vec<(Reply, Result<Made, Refused>)>,
    /// Something that a user asked was applied: it is saved before the replies.
    asked: bool,
    /// Something beside the World has changed.
    stirred: bool,
    /// The last turn.
    last: bool,
}

impl Keeper {
    /// A keeper and the way to speak to it. Nothing happens until [`Keeper::run`].
    #[must_use]
    pub fn new(parts: Parts) -> (Self, Handle) {
        let (sender, inputs) = mpsc::channel(QUEUE);
        let table = Arc::new(routing::compile(&parts.world, None));
        parts.traffic.publish(table.clone(), &parts.world);
        let snapshot = Snapshot {
            sequence: parts.world.version,
            world: parts.world.clone(),
            waiting: Vec::new(),
            hopeless: Vec::new(),
            table,
            engine_problems: BTreeMap::new(),
            listed: BTreeSet::new(),
            state_problem: None,
            idle: true,
        };
        let (publisher, snapshots) = watch::channel(Arc::new(snapshot));
        let news = News::default();
        let folder = |name: &str| parts.store.as_ref().map(|store| store.folder().join(name)).unwrap_or_default();
        let kept_logs = parts.store.as_ref().map(|store| KeptLogs::new(store.folder().join(KEPT_LOGS)));
        let routers = firelens::Folders { shared: folder(firelens::FIRELENS), buckets: folder(BUCKETS) };
        let folders = (folder(FILE_SYSTEMS), routers, kept_logs, Resources::new(folder(BUCKETS), parts.vault, parts.clock.clone()), parts.overlays);
        let keeper = Self {
            saved_faults: parts.world.faults.keys().cloned().collect(),
            world: parts.world,
            sight: Sight::new(news.clone()),
            busy: BTreeSet::new(),
            waiting: Vec::new(),
            hopeless: Vec::new(),
            wake_at: None,
            save_at: None,
            state_problem: None,
            ids: parts.ids,
            effects: Effects::new(parts.engines, (parts.hooks, parts.connections), parts.clock.clone(), folders, (parts.mint, parts.doors)),
            clock: parts.clock,
            pace: parts.pace,
            store: parts.store,
            traffic: parts.traffic,
            inputs,
            publisher,
        };
        (keeper, Handle { inputs: sender, snapshots, news })
    }

    /// Runs until [`Input::Stop`], or until nobody can speak to it any more.
    pub async fn run(mut self) {
        loop {
            let turn = self.take().await;
            if !turn.last {
                self.settle();
            }
            self.publish(turn.stirred);
            if turn.asked || self.save_at.is_some_and(|deadline| deadline <= self.clock.now()) {
                self.save(turn.asked).await;
            }
            self.reply(turn.replies);
            if turn.last {
                break;
            }
        }
        self.effects.finish().await;
        self.save(true).await;
    }

    /// Waits for something to happen, then takes everything that waits.
    async fn take(&mut self) -> Turn {
        let mut turn = Turn::default();
        let alarm = [self.wake_at, self.save_at].into_iter().flatten().min();
        let clock = self.clock.clone();
        let alarm = async move {
            match alarm {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            input = self.inputs.recv() => match input {
                Some(input) => self.handle(input, &mut turn),
                None => turn.last = true,
            },
            Some(finished) = self.effects.next() => self.finished(finished),
            () = alarm => {}
        }
        while let Some(input) = self.inputs.try_recv().ok().filter(|_| !turn.last) {
            self.handle(input, &mut turn);
        }
        while let Some(finished) = self.effects.try_next() {
            self.finished(finished);
        }
        turn
    }

    fn handle(&mut self, input: Input, turn: &mut Turn) {
        match input {
            Input::Change { changes, reply } => {
                let result = self.apply(changes);
                turn.asked |= result.is_ok();
                turn.replies.push((reply, result));
            }
            Input::Up { desired, reply } => {
                let result = self.up(&desired);
                turn.asked |= result.is_ok();
                turn.replies.push((reply, result));
            }
            Input::Listing { engine, containers, asked_at } => {
                for fact in self.sight.listing(&engine, containers, asked_at) {
                    self.learn(&fact);
                }
            }
            Input::Seen { container, asked_at } => {
                if !self.sight.is_stale(&container, asked_at) {
                    self.learn(&Fact::Seen(*container));
                }
            }
            Input::Died { id, code, out_of_memory } => {
                if let Some(seen) = self.sight.died(&id, code, out_of_memory) {
                    self.learn(&Fact::Seen(seen));
                }
            }
            Input::Gone(id) => self.learn(&Fact::Removed(id)),
            Input::Described { engine, resources } => {
                if self.world.engines.get(&engine) != Some(&resources) {
                    self.world.record(Step::SetEngine { engine, resources });
                }
            }
            Input::EngineLost { engine, problem } => self.sight.lost(engine, problem),
            Input::EngineForgotten(engine) => self.sight.forget(&engine),
            Input::Health { target_group, target, registered_at, health } => {
                let known = self.world.target_groups.get(&target_group).and_then(|group| group.targets.get(&target));
                if known.is_some_and(|known| known.registered_at == registered_at) {
                    self.learn(&Fact::TargetHealth { target_group, target, health });
                }
            }
            Input::Measured { at, values, alarms } => {
                for (cluster, alarm, value) in alarms {
                    self.learn(&Fact::AlarmMeasured { cluster, alarm, at, value });
                }
                values.into_iter().for_each(|(service, values)| self.learn(&Fact::Measured { service, at, values }));
            }
            Input::Stirred => turn.stirred = true,
            Input::Stop => turn.last = true,
        }
    }

    fn up(&mut self, desired: &Desired) -> Result<Made, Refused> {
        let changes = model::diff::changes(&self.world, desired)?;
        let summary = changes.iter().map(|change: &Change| change.summary(&self.world)).collect();
        Ok(Made { changes: summary, ..self.apply(changes)? })
    }

    /// Applies changes, all or none. Where the tasks of a RunTask are placed is decided by what runs when its turn comes.
    fn apply(&mut self, changes: Vec<Change>) -> Result<Made, Refused> {
        let mut failures = Vec::new();
        let (observed, mut dice) = (self.sight.observed(), Ids::seeded(self.ids.clone().next_u64()));
        let complete = |world: &World, change: Change| match change {
            Change::RunTask(run) => {
                let placed = scheduler::place_run(world, observed, &run, &mut dice);
                failures.extend(placed.iter().flat_map(|placed| placed.failures.iter().cloned()));
                Change::RunTask(Box::new(RunTask { placed, ..*run }))
            }
            other => other,
        };
        let tasks = self.world.apply_completed(changes, self.clock.now(), &mut self.ids, complete)?;
        Ok(Made { changes: Vec::new(), tasks, failures })
    }

    fn finished(&mut self, finished: Finished) {
        self.busy.remove(&finished.work);
        // A look that came with a start may be older than the news of the end that overtook it.
        if let Some(fact) = finished.fact.filter(|fact| !self.sight.is_overtaken(&self.world, fact)) {
            self.learn(&fact);
        }
    }

    fn learn(&mut self, fact: &Fact) {
        self.sight.learn(&self.world, fact);
        for step in scheduler::learn(&self.world, fact, self.clock.now()) {
            self.world.record(step);
        }
    }

    /// Plans until a plan asks for nothing more.
    fn settle(&mut self) {
        let now = self.clock.now();
        for round in 0.. {
            self.sight.count_in_flight(&self.publisher.borrow().table);
            let input = scheduler::Input { world: &self.world, observed: self.sight.observed(), busy: &self.busy, pace: &self.pace, now };
            let Plan { steps, mut actions, waiting, hopeless, wake_at } = scheduler::plan(&input, &mut self.ids);
            let later = actions.extract_if(.., |work| self.is_unsaved(work)).count();
            (self.waiting, self.hopeless) = (waiting, hopeless);
            let again = (later > 0).then_some(now);
            self.wake_at = wake_at.into_iter().chain(again).min().map(|at| at.max(now + SHORTEST_NAP));
            if steps.is_empty() && actions.is_empty() {
                break;
            }
            for step in steps {
                self.world.record(step);
            }
            for work in actions {
                self.busy.insert(work.clone());
                self.effects.start(&self.world, work);
            }
            if round == MAX_ROUNDS {
                debug_assert!(false, "planning did not come to rest");
                tracing::error!(version = self.world.version, "planning did not come to rest; it goes on in a moment");
                self.wake_at = Some(now + SAVE_WITHIN);
                break;
            }
        }
        debug_assert_eq!(model::check::problems(&self.world), Vec::<String>::new());
    }

    /// Whether it is a fault that would be forgotten if the daemon died now, and be left on its task for ever.
    fn is_unsaved(&self, work: &Work) -> bool {
        matches!(work, Work::BeginFault { fault, .. } if self.store.is_some() && !self.saved_faults.contains(fault))
    }

    fn publish(&mut self, stirred: bool) {
        let last = self.publisher.borrow().clone();
        let same_routes = last.world.load_balancers == self.world.load_balancers
            && last.world.target_groups == self.world.target_groups
            && last.world.faults == self.world.faults;
        let table = if same_routes { last.table.clone() } else { Arc::new(routing::compile(&self.world, Some(&last.table))) };
        if !same_routes {
            self.traffic.publish(table.clone(), &self.world);
        }
        let same_world = last.world.version == self.world.version;
        let idle = self.busy.is_empty();
        let same_problems =
            last.engine_problems == *self.sight.problems() && last.listed == self.sight.observed().listed && last.state_problem == self.state_problem;
        let same_waiting = last.waiting == self.waiting && last.hopeless == self.hopeless;
        if same_world && same_routes && same_problems && same_waiting && last.idle == idle && !stirred {
            return;
        }
        if !same_world {
            self.save_at.get_or_insert(self.clock.now() + SAVE_WITHIN);
        }
        self.publisher.send_replace(Arc::new(Snapshot {
            sequence: self.world.version.max(last.sequence + 1),
            world: self.world.clone(),
            waiting: self.waiting.clone(),
            hopeless: self.hopeless.clone(),
            table,
            engine_problems: self.sight.problems().clone(),
            listed: self.sight.observed().listed.clone(),
            state_problem: self.state_problem.clone(),
            idle,
        }));
    }

    /// Saves the newest snapshot, which has the whole World. The disk is waited for on a thread that may block.
    async fn save(&mut self, durable: bool) {
        self.save_at = None;
        let Some(store) = self.store.clone() else { return };
        let (folder, snapshot) = (store.folder().to_owned(), self.publisher.borrow().clone());
        let faults = snapshot.world.faults.keys().cloned().collect();
        let saved = tokio::task::spawn_blocking(move || store.save(&snapshot.world, durable)).await;
        let error = saved.map_err(std::io::Error::other).flatten().err();
        let problem = error.map(|error| format!("the state cannot be saved in `{}`: {error}", folder.display()));
        if problem.is_none() {
            self.saved_faults = faults;
        } else {
            self.save_at = Some(self.clock.now() + SAVE_AGAIN);
        }
        if problem != self.state_problem {
            match &problem {
                Some(problem) => tracing::error!("{problem}; it is tried again"),
                None => tracing::info!("the state can be saved again"),
            }
            self.state_problem = problem;
            self.publish(false);
        }
    }

    fn reply(&self, replies: Vec<(Reply, Result<Made, Refused>)>) {
        let sequence = self.publisher.borrow().sequence;
        for (reply, result) in replies {
            let unsaved = self.state_problem.clone();
            // Whoever asked may have gone; what was asked is done all the same.
            reply.send(result.map(|Made { changes, tasks, failures }| Done { changes, tasks, failures, sequence, unsaved })).ok();
        }
    }
}
