//! Volumes, mount points, and volumes of another container.

use model::{DockerVolume, TaskDefinition, VolumeSource};

use crate::support::{bad, good};

fn manifest(task: &str, web: &str) -> String {
    format!(
        "cluster: t\ntaskDefinitions:\n  - family: app\n{task}    containerDefinitions:\n      - {{ name: web, image: web, memory: 64{web} }}\n      - {{ name: db, image: db, memory: 64 }}\n"
    )
}

fn read(volumes: &str, web: &str) -> TaskDefinition {
    good(&manifest(&format!("    volumes: {volumes}\n"), web)).desired.task_definitions.into_values().next().unwrap()
}

/// The messages, a line each.
fn wrong(task: &str, web: &str) -> Vec<String> {
    let shown = bad(&manifest(task, web));
    shown.lines().filter_map(|line| line.strip_prefix("error: ")).map(str::to_owned).collect()
}

#[test]
fn every_kind_of_volume_is_read() {
    let own = VolumeSource::Task(DockerVolume::default());
    let efs = |root: &str| VolumeSource::Efs { file_system_id: "fs-1".into(), root: root.into() };
    for (text, expected) in [
        ("{ name: data }", own.clone()),
        ("{ name: data, host: {} }", own.clone()),
        ("{ name: data, host: { sourcePath: /srv/a } }", VolumeSource::Host("/srv/a".into())),
        ("{ name: data, dockerVolumeConfiguration: { scope: task } }", own),
        (
            "{ name: data, dockerVolumeConfiguration: { driver: local, driverOpts: { type: tmpfs }, labels: { a: b } } }",
            VolumeSource::Task(DockerVolume {
                driver: Some("local".into()),
                driver_opts: [("type".to_owned(), "tmpfs".to_owned())].into(),
                labels: [("a".to_owned(), "b".to_owned())].into(),
            }),
        ),
        (
            "{ name: data, dockerVolumeConfiguration: { scope: shared, autoprovision: true } }",
            VolumeSource::Shared { autoprovision: true, volume: DockerVolume::default() },
        ),
        (
            "{ name: data, dockerVolumeConfiguration: { scope: shared } }",
            VolumeSource::Shared { autoprovision: false, volume: DockerVolume::default() },
        ),
        ("{ name: data, efsVolumeConfiguration: { fileSystemId: fs-1, transitEncryption: ENABLED } }", efs("/")),
        ("{ name: data, efsVolumeConfiguration: { fileSystemId: fs-1, rootDirectory: /a } }", efs("/a")),
        (
            "{ name: data, efsVolumeConfiguration: { fileSystemId: fs-1, authorizationConfig: { accessPointId: fsap-1, iam: ENABLED } } }",
            efs("fsap-1"),
        ),
    ] {
        let found = read(&format!("[{text}]"), "");
        assert_eq!((found.volumes[0].name.as_str(), &found.volumes[0].source), ("data", &expected), "{text}");
    }
    let web = ", mountPoints: [{ sourceVolume: data, containerPath: /data, readOnly: true }], volumesFrom: [{ sourceContainer: db }]";
    let found = read("[{ name: data }]", web).containers.remove(0);
    let point = &found.mount_points[0];
    assert_eq!((point.source_volume.as_str(), point.container_path.as_str(), point.read_only), ("data", "/data", true));
    assert_eq!((found.volumes_from[0].source_container.as_str(), found.volumes_from[0].read_only), ("db", false));
}

#[test]
fn what_no_task_could_mount_is_refused() {
    let point = |text: &str| format!(", mountPoints: [{text}]");
    for (volumes, web, expected) in [
        ("[]", point("{ sourceVolume: data, containerPath: /a }"), "Invalid volume referenced: data"),
        ("[{ name: dato }]", point("{ sourceVolume: data, containerPath: /a }"), "Invalid volume referenced: data"),
        ("[{ name: data }]", point("{ sourceVolume: data, containerPath: a }"), "`containerPath` must be an absolute path, found `a`"),
        (
            "[{ name: data }]",
            point("{ sourceVolume: data, containerPath: /a }, { sourceVolume: data, containerPath: /a }"),
            "two volumes cannot both be at `/a`",
        ),
        ("[{ name: data }, { name: data }]", String::new(), "two volumes have the name `data`"),
        ("[{ name: a b }]", String::new(), "volume name `a b` has 1 to 255 letters, digits, hyphens and underscores"),
        ("[{ name: data, host: { sourcePath: srv } }]", String::new(), "`sourcePath` must be an absolute path, found `srv`"),
        ("[{ name: data, host: { sourcePath: \"/a:b\" } }]", String::new(), "`sourcePath` cannot have a colon in it, found `/a:b`"),
        (
            "[{ name: data, host: { sourcePath: /a }, efsVolumeConfiguration: { fileSystemId: fs-1 } }]",
            String::new(),
            "volume `data` cannot be of two kinds",
        ),
        (
            "[{ name: data, dockerVolumeConfiguration: { scope: task, autoprovision: true } }]",
            String::new(),
            "`autoprovision` belongs to volumes with `scope: shared`",
        ),
        (
            "[{ name: data, efsVolumeConfiguration: { fileSystemId: fs-1, rootDirectory: /a/../.. } }]",
            String::new(),
            "`rootDirectory` does not lead out of its file system",
        ),
        ("[{ name: data, efsVolumeConfiguration: { fileSystemId: ../x } }]", String::new(), "`../x` is not the id of a file system"),
        ("[{ name: data, configuredAtLaunch: true }]", String::new(), "`configuredAtLaunch` of a volume is not supported"),
        ("[]", ", volumesFrom: [{ sourceContainer: dbs }]".into(), "the container `dbs` is not in this task definition"),
        ("[]", ", volumesFrom: [{ sourceContainer: web }]".into(), "`dependsOn` and `volumesFrom` go in a circle: web -> web"),
    ] {
        assert_eq!(wrong(&format!("    volumes: {volumes}\n"), &web), [expected], "{volumes} {web}");
    }
}

#[test]
fn fargate_has_no_folders_of_the_host_s() {
    let task = "    requiresCompatibilities: [FARGATE]\n    networkMode: awsvpc\n    cpu: 256\n    memory: 512\n    volumes: [{ name: a, host: { sourcePath: /a } }, { name: b, dockerVolumeConfiguration: { scope: shared } }, { name: c, efsVolumeConfiguration: { fileSystemId: fs-1 } }, { name: d }]\n";
    assert_eq!(
        wrong(task, ""),
        ["`sourcePath` of a volume is not supported on Fargate", "`dockerVolumeConfiguration` of a volume is not supported on Fargate"]
    );
}
