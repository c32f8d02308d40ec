//! Policies and scheduled actions on a fleet whose load follows a number: so many requests a minute, over the tasks that run.

use std::time::Duration;

use model::{
    ActivityStatus, AdjustmentType, Aggregation, AlarmState, Capacity, Change, ComparisonOperator, Decimal, Fact, Metric, MetricAlarm, MissingData,
    PolicyKind, ScalableTarget, ScalingPolicy, ScheduledAction, StepAdjustment, StepScaling, SuspendedState, TargetTracking, Task, TaskStatus,
    TimeZoneName,
};

use super::fleet::Fleet;
use super::setup::{Setup, cluster, group, key, revision};

/// Scales `users` from `min` to `max` tasks.
pub(super) fn target(min: u32, max: u32, policies: Vec<ScalingPolicy>) -> ScalableTarget {
    ScalableTarget { capacity: Capacity { min, max }, suspended: SuspendedState::default(), policies, scheduled_actions: vec![] }
}

/// Keeps requests at 100 a minute and target; cooldowns in seconds.
pub(super) fn requests(out: u64, back: u64) -> ScalingPolicy {
    tracking("requests", Metric::RequestCountPerTarget(group("users")), 100, (out, back))
}

pub(super) fn tracking(name: &str, metric: Metric, value: i64, (out, back): (u64, u64)) -> ScalingPolicy {
    let policy = TargetTracking {
        metric,
        target_value: Decimal::whole(value),
        scale_out_cooldown: Duration::from_secs(out),
        scale_in_cooldown: Duration::from_secs(back),
        disable_scale_in: false,
    };
    ScalingPolicy { name: name.into(), kind: PolicyKind::TargetTracking(policy) }
}

/// Adds so many tasks while the CPU is above 50 per cent.
fn steps(adjustment: i32) -> ScalingPolicy {
    let comparison = if adjustment < 0 { ComparisonOperator::LessThan } else { ComparisonOperator::GreaterThan };
    let bounds = if adjustment < 0 { (None, Some(Decimal::ZERO)) } else { (Some(Decimal::ZERO), None) };
    let alarm = MetricAlarm {
        metric: Metric::CpuUtilization,
        threshold: Decimal::whole(50),
        comparison,
        period_minutes: 1,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        missing_data: MissingData::Missing,
    };
    let policy = StepScaling {
        adjustment_type: AdjustmentType::ChangeInCapacity,
        steps: vec![StepAdjustment { lower: bounds.0, upper: bounds.1, adjustment }],
        min_adjustment_magnitude: None,
        cooldown: Duration::from_secs(60),
        aggregation: Aggregation::Average,
        alarm,
        alarm_name: "busy".into(),
    };
    ScalingPolicy { name: "steps".into(), kind: PolicyKind::StepScaling(policy) }
}

pub(super) fn update(setup: &Setup, number: u32, target: &ScalableTarget, desired_count: u32) -> Change {
    let spec = model::ServiceSpec { scalable_target: Some(target.clone()), desired_count, ..setup.spec() };
    Change::UpdateService { cluster: cluster(), spec: Box::new(spec), revision: revision("users", number) }
}

/// `users` with a scalable target, steady at so many tasks.
fn scaled(desired: u32, target: &ScalableTarget) -> Fleet {
    let setup = Setup::new("users", desired);
    let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
    fleet.apply(update(&setup, 1, target, desired));
    fleet
}

pub(super) fn desired(fleet: &Fleet) -> u32 {
    fleet.service("users").spec.desired_count
}

pub(super) fn running(fleet: &Fleet) -> u32 {
    let runs = |task: &&&Task| task.is_live() && task.last_status == TaskStatus::Running;
    u32::try_from(fleet.tasks("users").iter().filter(runs).count()).unwrap()
}

/// A minute passes and is measured: `of` gives what each metric of the target is, from the tasks that run.
pub(super) fn minute(fleet: &mut Fleet, of: impl Fn(&Metric, u32) -> Option<Decimal>) {
    fleet.run_for(fleet.pace.metric_period);
    let Some(target) = fleet.service("users").spec.scalable_target.clone() else { return };
    let tasks = running(fleet);
    let values = target.metrics().into_iter().filter_map(|metric| Some((metric.clone(), of(metric, tasks)?))).collect();
    fleet.fact(&Fact::Measured { service: key("users"), at: fleet.now, values });
    fleet.settle();
}

/// So many requests a minute, for some minutes; the desired count after each.
pub(super) fn load(fleet: &mut Fleet, requests: u32, minutes: usize) -> Vec<u32> {
    let mut counts = Vec::with_capacity(minutes);
    for _ in 0..minutes {
        minute(fleet, |_, tasks| Decimal::ratio(requests.into(), tasks.into()));
        counts.push(desired(fleet));
    }
    counts
}

