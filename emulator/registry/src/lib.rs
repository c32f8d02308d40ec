//! The registry: ECR's data side, which `docker push` and `docker pull` speak to.
//!
//! **Lives here:** a content-addressed folder of blobs with what each repository holds of them ([`Store`]), the tokens of
//! `docker login` ([`Tokens`]), and the OCI distribution endpoints over both, from request to response ([`Registry::answer`]).
//!
//! **Does not live here:** which repositories there are and what they allow (the World's; it is an argument), ECR's own API (the
//! daemon answers it from the World and from here), sockets.
//!
//! **Invariants:** a blob is at its place only with the digest that names it, synced before it gets there; a repository's record is
//! written whole or not at all, after what it names; nothing is buffered but manifests, which have a limit; what a repository holds is
//! removed when somebody asks for it, or by the repository's lifecycle policy, and by nothing else.
//!
//! **Entry points:** [`Registry`], [`Store`].

mod digest;
mod error;
mod files;
mod http;
mod manifest;
mod record;
mod store;
mod token;

pub use digest::Digest;
pub use error::StoreError;
pub use http::Body;
pub use record::{Image, Tag};
pub use store::{Blob, Collected, NewManifest, Put, Reference, Store, StoredManifest, Upload, UploadLease};
pub use token::{SigningKey, Tokens};

/// What requests are answered from.
#[derive(Debug)]
pub struct Registry {
    /// The blobs.
    pub store: std::sync::Arc<Store>,
    /// Who may ask.
    pub tokens: Tokens,
}
