//! What a container and a task are told of themselves (ecs.md 5.2, 5.3). What the World does not know is left out: addresses of the
//! host's side of a network, when images were pulled, VPCs.

use std::collections::BTreeMap;

use iam::Mint;
use model::world::Settings;
use model::{
    Container, ContainerDefinition, ContainerStatus, ContainerType, DesiredStatus, HealthStatus, NetworkMode, Task, TaskDefinition, TaskStatus,
    Timestamp, VolumeSource, World,
};
use wire::metadata::{self as told, Version};

/// A container of a task.
#[must_use]
pub fn container(world: &World, mint: &Mint, (task, definition): (&Task, &TaskDefinition), record: &Container, version: Version) -> told::Container {
    let whole = task.overrides.applied_to(definition);
    let wanted = whole.container(&record.name).cloned().or_else(|| whole.pauses().find(|pause| pause.name == record.name));
    let v4 = version == Version::V4;
    let text = |moment: Option<Timestamp>| moment.map(|moment| rfc3339(moment, true));
    let mut answer = told::Container {
        docker_id: record.runtime_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: record.name.to_string(),
        docker_name: record.runtime_name.clone(),
        image_id: record.image_id.clone().unwrap_or_default(),
        desired_status: desired(task, record).into(),
        known_status: known(record).into(),
        exit_code: record.exit_code.filter(|_| record.last_status == ContainerStatus::Stopped),
        created_at: text(record.created_at),
        started_at: text(record.started_at),
        finished_at: text(record.finished_at),
        r#type: record.kind().as_str().into(),
        networks: networks(task, &whole, record, version),
        ..told::Container::default()
    };
    let Some(wanted) = wanted else { return answer };
    answer.image.clone_from(&wanted.image);
    answer.labels = labels(task, &wanted);
    answer.ports = ports(task, &whole, record, &wanted, version);
    answer.limits = told::Limits { cpu: wanted.cpu.max(2), memory: wanted.memory.unwrap_or(0) };
    answer.health = wanted.health_check.as_ref().map(|_| told::Health { status: health(record.health) });
    answer.volumes = volumes(task, &whole, &wanted);
    answer.restart_count = wanted.restart_policy.as_ref().map(|_| record.restart_count);
    if v4 {
        let log = wanted.log_configuration.as_ref();
        answer.log_driver = Some(log.map_or("json-file", |log| log.driver.as_str()).to_owned());
        answer.log_options = log.map(|log| log.options.clone()).unwrap_or_default();
        let Settings { account, region, .. } = &world.settings;
        let id = mint.uuid("arn", &format!("{}/{}", task.id, record.name));
        answer.container_arn = Some(format!("arn:aws:ecs:{region}:{account}:container/{}/{}/{id}", task.cluster, task.id));
    }
    answer
}

/// A task with its containers, those that ECS added among them.
#[must_use]
pub fn task(world: &World, mint: &Mint, (task, definition): (&Task, &TaskDefinition), version: Version) -> told::Task {
    let whole = task.overrides.applied_to(definition);
    let v4 = version == Version::V4;
    // Nothing of it is there before the image is.
    let there = task.containers.iter().filter(|record| record.last_status > ContainerStatus::None);
    let limits = told::TaskLimits { cpu: whole.cpu.map(|units| f64::from(units) / 1024.0), memory: whole.memory };
    let instance = world.instance_of(task);
    told::Task {
        cluster: task.cluster.to_string(),
        task_arn: world.task_arn(task),
        family: task.revision.family.to_string(),
        revision: task.revision.number.to_string(),
        desired_status: task.desired_status.as_str().into(),
        known_status: known_of_task(task).into(),
        containers: there.map(|record| container(world, mint, (task, definition), record, version)).collect(),
        limits: (limits.cpu.is_some() || limits.memory.is_some()).then_some(limits),
        availability_zone: instance.and_then(|instance| world.attribute(instance, "ecs.availability-zone")).map(Into::into),
        task_tags: BTreeMap::new(),
        launch_type: v4.then(|| "EC2".to_owned()),
        service_name: task.service.as_ref().filter(|_| v4).map(ToString::to_string),
        fault_injection_enabled: v4.then_some(definition.enable_fault_injection),
    }
}

