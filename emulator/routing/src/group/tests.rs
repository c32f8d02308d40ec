use std::collections::BTreeMap;

use proptest::prelude::*;

use model::FailOpen;

use super::*;
use crate::testing::{forward, given, head, paths, put_group, put_listener, world};
use crate::{Table, compile};

/// A table whose only group has targets of these states (see [`put_group`]).
fn table(states: &str, previous: Option<&Table>) -> Table {
    let mut world = world();
    put_group(&mut world, "users", states);
    put_listener(&mut world, "front", 80, vec![(vec![paths(&["*"])], forward(&[("users", 1)]))]);
    compile(&world, previous)
}

/// The ports that the next requests go to; 0 for nobody.
fn picks(table: &Table, count: usize) -> Vec<u16> {
    let group = table.groups().next().unwrap();
    let port = |pick| if let Pick::Target(target) = pick { target.key.port } else { 0 };
    std::iter::repeat_with(|| port(group.pick(&head("/"), given(0, 1)))).take(count).collect()
}

#[test]
fn the_eligible_take_turns() {
    let check = |states: &str, expected: &[u16], fail_open: bool| {
        let table = table(states, None);
        assert_eq!(picks(&table, expected.len()), expected, "{states}");
        assert_eq!(table.groups().next().unwrap().is_fail_open(), fail_open, "{states}");
    };
    check("hhh", &[1, 2, 3, 1, 2, 3], false);
    check("huidh-", &[1, 5, 1, 5], false);
    check("uid-", &[1, 2, 1, 2], true);
    check("i", &[1, 1], true);
    check("dd", &[0, 0], false);
    check("--", &[0, 0], false);
    check("", &[0], false);
}

#[test]
fn the_turn_stays_when_others_come_and_go() {
    let check = |steps: &[(&str, &[u16])]| {
        let mut last: Option<Table> = None;
        for (states, expected) in steps {
            let next = table(states, last.as_ref());
            assert_eq!(picks(&next, expected.len()), *expected, "{states} of {steps:?}");
            last = Some(next);
        }
    };
    check(&[("hhh", &[1, 2]), ("hhhh", &[3, 4, 1, 2])]);
    check(&[("hhh", &[1, 2]), ("hh ", &[1, 2, 1])]);
    check(&[("hhh", &[1]), (" hh", &[2, 3, 2]), ("hhh", &[3, 1, 2])]);
    check(&[("hhh", &[1]), ("huh", &[3, 1, 3])]);
    check(&[("hh", &[1]), ("dd", &[0, 0]), ("hh", &[1, 2])]);
    check(&[("hh", &[1]), ("hh", &[2]), ("hh", &[1])]);
}

/// A World whose only group has targets of these states and these attributes.
fn with(states: &str, attributes: TargetGroupAttributes) -> model::World {
    let mut world = world();
    put_group(&mut world, "users", states);
    put_listener(&mut world, "front", 80, vec![(vec![paths(&["*"])], forward(&[("users", 1)]))]);
    world.target_groups.values_mut().for_each(|group| group.spec.attributes = attributes.clone());
    world
}

#[test]
fn too_few_healthy_targets_open_the_group() {
    let check = |states: &str, below_count: u32, below_percentage: Option<u32>, expected: &[u16]| {
        let attributes = TargetGroupAttributes { fail_open: FailOpen { below_count, below_percentage }, ..TargetGroupAttributes::default() };
        let table = compile(&with(states, attributes), None);
        assert_eq!(picks(&table, expected.len()), expected, "{states} {below_count} {below_percentage:?}");
    };
    check("huu", 1, None, &[1, 1]);
    check("huu", 2, None, &[1, 2, 3, 1]);
    check("hhu", 2, None, &[1, 2, 1]);
    check("hhud-", 3, None, &[1, 2, 3, 1]);
    check("hhuu", 1, Some(50), &[1, 2, 1]);
    check("hhuu", 1, Some(51), &[1, 2, 3, 4, 1]);
    check("hhuudddd", 1, Some(50), &[1, 2, 1]);
    check("hu", 2, Some(50), &[1, 2, 1]);
    check("dd", 2, Some(50), &[0]);
}

#[test]
fn the_least_busy_target_is_next() {
    let attributes = TargetGroupAttributes { algorithm: Algorithm::LeastOutstandingRequests, ..TargetGroupAttributes::default() };
    let table = compile(&with("hhh", attributes.clone()), None);
    let enter = |port: u16| table.targets().find(|target| target.key.port == port).map(TargetState::enter);
    assert_eq!(picks(&table, 4), [1, 2, 3, 1], "equals take turns");
    let busy = (enter(1), enter(3), enter(3));
    assert_eq!(picks(&table, 3), [2, 2, 2]);
    let more = (enter(2), enter(2));
    assert_eq!(picks(&table, 3), [1, 1, 1]);
    drop((busy, more));
    let mut again = picks(&table, 3);
    again.sort_unstable();
    assert_eq!(again, [1, 2, 3]);
    assert_eq!(picks(&compile(&with("", attributes), None), 1), [0]);
}

