//! What a repository holds.

use std::collections::{BTreeMap, BTreeSet};

use model::{PolicyImage, RepositoryName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Digest;

/// A tag: 1 to 128 letters, digits, `.`, `_` and hyphens, beginning with none of the last two but `_` (OCI distribution).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(String);

impl Tag {
    /// Reads a tag; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let first = text.bytes().next()?;
        let good = text.len() <= 128 && (first.is_ascii_alphanumeric() || first == b'_') && text.bytes().all(inside);
        good.then(|| Self(text.to_owned()))
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a repository holds, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) repository: RepositoryName,
    #[serde(default)]
    pub(crate) images: BTreeMap<Digest, ImageRecord>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<Tag, Digest>,
    #[serde(default)]
    pub(crate) layers: BTreeMap<Digest, LayerRecord>,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageRecord {
    pub(crate) media_type: String,
    /// The manifest's own size, in bytes.
    pub(crate) size: u64,
    /// Of what it names together, in bytes.
    pub(crate) image_size: u64,
    pub(crate) artifact_type: Option<String>,
    pub(crate) pushed_at: Timestamp,
    pub(crate) pulled_at: Option<Timestamp>,
    /// The blobs that it names.
    pub(crate) blobs: BTreeSet<Digest>,
    /// The images that it names.
    pub(crate) images: BTreeSet<Digest>,
    pub(crate) subject: Option<Digest>,
}

/// A blob of the repository's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    pub(crate) size: u64,
    pub(crate) since: Timestamp,
}

/// An image, for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its manifest's digest.
    pub digest: Digest,
    /// In the order of their bytes.
    pub tags: Vec<String>,
    /// Its manifest's media type.
    pub media_type: String,
    /// What kind of artifact it is: the manifest's own word, else its configuration's media type.
    pub artifact_type: Option<String>,
    /// Of its layers and configuration as they are stored, in bytes; of a list, of its images together.
    pub size: u64,
    /// When it was pushed first.
    pub pushed_at: Timestamp,
    /// When it was pulled last; recorded once a day at most, as in ECR.
    pub pulled_at: Option<Timestamp>,
    /// What it refers to.
    pub subject: Option<Digest>,
}

impl Record {
    pub(crate) const fn new(repository: RepositoryName) -> Self {
        Self { repository, images: BTreeMap::new(), tags: BTreeMap::new(), layers: BTreeMap::new() }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.images.is_empty() && self.layers.is_empty()
    }

    pub(crate) fn tags_of(&self, digest: &Digest) -> Vec<String> {
        self.tags.iter().filter(|(_, of)| *of == digest).map(|(tag, _)| tag.as_str().to_owned()).collect()
    }

    pub(crate) fn image(&self, digest: &Digest) -> Option<Image> {
        let found = self.images.get(digest)?;
        Some(Image {
            digest: digest.clone(),
            tags: self.tags_of(digest),
            media_type: found.media_type.clone(),
            artifact_type: found.artifact_type.clone(),
            size: found.image_size,
            pushed_at: found.pushed_at,
            pulled_at: found.pulled_at,
            subject: found.subject.clone(),
        })
    }

    /// The manifest list that names the image.
    pub(crate) fn list_of(&self, digest: &Digest) -> Option<&Digest> {
        self.images.iter().find(|(_, image)| image.images.contains(digest)).map(|(list, _)| list)
    }

    /// The image that needs the blob.
    pub(crate) fn user_of(&self, blob: &Digest) -> Option<&Digest> {
        self.images.iter().find(|(_, image)| image.blobs.contains(blob)).map(|(user, _)| user)
    }

    /// Lets go of an image with its tags, and of what refers to it. Gives what went.
    pub(crate) fn remove_image(&mut self, digest: &Digest) -> Vec<Digest> {
        let mut gone = Vec::new();
        let mut open = vec![digest.clone()];
        while let Some(next) = open.pop() {
            if self.images.remove(&next).is_none() {
                continue;
            }
            self.tags.retain(|_, of| *of != next);
            open.extend(self.images.iter().filter(|(_, image)| image.subject.as_ref() == Some(&next)).map(|(digest, _)| digest.clone()));
            gone.push(next);
        }
        gone
    }

    pub(crate) fn for_policy(&self) -> Vec<PolicyImage> {
        let image = |(digest, image): (&Digest, &ImageRecord)| PolicyImage {
            digest: digest.to_string(),
            tags: self.tags_of(digest),
            pushed_at: image.pushed_at,
            pulled_at: image.pulled_at,
            bound: self.list_of(digest).is_some() || image.subject.as_ref().is_some_and(|subject| self.images.contains_key(subject)),
        };
        self.images.iter().map(image).collect()
    }
}
