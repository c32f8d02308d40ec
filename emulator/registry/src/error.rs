//! Why the store refused something.

use std::io;

use model::RepositoryName;

use crate::Digest;

/// Why the store refused something. Each API maps these to its own codes.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The repository has no such blob.
    #[error("the repository has no blob `{0}`")]
    BlobUnknown(Digest),
    /// The repository has no such image.
    #[error("the repository has no image `{0}`")]
    ManifestUnknown(String),
    /// There is no such upload.
    #[error("there is no upload `{0}`")]
    UploadUnknown(String),
    /// Another request is sending to it.
    #[error("another request is sending to the upload `{0}`")]
    UploadBusy(String),
    /// A part that does not follow what has come.
    #[error("the part begins at byte {start}, and {received} have come")]
    OutOfOrder {
        /// Where it begins.
        start: u64,
        /// How many bytes there are.
        received: u64,
    },
    /// The content is not what the digest says.
    #[error("the content has the digest `{actual}`, not `{expected}`")]
    DigestMismatch {
        /// What was said.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The manifest cannot be read, or is of a kind that is not stored.
    #[error("{0}")]
    ManifestInvalid(String),
    /// The manifest names blobs that the repository does not have.
    #[error("the repository does not have the blobs that the manifest names: {}", list(.0))]
    BlobsMissing(Vec<Digest>),
    /// The manifest names images that the repository does not have.
    #[error("the repository does not have the images that the manifest list names: {}", list(.0))]
    ImagesMissing(Vec<Digest>),
    /// The tag names another image and may not move.
    #[error("The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the tag is immutable.")]
    TagImmutable {
        /// Which.
        tag: String,
        /// Of which repository.
        repository: RepositoryName,
    },
    /// It is needed.
    #[error("`{what}` is needed by the image `{by}`")]
    Referenced {
        /// What.
        what: Digest,
        /// By which image.
        by: Digest,
    },
    /// It holds images.
    #[error("the repository still holds images")]
    NotEmpty,
    /// The disk.
    #[error("the registry's folder: {0}")]
    Io(#[from] io::Error),
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::as_str).collect::<Vec<_>>().join(", ")
}
