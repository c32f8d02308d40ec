//! What a task definition says of namespaces, devices, links and ranges of ports.

use insta::assert_snapshot;
use model::{ContainerDefinition, NamespaceMode, TaskDefinition};

use crate::support::{bad, good};

/// A manifest of one task definition with these keys, of one container with these keys, and one beside it.
fn manifest(task: &str, container: &str) -> String {
    format!(
        "cluster: t\ntaskDefinitions:\n  - family: app\n{task}    containerDefinitions:\n      - name: web\n        image: web\n        memory: 64\n{container}      - {{ name: db, image: db, memory: 64 }}\n"
    )
}

fn task(task: &str, container: &str) -> TaskDefinition {
    good(&manifest(task, container)).desired.task_definitions.into_values().next().unwrap()
}

fn web(container: &str) -> ContainerDefinition {
    task("", container).containers.remove(0)
}

/// Messages and hints of what is wrong, a line each, with its place.
fn wrong(task: &str, container: &str) -> String {
    let shown = bad(&manifest(task, container));
    let told = |line: &&str| ["error:", "-->", "hint:"].iter().any(|word| line.contains(word));
    shown.lines().filter(told).map(|line| line.trim().trim_start_matches("= ").to_owned() + "\n").collect()
}

#[test]
fn each_field_is_read() {
    let found = web("        links: [db, \"db:store\"]\n        interactive: true\n        pseudoTerminal: true\n        \
         dockerSecurityOptions: [no-new-privileges, \"label:type:a_t\"]\n        \
         systemControls: [{ namespace: net.core.somaxconn, value: \"512\" }, { namespace: fs.mqueue.msg_max, value: 20 }]\n        \
         portMappings: [{ containerPortRange: 7000-7010, protocol: udp, name: many }, { containerPort: 80 }]\n        \
         linuxParameters:\n          capabilities: { add: [NET_ADMIN], drop: [ALL] }\n          \
         devices: [{ hostPath: /dev/a }, { hostPath: /dev/a, containerPath: /dev/b, permissions: [read] }]\n          \
         tmpfs: [{ containerPath: /run, size: 16, mountOptions: [noexec, mode=0700] }]\n          \
         sharedMemorySize: 128\n          maxSwap: 0\n          swappiness: 10\n");
    let links: Vec<_> = found.links.iter().map(|link| (link.container_name.as_str(), link.alias.as_str())).collect();
    assert_eq!(links, [("db", "db"), ("db", "store")]);
    assert!(found.interactive && found.pseudo_terminal && !found.disable_networking);
    assert_eq!(found.docker_security_options, ["no-new-privileges", "label:type:a_t"]);
    assert_eq!((found.system_controls["net.core.somaxconn"].as_str(), found.system_controls["fs.mqueue.msg_max"].as_str()), ("512", "20"));
    let range = &found.port_ranges[0];
    assert_eq!((range.first, range.last, range.protocol.as_str(), range.name.as_deref()), (7000, 7010, "udp", Some("many")));
    assert_eq!(found.port_mappings.iter().map(|mapping| mapping.container_port).collect::<Vec<_>>(), [80]);
    let linux = found.linux_parameters;
    assert_eq!((linux.add, linux.drop), (vec!["NET_ADMIN".to_owned()], vec!["ALL".to_owned()]));
    let devices: Vec<_> = linux.devices.iter().map(|one| (one.container_path.as_str(), one.read, one.write, one.mknod)).collect();
    assert_eq!(devices, [("/dev/a", true, true, true), ("/dev/b", true, false, false)]);
    assert_eq!((linux.tmpfs[0].size, linux.tmpfs[0].mount_options.len()), (16, 2));
    assert_eq!((linux.shared_memory_size, linux.max_swap, linux.swappiness), (Some(128), Some(0), Some(10)));
    assert!(web("        disableNetworking: true\n").disable_networking);
}

#[test]
fn a_restart_policy_has_limits() {
    let policy = |text: &str| web(&format!("        restartPolicy: {text}\n")).restart_policy;
    let found = policy("{ enabled: true, ignoredExitCodes: [0, 7] }").unwrap();
    assert_eq!((found.ignored_exit_codes, found.restart_attempt_period), (vec![0, 7], 300));
    assert_eq!(policy("{ enabled: true, restartAttemptPeriod: 60 }").unwrap().restart_attempt_period, 60);
    assert_eq!(policy("{ enabled: false, restartAttemptPeriod: 60 }"), None);
    let refused = |text: &str| wrong("", &format!("        restartPolicy: {text}\n"));
    assert_eq!(refused("{ ignoredExitCodes: [0] }").lines().next(), Some("error: a restart policy needs `enabled`"));
    let period = refused("{ enabled: true, restartAttemptPeriod: 59 }");
    assert!(period.starts_with("error: `restartAttemptPeriod` must be a whole number from 60 to 1800, found `59`"), "{period}");
    let codes: String = (0..51).map(|code| format!("{code}, ")).collect();
    let many = refused(&format!("{{ enabled: true, ignoredExitCodes: [{codes}] }}"));
    assert!(many.starts_with("error: `ignoredExitCodes` has at most 50 codes, this one has 51"), "{many}");
}

