//! What one plan costs, and how that grows with the world: `cargo bench -p scheduler`.
//!
//! The largest world has 1,000 services with 10 tasks each on 500 container instances. The budget: a plan of it at rest, with one service
//! scaled, or with one deployment that begins takes at most 150 ms on one core, and one that places all 10,000 tasks at once 1.5 s.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up is to end")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use model::{
    Action, Change, ClusterName, ContainerDefinition, ContainerId, ContainerName, EngineName, Fact, Family, Forward, HealthStatus, Ids, InstanceName,
    InstanceSpec, Listener, LoadBalancerAttributes, LoadBalancerName, NetworkBinding, NetworkMode, Observed, ObservedContainer, OwnerId, PortMapping,
    Revision, RunState, ServiceKey, ServiceLoadBalancer, ServiceName, ServiceSpec, Settings, Speed, TargetGroupName, TargetGroupSpec, TargetHealth,
    TargetHealthState, TaskDefinition, TaskId, Timestamp, TransportProtocol, WeightedTargetGroup, World,
};
use scheduler::{Input, Pace, Plan, Work, learn, plan};

/// Services; each has ten tasks, and there is an instance for every twenty of them.
const SIZES: [u32; 3] = [10, 100, 1000];
const TASKS: u32 = 10;

/// A world, and an engine that does at once what it is asked for.
struct Estate {
    world: World,
    observed: Observed,
    ids: Ids,
    pace: Pace,
    now: Timestamp,
    ports: u16,
}

fn cluster() -> ClusterName {
    ClusterName::new("estate").unwrap()
}

fn key(number: u32) -> ServiceKey {
    ServiceKey { cluster: cluster(), name: ServiceName::new(&format!("service-{number}")).unwrap() }
}

impl Estate {
    /// The services are wanted, and no task is there yet.
    fn new(services: u32) -> Self {
        let settings = Settings {
            owner: OwnerId::from_text("bench"),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            instance: "i-0".into(),
            speed: Speed::default(),
        };
        let mut world = World::new(settings);
        let (mut ids, now) = (Ids::seeded(1), Timestamp::from_millis(1_000_000));
        let instance = |number: u32| {
            let name = InstanceName::new(&format!("instance-{number}")).unwrap();
            let zone = format!("us-east-1{}", ["a", "b", "c"][number as usize % 3]);
            let attributes = BTreeMap::from([("ecs.availability-zone".to_owned(), zone)]);
            (name.clone(), InstanceSpec { name, engine: EngineName::own(), cpu: Some(8192), memory: Some(16_384), attributes })
        };
        let instances = (0..(services * TASKS).div_ceil(20)).map(instance).collect();
        let mut changes = vec![Change::CreateCluster(cluster()), Change::PutContainerInstances { cluster: cluster(), instances }];
        changes.extend((0..services).flat_map(service));
        changes.into_iter().for_each(|change| drop(world.apply(change, now, &mut ids).unwrap()));
        Self { world, observed: Observed { listed: [EngineName::own()].into(), ..Observed::default() }, ids, pace: Pace::default(), now, ports: 0 }
    }

    /// The same with all tasks running and healthy.
    fn at_rest(services: u32) -> Self {
        let mut estate = Self::new(services);
        estate.settle();
        assert!(estate.world.services.values().all(|service| service.steady), "the estate is steady");
        estate
    }

    fn plan(&self) -> Plan {
        let busy = BTreeSet::new();
        plan(&Input { world: &self.world, observed: &self.observed, busy: &busy, pace: &self.pace, now: self.now }, &mut self.ids.clone())
    }

    fn settle(&mut self) {
        loop {
            let busy = BTreeSet::new();
            let input = Input { world: &self.world, observed: &self.observed, busy: &busy, pace: &self.pace, now: self.now };
            let plan = plan(&input, &mut self.ids);
            let idle = plan.steps.is_empty() && plan.actions.is_empty();
            plan.steps.into_iter().for_each(|step| self.world.record(step));
            let mut facts: Vec<Fact> = plan.actions.into_iter().filter_map(|work| self.perform(work)).collect();
            facts.extend(self.healthy());
            if idle && facts.is_empty() {
                return;
            }
            facts.iter().for_each(|fact| self.learn(fact));
        }
    }

    fn learn(&mut self, fact: &Fact) {
        if let Fact::Seen(seen) | Fact::Started(seen) = fact {
            self.observed.containers.insert(seen.id.clone(), seen.clone());
        }
        learn(&self.world, fact, self.now).into_iter().for_each(|step| self.world.record(step));
    }

