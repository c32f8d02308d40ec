//! What every container instance has given and has left, and the static host ports of every engine (ecs.md 6).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use model::{
    ClusterName, ContainerInstance, EngineName, InstanceStatus, Registered, Task, TaskDefinition, TaskOverrides, TaskStatus, TransportProtocol, World,
};

use crate::context::Context;
use crate::draft::{Draft, TaskDraft};

/// What a task is charged for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// CPU units.
    pub(crate) cpu: u64,
    /// MiB.
    pub(crate) memory: u64,
}

impl Charge {
    /// Of the task's own values, else of its containers' together.
    pub(crate) fn of(definition: &TaskDefinition, overrides: &TaskOverrides) -> Self {
        if overrides.is_empty() {
            return Self { cpu: definition.charged_cpu().into(), memory: definition.reserved_memory().unwrap_or(0).into() };
        }
        Self::of(&overrides.applied_to(definition), &TaskOverrides::default())
    }

    pub(crate) const fn add(&mut self, other: Self) {
        (self.cpu, self.memory) = (self.cpu.saturating_add(other.cpu), self.memory.saturating_add(other.memory));
    }

    const fn take(&mut self, other: Self) {
        (self.cpu, self.memory) = (self.cpu.saturating_sub(other.cpu), self.memory.saturating_sub(other.memory));
    }
}

/// One container instance.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    pub(crate) cluster: &'a ClusterName,
    pub(crate) instance: &'a ContainerInstance,
    /// Its place among the engines.
    pub(crate) engine: usize,
    pub(crate) registered: Registered,
    /// Whether its engine can be reached, or has not been tried yet.
    pub(crate) connected: bool,
    /// What its tasks hold, from PENDING until STOPPED.
    pub(crate) held: Charge,
    /// How much of it is held by tasks that stop.
    pub(crate) leaving: Charge,
    /// Tasks that are to run: `runningTasksCount`.
    pub(crate) running: usize,
    /// Tasks that are PENDING.
    pub(crate) pending: usize,
    /// Tasks that are not STOPPED, those of DAEMON services left out.
    pub(crate) others: usize,
    /// The groups of its tasks that are to run, where some expression asks for them.
    pub(crate) groups: Vec<String>,
}

impl Seat<'_> {
    pub(crate) fn is_active(&self) -> bool {
        self.instance.status == InstanceStatus::Active
    }

    /// What is left of CPU and memory; `None` for as much as there may be.
    pub(crate) fn left(&self) -> (Option<u64>, Option<u64>) {
        let left = |registered: Option<u32>, held: u64| registered.map(|registered| u64::from(registered).saturating_sub(held));
        (left(self.registered.cpu, self.held.cpu), left(self.registered.memory, self.held.memory))
    }
}

/// A host port that one task can have.
pub(crate) type Port = (TransportProtocol, u16);

/// An engine, which all its instances share.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) name: &'a EngineName,
    /// Ports of tasks that are to run, and which task that is, for a person.
    pub(crate) live: BTreeMap<Port, String>,
    /// The same of tasks that stop.
    pub(crate) stopping: BTreeMap<Port, String>,
}

