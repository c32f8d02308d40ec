//! Tasks that fail: back-off, failed tasks of a deployment, what ends a row of failures.

use model::{Change, LaunchBackoff, StopCode};

use super::fleet::{Behaviour, Fleet};
use super::setup::{Setup, checked, key, web};

const IMPAIRED: &str = "(service users) is unable to consistently start tasks successfully.";

fn failed(fleet: &Fleet) -> u32 {
    fleet.service("users").deployments[0].failed_tasks
}

fn launches(fleet: &Fleet) -> usize {
    fleet.tasks("users").len()
}

#[test]
fn failing_launches_are_spaced_out_counted_and_said() {
    type Fail = fn(&mut Fleet);
    let ways: [(Fail, &str); 3] = [
        (|fleet| fleet.script.fail_pulls = 4, "CannotPullContainerError: no such image"),
        (|fleet| fleet.script.fail_creates = 4, "CannotCreateContainerError: no"),
        (|fleet| fleet.script.fail_starts = 4, "CannotStartContainerError: no"),
    ];
    for (fail, reason) in ways {
        let mut fleet = Fleet::new(&[Setup::new("users", 1)]);
        fail(&mut fleet);
        fleet.settle();
        fleet.run(0);
        assert_eq!((launches(&fleet), failed(&fleet)), (2, 2), "the first replacement is at once");
        assert_eq!(fleet.waiting, ["users starts its next task in 1 s, after 2 failures in a row"]);
        let task = fleet.tasks("users")[0];
        assert_eq!(task.containers[0].reason.as_deref(), Some(reason));
        assert_eq!(task.stop.as_ref().map(|stop| (stop.code, stop.reason.as_str())), Some((StopCode::TaskFailedToStart, "Task failed to start")));
        fleet.run(1);
        assert_eq!((launches(&fleet), failed(&fleet)), (3, 3));
        assert_eq!(fleet.events("users").iter().filter(|event| *event == IMPAIRED).count(), 1);
        fleet.run(2);
        assert_eq!((launches(&fleet), failed(&fleet)), (4, 4), "two seconds later");
        fleet.run(3);
        assert_eq!(launches(&fleet), 4);
        fleet.run(1);
        assert_eq!(launches(&fleet), 5, "four seconds later");
        fleet.run(20);
        fleet.assert_steady("users");
        assert_eq!((failed(&fleet), fleet.service("users").backoff), (0, LaunchBackoff::default()), "over once a task is proven");
    }
}

#[test]
fn early_deaths_space_launches_out_and_late_ones_do_not() {
    for (lives_for, spaced) in [(0, true), (3000, true), (11_000, false)] {
        let mut fleet = Fleet::new(&[Setup::new("users", 1)]);
        fleet.behaviours.insert("web", Behaviour { exits: Some((lives_for, 1, false)), verdict: None });
        fleet.run(40);
        assert_eq!(failed(&fleet), 0, "{lives_for}: what ran and ended is no failed task (ecs.md 3.5)");
        assert_eq!(fleet.service("users").backoff.failures >= 3, spaced, "{lives_for}: {}", fleet.service("users").backoff.failures);
        assert!(!fleet.events("users").contains(&IMPAIRED.to_owned()), "{lives_for}: what ran was started (ecs.md 3.7)");
    }
}

#[test]
fn only_launches_in_a_row_that_never_ran_are_said() {
    let said = |fleet: &Fleet| fleet.events("users").iter().filter(|event| *event == IMPAIRED).count();
    let mut fleet = Fleet::new(&[Setup::new("users", 1)]);
    fleet.script.fail_starts = 2;
    fleet.script.crashes = 1;
    fleet.settle();
    fleet.run(2);
    assert_eq!((launches(&fleet), said(&fleet)), (3, 0), "two that never ran, and one that runs");
    // It dies, and two more never run: five failures in a row, of which the last two are launches.
    fleet.script.fail_starts = 2;
    fleet.run(14);
    assert_eq!((fleet.service("users").backoff.failures, said(&fleet)), (5, 0));
    fleet.script.fail_starts = 1;
    fleet.run(17);
    assert_eq!((fleet.service("users").backoff.failures, said(&fleet)), (6, 1), "three launches in a row");
}

