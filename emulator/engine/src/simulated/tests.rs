//! The fleet's scripts, controls and bookkeeping, on a clock that is wound by hand.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use model::{
    ClusterName, ContainerDefinition, ContainerHealthCheck, ContainerId, ContainerName, Family, HealthStatus, Ids, OwnerId, PortMapping, Revision,
    RunState, ServiceKey, ServiceName, Timestamp, TransportProtocol,
};

use super::*;
use crate::{
    BuildSpec, Clock, ContainerSpec, Engine, EngineError, EngineErrorKind, EngineEvent, EngineInfo, LogOptions, ManualClock, Namespace,
    NetworkNamespace, NetworkSpec, Progress, Stream,
};

const START: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

struct Room {
    clock: Arc<ManualClock>,
    fleet: Arc<Fleet>,
    ids: Ids,
}

impl Room {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        Self { fleet: Fleet::new(Arc::clone(&clock) as Arc<dyn Clock>), clock, ids: Ids::seeded(1) }
    }

    fn wind(&self, seconds: u32) {
        self.clock.advance_to(self.clock.now() + seconds * SECOND);
    }

    fn spec(&mut self, words: &[&str]) -> ContainerSpec {
        let key = ServiceKey { cluster: ClusterName::new("tutorial").unwrap(), name: ServiceName::new("users").unwrap() };
        ContainerSpec {
            owner: owner(),
            cluster: key.cluster.clone(),
            service: Some(key.clone()),
            instance: model::InstanceName::local(),
            task: self.ids.task(),
            task_arn: String::new(),
            revision: Revision { family: Family::new("users").unwrap(), number: 1 },
            runtime_name: format!("ecs-users-1-app-{}", self.ids.container_suffix()),
            image_id: self.fleet.image("sim", Progress::none()).now_or_never().unwrap().unwrap(),
            definition: definition(words),
            task_cpu: None,
            task_memory: None,
            image_defaults: Vec::new(),
            network: NetworkSpec { owner: owner(), service: key },
            namespace: NetworkNamespace::Own,
            speed: model::Speed::default(),
            processes: Namespace::Own,
            ipc: Namespace::Own,
            links: Vec::new(),
            connections: Vec::new(),
            name_servers: None,
            mounts: Vec::new(),
            volumes_from: Vec::new(),
        }
    }

    fn created(&mut self, words: &[&str]) -> ContainerId {
        let spec = self.spec(words);
        self.fleet.create(&spec).now_or_never().unwrap().unwrap()
    }

    fn running(&mut self, words: &[&str]) -> ContainerId {
        let id = self.created(words);
        self.fleet.start(&id).now_or_never().unwrap().unwrap();
        id
    }

    fn state(&self, id: &ContainerId) -> RunState {
        self.fleet.containers().into_iter().find(|container| container.seen.id == *id).unwrap().seen.state
    }

    fn watch(&self) -> Stream<EngineEvent> {
        self.fleet.watch(&owner()).now_or_never().unwrap().unwrap()
    }
}

fn owner() -> OwnerId {
    OwnerId::from_text("me")
}

fn definition(words: &[&str]) -> ContainerDefinition {
    ContainerDefinition {
        port_mappings: vec![PortMapping { container_port: 3000, host_port: 0, protocol: TransportProtocol::Tcp, name: None, app_protocol: None }],
        command: Some(words.iter().map(|word| (*word).to_owned()).collect()),
        ..ContainerDefinition::new(ContainerName::new("app").unwrap(), "sim")
    }
}

fn exited(code: i64, out_of_memory: bool, seconds: u32) -> RunState {
    RunState::Exited { code, out_of_memory, at: Some(START + seconds * SECOND) }
}

#[test]
fn a_script_is_played_at_its_moments() {
    #[track_caller]
    fn check(words: &[&str], seconds: u32, expected: &RunState) {
        let mut room = Room::new();
        let id = room.running(words);
        room.wind(seconds);
        assert_eq!(room.state(&id), *expected, "{words:?} after {seconds} s");
    }
    check(&[], 1000, &RunState::Running);
    check(&["exit=7@3s"], 2, &RunState::Running);
    check(&["exit=7@3s"], 3, &exited(7, false, 3));
    check(&["exit=7@3s", "oom@2s"], 60, &exited(137, true, 2));
    check(&["exit=0"], 0, &exited(0, false, 0));
}

