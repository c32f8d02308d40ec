//! What a manifest names. It is read to know what the repository must have; the bytes are kept as they are.

use std::collections::BTreeSet;

use wire::oci::{Descriptor, Manifest, media_type};

use crate::{Digest, StoreError};

/// What a manifest names.
pub(crate) struct Contents {
    /// Configuration and layers; not those that are elsewhere.
    pub(crate) blobs: BTreeSet<Digest>,
    /// The images of a list.
    pub(crate) images: BTreeSet<Digest>,
    pub(crate) subject: Option<Digest>,
    pub(crate) artifact_type: Option<String>,
    /// Of the blobs together, in bytes.
    pub(crate) size: u64,
}

/// Reads a manifest of that media type.
pub(crate) fn read(content: &[u8], media_type: &str) -> Result<Contents, StoreError> {
    let invalid = |why: String| StoreError::ManifestInvalid(why);
    if !media_type::ALL.contains(&media_type) {
        return Err(invalid(format!("manifests of the media type `{media_type}` are not stored; these are: {}", media_type::ALL.join(", "))));
    }
    let manifest: Manifest = serde_json::from_slice(content).map_err(|error| invalid(format!("the manifest cannot be read: {error}")))?;
    if manifest.schema_version != Some(2) {
        return Err(invalid("the manifest's `schemaVersion` is not 2".into()));
    }
    if let Some(own) = manifest.media_type.as_deref().filter(|own| !own.is_empty() && *own != media_type) {
        return Err(invalid(format!("the manifest says that it is a `{own}`, the request says `{media_type}`")));
    }
    let index = media_type::is_index(media_type);
    if index != manifest.manifests.is_some() || index == manifest.layers.is_some() || index == manifest.config.is_some() {
        let shape = if index { "`manifests`, and neither `config` nor `layers`" } else { "`config` and `layers`, and no `manifests`" };
        return Err(invalid(format!("a manifest of the media type `{media_type}` has {shape}")));
    }
    let config = manifest.config.as_ref();
    let stored = config.into_iter().chain(manifest.layers.iter().flatten().filter(|layer| layer.urls.is_empty()));
    let stored: Vec<&Descriptor> = stored.collect();
    let artifact_type = manifest.artifact_type.clone().or_else(|| config.map(|config| config.media_type.clone()));
    Ok(Contents {
        blobs: digests(stored.iter().copied())?,
        images: digests(manifest.manifests.iter().flatten())?,
        subject: manifest.subject.iter().map(digest).next().transpose()?,
        artifact_type: artifact_type.filter(|known| !known.is_empty()),
        size: stored.iter().map(|descriptor| descriptor.size).fold(0, u64::saturating_add),
    })
}

fn digests<'a>(descriptors: impl Iterator<Item = &'a Descriptor>) -> Result<BTreeSet<Digest>, StoreError> {
    descriptors.map(digest).collect()
}

fn digest(descriptor: &Descriptor) -> Result<Digest, StoreError> {
    Digest::parse(&descriptor.digest)
        .ok_or_else(|| StoreError::ManifestInvalid(format!("the manifest names `{}`, which is no sha256 digest", descriptor.digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_must_be() {
        let digest = Digest::of(b"");
        let config = format!(r#""config":{{"mediaType":"c","digest":"{digest}","size":3}}"#);
        let foreign = format!(r#"{{"mediaType":"f","digest":"{}","size":9,"urls":["http://elsewhere"]}}"#, Digest::of(b"elsewhere"));
        let good = format!(r#"{{"schemaVersion":2,{config},"layers":[{foreign}]}}"#);
        let contents = read(good.as_bytes(), media_type::OCI_MANIFEST).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((contents.blobs.len(), contents.size, contents.artifact_type.as_deref()), (1, 3, Some("c")));
        for (text, media_type, says) in [
            ("{", media_type::OCI_MANIFEST, "cannot be read"),
            (&good, "application/json", "`application/json` are not stored"),
            (&good.replace(":2", ":1"), media_type::OCI_MANIFEST, "`schemaVersion`"),
            (&good, media_type::OCI_INDEX, "has `manifests`"),
            (r#"{"schemaVersion":2,"manifests":[]}"#, media_type::DOCKER_MANIFEST, "has `config`"),
            (&good.replacen('{', r#"{"mediaType":"x","#, 1), media_type::OCI_MANIFEST, "says that it is a `x`"),
            (&good.replace("sha256", "sha1"), media_type::OCI_MANIFEST, "no sha256 digest"),
        ] {
            let error = read(text.as_bytes(), media_type).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
