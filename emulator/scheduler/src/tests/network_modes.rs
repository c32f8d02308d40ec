//! Tasks with a network of their own, on the host's, and without (ecs.md 1.6, 2.4, 4).

use model::{Change, ContainerStatus, NetworkMode, RunState, StopCode, TargetHealthState, TaskStatus};

use super::fleet::{Behaviour, Fleet};
use super::setup::{Setup, awsvpc, container, group, key, mapped, optional, web};
use crate::Work;

#[test]
fn a_task_in_awsvpc_mode_is_a_target_by_its_own_address() {
    let mut fleet = Fleet::running_for(&[awsvpc("users", 2)], 12);
    fleet.assert_steady("users");
    let targets = &fleet.world.target_groups[&group("users")].targets;
    assert_eq!(targets.len(), 2, "both listen on 3000");
    for (target, known) in targets {
        let task = &fleet.world.tasks[known.task.as_ref().unwrap()];
        let pause = task.pause().unwrap();
        assert_eq!((target.port, target.id.clone()), (3000, pause.address.unwrap().to_string()));
        // Where the address cannot be dialled, the port is that the pause publishes.
        let dialled = if pause.direct { format!("{}:3000", target.id) } else { format!("127.0.0.1:{}", pause.network_bindings[0].host_port) };
        assert_eq!(known.address.to_string(), dialled);
        assert!(pause.runtime_name.starts_with("ecs-users-1-internalecspause-"), "{}", pause.runtime_name);
        assert_eq!(task.containers.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["web", "side", "~internal~ecs~pause"]);
    }
    fleet.judge("users", TargetHealthState::Healthy, false);
    fleet.run(1);
    let said = fleet.events("users").iter().filter(|event| event.starts_with("(service users) (task T1) (port 3000) is unhealthy in")).count();
    assert_eq!(said, 1, "named by its task: {:#?}", fleet.events("users"));
    fleet.run(30);
    fleet.assert_steady("users");
}

#[test]
fn the_pause_runs_before_the_others_are_made_and_stops_after_them() {
    let mut fleet = Fleet::new(&[awsvpc("users", 1)]);
    (fleet.slowness, fleet.probe) = (400, 10);
    // The engine of the tests asserts the order; here, that others wait and say so.
    let mut waited = false;
    for _ in 0..40 {
        fleet.run_for(std::time::Duration::from_millis(50));
        waited |= fleet.waiting.iter().any(|reason| reason.ends_with("side waits for the network of its task"));
    }
    fleet.assert_steady("users");
    assert!(waited);
    fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
    let mut seen = vec![];
    for _ in 0..200 {
        for work in &fleet.busy {
            if let Work::Stop { id, .. } = work
                && !seen.contains(id)
            {
                seen.push(id.clone());
            }
        }
        fleet.run_for(std::time::Duration::from_millis(50));
    }
    assert_eq!((seen.len(), fleet.engine.len()), (3, 0));
    let last = fleet.tasks("users")[0].pause().unwrap();
    assert_eq!(seen.last(), last.runtime_id.as_ref());
    fleet.assert_steady("users");
}

#[test]
fn a_task_whose_pause_is_gone_is_over() {
    for vanish in [false, true] {
        let mut fleet = Fleet::running_for(&[awsvpc("users", 2)], 20);
        let pause = fleet.engine.values().find(|seen| seen.container.is_pause()).unwrap().clone();
        if vanish {
            fleet.engine.remove(&pause.id);
            fleet.fact(&model::Fact::Removed(pause.id));
        } else {
            fleet.exit(&pause.id, 137, false);
        }
        fleet.settle();
        let task = &fleet.world.tasks[&pause.task];
        let stop = task.stop.as_ref().unwrap();
        assert_eq!((stop.code, stop.reason.as_str()), (StopCode::EssentialContainerExited, "Essential container in task exited"));
        let left = fleet.world.target_groups[&group("users")].targets.values().filter(|target| target.task.as_ref() == Some(&pause.task)).count();
        assert_eq!(left, 0, "nobody is behind its target");
        fleet.run(5);
        assert!(fleet.world.tasks[&pause.task].containers.iter().all(|record| record.last_status == ContainerStatus::Stopped));
        fleet.assert_steady("users");
    }
}