#[test]
fn random_numbers_choose_evenly() {
    let attributes = TargetGroupAttributes { algorithm: Algorithm::WeightedRandom, ..TargetGroupAttributes::default() };
    let table = compile(&with("hhh", attributes.clone()), None);
    let group = table.groups().next().unwrap();
    let mut counts = BTreeMap::new();
    for step in 0..300 {
        let Pick::Target(target) = group.pick(&head("/"), given(u64::MAX / 300 * step + u64::MAX / 600, 1)) else { panic!("nobody") };
        *counts.entry(target.key.port).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([(1, 100), (2, 100), (3, 100)]));
    assert!(matches!(group.pick(&head("/"), given(u64::MAX, 1)), Pick::Target(_)));
    assert!(matches!(compile(&with("", attributes), None).groups().next().unwrap().pick(&head("/"), given(7, 1)), Pick::None));
}

/// How many of 3,000 requests each port gets.
fn shares(table: &Table, at: u64) -> BTreeMap<u16, i32> {
    let group = table.groups().next().unwrap();
    let mut counts = BTreeMap::new();
    let mut random = 1;
    for _ in 0..3000 {
        random = another(random);
        let Pick::Target(target) = group.pick(&head("/"), given(random, at)) else { panic!("nobody") };
        *counts.entry(target.key.port).or_insert(0) += 1;
    }
    counts
}

#[test]
fn the_share_of_a_new_target_grows() {
    let attributes = TargetGroupAttributes { slow_start: Duration::from_secs(30), ..TargetGroupAttributes::default() };
    let healthy_since = |states: &str, since: &[u64]| {
        let mut world = with(states, attributes.clone());
        for (target, since) in world.target_groups.values_mut().flat_map(|group| group.targets.values_mut()).zip(since) {
            target.health.since = Timestamp::from_millis(*since);
        }
        world
    };
    let check = |table: &Table, at: u64, expected: [i32; 3]| {
        for ((port, share), expected) in shares(table, at).into_iter().zip(expected) {
            assert!((share - expected).abs() <= 100, "port {port} got {share} and not {expected} at {at}");
        }
    };
    // The first batch gets everything at once, each alike.
    let first = compile(&healthy_since("hh ", &[1_000, 2_000]), Some(&compile(&healthy_since("ii ", &[1, 1]), None)));
    check(&first, 3_000, [1500, 1500, 0]);
    // Another one comes, is healthy at 10 s, and grows until 40 s.
    let starting = compile(&healthy_since("hhi", &[1_000, 2_000, 1]), Some(&first));
    let grown = compile(&healthy_since("hhh", &[1_000, 2_000, 10_000]), Some(&starting));
    assert_eq!(shares(&grown, 10_000).get(&3), None);
    check(&grown, 25_000, [1250, 1250, 500]);
    check(&grown, 40_000, [1000, 1000, 1000]);
    // Alone with others that start slowly, nobody is spared.
    let alone = compile(&healthy_since("uuh", &[26_000, 26_000, 10_000]), Some(&grown));
    assert_eq!(shares(&alone, 25_000), BTreeMap::from([(3, 3000)]));
    // In an open group the unwell are nobody that a slow start could rely on.
    let open = TargetGroupAttributes { fail_open: FailOpen { below_count: 2, below_percentage: None }, ..attributes.clone() };
    let mut half = healthy_since("uhh", &[26_000, 2_000, 10_000]);
    half.target_groups.values_mut().for_each(|group| group.spec.attributes = open.clone());
    half.target_groups.values_mut().flat_map(|group| group.targets.values_mut()).nth(1).unwrap().health.state = TargetHealthState::Unhealthy;
    check(&compile(&half, Some(&grown)), 25_000, [1000, 1000, 1000]);
    // Unhealthy and healthy again: from the beginning.
    let sick = compile(&healthy_since("hhu", &[1_000, 2_000, 50_000]), Some(&grown));
    let well = compile(&healthy_since("hhh", &[1_000, 2_000, 60_000]), Some(&sick));
    assert_eq!(shares(&well, 60_000).get(&3), None);
    check(&well, 90_000, [1000, 1000, 1000]);
    // A daemon that begins anew knows nobody who starts slowly.
    check(&compile(&healthy_since("hhh", &[1_000, 2_000, 60_000]), None), 61_000, [1000, 1000, 1000]);
}

proptest! {
    #[test]
    fn everybody_gets_as_many(states in "[huid -]{1,12}", rounds in 1_usize..5, earlier in "[huid -]{0,12}", before in 0_usize..7) {
        let first = table(&earlier, None);
        picks(&first, before);
        let table = table(&states, Some(&first));
        let eligible = table.groups().next().unwrap().eligible().len();
        let mut counts = BTreeMap::new();
        for port in picks(&table, eligible * rounds) {
            *counts.entry(port).or_insert(0) += 1;
        }
        prop_assert_eq!(counts.len(), eligible);
        prop_assert!(counts.values().all(|count| *count == rounds));
    }
}
