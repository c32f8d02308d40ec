//! What readers are shown: the snapshot in the words of `wire::local`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use model::{
    Alarm, AwaitedHook, ClusterName, Container, ContainerDefinition, ContainerStatus, ContainerType, Decimal, DeploymentId, DeploymentStatus,
    HookTarget, Listener, LoadBalancer, Metric, NetworkBinding, NetworkMode, PAUSE_IMAGE, PortRange, Rule, ScheduleName, ScheduledTask, Service,
    ServiceKey, ServiceName, TargetGroup, TargetGroupName, TargetHealthReason, TargetHealthState, Task, TaskDefinition, TaskStatus, Timestamp, World,
};
use scheduler::InstanceUsage;
use wire::local::{
    AlarmView, AttachmentView, ClusterView, ConditionView, ContainerInstanceView, ContainerView, DeploymentView, EngineView, HopelessView,
    InstanceResources, LifecycleHookView, ListenerView, LoadBalancerView, NetworkBindingView, RuleView, ScheduledTaskView, Seconds,
    ServiceDeploymentView, ServiceView, TargetGroupView, TargetView, TaskView, View,
};

use crate::keeper::Snapshot;
use crate::listeners::Bound;

/// Everything, for `GET /local/v1/view`.
#[must_use]
pub fn view(snapshot: &Snapshot, bound: &BTreeMap<u16, Bound>, (engine, agent_problem): (EngineView, Option<String>), now: Timestamp) -> View {
    let world = &snapshot.world;
    let usage = scheduler::instances(world, &snapshot.away());
    let clusters = world.clusters.iter().map(|(name, cluster)| ClusterView {
        cluster_name: name.to_string(),
        deleting: cluster.deleting,
        services: services(snapshot, name),
        tasks: tasks(world, name),
        container_instances: usage.iter().filter(|usage| usage.cluster == *name).filter_map(|usage| container_instance(snapshot, usage)).collect(),
        scheduled_tasks: cluster.scheduled_tasks.iter().map(|(name, known)| scheduled_task(name, known)).collect(),
        alarms: cluster.alarms.iter().map(|(alarm, known)| alarm_view(world, name, alarm, known)).collect(),
        load_balancers: of(world.load_balancers.values(), name, |balancer| &balancer.owner)
            .map(|balancer| load_balancer(world, balancer, bound))
            .collect(),
        target_groups: of(world.target_groups.values(), name, |group| &group.owner).map(|group| target_group(snapshot, group)).collect(),
    });
    let clusters = clusters.collect();
    let engine = EngineView { problem: snapshot.engine_problem().cloned(), ..engine };
    View {
        version: snapshot.sequence,
        now: seconds(now),
        problem: snapshot.state_problem.clone(),
        agent_problem,
        speed: world.settings.speed.into(),
        engine,
        clusters,
    }
}

/// A time as AWS's JSON has it.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits for the next 285,000 years")]
pub fn seconds(at: Timestamp) -> Seconds {
    at.as_millis() as f64 / 1000.0
}

