//! Whether an instance takes a task: filters first, then the strategies among those that do (ecs.md 3.3).

use model::{ClusterName, Ids, Placement, PlacementConstraint, TaskDefinition};

use super::ledger::{Charge, Ledger, Port};
use super::strategy::Preference;
use super::{query, strategy};

/// Tasks that are to be placed: alike, of one group.
#[derive(Debug)]
pub(crate) struct Request<'r> {
    pub(crate) cluster: &'r ClusterName,
    pub(crate) definition: &'r TaskDefinition,
    pub(crate) charge: Charge,
    pub(crate) placement: &'r Placement,
    /// `service:<name>` or `family:<name>`.
    pub(crate) group: String,
    /// Which of several instances is taken.
    pub(crate) preference: Preference,
    /// Tasks of the group that are to run, by instance of the cluster.
    pub(crate) counts: Vec<usize>,
    /// Of a DAEMON service: its tasks that are not over, by instance, of which none gets another.
    pub(crate) occupied: Option<Vec<usize>>,
}

/// What stands in the way on an instance. In the order in which they are looked at: the last one is the nearest to fitting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    Agent,
    Attribute(String),
    MemberOf(String),
    DistinctInstance,
    Port(Port),
    Memory,
    Cpu,
}

impl Obstacle {
    const fn rank(&self) -> u8 {
        match self {
            Self::Agent => 0,
            Self::Attribute(_) => 1,
            Self::MemberOf(_) => 2,
            Self::DistinctInstance => 3,
            Self::Port(_) => 4,
            Self::Memory => 5,
            Self::Cpu => 6,
        }
    }

    /// Whether the end of another task takes it away.
    pub(crate) const fn is_resource(&self) -> bool {
        matches!(self, Self::Port(_) | Self::Memory | Self::Cpu)
    }
}

/// Whether an instance takes a task.
enum Fit {
    Yes,
    /// Once tasks that stop already are over.
    Soon,
    No(Obstacle),
    /// It has its task, of a DAEMON service.
    Done,
}

/// Why a task cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unplaced {
    /// The closest instance, by its place, and what stands in the way; `None` where no instance is ACTIVE.
    pub(crate) closest: Option<(usize, Obstacle)>,
}

/// What came of placing tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All that were asked for.
    All,
    /// The next one has to wait for the end of tasks that stop already.
    Soon,
    /// The next one cannot be.
    No(Unplaced),
}

impl<'a> Ledger<'a> {
    /// Places up to `count` tasks, and charges their instances for them. Gives where each is, and what became of the next.
    pub(crate) fn place(&mut self, request: &mut Request<'_>, count: usize, ids: &mut Ids) -> (Vec<usize>, Outcome) {
        let range = self.range(request.cluster);
        let mut places = Vec::new();
        while places.len() < count {
            let mut candidates = Vec::new();
            let (mut soon, mut closest): (bool, Option<(usize, Obstacle)>) = (false, None);
            for place in range.clone().filter(|place| self.seats[*place].is_active()) {
                match self.fit(place, request, range.start) {
                    Fit::Yes => candidates.push(place),
                    Fit::Soon => soon = true,
                    Fit::No(obstacle) if closest.as_ref().is_none_or(|(_, known)| known.rank() < obstacle.rank()) => {
                        closest = Some((place, obstacle))
                    }
                    Fit::No(_) | Fit::Done => {}
                }
            }
            let Some(chosen) = strategy::choose(self, request, candidates, ids) else {
                return (places, if soon { Outcome::Soon } else { Outcome::No(Unplaced { closest }) });
            };
            self.take(chosen, (request.definition, request.charge), &request.group);
            request.counts[chosen - range.start] += 1;
            if let Some(occupied) = &mut request.occupied {
                occupied[chosen - range.start] += 1;
            }
            places.push(chosen);
        }
        (places, Outcome::All)
    }

    fn fit(&self, place: usize, request: &Request<'_>, begin: usize) -> Fit {
        let seat = &self.seats[place];
        let own = place - begin;
        if request.occupied.as_ref().is_some_and(|occupied| occupied[own] > 0) {
            return if request.counts[own] > 0 { Fit::Done } else { Fit::Soon };
        }
        if !seat.connected {
            return Fit::No(Obstacle::Agent);
        }
        if let Some(obstacle) = self.misfit(place, request, request.occupied.as_ref().map(|_| request.counts[own])) {
            return Fit::No(obstacle);
        }
        if request.placement.constraints.contains(&PlacementConstraint::DistinctInstance) && request.counts[own] > 0 {
            return Fit::No(Obstacle::DistinctInstance);
        }
        let machine = &self.engines[seat.engine];
        let mut ports = request.definition.static_ports();
        if let Some(port) = ports.clone().find(|port| machine.live.contains_key(port)) {
            return Fit::No(Obstacle::Port(port));
        }
        let lacks = |registered: Option<u32>, held: u64, own: u64| registered.is_some_and(|registered| held.saturating_add(own) > registered.into());
        let (held, leaving, charge) = (seat.held, seat.leaving, request.charge);
        if lacks(seat.registered.memory, held.memory - leaving.memory, charge.memory) {
            return Fit::No(Obstacle::Memory);
        }
        if lacks(seat.registered.cpu, held.cpu - leaving.cpu, charge.cpu) {
            return Fit::No(Obstacle::Cpu);
        }
        let waits = lacks(seat.registered.memory, held.memory, charge.memory) || lacks(seat.registered.cpu, held.cpu, charge.cpu);
        if waits || ports.any(|port| machine.stopping.contains_key(&port)) { Fit::Soon } else { Fit::Yes }
    }

    /// What an instance lacks whatever runs: attributes, and what constraints ask. `own` tasks of the group are not counted.
    pub(super) fn misfit(&self, place: usize, request: &Request<'_>, own: Option<usize>) -> Option<Obstacle> {
        let seat = &self.seats[place];
        for required in &request.definition.requires_attributes {
            let found = self.world.attribute(seat.instance, &required.name);
            if found.is_none_or(|found| required.value.as_ref().is_some_and(|value| *found != **value)) {
                let value = required.value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
                return Some(Obstacle::Attribute(format!("{}{value}", required.name)));
            }
        }
        let of_service = request.placement.constraints.iter().filter_map(|constraint| match constraint {
            PlacementConstraint::MemberOf(query) => Some(query),
            PlacementConstraint::DistinctInstance => None,
        });
        let mut queries = request.definition.member_of.iter().chain(of_service);
        let own = own.map(|count| (count, request.group.as_str()));
        queries.find(|query| !query::holds(self, seat, query, own)).map(|query| Obstacle::MemberOf(query.to_string()))
    }
}
