//! Images: what there is, their manifests, and their end.

use model::RepositoryName;
use registry::{Digest, Image, NewManifest, Reference, StoreError, StoredManifest, Tag};
use wire::ecr::{
    DeletedImagesAnswer, DescribeImagesAnswer, DescribeImagesRequest, EcrError, ImageBody, ImageDetail, ImageFailure, ImageIdentifier, ImagesAnswer,
    ImagesFilter, ImagesRequest, ListImagesAnswer, PutImageAnswer, PutImageRequest,
};
use wire::oci::{Manifest, media_type};

use super::super::aws::done;
use super::{Answer, Ecr, invalid, page};
use crate::view::seconds;

/// Whether an identifier means an image.
pub(super) fn matches(id: &ImageIdentifier, image: &Image) -> bool {
    let digest = id.image_digest.as_ref().is_none_or(|digest| digest == image.digest.as_str());
    let tag = id.image_tag.as_ref().is_none_or(|tag| image.tags.contains(tag));
    digest && tag && (id.image_digest.is_some() || id.image_tag.is_some())
}

/// Whether an image is one of those that a filter asks for. Nothing is archived here.
pub(super) fn has_status(filter: Option<&ImagesFilter>, image: &Image) -> bool {
    let Some(filter) = filter else { return true };
    let tagged = match filter.tag_status.as_deref() {
        Some("TAGGED") => !image.tags.is_empty(),
        Some("UNTAGGED") => image.tags.is_empty(),
        _ => true,
    };
    tagged && matches!(filter.image_status.as_deref(), None | Some("ACTIVE" | "ANY"))
}

impl Ecr {
    pub(super) fn describe_images(&self, asked: &DescribeImagesRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let images = self.store().images(&name);
        if let Some(ids) = asked.image_ids.as_ref().filter(|ids| !ids.is_empty()) {
            let find = |id: &ImageIdentifier| images.iter().find(|image| matches(id, image)).ok_or_else(|| self.not_found(&name, id));
            let mut found = ids.iter().map(find).collect::<Result<Vec<_>, _>>()?;
            found.sort_by_key(|image| &image.digest);
            found.dedup();
            let image_details = found.into_iter().map(|image| self.detail(&name, image)).collect();
            return Ok(done(&DescribeImagesAnswer { image_details, next_token: None }));
        }
        let some: Vec<_> = images.iter().filter(|image| has_status(asked.filter.as_ref(), image)).collect();
        let (some, next_token) = page(some, |image| image.digest.to_string(), asked.next_token.as_deref(), asked.max_results, 1000)?;
        Ok(done(&DescribeImagesAnswer { image_details: some.into_iter().map(|image| self.detail(&name, image)).collect(), next_token }))
    }

    /// One entry a tag, and one for an image without tags.
    pub(super) fn list_images(&self, asked: &DescribeImagesRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let images = self.store().images(&name);
        let some = images.iter().filter(|image| has_status(asked.filter.as_ref(), image));
        let ids: Vec<ImageIdentifier> = some.flat_map(identifiers).collect();
        let key = |id: &ImageIdentifier| format!("{} {}", id.image_digest.as_deref().unwrap_or(""), id.image_tag.as_deref().unwrap_or(""));
        let (image_ids, next_token) = page(ids, key, asked.next_token.as_deref(), asked.max_results, 1000)?;
        Ok(done(&ListImagesAnswer { image_ids, next_token }))
    }

    pub(super) async fn get_images(&self, asked: &ImagesRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in &asked.image_ids {
            let reference = match self.reference(&name, id) {
                Ok(reference) => reference,
                Err(failure) => {
                    failures.push(failure);
                    continue;
                }
            };
            let (repository, now) = (name.clone(), self.now);
            let found = self.on_disk(&name, move |store| {
                let found = store.manifest(&repository, &reference)?;
                store.record_pull(&repository, &found.digest, now).map(|()| found)
            });
            images.push(self.image_body(&name, found.await?, id.image_tag.clone()));
        }
        Ok(done(&ImagesAnswer { images, failures }))
    }

    /// By tag, the tag goes, and with the last one the image; by digest, the image with its tags (ecs.md 10).
    pub(super) async fn delete_images(&self, asked: &ImagesRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let (mut image_ids, mut failures) = (Vec::new(), Vec::new());
        for id in &asked.image_ids {
            let reference = match self.reference(&name, id) {
                Ok(reference) => reference,
                Err(failure) => {
                    failures.push(failure);
                    continue;
                }
            };
            let repository = name.clone();
            let store = self.store().clone();
            let tag = id.image_tag.as_deref().filter(|_| id.image_digest.is_none()).and_then(Tag::parse);
            let gone = tokio::task::spawn_blocking(move || {
                let image = store.image(&repository, &reference)?;
                match tag {
                    Some(tag) if image.tags.len() > 1 => store.delete_tag(&repository, &tag).map(|_| vec![(image.digest, Some(tag))]),
                    _ => store.delete_image(&repository, &image.digest).map(|()| {
                        let tags: Vec<_> = image.tags.iter().map(|tag| (image.digest.clone(), Tag::parse(tag))).collect();
                        if tags.is_empty() { vec![(image.digest, None)] } else { tags }
                    }),
                }
            });
            match gone.await.map_err(|error| EcrError::Server(error.to_string()))? {
                Ok(gone) => image_ids.extend(gone.into_iter().map(|(digest, tag)| ImageIdentifier {
                    image_digest: Some(digest.to_string()),
                    image_tag: tag.map(|tag| tag.as_str().to_owned()),
                })),
                Err(StoreError::Referenced { by, .. }) => {
                    failures.push(failure(id, "ImageReferencedByManifestList", format!("Requested image referenced by manifest list: [{by}]")));
                }
                Err(error) => return Err(self.store_error(&name, error)),
            }
        }
        Ok(done(&DeletedImagesAnswer { image_ids, failures }))
    }

