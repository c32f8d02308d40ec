//! The services that tests are about.

use std::time::Duration;

use model::{
    Action, AdvancedConfiguration, AlarmSpec, Change, CircuitBreaker, ClusterName, ClusterQuery, ComparisonOperator, ContainerDefinition,
    ContainerDependency, ContainerHealthCheck, ContainerLink, ContainerName, Decimal, DependencyCondition, DeploymentAlarms, DockerVolume,
    EarlySuccess, Family, Forward, Listener, LoadBalancerAttributes, LoadBalancerName, Metric, MetricAlarm, MissingData, MountPoint, NamespaceMode,
    NetworkMode, Placement, PortMapping, RestartPolicy, Revision, SchedulingStrategy, ServiceKey, ServiceLoadBalancer, ServiceName, ServiceSpec,
    TargetGroupAttributes, TargetGroupName, TargetGroupSpec, TaskDefinition, TrafficShift, TransportProtocol, Volume, VolumeFrom, VolumeSource,
    WeightedTargetGroup,
};

pub(super) fn cluster() -> ClusterName {
    ClusterName::new("c").unwrap()
}

pub(super) fn key(name: &str) -> ServiceKey {
    ServiceKey { cluster: cluster(), name: ServiceName::new(name).unwrap() }
}

pub(super) fn group(name: &str) -> TargetGroupName {
    TargetGroupName::new(name).unwrap()
}

pub(super) fn revision(name: &str, number: u32) -> Revision {
    Revision { family: Family::new(name).unwrap(), number }
}

/// An essential container without ports.
pub(super) fn container(name: &str) -> ContainerDefinition {
    ContainerDefinition::new(ContainerName::new(name).unwrap(), "web")
}

/// A service whose tasks have an address each, of a container that serves and one beside it.
pub(super) fn awsvpc(name: &'static str, desired: u32) -> Setup {
    Setup { mode: NetworkMode::Awsvpc, containers: vec![mapped(web()), container("side")], ..Setup::new(name, desired) }
}

/// Its ports as a manifest reads them in `awsvpc` and `host` mode.
pub(super) fn mapped(mut container: ContainerDefinition) -> ContainerDefinition {
    container.port_mappings.iter_mut().for_each(|mapping| mapping.host_port = mapping.container_port);
    container
}

/// The container that serves: port 3000, on a host port of its own.
pub(super) fn web() -> ContainerDefinition {
    let port = PortMapping { container_port: 3000, host_port: 0, protocol: TransportProtocol::Tcp, name: None, app_protocol: None };
    ContainerDefinition { port_mappings: vec![port], ..container("web") }
}

pub(super) fn after(mut container: ContainerDefinition, other: &str, condition: DependencyCondition) -> ContainerDefinition {
    container.depends_on.push(ContainerDependency { container_name: ContainerName::new(other).unwrap(), condition });
    container
}

pub(super) fn linked(mut container: ContainerDefinition, other: &str) -> ContainerDefinition {
    container.links.push(ContainerLink { container_name: ContainerName::new(other).unwrap(), alias: "store".into() });
    container
}

/// With a restart policy of a minute that ignores code 7.
pub(super) fn restarting(container: ContainerDefinition) -> ContainerDefinition {
    let policy = RestartPolicy { ignored_exit_codes: vec![7], restart_attempt_period: 60 };
    ContainerDefinition { restart_policy: Some(policy), ..container }
}

fn task_volume(name: &str) -> Volume {
    Volume { name: name.to_owned(), source: VolumeSource::Task(DockerVolume::default()) }
}

/// With the volume `data` at `/data`, or with the volumes of another container.
pub(super) fn storing(mut container: ContainerDefinition, from: Option<&str>) -> ContainerDefinition {
    match from {
        None => container.mount_points.push(MountPoint { source_volume: "data".into(), container_path: "/data".into(), read_only: false }),
        Some(name) => container.volumes_from.push(VolumeFrom { source_container: ContainerName::new(name).unwrap(), read_only: true }),
    }
    container
}

pub(super) fn optional(container: ContainerDefinition) -> ContainerDefinition {
    ContainerDefinition { essential: false, ..container }
}

pub(super) fn checked(container: ContainerDefinition) -> ContainerDefinition {
    let check = ContainerHealthCheck { command: vec!["CMD".into(), "true".into()], interval: 30, timeout: 5, retries: 3, start_period: 0 };
    ContainerDefinition { health_check: Some(check), ..container }
}

/// Goes off when one of two minutes has a value above ten.
fn hot() -> AlarmSpec {
    let alarm = MetricAlarm {
        metric: Metric::TargetStatuses(group("users"), 5),
        threshold: Decimal::whole(10),
        comparison: ComparisonOperator::GreaterThan,
        period_minutes: 1,
        evaluation_periods: 2,
        datapoints_to_alarm: 1,
        missing_data: MissingData::NotBreaching,
    };
    AlarmSpec { service: None, alarm }
}