/// A CPU of so many per cent, whatever runs.
fn busy(fleet: &mut Fleet, percent: i64, minutes: usize) -> u32 {
    (0..minutes).for_each(|_| minute(fleet, |_, _| Some(Decimal::whole(percent))));
    desired(fleet)
}

fn waiting(fleet: &Fleet) -> Vec<String> {
    let key = key("users");
    crate::scaling_status(&fleet.world, &key, &fleet.pace, fleet.now).unwrap().waiting
}

#[test]
fn a_service_grows_with_its_load_and_shrinks_slowly() {
    let mut fleet = scaled(1, &target(1, 6, vec![requests(20, 50)]));
    assert_eq!(load(&mut fleet, 350, 4), [1, 1, 4, 4], "after three minutes");
    assert_eq!(load(&mut fleet, 1000, 4), [4, 4, 6, 6], "not beyond the maximum");
    assert!(waiting(&fleet).iter().any(|reason| reason.ends_with("tasks, and the maximum capacity is 6")), "{:?}", waiting(&fleet));
    // Fifteen quiet minutes, then half of what can go, and again after a cooldown of five.
    let quiet = load(&mut fleet, 0, 32);
    assert_eq!(quiet[..14], [6; 14]);
    assert_eq!(quiet[14..26], [3, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1]);
    fleet.assert_steady("users");
}

#[test]
fn an_activity_is_told_and_done_when_the_tasks_run() {
    let mut fleet = scaled(1, &target(1, 6, vec![requests(20, 50)]));
    fleet.probe = 3000;
    load(&mut fleet, 200, 3);
    let told = fleet.events("users").into_iter().find(|event| event.starts_with("Message: ")).unwrap();
    let (start, end) = (
        "Message: Successfully set desired count to 2. Waiting for change to be fulfilled by ecs. \
         Cause: monitor alarm TargetTracking-service/c/users-AlarmHigh-",
        " in state ALARM triggered policy requests",
    );
    assert!(told.starts_with(start) && told.ends_with(end), "{told}");
    let scaling = &fleet.service("users").scaling;
    assert_eq!((scaling.alarms["requests"][0].state, scaling.alarms["requests"][1].state), (AlarmState::Alarm, AlarmState::Ok));
    fleet.run(8);
    let activity = fleet.service("users").scaling.activities.back().unwrap().clone();
    assert_eq!((activity.status, activity.description.as_str()), (ActivityStatus::Successful, "Setting desired count to 2."));
    assert_eq!(activity.status_message, "Successfully set desired count to 2. Change successfully fulfilled by ecs.");
    fleet.apply(Change::Scale { service: key("users"), desired_count: 3 });
    fleet.apply(Change::Scale { service: key("users"), desired_count: 2 });
    assert_eq!(fleet.service("users").scaling.activities.len(), 1, "a user's change is no activity");
}

#[test]
fn nothing_is_done_on_insufficient_data() {
    let mut fleet = scaled(2, &target(1, 6, vec![requests(0, 0)]));
    for _ in 0..3 {
        load(&mut fleet, 900, 2);
        (0..5).for_each(|_| minute(&mut fleet, |_, _| None));
        load(&mut fleet, 0, 1);
    }
    assert_eq!(desired(&fleet), 2);
    (0..30).for_each(|_| minute(&mut fleet, |_, _| None));
    assert_eq!(desired(&fleet), 2);
    let blind = waiting(&fleet);
    assert!(blind.iter().any(|reason| reason.starts_with("policy requests has insufficient data")), "{blind:?}");
}

#[test]
fn a_cooldown_lets_only_more_through_and_a_scale_out_ends_that_of_a_scale_in() {
    let mut fleet = scaled(2, &target(1, 20, vec![requests(60, 600)]));
    assert_eq!(load(&mut fleet, 300, 4), [2, 2, 3, 3]);
    // 3 tasks run with 133 a task: from the 2 tasks before it would be 3, which there are.
    assert_eq!(load(&mut fleet, 400, 3)[2], 3, "not larger");
    // 267 a task: from 2 it is 6.
    assert_eq!(load(&mut fleet, 800, 1), [6], "larger: the difference is added");
    // Its own cooldown has begun, and is over after six minutes.
    let counts = load(&mut fleet, 800, 7);
    assert_eq!((counts[4], counts[6]), (6, 8), "{counts:?}");
    // Down once, then a cooldown of an hour.
    let counts = load(&mut fleet, 100, 30);
    assert_eq!(*counts.last().unwrap(), 4, "{counts:?}");
    assert!(fleet.service("users").scaling.scale_in_cooldown.is_some());
    assert!(waiting(&fleet)[0].contains("once the cooldown of the last scale-in is over"), "{:?}", waiting(&fleet));
    assert_eq!(load(&mut fleet, 900, 4)[3], 9);
    assert_eq!(fleet.service("users").scaling.scale_in_cooldown, None);
}