#[test]
fn a_start_sleeps_on_the_clock_and_goes_on_when_it_is_dropped() {
    let mut room = Room::new();
    let id = room.created(&["start=2s"]);
    let fleet = Arc::clone(&room.fleet);
    let mut start = fleet.start(&id);
    assert_eq!(fleet.pending_verbs(), 1, "called and not yet polled");
    assert!(start.as_mut().now_or_never().is_none());
    assert_eq!(fleet.pending_verbs(), 0, "it sleeps");
    room.wind(1);
    assert_eq!(fleet.pending_verbs(), 0);
    room.wind(1);
    assert_eq!(fleet.pending_verbs(), 1, "it is due and not yet polled");
    assert_eq!(start.as_mut().now_or_never().unwrap().unwrap().state, RunState::Running);
    drop(start);
    assert_eq!(fleet.pending_verbs(), 0);

    let dropped = room.created(&["start=2s"]);
    assert!(fleet.start(&dropped).now_or_never().is_none());
    room.wind(2);
    assert_eq!(room.state(&dropped), RunState::Running);
}

#[test]
fn a_stop_is_obeyed_or_ends_in_a_kill() {
    #[track_caller]
    fn check(words: &[&str], grace: u32, expected: &RunState) {
        let mut room = Room::new();
        let id = room.running(words);
        let fleet = Arc::clone(&room.fleet);
        let mut stop = fleet.stop(&id, grace * SECOND);
        while stop.as_mut().now_or_never().is_none() {
            assert_eq!(fleet.pending_verbs(), 0, "{words:?}");
            room.clock.advance_to(room.clock.next_deadline().unwrap());
        }
        assert_eq!(room.state(&id), *expected, "{words:?}");
    }
    check(&[], 30, &exited(0, false, 0));
    check(&["stop=4s"], 30, &exited(0, false, 4));
    check(&["stop=4s"], 3, &exited(137, false, 3));
    check(&["ignore-term"], 30, &exited(137, false, 30));
    check(&["ignore-term", "exit=5@2s"], 30, &exited(5, false, 2));
}

#[test]
fn a_kill_wakes_a_stop_that_waits() {
    let mut room = Room::new();
    let id = room.running(&["ignore-term"]);
    let fleet = Arc::clone(&room.fleet);
    let mut stop = fleet.stop(&id, 30 * SECOND);
    assert!(stop.as_mut().now_or_never().is_none());
    assert!(fleet.kill(&id, 9));
    assert!(!fleet.kill(&id, 9), "it is dead already");
    assert_eq!(fleet.pending_verbs(), 1, "woken and not yet polled");
    assert_eq!(stop.now_or_never(), Some(Ok(())));
    assert_eq!(room.state(&id), exited(9, false, 0));
}

#[test]
fn a_pull_takes_its_time_once() {
    let room = Room::new();
    let fleet = &room.fleet;
    let (mut first, mut second) = (fleet.image("sim:pull=10s", Progress::none()), fleet.image("sim:pull=10s", Progress::none()));
    assert!(first.as_mut().now_or_never().is_none());
    room.wind(4);
    assert!(second.as_mut().now_or_never().is_none());
    room.wind(6);
    let id = first.now_or_never().unwrap().unwrap();
    assert_eq!(second.now_or_never().unwrap().as_ref(), Ok(&id));
    assert_eq!(fleet.image("sim:pull=10s", Progress::none()).now_or_never().unwrap().as_ref(), Ok(&id));
    assert_eq!(id.len(), "sha256:".len() + 64);
    let missing = fleet.image("sim:missing", Progress::none()).now_or_never().unwrap().unwrap_err();
    assert_eq!(missing.kind, EngineErrorKind::CannotPull);
}

#[test]
fn an_edited_context_builds_another_image() {
    let room = Room::new();
    let build = |context: &str, base: &str| {
        let args = BTreeMap::from([("BASE".to_owned(), base.to_owned())]);
        let spec = BuildSpec {
            owner: OwnerId::from_text("o"),
            context: context.into(),
            dockerfile: "Dockerfile".into(),
            args,
            target: None,
            tag: "users:v1".into(),
        };
        room.fleet.build(&spec, Progress::none()).now_or_never().unwrap()
    };
    let first = build("/somewhere/users", "a").unwrap();
    assert_eq!(build("/somewhere/users", "a").unwrap(), first);
    assert_ne!(build("/somewhere/users", "b").unwrap(), first);
    room.fleet.edit_context(Path::new("/somewhere/users"));
    let edited = build("/somewhere/users", "a").unwrap();
    assert_ne!(edited, first);
    assert_eq!(room.fleet.image("users:v1", Progress::none()).now_or_never().unwrap(), Ok(edited), "the tag names the newest build");
    assert_eq!(build("/somewhere/users-fail", "a").unwrap_err().kind, EngineErrorKind::BuildFailed);
}

