//! The scheduler against a fleet that does its work at once, with every invariant checked each round.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::{Input, Pace, Work, learn, plan};
use model::{
    Change, ClusterName, ContainerDefinition, ContainerFailure, ContainerFailureKind, ContainerId, ContainerName, DesiredStatus, Fact, Family,
    HealthCheck, HealthStatus, Ids, NetworkBinding, NetworkMode, Observed, ObservedContainer, OwnerId, PortMapping, Revision, RunState, ServiceKey,
    ServiceLoadBalancer, ServiceName, ServiceSpec, Settings, Step, StopCode, TargetGroupAttributes, TargetGroupName, TargetGroupSpec, TargetHealth,
    TargetProtocol, TaskDefinition, TaskStatus, Timestamp, TransportProtocol, World,
};
use proptest::prelude::*;

struct Fleet {
    world: World,
    observed: Observed,
    ids: Ids,
    now: Timestamp,
    pace: Pace,
    next: u16,
    fail_starts: u32,
}

fn cluster() -> ClusterName {
    ClusterName::new("c").unwrap()
}

fn key(name: &str) -> ServiceKey {
    ServiceKey { cluster: cluster(), name: ServiceName::new(name).unwrap() }
}

fn revision(number: u32) -> Revision {
    Revision { family: Family::new("web").unwrap(), number }
}

fn definition(cpu: u32) -> TaskDefinition {
    let container = ContainerDefinition {
        name: ContainerName::new("web").unwrap(),
        image: "web".into(),
        image_id: None,
        build: None,
        cpu,
        memory: None,
        memory_reservation: None,
        essential: true,
        port_mappings: vec![PortMapping { container_port: 3000, host_port: 0, protocol: TransportProtocol::Tcp, name: None }],
        environment: BTreeMap::new(),
        entry_point: None,
        command: None,
        user: None,
        working_directory: None,
        hostname: None,
        stop_timeout: None,
        start_timeout: None,
        depends_on: vec![],
        health_check: None,
        docker_labels: BTreeMap::new(),
        readonly_root_filesystem: false,
        privileged: false,
        init_process_enabled: false,
        ulimits: vec![],
        extra_hosts: vec![],
        dns_servers: vec![],
        dns_search_domains: vec![],
    };
    TaskDefinition { family: Family::new("web").unwrap(), network_mode: NetworkMode::Bridge, cpu: None, memory: None, containers: vec![container] }
}

fn spec(name: &str, desired_count: u32) -> ServiceSpec {
    let entry = ServiceLoadBalancer {
        target_group: TargetGroupName::new(name).unwrap(),
        container_name: ContainerName::new("web").unwrap(),
        container_port: 3000,
    };
    ServiceSpec {
        name: ServiceName::new(name).unwrap(),
        desired_count,
        load_balancers: vec![entry],
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        health_check_grace_period: Duration::ZERO,
        connects_to: vec![],
    }
}

impl Fleet {
    fn new(services: &[(&str, u32)]) -> Self {
        let settings =
            Settings { owner: OwnerId::from_text("o"), account: "000000000000".into(), region: "us-east-1".into(), instance: "i-1".into() };
        let observed = Observed { listed: true, ..Observed::default() };
        let now = Timestamp::from_millis(1_000_000);
        let mut fleet = Self { world: World::new(settings), observed, ids: Ids::seeded(1), now, pace: Pace::default(), next: 40000, fail_starts: 0 };
        fleet.apply(Change::CreateCluster(cluster()));
        for cpu in 1..=3 {
            fleet.apply(Change::RegisterTaskDefinition { cluster: cluster(), definition: Box::new(definition(cpu)) });
        }
        for (name, desired) in services {
            let attributes = TargetGroupAttributes { deregistration_delay: Duration::from_secs(5) };
            let name_of = TargetGroupName::new(name).unwrap();
            let group = TargetGroupSpec { name: name_of, protocol: TargetProtocol::Http, port: 80, health_check: HealthCheck::default(), attributes };
            fleet.apply(Change::CreateTargetGroup { cluster: cluster(), spec: Box::new(group) });
            fleet.apply(Change::CreateService { cluster: cluster(), spec: Box::new(spec(name, *desired)), revision: revision(1) });
        }
        fleet
    }

    fn apply(&mut self, change: Change) {
        self.world.apply(change, self.now, &mut self.ids).unwrap();
    }

    fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Seen(seen) => drop(self.observed.containers.insert(seen.id.clone(), seen.clone())),
            Fact::Removed(id) => drop(self.observed.containers.remove(id)),
            _ => {}
        }
        for step in learn(&self.world, fact, self.now) {
            self.world.record(step);
        }
    }

    /// Plans, records and works until nothing is left; every invariant holds after every round. Answers all steps.
    fn settle(&mut self) -> Vec<Step> {
        let mut all = Vec::new();
        for round in 0.. {
            assert!(round < 200, "no fixpoint: {:#?}", all.iter().rev().take(5).collect::<Vec<_>>());
            let mut busy = BTreeSet::new();
            let mut quiet = 0;
            loop {
                let (world, observed) = (&self.world, &self.observed);
                let input = Input { world, observed, busy: &busy, pace: &self.pace, now: self.now };
                let plan = plan(&input, &mut self.ids);
                quiet += 1;
                assert!(quiet < 30, "plan does not come to rest: {:?}", plan.steps);
                let empty = plan.steps.is_empty() && plan.actions.is_empty();
                plan.steps.iter().cloned().for_each(|step| self.world.record(step));
                all.extend(plan.steps);
                for work in plan.actions {
                    assert!(busy.insert(work.clone()), "planned twice: {work:?}");
                }
                self.check();
                if empty {
                    break;
                }
            }
            if busy.is_empty() {
                return all;
            }
            busy.into_iter().for_each(|work| self.work(work));
        }
        all
    }

    fn check(&self) {
        assert_eq!(model::check::problems(&self.world), Vec::<String>::new());
        for (key, service) in &self.world.services {
            let live = self.world.tasks_of(key).filter(|task| task.is_live()).count();
            let most = service.spec.upper_bound().max(service.spec.desired_count);
            assert!(live <= usize::try_from(most).unwrap(), "{key}: {live} live tasks, at most {most}");
        }
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::PrepareImage { task, container } => self.fact(&Fact::ImageReady { task, container, image_id: "sha256:1".into() }),
            Work::Create { task, container } => {
                self.next += 1;
                self.fact(&Fact::Created { task, container, id: ContainerId::from_text(&format!("k{}", self.next)) });
            }
            Work::Start { task, container, .. } if self.fail_starts > 0 => {
                self.fail_starts -= 1;
                let failure = ContainerFailure::new(ContainerFailureKind::CannotStartContainerError, "no");
                self.fact(&Fact::Failed { task, container, failure });
            }
            Work::Start { task, container, id } => {
                let port = id.as_str()[1..].parse().unwrap();
                let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let binding = NetworkBinding { bind_ip: ip, container_port: 3000, host_port: port, protocol: TransportProtocol::Tcp };
                let service = self.world.tasks[&task].service_key();
                self.fact(&Fact::Seen(ObservedContainer {
                    id,
                    runtime_name: String::new(),
                    service,
                    task,
                    container,
                    state: RunState::Running,
                    health: HealthStatus::Unknown,
                    address: None,
                    direct: false,
                    network_bindings: vec![binding],
                }));
            }
            Work::Stop { id, .. } => self.exit(&id, 143),
            Work::Remove { id } => self.fact(&Fact::Removed(id)),
            Work::RemoveNetwork(key) => self.fact(&Fact::NetworkRemoved(key)),
        }
    }

    fn exit(&mut self, id: &ContainerId, code: i64) {
        let mut seen = self.observed.containers[id].clone();
        seen.state = RunState::Exited { code, out_of_memory: false, at: None };
        self.fact(&Fact::Seen(seen));
    }

    /// Time passes; every `initial` target passes its check.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.judge(|state| state == model::TargetHealthState::Initial, true);
            self.settle();
        }
    }

    fn judge(&mut self, which: impl Fn(model::TargetHealthState) -> bool, well: bool) {
        let mut facts = Vec::new();
        for group in self.world.target_groups.values() {
            for (target, found) in group.targets.iter().filter(|(_, found)| which(found.health.state)) {
                let _ = found;
                let health = if well {
                    TargetHealth::healthy(self.now)
                } else {
                    TargetHealth::code_mismatch(model::TargetHealthState::Unhealthy, 503, self.now)
                };
                facts.push(Fact::TargetHealth { target_group: group.spec.name.clone(), target: target.clone(), health });
            }
        }
        facts.iter().for_each(|fact| self.fact(fact));
    }

    fn running(&self, name: &str) -> Vec<ContainerId> {
        let key = key(name);
        let running = |seen: &&ObservedContainer| seen.state == RunState::Running && seen.service.as_ref() == Some(&key);
        self.observed.containers.values().filter(running).map(|seen| seen.id.clone()).collect()
    }

    fn events(&self, name: &str) -> Vec<&str> {
        self.world.services[&key(name)].events.iter().map(|event| event.message.as_str()).collect()
    }

    fn assert_steady(&self, name: &str, desired: usize) {
        let service = &self.world.services[&key(name)];
        assert!(service.steady, "{name}: {:#?} {:#?}", service, self.world.tasks);
        assert_eq!(self.running(name).len(), desired);
        let group = &self.world.target_groups[&TargetGroupName::new(name).unwrap()];
        assert_eq!(group.targets.values().filter(|target| target.health.state == model::TargetHealthState::Healthy).count(), desired);
    }
}

