//! The keeper: the one task that holds the World.
//!
//! It takes everything that waits (changes from the doors, news from the engine, verdicts of the health checks, work that ended),
//! applies it, plans until a plan asks for nothing more, publishes one snapshot, saves it, and only then replies: whoever asks
//! next sees what was answered. Readers never wait for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Clock;
use model::{
    Change, ClusterName, ContainerId, Desired, Fact, Ids, ObservedContainer, Refused, TargetGroupName, TargetHealth, TargetKey, Timestamp, World,
};
use scheduler::{Pace, Plan, Waiting, Work};
use tokio::sync::{mpsc, oneshot, watch};

use crate::effects::{Effects, Finished};
use crate::sight::Sight;
use crate::store::Store;

/// How many inputs may wait before a sender does.
const QUEUE: usize = 1024;

/// A plan follows the records of the one before it; more rounds than this in one turn is a fault of the scheduler's.
const MAX_ROUNDS: usize = 64;

/// News of the engine's is saved within this time, together; what a user asked is saved before the reply.
const SAVE_WITHIN: Duration = Duration::from_millis(100);

/// Something the keeper is told.
#[derive(Debug)]
pub enum Input {
    /// Apply changes, all or none.
    Change {
        /// The changes.
        changes: Vec<Change>,
        /// The World's version after it.
        reply: oneshot::Sender<Result<u64, Refused>>,
    },
    /// Bring a cluster to what a manifest says.
    Up {
        /// The manifest.
        desired: Box<Desired>,
        /// What was changed, one line a change, and the World's version after it.
        reply: oneshot::Sender<Result<(Vec<String>, u64), Refused>>,
    },
    /// Everything that the engine runs, and the [`News`] count from before it was asked.
    Listing {
        /// What was seen.
        containers: Vec<ObservedContainer>,
        /// [`News::count`] when the question was put.
        asked_at: u64,
    },
    /// One container was looked at.
    Seen(Box<ObservedContainer>),
    /// One container is gone.
    Gone(ContainerId),
    /// The engine cannot be reached.
    EngineLost(String),
    /// A target's health changed.
    Health {
        /// Its group.
        target_group: TargetGroupName,
        /// The target.
        target: TargetKey,
        /// The new health.
        health: TargetHealth,
    },
    /// Stop planning, let work under way end, save, and end.
    Stop,
}

/// Counts what the keeper learned of containers, so that a listing that was asked for earlier does not undo it.
pub type News = Arc<AtomicU64>;

/// What readers see: one World with everything that was derived from it.
#[derive(Debug)]
pub struct Snapshot {
    /// The World.
    pub world: World,
    /// What the services wait for.
    pub waiting: Vec<Waiting>,
    /// The routing table of this World.
    pub table: Arc<routing::Table>,
    /// Why the engine cannot be reached, if it cannot.
    pub engine_problem: Option<String>,
    /// Whether nothing is under way: no work for the engine.
    pub idle: bool,
}

/// Where a new routing table goes: the data plane.
pub trait Traffic: Send + Sync + 'static {
    /// From now on requests are routed by `table`.
    fn publish(&self, table: Arc<routing::Table>);
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
    /// The engine.
    pub engine: Arc<dyn engine::Engine>,
    /// The state folder; `None` in tests that need none.
    pub store: Option<Arc<Store>>,
    /// The data plane.
    pub traffic: Arc<dyn Traffic>,
}

/// How the rest of the daemon speaks to the keeper.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    news: News,
}

impl Handle {
    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// Follows the snapshots.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Counts news, for a listing.
    #[must_use]
    pub fn news(&self) -> u64 {
        self.news.load(Ordering::Acquire)
    }

    /// Tells the keeper something. False when it has ended.
    pub async fn tell(&self, input: Input) -> bool {
        self.inputs.send(input).await.is_ok()
    }

    /// Applies changes, all or none. `None` when the keeper has ended.
    pub async fn change(&self, changes: Vec<Change>) -> Option<Result<u64, Refused>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Input::Change { changes, reply }).await;
        answer.await.ok()
    }

    /// Brings a cluster to what a manifest says. `None` when the keeper has ended.
    pub async fn up(&self, desired: Desired) -> Option<Result<(Vec<String>, u64), Refused>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Input::Up { desired: Box::new(desired), reply }).await;
        answer.await.ok()
    }

    /// Takes a cluster down. `None` when the keeper has ended.
    pub async fn down(&self, cluster: ClusterName) -> Option<Result<u64, Refused>> {
        self.change(vec![Change::DeleteCluster(cluster)]).await
    }
}

/// The owner of the World.
pub struct Keeper {
    world: World,
    sight: Sight,
    busy: BTreeSet<Work>,
    waiting: Vec<Waiting>,
    wake_at: Option<Timestamp>,
    save_at: Option<Timestamp>,
    ids: Ids,
    clock: Arc<dyn Clock>,
    pace: Pace,
    effects: Effects,
    store: Option<Arc<Store>>,
    traffic: Arc<dyn Traffic>,
    inputs: mpsc::Receiver<Input>,
    publisher: watch::Sender<Arc<Snapshot>>,
}

/// A reply that waits until the snapshot is out.
type Reply = Box<dyn FnOnce() + Send>;

