//! What a container mounts, for the engine (ecs.md 1.5). A file system of EFS is a folder of the state folder,
//! `efs/<file system>/<root directory>`, with everything in it for all who mount it.

use std::path::Path;

use engine::{ContainerSpec, EngineError, EngineErrorKind, Mount, MountSource, VolumeScope, VolumeSpec};
use model::{ContainerDefinition, MountPoint, Task, TaskDefinition, VolumeSource};

/// The mounts of a container of a task.
pub(crate) fn of(task: &Task, definition: &TaskDefinition, container: &ContainerDefinition, file_systems: &Path) -> Vec<Mount> {
    let source = |point: &MountPoint| {
        let volume = definition.volumes.iter().find(|volume| volume.name == point.source_volume)?;
        Some(match &volume.source {
            VolumeSource::Host(path) => MountSource::Folder(path.clone()),
            VolumeSource::Efs { file_system_id, root } => {
                let folder = file_systems.join(file_system_id).join(root.trim_start_matches('/'));
                MountSource::Folder(folder.to_string_lossy().trim_end_matches('/').to_owned())
            }
            VolumeSource::Task(made) => {
                let own = task.volumes.iter().find(|own| own.name == volume.name)?;
                MountSource::Volume(VolumeSpec { name: own.runtime_name.clone(), scope: VolumeScope::Task, volume: made.clone() })
            }
            VolumeSource::Shared { autoprovision, volume: made } => {
                let scope = if *autoprovision { VolumeScope::Shared } else { VolumeScope::Existing };
                MountSource::Volume(VolumeSpec { name: volume.name.clone(), scope, volume: made.clone() })
            }
        })
    };
    let mount = |point: &MountPoint| Some(Mount { source: source(point)?, container_path: point.container_path.clone(), read_only: point.read_only });
    container.mount_points.iter().filter_map(mount).collect()
}

/// Makes the folders that are not there, as this user; the engine would make them as root.
pub(crate) async fn make_folders(spec: &ContainerSpec) -> Result<(), EngineError> {
    let folders = spec.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Folder(path) => Some(path.clone()),
        MountSource::Volume(_) => None,
    });
    let folders: Vec<String> = folders.collect();
    if folders.is_empty() {
        return Ok(());
    }
    let make = move || {
        for path in folders {
            // A file can be mounted as well; and what this user may not make is the engine's to make, which may.
            if !Path::new(&path).exists()
                && let Err(error) = std::fs::create_dir_all(&path)
            {
                tracing::info!(path, %error, "the engine makes a folder that this user may not make");
            }
        }
    };
    let failed = |error| EngineError::new(EngineErrorKind::Failed, format!("folders to mount: {error}"));
    tokio::task::spawn_blocking(make).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use model::{Birth, ClusterName, ContainerName, DockerVolume, Family, Ids, NetworkMode, Revision, Timestamp, Volume};

    use super::*;

    #[test]
    fn a_mount_is_what_its_volume_is() {
        let volume = |name: &str, source| Volume { name: name.into(), source };
        let shared = |autoprovision| VolumeSource::Shared { autoprovision, volume: DockerVolume::default() };
        let efs = |root: &str| VolumeSource::Efs { file_system_id: "fs-1".into(), root: root.into() };
        let sources = [
            volume("host", VolumeSource::Host("/srv/a".into())),
            volume("own", VolumeSource::Task(DockerVolume::default())),
            volume("shared", shared(true)),
            volume("there", shared(false)),
            volume("efs", efs("/")),
            volume("part", efs("/a/b")),
        ];
        let point = |volume: &Volume| MountPoint { source_volume: volume.name.clone(), container_path: format!("/{}", volume.name), read_only: true };
        let mut container = ContainerDefinition::new(ContainerName::new("web").unwrap(), "web");
        container.mount_points = sources.iter().map(point).collect();
        let family = Family::new("users").unwrap();
        let volumes = sources.to_vec();
        let definition = TaskDefinition { volumes, ..TaskDefinition::new(family.clone(), NetworkMode::Bridge, vec![container.clone()]) };
        let (cluster, revision) = (ClusterName::new("c").unwrap(), Revision { family, number: 3 });
        let instance = model::InstanceSpec::this_machine();
        let birth = Birth {
            cluster: &cluster,
            service: None,
            revision: &revision,
            definition: &definition,
            instance: &instance,
            at: Timestamp::from_millis(0),
        };
        let task = Task::new(&birth, &mut Ids::seeded(1));
        let own = &task.volumes[0].runtime_name;
        assert!(own.starts_with("ecs-users-3-own-") && task.volumes.len() == 1, "{own}");
        let found = of(&task, &definition, &container, Path::new("/state/efs"));
        let words = found.iter().map(|mount| match &mount.source {
            MountSource::Folder(path) => path.clone(),
            MountSource::Volume(volume) => format!("{} {:?}", volume.name, volume.scope),
        });
        let expected = ["/srv/a", &format!("{own} Task"), "shared Shared", "there Existing", "/state/efs/fs-1", "/state/efs/fs-1/a/b"];
        assert_eq!(words.collect::<Vec<_>>(), expected);
        assert!(found.iter().all(|mount| mount.read_only));
    }
}
