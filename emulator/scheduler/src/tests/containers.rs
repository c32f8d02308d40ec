//! Tasks of several containers: `dependsOn`, order of stops, vanished and killed containers, checks, half-finished work.

use model::{Change, ContainerStatus, DependencyCondition as Condition, Fact, Observed, RunState, StopCode, TaskStatus};

use super::fleet::{Behaviour, Fleet};
use super::setup::{Setup, after, checked, container, key, linked, optional, web};
use crate::Work;

fn exits(after: u64, code: i64) -> Behaviour {
    Behaviour { exits: Some((after, code, false)), verdict: None }
}

/// `web` depends on `db`, which behaves so; after ten seconds `web` runs, waits, or ended with this reason.
fn gate(condition: Condition, behaviour: Behaviour, start_timeout: Option<u32>) -> String {
    let mut db = optional(checked(container("db")));
    db.start_timeout = start_timeout;
    let mut fleet = Fleet::new(&[Setup { containers: vec![after(web(), "db", condition), db], ..Setup::plain("users", 1) }]);
    fleet.behaviours.insert("db", behaviour);
    fleet.run(10);
    let first = fleet.tasks("users")[0].containers[0].clone();
    match (first.last_status, first.reason) {
        (ContainerStatus::Running, _) => "runs".into(),
        (ContainerStatus::Stopped, Some(reason)) => {
            assert_eq!(first.exit_code, Some(143));
            let stop = fleet.tasks("users")[0].stop.clone().unwrap();
            assert_eq!((stop.code, stop.reason.as_str()), (StopCode::TaskFailedToStart, "Task failed to start"));
            reason
        }
        _ => fleet.waiting.first().and_then(|waiting| waiting.split_once(": ")).unwrap().1.to_owned(),
    }
}

#[test]
fn a_dependency_opens_holds_or_fails_its_dependent() {
    let never = Behaviour::default();
    let verdict = |after, well| Behaviour { exits: None, verdict: Some((after, well)) };
    let failed = |why: &str| format!("CannotStartContainerError: dependency graph: container ordering dependency [db] for container [web] {why}");
    for (condition, behaviour, start_timeout, result) in [
        (Condition::Start, never, None, "runs".to_owned()),
        (Condition::Start, exits(0, 1), None, "runs".into()),
        (Condition::Complete, exits(3000, 1), None, "runs".into()),
        (Condition::Complete, never, None, "web waits for db to be COMPLETE".into()),
        (Condition::Complete, never, Some(5), failed("has timed out.")),
        (Condition::Complete, exits(3000, 1), Some(5), "runs".into()),
        (Condition::Success, exits(3000, 0), None, "runs".into()),
        (Condition::Success, exits(3000, 7), None, failed("did not exit successfully.")),
        (Condition::Success, never, Some(5), failed("has timed out.")),
        (Condition::Healthy, verdict(3000, true), None, "runs".into()),
        (Condition::Healthy, verdict(3000, false), None, "web waits for db to be HEALTHY".into()),
        (Condition::Healthy, verdict(3000, false), Some(5), failed("has timed out.")),
        (Condition::Healthy, exits(3000, 0), None, failed("because dependency will never start")),
    ] {
        assert_eq!(gate(condition, behaviour, start_timeout), result, "{condition:?} {behaviour:?} {start_timeout:?}");
    }
}

#[test]
fn a_start_timeout_counts_from_the_start_of_the_dependency() {
    let mut db = optional(container("db"));
    db.start_timeout = Some(5);
    let chain = vec![after(web(), "db", Condition::Complete), after(db, "first", Condition::Complete), optional(container("first"))];
    let mut fleet = Fleet::new(&[Setup { containers: chain, ..Setup::plain("users", 1) }]);
    fleet.behaviours.insert("first", exits(8000, 0));
    fleet.behaviours.insert("db", exits(4000, 0));
    fleet.run(13);
    let task = fleet.tasks("users")[0];
    assert_eq!(task.last_status, TaskStatus::Running, "{task:#?}");
    let started = |index: usize| task.containers[index].started_at.unwrap().since(task.created_at).as_secs();
    assert_eq!((started(2), started(1), started(0)), (0, 8, 12));
    assert_eq!(task.started_at.unwrap().since(task.created_at).as_secs(), 12, "RUNNING once all run or have ended");
}

#[test]
fn a_dependency_that_cannot_be_made_fails_the_whole_chain() {
    let chain = vec![after(web(), "b", Condition::Start), after(optional(container("b")), "a", Condition::Success), optional(container("a"))];
    let mut fleet = Fleet::new(&[Setup { containers: chain, ..Setup::plain("users", 1) }]);
    fleet.behaviours.insert("a", exits(0, 3));
    fleet.run(0);
    let reasons: Vec<_> = fleet.tasks("users")[0].containers.iter().map(|record| record.reason.clone().unwrap_or_default()).collect();
    assert!(reasons[0].ends_with("[b] for container [web] because dependency will never start"), "{reasons:?}");
    assert!(reasons[1].ends_with("[a] for container [b] did not exit successfully."), "{reasons:?}");
    assert!(fleet.service("users").deployments[0].failed_tasks >= 1);
}