impl Keeper {
    /// A keeper and the way to speak to it. Nothing happens until [`Keeper::run`].
    #[must_use]
    pub fn new(parts: Parts) -> (Self, Handle) {
        let (sender, inputs) = mpsc::channel(QUEUE);
        let table = Arc::new(routing::compile(&parts.world, None));
        parts.traffic.publish(table.clone());
        let snapshot = Snapshot { world: parts.world.clone(), waiting: Vec::new(), table, engine_problem: None, idle: true };
        let (publisher, snapshots) = watch::channel(Arc::new(snapshot));
        let news = News::default();
        let keeper = Self {
            world: parts.world,
            sight: Sight::new(news.clone()),
            busy: BTreeSet::new(),
            waiting: Vec::new(),
            wake_at: None,
            save_at: None,
            ids: parts.ids,
            effects: Effects::new(parts.engine, parts.clock.clone()),
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
            let mut replies = Vec::new();
            let mut asked = false;
            if !self.take(&mut replies, &mut asked).await {
                break;
            }
            self.settle();
            self.publish();
            self.save(asked);
            for reply in replies {
                reply();
            }
        }
        self.effects.finish().await;
        self.save_now(true);
    }

    /// Waits for something to happen, then takes everything that waits. False to end.
    async fn take(&mut self, replies: &mut Vec<Reply>, asked: &mut bool) -> bool {
        let alarm = [self.wake_at, self.save_at].into_iter().flatten().min();
        let clock = self.clock.clone();
        let alarm = async move {
            match alarm {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            input = self.inputs.recv() => {
                let Some(input) = input else { return false };
                if !self.handle(input, replies, asked) {
                    return false;
                }
            }
            Some(finished) = self.effects.next() => self.finished(finished),
            () = alarm => {}
        }
        while let Ok(input) = self.inputs.try_recv() {
            if !self.handle(input, replies, asked) {
                return false;
            }
        }
        while let Some(finished) = self.effects.try_next() {
            self.finished(finished);
        }
        true
    }

    fn handle(&mut self, input: Input, replies: &mut Vec<Reply>, asked: &mut bool) -> bool {
        match input {
            Input::Change { changes, reply } => {
                *asked = true;
                let result = self.world.apply_all(changes, self.clock.now(), &mut self.ids).map(|()| self.world.version);
                replies.push(Box::new(move || drop(reply.send(result))));
            }
            Input::Up { desired, reply } => {
                *asked = true;
                let result = self.up(&desired);
                replies.push(Box::new(move || drop(reply.send(result))));
            }
            Input::Listing { containers, asked_at } => {
                for fact in self.sight.listing(containers, asked_at) {
                    self.learn(&fact);
                }
            }
            Input::Seen(container) => self.learn(&Fact::Seen(*container)),
            Input::Gone(id) => self.learn(&Fact::Removed(id)),
            Input::EngineLost(problem) => self.sight.lost(problem),
            Input::Health { target_group, target, health } => self.learn(&Fact::TargetHealth { target_group, target, health }),
            Input::Stop => return false,
        }
        true
    }

    fn up(&mut self, desired: &Desired) -> Result<(Vec<String>, u64), Refused> {
        let changes = model::diff::changes(&self.world, desired)?;
        let summary = changes.iter().map(|change| change.summary(&self.world)).collect();
        self.world.apply_all(changes, self.clock.now(), &mut self.ids)?;
        Ok((summary, self.world.version))
    }

    fn finished(&mut self, finished: Finished) {
        self.busy.remove(&finished.work);
        if let Some(fact) = finished.fact {
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
        for round in 0.. {
            self.sight.count_in_flight(&self.publisher.borrow().table);
            let input =
                scheduler::Input { world: &self.world, observed: self.sight.observed(), busy: &self.busy, pace: &self.pace, now: self.clock.now() };
            let Plan { steps, actions, waiting, wake_at } = scheduler::plan(&input, &mut self.ids);
            (self.waiting, self.wake_at) = (waiting, wake_at);
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
                tracing::error!(version = self.world.version, "planning did not come to rest; it goes on with the next news");
                self.wake_at = Some(self.clock.now() + SAVE_WITHIN);
                break;
            }
        }
        debug_assert_eq!(model::check::problems(&self.world), Vec::<String>::new());
    }

    fn publish(&mut self) {
        let last = self.publisher.borrow().clone();
        let same_routes = last.world.load_balancers == self.world.load_balancers && last.world.target_groups == self.world.target_groups;
        let table = if same_routes { last.table.clone() } else { Arc::new(routing::compile(&self.world, Some(&last.table))) };
        if !same_routes {
            self.traffic.publish(table.clone());
        }
        let unchanged = last.world.version == self.world.version;
        let (idle, engine_problem) = (self.busy.is_empty(), self.sight.problem());
        if unchanged && same_routes && last.waiting == self.waiting && last.engine_problem == engine_problem && last.idle == idle {
            return;
        }
        if !unchanged {
            self.save_at.get_or_insert(self.clock.now() + SAVE_WITHIN);
        }
        let snapshot = Snapshot { world: self.world.clone(), waiting: self.waiting.clone(), table, engine_problem, idle };
        self.publisher.send_replace(Arc::new(snapshot));
    }

    fn save(&mut self, asked: bool) {
        if asked || self.save_at.is_some_and(|deadline| deadline <= self.clock.now()) {
            self.save_now(asked);
        }
    }

    fn save_now(&mut self, durable: bool) {
        self.save_at = None;
        let Some(store) = &self.store else { return };
        if let Err(error) = store.save(&self.world, durable) {
            tracing::error!(%error, folder = %store.folder().display(), "the state cannot be saved; it is tried again");
            self.save_at = Some(self.clock.now() + SAVE_WITHIN * 20);
        }
    }
}
