//! A container definition as Docker's create parameters (ecs.md 1.2).

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use engine::ContainerSpec;
use model::{ContainerHealthCheck, ContainerName, PortMapping, Speed};

use crate::labels;

const MEBIBYTE: i64 = 1 << 20;
/// The agent raises smaller limits to what Docker accepts (ecs.md 1.2).
const LEAST_MEMORY: i64 = 4 * MEBIBYTE;

/// Microseconds of the period that a CPU quota is counted in (ecs.md 1.4).
const CPU_PERIOD: i64 = 100_000;

/// What a container takes part in.
pub(crate) enum Attachment {
    /// A network of the engine's; its ports may be published.
    Network { id: String, published: bool },
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

    fn networks(&self, name: &ContainerName) -> Option<NetworkingConfig> {
        let Self::Network { id, .. } = self else { return None };
        // What a pause holds is reached on 127.0.0.1; nobody asks for it by name.
        let aliases = if name.is_pause() { None } else { Some(vec![name.to_string()]) };
        let endpoint = EndpointSettings { aliases, ..EndpointSettings::default() };
        Some(NetworkingConfig { endpoints_config: Some(HashMap::from([(id.clone(), endpoint)])) })
    }

    /// Docker refuses ports, names and name servers of a container that has somebody else's network: the pause has them.
    fn is_shared(&self) -> bool {
        matches!(self, Self::Mode(mode) if mode.starts_with("container:"))
    }

    fn published<'a>(&self, mappings: &'a [PortMapping]) -> &'a [PortMapping] {
        if matches!(self, Self::Network { published: true, .. }) { mappings } else { &[] }
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
        exposed_ports: Some(attachment.published(&definition.port_mappings).iter().map(port).collect()),
        host_config: Some(host_config(spec, attachment)),
        networking_config: attachment.networks(&definition.name),
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
    HostConfig {
        cpu_shares: Some(i64::from(definition.cpu).clamp(2, 262_144)),
        memory,
        // Without swap the limit is a hard one.
        memory_swap: memory,
        memory_reservation: reservation.map(|mebibytes| i64::from(mebibytes) * MEBIBYTE),
        // A quota of a period, as the agent has it; unlike `NanoCpus` it may be more than this machine has.
        cpu_period: spec.task_cpu.map(|_| CPU_PERIOD),
        cpu_quota: spec.task_cpu.map(|units| i64::from(units) * CPU_PERIOD / 1024),
        network_mode: Some(attachment.mode().to_owned()),
        port_bindings: Some(port_bindings(attachment.published(&definition.port_mappings))),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        privileged: Some(definition.privileged),
        readonly_rootfs: Some(definition.readonly_root_filesystem),
        init: Some(definition.init_process_enabled),
        dns: some(&definition.dns_servers).filter(|_| !attachment.is_shared()),
        dns_search: some(&definition.dns_search_domains).filter(|_| !attachment.is_shared()),
        extra_hosts: some(&definition.extra_hosts.iter().map(|entry| format!("{}:{}", entry.hostname, entry.ip_address)).collect()),
        ulimits: Some(definition.ulimits.iter().map(ulimit).collect()),
        ..HostConfig::default()
    }
}

fn port(mapping: &PortMapping) -> String {
    format!("{}/{}", mapping.container_port, mapping.protocol.as_str())
}

/// Loopback only: a port on every address would be open to the other services (engine-facts 4).
fn port_bindings(mappings: &[PortMapping]) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for mapping in mappings {
        let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: Some(mapping.host_port.to_string()) };
        bindings.entry(port(mapping)).or_default().get_or_insert_default().push(binding);
    }
    bindings
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
pub(crate) mod tests {
    use engine::{NetworkNamespace, NetworkSpec};
    use model::{
        ClusterName, ContainerDefinition, ContainerName, Family, HostEntry, OwnerId, Revision, ServiceKey, ServiceName, TaskId, TransportProtocol,
        Ulimit,
    };

    use super::*;

