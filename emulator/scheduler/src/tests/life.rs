//! A service's life: start, kill, scale, stop, delete; the sentences of its events.

use model::{
    Change, Placement, RolloutState, ScheduleName, ScheduledTaskSpec, Step, StopCode, TargetHealthState, TaskOverrides, TaskStatus, TimeZoneName,
};

use super::fleet::Fleet;
use super::setup::{Setup, cluster, group, key};

const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/users/";

/// The events of `users`, without the id that ends its target group's ARN.
fn events(fleet: &Fleet) -> Vec<String> {
    let arn = format!("{ARN}{}", fleet.world.target_groups[&group("users")].id);
    fleet.events("users").into_iter().map(|event| event.replace(&arn, "ARN")).collect()
}

#[test]
fn a_service_starts_registers_is_steady_and_says_so() {
    let fleet = Fleet::running_for(&[Setup::new("users", 2)], 2);
    fleet.assert_steady("users");
    assert_eq!(
        events(&fleet),
        [
            "(service users) has started 2 tasks: (task T1) (task T2).",
            "(service users) registered 1 targets in (target-group ARN)",
            "(service users) registered 1 targets in (target-group ARN)",
            "(service users) (deployment D1) deployment completed.",
            "(service users) has reached a steady state.",
        ]
    );
}

#[test]
fn a_dead_container_leaves_its_group_and_is_replaced_in_one_round() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    let before = events(&fleet).len();
    fleet.exit(&fleet.running("users")[0].clone(), 137, false);
    let plan = fleet.round();
    assert!(plan.steps.iter().any(|step| matches!(step, Step::RemoveTarget { .. })), "{:#?}", plan.steps);
    assert!(plan.steps.iter().any(|step| matches!(step, Step::PutTask(task) if task.is_live())), "{:#?}", plan.steps);
    assert_eq!(fleet.service("users").deployments[0].rollout_state, RolloutState::Completed);
    assert!(!fleet.service("users").steady);
    fleet.run(3);
    fleet.assert_steady("users");
    assert_eq!(
        events(&fleet)[before..],
        [
            "(service users) deregistered 1 targets in (target-group ARN)",
            "(service users) has started 1 tasks: (task T2).",
            "(service users) registered 1 targets in (target-group ARN)",
            "(service users) has reached a steady state.",
        ]
    );
    let stop = fleet.tasks("users")[0].stop.clone().unwrap();
    assert_eq!((stop.code, stop.reason.as_str()), (StopCode::EssentialContainerExited, "Essential container in task exited"));
}

#[test]
fn scale_in_stops_the_newest_and_waits_for_the_drain() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 2 });
    fleet.run(20);
    let before = events(&fleet).len();
    fleet.apply(Change::Scale { service: key("users"), desired_count: 1 });
    let newest = fleet.tasks("users")[1].id.clone();
    assert_eq!(fleet.world.tasks[&newest].last_status, TaskStatus::Deactivating);
    assert_eq!(fleet.waiting, [format!("users/{} draining, 5 s left", newest.short())]);
    fleet.run(4);
    assert_eq!(
        (fleet.running("users").len(), fleet.targets("users", TargetHealthState::Draining).len()),
        (2, 1),
        "no signal before the drain is over"
    );
    fleet.run(1);
    fleet.assert_steady("users");
    let stop = fleet.world.tasks[&newest].stop.clone().unwrap();
    assert_eq!(stop.reason, format!("Scaling activity initiated by (deployment {})", fleet.service("users").deployments[0].id));
    assert_eq!(
        events(&fleet)[before..],
        [
            "(service users) has stopped 1 running tasks: (task T2).",
            "(service users) deregistered 1 targets in (target-group ARN)",
            "(service users, taskSet D1) has begun draining connections on 1 tasks.",
            "(service users) has reached a steady state.",
        ]
    );
}

#[test]
fn pending_tasks_are_stopped_at_once() {
    let mut fleet = Fleet::new(&[Setup::new("users", 2)]);
    fleet.slowness = 1000;
    fleet.settle();
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    assert!(events(&fleet).contains(&"(service users) stopped 2 pending tasks.".to_owned()));
    fleet.run(3);
    fleet.assert_steady("users");
    assert!(fleet.engine.is_empty());
}

#[test]
fn a_service_of_no_tasks_is_steady_at_once_and_comes_back() {
    let mut fleet = Fleet::new(&[Setup::new("users", 0)]);
    fleet.settle();
    fleet.assert_steady("users");
    assert_eq!(events(&fleet), ["(service users) (deployment D1) deployment completed.", "(service users) has reached a steady state."]);
    for desired_count in [2, 0, 2] {
        fleet.apply(Change::Scale { service: key("users"), desired_count });
        fleet.run(8);
        fleet.assert_steady("users");
    }
}

