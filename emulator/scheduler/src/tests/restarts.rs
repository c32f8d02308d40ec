//! `restartPolicy`: the same container is started again, its task and its targets stay (ecs.md 1.8).

use std::time::Duration;

use model::{Change, ContainerStatus, StopCode, TaskStatus};

use super::fleet::Fleet;
use super::setup::{Setup, container, optional, restarting, web};
use crate::Work;

fn fleet(seconds: u64) -> Fleet {
    Fleet::running_for(&[Setup { containers: vec![restarting(web())], ..Setup::new("users", 1) }], seconds)
}

/// What became of the first task: `runs` and how often its container was started again, or how it ended.
fn outcome(fleet: &Fleet) -> String {
    let task = fleet.tasks("users")[0];
    let record = &task.containers[0];
    match &task.stop {
        None => format!("runs, {} restarts", record.restart_count),
        Some(stop) => format!("{}, exit code {:?}, {} restarts", stop.code.as_str(), record.exit_code.unwrap(), record.restart_count),
    }
}

#[test]
fn an_end_is_a_restart_or_the_end_of_the_task() {
    for (ran, code, expected) in [
        (70, 1, "runs, 1 restarts"),
        (70, 0, "runs, 1 restarts"),
        (70, 137, "runs, 1 restarts"),
        (70, 7, "EssentialContainerExited, exit code 7, 0 restarts"),
        (70, -1, "EssentialContainerExited, exit code -1, 0 restarts"),
        (50, 1, "EssentialContainerExited, exit code 1, 0 restarts"),
    ] {
        let mut fleet = fleet(ran);
        let id = fleet.running("users")[0].clone();
        fleet.exit(&id, code, false);
        fleet.run(5);
        assert_eq!(outcome(&fleet), expected, "code {code} after {ran} s");
        fleet.assert_steady("users");
    }
}

#[test]
fn task_target_and_container_are_the_same_after_it() {
    let mut fleet = fleet(70);
    let before = fleet.tasks("users")[0].clone();
    let (steps, events) = (fleet.steps.len(), fleet.events("users").len());
    let id = fleet.running("users")[0].clone();
    fleet.slowness = 1000;
    fleet.exit(&id, 1, false);
    fleet.settle();
    let meanwhile = fleet.tasks("users")[0];
    assert_eq!((meanwhile.last_status, meanwhile.containers[0].last_status), (TaskStatus::Running, ContainerStatus::Running));
    assert!(meanwhile.containers[0].restarting && matches!(fleet.busy.iter().next(), Some(Work::Start { .. })), "{meanwhile:?}");
    fleet.run(2);
    let after = fleet.tasks("users")[0];
    assert_eq!((after.id.clone(), after.containers[0].runtime_id.clone()), (before.id, Some(id.clone())));
    assert_eq!((after.containers[0].restarting, after.started_at), (false, before.started_at));
    assert_eq!(fleet.running("users"), [id]);
    let targets = fleet.steps[steps..].iter().filter(|step| matches!(step, model::Step::PutTarget { .. } | model::Step::RemoveTarget { .. }));
    assert_eq!((targets.count(), fleet.events("users").len()), (0, events), "nothing is registered, nothing is said");
}

#[test]
fn one_that_ends_again_at_once_ends_its_task() {
    let mut fleet = fleet(70);
    let id = fleet.running("users")[0].clone();
    fleet.exit(&id, 1, false);
    fleet.run(3);
    fleet.exit(&id, 1, false);
    fleet.run(5);
    assert_eq!(outcome(&fleet), "EssentialContainerExited, exit code 1, 1 restarts");
    // And so does one that has ended before its start was looked at, or that cannot be started.
    let mut fleet = self::fleet(70);
    let id = fleet.running("users")[0].clone();
    fleet.script.fail_starts = 1;
    fleet.exit(&id, 1, false);
    fleet.run(5);
    let task = fleet.tasks("users")[0];
    assert_eq!(task.stop.as_ref().unwrap().code, StopCode::EssentialContainerExited);
    assert!(task.containers[0].reason.as_ref().unwrap().starts_with("CannotStartContainerError"));
    let mut fleet = self::fleet(70);
    let id = fleet.running("users")[0].clone();
    fleet.slowness = 1000;
    fleet.exit(&id, 1, false);
    fleet.settle();
    let ended = fleet.engine[&id].clone();
    fleet.fact(&model::Fact::Seen(ended.clone()));
    fleet.settle();
    assert!(fleet.tasks("users")[0].is_live(), "the same end, told twice");
    fleet.forget_work();
    fleet.busy.clear();
    fleet.fact(&model::Fact::Started(ended));
    fleet.settle();
    assert!(!fleet.tasks("users")[0].is_live(), "the end of the next run, told by its start");
}

#[test]
fn an_optional_container_is_started_again_as_well_and_a_pause_is_not() {
    let mut fleet = Fleet::running_for(&[Setup { containers: vec![web(), restarting(optional(container("side")))], ..Setup::new("users", 1) }], 70);
    let id = fleet.engine.values().find(|seen| seen.container.as_str() == "side").unwrap().id.clone();
    fleet.exit(&id, 0, false);
    fleet.run(3);
    assert_eq!(fleet.tasks("users")[0].containers[1].restart_count, 1);
    assert_eq!(fleet.engine[&id].state, model::RunState::Running);
    let mut setup = super::setup::awsvpc("users", 1);
    setup.containers = setup.containers.into_iter().map(restarting).collect();
    let mut fleet = Fleet::running_for(&[setup], 70);
    let pause = fleet.engine.values().find(|seen| seen.container.is_pause()).unwrap().id.clone();
    fleet.exit(&pause, 137, false);
    fleet.run(5);
    assert!(!fleet.tasks("users")[0].is_live());
    fleet.assert_steady("users");
}

#[test]
fn a_task_that_is_to_stop_starts_nothing_again() {
    for at_work in [false, true] {
        let mut fleet = fleet(70);
        let id = fleet.running("users")[0].clone();
        fleet.slowness = 2000;
        fleet.exit(&id, 1, false);
        if at_work {
            fleet.settle();
            assert!(fleet.busy.iter().any(|work| matches!(work, Work::Start { .. })));
        }
        let task = fleet.tasks("users")[0].id.clone();
        fleet.apply(Change::StopTask { task: task.clone(), reason: None });
        fleet.run_for(Duration::from_secs(10));
        assert_eq!(fleet.world.tasks[&task].last_status, TaskStatus::Stopped);
        assert!(!fleet.world.tasks[&task].containers[0].restarting);
        assert!(fleet.engine.values().all(|seen| seen.task != task || seen.state != model::RunState::Running), "{at_work}");
        fleet.assert_steady("users");
    }
}

#[test]
fn a_daemon_that_dies_during_a_restart_goes_on_with_it() {
    for seed in 0..8 {
        let mut fleet = fleet(70);
        let id = fleet.running("users")[0].clone();
        (fleet.slowness, fleet.script.crashes) = (1000, 0);
        fleet.seed(seed);
        fleet.exit(&id, 1, false);
        fleet.settle();
        fleet.crash();
        fleet.run(3);
        assert_eq!(outcome(&fleet), "runs, 1 restarts", "seed {seed}");
        assert_eq!(fleet.running("users"), [id]);
    }
}
