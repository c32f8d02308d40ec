//! What a container definition asks for, as the container itself sees it on the real engine (ecs.md 1.2, 1.3, 1.6).

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{ContainerSpec, Engine, EngineErrorKind, LogOptions, Mount, MountSource, Namespace, NetworkNamespace, VolumeScope, VolumeSpec};
use futures_util::TryStreamExt;
use model::{ContainerId, ContainerName, Device, DockerVolume, LinuxParameters, LogConfiguration, LogDriver, PortRange, Tmpfs, TransportProtocol};
use tokio::time::timeout;

use crate::lab::{Lab, PATIENCE};

/// Words that make a container say what it sees there, and end.
fn looks<'a>(paths: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["--no-listen", "--exit-after", "0", "0"];
    paths.iter().for_each(|path| words.extend(["--see", path]));
    words
}

/// Runs it to its end, and gives what it said of each path.
async fn sights(lab: &Lab, spec: &ContainerSpec) -> BTreeMap<String, String> {
    let id = lab.docker.create(spec).await.unwrap();
    lab.docker.start(&id).await.unwrap();
    let lines = lab.docker.logs(&id, LogOptions { follow: true, ..LogOptions::default() }).await.unwrap();
    let lines: Vec<_> = timeout(PATIENCE, lines.try_collect()).await.unwrap().unwrap();
    let pairs = lines.iter().filter_map(|line| line.text.split_once(" is "));
    pairs.map(|(path, what)| (path.to_owned(), what.to_owned())).collect()
}

#[tokio::test]
async fn a_container_sees_what_its_definition_says() {
    Lab::work(async |lab| {
        let (capabilities, mounts, stdin) = ("/proc/self/status", "/proc/self/mounts", "/proc/self/fd/0");
        let paths = ["/proc/sys/net/core/somaxconn", "/proc/sys/kernel/msgmax", capabilities, mounts, stdin, "/dev/nothing"];
        let plain = sights(lab, &lab.container("users", &looks(&[stdin, capabilities])).await).await;
        assert_eq!(plain[stdin], "/dev/null");
        assert!(plain[capabilities].contains("NoNewPrivs:\t0"), "{plain:?}");
        let mut spec = lab.container("users", &looks(&paths)).await;
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        spec.definition.linux_parameters = LinuxParameters {
            add: texts(&["NET_RAW"]),
            drop: texts(&["ALL"]),
            devices: vec![Device { host_path: "/dev/null".into(), container_path: "/dev/nothing".into(), read: true, write: true, mknod: false }],
            tmpfs: vec![Tmpfs { container_path: "/scratch".into(), size: 8, mount_options: texts(&["noexec", "mode=0700"]) }],
            shared_memory_size: Some(32),
            ..LinuxParameters::default()
        };
        spec.definition.system_controls = [("net.core.somaxconn", "777"), ("kernel.msgmax", "4096")].map(|(k, v)| (k.into(), v.into())).into();
        spec.definition.docker_security_options = texts(&["no-new-privileges"]);
        spec.definition.interactive = true;
        let seen = sights(lab, &spec).await;
        assert_eq!((seen[paths[0]].as_str(), seen[paths[1]].as_str()), ("777", "4096"));
        assert!(seen[capabilities].contains("CapEff:\t0000000000002000") && seen[capabilities].contains("NoNewPrivs:\t1"), "{seen:?}");
        let mounted = |path: &str, parts: &[&str]| {
            let line = seen[mounts].split(" | ").find(|line| line.contains(&format!(" {path} "))).unwrap_or_else(|| panic!("{path}: {seen:?}"));
            parts.iter().all(|part| line.contains(part))
        };
        assert!(mounted("/scratch", &["tmpfs", "size=8192k", "noexec", "mode=700"]) && mounted("/dev/shm", &["size=32768k"]), "{seen:?}");
        assert!(seen[stdin].starts_with("pipe:"), "{seen:?}");
        assert_eq!(seen["/dev/nothing"], "", "an empty file, and there");
    })
    .await;
}

#[tokio::test]
async fn a_container_with_a_terminal_is_read_line_by_line() {
    Lab::work(async |lab| {
        let mut spec = lab.container("users", &looks(&["/proc/self/fd/0"])).await;
        spec.definition.pseudo_terminal = true;
        let seen = sights(lab, &spec).await;
        assert!(seen["/proc/self/fd/0"].starts_with("/dev/"), "{seen:?}");
        assert_ne!(seen["/proc/self/fd/0"], "/dev/null");
    })
    .await;
}

#[tokio::test]
async fn a_container_without_networking_has_its_loopback_and_nothing_else() {
    Lab::work(async |lab| {
        let mut spec = lab.container("users", &looks(&["/sys/class/net"])).await;
        assert!(sights(lab, &spec).await["/sys/class/net"].contains("eth0"));
        spec = lab.container("users", &looks(&["/sys/class/net"])).await;
        (spec.definition.disable_networking, spec.namespace) = (true, NetworkNamespace::None);
        spec.definition.port_mappings.clear();
        let seen = sights(lab, &spec).await;
        // Tunnels that the kernel puts into every network are no way out.
        assert!(seen["/sys/class/net"].contains("lo") && !seen["/sys/class/net"].contains("eth"), "{seen:?}");
    })
    .await;
}