#[test]
fn a_task_that_runs_ends_a_row_of_failed_launches_before_it_is_proven() {
    let mut fleet = Fleet::new(&[Setup::new("users", 1)]);
    fleet.script.fail_starts = 2;
    fleet.settle();
    fleet.run(3);
    let id = fleet.running("users").remove(0);
    assert_eq!((fleet.service("users").backoff.failures, fleet.service("users").backoff.never_ran), (2, 0));
    fleet.script.fail_starts = 1;
    fleet.exit(&id, 1, false);
    fleet.run(5);
    assert!(!fleet.events("users").contains(&IMPAIRED.to_owned()));
}

#[test]
fn a_new_deployment_that_never_passes_its_checks_counts_failed_tasks() {
    for (name, containers) in [("a target's", vec![web()]), ("a container's", vec![checked(web())])] {
        let setup = Setup { containers, ..Setup::new("users", 1) };
        let mut fleet = Fleet::new(std::slice::from_ref(&setup));
        fleet.behaviours.insert("web", Behaviour { exits: None, verdict: Some((500, true)) });
        fleet.run(20);
        fleet.assert_steady("users");
        (fleet.script.sick, fleet.probe) = (true, 20_000);
        fleet.behaviours.insert("web", Behaviour { exits: None, verdict: Some((20_000, name == "a target's")) });
        fleet.apply(setup.update(2));
        fleet.run(90);
        assert!(failed(&fleet) >= 3, "{name} check: {}", failed(&fleet));
        assert_eq!(fleet.service("users").backoff, LaunchBackoff::default(), "what ran is no failed launch (ecs.md 3.7)");
        assert!(fleet.tasks("users").iter().any(|task| task.is_live() && task.revision.number == 1), "the old task serves on");
        (fleet.script.sick, fleet.probe) = (false, 100);
        fleet.behaviours.insert("web", Behaviour { exits: None, verdict: Some((500, true)) });
        fleet.run(60);
        fleet.assert_steady("users");
        assert_eq!(failed(&fleet), 0);
        fleet.judge("users", model::TargetHealthState::Healthy, false);
        fleet.settle();
        assert_eq!(failed(&fleet), 0, "a completed deployment is not failing");
    }
}

#[test]
fn an_old_failure_does_not_delay_a_replacement() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 20);
    let ids = fleet.running("users");
    fleet.script.crashes = 3;
    fleet.exit(&ids[0], 137, false);
    fleet.run(7);
    assert!(fleet.service("users").backoff.failures >= 2);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 1 });
    fleet.run(1000);
    assert_eq!(fleet.service("users").backoff, LaunchBackoff::default(), "all that are wanted are proven");
    assert_eq!(failed(&fleet), 0);
    fleet.exit(&ids[1], 137, false);
    let plan = fleet.round();
    assert!(plan.steps.iter().any(|step| matches!(step, model::Step::PutTask(task) if task.is_live())));
}

#[test]
fn a_new_revision_starts_at_once_after_a_row_of_failures() {
    let setup = Setup::new("users", 1);
    let mut fleet = Fleet::new(std::slice::from_ref(&setup));
    fleet.script.fail_starts = 100;
    fleet.run(60);
    assert!(fleet.service("users").backoff.not_before > fleet.now);
    fleet.script.fail_starts = 0;
    fleet.apply(setup.update(2));
    assert_eq!(fleet.running("users").len() + fleet.busy.len(), 1);
    fleet.run(1);
    fleet.assert_steady("users");
}

#[test]
fn one_crash_loop_is_not_forgiven_for_a_stable_sibling() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 2)], 60);
    fleet.script.crashes = 1000;
    fleet.exit(&fleet.running("users")[0].clone(), 137, false);
    fleet.run(120);
    assert!(launches(&fleet) < 14, "{} launches in two minutes", launches(&fleet));
    assert!(!fleet.events("users").contains(&IMPAIRED.to_owned()), "each of them ran");
}
