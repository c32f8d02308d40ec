//! What crosses the wire of a registry: errors, manifests, lists (OCI distribution specification 1.1, OCI image specification 1.1,
//! Docker's schema 2). Manifests are read, never written: a registry gives back the bytes that it was given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The media types of manifests that are stored (ecs.md 10).
pub mod media_type {
    /// Docker's image.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's list of images.
    pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// OCI's image.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI's list of images.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// All of them.
    pub const ALL: [&str; 4] = [DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_MANIFEST, OCI_INDEX];

    /// Whether it is a list of images.
    #[must_use]
    pub fn is_index(media_type: &str) -> bool {
        media_type == DOCKER_MANIFEST_LIST || media_type == OCI_INDEX
    }
}

/// The codes of errors, each with the status that it travels with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the specification's own")]
pub enum ErrorCode {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    RangeInvalid,
    SizeInvalid,
    TagInvalid,
    Unauthorized,
    Unknown,
    Unsupported,
}

impl ErrorCode {
    /// As it is written, and the status of the answer.
    #[must_use]
    pub const fn table(self) -> (&'static str, u16) {
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", 404),
            Self::BlobUploadInvalid => ("BLOB_UPLOAD_INVALID", 400),
            Self::BlobUploadUnknown => ("BLOB_UPLOAD_UNKNOWN", 404),
            Self::Denied => ("DENIED", 403),
            Self::DigestInvalid => ("DIGEST_INVALID", 400),
            Self::ManifestBlobUnknown => ("MANIFEST_BLOB_UNKNOWN", 404),
            Self::ManifestInvalid => ("MANIFEST_INVALID", 400),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", 404),
            Self::NameInvalid => ("NAME_INVALID", 400),
            Self::NameUnknown => ("NAME_UNKNOWN", 404),
            // The specification has the status without a code of its own; the code is the one that registries send with it.
            Self::RangeInvalid => ("RANGE_INVALID", 416),
            Self::SizeInvalid => ("SIZE_INVALID", 413),
            // ECR's own, for a tag that may not move.
            Self::TagInvalid => ("TAG_INVALID", 400),
            Self::Unauthorized => ("UNAUTHORIZED", 401),
            Self::Unknown => ("UNKNOWN", 500),
            Self::Unsupported => ("UNSUPPORTED", 405),
        }
    }
}

/// The body of an answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// One of ours.
    pub errors: Vec<ErrorBody>,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Its code.
    pub code: String,
    /// For a person.
    pub message: String,
}

impl Errors {
    /// The body of one error.
    #[must_use]
    pub fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { errors: vec![ErrorBody { code: code.table().0.into(), message: message.into() }] }
    }
}

/// A manifest, image or index, as far as a registry reads it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: Option<u32>,
    /// Must be that of the request, where it is said.
    #[serde(default)]
    pub media_type: Option<String>,
    /// Of an artifact.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// Of an image.
    #[serde(default)]
    pub config: Option<Descriptor>,
    /// Of an image.
    #[serde(default)]
    pub layers: Option<Vec<Descriptor>>,
    /// Of an index.
    #[serde(default)]
    pub manifests: Option<Vec<Descriptor>>,
    /// What it is about.
    #[serde(default)]
    pub subject: Option<Descriptor>,
    /// By key.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Names content by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// Where else it is; such a layer need not be here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// In a list of referrers: what kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// By key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// The answer to `GET /v2/<name>/referrers/<digest>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2.
    pub schema_version: u32,
    /// [`media_type::OCI_INDEX`].
    pub media_type: String,
    /// What refers to the digest.
    pub manifests: Vec<Descriptor>,
}

/// The answer to `GET /v2/<name>/tags/list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagList {
    /// The repository.
    pub name: String,
    /// In the order of their bytes.
    pub tags: Vec<String>,
}
