//! Container instances: what they take, what strategies choose, how they drain (ecs.md 3.3 and 6).

use std::collections::BTreeMap;

use model::{
    BinpackField, Change, ClusterQuery, EngineName, EngineResources, InstanceName, InstanceSpec, InstanceStatus, Placement, PlacementConstraint,
    PlacementStrategy, RunTask, SpreadField, TaskOverrides,
};

use super::fleet::{Fleet, other};
use super::setup::{Setup, cluster, container, key, web};

/// A container that reserves so many CPU units and MiB.
fn sized(cpu: u32, memory: u32) -> Vec<model::ContainerDefinition> {
    vec![model::ContainerDefinition { cpu, memory: Some(memory), ..web() }]
}

/// A service whose definitions say nothing of the whole task.
pub(super) fn setup(name: &'static str, desired: u32, cpu: u32) -> Setup {
    Setup { containers: sized(cpu, 64), whole_cpu: false, ..Setup::new(name, desired) }
}

/// Instances by name, zone and CPU units, each with 1024 MiB.
pub(super) fn instances(given: &[(&str, &str, u32)]) -> Change {
    let spec = |(name, zone, cpu): &(&str, &str, u32)| InstanceSpec {
        name: InstanceName::new(name).unwrap(),
        engine: EngineName::own(),
        cpu: Some(*cpu),
        memory: Some(1024),
        attributes: BTreeMap::from([("ecs.availability-zone".to_owned(), (*zone).to_owned())]),
    };
    let instances = given.iter().map(spec).map(|spec| (spec.name.clone(), spec)).collect();
    Change::PutContainerInstances { cluster: cluster(), instances }
}

/// The same, with those whose name begins with `b` on the other engine.
pub(super) fn on_two_engines(given: &[(&str, &str, u32)]) -> Change {
    let Change::PutContainerInstances { cluster, mut instances } = instances(given) else { unreachable!() };
    instances.values_mut().filter(|spec| spec.name.as_str().starts_with('b')).for_each(|spec| spec.engine = other());
    Change::PutContainerInstances { cluster, instances }
}

pub(super) const THREE: [(&str, &str, u32); 3] = [("a1", "za", 1024), ("a2", "za", 1024), ("b1", "zb", 1024)];

fn fleet(setups: &[Setup], given: &[(&str, &str, u32)]) -> Fleet {
    let mut fleet = Fleet::new(setups);
    fleet.world.apply(instances(given), fleet.now, &mut fleet.ids).unwrap();
    fleet.run(15);
    fleet
}

pub(super) fn set(name: &str, status: InstanceStatus) -> Change {
    Change::SetContainerInstanceStatus { cluster: cluster(), name: InstanceName::new(name).unwrap(), status }
}

/// How many live tasks of a service each instance has: `a1:1 b1:2`.
fn where_they_are(fleet: &Fleet, service: &str) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in fleet.tasks(service).into_iter().filter(|task| task.is_live()) {
        *counts.entry(task.instance.as_str()).or_default() += 1;
    }
    counts.iter().map(|(name, count)| format!("{name}:{count}")).collect::<Vec<_>>().join(" ")
}

fn scale(fleet: &mut Fleet, desired_count: u32) {
    fleet.apply(Change::Scale { service: key("users"), desired_count });
    fleet.run(12);
}

fn with(setup: Setup, constraints: Vec<PlacementConstraint>, strategy: Vec<PlacementStrategy>) -> Setup {
    Setup { placement: Placement { constraints, strategy }, ..setup }
}

fn member_of(text: &str) -> PlacementConstraint {
    PlacementConstraint::MemberOf(ClusterQuery::parse(text).unwrap())
}

#[test]
fn tasks_are_spread_over_zones_then_over_instances() {
    let mut fleet = fleet(&[setup("users", 4, 128)], &THREE);
    fleet.assert_steady("users");
    assert_eq!(where_they_are(&fleet, "users"), "a1:1 a2:1 b1:2");
    scale(&mut fleet, 7);
    assert_eq!(where_they_are(&fleet, "users"), "a1:2 a2:2 b1:3");
    scale(&mut fleet, 3);
    // From the zone with the most, and there from the instance with the most.
    assert_eq!(where_they_are(&fleet, "users"), "a1:1 a2:1 b1:1");
    scale(&mut fleet, 2);
    assert_eq!(where_they_are(&fleet, "users"), "a1:1 b1:1");
    scale(&mut fleet, 0);
    fleet.assert_steady("users");
}

