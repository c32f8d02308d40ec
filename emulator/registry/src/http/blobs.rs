//! Blobs.

use std::io::{Seek as _, SeekFrom};

use hyper::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use hyper::{Response, StatusCode};
use model::RepositoryName;
use wire::oci::ErrorCode;

use super::answer::{self, Body, CONTENT_DIGEST, on_disk};
use super::range::{self, Wanted};
use super::refusal::Refusal;
use super::{Call, digest};

impl Call {
    pub(super) async fn blob(&self, name: &RepositoryName, text: &str) -> Result<Response<Body>, Refusal> {
        let digest = digest(text)?;
        let (store, repository, wanted) = (self.registry.store.clone(), name.clone(), digest.clone());
        let blob = on_disk(move || store.blob(&repository, &wanted)).await?;
        let size = blob.size;
        let (status, first, length) = match range::wanted(self.header(RANGE.as_str()), size) {
            Wanted::All => (StatusCode::OK, 0, size),
            Wanted::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
            Wanted::Nothing => {
                let refusal = Refusal::new(ErrorCode::RangeInvalid, format!("the blob has {size} bytes"));
                return Err(refusal.with("content-range", format!("bytes */{size}")));
            }
        };
        let mut file = blob.file;
        file.seek(SeekFrom::Start(first)).map_err(crate::StoreError::from)?;
        let mut response = if self.is_head() { answer::empty(status) } else { answer::file(status, file, length) };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        answer::put(&mut response, CONTENT_LENGTH, &length.to_string());
        answer::put(&mut response, CONTENT_DIGEST, digest.as_str());
        if status == StatusCode::PARTIAL_CONTENT {
            answer::put(&mut response, CONTENT_RANGE, &format!("bytes {first}-{}/{size}", first + length - 1));
        }
        Ok(response)
    }

    pub(super) async fn delete_blob(&self, name: &RepositoryName, text: &str) -> Result<Response<Body>, Refusal> {
        let (store, repository, digest) = (self.registry.store.clone(), name.clone(), digest(text)?);
        on_disk(move || store.delete_blob(&repository, &digest)).await?;
        Ok(answer::empty(StatusCode::ACCEPTED))
    }
}