    pub(super) async fn put_image(&self, asked: PutImageRequest) -> Answer {
        let (name, repository) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let content = asked.image_manifest.into_bytes();
        let media_type = match asked.image_manifest_media_type {
            Some(media_type) => media_type,
            None => own_media_type(&content)?,
        };
        let tag = match &asked.image_tag {
            Some(text) => Some(Tag::parse(text).ok_or_else(|| invalid("imageTag", format!("`{text}` is no tag")))?),
            None => None,
        };
        let digest = match &asked.image_digest {
            Some(text) => Some(Digest::parse(text).ok_or_else(|| invalid("imageDigest", format!("`{text}` is no sha256 digest")))?),
            None => None,
        };
        let tag_stays = tag.as_ref().is_some_and(|tag| repository.spec.tag_rule.keeps(tag.as_str()));
        let (to, policy, now) = (name.clone(), repository.spec.lifecycle_policy.clone(), self.now);
        let put = self.on_disk(&name, move |store| {
            let new = NewManifest { content: &content, media_type: &media_type, digest: digest.as_ref(), tag: tag.as_ref(), tag_stays };
            let put = store.put_manifest(&to, &new, now)?;
            if let Some(policy) = &policy {
                store.expire_and_tell(&to, policy, now);
            }
            Ok((put, StoredManifest { digest: Digest::of(&content), media_type, content }))
        });
        let (put, stored) = put.await?;
        if put.known {
            let (digest, tag) = (put.digest.to_string(), asked.image_tag.unwrap_or_else(|| "null".into()));
            return Err(EcrError::ImageAlreadyExists { digest, tag, name: name.to_string(), registry: self.account() });
        }
        Ok(done(&PutImageAnswer { image: self.image_body(&name, stored, asked.image_tag) }))
    }

    /// The image that an identifier means, or ECR's reason why it means none.
    fn reference(&self, name: &RepositoryName, id: &ImageIdentifier) -> Result<Reference, ImageFailure> {
        let digest = match &id.image_digest {
            None => None,
            Some(text) => Some(Digest::parse(text).ok_or_else(|| failure(id, "InvalidImageDigest", "Invalid request parameters: image digest"))?),
        };
        let tag = match &id.image_tag {
            None => None,
            Some(text) => Some(Tag::parse(text).ok_or_else(|| failure(id, "InvalidImageTag", "Invalid request parameters: image tag"))?),
        };
        let reference = match (&digest, &tag) {
            (_, Some(tag)) => Reference::Tag(tag.clone()),
            (Some(digest), None) => Reference::Digest(digest.clone()),
            (None, None) => {
                return Err(failure(id, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"));
            }
        };
        let found = self.store().image(name, &reference).map_err(|_| failure(id, "ImageNotFound", "Requested image not found"))?;
        if digest.is_some_and(|digest| digest != found.digest) {
            return Err(failure(id, "ImageTagDoesNotMatchDigest", "Requested image tag does not match digest"));
        }
        Ok(reference)
    }

    fn not_found(&self, name: &RepositoryName, id: &ImageIdentifier) -> EcrError {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".into());
        EcrError::ImageNotFound { digest: text(&id.image_digest), tag: text(&id.image_tag), name: name.to_string(), registry: self.account() }
    }

    fn detail(&self, name: &RepositoryName, image: &Image) -> ImageDetail {
        ImageDetail {
            registry_id: self.account(),
            repository_name: name.to_string(),
            image_digest: image.digest.to_string(),
            image_size_in_bytes: image.size,
            image_pushed_at: seconds(image.pushed_at),
            image_manifest_media_type: image.media_type.clone(),
            image_status: "ACTIVE".into(),
            image_tags: (!image.tags.is_empty()).then(|| image.tags.clone()),
            artifact_media_type: image.artifact_type.clone(),
            last_recorded_pull_time: image.pulled_at.map(seconds),
            subject_manifest_digest: image.subject.as_ref().map(ToString::to_string),
        }
    }

    fn image_body(&self, name: &RepositoryName, found: StoredManifest, image_tag: Option<String>) -> ImageBody {
        ImageBody {
            registry_id: self.account(),
            repository_name: name.to_string(),
            image_id: ImageIdentifier { image_digest: Some(found.digest.to_string()), image_tag },
            // A manifest is JSON, which is text; it was read when it was stored.
            image_manifest: String::from_utf8_lossy(&found.content).into_owned(),
            image_manifest_media_type: found.media_type,
        }
    }
}

fn identifiers(image: &Image) -> Vec<ImageIdentifier> {
    let id = |image_tag: Option<String>| ImageIdentifier { image_digest: Some(image.digest.to_string()), image_tag };
    if image.tags.is_empty() { vec![id(None)] } else { image.tags.iter().map(|tag| id(Some(tag.clone()))).collect() }
}

fn failure(id: &ImageIdentifier, code: &str, reason: impl Into<String>) -> ImageFailure {
    ImageFailure { image_id: id.clone(), failure_code: code.into(), failure_reason: reason.into() }
}

/// What a manifest says that it is; an image without a word of its own is one of OCI's.
fn own_media_type(content: &[u8]) -> Result<String, EcrError> {
    let manifest: Manifest = serde_json::from_slice(content).map_err(|error| invalid("imageManifest", error.to_string()))?;
    let guess = if manifest.manifests.is_some() { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
    Ok(manifest.media_type.unwrap_or_else(|| guess.into()))
}