#[test]
fn a_strategy_that_fills_up_leaves_the_fullest() {
    let binpack = vec![PlacementStrategy::Binpack(BinpackField::Cpu)];
    let mut fleet = fleet(&[with(setup("users", 3, 256), vec![], binpack)], &THREE);
    assert_eq!(where_they_are(&fleet, "users"), "a1:3");
    scale(&mut fleet, 5);
    assert_eq!(where_they_are(&fleet, "users"), "a1:4 a2:1");
    scale(&mut fleet, 4);
    assert_eq!(where_they_are(&fleet, "users"), "a1:4");
    let spread = vec![PlacementStrategy::Spread(SpreadField::InstanceId), PlacementStrategy::Binpack(BinpackField::Memory)];
    let mut fleet = self::fleet(&[with(setup("users", 3, 256), vec![], spread)], &THREE);
    assert_eq!(where_they_are(&fleet, "users"), "a1:1 a2:1 b1:1");
    scale(&mut fleet, 1);
    fleet.assert_steady("users");
    let mut fleet = self::fleet(&[with(setup("users", 9, 256), vec![], vec![PlacementStrategy::Random])], &THREE);
    fleet.assert_steady("users");
    scale(&mut fleet, 2);
    fleet.assert_steady("users");
}

/// The event that says why a task is not placed, without its frame.
fn why(fleet: &Fleet) -> String {
    let events = fleet.events("users");
    let found = events.iter().rev().find(|event| event.contains("was unable to place a task")).cloned().unwrap_or_default();
    let found = found.split_once("met all of its requirements. ").map_or(String::new(), |(_, rest)| rest.to_owned());
    found.split_once(" For more information").map_or(String::new(), |(why, _)| why.to_owned())
}

#[test]
fn what_is_not_placed_says_why_and_goes_on_when_there_is_room() {
    let mut fleet = fleet(&[setup("users", 13, 256)], &THREE);
    assert_eq!(where_they_are(&fleet, "users"), "a1:4 a2:4 b1:4");
    assert_eq!(why(&fleet), "The closest matching (container-instance a1) has insufficient CPU units available.");
    assert_eq!(fleet.waiting, ["no container instance takes a task of users: it needs 256 CPU units, the closest, a1, has 0 of 1024 left"]);
    assert_eq!(fleet.hopeless.len(), 1);
    assert!(fleet.hopeless[0].hint.contains("`cpu: 1280` on a1 in `containerInstances`"), "{:?}", fleet.hopeless);
    fleet.apply(instances(&[("a1", "za", 1280), ("a2", "za", 1024), ("b1", "zb", 1024)]));
    fleet.run(12);
    fleet.assert_steady("users");
    assert_eq!(where_they_are(&fleet, "users"), "a1:5 a2:4 b1:4");
    assert_eq!(fleet.hopeless, []);
}