#[tokio::test]
async fn a_link_is_a_name_that_one_container_knows() {
    Lab::work(async |lab| {
        let db = lab.container("users", &[]).await;
        let id = lab.docker.create(&db).await.unwrap();
        let address = lab.docker.start(&id).await.unwrap().address.unwrap().to_string();
        let words = ["--no-listen", "--exit-after", "0", "0", "--resolve", "store"];
        let mut linked = lab.container("users", &words).await;
        linked.links = vec![(db.runtime_name.clone(), "store".into())];
        assert_eq!(sights(lab, &linked).await["store"], address);
        let other = sights(lab, &lab.container("users", &words).await).await;
        assert_eq!(other["store"], "unknown");
    })
    .await;
}

#[tokio::test]
async fn a_range_of_ports_is_published_in_a_row() {
    Lab::work(async |lab| {
        let mut spec = lab.container("users", &[]).await;
        spec.definition.port_ranges = vec![PortRange { first: 8080, last: 8084, protocol: TransportProtocol::Tcp, name: None }];
        spec.definition.port_mappings.clear();
        let id = lab.docker.create(&spec).await.unwrap();
        let seen = lab.docker.start(&id).await.unwrap();
        let first = seen.network_bindings[0].host_port;
        let expected: Vec<_> = (8080..=8084).zip(first..).collect();
        let mut found: Vec<_> = seen.network_bindings.iter().map(|binding| (binding.container_port, binding.host_port)).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert!(seen.network_bindings.iter().all(|binding| binding.bind_ip.is_loopback()));
    })
    .await;
}

#[tokio::test]
async fn output_that_goes_elsewhere_cannot_be_read_back_and_what_is_awslogs_can() {
    Lab::work(async |lab| {
        let options = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut spec = lab.container("users", &looks(&["/nowhere"])).await;
        // Nobody listens there, and datagrams may be lost; the engine is told not to keep a copy.
        let away = options(&[("gelf-address", "udp://127.0.0.1:9"), ("cache-disabled", "true")]);
        spec.definition.log_configuration = Some(LogConfiguration { driver: LogDriver::Gelf, options: away, secret_options: BTreeMap::new() });
        let id = lab.docker.create(&spec).await.unwrap();
        lab.docker.start(&id).await.unwrap();
        let read = async {
            let lines = lab.docker.logs(&id, LogOptions::default()).await?;
            lines.try_collect::<Vec<_>>().await
        };
        let error = timeout(PATIENCE, read).await.unwrap().unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Unsupported, "{error}");
        let mut spec = lab.container("users", &looks(&["/nowhere"])).await;
        let group = options(&[("awslogs-group", "a"), ("awslogs-region", "b"), ("mode", "non-blocking")]);
        spec.definition.log_configuration = Some(LogConfiguration { driver: LogDriver::Awslogs, options: group, secret_options: BTreeMap::new() });
        assert!(sights(lab, &spec).await["/nowhere"].starts_with("not there"));
    })
    .await;
}