#[test]
fn cooldowns_and_alarms_outlive_the_daemon() {
    let mut fleet = scaled(2, &target(1, 20, vec![requests(0, 3600)]));
    load(&mut fleet, 0, 14);
    fleet.crash();
    assert_eq!(load(&mut fleet, 0, 2), [1, 1], "the fifteenth minute is the first after");
    load(&mut fleet, 500, 3);
    load(&mut fleet, 0, 20);
    let (before, count) = (fleet.service("users").scaling.clone(), desired(&fleet));
    assert!(before.scale_in_cooldown.is_some());
    fleet.crash();
    assert_eq!(fleet.service("users").scaling, before);
    assert_eq!(load(&mut fleet, 0, 20), vec![count; 20]);
}

#[test]
fn a_deployment_holds_up_scale_in_and_not_scale_out() {
    let bounds = target(1, 20, vec![requests(0, 0)]);
    let mut fleet = scaled(4, &bounds);
    load(&mut fleet, 0, 14);
    fleet.probe = 100_000;
    let setup = Setup::new("users", 4);
    fleet.apply(update(&setup, 2, &bounds, 4));
    assert_eq!(load(&mut fleet, 0, 3), [4, 4, 4]);
    assert!(waiting(&fleet)[0].contains("once the deployment in progress is over"), "{:?}", waiting(&fleet));
    assert!(load(&mut fleet, 2400, 3)[2] > 4);
    fleet.probe = 100;
    load(&mut fleet, 0, 60);
    fleet.assert_steady("users");
    assert_eq!(desired(&fleet), 1);
}

#[test]
fn several_policies_scale_out_if_any_and_in_only_if_all() {
    let cpu = tracking("cpu", Metric::CpuUtilization, 50, (0, 0));
    let mut fleet = scaled(4, &target(1, 20, vec![requests(0, 0), cpu]));
    let both = |fleet: &mut Fleet, per_target: i64, cpu: Option<i64>, minutes: usize| {
        let value = |metric: &Metric, _| if metric.is_of_containers() { cpu.map(Decimal::whole) } else { Some(Decimal::whole(per_target)) };
        (0..minutes).for_each(|_| minute(fleet, value));
        desired(fleet)
    };
    assert_eq!(both(&mut fleet, 0, Some(60), 3), 5, "out for the one, whatever the other says");
    assert_eq!(both(&mut fleet, 0, Some(48), 20), 5, "not in while one is near its target");
    assert!(waiting(&fleet)[0].contains("policy cpu is not ready to scale in"), "{:?}", waiting(&fleet));
    assert_eq!(both(&mut fleet, 0, None, 20), 5, "nor while one knows nothing");
    assert_eq!(both(&mut fleet, 0, Some(40), 15), 4, "as many as the needier one needs");
}

#[test]
fn steps_answer_their_alarm() {
    let mut fleet = scaled(2, &target(1, 6, vec![steps(2)]));
    assert_eq!(busy(&mut fleet, 60, 1), 4);
    assert_eq!(busy(&mut fleet, 60, 5), 4, "the same step again is not larger while the cooldown lasts");
    assert_eq!(busy(&mut fleet, 60, 2), 6);
    assert_eq!(busy(&mut fleet, 0, 30), 6, "what adds does not take away");
    let mut fleet = scaled(3, &target(1, 6, vec![steps(-1)]));
    assert_eq!(busy(&mut fleet, 10, 1), 2);
    assert_eq!(busy(&mut fleet, 10, 5), 2, "the cooldown");
    assert_eq!(busy(&mut fleet, 10, 20), 1);
}

#[test]
fn what_a_user_sets_outside_the_bounds_stays_until_the_next_activity() {
    let mut fleet = scaled(2, &target(2, 4, vec![requests(0, 0)]));
    load(&mut fleet, 190, 20);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 9 });
    assert_eq!(load(&mut fleet, 850, 20)[19], 9);
    assert_eq!(waiting(&fleet), ["the desired count 9 is above the maximum capacity; the next scale-in brings it there"]);
    let counts = load(&mut fleet, 0, 17);
    assert_eq!((counts[13], counts[14], counts[16]), (9, 4, 2), "{counts:?}");
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    assert_eq!(load(&mut fleet, 0, 20)[19], 0, "there is nothing to measure");
    fleet.apply(Change::Scale { service: key("users"), desired_count: 1 });
    assert_eq!(load(&mut fleet, 500, 4)[2..], [2, 4], "first to the minimum");
}