#[test]
fn a_service_starts_registers_and_is_steady() {
    let mut fleet = Fleet::new(&[("users", 2)]);
    fleet.settle();
    fleet.pass(2);
    fleet.assert_steady("users", 2);
    let events = fleet.events("users").join("\n");
    for sentence in ["has started 2 tasks", "registered 2 targets in", "deployment completed.", "has reached a steady state."] {
        assert!(events.contains(sentence), "{sentence}: {events}");
    }
}

#[test]
fn a_dead_container_leaves_its_group_and_is_replaced_in_one_round() {
    let mut fleet = Fleet::new(&[("users", 1)]);
    fleet.settle();
    fleet.pass(20);
    fleet.exit(&fleet.running("users")[0].clone(), 137);
    let (world, observed, busy) = (&fleet.world, &fleet.observed, BTreeSet::new());
    let plan = plan(&Input { world, observed, busy: &busy, pace: &fleet.pace, now: fleet.now }, &mut fleet.ids);
    assert!(plan.steps.iter().any(|step| matches!(step, Step::RemoveTarget { .. })), "{:#?}", plan.steps);
    assert!(plan.steps.iter().any(|step| matches!(step, Step::PutTask(task) if task.is_live())), "{:#?}", plan.steps);
    fleet.pass(3);
    fleet.assert_steady("users", 1);
    assert!(fleet.world.tasks.values().any(|task| task.stop.as_ref().is_some_and(|stop| stop.code == StopCode::EssentialContainerExited)));
}

#[test]
fn failing_starts_are_spaced_out_and_said() {
    let mut fleet = Fleet::new(&[("users", 1)]);
    fleet.fail_starts = 4;
    fleet.settle();
    assert_eq!(fleet.world.services[&key("users")].backoff.failures, 2, "the first replacement is at once");
    fleet.pass(1);
    assert_eq!(fleet.world.services[&key("users")].backoff.failures, 3);
    assert!(fleet.events("users").iter().any(|event| event.contains("unable to consistently")));
    fleet.pass(40);
    fleet.assert_steady("users", 1);
    assert_eq!(fleet.world.services[&key("users")].backoff.failures, 0);
}

#[test]
fn an_unhealthy_task_is_stopped_after_its_replacement_is_healthy() {
    let mut fleet = Fleet::new(&[("users", 1)]);
    fleet.settle();
    fleet.pass(3);
    fleet.judge(|state| state == model::TargetHealthState::Healthy, false);
    fleet.settle();
    assert_eq!(fleet.running("users").len(), 2, "start first");
    fleet.pass(10);
    fleet.assert_steady("users", 1);
    assert!(fleet.events("users").iter().any(|event| event.contains("replaced 1 tasks due to an unhealthy status")));
    let elb = |task: &&model::Task| task.stop.as_ref().is_some_and(|stop| stop.reason.contains("ELB health checks"));
    assert_eq!(fleet.world.tasks.values().filter(elb).count(), 1);
}

#[test]
fn a_scale_touches_one_service_only_and_a_deletion_leaves_nothing() {
    let mut fleet = Fleet::new(&[("users", 1), ("posts", 2)]);
    fleet.settle();
    fleet.pass(12);
    let others: Vec<_> = fleet.world.tasks_of(&key("posts")).cloned().collect();
    fleet.apply(Change::Scale { service: key("users"), desired_count: 3 });
    fleet.settle();
    fleet.pass(3);
    fleet.assert_steady("users", 3);
    assert_eq!(fleet.world.tasks_of(&key("posts")).cloned().collect::<Vec<_>>(), others);
    fleet.apply(Change::DeleteCluster(cluster()));
    fleet.settle();
    fleet.pass(8);
    assert!(fleet.world.clusters.is_empty() && fleet.world.tasks.is_empty() && fleet.observed.containers.is_empty());
}

