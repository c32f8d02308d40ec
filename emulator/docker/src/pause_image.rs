//! The image of pause containers, made in memory and loaded: there may be no registry, and no tool on this machine.

use bollard::query_parameters::ImportImageOptionsBuilder;
use engine::{EngineError, EngineErrorKind};
use futures_util::TryStreamExt;
use model::PAUSE_IMAGE;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{Docker, calls, pause_executable};

/// The digest of the program in the image. An image of that name without it is not ours and is not run.
const LABEL: &str = "dev.ecslocal.pause";

/// What the image is made of.
struct Pause {
    architecture: &'static str,
    executable: Vec<u8>,
}

impl Docker {
    /// The id of the pause image, made if it is not there.
    pub(crate) async fn find_or_make_pause(&self) -> Result<String, EngineError> {
        let architecture = self.call(calls::INSPECT, self.api().version()).await?.arch.unwrap_or_default();
        let (architecture, executable) = pause_executable::for_architecture(&architecture).ok_or_else(|| unknown(&architecture))?;
        let pause = Pause { architecture, executable };
        if let Some(id) = self.known_pause(&pause).await? {
            return Ok(id);
        }
        let archive =
            pause.archive().map_err(|error| EngineError::new(EngineErrorKind::Failed, format!("the image of pause containers: {error}")))?;
        let loading = self.api().import_image(ImportImageOptionsBuilder::new().quiet(true).build(), bollard::body_full(archive.into()), None);
        self.call(calls::LOAD, loading.try_collect::<Vec<_>>()).await?;
        let made = self.known_pause(&pause).await?;
        made.ok_or_else(|| EngineError::new(EngineErrorKind::Failed, format!("the engine loaded the image `{PAUSE_IMAGE}` and does not have it")))
    }

    async fn known_pause(&self, pause: &Pause) -> Result<Option<String>, EngineError> {
        match self.call(calls::INSPECT, self.api().inspect_image(PAUSE_IMAGE)).await {
            Ok(image) => {
                let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
                Ok(image.id.filter(|_| labels.get(LABEL) == Some(&pause.digest())))
            }
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn unknown(architecture: &str) -> EngineError {
    let message = format!(
        "there is no pause container for the architecture `{architecture}` of the engine\nhint: `networkMode: bridge` needs none; a second `-f` file may say so"
    );
    EngineError::new(EngineErrorKind::Refused, message)
}

impl Pause {
    fn digest(&self) -> String {
        hex(&self.executable)
    }

    /// As `docker save` writes an image: the same bytes each time, so that the image has the same id each time.
    fn archive(&self) -> std::io::Result<Vec<u8>> {
        let layer = tar(&[("pause", &self.executable, 0o755)])?;
        let config = json!({
            "architecture": self.architecture, "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": { "Entrypoint": ["/pause"], "WorkingDir": "/", "Labels": { LABEL: self.digest() } },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex(&layer))] },
            "history": [{ "created": "2026-01-01T00:00:00Z", "created_by": "ecslocal" }],
        });
        let config = serde_json::to_vec(&config)?;
        let name = format!("{}.json", hex(&config));
        let manifest = json!([{ "Config": name, "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"] }]);
        tar(&[(&name, &config, 0o644), ("layer.tar", &layer, 0o644), ("manifest.json", &serde_json::to_vec(&manifest)?, 0o644)])
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn tar(files: &[(&str, &[u8], u32)]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, name, *bytes)?;
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_archive_names_what_it_holds() {
        let (architecture, executable) = pause_executable::for_architecture("amd64").unwrap();
        let archive = Pause { architecture, executable }.archive().unwrap();
        let mut files = std::collections::BTreeMap::new();
        for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
            let (mut entry, mut bytes) = (entry.unwrap(), Vec::new());
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), bytes);
        }
        let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], PAUSE_IMAGE);
        let config: serde_json::Value = serde_json::from_slice(&files[manifest[0]["Config"].as_str().unwrap()]).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", hex(&files["layer.tar"])));
        assert_eq!(files.len(), 3);
    }

    #[test]
    fn another_machine_is_told_what_to_do() {
        assert!(unknown("s390x").message.contains("`s390x` of the engine\nhint: `networkMode: bridge`"));
    }
}