#[test]
fn containers_stop_after_those_that_depend_on_them() {
    let containers = vec![optional(container("log")), after(container("db"), "log", Condition::Start), after(web(), "db", Condition::Start)];
    let mut fleet = Fleet::running_for(&[Setup { containers, ..Setup::plain("users", 1) }], 3);
    fleet.slowness = 1000;
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    let mut order = vec![];
    for _ in 0..100 {
        let stops: Vec<_> = fleet.busy.iter().filter_map(|work| if let Work::Stop { id, .. } = work { Some(id) } else { None }).collect();
        assert!(stops.len() <= 1, "one after the other");
        let name = stops.first().map(|id| fleet.engine[*id].container.to_string());
        if name.is_some() && order.last() != name.as_ref() {
            order.extend(name);
        }
        fleet.run_for(std::time::Duration::from_millis(50));
    }
    assert_eq!(order, ["web", "db", "log"]);
    fleet.assert_steady("users");
}

#[test]
fn a_link_is_a_dependency_and_a_pause_of_namespaces_comes_first_and_goes_last() {
    let containers = vec![linked(web(), "db"), container("db")];
    let mut fleet = Fleet::new(&[Setup { containers, pid_mode: Some(model::NamespaceMode::Task), ..Setup::plain("users", 1) }]);
    fleet.slowness = 1000;
    let (mut starts, mut stops) = (vec![], vec![]);
    let note = |fleet: &Fleet, starts: &mut Vec<String>, stops: &mut Vec<String>| {
        for work in &fleet.busy {
            let (id, order) = match work {
                Work::Start { id, .. } => (id, &mut *starts),
                Work::Stop { id, .. } => (id, &mut *stops),
                _ => continue,
            };
            let name = fleet.engine[id].container.to_string();
            if !order.contains(&name) {
                order.push(name);
            }
        }
    };
    for _ in 0..200 {
        note(&fleet, &mut starts, &mut stops);
        fleet.run_for(std::time::Duration::from_millis(50));
    }
    let pause = "~internal~ecs~pause~namespace";
    assert_eq!(starts, [pause, "db", "web"]);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    for _ in 0..200 {
        note(&fleet, &mut starts, &mut stops);
        fleet.run_for(std::time::Duration::from_millis(50));
    }
    assert_eq!(stops, ["web", "db", pause]);
}

#[test]
fn the_end_of_an_essential_container_is_the_end_of_its_task_and_of_no_other() {
    for (essential, live) in [(true, false), (false, true)] {
        let side = if essential { container("side") } else { optional(container("side")) };
        let mut fleet = Fleet::running_for(&[Setup { containers: vec![web(), side], ..Setup::new("users", 1) }], 20);
        let id = fleet.engine.values().find(|seen| seen.container.as_str() == "side").unwrap().id.clone();
        fleet.exit(&id, 0, false);
        fleet.settle();
        fleet.run(0);
        let task = fleet.tasks("users")[0];
        assert_eq!((task.is_live(), task.last_status == TaskStatus::Running), (live, live));
        assert_eq!(task.containers[1].exit_code, Some(0));
        assert_eq!(task.containers[0].exit_code, (!live).then_some(143), "the others are stopped at once");
        fleet.run(5);
        fleet.assert_steady("users");
    }
}

#[test]
fn out_of_memory_and_removal_are_named() {
    for (vanish, reason) in [
        (false, "OutOfMemoryError: Container killed due to memory usage"),
        (true, "ContainerVanishedError: the container was removed from the engine"),
    ] {
        let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 20);
        let id = fleet.running("users")[0].clone();
        if vanish {
            fleet.engine.remove(&id);
            fleet.fact(&Fact::Removed(id));
        } else {
            fleet.exit(&id, 137, true);
        }
        fleet.settle();
        let task = fleet.tasks("users")[0];
        let record = &task.containers[0];
        assert_eq!((record.reason.as_deref(), record.exit_code), (Some(reason), (!vanish).then_some(137)));
        assert_eq!(task.stop.as_ref().map(|stop| stop.code), Some(StopCode::EssentialContainerExited));
        fleet.run(3);
        fleet.assert_steady("users");
    }
}

#[test]
fn a_failing_container_check_replaces_the_task_and_a_check_of_the_image_does_not() {
    for (containers, tasks) in
        [(vec![checked(container("web"))], 2), (vec![container("web")], 1), (vec![optional(checked(container("web"))), container("x")], 1)]
    {
        let mut fleet = Fleet::new(&[Setup { containers, ..Setup::plain("users", 1) }]);
        fleet.behaviours.insert("web", Behaviour { exits: None, verdict: Some((500, true)) });
        fleet.run(20);
        fleet.assert_steady("users");
        let id = fleet.engine.values().find(|seen| seen.container.as_str() == "web").unwrap().id.clone();
        let mut seen = fleet.engine[&id].clone();
        seen.health = model::HealthStatus::Unhealthy;
        fleet.engine.insert(id, seen.clone());
        fleet.fact(&Fact::Seen(seen));
        fleet.run(5);
        assert_eq!(fleet.tasks("users").len(), tasks);
        let said = fleet.events("users").iter().filter(|event| *event == "(service users) (task T1) failed container health checks.").count();
        assert_eq!(said, tasks - 1);
        if tasks == 2 {
            assert_eq!(fleet.tasks("users")[0].stop.as_ref().unwrap().reason, "Task failed container health checks");
        }
        fleet.assert_steady("users");
    }
}