#[test]
fn every_filter_has_its_sentence() {
    let big = Setup { containers: sized(64, 2000), whole_cpu: false, ..Setup::new("users", 1) };
    let port = Setup {
        containers: {
            let mut taken = sized(64, 64);
            taken[0].port_mappings[0].host_port = 8080;
            taken
        },
        whole_cpu: false,
        ..Setup::new("users", 2)
    };
    let nowhere = Setup { member_of: vec![ClusterQuery::parse("attribute:disk == ssd").unwrap()], ..setup("users", 1, 64) };
    let distinct = with(setup("users", 4, 64), vec![PlacementConstraint::DistinctInstance], vec![]);
    for (setup, sentence, placed) in [
        (setup("users", 1, 2048), "The closest matching (container-instance a1) has insufficient CPU units available.", ""),
        (big, "The closest matching (container-instance a1) has insufficient memory available.", ""),
        (port, "The closest matching (container-instance a1) is already using a port required by your task.", "a1:1"),
        (nowhere, "The closest matching (container-instance a1) encountered error \"MemberOf placement constraint unsatisfied.\"", ""),
        (
            distinct,
            "The closest matching (container-instance a1) encountered error \"DistinctInstance placement constraint unsatisfied.\"",
            "a1:1 a2:1 b1:1",
        ),
        (
            with(setup("users", 1, 64), vec![member_of("runningTasksCount > 7")], vec![]),
            "The closest matching (container-instance a1) encountered error \"MemberOf placement constraint unsatisfied.\"",
            "",
        ),
    ] {
        let fleet = fleet(&[setup], &THREE);
        assert_eq!((why(&fleet).as_str(), where_they_are(&fleet, "users").as_str()), (sentence, placed));
        assert_eq!((fleet.waiting.len(), fleet.hopeless.len()), (1, 1), "{sentence}");
    }
    let mut fleet = fleet(&[setup("users", 1, 64)], &THREE);
    ["a1", "a2", "b1"].into_iter().for_each(|name| fleet.apply(set(name, InstanceStatus::Draining)));
    fleet.run(5);
    assert_eq!(why(&fleet), "Reason: No Container Instances were found in your cluster.");
    assert_eq!(where_they_are(&fleet, "users"), "a1:1", "what runs stays where nothing replaces it");
    fleet.observed.away.insert(EngineName::own());
    fleet.apply(set("a2", InstanceStatus::Active));
    assert_eq!(why(&fleet), "The closest matching (container-instance a2) doesn't have the agent connected.");
    assert_eq!(fleet.hopeless, [], "it may come back");
    fleet.observed.away.clear();
    fleet.run(12);
    fleet.assert_steady("users");
    assert_eq!(where_they_are(&fleet, "users"), "a2:1");
}

#[test]
fn a_draining_instance_empties_within_the_percentages() {
    let mut fleet = fleet(&[setup("users", 4, 128)], &THREE);
    fleet.apply(set("b1", InstanceStatus::Draining));
    // As many are healthy at every moment as before: the checks of every plan see to that.
    fleet.run(20);
    fleet.assert_steady("users");
    assert_eq!(where_they_are(&fleet, "users"), "a1:2 a2:2");
    fleet.apply(set("b1", InstanceStatus::Active));
    fleet.run(5);
    assert_eq!(where_they_are(&fleet, "users"), "a1:2 a2:2", "nothing moves by itself");
    scale(&mut fleet, 6);
    assert_eq!(where_they_are(&fleet, "users"), "a1:2 a2:2 b1:2");
    // What has not begun to run stops at once.
    fleet.slowness = 60_000;
    fleet.apply(Change::Scale { service: key("users"), desired_count: 8 });
    assert_eq!(where_they_are(&fleet, "users"), "a1:2 a2:2 b1:4");
    fleet.apply(set("b1", InstanceStatus::Draining));
    assert_eq!(where_they_are(&fleet, "users"), "a1:4 a2:4 b1:2");
}

#[test]
fn percentages_that_leave_no_room_block_a_drain() {
    let fixed = Setup { percent: (100, 100), ..setup("users", 3, 128) };
    let mut fleet = fleet(std::slice::from_ref(&fixed), &THREE);
    fleet.apply(set("b1", InstanceStatus::Draining));
    fleet.run(20);
    assert_eq!(where_they_are(&fleet, "users"), "a1:1 a2:1 b1:1");
    assert!(fleet.events("users").iter().any(|event| event.contains("was unable to stop or start tasks during a deployment")));
    assert_eq!(fleet.hopeless[0].reason, "users may neither stop nor start a task: at least 3 must be healthy, at most 3 may run");
    fleet.apply(Setup { percent: (50, 100), ..fixed }.update(1));
    fleet.run(30);
    fleet.assert_steady("users");
    assert_eq!(where_they_are(&fleet, "users"), "a1:2 a2:1");
}

