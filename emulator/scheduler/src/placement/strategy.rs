//! Which instance gets the next task, and which task goes first (ecs.md 3.3).
//!
//! Where strategies leave several alike: a launch takes the instance with the fewest tasks of all, then the first by name; of the tasks
//! that may go, the not yet healthy goes first, then the newest (the oldest are the
//! warmest), then the one on the last instance by name.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::{BinpackField, ClusterName, Ids, Placement, PlacementStrategy, SpreadField};

use super::fit::Request;
use super::ledger::{Charge, Ledger};
use crate::rollout::Member;

/// The strategies of a request, with what is asked of instances again and again looked up once.
#[derive(Debug)]
pub(crate) struct Preference {
    strategies: Vec<Prepared>,
}

#[derive(Debug)]
enum Prepared {
    Random,
    /// Which instances are alike: a number for each of the cluster's; `None` for one that takes no tasks, where what is there will be elsewhere.
    Spread(Vec<Option<usize>>),
    Binpack(BinpackField),
}

impl Preference {
    /// Of a service, whose tasks are spread where it names no strategy, or of tasks that run by themselves.
    pub(crate) fn new(ledger: &Ledger<'_>, cluster: &ClusterName, placement: &Placement, of_service: bool) -> Self {
        let range = ledger.range(cluster);
        if range.len() < 2 {
            return Self { strategies: Vec::new() };
        }
        let default = if placement.strategy.is_empty() && of_service { PlacementStrategy::of_services() } else { Vec::new() };
        let alike = |field: &SpreadField| {
            let mut known = Vec::new();
            let number = |place: usize| {
                let seat = &ledger.seats[place];
                let value = match field {
                    SpreadField::InstanceId => Some(seat.instance.spec.name.as_str().to_owned()),
                    SpreadField::Attribute(name) => ledger.world.attribute(seat.instance, name).map(std::borrow::Cow::into_owned),
                };
                seat.is_active().then(|| {
                    known.iter().position(|other| *other == value).unwrap_or_else(|| {
                        known.push(value);
                        known.len() - 1
                    })
                })
            };
            range.clone().map(number).collect()
        };
        let prepare = |strategy: &PlacementStrategy| match strategy {
            PlacementStrategy::Random => Prepared::Random,
            PlacementStrategy::Spread(field) => Prepared::Spread(alike(field)),
            PlacementStrategy::Binpack(field) => Prepared::Binpack(*field),
        };
        Self { strategies: placement.strategy.iter().chain(&default).map(prepare).collect() }
    }
}

/// One of the candidates; `None` of none.
pub(super) fn choose(ledger: &Ledger<'_>, request: &Request<'_>, mut candidates: Vec<usize>, ids: &mut Ids) -> Option<usize> {
    let begin = ledger.range(request.cluster).start;
    if candidates.len() > 1 {
        for strategy in &request.preference.strategies {
            match strategy {
                Prepared::Random => {
                    let count = u64::try_from(candidates.len()).unwrap_or(1);
                    let chosen = usize::try_from(ids.next_u64() % count).unwrap_or_default();
                    candidates = vec![candidates[chosen]];
                }
                Prepared::Spread(alike) => {
                    let totals = totals(alike, &request.counts);
                    keep(&mut candidates, |place| Reverse(total(alike, &totals, place - begin)));
                }
                Prepared::Binpack(field) => keep(&mut candidates, |place| Reverse(left(ledger, *field, place, Charge::default()))),
            }
        }
    }
    candidates.into_iter().min_by_key(|place| (ledger.seats[*place].others, *place))
}

/// Leaves those with the greatest key.
fn keep<K: Ord + Copy>(candidates: &mut Vec<usize>, key: impl Fn(usize) -> K) {
    let greatest = candidates.iter().map(|place| key(*place)).max();
    candidates.retain(|place| Some(key(*place)) == greatest);
}

/// How many tasks of the group are on instances that are alike, by their number.
fn totals(alike: &[Option<usize>], counts: &[usize]) -> Vec<usize> {
    let mut totals = vec![0; alike.len()];
    alike.iter().zip(counts).filter_map(|(number, count)| Some(((*number)?, count))).for_each(|(number, count)| totals[number] += count);
    totals
}

fn total(alike: &[Option<usize>], totals: &[usize], seat: usize) -> usize {
    alike[seat].map_or(0, |number| totals[number])
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

/// The `count` members out of `candidates` that go first.
pub(crate) fn going(ledger: &Ledger<'_>, request: &Request<'_>, members: &[Member], candidates: &[usize], count: usize) -> Vec<usize> {
    let begin = ledger.range(request.cluster).start;
    let mut order = candidates.to_vec();
    order.sort_by_key(|index| (members[*index].protected, members[*index].available, Reverse(members[*index].created_at)));
    if request.preference.strategies.is_empty() {
        order.truncate(count);
        return order;
    }
    // Those that are alike but for their instance, by instance, the first to go at the end.
    let mut left_over: BTreeMap<(bool, bool), BTreeMap<Option<usize>, Vec<usize>>> = BTreeMap::new();
    for index in order.into_iter().rev() {
        let member = &members[index];
        left_over.entry((member.protected, member.available)).or_default().entry(member.seat.map(|seat| seat - begin)).or_default().push(index);
    }
    let mut leaving = Leaving { counts: vec![0; request.counts.len()], freed: vec![Charge::default(); request.counts.len()], begin };
    candidates.iter().filter_map(|index| members[*index].seat).for_each(|seat| leaving.counts[seat - begin] += 1);
    let mut gone = Vec::with_capacity(count);
    for by_seat in left_over.values_mut() {
        while gone.len() < count && !by_seat.is_empty() {
            let seats = leaving.first(ledger, &request.preference, by_seat.keys().copied().collect());
            let newest = |seat: &Option<usize>| by_seat[seat].last().map(|index| members[*index].created_at);
            let Some(seat) = seats.into_iter().max_by_key(|seat| (newest(seat), *seat)) else { break };
            let Some(stack) = by_seat.get_mut(&seat) else { break };
            gone.extend(stack.pop());
            if stack.is_empty() {
                by_seat.remove(&seat);
            }
            leaving.note(seat, request.charge);
        }
    }
    gone
}

/// What instances look like as tasks go.
struct Leaving {
    counts: Vec<usize>,
    freed: Vec<Charge>,
    begin: usize,
}

impl Leaving {
    /// The instances that the next task goes from, of those given.
    fn first(&self, ledger: &Ledger<'_>, preference: &Preference, mut seats: Vec<Option<usize>>) -> Vec<Option<usize>> {
        for strategy in &preference.strategies {
            let keys: Vec<u64> = match strategy {
                Prepared::Random => continue,
                Prepared::Spread(alike) => {
                    let totals = totals(alike, &self.counts);
                    let key = |seat: &Option<usize>| seat.map_or(0, |seat| u64::try_from(total(alike, &totals, seat)).unwrap_or(u64::MAX));
                    seats.iter().map(key).collect()
                }
                Prepared::Binpack(field) => {
                    let key = |seat: &Option<usize>| seat.map_or(0, |seat| left(ledger, *field, self.begin + seat, self.freed[seat]));
                    seats.iter().map(key).collect()
                }
            };
            let greatest = keys.iter().max().copied();
            let mut keys = keys.into_iter();
            seats.retain(|_| keys.next() == greatest);
        }
        seats
    }

    fn note(&mut self, seat: Option<usize>, charge: Charge) {
        if let Some(seat) = seat {
            self.counts[seat] = self.counts[seat].saturating_sub(1);
            self.freed[seat].add(charge);
        }
    }
}
