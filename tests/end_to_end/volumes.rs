//! Volumes: of each task's own, shared for good, and file systems that are folders.

use std::fs;

use crate::lab::{Lab, docker, until};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
taskDefinitions:
  - family: web
    volumes:
      - name: own
      - { name: "${CLUSTER}", dockerVolumeConfiguration: { scope: shared, autoprovision: true } }
      - { name: files, efsVolumeConfiguration: { fileSystemId: fs-0123, rootDirectory: /shop } }
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        command: ["--write", "/own/a", "one", "--write", "/files/b", "two", "--write", "/shared/c", "three"]
        mountPoints:
          - { sourceVolume: own, containerPath: /own }
          - { sourceVolume: files, containerPath: /files }
          - { sourceVolume: "${CLUSTER}", containerPath: /shared }
      - name: side
        image: ${IMAGE}
        memory: 64
        command: ["--no-listen", "--see", "/own/a"]
        dependsOn: [{ containerName: app, condition: START }]
        volumesFrom: [{ sourceContainer: app, readOnly: true }]
services:
  - { serviceName: web, taskDefinition: web, desiredCount: 2 }
"#;

#[test]
fn a_task_s_volumes_go_with_it_and_shared_ones_and_file_systems_stay() {
    let mut lab = Lab::new("volumes");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let owner = lab.owner().unwrap();
    let own = || {
        docker(&["volume", "ls", "--quiet", "--filter", &format!("label=dev.ecslocal.owner={owner}")]).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = own();
    assert!(first.len() == 2 && first.iter().all(|name| name.starts_with("ecs-web-1-own-")), "{first:?}");
    until("the other container sees it", || lab.must(&["logs"]).out.contains("/own/a is one").then_some(()));
    until("the file system is a folder", || (fs::read_to_string(lab.home().join("efs/fs-0123/shop/b")).ok()? == "two").then_some(()));

    lab.must(&["scale", "web=1"]);
    until("the volume goes with its task", || (own().len() == 1).then_some(()));
    lab.must(&["down"]);
    assert_eq!((lab.leftovers(), own()), (Vec::<String>::new(), vec![]));
    assert!(lab.home().join("efs/fs-0123/shop/b").exists());
    assert_eq!(docker(&["volume", "rm", &lab.cluster]).trim(), lab.cluster, "what is shared was kept, and is removed by hand");
}
