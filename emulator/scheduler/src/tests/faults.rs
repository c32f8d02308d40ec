//! Faults on purpose, from their injection to the last trace.

use std::time::Duration;

use model::{AnswerFault, Change, Fault, FaultKind, FaultOrigin, FaultScope, FaultSpec, Refused, TaskStatus};

use super::fleet::Fleet;
use super::setup::{Setup, cluster, key};

const PAUSE: FaultKind = FaultKind::Pause { container: None };

fn spec(fleet: &mut Fleet, kind: FaultKind, percent: u8, seconds: u64) -> Change {
    let id = fleet.ids.fault();
    let scope = FaultScope::Service { name: key("users").name, percent };
    Change::InjectFault(Box::new(FaultSpec { id, cluster: cluster(), scope, kind, lasts: Duration::from_secs(seconds), origin: FaultOrigin::User }))
}

fn inject(fleet: &mut Fleet, kind: FaultKind, percent: u8, seconds: u64) {
    let change = spec(fleet, kind, percent, seconds);
    fleet.apply(change);
}

fn fault(fleet: &Fleet) -> &Fault {
    fleet.world.faults.values().max_by_key(|fault| fault.started_at).unwrap()
}

#[test]
fn a_pause_ends_with_its_time() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 4)], 20);
    inject(&mut fleet, PAUSE, 50, 30);
    fleet.run(1);
    assert_eq!((fleet.frozen.len(), fault(&fleet).status()), (2, "ACTIVE"));
    fleet.run(28);
    assert_eq!(fleet.frozen.len(), 2);
    fleet.run(2);
    assert_eq!((fleet.frozen.len(), fault(&fleet).status(), fault(&fleet).struck.len()), (0, "OVER", 2));
    let told = fleet.events("users");
    assert!(told.iter().any(|line| line.starts_with("(service users) is under fault-") && line.contains(": pause for 30 s, (task ")), "{told:#?}");
    assert!(told.iter().any(|line| line.starts_with("(service users) fault-") && line.ends_with(" is over.")), "{told:#?}");
    fleet.run(600);
    assert!(fleet.world.faults.is_empty(), "it is forgotten");
    assert_eq!(fleet.wake_at, None);
}

#[test]
fn what_a_user_ends_is_undone_at_once() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 20);
    inject(&mut fleet, PAUSE, 100, 300);
    fleet.run(1);
    let id = fault(&fleet).id.clone();
    fleet.apply(Change::EndFault { cluster: cluster(), id });
    fleet.run(1);
    assert_eq!((fleet.frozen.len(), fault(&fleet).is_over()), (0, true));
}

#[test]
fn a_daemon_that_died_carries_on_or_undoes() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 20);
    inject(&mut fleet, PAUSE, 100, 30);
    fleet.run(1);
    fleet.crash();
    fleet.run(1);
    assert_eq!((fleet.frozen.len(), fault(&fleet).status()), (2, "ACTIVE"), "its time goes on");
    // It is away when the time is over.
    fleet.now = fleet.now + Duration::from_secs(100);
    fleet.crash();
    fleet.run(1);
    assert_eq!((fleet.frozen.len(), fault(&fleet).is_over()), (0, true));
}

#[test]
fn a_task_that_is_to_stop_is_let_go_first() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    inject(&mut fleet, PAUSE, 100, 300);
    fleet.run(1);
    let task = fleet.tasks("users")[0].id.clone();
    fleet.apply(Change::StopTask { task: task.clone(), reason: None });
    fleet.run(20);
    assert_eq!((fleet.world.tasks[&task].last_status, fault(&fleet).is_over()), (TaskStatus::Stopped, true));
    fleet.assert_steady("users");
}

#[test]
fn a_cluster_is_gone_when_its_faults_are() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 20);
    inject(&mut fleet, PAUSE, 100, 300);
    fleet.run(1);
    fleet.apply(Change::DeleteCluster(cluster()));
    fleet.run(60);
    assert!(fleet.frozen.is_empty() && fleet.world.faults.is_empty() && fleet.world.clusters.is_empty());
}

#[test]
fn a_kill_is_over_once_it_is_done_and_what_was_killed_is_replaced() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 20);
    inject(&mut fleet, FaultKind::Kill { container: None }, 50, 30);
    fleet.run(1);
    assert_eq!(fault(&fleet).status(), "OVER");
    fleet.run(20);
    fleet.assert_steady("users");
    assert_eq!(fleet.tasks("users").len(), 3);
}

#[test]
fn what_cannot_be_done_is_undone_and_said() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 20);
    fleet.script.fail_faults = 1;
    inject(&mut fleet, PAUSE, 100, 300);
    fleet.run(1);
    assert_eq!((fleet.frozen.len(), fault(&fleet).status(), fault(&fleet).problem.as_deref()), (0, "FAILED", Some("no")));
    assert!(fleet.events("users").iter().any(|line| line.contains("could not be injected: no.")));
}

#[test]
fn a_task_is_frozen_once_and_answered_for_once() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    let answers = FaultKind::Answers(AnswerFault { status: Some(503), delay_millis: 0, percent: 10 });
    for kind in [PAUSE, answers] {
        inject(&mut fleet, kind.clone(), 100, 300);
        let again = spec(&mut fleet, kind, 100, 300);
        let again = fleet.world.apply(again, fleet.now, &mut fleet.ids);
        assert!(matches!(again, Err(Refused::InUse { .. })), "{again:?}");
    }
    fleet.run(1);
    assert!(fleet.world.faults.values().all(Fault::is_active));
    fleet.run(300);
    assert!(fleet.world.faults.values().all(Fault::is_over));
}
