//! Deployments under their percentages, static ports, and the replacement of the sick.

use std::time::Duration;

use model::{Change, RolloutState, TargetHealthState};

use super::checks::healthy;
use super::fleet::Fleet;
use super::setup::{Setup, key, web};

fn tasks_of(fleet: &Fleet, number: u32) -> usize {
    fleet.tasks("users").iter().filter(|task| task.is_live() && task.revision.number == number).count()
}

#[test]
fn percentages_say_who_goes_first() {
    // desired, (minimum, maximum), then old and new tasks right after the update
    for (desired, percent, old, new) in
        [(3, (100, 200), 3, 3), (4, (50, 100), 2, 2), (2, (75, 200), 2, 2), (1, (0, 100), 0, 1), (4, (50, 150), 2, 4), (2, (100, 150), 2, 1)]
    {
        let setup = Setup { percent, ..Setup::new("users", desired) };
        let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
        fleet.probe = 1000;
        fleet.apply(setup.update(2));
        assert_eq!((tasks_of(&fleet, 1), tasks_of(&fleet, 2)), (old, new), "{desired} {percent:?}");
        assert_eq!(fleet.service("users").deployments.len(), 2);
        for _ in 0..30 {
            fleet.run(1);
            let well = fleet.tasks("users").iter().filter(|task| healthy(&fleet.world, task, fleet.now, &fleet.pace)).count();
            assert!(well >= usize::try_from(setup.spec().lower_bound()).unwrap());
        }
        fleet.assert_steady("users");
        assert_eq!((tasks_of(&fleet, 1), fleet.service("users").deployments.len()), (0, 1));
    }
}

#[test]
fn percentages_that_leave_no_room_are_said_once() {
    for (desired, percent) in [(1, (100, 100)), (3, (100, 125))] {
        let setup = Setup { percent, ..Setup::new("users", desired) };
        let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
        fleet.apply(setup.update(2));
        fleet.run(60);
        let stuck = "service (users) was unable to stop or start tasks during a deployment because of the service deployment configuration. \
                     Update the minimumHealthyPercent or maximumPercent value and try again.";
        let said = |fleet: &Fleet| fleet.events("users").iter().filter(|event| *event == stuck).count();
        assert_eq!((tasks_of(&fleet, 2), said(&fleet)), (0, 1));
        fleet.run(6 * 3600);
        assert_eq!(said(&fleet), 2, "again after six hours");
        fleet.apply(Setup { percent: (100, 200), ..setup }.update(2));
        fleet.run(12);
        fleet.assert_steady("users");
    }
}

#[test]
fn an_update_during_an_update_leaves_the_newest() {
    let setup = Setup::new("users", 2);
    let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
    fleet.probe = 3000;
    fleet.apply(setup.update(2));
    fleet.run(1);
    fleet.apply(setup.update(3));
    assert_eq!((tasks_of(&fleet, 1), tasks_of(&fleet, 2), tasks_of(&fleet, 3)), (2, 0, 2), "not yet healthy old ones go at once");
    let states = |fleet: &Fleet| fleet.service("users").deployments.iter().map(|one| (one.revision.number, one.status.as_str())).collect::<Vec<_>>();
    assert_eq!(states(&fleet), [(3, "PRIMARY"), (2, "ACTIVE"), (1, "ACTIVE")]);
    fleet.run(20);
    fleet.assert_steady("users");
    assert_eq!(states(&fleet), [(3, "PRIMARY")]);
    assert_eq!(fleet.service("users").deployments[0].rollout_state, RolloutState::Completed);
}