    fn perform(&mut self, work: Work) -> Option<Fact> {
        match work {
            Work::PrepareImage { task, container } => Some(Fact::ImageReady { task, container, image_id: "sha256:1".into() }),
            Work::Create { task, container } => {
                let id = ContainerId::from_text(&format!("{task}-{container}"));
                Some(Fact::Created { task, container, id })
            }
            Work::Start { task, container, id } => Some(Fact::Started(self.running(&task, container, id))),
            _ => None,
        }
    }

    fn running(&mut self, task: &TaskId, container: ContainerName, id: ContainerId) -> ObservedContainer {
        self.ports = self.ports.wrapping_add(1).max(10_000);
        let known = &self.world.tasks[task];
        ObservedContainer {
            engine: EngineName::own(),
            id,
            runtime_name: known.containers[0].runtime_name.clone(),
            service: known.service_key(),
            task: task.clone(),
            container,
            state: RunState::Running,
            health: HealthStatus::Unknown,
            address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
            direct: true,
            network_bindings: vec![NetworkBinding {
                bind_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                container_port: 3000,
                host_port: self.ports,
                protocol: TransportProtocol::Tcp,
            }],
        }
    }

    /// Every new target passes its first check.
    fn healthy(&self) -> Vec<Fact> {
        let groups = self.world.target_groups.iter();
        let targets = groups.flat_map(|(name, group)| group.targets.iter().map(move |(key, target)| (name, key, target)));
        let fresh = targets.filter(|(_, _, target)| target.health.state == TargetHealthState::Initial);
        let health = TargetHealth::healthy(self.now);
        fresh.map(|(name, key, _)| Fact::TargetHealth { target_group: name.clone(), target: key.clone(), health: health.clone() }).collect()
    }
}

/// A family, a target group with a listener, and the service.
fn service(number: u32) -> Vec<Change> {
    let name = format!("service-{number}");
    let (family, group) = (Family::new(&name).unwrap(), TargetGroupName::new(&name).unwrap());
    let port = PortMapping { container_port: 3000, host_port: 0, protocol: TransportProtocol::Tcp, name: None, app_protocol: None };
    let container = ContainerName::new("web").unwrap();
    let web = ContainerDefinition { cpu: 256, memory: Some(256), port_mappings: vec![port], ..ContainerDefinition::new(container.clone(), "web") };
    let forward = Forward { target_groups: vec![WeightedTargetGroup { target_group: group.clone(), weight: 1 }], stickiness: None };
    let listener = Listener::new(1000 + u16::try_from(number).unwrap(), Action::Forward(forward));
    let balancer = LoadBalancerName::new(&name).unwrap();
    let spec = ServiceSpec {
        load_balancers: vec![ServiceLoadBalancer { target_group: group.clone(), container_name: container, container_port: 3000, advanced: None }],
        ..ServiceSpec::new(key(number).name, TASKS)
    };
    vec![
        Change::RegisterTaskDefinition {
            cluster: cluster(),
            definition: Box::new(TaskDefinition::new(family.clone(), NetworkMode::Bridge, vec![web])),
        },
        Change::CreateTargetGroup { cluster: cluster(), spec: Box::new(TargetGroupSpec::new(group, 80)) },
        Change::CreateLoadBalancer { cluster: cluster(), name: balancer.clone(), attributes: LoadBalancerAttributes::default() },
        Change::PutListener { load_balancer: balancer, listener: Box::new(listener) },
        Change::CreateService { cluster: cluster(), spec: Box::new(spec), revision: Revision { family, number: 1 } },
    ]
}

fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for services in SIZES {
        let tasks = services * TASKS;
        let rest = Estate::at_rest(services);
        group.bench_function(BenchmarkId::new("at rest, tasks", tasks), |bencher| bencher.iter(|| black_box(rest.plan())));
        for (name, change) in [
            ("one service scaled, tasks", Change::Scale { service: key(0), desired_count: TASKS + 1 }),
            ("one deployment begins, tasks", Change::Deploy { service: key(0), task_definition: None }),
        ] {
            let mut estate =
                Estate { world: rest.world.clone(), observed: rest.observed.clone(), ids: rest.ids.clone(), pace: rest.pace.clone(), ..rest };
            estate.world.apply(change, estate.now, &mut estate.ids).unwrap();
            assert!(!estate.plan().steps.is_empty(), "{name}: something is to be done");
            group.bench_function(BenchmarkId::new(name, tasks), |bencher| bencher.iter(|| black_box(estate.plan())));
        }
        let empty = Estate::new(services);
        group.bench_function(BenchmarkId::new("all placed at once, tasks", tasks), |bencher| bencher.iter(|| black_box(empty.plan())));
    }
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