#[test]
fn modes_of_namespaces_are_read() {
    let found = task("    pidMode: task\n    ipcMode: none\n", "");
    assert_eq!((found.pid_mode, found.ipc_mode), (Some(NamespaceMode::Task), Some(NamespaceMode::None)));
    let host = good(&manifest("    pidMode: host\n", ""));
    assert!(host.notes.iter().any(|note| note.message.contains("see every process of this machine")), "{:?}", host.notes);
    let plain = task("", "");
    assert_eq!((plain.pid_mode, plain.ipc_mode), (None, None));
}

#[test]
fn links_are_of_containers_on_a_bridge() {
    assert_snapshot!(wrong("", "        links: [\"db:a:b\", nobody, \"db:a b\", web]\n"), @r#"
    error: `dependsOn` and `links` go in a circle: web -> web
    --> cluster.yaml:8:16
    hint: none of them could ever start; remove one of these dependencies
    error: invalid link format: `db:a:b`
    --> cluster.yaml:8:17
    hint: `name`, or `name:alias`
    error: the container `nobody` is not in this task definition
    --> cluster.yaml:8:27
    error: `a b` is not a host's name
    --> cluster.yaml:8:35
    hint: letters, digits, hyphens, underscores and dots
    "#);
    assert_snapshot!(wrong("    networkMode: awsvpc\n", "        links: [db]\n"), @r#"
    error: `links` of a container definition is not supported when networkMode=awsvpc
    --> cluster.yaml:9:9
    hint: remove it: the containers of a task reach each other on 127.0.0.1
    "#);
    assert_snapshot!(wrong("", "        disableNetworking: true\n        links: [db]\n        portMappings: [{ containerPort: 80 }]\n"), @r#"
    error: a container with `disableNetworking: true` has no network for its `links`
    --> cluster.yaml:9:9
    hint: remove one of the two
    error: a container with `disableNetworking: true` has no network for its `portMappings`
    --> cluster.yaml:10:9
    hint: remove one of the two
    "#);
}

#[test]
fn ranges_of_ports_have_limits() {
    let mappings = "        portMappings:\n          - { containerPortRange: 7000-7010 }\n          - { containerPortRange: 7010-7020 }\n          - { containerPort: 7005 }\n          - { containerPortRange: 90-80 }\n          - { containerPortRange: 8000-8001, hostPort: 0 }\n          - { protocol: tcp }\n";
    assert_snapshot!(wrong("", mappings), @r#"
    error: a range of ports reaches into another mapping
    --> cluster.yaml:10:35
    hint: the first is at cluster.yaml:9:35
    error: a range of ports reaches into another mapping
    --> cluster.yaml:11:30
    hint: the first is at cluster.yaml:9:35
    error: `containerPortRange` is `first-last`, found `90-80`
    --> cluster.yaml:12:35
    hint: two ports from 1 to 65535, for example `8000-8010`
    error: a port mapping with `containerPortRange` has no `hostPort`
    --> cluster.yaml:13:46
    hint: remove one of the two
    error: a port mapping needs `containerPort`, or `containerPortRange`
    --> cluster.yaml:14:13
    "#);
    assert_snapshot!(wrong("    networkMode: host\n", "        portMappings: [{ containerPortRange: 7000-7010 }]\n"), @r#"
    error: `containerPortRange` is not supported when networkMode=host
    --> cluster.yaml:9:26
    hint: on this machine's own network every port is open: remove it
    "#);
    let many: String = (0..101).map(|n| format!("{{ containerPortRange: {0}-{0} }}, ", 1000 + n)).collect();
    assert!(wrong("", &format!("        portMappings: [{many}]\n")).starts_with("error: a container has at most 100 ranges of ports"));
}

#[test]
fn parameters_and_options_that_no_container_has_are_refused() {
    let container = "        systemControls: [{ namespace: kernel.panic, value: 1 }, { namespace: net.core.somaxconn, value: 1 }, { namespace: kernel.sem, value: 1 }]\n        dockerSecurityOptions: [seccomp:x, credentialspec:y, \"label:\"]\n        linuxParameters:\n          capabilities: { add: [NET_ADMINN] }\n          devices: [{ hostPath: dev }]\n          tmpfs: [{ containerPath: run, size: 0, mountOptions: [noexe] }]\n          maxSwap: -1\n          swappiness: 101\n";
    assert_snapshot!(wrong("    networkMode: host\n    ipcMode: host\n    pidMode: none\n", container), @r#"
    error: `pidMode` must be `host` or `task`, found `none`
    --> cluster.yaml:6:14
    error: `kernel.panic` is not a kernel parameter of a container's own
    --> cluster.yaml:11:39
    hint: what begins with `net.` or `fs.mqueue.`, and kernel.msgmax, kernel.msgmnb, kernel.msgmni, kernel.sem, kernel.shmall, kernel.shmmax, kernel.shmmni, kernel.shm_rmid_forced
    error: `net.core.somaxconn` belongs to the network, which is this machine's own in `networkMode: host`
    --> cluster.yaml:11:78
    hint: remove it, or use `networkMode: bridge` or `awsvpc`
    error: `kernel.sem` belongs to the IPC namespace, which is this machine's own with `ipcMode: host`
    --> cluster.yaml:11:123
    hint: remove it, or `ipcMode`
    error: `seccomp:x` is not a security option
    --> cluster.yaml:12:33
    hint: `no-new-privileges`, `apparmor:<profile>` or `label:<value>`
    error: `credentialspec` belongs to Windows
    --> cluster.yaml:12:44
    hint: remove it
    error: `label:` is not a security option
    --> cluster.yaml:12:62
    hint: `no-new-privileges`, `apparmor:<profile>` or `label:<value>`
    error: `add` cannot be `NET_ADMINN`
    --> cluster.yaml:14:33
    hint: did you mean `NET_ADMIN`?
    error: `hostPath` must be an absolute path, found `dev`
    --> cluster.yaml:15:33
    error: `containerPath` must be an absolute path, found `run`
    --> cluster.yaml:16:36
    error: `size` must be a whole number from 1 to 4194304, found `0`
    --> cluster.yaml:16:47
    error: `noexe` is not an option of a mount
    --> cluster.yaml:16:65
    hint: did you mean `noexec`?
    error: `maxSwap` must be a whole number from 0 to 4194304, found `-1`
    --> cluster.yaml:17:20
    error: `swappiness` must be a whole number from 0 to 100, found `101`
    --> cluster.yaml:18:23
    "#);
    let unlimited =
        manifest("", "").replace("        memory: 64\n", "        memoryReservation: 64\n        linuxParameters: { maxSwap: 1, swappiness: 2 }\n");
    assert!(bad(&unlimited).starts_with("error: `maxSwap` is what a container may take beyond its `memory`, and there is no limit"));
}

#[test]
fn fargate_has_none_of_what_reaches_the_host() {
    let task =
        "    requiresCompatibilities: [FARGATE]\n    networkMode: awsvpc\n    cpu: 256\n    memory: 512\n    pidMode: host\n    ipcMode: task\n";
    let container = "        links: [db]\n        dockerSecurityOptions: [no-new-privileges]\n        linuxParameters: { capabilities: { add: [SYS_PTRACE, NET_ADMIN] }, devices: [{ hostPath: /dev/a }], sharedMemorySize: 64, maxSwap: 1, swappiness: 1 }\n";
    assert_snapshot!(wrong(task, container), @r#"
    error: Fargate only supports `pidMode: task`
    --> cluster.yaml:8:14
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: `ipcMode` of a task definition is not supported on Fargate
    --> cluster.yaml:9:5
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: `links` of a container definition is not supported on Fargate
    --> cluster.yaml:14:9
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: `dockerSecurityOptions` of a container definition is not supported on Fargate
    --> cluster.yaml:15:9
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: Fargate only allows the capability `SYS_PTRACE` to be added
    --> cluster.yaml:16:62
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: `devices` of a set of Linux parameters is not supported on Fargate
    --> cluster.yaml:16:76
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: `sharedMemorySize` of a set of Linux parameters is not supported on Fargate
    --> cluster.yaml:16:109
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: `maxSwap` of a set of Linux parameters is not supported on Fargate
    --> cluster.yaml:16:131
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    error: `swappiness` of a set of Linux parameters is not supported on Fargate
    --> cluster.yaml:16:143
    hint: remove it, or say `requiresCompatibilities: [EC2]`
    "#);
}
