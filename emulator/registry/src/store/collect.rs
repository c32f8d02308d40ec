//! Garbage: what no repository holds, what no image of a repository needs, uploads that nobody goes on with.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use model::{RepositoryName, Timestamp};

use super::Store;
use super::upload::Slot;
use crate::{Digest, StoreError, files};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Uploads that nobody went on with.
    pub uploads: usize,
    /// Blobs that nothing named.
    pub blobs: usize,
    /// Of the blobs together.
    pub bytes: u64,
}

impl Store {
    /// Removes garbage. An upload, or a blob that no image needs, is garbage when it has been so for `age`: a push sends blobs first
    /// and then the manifest that names them.
    ///
    /// # Errors
    /// The disk; what was removed until then stays so.
    pub fn collect(&self, age: Duration, now: Timestamp) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        let mut state = self.state();
        let old = |slot: &Slot| matches!(slot, Slot::Resting(upload) if now.since(upload.touched) >= age);
        let stale: Vec<String> = state.uploads.iter().filter(|(_, slot)| old(slot)).map(|(id, _)| id.clone()).collect();
        for id in stale {
            self.forget_upload(&mut state, &id)?;
            collected.uploads += 1;
        }
        let names: Vec<RepositoryName> = state.records.keys().cloned().collect();
        for name in names {
            self.change(&mut state, &name, |record| {
                let needed: BTreeSet<Digest> = record.images.values().flat_map(|image| image.blobs.iter().cloned()).collect();
                record.layers.retain(|digest, layer| needed.contains(digest) || now.since(layer.since) < age);
                Ok(())
            })?;
        }
        let named: BTreeSet<&Digest> = state.records.values().flat_map(|record| record.layers.keys().chain(record.images.keys())).collect();
        let named: BTreeSet<&str> = named.into_iter().map(Digest::digits).collect();
        for folder in fs::read_dir(self.folder.blobs())? {
            for entry in fs::read_dir(folder?.path())? {
                let entry = entry?;
                // Also what a crash left of a manifest that was being written: nothing else has another name than a digest's digits.
                if entry.file_name().to_str().is_some_and(|digits| named.contains(digits)) {
                    continue;
                }
                collected.bytes += entry.metadata()?.len();
                collected.blobs += 1;
                files::remove(&entry.path())?;
            }
        }
        Ok(collected)
    }
}