#[test]
fn an_unhealthy_task_is_stopped_after_its_replacement_is_healthy() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    let before = fleet.events("users").len();
    fleet.judge("users", TargetHealthState::Healthy, false);
    fleet.run(0);
    assert_eq!(fleet.running("users").len(), 2, "start first");
    fleet.run(10);
    fleet.assert_steady("users");
    let group = fleet.world.target_groups.values().next().unwrap();
    let arn = fleet.world.target_group_arn(group);
    let events: Vec<_> = fleet.events("users")[before..].iter().map(|event| event.replace(&arn, "ARN")).collect();
    assert_eq!(
        events,
        [
            "(service users) (instance i-1) (port 40001) is unhealthy in (target-group ARN) due to (reason Health checks failed with these codes: [503]).",
            "(service users) has started 1 tasks: (task T2). Amazon ECS replaced 1 tasks due to an unhealthy status.",
            "(service users) registered 1 targets in (target-group ARN)",
            "(service users) has stopped 1 running tasks: (task T1).",
            "(service users) deregistered 1 targets in (target-group ARN)",
            "(service users, taskSet D1) has begun draining connections on 1 tasks.",
            "(service users) has reached a steady state.",
        ]
    );
    assert_eq!(fleet.tasks("users")[0].stop.as_ref().unwrap().reason, format!("Task failed ELB health checks in (target-group {arn})"));
}

#[test]
fn sick_tasks_at_the_maximum_are_replaced_one_at_a_time() {
    let mut fleet = Fleet::running_for(&[Setup { percent: (100, 100), ..Setup::new("users", 3) }], 20);
    fleet.probe = 2000;
    fleet.judge("users", TargetHealthState::Healthy, false);
    let live = |fleet: &Fleet| fleet.tasks("users").iter().filter(|task| task.is_live()).map(|task| task.id.clone()).collect::<Vec<_>>();
    let sick = live(&fleet);
    fleet.settle();
    let left = |fleet: &Fleet| live(fleet).iter().filter(|id| sick.contains(id)).count();
    assert_eq!((left(&fleet), live(&fleet).len()), (2, 3), "one gave way to its replacement");
    fleet.run(1);
    assert_eq!(left(&fleet), 2, "the next waits until that is healthy");
    fleet.run(2);
    assert_eq!(left(&fleet), 1);
    fleet.run(20);
    fleet.assert_steady("users");
}

#[test]
fn failing_checks_are_forgiven_during_the_grace_period() {
    let mut fleet = Fleet::new(&[Setup { grace: 10, ..Setup::new("users", 1) }]);
    fleet.script.sick = true;
    fleet.run(9);
    assert_eq!((fleet.running("users").len(), fleet.targets("users", TargetHealthState::Unhealthy).len()), (1, 1));
    fleet.script.sick = false;
    fleet.run(2);
    assert_eq!(fleet.unstopped("users"), 2, "then it is replaced, woken by the clock alone");
    fleet.run(10);
    fleet.assert_steady("users");
}

#[test]
fn one_static_port_holds_one_task() {
    let mut taken = web();
    taken.port_mappings[0].host_port = 8080;
    let setup = Setup { containers: vec![taken], ..Setup::new("users", 1) };
    let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
    fleet.assert_steady("users");
    fleet.apply(Change::Scale { service: key("users"), desired_count: 2 });
    fleet.run(60);
    let sentence = "(service users) was unable to place a task because no container instance met all of its requirements. The closest matching \
                    (container-instance local) is already using a port required by your task. For more information, see the Troubleshooting \
                    section of the Amazon ECS Developer Guide.";
    assert_eq!(fleet.events("users").iter().filter(|event| *event == sentence).count(), 1);
    assert_eq!(fleet.unstopped("users"), 1);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 1 });
    fleet.run(1);
    fleet.assert_steady("users");
    fleet.apply(Setup { percent: (0, 100), ..setup }.update(2));
    fleet.run(20);
    fleet.assert_steady("users");
    assert_eq!(tasks_of(&fleet, 2), 1, "stop first frees the port");
    fleet.judge("users", TargetHealthState::Healthy, false);
    fleet.run(20);
    fleet.assert_steady("users");
    let id = fleet.running("users")[0].clone();
    fleet.exit(&id, 1, false);
    fleet.run(20);
    fleet.assert_steady("users");
}