#[test]
fn a_task_that_the_user_stops_is_signalled_without_waiting_for_the_drain() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    let task = fleet.tasks("users")[0].id.clone();
    fleet.apply(Change::StopTask { task: task.clone(), reason: Some("because".into()) });
    fleet.run(0);
    assert_eq!(fleet.world.tasks[&task].last_status, TaskStatus::Stopped);
    assert_eq!(fleet.world.tasks[&task].stop.as_ref().map(|stop| stop.reason.as_str()), Some("because"));
    fleet.run(2);
    fleet.assert_steady("users");
    assert_eq!(fleet.service("users").deployments[0].failed_tasks, 0);
}

#[test]
fn a_scale_touches_one_service_only_and_a_deletion_leaves_nothing() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1), Setup::new("posts", 2)], 12);
    let others: Vec<_> = fleet.tasks("posts").into_iter().cloned().collect();
    fleet.apply(Change::Scale { service: key("users"), desired_count: 3 });
    fleet.run(3);
    fleet.assert_steady("users");
    assert_eq!(fleet.tasks("posts").into_iter().cloned().collect::<Vec<_>>(), others);
    fleet.apply(Change::DeleteService(key("users")));
    assert_eq!(fleet.running("users").len(), 3, "a deleted service drains too");
    fleet.run(5);
    assert!(!fleet.world.services.contains_key(&key("users")) && fleet.running("users").is_empty());
    fleet.apply(Change::DeleteCluster(cluster()));
    fleet.run(1);
    assert!(fleet.world.clusters.is_empty() && fleet.world.tasks.is_empty() && fleet.engine.is_empty());
    assert_eq!(fleet.wake_at, None);
}

#[test]
fn a_drain_ends_early_only_without_a_listener_and_without_requests() {
    for (listener, requests, seconds) in [(true, 0, 5), (false, 0, 0), (false, 3, 5)] {
        let mut fleet = Fleet::running_for(&[Setup { listener, ..Setup::new("users", 1) }], 12);
        let target = fleet.targets("users", TargetHealthState::Healthy)[0].clone();
        fleet.observed.in_flight.insert((group("users"), target), requests);
        let since = fleet.now;
        fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
        fleet.run(10);
        let stopped = fleet.tasks("users")[0].stopped_at.unwrap();
        assert_eq!(stopped.since(since).as_secs(), seconds, "listener {listener}, {requests} requests");
    }
}

#[test]
fn a_container_that_was_restarted_outside_is_registered_where_it_is_now() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 12);
    let id = fleet.running("users")[0].clone();
    let mut seen = fleet.engine[&id].clone();
    seen.network_bindings[0].host_port = 50000;
    fleet.engine.insert(id, seen.clone());
    fleet.fact(&model::Fact::Seen(seen.clone()));
    fleet.run(2);
    fleet.assert_steady("users");
    assert_eq!(fleet.targets("users", TargetHealthState::Healthy)[0].port, 50000);
    assert_eq!(fleet.tasks("users").len(), 1);
    (seen.address, seen.direct) = (Some([172, 17, 0, 2].into()), true);
    fleet.fact(&model::Fact::Seen(seen));
    fleet.run(2);
    fleet.assert_steady("users");
    let target = fleet.world.target_groups[&group("users")].targets.values().next().unwrap();
    assert_eq!(target.address.to_string(), "172.17.0.2:3000");
}

#[test]
fn a_scheduled_task_may_be_one_that_programs_are_run_in() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
    for (name, enable_execute_command) in [("open", true), ("shut", false)] {
        let spec = ScheduledTaskSpec {
            schedule: "rate(1 minute)".parse().unwrap(),
            timezone: TimeZoneName::default(),
            enabled: true,
            task_definition: "users".parse().unwrap(),
            count: 1,
            overrides: TaskOverrides::default(),
            placement: Placement::default(),
            enable_execute_command,
        };
        fleet.apply(Change::PutScheduledTask { cluster: cluster(), name: ScheduleName::new(name).unwrap(), spec: Box::new(spec) });
    }
    fleet.run(61);
    let alone = fleet.world.tasks.values().filter(|task| task.service.is_none());
    let told: std::collections::BTreeMap<_, _> = alone.map(|task| (task.started_by.clone().unwrap(), task.enable_execute_command)).collect();
    assert_eq!(told, [("events-rule/open".to_owned(), true), ("events-rule/shut".to_owned(), false)].into());
}