#[tokio::test]
async fn folders_and_volumes_are_shared_and_only_a_task_s_own_are_removed() {
    Lab::work(async |lab| {
        let folder = tempfile::tempdir().unwrap();
        let shared = format!("ecslocal-test-{}", lab.owner);
        let volume = |name: &str, scope| MountSource::Volume(VolumeSpec { name: name.to_owned(), scope, volume: DockerVolume::default() });
        let mount = |source, path: &str, read_only| Mount { source, container_path: path.to_owned(), read_only };
        let words = ["--write", "/folder/a", "one", "--write", "/own/b", "two", "--write", "/shared/c", "three", "--no-listen"];
        let mut writer = lab.container("users", &words).await;
        let own = format!("ecs-lab-1-data-{}", writer.task);
        writer.mounts = vec![
            mount(MountSource::Folder(folder.path().to_str().unwrap().to_owned()), "/folder", false),
            mount(volume(&own, VolumeScope::Task), "/own", false),
            mount(volume(&shared, VolumeScope::Existing), "/shared", false),
        ];
        let missing = lab.docker.create(&writer).await.unwrap_err();
        assert!(missing.message.contains("does not exist and autoprovision is set to false"), "{missing}");
        writer.mounts[2] = mount(volume(&shared, VolumeScope::Shared), "/shared", false);
        let first = lab.docker.create(&writer).await.unwrap();
        lab.docker.start(&first).await.unwrap();

        let looks = looks(&["/folder/a", "/own/b", "/shared/c"]);
        let mut reader = lab.container("users", &[&["--write", "/own/d", "no"][..], &looks].concat()).await;
        reader.volumes_from = vec![(writer.runtime_name.clone(), true)];
        let seen = sights(lab, &reader).await;
        assert_eq!(["/folder/a", "/own/b", "/shared/c"].map(|path| seen[path].as_str()), ["one", "two", "three"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "one");

        assert!(lab.docker.remove_volume(&lab.owner, &own).await.is_err(), "it is in use");
        for container in lab.docker.list(&lab.owner).await.unwrap() {
            lab.docker.remove(&container.id).await.unwrap();
        }
        // Nobody else's, and not what is everybody's.
        lab.docker.remove_volume(&crate::lab::new_owner(), &own).await.unwrap();
        lab.docker.remove_volume(&lab.owner, &shared).await.unwrap();
        let mut again = lab.container("users", &self::looks(&["/own/b", "/shared/c"])).await;
        again.mounts = vec![mount(volume(&own, VolumeScope::Task), "/own", true), mount(volume(&shared, VolumeScope::Existing), "/shared", true)];
        let seen = sights(lab, &again).await;
        assert_eq!(
            ["/own/b", "/shared/c"].map(|path| seen[path].as_str()),
            ["two", "three"],
            "both are still there, the own one because it was not removed"
        );
        for container in lab.docker.list(&lab.owner).await.unwrap() {
            lab.docker.remove(&container.id).await.unwrap();
        }
        lab.docker.remove_volume(&lab.owner, &own).await.unwrap();
        lab.docker.remove_volume(&lab.owner, &own).await.unwrap();
        let removed = std::process::Command::new("docker").args(["volume", "rm", &shared]).output().unwrap();
        assert!(removed.status.success(), "the test's own clean-up: {removed:?}");
        let left = std::process::Command::new("docker").args(["volume", "ls", "--quiet", "--filter", &format!("name={own}")]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    })
    .await;
}

/// A pause that runs, for other containers' namespaces.
async fn pause(lab: &Lab, name: ContainerName, of: impl FnOnce(&mut ContainerSpec)) -> ContainerId {
    let mut spec = lab.container("users", &[]).await;
    spec.image_id = lab.docker.pause_image().await.unwrap();
    (spec.definition.name, spec.definition.command) = (name, None);
    spec.definition.port_mappings.clear();
    of(&mut spec);
    let id = lab.docker.create(&spec).await.unwrap();
    lab.docker.start(&id).await.unwrap();
    id
}

#[tokio::test]
async fn namespaces_are_those_of_the_pause_the_host_s_or_one_s_own() {
    const PATHS: [&str; 3] = ["/proc/self/ns/pid", "/proc/self/ns/ipc", "/proc/self/ns/net"];
    Lab::work(async |lab| {
        let holder = pause(lab, ContainerName::namespace_pause(), |spec| {
            (spec.namespace, spec.ipc) = (NetworkNamespace::None, Namespace::Shareable);
        })
        .await;
        let look = async |whose: &Namespace| {
            let mut spec = lab.container("users", &looks(&PATHS)).await;
            (spec.processes, spec.ipc) = (whose.clone(), whose.clone());
            sights(lab, &spec).await
        };
        let shared = Namespace::Shared(holder);
        let (first, second) = (look(&shared).await, look(&shared).await);
        let (host, own) = (look(&Namespace::Host).await, look(&Namespace::Own).await);
        for path in &PATHS[..2] {
            assert_eq!(first[*path], second[*path]);
            assert!(first[*path] != own[*path] && first[*path] != host[*path] && host[*path] != own[*path], "{path}");
        }
        // The numbers of namespaces that are gone are given again, so only the host's, which stays, can be told apart.
        let network = async |namespace: NetworkNamespace| {
            let mut spec = lab.container("users", &looks(&PATHS)).await;
            (spec.namespace, spec.ipc) = (namespace, shared.clone());
            spec.definition.port_mappings.clear();
            sights(lab, &spec).await[PATHS[2]].clone()
        };
        let host_network = network(NetworkNamespace::Host).await;
        assert!(first[PATHS[2]] != host_network && second[PATHS[2]] != host_network, "the network is another matter");
        let mut nobody = lab.container("users", &looks(&["/proc/self/mounts"])).await;
        nobody.ipc = Namespace::None;
        assert!(!sights(lab, &nobody).await["/proc/self/mounts"].contains(" /dev/shm "));
    })
    .await;
}

#[tokio::test]
async fn parameters_of_a_shared_network_are_those_of_who_starts_last() {
    const PATH: &str = "/proc/sys/net/core/somaxconn";
    Lab::work(async |lab| {
        let holder = pause(lab, ContainerName::pause(), |_| {}).await;
        let beside = async |value: Option<&str>| {
            let mut spec = lab.container("users", &looks(&[PATH])).await;
            spec.namespace = NetworkNamespace::Shared(holder.clone());
            spec.definition.system_controls = value.map(|value| ("net.core.somaxconn".to_owned(), value.to_owned())).into_iter().collect();
            sights(lab, &spec).await[PATH].clone()
        };
        assert_eq!((beside(Some("701")).await, beside(None).await), ("701".into(), "701".into()));
        assert_eq!((beside(Some("702")).await, beside(None).await), ("702".into(), "702".into()));
        lab.docker.stop(&holder, Duration::from_secs(5)).await.unwrap();
    })
    .await;
}
