//! What the keeper is told, what it answers, and what readers see of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{
    Change, ClusterName, ContainerId, Decimal, Desired, EngineName, EngineResources, Metric, ObservedContainer, PlacementFailure, Refused,
    ServiceKey, TargetGroupName, TargetHealth, TargetKey, TaskId, Timestamp, World,
};
use scheduler::{Hopeless, Waiting};
use tokio::sync::{mpsc, oneshot, watch};

/// Something the keeper is told.
#[derive(Debug)]
pub enum Input {
    /// Apply changes, all or none.
    Change {
        /// The changes.
        changes: Vec<Change>,
        /// What came of it.
        reply: Reply,
    },
    /// Bring a cluster to what a manifest says.
    Up {
        /// The manifest.
        desired: Box<Desired>,
        /// What came of it.
        reply: Reply,
    },
    /// Everything that the engine runs, and the [`News`] count from before it was asked.
    Listing {
        /// Which engine's.
        engine: EngineName,
        /// What was seen.
        containers: Vec<ObservedContainer>,
        /// [`News::count`] when the question was put.
        asked_at: u64,
    },
    /// One container was looked at.
    Seen {
        /// What was seen.
        container: Box<ObservedContainer>,
        /// [`News`] when the question was put.
        asked_at: u64,
    },
    /// One container has ended.
    Died {
        /// Which.
        id: ContainerId,
        /// Its exit code.
        code: i64,
        /// Killed by the kernel for its memory.
        out_of_memory: bool,
    },
    /// One container is gone.
    Gone(ContainerId),
    /// An engine has said what it has.
    Described {
        /// Which.
        engine: EngineName,
        /// What it has.
        resources: EngineResources,
    },
    /// An engine cannot be reached.
    EngineLost {
        /// Which.
        engine: EngineName,
        /// Why.
        problem: String,
    },
    /// Nobody is interested in an engine any more.
    EngineForgotten(EngineName),
    /// A target's health changed.
    Health {
        /// Its group.
        target_group: TargetGroupName,
        /// The target.
        target: TargetKey,
        /// When the target that was checked was registered: another may have its key by now.
        registered_at: Timestamp,
        /// The new health.
        health: TargetHealth,
    },
    /// A minute of CloudWatch's is over: what was measured for scalable targets and alarms.
    Measured {
        /// The end of the minute.
        at: Timestamp,
        /// By service; without values where nothing could be measured.
        values: Vec<(ServiceKey, Vec<(Metric, Decimal)>)>,
        /// By cluster and alarm.
        alarms: Vec<(ClusterName, String, Option<Decimal>)>,
    },
    /// Something beside the World that a view shows has changed: a port was bound.
    Stirred,
    /// Stop planning, let work under way end, save, and end.
    Stop,
}

/// Where the answer to a change goes: after the snapshot that shows it is out, and after it was saved.
pub type Reply = oneshot::Sender<Result<Done, Refused>>;

/// A change that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What was changed, one line a change; empty when there was nothing to do.
    pub changes: Vec<String>,
    /// The tasks that were started by it, without a service.
    pub tasks: Vec<TaskId>,
    /// Why others were not.
    pub failures: Vec<PlacementFailure>,
    /// The snapshot that shows it, or a later one.
    pub sequence: u64,
    /// Why it could not be saved, if it could not: it is in effect, and is lost if the daemon ends before it can be.
    pub unsaved: Option<String>,
}

/// Counts what the keeper learned of containers, so that a listing that was asked for earlier does not undo it.
pub type News = Arc<AtomicU64>;

/// What readers see: one World with everything that was derived from it.
#[derive(Debug)]
pub struct Snapshot {
    /// Rises with each snapshot, whatever is new in it; never below the World's version.
    pub sequence: u64,
    /// The World.
    pub world: World,
    /// What the services wait for.
    pub waiting: Vec<Waiting>,
    /// Services that will not become steady by waiting.
    pub hopeless: Vec<Hopeless>,
    /// The routing table of this World.
    pub table: Arc<routing::Table>,
    /// Why engines cannot be reached, of those that cannot.
    pub engine_problems: BTreeMap<EngineName, String>,
    /// Engines of which it is known what runs there.
    pub listed: BTreeSet<EngineName>,
    /// Why the state cannot be saved, if it cannot.
    pub state_problem: Option<String>,
    /// Whether nothing is under way: no work for the engine.
    pub idle: bool,
}

impl Snapshot {
    /// Why the daemon's own engine cannot be reached, if it cannot.
    #[must_use]
    pub fn engine_problem(&self) -> Option<&String> {
        self.engine_problems.get(&EngineName::own())
    }

    /// The engines that cannot be reached.
    #[must_use]
    pub fn away(&self) -> BTreeSet<EngineName> {
        self.engine_problems.keys().cloned().collect()
    }
}

impl AsRef<World> for Snapshot {
    fn as_ref(&self) -> &World {
        &self.world
    }
}

/// How the rest of the daemon speaks to the keeper.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) news: News,
}

impl Handle {
    /// A handle without a keeper behind it: the test plays it.
    #[cfg(test)]
    pub(crate) fn of_a_test(inputs: mpsc::Sender<Input>, snapshots: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self { inputs, snapshots, news: News::default() }
    }

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
    pub async fn change(&self, changes: Vec<Change>) -> Option<Result<Done, Refused>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Input::Change { changes, reply }).await;
        answer.await.ok()
    }

    /// Brings a cluster to what a manifest says. `None` when the keeper has ended.
    pub async fn up(&self, desired: Desired) -> Option<Result<Done, Refused>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Input::Up { desired: Box::new(desired), reply }).await;
        answer.await.ok()
    }

    /// Takes a cluster down. `None` when the keeper has ended.
    pub async fn down(&self, cluster: ClusterName) -> Option<Result<Done, Refused>> {
        self.change(vec![Change::DeleteCluster(cluster)]).await
    }
}
