//! Tasks that run by themselves (ecs.md 9).

use model::{Ids, InstanceName, Observed, Placed, RunTask, TaskDefinition, TaskOverrides, World};

use super::fit::{Outcome, Request, Unplaced};
use super::ledger::{Charge, Ledger};
use super::query;
use super::strategy::Preference;

/// What a RunTask asks to be placed.
pub(crate) struct Lone<'r> {
    pub(crate) cluster: &'r model::ClusterName,
    pub(crate) definition: &'r TaskDefinition,
    pub(crate) overrides: &'r TaskOverrides,
    pub(crate) placement: &'r model::Placement,
    pub(crate) count: u32,
}

/// Decides where each task of a RunTask is placed, as the World is. Of what cannot be decided, because the task definition does not exist,
/// nothing is said.
#[must_use]
pub fn place_run(world: &World, observed: &Observed, run: &RunTask, ids: &mut Ids) -> Option<Placed> {
    let revision = world.resolve(&run.task_definition).ok()?;
    let definition = world.definition(&revision)?;
    let lone = Lone { cluster: &run.cluster, definition, overrides: &run.overrides, placement: &run.placement, count: run.count };
    let own = run.placement.constraints.iter().any(query::asks_for_groups) || definition.member_of.iter().any(model::ClusterQuery::asks_for_groups);
    Some(lone.place(&mut Ledger::of_world(world, &observed.away, own), ids))
}

impl Lone<'_> {
    pub(crate) fn place(&self, ledger: &mut Ledger<'_>, ids: &mut Ids) -> Placed {
        let group = format!("family:{}", self.definition.family);
        let range = ledger.range(self.cluster);
        let mut counts = vec![0; range.len()];
        let live = ledger.world.tasks.values().filter(|task| task.service.is_none() && task.is_live() && task.cluster == *self.cluster);
        for seat in live.filter(|task| task.revision.family == self.definition.family).filter_map(|task| ledger.seat_of(task)) {
            counts[seat - range.start] += 1;
        }
        let mut request = Request {
            cluster: self.cluster,
            definition: self.definition,
            charge: Charge::of(self.definition, self.overrides),
            placement: self.placement,
            group,
            preference: Preference::new(ledger, self.cluster, self.placement, false),
            counts,
            occupied: None,
        };
        let count = usize::try_from(self.count).unwrap_or_default();
        let (places, outcome) = ledger.place(&mut request, count, ids);
        let why = match outcome {
            Outcome::All => None,
            // Nobody waits for it: the task is started now or not at all.
            Outcome::Soon => Some(ledger.stopping(&request)),
            Outcome::No(unplaced) => Some(unplaced),
        };
        let failure = why.map(|unplaced| unplaced.failure(ledger, &request));
        let failures = failure.into_iter().cycle().take(count - places.len()).collect();
        let name = |place: &usize| -> InstanceName { ledger.seats[*place].instance.spec.name.clone() };
        Placed { instances: places.iter().map(name).collect(), failures }
    }
}

impl Ledger<'_> {
    /// What tasks that stop still hold of what is asked for.
    fn stopping(&self, request: &Request<'_>) -> Unplaced {
        use super::fit::Obstacle;
        let mut active = self.range(request.cluster).filter(|place| self.seats[*place].is_active());
        let found = active.find_map(|place| {
            let seat = &self.seats[place];
            let port = request.definition.static_ports().find(|port| self.engines[seat.engine].stopping.contains_key(port)).map(Obstacle::Port);
            let (cpu, memory) = seat.left();
            let cpu = || cpu.is_some_and(|left| left < request.charge.cpu).then_some(Obstacle::Cpu);
            let memory = || memory.is_some_and(|left| left < request.charge.memory).then_some(Obstacle::Memory);
            Some((place, port.or_else(cpu).or_else(memory)?))
        });
        Unplaced { closest: found }
    }
}
