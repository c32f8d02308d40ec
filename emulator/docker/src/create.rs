//! A container definition as Docker's create parameters (ecs.md 1.2).

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, NetworkingConfig, PortBinding,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use engine::{ContainerSpec, Mount, MountSource, Namespace};
use model::{ContainerDefinition, ContainerHealthCheck, Device, LogConfiguration, LogDriver, PortMapping, Speed, Tmpfs};

use crate::labels;

pub(crate) const MEBIBYTE: i64 = 1 << 20;
/// The agent raises smaller limits to what Docker accepts (ecs.md 1.2).
pub(crate) const LEAST_MEMORY: i64 = 4 * MEBIBYTE;

/// Microseconds of the period that a CPU quota is counted in (ecs.md 1.4).
pub(crate) const CPU_PERIOD: i64 = 100_000;

/// What a container takes part in.
pub(crate) enum Attachment {
    /// A network of the engine's; these ports are published, at that address of the engine's host, this is called how there besides,
    /// and these are asked for names unless the task definition says who is.
    Network { id: String, published: Vec<PortMapping>, at: IpAddr, hosts: Vec<String>, name_servers: Vec<String> },
    /// A mode of the engine's, `host`, `none` or `container:<id>`. Such a container has no ports of its own to publish.
    Mode(String),
}

impl Attachment {
    fn mode(&self) -> &str {
        match self {
            Self::Network { id, .. } => id,
            Self::Mode(mode) => mode,
        }
    }

    fn networks(&self, spec: &ContainerSpec) -> Option<NetworkingConfig> {
        let Self::Network { id, .. } = self else { return None };
        let name = &spec.definition.name;
        // What a pause holds is reached on 127.0.0.1; nobody asks for it by name.
        let aliases = if name.is_pause() { None } else { Some(vec![name.to_string()]) };
        // Links of the endpoint, not of the host configuration: those are for Docker's own bridge. Nobody else knows these names.
        let links = spec.links.iter().map(|(runtime_name, alias)| format!("{runtime_name}:{alias}"));
        let links = Some(links.collect()).filter(|links: &Vec<String>| !links.is_empty());
        let endpoint = EndpointSettings { aliases, links, ..EndpointSettings::default() };
        Some(NetworkingConfig { endpoints_config: Some(HashMap::from([(id.clone(), endpoint)])) })
    }

    /// Docker refuses ports, names and name servers of a container that has somebody else's network: the pause has them.
    fn is_shared(&self) -> bool {
        matches!(self, Self::Mode(mode) if mode.starts_with("container:"))
    }

    fn hosts(&self) -> &[String] {
        if let Self::Network { hosts, .. } = self { hosts } else { &[] }
    }

    fn name_servers(&self) -> Vec<String> {
        if let Self::Network { name_servers, .. } = self { name_servers.clone() } else { Vec::new() }
    }

    fn published(&self) -> &[PortMapping] {
        if let Self::Network { published, .. } = self { published } else { &[] }
    }

    /// At one address, of this machine on loopback: a port on every address would be open to the other services (engine-facts 4).
    fn port_bindings(&self) -> HashMap<String, Option<Vec<PortBinding>>> {
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        let Self::Network { published, at, .. } = self else { return bindings };
        for mapping in published {
            let binding = PortBinding { host_ip: Some(at.to_string()), host_port: Some(mapping.host_port.to_string()) };
            bindings.entry(port(mapping)).or_default().get_or_insert_default().push(binding);
        }
        bindings
    }
}

