//! Which instance gets the next task, and which task goes first (ecs.md 3.3).
//!
//! Where strategies leave several alike: a launch takes the instance with the fewest tasks of all, then the first by name; of the tasks
//! that may go, the not yet healthy goes first, then the newest (the oldest are the warmest).

use std::borrow::Cow;
use std::cmp::Reverse;

use model::{BinpackField, Ids, PlacementStrategy, SpreadField};

use super::fit::Request;
use super::ledger::{Charge, Ledger};
use crate::rollout::Member;

fn strategies<'r>(request: &Request<'r>) -> Cow<'r, [PlacementStrategy]> {
    let named = &request.placement.strategy;
    if named.is_empty() && request.of_service { Cow::Owned(PlacementStrategy::of_services()) } else { Cow::Borrowed(named) }
}

/// One of the candidates; `None` of none.
pub(super) fn choose(ledger: &Ledger<'_>, request: &Request<'_>, mut candidates: Vec<usize>, ids: &mut Ids) -> Option<usize> {
    if candidates.len() > 1 {
        for strategy in strategies(request).iter() {
            match strategy {
                PlacementStrategy::Random => {
                    let count = u64::try_from(candidates.len()).unwrap_or(1);
                    let chosen = usize::try_from(ids.next_u64() % count).unwrap_or_default();
                    candidates = vec![candidates[chosen]];
                }
                PlacementStrategy::Spread(field) => keep_least(&mut candidates, |place| tasks_like(ledger, request, &request.counts, field, place)),
                PlacementStrategy::Binpack(field) => keep_least(&mut candidates, |place| left(ledger, *field, place, Charge::default())),
            }
        }
    }
    candidates.into_iter().min_by_key(|place| (ledger.seats[*place].others, *place))
}

fn keep_least<K: Ord + Copy>(candidates: &mut Vec<usize>, key: impl Fn(usize) -> K) {
    let keys: Vec<K> = candidates.iter().map(|place| key(*place)).collect();
    let Some(least) = keys.iter().min().copied() else { return };
    let mut keys = keys.into_iter();
    candidates.retain(|_| keys.next() == Some(least));
}

/// How many tasks of the group are on instances like this one; what is on one that drains will be elsewhere.
fn tasks_like(ledger: &Ledger<'_>, request: &Request<'_>, counts: &[usize], field: &SpreadField, place: usize) -> usize {
    let range = ledger.range(request.cluster);
    match field {
        SpreadField::InstanceId => counts[place - range.start],
        SpreadField::Attribute(name) => {
            let value = |place: usize| ledger.world.attribute(ledger.seats[place].instance, name);
            let own = value(place);
            range.clone().filter(|other| ledger.seats[*other].is_active() && value(*other) == own).map(|other| counts[other - range.start]).sum()
        }
    }
}

/// What an instance has left once `freed` is, too.
fn left(ledger: &Ledger<'_>, field: BinpackField, place: usize, freed: Charge) -> u64 {
    let (cpu, memory) = ledger.seats[place].left();
    let (left, freed) = match field {
        BinpackField::Cpu => (cpu, freed.cpu),
        BinpackField::Memory => (memory, freed.memory),
    };
    left.map_or(u64::MAX, |left| left.saturating_add(freed))
}

/// The `count` members out of `candidates` that go first. Their seats are counted in `request` as they go.
pub(crate) fn going(ledger: &Ledger<'_>, request: &Request<'_>, members: &[Member], candidates: &[usize], count: usize) -> Vec<usize> {
    let range = ledger.range(request.cluster);
    let plain = |index: usize| (members[index].protected, members[index].available, Reverse(members[index].created_at));
    let mut staying = candidates.to_vec();
    if range.len() < 2 {
        staying.sort_by_key(|index| plain(*index));
        staying.truncate(count);
        return staying;
    }
    let strategies = strategies(request);
    let mut counts = vec![0; range.len()];
    candidates.iter().filter_map(|index| members[*index].seat).for_each(|seat| counts[seat - range.start] += 1);
    let mut freed = vec![Charge::default(); range.len()];
    let mut gone = Vec::with_capacity(count);
    while gone.len() < count {
        let key = |index: usize| {
            let (protected, available, created_at) = plain(index);
            let by_strategy = strategies.iter().map(|strategy| {
                Reverse(match (members[index].seat, strategy) {
                    (Some(seat), PlacementStrategy::Spread(field)) => {
                        u64::try_from(tasks_like(ledger, request, &counts, field, seat)).unwrap_or(u64::MAX)
                    }
                    (Some(seat), PlacementStrategy::Binpack(field)) => left(ledger, *field, seat, freed[seat - range.start]),
                    (None, _) | (_, PlacementStrategy::Random) => 0,
                })
            });
            (protected, available, by_strategy.collect::<Vec<_>>(), created_at)
        };
        let Some(at) = (0..staying.len()).min_by_key(|at| key(staying[*at])) else { break };
        let index = staying.remove(at);
        if let Some(seat) = members[index].seat {
            counts[seat - range.start] -= 1;
            let own = &mut freed[seat - range.start];
            (own.cpu, own.memory) = (own.cpu + request.charge.cpu, own.memory + request.charge.memory);
        }
        gone.push(index);
    }
    gone
}