#[test]
fn nothing_is_concluded_from_absence_before_a_listing() {
    let mut fleet = Fleet::new(&[("users", 1)]);
    fleet.settle();
    fleet.pass(3);
    let seen = std::mem::take(&mut fleet.observed);
    assert!(fleet.settle().is_empty());
    fleet.observed = seen;
    assert!(fleet.settle().is_empty(), "adopted as it was");
}

#[test]
fn a_rolling_deployment_never_has_fewer_healthy_targets_than_desired() {
    let mut fleet = Fleet::new(&[("users", 3)]);
    fleet.settle();
    fleet.pass(3);
    fleet.apply(Change::UpdateService { cluster: cluster(), spec: Box::new(spec("users", 3)), revision: revision(2) });
    fleet.settle();
    for _ in 0..15 {
        fleet.pass(1);
        let group = &fleet.world.target_groups[&TargetGroupName::new("users").unwrap()];
        assert!(group.targets.values().filter(|target| target.health.state == model::TargetHealthState::Healthy).count() >= 3);
    }
    fleet.assert_steady("users", 3);
    assert_eq!(fleet.world.services[&key("users")].deployments.len(), 1);
    assert!(fleet.world.tasks.values().filter(|task| task.is_live()).all(|task| task.revision == revision(2)));
}

#[test]
fn a_daemon_that_died_between_creation_and_record_adopts_the_container() {
    let mut fleet = Fleet::new(&[("users", 1)]);
    fleet.settle();
    fleet.pass(3);
    let (id, mut task) = fleet.world.tasks.iter().next().map(|(id, task)| (id.clone(), task.clone())).unwrap();
    let known = task.containers[0].runtime_id.take();
    (task.last_status, task.started_at) = (TaskStatus::Pending, None);
    (task.containers[0].last_status, task.containers[0].network_bindings) = (model::ContainerStatus::Pulled, vec![]);
    fleet.world.record(Step::PutTask(Box::new(task)));
    fleet.settle();
    let adopted = &fleet.world.tasks[&id];
    assert_eq!((adopted.last_status, adopted.containers[0].runtime_id.clone()), (TaskStatus::Running, known));
    assert_eq!(fleet.observed.containers.len(), 1, "nothing was made twice");
}

#[derive(Clone, Debug)]
enum Act {
    Scale(u32),
    Update(u32),
    StopTask,
    Kill,
    FailStarts(u32),
    Sicken,
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..4_u32).prop_map(Act::Scale),
        (1..=3_u32).prop_map(Act::Update),
        Just(Act::StopTask),
        Just(Act::Kill),
        (1..3_u32).prop_map(Act::FailStarts),
        Just(Act::Sicken),
        (1..8_u64).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_script_comes_to_rest_steady(acts in proptest::collection::vec(act(), 1..12)) {
        let mut fleet = Fleet::new(&[("users", 2)]);
        fleet.settle();
        let (mut desired, mut number) = (2, 1);
        for act in acts {
            match act {
                Act::Scale(count) => { desired = count; fleet.apply(Change::Scale { service: key("users"), desired_count: count }); }
                Act::Update(to) => {
                    number = to;
                    fleet.apply(Change::UpdateService { cluster: cluster(), spec: Box::new(spec("users", desired)), revision: revision(to) });
                }
                Act::StopTask => {
                    let task = fleet.world.tasks.values().find(|task| task.desired_status == DesiredStatus::Running).map(|task| task.id.clone());
                    if let Some(task) = task { fleet.apply(Change::StopTask { task, reason: None }); }
                }
                Act::Kill => if let Some(id) = fleet.running("users").first().cloned() { fleet.exit(&id, 137); },
                Act::FailStarts(count) => fleet.fail_starts = count,
                Act::Sicken => fleet.judge(|state| state == model::TargetHealthState::Healthy, false),
                Act::Pass(seconds) => fleet.pass(seconds),
            }
            fleet.settle();
        }
        fleet.pass(60);
        fleet.assert_steady("users", usize::try_from(desired).unwrap());
        prop_assert!(fleet.world.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped).all(|task| task.revision == revision(number)));
    }
}