/// The body of the create request for a container that is attached so.
pub(crate) fn body(spec: &ContainerSpec, attachment: &Attachment) -> ContainerCreateBody {
    let definition = &spec.definition;
    ContainerCreateBody {
        image: Some(spec.image_id.clone()),
        labels: Some(labels::of_container(spec)),
        env: Some(definition.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        cmd: definition.command.clone(),
        entrypoint: definition.entry_point.clone(),
        user: definition.user.clone(),
        working_dir: definition.working_directory.clone(),
        hostname: definition.hostname.clone(),
        stop_timeout: definition.stop_timeout.map(i64::from),
        healthcheck: definition.health_check.as_ref().map(|check| health_check(check, spec.speed)),
        // A binding of a port that is not exposed is dropped without a word.
        exposed_ports: Some(attachment.published().iter().map(port).collect()),
        open_stdin: definition.interactive.then_some(true),
        tty: definition.pseudo_terminal.then_some(true),
        network_disabled: definition.disable_networking.then_some(true),
        host_config: Some(host_config(spec, attachment)),
        networking_config: attachment.networks(spec),
        ..ContainerCreateBody::default()
    }
}

/// ECS holds a task's containers to the task's limits by a control group around them, which Docker Desktop cannot make. So each container
/// is held to them by itself: one alone never passes them, several together may (ecs.md 1.4).
fn host_config(spec: &ContainerSpec, attachment: &Attachment) -> HostConfig {
    let definition = &spec.definition;
    let limit = definition.memory.into_iter().chain(spec.task_memory).min();
    let memory = limit.map(|mebibytes| (i64::from(mebibytes) * MEBIBYTE).max(LEAST_MEMORY));
    // Docker refuses a soft limit above the hard one that the task brings.
    let reservation = definition.memory_reservation.map(|own| own.min(spec.task_memory.unwrap_or(own)));
    let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let linux = &definition.linux_parameters;
    let swap = i64::from(linux.max_swap.unwrap_or(0)) * MEBIBYTE;
    let security: Vec<String> = definition.docker_security_options.iter().map(|option| security_option(option)).collect();
    HostConfig {
        cpu_shares: Some(i64::from(definition.cpu).clamp(2, 262_144)),
        memory,
        // Without swap the limit is a hard one.
        memory_swap: memory.map(|memory| memory + swap),
        memory_swappiness: linux.max_swap.and(linux.swappiness).map(i64::from),
        memory_reservation: reservation.map(|mebibytes| i64::from(mebibytes) * MEBIBYTE),
        // A quota of a period, as the agent has it; unlike `NanoCpus` it may be more than this machine has.
        cpu_period: spec.task_cpu.map(|_| CPU_PERIOD),
        cpu_quota: spec.task_cpu.map(|units| i64::from(units) * CPU_PERIOD / 1024),
        network_mode: Some(attachment.mode().to_owned()),
        port_bindings: Some(attachment.port_bindings()),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        privileged: Some(definition.privileged),
        readonly_rootfs: Some(definition.readonly_root_filesystem),
        init: Some(definition.init_process_enabled),
        cap_add: some(&linux.add),
        cap_drop: some(&linux.drop),
        devices: Some(linux.devices.iter().map(device).collect()).filter(|devices: &Vec<_>| !devices.is_empty()),
        tmpfs: Some(linux.tmpfs.iter().map(tmpfs).collect()).filter(|mounts: &HashMap<_, _>| !mounts.is_empty()),
        shm_size: linux.shared_memory_size.map(|mebibytes| i64::from(mebibytes) * MEBIBYTE),
        sysctls: Some(definition.system_controls.clone().into_iter().collect()).filter(|all: &HashMap<_, _>| !all.is_empty()),
        security_opt: some(&security),
        binds: Some(spec.mounts.iter().map(bind).collect()).filter(|binds: &Vec<_>| !binds.is_empty()),
        volumes_from: Some(spec.volumes_from.iter().map(|(name, read_only)| format!("{name}{}", suffix(*read_only))).collect())
            .filter(|names: &Vec<_>| !names.is_empty()),
        log_config: definition.log_configuration.as_ref().and_then(log_config),
        pid_mode: namespace(&spec.processes),
        ipc_mode: namespace(&spec.ipc),
        dns: some(&definition.dns_servers).filter(|_| !attachment.is_shared()).or_else(|| some(&attachment.name_servers())),
        dns_search: some(&definition.dns_search_domains).filter(|_| !attachment.is_shared()),
        extra_hosts: some(&extra_hosts(definition, attachment)),
        ulimits: Some(definition.ulimits.iter().map(ulimit).collect()),
        ..HostConfig::default()
    }
}

/// What the task definition says comes first, and so counts where both name one host.
fn extra_hosts(definition: &ContainerDefinition, attachment: &Attachment) -> Vec<String> {
    let own = definition.extra_hosts.iter().map(|entry| format!("{}:{}", entry.hostname, entry.ip_address));
    own.chain(attachment.hosts().iter().cloned()).collect()
}

fn port(mapping: &PortMapping) -> String {
    format!("{}/{}", mapping.container_port, mapping.protocol.as_str())
}

/// Docker's word for whose namespace it is.
fn namespace(namespace: &Namespace) -> Option<String> {
    match namespace {
        Namespace::Own => None,
        Namespace::Shareable => Some("shareable".into()),
        Namespace::Shared(holder) => Some(format!("container:{holder}")),
        Namespace::Host => Some("host".into()),
        Namespace::None => Some("none".into()),
    }
}

/// Docker writes `=` where ECS writes the first colon, and no longer likes the colon.
fn security_option(option: &str) -> String {
    option.split_once(':').map_or_else(|| option.to_owned(), |(name, value)| format!("{name}={value}"))
}

fn bind(mount: &Mount) -> String {
    let source = match &mount.source {
        MountSource::Folder(path) => path,
        MountSource::Volume(volume) => &volume.name,
    };
    format!("{source}:{}{}", mount.container_path, suffix(mount.read_only))
}

const fn suffix(read_only: bool) -> &'static str {
    if read_only { ":ro" } else { "" }
}

/// `None` where the engine keeps the output as it always does. For `awslogs` that is so, too: the daemon reads it there.
fn log_config(configuration: &LogConfiguration) -> Option<HostConfigLogConfig> {
    let typ = (configuration.driver != LogDriver::Awslogs).then(|| configuration.driver.as_str().to_owned());
    let config: HashMap<String, String> = configuration.engine_options().into_iter().collect();
    let told = typ.is_some() || !config.is_empty();
    told.then_some(HostConfigLogConfig { typ, config: Some(config) })
}

fn device(device: &Device) -> DeviceMapping {
    let permissions = [(device.read, 'r'), (device.write, 'w'), (device.mknod, 'm')];
    DeviceMapping {
        path_on_host: Some(device.host_path.clone()),
        path_in_container: Some(device.container_path.clone()),
        cgroup_permissions: Some(permissions.into_iter().filter_map(|(given, letter)| given.then_some(letter)).collect()),
    }
}

fn tmpfs(mount: &Tmpfs) -> (String, String) {
    let options = std::iter::once(format!("size={}m", mount.size)).chain(mount.mount_options.iter().cloned());
    (mount.container_path.clone(), options.collect::<Vec<_>>().join(","))
}

fn ulimit(limit: &model::Ulimit) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(limit.name.clone()), soft: Some(limit.soft), hard: Some(limit.hard) }
}

fn health_check(check: &ContainerHealthCheck, speed: Speed) -> HealthConfig {
    let nanoseconds = |seconds: u32| Some(i64::from(seconds) * 1_000_000_000);
    HealthConfig {
        test: Some(check.command.clone()),
        interval: i64::try_from(speed.of(Duration::from_secs(check.interval.into())).as_nanos()).ok(),
        timeout: nanoseconds(check.timeout),
        retries: Some(i64::from(check.retries)),
        start_period: nanoseconds(check.start_period),
        start_interval: None,
    }
}

#[cfg(test)]
pub(crate) mod tests;
