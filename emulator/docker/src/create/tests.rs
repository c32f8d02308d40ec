//! What Docker is asked for, by what a task definition says.

use engine::{NetworkNamespace, NetworkSpec};
use model::{
    ClusterName, ContainerId, ContainerName, Family, HostEntry, LinuxParameters, OwnerId, Revision, ServiceKey, ServiceName, TaskId,
    TransportProtocol, Ulimit,
};

use super::*;

fn definition() -> ContainerDefinition {
    ContainerDefinition {
        environment: [("B", "2"), ("A", "1=1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..ContainerDefinition::new(ContainerName::new("web").unwrap(), "users:v1")
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
        image_defaults: Vec::new(),
        network: NetworkSpec { owner, service },
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

fn mapping(container_port: u16, host_port: u16, protocol: TransportProtocol) -> PortMapping {
    PortMapping { container_port, host_port, protocol, name: None, app_protocol: None }
}

fn network(spec: &ContainerSpec) -> Attachment {
    let published = spec.definition.port_mappings.clone();
    Attachment::Network { id: "n1".into(), published, at: std::net::Ipv4Addr::LOCALHOST.into(), hosts: Vec::new(), name_servers: Vec::new() }
}

fn json(spec: &ContainerSpec) -> serde_json::Value {
    let mut body = serde_json::to_value(body(spec, &network(spec))).unwrap();
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
        let made = host_config(&spec, &network(&spec));
        assert_eq!((made.memory, made.memory_swap), (expected, expected), "{own:?} {task:?}");
        assert_eq!((made.cpu_period, made.cpu_quota), (Some(100_000), Some(50_000)));
    };
    check(None, Some(256), Some(256 * MEBIBYTE));
    check(Some(64), Some(256), Some(64 * MEBIBYTE));
    check(None, None, None);
    let soft = ContainerDefinition { memory_reservation: Some(512), ..definition() };
    let soft = ContainerSpec { definition: soft, task_memory: Some(256), ..spec() };
    let made = host_config(&soft, &network(&soft));
    assert_eq!(made.memory_reservation, Some(256 * MEBIBYTE));
}

#[test]
fn what_a_task_definition_calls_a_host_comes_before_other_services() {
    let definition = ContainerDefinition { extra_hosts: vec![HostEntry { hostname: "db".into(), ip_address: "10.0.0.9".into() }], ..definition() };
    let spec = ContainerSpec { definition, ..spec() };
    let (at, hosts) = (std::net::Ipv4Addr::LOCALHOST.into(), vec!["posts:10.213.4.1".into()]);
    let name_servers = vec!["10.213.5.1".into(), "192.0.2.53".into()];
    let attachment = Attachment::Network { id: "n1".into(), published: Vec::new(), at, hosts, name_servers };
    let made = |spec: &ContainerSpec| host_config(spec, &attachment);
    assert_eq!(made(&spec).extra_hosts.unwrap(), ["db:10.0.0.9", "posts:10.213.4.1"]);
    assert_eq!(made(&spec).dns.unwrap(), ["10.213.5.1", "192.0.2.53"]);
    let mut spec = spec;
    spec.definition.dns_servers = vec!["10.0.0.2".into()];
    assert_eq!(made(&spec).dns.unwrap(), ["10.0.0.2"], "who says whom to ask is left alone");
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

#[test]
fn what_a_container_may_do_beyond_others_has_its_parameter() {
    let mut spec = spec();
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    spec.definition = ContainerDefinition {
        memory: Some(64),
        linux_parameters: LinuxParameters {
            add: texts(&["NET_ADMIN"]),
            drop: texts(&["ALL"]),
            devices: vec![Device { host_path: "/dev/a".into(), container_path: "/dev/b".into(), read: true, write: false, mknod: true }],
            tmpfs: vec![Tmpfs { container_path: "/scratch".into(), size: 8, mount_options: texts(&["noexec", "mode=0700"]) }],
            shared_memory_size: Some(128),
            max_swap: Some(16),
            swappiness: Some(10),
        },
        system_controls: [("net.core.somaxconn".to_owned(), "512".to_owned())].into(),
        docker_security_options: texts(&["no-new-privileges", "label:type:a_t"]),
        interactive: true,
        pseudo_terminal: true,
        disable_networking: true,
        ..ContainerDefinition::new(ContainerName::new("web").unwrap(), "users:v1")
    };
    spec.links = vec![("ecs-users-7-db-00".into(), "store".into())];
    let expected = serde_json::json!({
        "Env": [], "ExposedPorts": {}, "OpenStdin": true, "Tty": true, "NetworkDisabled": true,
        "HostConfig": {
            "CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"], "CpuShares": 2,
            "Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rm"}], "Init": false,
            "Memory": 64 * MEBIBYTE, "MemorySwap": 80 * MEBIBYTE, "MemorySwappiness": 10, "NetworkMode": "n1", "PortBindings": {},
            "Privileged": false, "ReadonlyRootfs": false, "RestartPolicy": {"Name": "no"},
            "SecurityOpt": ["no-new-privileges", "label=type:a_t"], "ShmSize": 128 * MEBIBYTE,
            "Sysctls": {"net.core.somaxconn": "512"}, "Tmpfs": {"/scratch": "size=8m,noexec,mode=0700"}, "Ulimits": [],
        },
        "Image": "sha256:abc",
        "NetworkingConfig": {"EndpointsConfig": {"n1": {"Aliases": ["web"], "Links": ["ecs-users-7-db-00:store"]}}},
    });
    assert_eq!(json(&spec), expected);
    // Without `maxSwap` there is no swap, and `swappiness` means nothing.
    spec.definition.linux_parameters.max_swap = None;
    let made = host_config(&spec, &network(&spec));
    assert_eq!((made.memory_swap, made.memory_swappiness), (Some(64 * MEBIBYTE), None));
}

#[test]
fn folders_and_volumes_are_bound() {
    let volume = engine::VolumeSpec { name: "v1".into(), scope: engine::VolumeScope::Task, volume: model::DockerVolume::default() };
    let mount = |source, read_only| Mount { source, container_path: "/data".into(), read_only };
    let mounts = vec![mount(MountSource::Folder("/srv/a".into()), true), mount(MountSource::Volume(volume), false)];
    let spec = ContainerSpec { mounts, volumes_from: vec![("ecs-a".into(), true), ("ecs-b".into(), false)], ..spec() };
    let made = host_config(&spec, &network(&spec));
    assert_eq!(made.binds.unwrap(), ["/srv/a:/data:ro", "v1:/data"]);
    assert_eq!(made.volumes_from.unwrap(), ["ecs-a:ro", "ecs-b"]);
}

#[test]
fn output_goes_where_the_definition_says() {
    let made = |driver, options: &[(&str, &str)]| {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let definition = ContainerDefinition {
            log_configuration: Some(LogConfiguration { driver, options, secret_options: std::collections::BTreeMap::new() }),
            ..definition()
        };
        let spec = ContainerSpec { definition, ..spec() };
        serde_json::to_value(host_config(&spec, &network(&spec))).unwrap()["LogConfig"].clone()
    };
    let group = ("awslogs-group", "/ecs/users");
    assert_eq!(made(LogDriver::Awslogs, &[group]), serde_json::Value::Null);
    let buffered = serde_json::json!({"Config": {"mode": "non-blocking", "max-buffer-size": "10m"}});
    assert_eq!(made(LogDriver::Awslogs, &[group, ("mode", "non-blocking")]), buffered);
    let file = serde_json::json!({"Type": "json-file", "Config": {"max-size": "1m"}});
    assert_eq!(made(LogDriver::JsonFile, &[("max-size", "1m")]), file);
}

#[test]
fn namespaces_are_called_as_docker_calls_them() {
    for (whose, expected) in [
        (Namespace::Own, None),
        (Namespace::Shareable, Some("shareable")),
        (Namespace::Shared(ContainerId::from_text("c1")), Some("container:c1")),
        (Namespace::Host, Some("host")),
        (Namespace::None, Some("none")),
    ] {
        let spec = ContainerSpec { processes: whose.clone(), ipc: whose, ..spec() };
        let made = host_config(&spec, &network(&spec));
        assert_eq!((made.pid_mode.as_deref(), made.ipc_mode.as_deref()), (expected, expected));
    }
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
    let (at, hosts) = (std::net::Ipv4Addr::LOCALHOST.into(), vec!["posts:10.213.4.1".into()]);
    let dialled = made(&spec, Attachment::Network { id: "n1".into(), published: Vec::new(), at, hosts, name_servers: vec!["10.213.5.1".into()] });
    let networks = serde_json::json!({"EndpointsConfig": {"n1": {}}});
    assert_eq!(dialled, ("n1".into(), nothing.clone(), networks.clone(), nothing, servers.clone()));
    let published = made(&spec, network(&spec));
    assert_eq!((published.1["3000/tcp"][0]["HostIp"].as_str(), published.2), (Some("127.0.0.1"), networks));
}
