//! Images: manifests and the tags that name them.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use model::{LifecyclePolicy, RepositoryName, Timestamp};
use wire::oci::{Descriptor, Manifest};

use super::Store;
use crate::files;
use crate::manifest::{self, Contents};
use crate::record::{Image, ImageRecord, Record, Tag};
use crate::{Digest, StoreError};

/// How long a pull is not recorded again (ECR: once in 24 hours).
const PULLS: Duration = Duration::from_secs(24 * 60 * 60);

/// Names an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// By digest.
    Digest(Digest),
    /// By tag.
    Tag(Tag),
}

impl Reference {
    /// Reads a reference; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Digest::parse(text).map(Self::Digest).or_else(|| Tag::parse(text).map(Self::Tag))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Digest(digest) => digest.as_str(),
            Self::Tag(tag) => tag.as_str(),
        }
    }
}

/// A manifest as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A manifest to store.
#[derive(Clone, Copy, Debug)]
pub struct NewManifest<'a> {
    /// Its bytes.
    pub content: &'a [u8],
    /// Its media type.
    pub media_type: &'a str,
    /// What its digest must be.
    pub digest: Option<&'a Digest>,
    /// What it is to be called.
    pub tag: Option<&'a Tag>,
    /// The tag may not be taken from another image.
    pub tag_stays: bool,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Its digest.
    pub digest: Digest,
    /// What it refers to.
    pub subject: Option<Digest>,
    /// The image, with that tag if it has one, was there before.
    pub known: bool,
}

impl Store {
    /// Stores a manifest, and gives it the tag. What it names must be there.
    ///
    /// # Errors
    /// The manifest is none, names what is not there, or may not have the tag; or the disk.
    pub fn put_manifest(&self, repository: &RepositoryName, new: &NewManifest<'_>, now: Timestamp) -> Result<Put, StoreError> {
        let actual = Digest::of(new.content);
        if let Some(expected) = new.digest.filter(|expected| **expected != actual) {
            return Err(StoreError::DigestMismatch { expected: expected.clone(), actual });
        }
        let contents = manifest::read(new.content, new.media_type)?;
        let mut state = self.state();
        let blob = self.folder.blob(&actual);
        self.change(&mut state, repository, |record| {
            require(record, &contents)?;
            let known = record.images.contains_key(&actual);
            let subject = contents.subject.clone();
            let tagged = new.tag.is_none_or(|tag| record.tags.get(tag) == Some(&actual));
            if let Some(tag) = new.tag.filter(|tag| new.tag_stays && !tagged && record.tags.contains_key(*tag)) {
                return Err(StoreError::TagImmutable { tag: tag.as_str().to_owned(), repository: repository.clone() });
            }
            if !blob.exists() {
                let parent = blob.parent().unwrap_or(&blob);
                fs::create_dir_all(parent)?;
                files::replace(&blob, new.content)?;
            }
            if !known {
                record.images.insert(actual.clone(), image(record, new, contents, now));
            }
            if let Some(tag) = new.tag {
                record.tags.insert(tag.clone(), actual.clone());
            }
            Ok(Put { digest: actual.clone(), subject, known: known && tagged })
        })
    }

    /// An image's manifest.
    ///
    /// # Errors
    /// [`StoreError::ManifestUnknown`], or the disk.
    pub fn manifest(&self, repository: &RepositoryName, reference: &Reference) -> Result<StoredManifest, StoreError> {
        let image = self.image(repository, reference)?;
        let content = fs::read(self.folder.blob(&image.digest))?;
        Ok(StoredManifest { digest: image.digest, media_type: image.media_type, content })
    }

    /// An image.
    ///
    /// # Errors
    /// [`StoreError::ManifestUnknown`].
    pub fn image(&self, repository: &RepositoryName, reference: &Reference) -> Result<Image, StoreError> {
        let state = self.state();
        let found = state.records.get(repository).and_then(|record| record.image(named(record, reference)?));
        found.ok_or_else(|| StoreError::ManifestUnknown(reference.as_str().to_owned()))
    }

    /// The images of a repository, in the order of their digests.
    #[must_use]
    pub fn images(&self, repository: &RepositoryName) -> Vec<Image> {
        let state = self.state();
        let record = state.records.get(repository);
        record.iter().flat_map(|record| record.images.keys().filter_map(|digest| record.image(digest))).collect()
    }

    /// The tags of a repository, in the order of their bytes.
    #[must_use]
    pub fn tags(&self, repository: &RepositoryName) -> Vec<String> {
        let state = self.state();
        let record = state.records.get(repository);
        record.iter().flat_map(|record| record.tags.keys().map(|tag| tag.as_str().to_owned())).collect()
    }