#[test]
fn two_services_with_one_static_port_do_not_hurt_each_other() {
    let mut taken = web();
    taken.port_mappings[0].host_port = 8080;
    let setups = ["users", "posts"].map(|name| Setup { containers: vec![taken.clone()], ..Setup::new(name, 1) });
    let mut fleet = Fleet::running_for(&setups, 12);
    fleet.assert_steady("posts");
    assert_eq!((fleet.unstopped("users"), fleet.service("users").steady), (0, false));
    assert!(fleet.events("users")[0].contains("is already using a port required by your task."));
    fleet.apply(Change::DeleteService(key("posts")));
    fleet.run(12);
    fleet.assert_steady("users");
}

#[test]
fn protected_tasks_are_neither_scaled_in_nor_replaced_until_their_time() {
    let setup = Setup::new("users", 2);
    let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
    let first = fleet.tasks("users")[0].id.clone();
    let protect = |fleet: &mut Fleet, seconds| {
        let until = Some(fleet.now + Duration::from_secs(seconds));
        fleet.apply(Change::ProtectTask { task: first.clone(), until });
    };
    protect(&mut fleet, 60);
    fleet.apply(setup.update(2));
    fleet.run(30);
    assert_eq!((tasks_of(&fleet, 1), tasks_of(&fleet, 2)), (1, 2));
    assert_eq!(fleet.waiting, ["users keeps 1 more tasks than it needs, which are protected"]);
    assert_eq!(fleet.service("users").deployments.len(), 2, "the deployment waits");
    fleet.run(60);
    fleet.assert_steady("users");
    assert_eq!((tasks_of(&fleet, 1), tasks_of(&fleet, 2)), (0, 2));
    let first = fleet.tasks("users").iter().find(|task| task.is_live()).unwrap().id.clone();
    let until = Some(fleet.now + Duration::from_secs(30));
    fleet.apply(Change::ProtectTask { task: first.clone(), until });
    fleet.apply(Change::Scale { service: key("users"), desired_count: 1 });
    assert_eq!(fleet.tasks("users").iter().filter(|task| task.is_live()).map(|task| &task.id).collect::<Vec<_>>(), [&first]);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    fleet.run(10);
    assert_eq!(tasks_of(&fleet, 2), 1);
    let blocked =
        fleet.events("users").iter().filter(|event| event.contains("The number of protected tasks are more than the desired count")).count();
    assert!(blocked >= 1);
    fleet.run(60);
    assert_eq!(tasks_of(&fleet, 2), 0);
}

#[test]
fn what_a_service_ran_before_is_what_it_goes_back_to() {
    let setup = Setup::new("users", 1);
    let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
    let history = |fleet: &Fleet| fleet.service("users").history.iter().map(|one| (one.revision.number, one.status.as_str())).collect::<Vec<_>>();
    assert_eq!(fleet.service("users").previous_revision(), None, "nothing else ever ran");
    fleet.apply(Change::Deploy { service: key("users"), task_definition: None });
    fleet.run(12);
    assert_eq!(history(&fleet), [(1, "SUCCESSFUL"), (1, "SUCCESSFUL")]);
    fleet.apply(setup.update(2));
    fleet.run(12);
    // One that is overtaken is no place to go back to.
    fleet.probe = 60_000;
    fleet.apply(setup.update(3));
    fleet.run(1);
    fleet.probe = 100;
    fleet.apply(Change::RollBack(key("users")));
    fleet.run(12);
    assert_eq!(history(&fleet)[2..], [(2, "SUCCESSFUL"), (3, "STOPPED"), (2, "SUCCESSFUL")]);
    fleet.apply(Change::RollBack(key("users")));
    fleet.run(12);
    assert_eq!(fleet.service("users").revision.number, 1, "the latest successful one of another revision");
    fleet.assert_steady("users");
}
