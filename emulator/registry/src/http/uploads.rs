//! Uploads of blobs: monolithic, in chunks, as a stream without length, mounted from another repository.

use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, RANGE};
use hyper::{Response, StatusCode};
use model::RepositoryName;
use wire::oci::ErrorCode;

use super::answer::{self, Body, on_disk};
use super::receive::receive;
use super::refusal::Refusal;
use super::{Call, Sent, blob_path, digest, range};
use crate::{Digest, StoreError, UploadLease};

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

impl Call {
    pub(super) async fn begin_upload(&self, name: &RepositoryName, body: &mut Sent) -> Result<Response<Body>, Refusal> {
        if let Some(mounted) = self.mount(name).await? {
            return Ok(mounted);
        }
        let whole = self.query.get("digest").map(digest).transpose()?;
        let (store, repository, now) = (self.registry.store.clone(), name.clone(), self.now);
        let id = on_disk(move || store.begin_upload(&repository, now)).await?;
        let Some(digest) = whole else { return Ok(progress(StatusCode::ACCEPTED, name, &id, 0)) };
        let lease = receive(self.take(name, &id).await?, body, None, self.now).await?;
        self.finish(name, lease, digest).await
    }

    /// The answer where the blob could be had from another repository; `None` where it has to be sent.
    async fn mount(&self, name: &RepositoryName) -> Result<Option<Response<Body>>, Refusal> {
        let (Some(wanted), Some(from)) = (self.query.get("mount"), self.query.get("from")) else { return Ok(None) };
        let (wanted, Ok(from)) = (digest(wanted)?, RepositoryName::new(from)) else { return Ok(None) };
        if !(*self.world).as_ref().repositories.contains_key(&from) {
            return Ok(None);
        }
        let (store, to, blob, now) = (self.registry.store.clone(), name.clone(), wanted.clone(), self.now);
        let mounted = on_disk(move || store.mount(&from, &to, &blob, now)).await?;
        Ok(mounted.then(|| answer::made(StatusCode::CREATED, &blob_path(name, &wanted), Some(&wanted))))
    }

    pub(super) async fn patch_upload(&self, name: &RepositoryName, id: &str, body: &mut Sent) -> Result<Response<Body>, Refusal> {
        let lease = self.take(name, id).await?;
        let most = self.place(name, &lease)?;
        let lease = receive(lease, body, most, self.now).await?;
        Ok(progress(StatusCode::ACCEPTED, name, id, lease.upload().received))
    }

    pub(super) async fn finish_upload(&self, name: &RepositoryName, id: &str, body: &mut Sent) -> Result<Response<Body>, Refusal> {
        let missing = || Refusal::new(ErrorCode::DigestInvalid, "the query needs `digest`");
        let digest = digest(self.query.get("digest").ok_or_else(missing)?)?;
        let lease = self.take(name, id).await?;
        let most = self.place(name, &lease)?;
        let lease = receive(lease, body, most, self.now).await?;
        self.finish(name, lease, digest).await
    }

    pub(super) fn upload_status(&self, name: &RepositoryName, id: &str) -> Result<Response<Body>, Refusal> {
        let upload = self.registry.store.upload(name, id)?;
        Ok(progress(StatusCode::NO_CONTENT, name, id, upload.received))
    }

    pub(super) async fn cancel_upload(&self, name: &RepositoryName, id: &str) -> Result<Response<Body>, Refusal> {
        let lease = self.take(name, id).await?;
        on_disk(move || lease.cancel()).await?;
        Ok(answer::empty(StatusCode::NO_CONTENT))
    }

    async fn take(&self, name: &RepositoryName, id: &str) -> Result<UploadLease, Refusal> {
        let (store, repository, id) = (self.registry.store.clone(), name.clone(), id.to_owned());
        on_disk(move || store.take_upload(&repository, &id)).await
    }

    /// Checks that a chunk follows what has come, and gives its length where the request says it.
    fn place(&self, name: &RepositoryName, lease: &UploadLease) -> Result<Option<u64>, Refusal> {
        let Some(header) = self.headers.get(CONTENT_RANGE) else { return Ok(None) };
        let chunk = header.to_str().ok().and_then(range::chunk);
        let upload = lease.upload();
        let Some((start, length)) = chunk.filter(|(start, _)| *start == upload.received) else {
            let refusal = match chunk {
                Some((start, _)) => Refusal::from(StoreError::OutOfOrder { start, received: upload.received }),
                None => Refusal::new(ErrorCode::RangeInvalid, "the Content-Range of a chunk is `first-last`"),
            };
            return Err(refusal.with("location", upload_path(name, &upload.id)).with("range", received(upload.received)));
        };
        let said = self.header(CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<u64>().ok());
        match said.filter(|said| *said != length) {
            Some(said) => {
                let last = start + length - 1;
                Err(Refusal::new(ErrorCode::BlobUploadInvalid, format!("the range {start}-{last} has {length} bytes, the Content-Length is {said}")))
            }
            None => Ok(Some(length)),
        }
    }

    async fn finish(&self, name: &RepositoryName, lease: UploadLease, digest: Digest) -> Result<Response<Body>, Refusal> {
        let (expected, now) = (digest.clone(), self.now);
        on_disk(move || lease.finish(&expected, now)).await?;
        Ok(answer::made(StatusCode::CREATED, &blob_path(name, &digest), Some(&digest)))
    }
}

fn upload_path(name: &RepositoryName, id: &str) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

/// `0-<last byte>`; `0-0` also of nothing, which has no other notation.
fn received(bytes: u64) -> String {
    format!("0-{}", bytes.saturating_sub(1))
}

fn progress(status: StatusCode, name: &RepositoryName, id: &str, bytes: u64) -> Response<Body> {
    let mut response = answer::made(status, &upload_path(name, id), None);
    if status == StatusCode::NO_CONTENT {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    answer::put(&mut response, RANGE, &received(bytes));
    answer::put(&mut response, UPLOAD_ID, id);
    response
}
