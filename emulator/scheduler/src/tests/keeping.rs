//! What is kept of what has ended, and for how long.

use model::{Change, ContainerId, Fact, RegisteredTarget, RunState, TargetGroupSpec, TargetHealthState, TaskStatus};

use super::fleet::Fleet;
use super::setup::{Setup, container, key};
use crate::{Pace, Work};

fn exited(fleet: &Fleet) -> usize {
    fleet.engine.values().filter(|seen| matches!(seen.state, RunState::Exited { .. })).count()
}

#[test]
fn the_last_crashed_containers_stay_for_their_logs() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    for _ in 0..4 {
        fleet.exit(&fleet.running("users")[0].clone(), 1, false);
        fleet.run(20);
    }
    assert_eq!((exited(&fleet), fleet.tasks("users").len()), (2, 5));
    fleet.run(480);
    assert_eq!(exited(&fleet), 2);
    fleet.run(85);
    assert_eq!(exited(&fleet), 1, "ten minutes after the end, woken by the clock alone");
    fleet.run(20);
    assert_eq!((exited(&fleet), fleet.tasks("users").len()), (0, 5));
    fleet.run(3600);
    assert_eq!(fleet.tasks("users").len(), 1, "an hour after the end");
    fleet.assert_steady("users");
    assert_eq!(fleet.wake_at, None);
}

#[test]
fn a_task_that_failed_its_health_checks_keeps_its_container_too() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    fleet.judge("users", TargetHealthState::Healthy, false);
    fleet.run(30);
    assert!(fleet.tasks("users")[0].stop.as_ref().unwrap().reason.starts_with("Task failed ELB health checks"));
    assert_eq!((exited(&fleet), fleet.engine.len()), (1, 2));
    fleet.run(600);
    assert_eq!((exited(&fleet), fleet.engine.len()), (0, 1));
}

#[test]
fn what_was_stopped_on_purpose_leaves_no_container() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 20);
    let task = fleet.tasks("users")[0].id.clone();
    fleet.apply(Change::StopTask { task, reason: None });
    fleet.apply(Change::Scale { service: key("users"), desired_count: 1 });
    fleet.run(10);
    assert_eq!((exited(&fleet), fleet.engine.len()), (0, 1));
}

#[test]
fn so_many_stopped_tasks_are_remembered() {
    let mut fleet = Fleet::new(&[Setup::plain("users", 1)]);
    fleet.pace = Pace { stopped_kept: 3, ..Pace::default() };
    for _ in 0..6 {
        fleet.run(20);
        fleet.exit(&fleet.running("users")[0].clone(), 1, false);
    }
    fleet.run(20);
    assert_eq!(fleet.tasks("users").iter().filter(|task| task.last_status == TaskStatus::Stopped).count(), 3);
}

#[test]
fn events_are_the_last_hundred() {
    let mut fleet = Fleet::new(&[Setup { containers: vec![container("web")], ..Setup::plain("users", 1) }]);
    for _ in 0..60 {
        fleet.run(11);
        fleet.exit(&fleet.running("users")[0].clone(), 1, false);
    }
    assert_eq!(fleet.service("users").events.len(), 100);
}

#[test]
fn containers_of_unknown_tasks_are_removed() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 3);
    let mut stray = fleet.engine.values().next().unwrap().clone();
    (stray.id, stray.task) = (ContainerId::from_text("k1"), model::TaskId::from_text("gone"));
    fleet.engine.insert(stray.id.clone(), stray.clone());
    fleet.fact(&Fact::Seen(stray));
    fleet.run(0);
    assert_eq!(fleet.engine.len(), 1);
}

#[test]
fn a_target_that_no_task_stands_behind_stays_until_the_manifest_lets_it_go() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    let change = |fleet: &Fleet, ports: &[u16]| {
        let targets = ports.iter().map(|port| RegisteredTarget { id: [127, 0, 0, 1].into(), port: *port }).collect();
        Change::ModifyTargetGroup(Box::new(TargetGroupSpec { targets, ..fleet.world.target_groups["users"].spec.clone() }))
    };
    let ports = |fleet: &Fleet| -> Vec<u16> {
        let targets = fleet.world.target_groups["users"].targets.iter();
        targets.filter(|(_, target)| target.task.is_none()).map(|(key, _)| key.port).collect()
    };
    fleet.apply(change(&fleet, &[9000, 9001]));
    fleet.run(3600);
    assert_eq!((ports(&fleet), fleet.wake_at), (vec![9000, 9001], None));
    fleet.apply(change(&fleet, &[9000]));
    fleet.run(4);
    assert_eq!(ports(&fleet), [9000, 9001], "it drains for 5 s");
    fleet.run(2);
    assert_eq!(ports(&fleet), [9000]);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    fleet.run(60);
    assert_eq!(ports(&fleet), [9000], "its group has no other");
}

#[test]
fn a_task_s_volumes_are_removed_with_its_last_container() {
    let containers = vec![super::setup::storing(super::setup::web(), None)];
    let mut fleet = Fleet::running_for(&[Setup { containers, volumes: vec!["data"], ..Setup::new("users", 2) }], 20);
    let named =
        |fleet: &Fleet| fleet.volumes.iter().all(|name| name.starts_with("ecs-users-1-data-") && name.len() == "ecs-users-1-data-".len() + 20);
    assert!(fleet.volumes.len() == 2 && named(&fleet), "{:?}", fleet.volumes);
    fleet.apply(model::Change::Scale { service: key("users"), desired_count: 1 });
    fleet.run(30);
    assert_eq!(fleet.volumes.len(), 1);
    // The container of one that crashed is kept for its log, and its volume with it.
    let id = fleet.running("users")[0].clone();
    fleet.exit(&id, 1, false);
    fleet.run(10);
    assert_eq!(fleet.volumes.len(), 2);
    fleet.apply(model::Change::DeleteCluster(super::setup::cluster()));
    fleet.run(60);
    assert_eq!((fleet.volumes.len(), fleet.engine.len(), fleet.world.services.len()), (0, 0, 0));
}

#[test]
fn the_network_of_a_deleted_service_stays_while_a_container_is_made_that_is_to_reach_it() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1), Setup::new("posts", 0)], 20);
    fleet.world.services.get_mut(&key("users")).unwrap().spec.connects_to.insert(key("posts").name);
    fleet.record_change(Change::DeleteService(key("posts")));
    let task = fleet.tasks("users")[0].clone();
    let removes = |fleet: &Fleet| fleet.plan_at(fleet.now).0.actions.contains(&Work::RemoveNetwork(key("posts")));
    assert!(removes(&fleet));
    fleet.busy.insert(Work::Create { task: task.id.clone(), container: task.containers[0].name.clone() });
    assert!(!removes(&fleet), "it would bring the network back");
}