#[test]
fn health_follows_the_script_and_needs_a_check() {
    let mut room = Room::new();
    let mut health = |check: bool, words: &[&str], seconds: u32| {
        let mut spec = room.spec(words);
        spec.definition.health_check =
            check.then(|| ContainerHealthCheck { command: vec!["CMD".into(), "true".into()], interval: 5, timeout: 2, retries: 3, start_period: 0 });
        let id = room.fleet.create(&spec).now_or_never().unwrap().unwrap();
        room.fleet.start(&id).now_or_never().unwrap().unwrap();
        room.wind(seconds);
        room.fleet.inspect(&id).now_or_never().unwrap().unwrap().unwrap().health
    };
    assert_eq!(health(true, &[], 4), HealthStatus::Unknown);
    assert_eq!(health(true, &[], 5), HealthStatus::Healthy);
    assert_eq!(health(true, &["health=healthy@1s", "health=unhealthy@4s"], 3), HealthStatus::Healthy);
    assert_eq!(health(true, &["health=healthy@1s", "health=unhealthy@4s"], 4), HealthStatus::Unhealthy);
    assert_eq!(health(false, &["health=unhealthy"], 9), HealthStatus::Unknown);
}

#[test]
fn ports_and_addresses_are_counted_and_given_back() {
    let mut room = Room::new();
    room.fleet.occupy_port(32_769, true);
    let (first, second) = (room.running(&[]), room.running(&[]));
    let seen = |room: &Room, id: &ContainerId| {
        let seen = room.fleet.inspect(id).now_or_never().unwrap().unwrap().unwrap();
        (seen.address.unwrap(), seen.network_bindings[0].host_port)
    };
    let address = |host| IpAddr::V4(Ipv4Addr::new(10, 213, 0, host));
    assert_eq!(seen(&room, &first), (address(2), 32_768));
    assert_eq!(seen(&room, &second), (address(3), 32_770), "32769 is somebody else's");
    room.fleet.kill(&first, 1);
    let third = room.running(&[]);
    assert_eq!(seen(&room, &third), (address(2), 32_771));
}

#[test]
fn a_probe_gets_what_the_script_says_while_it_runs() {
    let mut room = Room::new();
    let id = room.running(&["http=200@3s", "http=500@9s"]);
    let seen = room.fleet.inspect(&id).now_or_never().unwrap().unwrap().unwrap();
    let published = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), seen.network_bindings[0].host_port);
    let direct = SocketAddr::new(seen.address.unwrap(), 3000);
    for (seconds, expected) in [(0, SimulatedAnswer::Refused), (3, SimulatedAnswer::Status(200)), (6, SimulatedAnswer::Status(500))] {
        room.wind(seconds);
        assert_eq!((room.fleet.probe_status(published), room.fleet.probe_status(direct)), (expected, expected));
    }
    assert_eq!(room.fleet.probe_status(SocketAddr::new(direct.ip(), 3001)), SimulatedAnswer::Refused);
    room.fleet.kill(&id, 1);
    assert_eq!(room.fleet.probe_status(direct), SimulatedAnswer::Refused);
}

#[test]
fn a_watcher_is_told_in_order_and_counted_until_it_takes() {
    let mut room = Room::new();
    let mut events = room.watch();
    let (early, late) = (room.running(&["exit=1@2s"]), room.running(&["exit=1@5s"]));
    assert_eq!(room.fleet.undelivered_events(), 2);
    let died = |id: &ContainerId| EngineEvent::Died { id: id.clone(), code: 1, out_of_memory: false };
    let mut next = || events.next().now_or_never().flatten().map(Result::unwrap);
    assert_eq!(next(), Some(EngineEvent::Changed(early.clone())));
    assert_eq!(next(), Some(EngineEvent::Changed(late.clone())));
    assert_eq!(next(), None);
    assert_eq!(room.clock.next_deadline(), Some(START + 2 * SECOND), "a watcher that waits sleeps until the next thing that is due");
    room.wind(60);
    assert_eq!(room.fleet.undelivered_events(), 2);
    assert_eq!((next(), next()), (Some(died(&early)), Some(died(&late))));
    assert!(room.fleet.remove_behind(&early));
    assert!(!room.fleet.remove_behind(&early));
    assert_eq!(next(), Some(EngineEvent::Removed(early)));
    drop(events);
    room.running(&[]);
    assert_eq!(room.fleet.undelivered_events(), 0, "a watcher that left is owed nothing");
}