#[test]
fn a_pause_that_cannot_be_had_is_a_launch_that_failed() {
    for (pulls, creates, starts) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
        let mut fleet = Fleet::new(&[Setup { containers: vec![], balanced: false, ..awsvpc("users", 1) }]);
        (fleet.script.fail_pulls, fleet.script.fail_creates, fleet.script.fail_starts) = (pulls, creates, starts);
        fleet.run(5);
        let failed = fleet.tasks("users")[0];
        assert_eq!((failed.last_status, failed.stop.as_ref().unwrap().code), (TaskStatus::Stopped, StopCode::TaskFailedToStart));
        assert!(failed.pause().unwrap().reason.as_ref().unwrap().starts_with("Cannot"));
        fleet.run(5);
        fleet.assert_steady("users");
    }
}

/// The network stays while a container of the task needs it, also after an optional one has ended.
#[test]
fn an_optional_container_may_end_and_the_network_stays() {
    let mut fleet = Fleet::new(&[Setup { containers: vec![mapped(web()), optional(container("init"))], ..awsvpc("users", 1) }]);
    fleet.behaviours.insert("init", Behaviour { exits: Some((500, 0, false)), verdict: None });
    fleet.run(20);
    fleet.assert_steady("users");
    assert_eq!(fleet.tasks("users")[0].pause().unwrap().last_status, ContainerStatus::Running);
}

#[test]
fn a_daemon_that_dies_at_any_moment_takes_up_what_the_pause_holds() {
    for seed in 0..12 {
        let mut fleet = Fleet::new(&[awsvpc("users", 2)]);
        (fleet.slowness, fleet.probe) = (300, 100);
        fleet.seed(seed);
        for _ in 0..5 {
            fleet.settle();
            fleet.run_for(std::time::Duration::from_millis(100));
            fleet.crash();
        }
        fleet.run(4);
        fleet.assert_steady("users");
        assert_eq!((fleet.tasks("users").len(), fleet.engine.len()), (2, 6), "nothing was made twice");
        fleet.apply(Change::Scale { service: key("users"), desired_count: 0 });
        for _ in 0..5 {
            fleet.run_for(std::time::Duration::from_millis(1200));
            fleet.crash();
        }
        fleet.run(20);
        assert_eq!(fleet.engine.len(), 0);
    }
}

#[test]
fn one_task_at_a_time_has_the_host_s_ports() {
    let setup = Setup { mode: NetworkMode::Host, containers: vec![mapped(web())], ..Setup::new("users", 2) };
    let mut fleet = Fleet::running_for(std::slice::from_ref(&setup), 12);
    assert_eq!((fleet.unstopped("users"), fleet.service("users").steady), (1, false));
    assert!(fleet.events("users").iter().any(|event| event.contains("is already using a port required by your task.")));
    let (key_of, target) = fleet.world.target_groups[&group("users")].targets.first_key_value().unwrap();
    assert_eq!((key_of.to_string(), target.address.to_string()), ("i-1:3000".to_owned(), "127.0.0.1:3000".to_owned()));
    fleet.apply(Change::Scale { service: key("users"), desired_count: 1 });
    fleet.run(5);
    fleet.assert_steady("users");
    // The engine of the tests asserts that two never run at once.
    fleet.apply(Setup { desired: 1, percent: (0, 100), ..setup }.update(2));
    fleet.run(20);
    fleet.assert_steady("users");
    assert_eq!(fleet.tasks("users").last().unwrap().revision.number, 2);
    let id = fleet.running("users")[0].clone();
    fleet.exit(&id, 1, false);
    fleet.settle();
    assert_eq!(fleet.world.target_groups[&group("users")].targets.len(), 0, "nobody is behind its target");
    fleet.run(5);
    fleet.assert_steady("users");
}

#[test]
fn tasks_without_a_network_run() {
    let mut fleet = Fleet::running_for(&[Setup { mode: NetworkMode::None, containers: vec![container("job")], ..Setup::plain("users", 3) }], 5);
    fleet.assert_steady("users");
    assert!(fleet.engine.values().all(|seen| seen.state == RunState::Running && !seen.container.is_pause()));
    fleet.run(1);
}
