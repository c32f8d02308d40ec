//! What is answered to a request that is refused.

use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use wire::oci::{ErrorCode, Errors};

use super::answer::{self, Body};
use crate::StoreError;

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.table().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&Errors::of(code, message)).unwrap_or_default();
        Self { status, content_type: "application/json; charset=utf-8", body, headers: Vec::new() }
    }

    pub(super) fn plain(status: StatusCode, text: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: text.into(), headers: Vec::new() }
    }

    /// The same with another status.
    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same with a header.
    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Full::from(self.body).boxed());
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            answer::put(&mut response, HeaderName::from_static(name), &value);
        }
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::BlobUnknown(_) => ErrorCode::BlobUnknown,
            StoreError::ManifestUnknown(_) => ErrorCode::ManifestUnknown,
            StoreError::UploadUnknown(_) => ErrorCode::BlobUploadUnknown,
            StoreError::UploadBusy(_) => ErrorCode::BlobUploadInvalid,
            StoreError::OutOfOrder { .. } => ErrorCode::RangeInvalid,
            StoreError::DigestMismatch { .. } => ErrorCode::DigestInvalid,
            StoreError::ManifestInvalid(_) => ErrorCode::ManifestInvalid,
            StoreError::BlobsMissing(_) | StoreError::ImagesMissing(_) => ErrorCode::ManifestBlobUnknown,
            StoreError::TagImmutable { .. } => ErrorCode::TagInvalid,
            StoreError::Referenced { .. } => ErrorCode::Unsupported,
            StoreError::NotEmpty => ErrorCode::Denied,
            StoreError::Io(error) => {
                tracing::error!(%error, "the registry cannot use its folder");
                ErrorCode::Unknown
            }
        };
        Self::new(code, error.to_string())
    }
}
