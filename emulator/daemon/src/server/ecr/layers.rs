//! Layers, as ECR's API moves them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry::Digest;
use wire::ecr::{
    CompleteLayerUploadRequest, DownloadUrlAnswer, DownloadUrlRequest, EcrError, InitiateLayerUploadAnswer, LayerBody, LayerFailure, LayerPartAnswer,
    LayerUploadAnswer, LayersAnswer, LayersRequest, RepositoryRequest, UploadLayerPartRequest,
};

use super::super::aws::done;
use super::{Answer, Ecr, invalid};

/// The size of parts that is proposed, in bytes.
const PART: u64 = 10 << 20;

/// What a part has at most, and at least where it is not the last, in bytes (ecs.md 10).
const MOST: usize = 20 << 20;
const LEAST: usize = 5 << 20;

impl Ecr {
    pub(super) fn check_layers(&self, asked: &LayersRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        for layer_digest in &asked.layer_digests {
            let Some(digest) = Digest::parse(layer_digest) else {
                let failure_reason = "Invalid request parameters: layer digest".into();
                failures.push(LayerFailure { layer_digest: layer_digest.clone(), failure_code: "InvalidLayerDigest".into(), failure_reason });
                continue;
            };
            let layer_size = self.store().layer_size(&name, &digest);
            let layer_availability = if layer_size.is_some() { "AVAILABLE" } else { "UNAVAILABLE" }.into();
            layers.push(LayerBody { layer_digest: layer_digest.clone(), layer_availability, layer_size, media_type: None });
        }
        Ok(done(&LayersAnswer { layers, failures }))
    }

    pub(super) async fn begin_layer(&self, asked: &RepositoryRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let (repository, now) = (name.clone(), self.now);
        let upload_id = self.on_disk(&name, move |store| store.begin_upload(&repository, now)).await?;
        Ok(done(&InitiateLayerUploadAnswer { upload_id, part_size: PART }))
    }

    pub(super) async fn upload_layer_part(&self, asked: UploadLayerPartRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let part = STANDARD.decode(&asked.layer_part_blob).map_err(|error| invalid("layerPartBlob", error.to_string()))?;
        let (first, last, repository, id, now) = (asked.part_first_byte, asked.part_last_byte, name.clone(), asked.upload_id.clone(), self.now);
        let received = self.on_disk(&name, move |store| {
            let mut lease = store.take_upload(&repository, &id)?;
            let received = lease.upload().received;
            let why = if part.len() > MOST {
                Some(format!("it has {} bytes, and the most is {MOST}", part.len()))
            } else if first != received {
                Some(format!("it begins at byte {first}"))
            } else if last.checked_sub(first).is_none_or(|length| length + 1 != part.len() as u64) {
                Some(format!("it has {} bytes, and is to be the bytes {first} to {last}", part.len()))
            } else {
                None
            };
            if why.is_none() {
                lease.append(&part, now)?;
                lease.mark_part(part.len() < LEAST);
            }
            Ok((lease.upload().received, why))
        });
        match received.await? {
            (received, Some(why)) => {
                Err(EcrError::InvalidLayerPart { why, last_valid_byte: i64::try_from(received).unwrap_or(i64::MAX).saturating_sub(1) })
            }
            (received, None) => Ok(done(&LayerPartAnswer {
                registry_id: self.account(),
                repository_name: name.to_string(),
                upload_id: asked.upload_id,
                last_byte_received: received.saturating_sub(1),
            })),
        }
    }

    pub(super) async fn complete_layer(&self, asked: &CompleteLayerUploadRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let (repository, id, now, wanted) = (name.clone(), asked.upload_id.clone(), self.now, asked.layer_digests.clone());
        let (registry, named) = (self.account(), name.to_string());
        let ended = self.on_disk(&name, move |store| {
            let mut lease = store.take_upload(&repository, &id)?;
            if lease.upload().received == 0 {
                return Ok(Err(EcrError::EmptyUpload { id }));
            }
            if lease.upload().small_part_inside {
                return Ok(Err(EcrError::LayerPartTooSmall));
            }
            let actual = lease.digest()?;
            if !wanted.iter().any(|digest| digest == actual.as_str()) {
                return Ok(Err(EcrError::InvalidLayer { actual: actual.to_string() }));
            }
            if store.layer_size(&repository, &actual).is_some() {
                lease.cancel()?;
                return Ok(Err(EcrError::LayerAlreadyExists { digest: actual.to_string(), name: named, registry }));
            }
            lease.finish(&actual, now).map(|()| Ok(actual))
        });
        let layer_digest = ended.await??.to_string();
        Ok(done(&LayerUploadAnswer {
            registry_id: self.account(),
            repository_name: name.to_string(),
            upload_id: asked.upload_id.clone(),
            layer_digest,
        }))
    }

    pub(super) fn download_url(&self, asked: &DownloadUrlRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let digests = asked.layer_digest.clone();
        let unknown = || EcrError::LayersNotFound { digests, name: name.to_string(), registry: self.account() };
        let digest = Digest::parse(&asked.layer_digest).filter(|digest| self.store().layer_size(&name, digest).is_some()).ok_or_else(unknown)?;
        let download_url = format!("http://{}{}", self.context.registry_host(), self.context.registry.link(&name, &digest, self.now));
        Ok(done(&DownloadUrlAnswer { download_url, layer_digest: digest.to_string() }))
    }
}