#[test]
fn nothing_is_concluded_from_absence_before_a_listing() {
    let mut fleet = Fleet::running_for(&[Setup::new("users", 1)], 3);
    let (seen, steps) = (std::mem::take(&mut fleet.observed), fleet.steps.len());
    fleet.settle();
    fleet.observed = seen;
    fleet.settle();
    assert_eq!(fleet.steps.len(), steps, "adopted as it was");
}

#[test]
fn a_task_stopped_before_the_first_listing_gets_its_signal_after_it() {
    let mut fleet = Fleet::new(&[Setup::plain("users", 1)]);
    fleet.slowness = 50;
    fleet.settle();
    while !fleet.busy.iter().any(|work| matches!(work, Work::Start { .. })) {
        fleet.run_for(std::time::Duration::from_millis(1));
    }
    let start = fleet.busy.iter().next().unwrap().clone();
    fleet.execute(start);
    fleet.busy.clear();
    fleet.forget_work();
    fleet.observed = Observed::default();
    let task = fleet.tasks("users")[0].id.clone();
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    assert_ne!(fleet.world.tasks[&task].last_status, TaskStatus::Stopped, "the container was started, the daemon does not know it yet");
    fleet.observed = Observed { listed: [model::EngineName::own()].into(), containers: fleet.engine.clone(), ..Observed::default() };
    fleet.settle();
    assert!(matches!(fleet.busy.iter().next(), Some(Work::Stop { .. })), "{:?}", fleet.busy);
    fleet.run(1);
    assert_eq!(fleet.world.tasks[&task].containers[0].exit_code, Some(143));
}

#[test]
fn a_daemon_that_died_between_creation_and_record_adopts_the_container() {
    for seed in 0..8 {
        let mut fleet = Fleet::new(&[Setup::new("users", 2)]);
        (fleet.slowness, fleet.probe) = (300, 100);
        fleet.seed(seed);
        for _ in 0..4 {
            fleet.settle();
            fleet.run_for(std::time::Duration::from_millis(100));
            fleet.crash();
        }
        fleet.run(3);
        fleet.assert_steady("users");
        assert_eq!((fleet.tasks("users").len(), fleet.engine.len()), (2, 2), "nothing was made twice");
    }
}

#[test]
fn a_container_that_is_listed_while_it_is_made_is_started_when_it_is_done() {
    let mut fleet = Fleet::new(&[Setup::new("users", 1)]);
    fleet.slowness = 500;
    let creates = |fleet: &Fleet| fleet.busy.iter().find(|work| matches!(work, Work::Create { .. })).cloned();
    while creates(&fleet).is_none() {
        fleet.settle();
        fleet.run_for(std::time::Duration::from_millis(10));
    }
    let Some(Work::Create { task, container }) = creates(&fleet) else { panic!("nothing is made") };
    let record = fleet.world.tasks[&task].container(&container).unwrap().clone();
    let seen = model::ObservedContainer {
        engine: model::EngineName::own(),
        id: model::ContainerId::from_text("k9"),
        runtime_name: record.runtime_name,
        service: Some(key("users")),
        task,
        container,
        state: RunState::Created,
        health: model::HealthStatus::Unknown,
        address: None,
        direct: false,
        network_bindings: vec![],
    };
    fleet.engine.insert(seen.id.clone(), seen.clone());
    fleet.fact(&Fact::Seen(seen));
    assert!(creates(&fleet).is_some() && !fleet.busy.iter().any(|work| matches!(work, Work::Start { .. })), "{:?}", fleet.busy);
    fleet.run(3);
    fleet.assert_steady("users");
    assert_eq!(fleet.tasks("users").len(), 1);
}

#[test]
fn a_container_that_answers_after_its_failure_is_removed() {
    let mut fleet = Fleet::new(&[Setup::new("users", 1)]);
    fleet.script.fail_starts = 1;
    fleet.run(2);
    let failed = fleet.tasks("users").iter().find(|task| task.last_status == TaskStatus::Stopped).unwrap().id.clone();
    assert!(fleet.engine.values().all(|seen| seen.task != failed), "the one that never started is not kept");
    let mut late = fleet.engine.values().next().unwrap().clone();
    (late.id, late.task, late.state) = (model::ContainerId::from_text("k1"), failed, RunState::Running);
    late.network_bindings.clear();
    fleet.engine.insert(late.id.clone(), late.clone());
    fleet.fact(&Fact::Seen(late));
    fleet.run(1);
    assert_eq!(fleet.engine.len(), 1);
    fleet.assert_steady("users");
}
