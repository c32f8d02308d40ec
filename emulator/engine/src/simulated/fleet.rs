//! The fleet as a test holds it: its controls and what it tells of itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use model::{ContainerId, ContainerName, EngineResources, ObservedContainer, TaskId};

use super::journal::{Call, VerbName};
use super::script::SimulatedAnswer;
use super::ticket::Shared;
use crate::{Clock, ContainerSpec, Disturbance, EngineError};

/// Of the count of containers, the bits above these are the number of the fleet.
pub(super) const NUMBER: u32 = 40;

/// An engine in memory. Deterministic: the same calls at the same moments give the same ids, addresses, ports and events.
pub struct Fleet {
    pub(super) shared: Arc<Shared>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("containers", &self.shared.look().0.containers).finish_non_exhaustive()
    }
}

/// A container of the fleet: what it was made from and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetContainer {
    /// What `create` was given.
    pub spec: ContainerSpec,
    /// What `inspect` would say now.
    pub seen: ObservedContainer,
    /// What was put into it, by path.
    pub files: BTreeMap<String, Bytes>,
}

impl Fleet {
    /// An empty fleet that answers, on that clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { shared: Shared::new(clock) })
    }

    /// An empty fleet beside others: its ids begin with that number, and it says that it is another one.
    #[must_use]
    pub fn numbered(clock: Arc<dyn Clock>, number: u8) -> Arc<Self> {
        let fleet = Self::new(clock);
        fleet.shared.look().0.created = u64::from(number) << NUMBER;
        fleet
    }

    /// Every container of every owner, in the order of their creation.
    #[must_use]
    pub fn containers(&self) -> Vec<FleetContainer> {
        let (state, _) = self.shared.look();
        state
            .containers
            .values()
            .map(|container| FleetContainer { spec: container.spec.clone(), seen: container.observed(), files: container.files.clone() })
            .collect()
    }

    /// What is done on purpose to containers that run.
    #[must_use]
    pub fn disturbed(&self) -> Vec<(ContainerId, Disturbance)> {
        let (state, _) = self.shared.look();
        let of =
            |container: &super::container::Container| container.disturbed.iter().map(|what| (container.id.clone(), what.clone())).collect::<Vec<_>>();
        state.containers.values().flat_map(of).collect()
    }

    /// The container of that name in that task; the oldest if it was created more than once under different names.
    #[must_use]
    pub fn find(&self, task: &TaskId, name: &ContainerName) -> Option<ContainerId> {
        let mut found = self.containers().into_iter().filter(|container| container.spec.task == *task && container.spec.definition.name == *name);
        found.next().map(|container| container.seen.id)
    }

    /// Ends a running container at once with that exit code, as `docker kill` does. False when it does not run.
    pub fn kill(&self, id: &ContainerId, code: i64) -> bool {
        let (mut state, now) = self.shared.look();
        state.finish(id, now, code, false)
    }

    /// Takes a container away behind everybody's back, as `docker rm --force` does. False when there is none.
    pub fn remove_behind(&self, id: &ContainerId) -> bool {
        let (mut state, now) = self.shared.look();
        state.take_away(id, now)
    }

    /// From now on every verb fails with `Unreachable`, those under way too, and streams end. Containers go on.
    pub fn go_down(&self) {
        self.shared.look().0.go_down();
    }

    /// The end of [`Fleet::go_down`].
    pub fn come_back(&self) {
        let (mut state, _) = self.shared.look();
        state.down = false;
        state.changed();
    }

    /// What it says that it has: eight cores and 16 GiB, unless a test says otherwise.
    #[must_use]
    pub fn resources(&self) -> EngineResources {
        self.shared.look().0.resources.clone()
    }

    /// From now on it says that it has that.
    pub fn set_resources(&self, resources: EngineResources) {
        self.shared.look().0.resources = resources;
    }

    /// The next call of `verb` fails so and does nothing; several plans for one verb are used in order.
    pub fn fail_next(&self, verb: VerbName, error: EngineError) {
        self.shared.look().0.failures.push_back((verb, error));
    }

    /// Somebody else on the host listens on that TCP port of loopback, or no longer does.
    pub fn occupy_port(&self, port: u16, occupied: bool) {
        let (mut state, _) = self.shared.look();
        if occupied {
            state.ledger.occupied.insert(port);
        } else {
            state.ledger.occupied.remove(&port);
        }
    }

    /// A file of that build context was edited: the next build of it gives another image.
    pub fn edit_context(&self, context: &Path) {
        *self.shared.look().0.edits.entry(context.to_path_buf()).or_default() += 1;
    }

    /// The verbs called so far, oldest first; the last 10,000.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.look().0.calls.iter().cloned().collect()
    }

    /// The verbs called since the last time, oldest first; the last 10,000.
    pub fn take_calls(&self) -> Vec<Call> {
        self.shared.look().0.calls.drain(..).collect()
    }

    /// What somebody gets who connects over TCP now: to a published port on 127.0.0.1, to a mapped port at the container's own address
    /// or that of the pause whose network it has, or to one at 127.0.0.1 where it has the host's.
    #[must_use]
    pub fn probe_status(&self, address: SocketAddr) -> SimulatedAnswer {
        let (state, now) = self.shared.look();
        state.probe(address, now)
    }

    /// Verbs called and not ended that do something else than sleep on the clock until a later moment. 0 means: no verb will end
    /// before the clock is wound (see the [module's documentation](crate::simulated)).
    #[must_use]
    pub fn pending_verbs(&self) -> usize {
        self.shared.pending_verbs()
    }

    /// Events, and ends, of watch streams that nobody has taken yet.
    #[must_use]
    pub fn undelivered_events(&self) -> usize {
        let (state, _) = self.shared.look();
        state.watchers.values().map(|watcher| watcher.events.len() + usize::from(watcher.broken.is_some())).sum()
    }
}