#[test]
fn a_daemon_has_one_on_each_and_leaves_last() {
    let daemon = Setup { daemon: true, percent: (0, 100), balanced: false, ..setup("agent", 1, 64) };
    let mut fleet = fleet(&[setup("users", 3, 128), daemon], &THREE);
    fleet.assert_steady("agent");
    assert_eq!((where_they_are(&fleet, "agent").as_str(), fleet.service("agent").spec.desired_count), ("a1:1 a2:1 b1:1", 3));
    fleet.apply(set("b1", InstanceStatus::Draining));
    assert_eq!(fleet.service("agent").spec.desired_count, 2);
    let on_b1 = |fleet: &Fleet, name: &str| fleet.tasks(name).iter().any(|task| task.instance.as_str() == "b1" && task.is_live());
    let both = |fleet: &Fleet| (on_b1(fleet, "users"), on_b1(fleet, "agent"));
    assert_eq!(both(&fleet), (true, true));
    fleet.run(2);
    assert_eq!(both(&fleet), (false, true), "its drain takes 5 s");
    fleet.run(20);
    assert_eq!(both(&fleet), (false, false));
    fleet.assert_steady("agent");
    fleet.apply(set("b1", InstanceStatus::Active));
    fleet.run(5);
    assert_eq!(where_they_are(&fleet, "agent"), "a1:1 a2:1 b1:1");
    fleet.apply(instances(&[("a1", "za", 1024), ("c1", "zc", 1024)]));
    fleet.run(30);
    assert_eq!((where_they_are(&fleet, "agent").as_str(), where_they_are(&fleet, "users").as_str()), ("a1:1 c1:1", "a1:2 c1:1"));
    let names: Vec<_> = fleet.world.clusters[&cluster()].instances.keys().map(InstanceName::as_str).collect();
    assert_eq!(names, ["a1", "c1"], "those that are not named any more are gone");
    fleet.assert_steady("agent");
    fleet.assert_steady("users");
}

#[test]
fn a_daemon_runs_where_its_constraints_allow() {
    let daemon = Setup { daemon: true, percent: (0, 100), balanced: false, ..setup("users", 1, 64) };
    let in_za = with(daemon.clone(), vec![member_of("attribute:ecs.availability-zone == za"), member_of("runningTasksCount < 2")], vec![]);
    let mut fleet = fleet(std::slice::from_ref(&in_za), &THREE);
    assert_eq!(where_they_are(&fleet, "users"), "a1:1 a2:1");
    fleet.assert_steady("users");
    let elsewhere = with(daemon, vec![member_of("attribute:ecs.availability-zone == zb")], vec![]);
    fleet.apply(elsewhere.update(1));
    fleet.run(12);
    assert_eq!(where_they_are(&fleet, "users"), "b1:1");
    fleet.assert_steady("users");
}

#[test]
fn a_rolling_deployment_waits_for_the_room_that_stopping_tasks_hold() {
    let full = Setup { percent: (50, 100), ..setup("users", 4, 256) };
    let mut fleet = fleet(std::slice::from_ref(&full), &[("a1", "za", 1024)]);
    fleet.assert_steady("users");
    fleet.apply(full.update(2));
    assert_eq!(fleet.hopeless, [], "tasks stop");
    fleet.run(60);
    fleet.assert_steady("users");
    assert_eq!(why(&fleet), "", "nothing was said of it");
    // With 100 and 200 per cent nothing may stop first, and nothing fits: told at once.
    let rolls = Setup { percent: (100, 200), ..full };
    fleet.apply(rolls.update(3));
    assert_eq!((fleet.hopeless.len(), where_they_are(&fleet, "users").as_str()), (1, "a1:4"));
}

#[test]
fn a_deployment_that_rolls_in_parts_is_not_in_vain() {
    let rolls = setup("users", 4, 256);
    let mut fleet = fleet(std::slice::from_ref(&rolls), &[("a1", "za", 1536)]);
    fleet.apply(rolls.update(2));
    assert_eq!((where_they_are(&fleet, "users").as_str(), fleet.hopeless.len()), ("a1:6", 0), "{:?}", fleet.waiting);
    fleet.run(60);
    fleet.assert_steady("users");
    assert!(fleet.tasks("users").iter().filter(|task| task.is_live()).all(|task| task.revision.number == 2));
}

#[test]
fn nobody_waits_in_vain_while_others_make_room() {
    let mut fleet = fleet(&[setup("users", 2, 256), setup("posts", 2, 256)], &[("a1", "za", 1024)]);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 4 });
    assert_eq!(fleet.hopeless.len(), 1);
    fleet.apply(Change::Scale { service: key("posts"), desired_count: 0 });
    assert_eq!((fleet.hopeless.len(), fleet.waiting.len()), (0, 3), "two that drain, and the one that waits for them: {:?}", fleet.waiting);
    fleet.run(20);
    fleet.assert_steady("users");
}

