//! Volumes of the engine's (ecs.md 1.5).

use std::collections::HashMap;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;
use engine::{ContainerSpec, EngineError, EngineErrorKind, MountSource, VolumeScope, VolumeSpec, missing_volume};
use model::OwnerId;

use crate::{Docker, calls, labels};

impl Docker {
    /// Makes what a container mounts and is not there.
    pub(crate) async fn ensure_volumes(&self, spec: &ContainerSpec) -> Result<(), EngineError> {
        for mount in &spec.mounts {
            if let MountSource::Volume(volume) = &mount.source {
                self.ensure_volume(volume, spec).await?;
            }
        }
        Ok(())
    }

    async fn ensure_volume(&self, volume: &VolumeSpec, spec: &ContainerSpec) -> Result<(), EngineError> {
        let known = match self.call(calls::INSPECT, self.api().inspect_volume(&volume.name)).await {
            Ok(_) => true,
            Err(error) if error.kind == EngineErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        match volume.scope {
            // One that is there is used as it is.
            _ if known => Ok(()),
            VolumeScope::Existing => Err(EngineError::new(EngineErrorKind::Refused, missing_volume(&volume.name))),
            VolumeScope::Task | VolumeScope::Shared => {
                self.call(calls::VOLUME, self.api().create_volume(request(volume, spec))).await?;
                Ok(())
            }
        }
    }

    /// Removes a volume, if it has the owner's label.
    pub(crate) async fn remove_volume_of(&self, owner: &OwnerId, name: &str) -> Result<(), EngineError> {
        let found = match self.call(calls::INSPECT, self.api().inspect_volume(name)).await {
            Ok(found) => found,
            Err(error) if error.kind == EngineErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if found.labels.get(labels::OWNER).map(String::as_str) != Some(owner.as_str()) {
            return Ok(());
        }
        match self.call(calls::REMOVE, self.api().remove_volume(name, None::<RemoveVolumeOptions>)).await {
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(()),
            // A container still has it: not what `Refused` says of a request.
            Err(error) => {
                Err(EngineError::new(if error.kind == EngineErrorKind::Refused { EngineErrorKind::Failed } else { error.kind }, error.message))
            }
            Ok(()) => Ok(()),
        }
    }
}

/// A task's own volume has our labels, a shared one only the user's: it is not ours to remove.
fn request(volume: &VolumeSpec, spec: &ContainerSpec) -> VolumeCreateRequest {
    let mut labels: HashMap<String, String> = volume.volume.labels.clone().into_iter().collect();
    labels.remove(labels::OWNER);
    if volume.scope == VolumeScope::Task {
        labels.extend([(labels::OWNER.to_owned(), spec.owner.to_string()), (labels::TASK.to_owned(), spec.task.to_string())]);
    }
    VolumeCreateRequest {
        name: Some(volume.name.clone()),
        driver: volume.volume.driver.clone(),
        driver_opts: Some(volume.volume.driver_opts.clone().into_iter().collect()),
        labels: Some(labels),
        ..VolumeCreateRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use model::DockerVolume;

    use super::*;
    use crate::create::tests::spec;

    #[test]
    fn a_task_s_volume_is_ours_and_a_shared_one_is_not() {
        let made = |scope| {
            let own = [("team", "a"), (labels::OWNER, "me")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let volume = DockerVolume { driver: Some("local".into()), driver_opts: [("type".to_owned(), "tmpfs".to_owned())].into(), labels: own };
            request(&VolumeSpec { name: "data".into(), scope, volume }, &spec())
        };
        let own = made(VolumeScope::Task);
        let labels = own.labels.unwrap();
        assert_eq!((labels["team"].as_str(), labels[labels::OWNER].as_str()), ("a", spec().owner.as_str()));
        assert_eq!((own.driver.as_deref(), own.driver_opts.unwrap()["type"].as_str()), (Some("local"), "tmpfs"));
        assert_eq!(made(VolumeScope::Shared).labels.unwrap().into_iter().collect::<Vec<_>>(), [("team".to_owned(), "a".to_owned())]);
    }
}