#[test]
fn from_nothing_it_goes_by_the_least_step_once_there_is_data() {
    let mut fleet = scaled(0, &target(0, 6, vec![tracking("requests", Metric::RequestCount(group("users")), 100, (0, 0))]));
    (0..5).for_each(|_| minute(&mut fleet, |_, _| None));
    assert_eq!(desired(&fleet), 0);
    (0..3).for_each(|_| minute(&mut fleet, |_, _| Some(Decimal::whole(500))));
    assert_eq!(desired(&fleet), 1);
}

#[test]
fn what_is_suspended_is_left_alone() {
    let mut bounds = target(1, 6, vec![requests(0, 0)]);
    bounds.suspended = SuspendedState { scaling_in: true, scaling_out: true, scheduled: true };
    bounds.scheduled_actions = vec![action("grow", "rate(1 minute)", Some(5), None)];
    let mut fleet = scaled(2, &bounds);
    load(&mut fleet, 900, 10);
    load(&mut fleet, 0, 30);
    assert_eq!(desired(&fleet), 2);
}

fn action(name: &str, schedule: &str, min_capacity: Option<u32>, max_capacity: Option<u32>) -> ScheduledAction {
    ScheduledAction {
        name: name.into(),
        schedule: schedule.parse().unwrap(),
        timezone: TimeZoneName::default(),
        start_time: None,
        end_time: None,
        min_capacity,
        max_capacity,
    }
}

#[test]
fn scheduled_actions_set_the_bounds_and_bring_the_count_into_them() {
    // The clock of these tests begins at 00:16:40.
    let mut bounds = target(1, 6, vec![]);
    bounds.scheduled_actions = vec![
        action("evening", "cron(20 * * * ? *)", Some(3), None),
        action("night", "cron(25 * * * ? *)", Some(0), Some(2)),
        action("nonsense", "at(1970-01-01T00:30:00)", Some(4), None),
    ];
    let mut fleet = scaled(1, &bounds);
    fleet.run(240);
    fleet.assert_steady("users");
    assert_eq!((desired(&fleet), fleet.service("users").scaling.capacity), (3, Some(Capacity { min: 3, max: 6 })), "woken by the clock alone");
    fleet.run(300);
    fleet.assert_steady("users");
    assert_eq!((desired(&fleet), fleet.service("users").scaling.capacity), (2, Some(Capacity { min: 0, max: 2 })));
    fleet.run(300);
    let last = fleet.service("users").scaling.activities.back().unwrap();
    assert_eq!((last.status, desired(&fleet)), (ActivityStatus::Failed, 2), "a minimum above the maximum changes nothing");
    let told: Vec<_> = fleet.events("users").into_iter().filter(|event| event.starts_with("Message: ")).collect();
    let start = |count: u32| format!("Message: Successfully set desired count to {count}. Waiting for change to be fulfilled by ecs. Cause: ");
    assert_eq!(told, [start(3) + "minimum capacity was set to 3", start(2) + "maximum capacity was set to 2"]);
    let causes: Vec<_> = fleet.service("users").scaling.activities.iter().map(|activity| activity.cause.clone()).collect();
    assert_eq!(causes[0], "scheduled action name evening was triggered");
}

#[test]
fn what_came_due_while_the_daemon_was_away_is_done_once_and_in_order() {
    let mut bounds = target(1, 6, vec![]);
    bounds.scheduled_actions = vec![action("evening", "cron(20 * * * ? *)", Some(3), None), action("night", "cron(25 * * * ? *)", Some(2), Some(5))];
    let mut fleet = scaled(1, &bounds);
    fleet.now = fleet.now + Duration::from_secs(40 * 24 * 3600);
    fleet.crash();
    let activities: Vec<_> = fleet.service("users").scaling.activities.iter().map(|activity| activity.description.clone()).collect();
    assert_eq!(
        activities,
        ["Setting min capacity to 3 and max capacity to 6", "Setting desired count to 3.", "Setting min capacity to 2 and max capacity to 5"]
    );
}

#[test]
fn another_policy_begins_anew_and_other_bounds_hold_at_once() {
    let mut fleet = scaled(1, &target(1, 6, vec![requests(0, 0)]));
    load(&mut fleet, 200, 2);
    let before = fleet.service("users").scaling.alarms["requests"].clone();
    let setup = Setup::new("users", 1);
    fleet.apply(update(&setup, 1, &target(2, 8, vec![requests(0, 0)]), 1));
    assert_eq!(fleet.service("users").scaling.alarms["requests"], before);
    fleet.apply(update(&setup, 1, &target(2, 8, vec![requests(0, 30)]), 1));
    assert_ne!(fleet.service("users").scaling.alarms["requests"][0].name, before[0].name);
    fleet.apply(setup.update(1));
    assert_eq!(fleet.service("users").scaling, model::ScalingState::default(), "nothing is left of a scalable target that is gone");
    fleet.run(60);
    fleet.assert_steady("users");
}