#[test]
fn a_watcher_that_falls_behind_loses_its_stream() {
    let mut room = Room::new();
    let events = room.watch();
    for _ in 0..600 {
        let id = room.running(&[]);
        room.fleet.remove_behind(&id);
    }
    let taken: Vec<_> = events.collect().now_or_never().unwrap();
    assert_eq!(taken.len(), 1025);
    assert!(taken[1024].is_err());
}

#[test]
fn while_the_engine_is_down_nobody_is_answered_and_containers_go_on() {
    let mut room = Room::new();
    let id = room.running(&["exit=3@5s"]);
    let slow = room.created(&["start=9s"]);
    let fleet = Arc::clone(&room.fleet);
    let mut events = room.watch();
    let mut start = fleet.start(&slow);
    assert!(start.as_mut().now_or_never().is_none());
    fleet.go_down();
    let unreachable = |result: Result<EngineInfo, EngineError>| assert_eq!(result.unwrap_err().kind, EngineErrorKind::Unreachable);
    unreachable(fleet.describe().now_or_never().unwrap());
    assert_eq!(start.now_or_never().unwrap().unwrap_err().kind, EngineErrorKind::Unreachable);
    assert_eq!(events.next().now_or_never().unwrap().unwrap().unwrap_err().kind, EngineErrorKind::Unreachable);
    assert!(events.next().now_or_never().unwrap().is_none());
    room.wind(10);
    fleet.come_back();
    fleet.describe().now_or_never().unwrap().unwrap();
    assert_eq!(room.state(&id), exited(3, false, 5));
    assert_eq!(room.state(&slow), RunState::Running);
}

#[test]
fn a_planned_failure_hits_its_verb_once_and_changes_nothing() {
    let mut room = Room::new();
    let id = room.created(&[]);
    let planned = EngineError::new(EngineErrorKind::Timeout, "no answer in 60 s");
    room.fleet.fail_next(VerbName::Start, planned.clone());
    assert!(room.fleet.inspect(&id).now_or_never().unwrap().is_ok());
    assert_eq!(room.fleet.start(&id).now_or_never().unwrap(), Err(planned));
    assert_eq!(room.state(&id), RunState::Created);
    assert!(room.fleet.start(&id).now_or_never().unwrap().is_ok());
}

#[test]
fn a_start_can_fail_by_script_and_a_wrong_word_fails_create() {
    let mut room = Room::new();
    let id = room.created(&["cannot-start"]);
    assert_eq!(room.fleet.start(&id).now_or_never().unwrap().unwrap_err().kind, EngineErrorKind::Refused);
    assert_eq!(room.state(&id), RunState::Created);
    let mut spec = room.spec(&["exti=7"]);
    let error = room.fleet.create(&spec).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Refused);
    assert!(error.message.contains("`exti=7`"), "{error}");
    spec.definition.image = "users:v1".into();
    assert!(room.fleet.create(&spec).now_or_never().unwrap().is_ok(), "any other image's command is its own business");
}

#[test]
fn the_journal_says_what_was_touched() {
    let mut room = Room::new();
    let id = room.running(&[]);
    room.wind(1);
    room.fleet.take_calls();
    room.fleet.stop(&id, SECOND).now_or_never().unwrap().unwrap();
    room.fleet.list(&owner()).now_or_never().unwrap().unwrap();
    let spec = room.fleet.containers().remove(0).spec;
    let calls = room.fleet.calls();
    let changing: Vec<_> = calls.iter().filter(|call| call.verb.changes()).cloned().collect();
    let stop = Call { at: START + SECOND, verb: VerbName::Stop, subject: spec.runtime_name, service: spec.service, task: Some(spec.task.clone()) };
    assert_eq!((changing, calls.len()), (vec![stop], 2));
    assert_eq!(room.fleet.find(&spec.task, &spec.definition.name), Some(id));
}

#[test]
fn a_log_is_followed_while_lines_come() {
    let mut room = Room::new();
    let id = room.running(&["out=one", "err=two@2s", "exit=0@4s"]);
    let mut log = room.fleet.logs(&id, LogOptions { follow: true, ..LogOptions::default() }).now_or_never().unwrap().unwrap();
    let mut next = || log.next().now_or_never().map(|line| line.map(|line| line.unwrap().text));
    assert_eq!(next(), Some(Some("one".into())));
    assert_eq!(next(), None, "nothing yet");
    room.wind(2);
    assert_eq!(next(), Some(Some("two".into())));
    room.wind(2);
    assert_eq!(next(), Some(None), "the end");
}