fn of<'a, T: 'a>(all: impl Iterator<Item = &'a T>, cluster: &ClusterName, owner: impl Fn(&T) -> &ClusterName) -> impl Iterator<Item = &'a T> {
    all.filter(move |item| owner(item) == cluster)
}

fn alarm_view(world: &World, cluster: &ClusterName, name: &str, known: &Alarm) -> AlarmView {
    let alarm = &known.spec.alarm;
    let watches = |service: &&Service| {
        let names = service.spec.deployment_alarms.iter().flat_map(|alarms| &alarms.names);
        service.cluster == *cluster && names.into_iter().any(|watched| watched == name)
    };
    let of = match &alarm.metric {
        Metric::OwnStatuses(balancer, _) => Some(balancer.as_str()),
        metric => metric.target_group().map(TargetGroupName::as_str).or(known.spec.service.as_ref().map(ServiceName::as_str)),
    };
    let measured = known.measured_until > Timestamp::from_millis(0);
    AlarmView {
        alarm_name: name.to_owned(),
        metric_name: alarm.metric.name().into(),
        of: of.unwrap_or_default().into(),
        condition: alarm.words(),
        state_value: known.state.as_str().into(),
        state_updated_at: seconds(known.since),
        value: known.points.back().filter(|point| point.at == known.measured_until).map(|point| number(point.value)),
        measured_at: measured.then(|| seconds(known.measured_until)),
        services: world.services.values().filter(watches).map(|service| service.spec.name.to_string()).collect(),
    }
}

/// A number for a person; decisions are made with the exact one.
#[expect(clippy::cast_precision_loss, reason = "for a person")]
pub fn number(decimal: Decimal) -> f64 {
    decimal.millionths() as f64 / 1e6
}

fn lifecycle_hook(awaited: &AwaitedHook<'_>) -> LifecycleHookView {
    let (target_type, status) = match awaited.hook.target {
        HookTarget::Pause => ("PAUSE", "AWAITING_ACTION"),
        HookTarget::Command { .. } => ("COMMAND", "IN_PROGRESS"),
        HookTarget::Endpoint(_) => ("ENDPOINT", "IN_PROGRESS"),
    };
    LifecycleHookView {
        hook_id: awaited.id.clone(),
        target_type: target_type.into(),
        status: status.into(),
        expires_at: seconds(awaited.expires_at),
        timeout_action: awaited.hook.timeout.action.as_str().into(),
    }
}

fn services(snapshot: &Snapshot, cluster: &ClusterName) -> Vec<ServiceView> {
    let services = snapshot.world.services.iter().filter(|(key, _)| key.cluster == *cluster);
    services.map(|(key, service)| service_view(snapshot, key, service)).collect()
}

fn service_view(snapshot: &Snapshot, key: &ServiceKey, service: &Service) -> ServiceView {
    let world = &snapshot.world;
    let count = |status: TaskStatus, deployment: Option<&DeploymentId>| {
        let tasks = world.tasks_of(key).filter(|task| task.is_live() && task.last_status == status);
        u32::try_from(tasks.filter(|task| deployment.is_none() || task.deployment.as_ref() == deployment).count()).unwrap_or(u32::MAX)
    };
    let deployments = service.deployments.iter().map(|deployment| DeploymentView {
        id: deployment.id.to_string(),
        status: deployment.status.as_str().into(),
        task_definition: deployment.revision.to_string(),
        running_count: count(TaskStatus::Running, Some(&deployment.id)),
        pending_count: count(TaskStatus::Pending, Some(&deployment.id)),
        failed_tasks: deployment.failed_tasks,
        rollout_state: deployment.rollout_state.as_str().into(),
        rollout_state_reason: deployment.rollout_state_reason(),
        rolled_back_from: deployment.rolled_back_from.as_ref().map(ToString::to_string),
        lifecycle_hook: service
            .awaited_hook(world.settings.speed)
            .filter(|_| deployment.status == DeploymentStatus::Primary)
            .map(|awaited| lifecycle_hook(&awaited)),
        lifecycle_stage: deployment.shift.as_ref().map(|shift| shift.stage.as_str().into()),
        production_traffic_percent: deployment.shift.as_ref().map(|shift| f64::from(shift.production) / 10.0),
        created_at: seconds(deployment.created_at),
    });
    ServiceView {
        service_name: key.name.to_string(),
        status: service.status.as_str().into(),
        desired_count: service.spec.desired_count,
        running_count: count(TaskStatus::Running, None),
        pending_count: count(TaskStatus::Pending, None),
        task_definition: service.revision.to_string(),
        steady: service.steady,
        synced_files: 0,
        scheduling_strategy: service.spec.scheduling_strategy.as_str().into(),
        deployment_circuit_breaker: service.spec.circuit_breaker.is_some(),
        deployments: deployments.collect(),
        service_deployments: service.history.iter().rev().map(service_deployment).collect(),
        hopeless: snapshot
            .hopeless
            .iter()
            .find(|hopeless| hopeless.service == *key)
            .map(|hopeless| HopelessView { reason: hopeless.reason.clone(), hint: hopeless.hint.clone() }),
        attachment: service.attachment.map(|attachment| AttachmentView {
            address: attachment.to_string(),
            state: attachment.state.as_str().into(),
            desired_count: service.wanted_count(),
        }),
        waiting: snapshot.waiting.iter().filter(|waiting| waiting.service == *key).map(|waiting| waiting.reason.clone()).collect(),
    }
}

/// An instance as AWS's API describes it, with ports by protocol.
fn container_instance(snapshot: &Snapshot, usage: &InstanceUsage) -> Option<ContainerInstanceView> {
    let world = &snapshot.world;
    let instance = world.clusters.get(&usage.cluster)?.instances.get(&usage.name)?;
    let (tcp, udp) = usage.ports.clone();
    let ports = model::container_instance::RESERVED_PORTS.to_vec();
    Some(ContainerInstanceView {
        name: usage.name.to_string(),
        container_instance_arn: world.container_instance_arn(&usage.cluster, &usage.name),
        ec2_instance_id: world.ec2_instance_id(Some(instance)).to_owned(),
        endpoint: (!instance.spec.engine.is_own()).then(|| instance.spec.engine.as_str().to_owned()),
        status: instance.status.as_str().into(),
        agent_connected: usage.agent_connected,
        problem: snapshot.engine_problems.get(&instance.spec.engine).cloned(),
        running_tasks_count: usage.running_tasks,
        pending_tasks_count: usage.pending_tasks,
        registered_resources: InstanceResources {
            cpu: usage.registered.cpu.map(u64::from),
            memory: usage.registered.memory.map(u64::from),
            ports,
            ports_udp: Vec::new(),
        },
        remaining_resources: InstanceResources { cpu: usage.remaining.0, memory: usage.remaining.1, ports: tcp, ports_udp: udp },
        attributes: world.attributes(instance),
        registered_at: seconds(instance.registered_at),
    })
}

fn service_deployment(known: &model::ServiceDeployment) -> ServiceDeploymentView {
    ServiceDeploymentView {
        id: known.id.to_string(),
        status: known.status.as_str().into(),
        target: known.revision.to_string(),
        source: known.source.as_ref().map(ToString::to_string),
        started_at: seconds(known.started_at),
        finished_at: known.finished_at.map(seconds),
        status_reason: known.reason.clone(),
    }
}

fn scheduled_task(name: &ScheduleName, known: &ScheduledTask) -> ScheduledTaskView {
    let last = known.last.as_ref();
    ScheduledTaskView {
        name: name.to_string(),
        schedule_expression: known.spec.schedule.to_string(),
        schedule_expression_timezone: known.spec.timezone.as_str().into(),
        state: if known.spec.enabled { "ENABLED".into() } else { "DISABLED".into() },
        task_definition: known.spec.task_definition.to_string(),
        task_count: known.spec.count,
        next_at: known.next().map(seconds),
        last_at: last.map(|last| seconds(last.at)),
        last_tasks: last.map(|last| last.tasks.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        last_problem: last.and_then(|last| last.problem.clone()),
    }
}

fn tasks(world: &World, cluster: &ClusterName) -> Vec<TaskView> {
    let mut tasks: Vec<_> = world.tasks.values().filter(|task| task.cluster == *cluster).collect();
    tasks.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    tasks.into_iter().map(|task| task_view(world, task)).collect()
}

fn task_view(world: &World, task: &Task) -> TaskView {
    let definition = world.definition(&task.revision);
    let wanted = |container: &Container| definition.and_then(|found| found.container(&container.name));
    TaskView {
        task_id: task.id.to_string(),
        task_arn: world.task_arn(task),
        service_name: task.service.as_ref().map(ToString::to_string),
        started_by: task.deployment.as_ref().map(ToString::to_string).or_else(|| task.started_by.clone()),
        protected_until: task.protected_until.map(seconds),
        task_definition: task.revision.to_string(),
        container_instance: task.instance.to_string(),
        container_instance_arn: world.container_instance_arn(&task.cluster, &task.instance),
        desired_status: task.desired_status.as_str().into(),
        last_status: task.last_status.as_str().into(),
        created_at: seconds(task.created_at),
        started_at: task.started_at.map(seconds),
        stopping_at: task.stopping_at.map(seconds),
        stopped_at: task.stopped_at.map(seconds),
        stop_code: task.stop.as_ref().map(|stop| stop.code.as_str().into()),
        stopped_reason: task.stop.as_ref().map(|stop| stop.reason.clone()),
        ended_by: task.ended_by.as_ref().map(ToString::to_string),
        faults: world.faults.values().filter(|fault| fault.tasks.contains_key(&task.id)).map(|fault| fault.id.to_string()).collect(),
        containers: task
            .containers
            .iter()
            .filter(|container| container.kind() == ContainerType::Normal)
            .map(|container| in_its_network(task, definition, container_view(container, wanted(container))))
            .collect(),
        pause: task.pause().map(pause_view),
        namespace_pause: task.namespace_pause().map(pause_view),
    }
}

fn pause_view(pause: &Container) -> ContainerView {
    ContainerView { image: PAUSE_IMAGE.to_owned(), ..container_view(pause, None) }
}

/// What AWS's API says of a container that has no network of its own: in `awsvpc` mode it is at the task's address, on the host's
/// network its ports are the host's (ecs.md 1.3).
fn in_its_network(task: &Task, definition: Option<&TaskDefinition>, view: ContainerView) -> ContainerView {
    let wanted = definition.and_then(|definition| definition.containers.iter().find(|container| container.name.as_str() == view.name));
    match definition.map(|definition| definition.network_mode) {
        Some(NetworkMode::Awsvpc) => {
            let address = task.pause().filter(|pause| pause.last_status == ContainerStatus::Running).and_then(|pause| pause.address);
            ContainerView { address: address.map(|address| address.to_string()), ..view }
        }
        Some(NetworkMode::Host) if view.last_status == ContainerStatus::Running.as_str() => {
            let bindings = wanted.into_iter().flat_map(|container| &container.port_mappings).map(|mapping| NetworkBindingView {
                bind_ip: Ipv4Addr::UNSPECIFIED.to_string(),
                container_port: Some(mapping.container_port),
                container_port_range: None,
                host_port: Some(mapping.container_port),
                host_port_range: None,
                protocol: mapping.protocol.as_str().into(),
            });
            ContainerView { network_bindings: bindings.collect(), ..view }
        }
        _ => view,
    }
}

fn container_view(container: &Container, wanted: Option<&ContainerDefinition>) -> ContainerView {
    ContainerView {
        name: container.name.to_string(),
        image: wanted.map(|wanted| wanted.image.clone()).unwrap_or_default(),
        essential: wanted.is_some_and(|wanted| wanted.essential),
        runtime_id: container.runtime_id.as_ref().map(ToString::to_string),
        runtime_name: container.runtime_name.clone(),
        last_status: container.last_status.as_str().into(),
        health_status: container.health.as_str().into(),
        exit_code: container.exit_code,
        reason: container.reason.clone(),
        address: container.address.map(|address| address.to_string()),
        network_bindings: bindings(&container.network_bindings, wanted),
        restart_count: wanted.and_then(|wanted| wanted.restart_policy.as_ref()).map(|_| container.restart_count),
    }
}

/// Published ports; those of a range are one binding (ecs.md 1.3).
fn bindings(published: &[NetworkBinding], wanted: Option<&ContainerDefinition>) -> Vec<NetworkBindingView> {
    let ranges = || wanted.into_iter().flat_map(|wanted| &wanted.port_ranges);
    let within = |binding: &NetworkBinding, range: &PortRange| {
        range.protocol == binding.protocol && (range.first..=range.last).contains(&binding.container_port)
    };
    let single = published.iter().filter(|binding| !ranges().any(|range| within(binding, range))).map(|binding| NetworkBindingView {
        bind_ip: binding.bind_ip.to_string(),
        container_port: Some(binding.container_port),
        container_port_range: None,
        host_port: Some(binding.host_port),
        host_port_range: None,
        protocol: binding.protocol.as_str().into(),
    });
    let whole = ranges().filter_map(|range| {
        let own = || published.iter().filter(|binding| within(binding, range));
        let (first, last) = (own().min_by_key(|binding| binding.container_port)?, own().max_by_key(|binding| binding.container_port)?);
        Some(NetworkBindingView {
            bind_ip: first.bind_ip.to_string(),
            container_port: None,
            container_port_range: Some(format!("{}-{}", first.container_port, last.container_port)),
            host_port: None,
            host_port_range: Some(format!("{}-{}", first.host_port, last.host_port)),
            protocol: range.protocol.as_str().into(),
        })
    });
    single.chain(whole).collect()
}

fn load_balancer(world: &World, balancer: &LoadBalancer, bound: &BTreeMap<u16, Bound>) -> LoadBalancerView {
    LoadBalancerView {
        load_balancer_name: balancer.name.to_string(),
        load_balancer_arn: world.load_balancer_arn(balancer),
        listeners: balancer
            .listeners
            .values()
            .map(|listener| listener_view(listener, bound.get(&listener.port), &host(world, balancer, listener)))
            .collect(),
    }
}

/// The name by which a listener is reached: of several load balancers that share a port, the oldest is the default, the others
/// are chosen by their own name (design, 4).
fn host(world: &World, balancer: &LoadBalancer, listener: &Listener) -> String {
    let first = world.load_balancers_by_age().into_iter().find(|other| other.listeners.contains_key(&listener.port));
    if first.is_none_or(|first| first.name == balancer.name) { "localhost".into() } else { format!("{}.localhost", balancer.name) }
}

fn listener_view(listener: &Listener, bound: Option<&Bound>, host: &str) -> ListenerView {
    let bound_port = bound.and_then(|bound| bound.port);
    let default = RuleView {
        priority: "default".into(),
        conditions: Vec::new(),
        action: listener.default_words(),
        target_groups: listener.default_action.target_groups().map(ToString::to_string).collect(),
    };
    let rules = listener.rules.values().map(rule_view);
    ListenerView {
        port: listener.port,
        protocol: listener.protocol.as_str().into(),
        bound_port,
        problem: bound.and_then(|bound| bound.problem.clone()),
        url: bound_port.map(|port| listener.protocol.url(host, port)),
        rules: rules.chain([default]).collect(),
    }
}

fn rule_view(rule: &Rule) -> RuleView {
    RuleView {
        priority: rule.priority.to_string(),
        conditions: rule
            .conditions
            .iter()
            .map(|condition| ConditionView {
                field: condition.field().into(),
                http_header_name: condition.header().map(str::to_owned),
                values: condition.values().into_iter().map(Cow::into_owned).collect(),
            })
            .collect(),
        action: rule.words(),
        target_groups: rule.action.target_groups().map(ToString::to_string).collect(),
    }
}

fn target_group(snapshot: &Snapshot, group: &TargetGroup) -> TargetGroupView {
    let in_use = snapshot.world.in_use(&group.spec.name);
    let in_flight: BTreeMap<_, _> =
        snapshot.table.targets().filter(|target| target.group == group.spec.name).map(|target| (&target.key, target.in_flight())).collect();
    let targets = group.targets.iter().map(|(key, target)| {
        let unused = !in_use && target.draining_since.is_none();
        let (state, reason, description) = if unused {
            let reason = TargetHealthReason::NotInUse;
            (TargetHealthState::Unused, Some(reason), Some(reason.description().to_owned()))
        } else {
            (target.health.state, target.health.reason, target.health.description.clone())
        };
        TargetView {
            id: key.id.clone(),
            port: key.port,
            address: target.address.to_string(),
            task_id: target.task.as_ref().map(ToString::to_string),
            attached_service: snapshot.world.attached_to(&group.spec.name, key).map(ToString::to_string),
            state: state.as_str().into(),
            reason: reason.map(|reason| reason.as_str().into()),
            description,
            in_flight: in_flight.get(key).copied().unwrap_or(0),
        }
    });
    TargetGroupView {
        target_group_name: group.spec.name.to_string(),
        target_group_arn: snapshot.world.target_group_arn(group),
        protocol: group.spec.protocol.as_str().into(),
        port: group.spec.port,
        health_check_path: group.spec.health_check.path.clone(),
        targets: targets.collect(),
    }
}
