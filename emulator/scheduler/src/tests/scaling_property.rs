//! Whatever load comes, whoever interferes: every plan on the way is checked (never outside the bounds because of us, no scale-in during
//! a deployment, planning again adds nothing), and under a constant load the count comes to rest where it belongs.

use model::{Change, Decimal, TargetHealthState};
use proptest::prelude::*;

use super::fleet::Fleet;
use super::scaling::{desired, load, minute, requests, target, update};
use super::setup::{Setup, key};

#[derive(Clone, Debug)]
enum Act {
    /// Requests a minute, for some minutes.
    Load(u32, usize),
    Blind(usize),
    Scale(u32),
    Deploy(u32),
    /// Other bounds.
    Bounds(u32, u32),
    Kill,
    Sicken,
    CrashDaemon,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..1200_u32, 1..18_usize).prop_map(|(requests, minutes)| Act::Load(requests, minutes)),
        1 => (1..6_usize).prop_map(Act::Blind),
        1 => (0..9_u32).prop_map(Act::Scale),
        2 => (1..=3_u32).prop_map(Act::Deploy),
        1 => (0..4_u32, 0..5_u32).prop_map(|(min, more)| Act::Bounds(min, min + more)),
        1 => Just(Act::Kill),
        1 => Just(Act::Sicken),
        2 => Just(Act::CrashDaemon),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_count_follows_the_load_within_its_bounds(
        seed in any::<u64>(), slowness in 0..2000_u64, cooldowns in (0..40_u64, 0..40_u64), acts in prop::collection::vec(act(), 1..10), last in 1..900_u32,
    ) {
        let setup = Setup::new("users", 1);
        let mut bounds = target(1, 6, vec![requests(cooldowns.0, cooldowns.1)]);
        let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
        fleet.seed(seed);
        fleet.slowness = slowness;
        let mut number = 1;
        fleet.apply(update(&setup, number, &bounds, 1));
        for act in acts {
            match act {
                Act::Load(requests, minutes) => drop(load(&mut fleet, requests, minutes)),
                Act::Blind(minutes) => (0..minutes).for_each(|_| minute(&mut fleet, |_, _| None)),
                Act::Scale(desired_count) => fleet.apply(Change::Scale { service: key("users"), desired_count }),
                Act::Deploy(to) => {
                    number = to;
                    let count = desired(&fleet);
                    fleet.apply(update(&setup, number, &bounds, count));
                }
                Act::Bounds(min, max) => {
                    bounds = target(min, max, vec![requests(cooldowns.0, cooldowns.1)]);
                    let count = desired(&fleet);
                    fleet.apply(update(&setup, number, &bounds, count));
                }
                Act::Kill => {
                    let id = fleet.running("users").first().cloned();
                    id.into_iter().for_each(|id| fleet.exit(&id, 137, false));
                }
                Act::Sicken => fleet.judge("users", TargetHealthState::Healthy, false),
                Act::CrashDaemon => fleet.crash(),
            }
            fleet.settle();
        }
        // What a user left outside the bounds stays there until an activity brings it back, and nothing at all has no metric: so it is put
        // where scaling begins.
        let count = bounds.capacity.clamp(desired(&fleet).max(1));
        fleet.apply(Change::Scale { service: key("users"), desired_count: count });
        load(&mut fleet, last, 60);
        let capacity = bounds.capacity;
        let (count, wanted) = (desired(&fleet), capacity.clamp(last.div_ceil(100)));
        // Between nine tenths of the target and the target itself nothing has to happen.
        prop_assert!(count == wanted || near(last, count), "{count} tasks for {last} requests in {capacity:?}");
        let at_rest = load(&mut fleet, last, 20);
        prop_assert!(at_rest.iter().all(|later| *later == count), "it does not come to rest: {at_rest:?}");
        if count > 0 {
            fleet.assert_steady("users");
        }
    }
}

/// Whether the metric is in the band in which neither alarm goes off.
fn near(requests: u32, count: u32) -> bool {
    let value = Decimal::ratio(requests.into(), count.into()).unwrap_or_default();
    value <= Decimal::whole(100) && value >= Decimal::whole(90)
}