/// As the agent of ECS knows a container's state (ecs.md 5.2).
const fn known(record: &Container) -> &'static str {
    match record.last_status {
        ContainerStatus::None => "NONE",
        ContainerStatus::Pulled => "PULLED",
        ContainerStatus::Created => "CREATED",
        ContainerStatus::Running => "RUNNING",
        ContainerStatus::Stopped => "STOPPED",
    }
}

fn desired(task: &Task, record: &Container) -> &'static str {
    match (task.desired_status, record.kind()) {
        (DesiredStatus::Stopped, _) => "STOPPED",
        (DesiredStatus::Running, ContainerType::CniPause) => "RESOURCES_PROVISIONED",
        (DesiredStatus::Running, _) => "RUNNING",
    }
}

/// Until a task runs it is as far as its last container.
fn known_of_task(task: &Task) -> &'static str {
    match task.last_status {
        TaskStatus::Stopped => "STOPPED",
        TaskStatus::Pending => task.containers.iter().min_by_key(|record| record.last_status).map_or("NONE", known),
        _ => "RUNNING",
    }
}

/// A status that is not known is left out.
fn health(status: HealthStatus) -> Option<String> {
    (status != HealthStatus::Unknown).then(|| status.as_str().to_owned())
}

/// Those of the task definition, and ECS's, which win (ecs.md 1.7).
fn labels(task: &Task, wanted: &ContainerDefinition) -> BTreeMap<String, String> {
    let ours = [
        ("cluster", task.cluster.to_string()),
        ("container-name", wanted.name.to_string()),
        ("task-definition-family", task.revision.family.to_string()),
        ("task-definition-version", task.revision.number.to_string()),
    ];
    let mut labels = wanted.docker_labels.clone();
    labels.extend(ours.map(|(name, value)| (format!("com.amazonaws.ecs.{name}"), value)));
    labels
}

/// In `awsvpc` mode a container's ports are the task's own; else where they were published.
fn ports(task: &Task, whole: &TaskDefinition, record: &Container, wanted: &ContainerDefinition, version: Version) -> Vec<told::Port> {
    if whole.network_mode == NetworkMode::Bridge {
        return record
            .network_bindings
            .iter()
            .map(|binding| told::Port {
                container_port: binding.container_port,
                protocol: binding.protocol.as_str().into(),
                host_port: Some(binding.host_port),
                host_ip: (version == Version::V4).then(|| binding.bind_ip.to_string()),
            })
            .collect();
    }
    let own = task.pause().is_none_or(|pause| pause.name != record.name);
    let port = |mapping: &model::PortMapping| told::Port {
        container_port: mapping.container_port,
        protocol: mapping.protocol.as_str().into(),
        host_port: Some(mapping.container_port),
        host_ip: None,
    };
    wanted.port_mappings.iter().filter(|_| own).map(port).collect()
}

/// The mode by ECS's name for it, and the address.
fn networks(task: &Task, whole: &TaskDefinition, record: &Container, version: Version) -> Vec<told::Network> {
    let shared = task.pause();
    let address = shared.unwrap_or(record).address.filter(std::net::IpAddr::is_ipv4);
    vec![told::Network {
        network_mode: whole.network_mode.as_str().into(),
        ipv4_addresses: address.map(|address| address.to_string()).into_iter().collect(),
        attachment_index: shared.filter(|_| version == Version::V4).map(|_| 0),
    }]
}

fn volumes(task: &Task, whole: &TaskDefinition, wanted: &ContainerDefinition) -> Vec<told::Volume> {
    let volume = |mount: &model::MountPoint| {
        let source = &whole.volumes.iter().find(|volume| volume.name == mount.source_volume)?.source;
        let (docker_name, path) = match source {
            VolumeSource::Task(_) => (task.volumes.iter().find(|own| own.name == mount.source_volume).map(|own| own.runtime_name.clone()), None),
            VolumeSource::Host(path) => (None, Some(path.clone())),
            _ => (None, None),
        };
        Some(told::Volume { docker_name, source: path, destination: mount.container_path.clone() })
    };
    wanted.mount_points.iter().filter_map(volume).collect()
}

/// `2026-01-31T12:00:00Z`, with the part of a second where it is wanted.
pub(crate) fn rfc3339(moment: Timestamp, fraction: bool) -> String {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    let millis = if fraction { millis } else { millis / 1000 * 1000 };
    jiff::Timestamp::from_millisecond(millis).map(|moment| moment.to_string()).unwrap_or_default()
}
