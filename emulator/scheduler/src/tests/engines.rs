//! Container instances on more than one engine: one that cannot be reached holds up nothing on the others.

use std::collections::BTreeSet;

use model::{Change, ContainerStatus, EngineName, InstanceStatus, RunState, TaskStatus};

use super::fleet::{Fleet, other};
use super::placement::{on_two_engines, set, setup};
use super::setup::key;
use crate::Work;

const TWO: [(&str, &str, u32); 2] = [("a1", "za", 1024), ("b1", "zb", 1024)];

/// Two tasks of a service, one on each engine.
fn fleet() -> Fleet {
    let mut fleet = Fleet::new(&[setup("users", 2, 256)]);
    fleet.world.apply(on_two_engines(&TWO), fleet.now, &mut fleet.ids).unwrap();
    fleet.run(60);
    assert_eq!(engines(&fleet), [EngineName::own(), other()].into());
    fleet
}

fn engines(fleet: &Fleet) -> BTreeSet<EngineName> {
    fleet.world.tasks.values().filter(|task| task.is_live()).map(|task| task.engine.clone()).collect()
}

fn lose(fleet: &mut Fleet, engine: &EngineName) {
    fleet.observed.listed.remove(engine);
    fleet.observed.away.insert(engine.clone());
}

#[test]
fn absence_proves_nothing_of_an_engine_that_was_not_listed() {
    let mut fleet = fleet();
    lose(&mut fleet, &other());
    fleet.observed.containers.retain(|_, seen| seen.engine != other());
    fleet.run(10);
    assert_eq!(fleet.world.tasks.values().filter(|task| task.last_status == TaskStatus::Running).count(), 2);
    fleet.observed.away.clear();
    fleet.observed.listed.insert(other());
    fleet.settle();
    let vanished = fleet.world.tasks.values().filter(|task| !task.is_live()).map(|task| &task.engine);
    assert_eq!(vanished.collect::<Vec<_>>(), [&other()], "listed, and not there");
}

#[test]
fn what_is_lost_where_the_engine_answers_is_replaced_there() {
    let mut fleet = fleet();
    lose(&mut fleet, &other());
    let own = fleet.engine.values().find(|seen| seen.engine.is_own() && seen.state == RunState::Running).unwrap().id.clone();
    fleet.exit(&own, 1, false);
    fleet.run(20);
    let running: Vec<_> = fleet.world.tasks.values().filter(|task| task.last_status == TaskStatus::Running).collect();
    assert_eq!((running.len(), engines(&fleet).len()), (2, 2), "{running:?}");
}

#[test]
fn what_is_to_stop_where_no_engine_answers_waits_for_it() {
    let mut fleet = fleet();
    lose(&mut fleet, &other());
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    fleet.run(60);
    let left: Vec<_> = fleet.world.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped).collect();
    assert_eq!(left.iter().map(|task| &task.engine).collect::<Vec<_>>(), [&other()]);
    assert_eq!(left[0].containers[0].last_status, ContainerStatus::Running);
    fleet.observed.away.clear();
    fleet.observed.listed.insert(other());
    fleet.run(60);
    assert!(fleet.world.tasks.values().all(|task| task.last_status == TaskStatus::Stopped));
}

#[test]
fn a_draining_instance_leaves_its_engine_for_the_other() {
    let mut fleet = fleet();
    fleet.apply(set("b1", InstanceStatus::Draining));
    fleet.run(90);
    assert_eq!(engines(&fleet), [EngineName::own()].into());
}

#[test]
fn a_container_that_nobody_knows_is_removed_where_it_is() {
    let mut fleet = fleet();
    let mut stray = fleet.engine.values().find(|seen| seen.engine == other()).unwrap().clone();
    (stray.id, stray.task) = (model::ContainerId::from_text("stray"), model::TaskId::from_text("unknown"));
    fleet.observed.containers.insert(stray.id.clone(), stray);
    let input = crate::Input { world: &fleet.world, observed: &fleet.observed, busy: &fleet.busy, pace: &fleet.pace, now: fleet.now };
    let plan = crate::plan(&input, &mut fleet.ids);
    assert_eq!(plan.actions, [Work::Remove { engine: other(), id: model::ContainerId::from_text("stray") }]);
}
