//! Manifests.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use hyper::{Response, StatusCode};
use model::{Repository, RepositoryName};
use wire::oci::ErrorCode;

use super::answer::{self, Body, CONTENT_DIGEST, on_disk};
use super::refusal::Refusal;
use super::{Call, Sent};
use crate::{NewManifest, Reference, StoreError};

/// The largest manifest: ECR's own limit, and what the specification asks for at least.
const LARGEST: usize = 4 << 20;

/// How long a client may send nothing of one.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Call {
    pub(super) async fn manifest(&self, name: &RepositoryName, text: &str) -> Result<Response<Body>, Refusal> {
        let unknown = || Refusal::from(StoreError::ManifestUnknown(text.to_owned()));
        let reference = Reference::parse(text).ok_or_else(unknown)?;
        let (store, repository, now, head) = (self.registry.store.clone(), name.clone(), self.now, self.is_head());
        let found = on_disk(move || {
            let found = store.manifest(&repository, &reference)?;
            // A pull that cannot be written down is a pull all the same.
            if !head && let Err(error) = store.record_pull(&repository, &found.digest, now) {
                tracing::warn!(%error, "a pull could not be recorded");
            }
            Ok(found)
        });
        let found = found.await?;
        let length = found.content.len();
        let content = if head { Vec::new() } else { found.content };
        let mut response = if head { answer::empty(StatusCode::OK) } else { answer::json(StatusCode::OK, &found.media_type, content) };
        answer::put(&mut response, CONTENT_TYPE, &found.media_type);
        answer::put(&mut response, CONTENT_LENGTH, &length.to_string());
        answer::put(&mut response, CONTENT_DIGEST, found.digest.as_str());
        Ok(response)
    }

    pub(super) async fn put_manifest(
        &self,
        (name, repository): (&RepositoryName, &Repository),
        text: &str,
        body: &mut Sent,
    ) -> Result<Response<Body>, Refusal> {
        let invalid = || Refusal::new(ErrorCode::ManifestInvalid, format!("`{text}` is neither a tag nor a sha256 digest"));
        let reference = Reference::parse(text).ok_or_else(invalid)?;
        let media_type = self.header(CONTENT_TYPE.as_str()).and_then(|text| text.split(';').next()).unwrap_or_default().trim().to_owned();
        let content = small_body(body).await?;
        let (store, name, now) = (self.registry.store.clone(), name.clone(), self.now);
        let spec = repository.spec.clone();
        let put = on_disk(move || {
            let (tag, digest) = match &reference {
                Reference::Tag(tag) => (Some(tag), None),
                Reference::Digest(digest) => (None, Some(digest)),
            };
            let tag_stays = tag.is_some_and(|tag| spec.tag_rule.keeps(tag.as_str()));
            let put = store.put_manifest(&name, &NewManifest { content: &content, media_type: &media_type, digest, tag, tag_stays }, now)?;
            if let Some(policy) = &spec.lifecycle_policy {
                store.expire_and_tell(&name, policy, now);
            }
            Ok((put, name))
        });
        let (put, name) = put.await?;
        let mut response = answer::made(StatusCode::CREATED, &format!("/v2/{name}/manifests/{}", put.digest), Some(&put.digest));
        if let Some(subject) = put.subject {
            answer::put(&mut response, SUBJECT, subject.as_str());
        }
        Ok(response)
    }

    pub(super) async fn delete_manifest(&self, name: &RepositoryName, text: &str) -> Result<Response<Body>, Refusal> {
        let unknown = || Refusal::from(StoreError::ManifestUnknown(text.to_owned()));
        let reference = Reference::parse(text).ok_or_else(unknown)?;
        let (store, repository) = (self.registry.store.clone(), name.clone());
        on_disk(move || match &reference {
            Reference::Tag(tag) => store.delete_tag(&repository, tag).map(|_| ()),
            Reference::Digest(digest) => store.delete_image(&repository, digest),
        })
        .await?;
        Ok(answer::empty(StatusCode::ACCEPTED))
    }
}

/// A manifest, which is small enough to be held.
async fn small_body(body: &mut Sent) -> Result<Bytes, Refusal> {
    let invalid = |why: String| Refusal::new(ErrorCode::ManifestInvalid, why);
    let mut content = BytesMut::new();
    loop {
        match tokio::time::timeout(PATIENCE, body.frame()).await {
            Ok(None) => return Ok(content.freeze()),
            Ok(Some(Ok(frame))) => content.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Ok(Some(Err(error))) => return Err(invalid(format!("the body broke off: {error}"))),
            Err(_) => return Err(invalid(format!("nothing of the body came for {} s", PATIENCE.as_secs()))),
        }
        if content.len() > LARGEST {
            return Err(Refusal::new(ErrorCode::SizeInvalid, format!("a manifest has at most {} MiB", LARGEST >> 20)));
        }
    }
}
