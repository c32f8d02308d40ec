//! The content-addressed folder, and what each repository holds of it. Every method may wait for the disk; none for the network.

mod collect;
mod images;
mod upload;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Ids, RepositoryName, Timestamp};

pub use collect::Collected;
pub use images::{NewManifest, Put, Reference, StoredManifest};
pub use upload::{Upload, UploadLease};

use crate::files::{self, Folder};
use crate::record::{LayerRecord, Record};
use crate::{Digest, StoreError};
use upload::Slot;

/// The registry's folder, held by this process alone.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    records: BTreeMap<RepositoryName, Record>,
    uploads: BTreeMap<String, Slot>,
    ids: Ids,
}

/// A blob, open to be read.
#[derive(Debug)]
pub struct Blob {
    /// At its beginning.
    pub file: File,
    /// In bytes.
    pub size: u64,
}

impl Store {
    /// Takes the folder, making it if needed. Uploads that were under way when a daemon ended can be gone on with.
    ///
    /// # Errors
    /// The folder cannot be used, or a record in it cannot be read; it is left as it is.
    pub fn open(folder: &Path, ids: Ids) -> io::Result<Self> {
        let folder = Folder::open(folder)?;
        let mut records = BTreeMap::new();
        for entry in fs::read_dir(folder.repositories())? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                // A record that was being written when the daemon ended.
                files::remove(&path)?;
                continue;
            }
            let record: Record = serde_json::from_slice(&fs::read(&path)?)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is no record of a repository: {error}", path.display())))?;
            records.insert(record.repository.clone(), record);
        }
        let uploads = upload::left(&folder)?;
        Ok(Self { folder, state: Mutex::new(State { records, uploads, ids }) })
    }

    /// A panic elsewhere leaves the state whole: it is changed by assignment only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what a repository holds: on the disk first, then here, or not at all.
    fn change<T>(
        &self,
        state: &mut State,
        repository: &RepositoryName,
        change: impl FnOnce(&mut Record) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let before = state.records.get(repository);
        let mut record = before.cloned().unwrap_or_else(|| Record::new(repository.clone()));
        let result = change(&mut record)?;
        if before == Some(&record) {
            return Ok(result);
        }
        let path = self.folder.record(repository);
        if record.is_blank() {
            files::remove(&path)?;
            state.records.remove(repository);
        } else {
            files::replace(&path, &serde_json::to_vec(&record).map_err(io::Error::from)?)?;
            state.records.insert(repository.clone(), record);
        }
        Ok(result)
    }

    /// A blob of a repository's.
    ///
    /// # Errors
    /// [`StoreError::BlobUnknown`], or the disk.
    pub fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Blob, StoreError> {
        if self.layer_size(repository, digest).is_none() {
            return Err(StoreError::BlobUnknown(digest.clone()));
        }
        let file = File::open(self.folder.blob(digest))?;
        let size = file.metadata()?.len();
        Ok(Blob { file, size })
    }

    /// The size of a blob of a repository's, in bytes.
    #[must_use]
    pub fn layer_size(&self, repository: &RepositoryName, digest: &Digest) -> Option<u64> {
        self.state().records.get(repository)?.layers.get(digest).map(|layer| layer.size)
    }

    /// Lets a repository have a blob that another has. False where the other has none.
    ///
    /// # Errors
    /// The disk.
    pub fn mount(&self, from: &RepositoryName, to: &RepositoryName, digest: &Digest, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(size) = state.records.get(from).and_then(|record| record.layers.get(digest)).map(|layer| layer.size) else { return Ok(false) };
        self.change(&mut state, to, |record| {
            record.layers.entry(digest.clone()).or_insert(LayerRecord { size, since: now });
            Ok(true)
        })
    }

    /// Lets a repository no longer have a blob that no image of it needs.
    ///
    /// # Errors
    /// [`StoreError::BlobUnknown`], [`StoreError::Referenced`], or the disk.
    pub fn delete_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), StoreError> {
        self.change(&mut self.state(), repository, |record| {
            if let Some(by) = record.user_of(digest) {
                return Err(StoreError::Referenced { what: digest.clone(), by: by.clone() });
            }
            record.layers.remove(digest).map(|_| ()).ok_or_else(|| StoreError::BlobUnknown(digest.clone()))
        })
    }

    /// Whether a repository has no images.
    #[must_use]
    pub fn is_empty(&self, repository: &RepositoryName) -> bool {
        self.state().records.get(repository).is_none_or(|record| record.images.is_empty())
    }

    /// Forgets all that a repository holds; `force` even where that is images.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], or the disk.
    pub fn remove_repository(&self, repository: &RepositoryName, force: bool) -> Result<(), StoreError> {
        let mut state = self.state();
        let ended: Vec<String> = state.uploads.iter().filter(|(_, slot)| slot.repository() == repository).map(|(id, _)| id.clone()).collect();
        self.change(&mut state, repository, |record| {
            if !force && !record.images.is_empty() {
                return Err(StoreError::NotEmpty);
            }
            *record = Record::new(repository.clone());
            Ok(())
        })?;
        for id in ended {
            self.forget_upload(&mut state, &id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