/// A service, its family of three revisions and its target group.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) name: &'static str,
    pub(super) desired: u32,
    /// Registers in a target group of its own name.
    pub(super) balanced: bool,
    /// A listener forwards to the group, so that draining takes its whole delay of 5 s.
    pub(super) listener: bool,
    pub(super) percent: (u32, u32),
    pub(super) grace: u64,
    pub(super) breaker: Option<CircuitBreaker>,
    /// An alarm `hot` ends its deployments, and brings the one before back where that is true.
    pub(super) alarmed: Option<bool>,
    pub(super) early: Option<EarlySuccess>,
    /// Traffic is shifted between its target group and another one.
    pub(super) shift: Option<TrafficShift>,
    pub(super) mode: NetworkMode,
    pub(super) pid_mode: Option<NamespaceMode>,
    /// Volumes that each task has for itself.
    pub(super) volumes: Vec<&'static str>,
    pub(super) containers: Vec<ContainerDefinition>,
    pub(super) daemon: bool,
    /// Its task definitions say the CPU of the whole task: as many units as their revision's number.
    pub(super) whole_cpu: bool,
    pub(super) placement: Placement,
    pub(super) member_of: Vec<ClusterQuery>,
}

impl Setup {
    pub(super) fn new(name: &'static str, desired: u32) -> Self {
        Self {
            name,
            desired,
            balanced: true,
            listener: true,
            percent: (100, 200),
            grace: 0,
            breaker: None,
            alarmed: None,
            early: None,
            shift: None,
            mode: NetworkMode::Bridge,
            pid_mode: None,
            volumes: vec![],
            containers: vec![web()],
            daemon: false,
            whole_cpu: true,
            placement: Placement::default(),
            member_of: vec![],
        }
    }

    pub(super) fn plain(name: &'static str, desired: u32) -> Self {
        Self { balanced: false, ..Self::new(name, desired) }
    }

    pub(super) fn spec(&self) -> ServiceSpec {
        let advanced = self.shift.as_ref().map(|_| AdvancedConfiguration {
            alternate_target_group: group("other"),
            production_rule: format!("{}:80/default", self.name).parse().unwrap(),
            test_rule: None,
        });
        let entry = ServiceLoadBalancer {
            target_group: group(self.name),
            container_name: ContainerName::new("web").unwrap(),
            container_port: 3000,
            advanced,
        };
        ServiceSpec {
            load_balancers: if self.balanced { vec![entry] } else { vec![] },
            minimum_healthy_percent: self.percent.0,
            maximum_percent: self.percent.1,
            health_check_grace_period: Duration::from_secs(self.grace),
            circuit_breaker: self.breaker.clone(),
            deployment_alarms: self.alarmed.map(|rollback| DeploymentAlarms { names: vec!["hot".into()], rollback }),
            early_success: self.early,
            traffic_shift: self.shift.clone(),
            scheduling_strategy: if self.daemon { SchedulingStrategy::Daemon } else { SchedulingStrategy::Replica },
            placement: self.placement.clone(),
            ..ServiceSpec::new(ServiceName::new(self.name).unwrap(), self.desired)
        }
    }

    pub(super) fn changes(&self, port: u16) -> Vec<Change> {
        let family = Family::new(self.name).unwrap();
        // Revisions differ in something.
        let definition = |number| TaskDefinition {
            cpu: self.whole_cpu.then_some(number),
            pid_mode: self.pid_mode,
            volumes: self.volumes.iter().map(|name| task_volume(name)).collect(),
            member_of: self.member_of.clone(),
            ..TaskDefinition::new(family.clone(), self.mode, self.numbered(number))
        };
        let mut changes: Vec<_> =
            (1..=3).map(|number| Change::RegisterTaskDefinition { cluster: cluster(), definition: Box::new(definition(number)) }).collect();
        if self.balanced {
            let attributes = TargetGroupAttributes { deregistration_delay: Duration::from_secs(5), ..TargetGroupAttributes::default() };
            let names = std::iter::once(self.name).chain(self.shift.as_ref().map(|_| "other"));
            changes.extend(names.map(|name| {
                let target_type = self.mode.target_type();
                let spec = TargetGroupSpec { attributes: attributes.clone(), target_type, ..TargetGroupSpec::new(group(name), 80) };
                Change::CreateTargetGroup { cluster: cluster(), spec: Box::new(spec) }
            }));
        }
        if self.balanced && self.listener {
            changes.extend(self.listener(port));
        }
        if self.alarmed.is_some() {
            changes.push(Change::PutAlarm { cluster: cluster(), name: "hot".into(), spec: Box::new(hot()) });
        }
        changes.push(Change::CreateService { cluster: cluster(), spec: Box::new(self.spec()), revision: revision(self.name, 1) });
        changes
    }

    /// The containers, told apart by revision.
    fn numbered(&self, number: u32) -> Vec<ContainerDefinition> {
        let mut containers = self.containers.clone();
        containers.iter_mut().for_each(|container| container.environment.extend([("REVISION".to_owned(), number.to_string())]));
        containers
    }

    fn listener(&self, port: u16) -> [Change; 2] {
        let name = LoadBalancerName::new(self.name).unwrap();
        let forward = Forward { target_groups: vec![WeightedTargetGroup { target_group: group(self.name), weight: 1 }], stickiness: None };
        let default_action = Action::Forward(forward);
        let listener = Listener::new(port, default_action);
        [
            Change::CreateLoadBalancer { cluster: cluster(), name: name.clone(), attributes: LoadBalancerAttributes::default() },
            Change::PutListener { load_balancer: name, listener: Box::new(listener) },
        ]
    }

    pub(super) fn update(&self, number: u32) -> Change {
        Change::UpdateService { cluster: cluster(), spec: Box::new(self.spec()), revision: revision(self.name, number) }
    }
}