    fn definition() -> ContainerDefinition {
        ContainerDefinition {
            name: ContainerName::new("web").unwrap(),
            image: "users:v1".into(),
            image_id: None,
            build: None,
            cpu: 0,
            memory: None,
            memory_reservation: None,
            essential: true,
            port_mappings: Vec::new(),
            environment: [("B", "2"), ("A", "1=1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            entry_point: None,
            command: None,
            user: None,
            working_directory: None,
            hostname: None,
            stop_timeout: None,
            start_timeout: None,
            depends_on: Vec::new(),
            health_check: None,
            docker_labels: [].into(),
            readonly_root_filesystem: false,
            privileged: false,
            init_process_enabled: false,
            ulimits: Vec::new(),
            extra_hosts: Vec::new(),
            dns_servers: Vec::new(),
            dns_search_domains: Vec::new(),
        }
    }

    /// A container with nothing special about it.
    pub(crate) fn spec() -> ContainerSpec {
        let cluster = ClusterName::new("tutorial").unwrap();
        let service = ServiceKey { cluster: cluster.clone(), name: ServiceName::new("users").unwrap() };
        let owner = OwnerId::from_text("0123456789abcdef");
        ContainerSpec {
            owner: owner.clone(),
            cluster,
            service: Some(service.clone()),
            instance: model::InstanceName::local(),
            task: TaskId::from_text("11112222333344445555666677778888"),
            task_arn: "arn:aws:ecs:us-east-1:000000000000:task/tutorial/11112222333344445555666677778888".into(),
            revision: Revision { family: Family::new("users").unwrap(), number: 7 },
            runtime_name: "ecs-users-7-web-0123456789abcdef0123".into(),
            image_id: "sha256:abc".into(),
            definition: definition(),
            task_cpu: None,
            task_memory: None,
            network: NetworkSpec { owner, service },
            namespace: NetworkNamespace::Own,
            speed: model::Speed::default(),
        }
    }

    fn mapping(container_port: u16, host_port: u16, protocol: TransportProtocol) -> PortMapping {
        PortMapping { container_port, host_port, protocol, name: None }
    }

    fn network() -> Attachment {
        Attachment::Network { id: "n1".into(), published: true }
    }

    fn json(spec: &ContainerSpec) -> serde_json::Value {
        let mut body = serde_json::to_value(body(spec, &network())).unwrap();
        body.as_object_mut().unwrap().remove("Labels");
        body
    }

    #[test]
    fn a_plain_container_leaves_the_image_s_defaults() {
        let expected = serde_json::json!({
            "Env": ["A=1=1", "B=2"],
            "ExposedPorts": {},
            "HostConfig": {
                "CpuShares": 2, "Init": false, "NetworkMode": "n1", "PortBindings": {}, "Privileged": false, "ReadonlyRootfs": false,
                "RestartPolicy": {"Name": "no"}, "Ulimits": [],
            },
            "Image": "sha256:abc",
            "NetworkingConfig": {"EndpointsConfig": {"n1": {"Aliases": ["web"]}}},
        });
        assert_eq!(json(&spec()), expected);
    }

    #[test]
    fn no_container_passes_the_limits_of_its_task() {
        let check = |own: Option<u32>, task: Option<u32>, expected: Option<i64>| {
            let definition = ContainerDefinition { memory: own, ..definition() };
            let spec = ContainerSpec { definition, task_memory: task, task_cpu: Some(512), ..spec() };
            let made = host_config(&spec, &network());
            assert_eq!((made.memory, made.memory_swap), (expected, expected), "{own:?} {task:?}");
            assert_eq!((made.cpu_period, made.cpu_quota), (Some(100_000), Some(50_000)));
        };
        check(None, Some(256), Some(256 * MEBIBYTE));
        check(Some(64), Some(256), Some(64 * MEBIBYTE));
        check(None, None, None);
        let soft = ContainerDefinition { memory_reservation: Some(512), ..definition() };
        let made = host_config(&ContainerSpec { definition: soft, task_memory: Some(256), ..spec() }, &network());
        assert_eq!(made.memory_reservation, Some(256 * MEBIBYTE));
    }

    #[test]
    fn every_field_of_the_definition_has_its_parameter() {
        let mut spec = spec();
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        spec.definition = ContainerDefinition {
            cpu: 300_000,
            memory: Some(2),
            memory_reservation: Some(64),
            port_mappings: vec![
                mapping(3000, 0, TransportProtocol::Tcp),
                mapping(53, 5353, TransportProtocol::Udp),
                mapping(3000, 8080, TransportProtocol::Tcp),
            ],
            entry_point: Some(texts(&["/app"])),
            command: Some(texts(&["-v"])),
            user: Some("1000:1000".into()),
            working_directory: Some("/srv".into()),
            hostname: Some("box".into()),
            stop_timeout: Some(12),
            health_check: Some(ContainerHealthCheck { command: texts(&["CMD", "/ok"]), interval: 30, timeout: 5, retries: 3, start_period: 10 }),
            readonly_root_filesystem: true,
            privileged: true,
            init_process_enabled: true,
            ulimits: vec![Ulimit { name: "nofile".into(), soft: 1024, hard: 2048 }],
            extra_hosts: vec![HostEntry { hostname: "db".into(), ip_address: "10.0.0.9".into() }],
            dns_servers: texts(&["1.1.1.1"]),
            dns_search_domains: texts(&["corp"]),
            ..definition()
        };
        let expected = serde_json::json!({
            "Cmd": ["-v"],
            "Entrypoint": ["/app"],
            "Env": ["A=1=1", "B=2"],
            "ExposedPorts": {"3000/tcp": {}, "53/udp": {}},
            "Healthcheck": {
                "Test": ["CMD", "/ok"], "Interval": 30_000_000_000_i64, "Timeout": 5_000_000_000_i64, "Retries": 3,
                "StartPeriod": 10_000_000_000_i64,
            },
            "HostConfig": {
                "CpuShares": 262_144, "Dns": ["1.1.1.1"], "DnsSearch": ["corp"], "ExtraHosts": ["db:10.0.0.9"], "Init": true,
                "Memory": 4_194_304, "MemorySwap": 4_194_304, "MemoryReservation": 67_108_864, "NetworkMode": "n1",
                "PortBindings": {
                    "3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}, {"HostIp": "127.0.0.1", "HostPort": "8080"}],
                    "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
                },
                "Privileged": true, "ReadonlyRootfs": true, "RestartPolicy": {"Name": "no"},
                "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}],
            },
            "Hostname": "box",
            "Image": "sha256:abc",
            "NetworkingConfig": {"EndpointsConfig": {"n1": {"Aliases": ["web"]}}},
            "StopTimeout": 12,
            "User": "1000:1000",
            "WorkingDir": "/srv",
        });
        assert_eq!(json(&spec), expected);
    }

    /// What Docker refuses beside a mode that gives a container no network of its own (engine-facts 5, V3).
    #[test]
    fn a_container_without_a_network_of_its_own_has_no_ports_and_a_sharer_no_name_servers() {
        let mut spec = spec();
        spec.definition.port_mappings = vec![mapping(3000, 3000, TransportProtocol::Tcp)];
        spec.definition.dns_servers = vec!["1.1.1.1".into()];
        let made = |spec: &ContainerSpec, attachment: Attachment| {
            let made = serde_json::to_value(body(spec, &attachment)).unwrap();
            let host = &made["HostConfig"];
            (
                host["NetworkMode"].clone(),
                host["PortBindings"].clone(),
                made["NetworkingConfig"].clone(),
                made["ExposedPorts"].clone(),
                host["Dns"].clone(),
            )
        };
        let (nothing, none, servers) = (serde_json::json!({}), serde_json::Value::Null, serde_json::json!(["1.1.1.1"]));
        for (mode, dns) in [("host", &servers), ("none", &servers), ("container:c1", &none)] {
            let expected = (mode.into(), nothing.clone(), none.clone(), nothing.clone(), dns.clone());
            assert_eq!(made(&spec, Attachment::Mode(mode.into())), expected, "{mode}");
        }
        // A pause has the name servers for all; its ports are published only where its address cannot be dialled, and it has no name.
        spec.definition.name = ContainerName::pause();
        let dialled = made(&spec, Attachment::Network { id: "n1".into(), published: false });
        let networks = serde_json::json!({"EndpointsConfig": {"n1": {}}});
        assert_eq!(dialled, ("n1".into(), nothing.clone(), networks.clone(), nothing, servers.clone()));
        let published = made(&spec, network());
        assert_eq!((published.1["3000/tcp"][0]["HostIp"].as_str(), published.2), (Some("127.0.0.1"), networks));
    }
}