#[test]
fn a_run_task_is_placed_or_refused_in_aws_s_words() {
    let mut fleet = fleet(&[setup("users", 1, 300)], &[("a1", "za", 1024), ("b1", "zb", 1024)]);
    let run = |fleet: &mut Fleet, count, placement| {
        let run = RunTask {
            cluster: cluster(),
            task_definition: "users".parse().unwrap(),
            count,
            overrides: TaskOverrides::default(),
            started_by: None,
            placement,
            placed: None,
            enable_execute_command: false,
        };
        crate::place_run(&fleet.world, &fleet.observed, &run, &mut fleet.ids).unwrap()
    };
    let placed = run(&mut fleet, 6, Placement::default());
    assert_eq!(placed.instances.iter().map(InstanceName::as_str).collect::<Vec<_>>(), ["b1", "a1", "b1", "a1", "b1"]);
    assert_eq!((placed.failures.len(), placed.failures[0].reason.as_str()), (1, "RESOURCE:CPU"));
    assert_eq!(placed.failures[0].instance.as_ref().map(InstanceName::as_str), Some("a1"));
    let distinct = Placement { constraints: vec![PlacementConstraint::DistinctInstance], strategy: vec![] };
    let placed = run(&mut fleet, 3, distinct);
    assert_eq!((placed.instances.len(), placed.failures[0].reason.as_str()), (2, "DistinctInstance placement constraint unsatisfied."));
    let nowhere = Placement { constraints: vec![member_of("agentVersion < 1.0.0")], strategy: vec![] };
    assert_eq!(run(&mut fleet, 1, nowhere).failures[0].reason, "MemberOf placement constraint unsatisfied.");
    fleet.observed.away.insert(EngineName::own());
    assert_eq!(run(&mut fleet, 1, Placement::default()).failures[0].reason, "AGENT");
    let affinity = Placement { constraints: vec![member_of("task:group == service:users")], strategy: vec![] };
    fleet.observed.away.clear();
    let service = &fleet.world.services[&key("users")];
    assert_eq!(service.spec.desired_count, 1);
    let on = fleet.tasks("users")[0].instance.clone();
    let placed = run(&mut fleet, 2, affinity);
    assert_eq!(placed.instances, [on.clone(), on]);
}

#[test]
fn a_state_of_earlier_versions_has_one_instance_with_every_task_on_it() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 12);
    let mut state = serde_json::to_value(&fleet.world).unwrap();
    let remove = |value: &mut serde_json::Value, name: &str| drop(value.as_object_mut().unwrap().remove(name).unwrap());
    remove(&mut state, "engines");
    state["clusters"].as_object_mut().unwrap().values_mut().for_each(|cluster| remove(cluster, "instances"));
    state["tasks"].as_object_mut().unwrap().values_mut().for_each(|task| remove(task, "instance"));
    for service in state["services"].as_object_mut().unwrap().values_mut() {
        remove(&mut service["spec"], "placement");
    }
    let before = fleet.world.tasks.clone();
    fleet.world = serde_json::from_value(state).unwrap();
    assert_eq!(fleet.world.tasks, before);
    fleet.run(5);
    fleet.assert_steady("users");
    assert_eq!(where_they_are(&fleet, "users"), "local:2");
    assert!(fleet.targets("users", model::TargetHealthState::Healthy).iter().all(|key| key.id == "i-1"), "targets keep their names");
}

#[test]
fn an_engine_that_says_what_it_has_bounds_what_is_placed() {
    let lone = vec![model::ContainerDefinition { cpu: 600, ..container("web") }];
    let setup = Setup { containers: lone, whole_cpu: false, balanced: false, ..Setup::new("users", 3) };
    let mut fleet = Fleet::new(&[setup]);
    let resources = EngineResources {
        cpu: 2048,
        memory: 1000,
        architecture: "arm64".into(),
        os_type: "linux".into(),
        host: std::net::Ipv4Addr::LOCALHOST.into(),
    };
    fleet.world.engines.insert(EngineName::own(), resources);
    fleet.run(12);
    assert_eq!(where_they_are(&fleet, "users"), "local:3");
    scale(&mut fleet, 4);
    assert_eq!(why(&fleet), "The closest matching (container-instance local) has insufficient CPU units available.");
}