    /// What refers to a digest, which need not be there.
    ///
    /// # Errors
    /// The disk.
    pub fn referrers(&self, repository: &RepositoryName, subject: &Digest) -> Result<Vec<Descriptor>, StoreError> {
        let found: Vec<(Digest, ImageRecord)> = {
            let state = self.state();
            let images = state.records.get(repository).into_iter().flat_map(|record| &record.images);
            images.filter(|(_, image)| image.subject.as_ref() == Some(subject)).map(|(digest, image)| (digest.clone(), image.clone())).collect()
        };
        let descriptor = |(digest, image): (Digest, ImageRecord)| {
            let content = fs::read(self.folder.blob(&digest))?;
            let annotations = serde_json::from_slice::<Manifest>(&content).ok().and_then(|manifest| manifest.annotations);
            let ImageRecord { media_type, size, artifact_type, .. } = image;
            Ok(Descriptor { media_type, digest: digest.to_string(), size, urls: Vec::new(), artifact_type, annotations })
        };
        found.into_iter().map(descriptor).collect()
    }

    /// Writes down that an image was pulled; once a day at most.
    ///
    /// # Errors
    /// The disk.
    pub fn record_pull(&self, repository: &RepositoryName, digest: &Digest, now: Timestamp) -> Result<(), StoreError> {
        self.change(&mut self.state(), repository, |record| {
            if let Some(image) = record.images.get_mut(digest)
                && image.pulled_at.is_none_or(|last| now.since(last) >= PULLS)
            {
                image.pulled_at = Some(now);
            }
            Ok(())
        })
    }

    /// Takes a tag from its image, which stays.
    ///
    /// # Errors
    /// [`StoreError::ManifestUnknown`], or the disk.
    pub fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Digest, StoreError> {
        self.change(&mut self.state(), repository, |record| {
            record.tags.remove(tag).ok_or_else(|| StoreError::ManifestUnknown(tag.as_str().to_owned()))
        })
    }

    /// Removes an image with its tags, and what refers to it.
    ///
    /// # Errors
    /// [`StoreError::ManifestUnknown`], [`StoreError::Referenced`] while a manifest list names it, or the disk.
    pub fn delete_image(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), StoreError> {
        self.change(&mut self.state(), repository, |record| {
            if let Some(by) = record.list_of(digest).filter(|_| record.images.contains_key(digest)) {
                return Err(StoreError::Referenced { what: digest.clone(), by: by.clone() });
            }
            if record.remove_image(digest).is_empty() {
                return Err(StoreError::ManifestUnknown(digest.to_string()));
            }
            Ok(())
        })
    }

    /// Lets go of the images that a policy no longer keeps. Gives their digests.
    ///
    /// # Errors
    /// The disk.
    pub fn expire(&self, repository: &RepositoryName, policy: &LifecyclePolicy, now: Timestamp) -> Result<Vec<Digest>, StoreError> {
        self.change(&mut self.state(), repository, |record| {
            let expired = policy.expired(&record.for_policy(), now);
            let digests: Vec<Digest> = expired.iter().filter_map(|one| Digest::parse(&one.digest)).collect();
            Ok(digests.iter().flat_map(|digest| record.remove_image(digest)).collect())
        })
    }

    /// The same, told to the log: nobody waits for the outcome.
    pub fn expire_and_tell(&self, repository: &RepositoryName, policy: &LifecyclePolicy, now: Timestamp) {
        match self.expire(repository, policy, now) {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => tracing::info!(%repository, images = gone.len(), "the lifecycle policy expired images"),
            Err(error) => tracing::warn!(%repository, %error, "the lifecycle policy could not be carried out"),
        }
    }

    /// What a policy would let go of, and by the rule of which priority.
    #[must_use]
    pub fn would_expire(&self, repository: &RepositoryName, policy: &LifecyclePolicy, now: Timestamp) -> Vec<(Image, u32)> {
        let state = self.state();
        let Some(record) = state.records.get(repository) else { return Vec::new() };
        let expired = policy.expired(&record.for_policy(), now);
        expired.iter().filter_map(|one| Some((record.image(&Digest::parse(&one.digest)?)?, one.rule_priority))).collect()
    }

    /// A store that several own.
    #[must_use]
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }
}

fn named<'a>(record: &'a Record, reference: &'a Reference) -> Option<&'a Digest> {
    match reference {
        Reference::Digest(digest) => Some(digest),
        Reference::Tag(tag) => record.tags.get(tag),
    }
}

fn require(record: &Record, contents: &Contents) -> Result<(), StoreError> {
    let blobs: Vec<Digest> = contents.blobs.iter().filter(|digest| !record.layers.contains_key(*digest)).cloned().collect();
    if !blobs.is_empty() {
        return Err(StoreError::BlobsMissing(blobs));
    }
    let images: Vec<Digest> = contents.images.iter().filter(|digest| !record.images.contains_key(*digest)).cloned().collect();
    if images.is_empty() { Ok(()) } else { Err(StoreError::ImagesMissing(images)) }
}

fn image(record: &Record, new: &NewManifest<'_>, contents: Contents, now: Timestamp) -> ImageRecord {
    let images = contents.images.iter().filter_map(|digest| record.images.get(digest)).map(|image| image.image_size);
    ImageRecord {
        media_type: new.media_type.to_owned(),
        size: new.content.len() as u64,
        image_size: images.fold(contents.size, u64::saturating_add),
        artifact_type: contents.artifact_type,
        pushed_at: now,
        pulled_at: None,
        blobs: contents.blobs,
        images: contents.images,
        subject: contents.subject,
    }
}