/// `users/3f2a91bc`, or `task/3f2a91bc`.
fn holder(task: &Task) -> String {
    format!("{}/{}", task.service.as_ref().map_or("task", |service| service.as_str()), task.id.short())
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    pub(crate) world: &'a World,
    /// By cluster and name.
    pub(crate) seats: Vec<Seat<'a>>,
    pub(crate) engines: Vec<Machine<'a>>,
    clusters: Vec<(&'a ClusterName, Range<usize>)>,
    wants_groups: bool,
}

impl<'a> Ledger<'a> {
    /// As the tasks are after what a plan has found of them so far.
    pub(crate) fn new(context: &Context<'a>, drafts: &[Draft<'a>]) -> Self {
        let mut ledger = Self::empty(context.world, context.away, super::query::any_asks_for_groups(context.world));
        for draft in drafts {
            let daemon = draft.is_daemon();
            for TaskDraft { task, definition, .. } in &draft.tasks {
                ledger.charge(task, *definition, daemon);
            }
        }
        ledger
    }

    /// As the tasks are in the World, with their groups where they are asked for.
    pub(crate) fn of_world(world: &'a World, away: &BTreeSet<EngineName>, wants_groups: bool) -> Self {
        let mut ledger = Self::empty(world, away, wants_groups);
        for task in world.tasks.values() {
            let daemon = task.service_key().and_then(|key| world.services.get(&key)).is_some_and(crate::draft::is_daemon);
            ledger.charge(task, world.definition(&task.revision), daemon);
        }
        ledger
    }

    fn empty(world: &'a World, away: &BTreeSet<EngineName>, wants_groups: bool) -> Self {
        let mut ledger = Self { world, seats: Vec::new(), engines: Vec::new(), clusters: Vec::new(), wants_groups };
        for (name, cluster) in &world.clusters {
            let begin = ledger.seats.len();
            for instance in cluster.instances.values() {
                let engine = ledger.engine(&instance.spec.engine);
                ledger.seats.push(Seat {
                    cluster: name,
                    instance,
                    engine,
                    registered: cluster.registered(instance, &world.engines),
                    connected: !away.contains(&instance.spec.engine),
                    held: Charge::default(),
                    leaving: Charge::default(),
                    running: 0,
                    pending: 0,
                    others: 0,
                    groups: Vec::new(),
                });
            }
            ledger.clusters.push((name, begin..ledger.seats.len()));
        }
        ledger
    }

    fn engine(&mut self, name: &'a EngineName) -> usize {
        let known = self.engines.iter().position(|engine| engine.name == name);
        known.unwrap_or_else(|| {
            self.engines.push(Machine { name, live: BTreeMap::new(), stopping: BTreeMap::new() });
            self.engines.len() - 1
        })
    }

    fn charge(&mut self, task: &Task, definition: Option<&TaskDefinition>, daemon: bool) {
        if task.last_status == TaskStatus::Stopped {
            return;
        }
        let (Some(place), Some(definition)) = (self.seat_of(task), definition) else { return };
        let charge = Charge::of(definition, &task.overrides);
        let seat = &mut self.seats[place];
        seat.held.add(charge);
        seat.others += usize::from(!daemon);
        seat.pending += usize::from(task.last_status == TaskStatus::Pending);
        let ports = &mut self.engines[seat.engine];
        let held = definition.static_ports().map(|port| (port, holder(task)));
        if task.is_live() {
            seat.running += 1;
            ports.live.extend(held);
            if self.wants_groups {
                seat.groups.push(task.group());
            }
        } else {
            seat.leaving.add(charge);
            ports.stopping.extend(held);
        }
    }

    /// The places of a cluster's instances.
    pub(crate) fn range(&self, cluster: &ClusterName) -> Range<usize> {
        let found = self.clusters.binary_search_by(|(name, _)| (*name).cmp(cluster));
        found.map_or(0..0, |at| self.clusters[at].1.clone())
    }

    /// The place of a task's instance.
    pub(crate) fn seat_of(&self, task: &Task) -> Option<usize> {
        let range = self.range(&task.cluster);
        let found = self.seats[range.clone()].binary_search_by(|seat| seat.instance.spec.name.cmp(&task.instance));
        found.ok().map(|at| range.start + at)
    }

    /// A task that is launched on an instance.
    pub(crate) fn take(&mut self, place: usize, (definition, charge): (&TaskDefinition, Charge), group: &str) {
        let seat = &mut self.seats[place];
        seat.held.add(charge);
        (seat.running, seat.pending, seat.others) = (seat.running + 1, seat.pending + 1, seat.others + 1);
        if self.wants_groups {
            seat.groups.push(group.to_owned());
        }
        self.engines[seat.engine].live.extend(definition.static_ports().map(|port| (port, group.to_owned())));
    }

    /// Which task has a port, for a person.
    pub(crate) fn holder(&self, engine: usize, port: &Port) -> &str {
        let machine = &self.engines[engine];
        machine.live.get(port).or_else(|| machine.stopping.get(port)).map_or("another task", String::as_str)
    }

    /// The last one of those that were taken on an instance, and is not launched after all.
    pub(crate) fn give_back(&mut self, place: usize, (definition, charge): (&TaskDefinition, Charge)) {
        let seat = &mut self.seats[place];
        seat.held.take(charge);
        (seat.running, seat.pending, seat.others) = (seat.running.saturating_sub(1), seat.pending.saturating_sub(1), seat.others.saturating_sub(1));
        seat.groups.pop();
        for port in definition.static_ports() {
            self.engines[seat.engine].live.remove(&port);
        }
    }
}
