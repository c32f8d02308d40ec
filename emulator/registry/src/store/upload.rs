//! Uploads: what has come of a blob, in a file of its own, hashed as it comes. One request at a time sends to one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use model::{RepositoryName, Timestamp};

use super::{State, Store};
use crate::digest::Hasher;
use crate::files::{self, Folder};
use crate::record::LayerRecord;
use crate::{Digest, StoreError};

/// An upload, at rest or with the request that sends to it.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    Resting(Box<Upload>),
    Taken { repository: RepositoryName },
}

impl Slot {
    pub(super) const fn repository(&self) -> &RepositoryName {
        match self {
            Self::Resting(upload) => &upload.repository,
            Self::Taken { repository } => repository,
        }
    }
}

/// What has come of a blob.
#[derive(Clone)]
pub struct Upload {
    /// Its id, a UUID.
    pub id: String,
    /// Of which repository.
    pub repository: RepositoryName,
    /// How many bytes have come.
    pub received: u64,
    /// The last part was smaller than 5 MiB, which ECR's API allows of the last one only (ecs.md 10).
    small_part: bool,
    /// Another part followed one that was too small for that.
    pub small_part_inside: bool,
    /// When something came last.
    pub(super) touched: Timestamp,
    /// Of what has come; `None` of an upload that an earlier daemon began: its file is read at the end.
    hasher: Option<Hasher>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("id", &self.id).field("received", &self.received).finish_non_exhaustive()
    }
}

/// An upload in the hands of one request. It goes back to rest when this is dropped, with what has come so far.
#[derive(Debug)]
pub struct UploadLease {
    store: Arc<Store>,
    upload: Upload,
    file: File,
    /// It is no longer the store's: a blob, or forgotten.
    ended: bool,
}

impl UploadLease {
    /// The upload.
    #[must_use]
    pub const fn upload(&self) -> &Upload {
        &self.upload
    }

    /// Adds what came.
    ///
    /// # Errors
    /// The disk; the upload then stands where it stood before.
    pub fn append(&mut self, content: &[u8], now: Timestamp) -> Result<(), StoreError> {
        let upload = &mut self.upload;
        if let Err(error) = self.file.write_all(content) {
            // What was written in part is written over.
            self.file.seek(SeekFrom::Start(upload.received))?;
            return Err(error.into());
        }
        if let Some(hasher) = &mut upload.hasher {
            hasher.update(content);
        }
        upload.received += content.len() as u64;
        upload.touched = now;
        Ok(())
    }

    /// Remembers that what came was a part of ECR's API, and whether it was smaller than 5 MiB.
    pub const fn mark_part(&mut self, small: bool) {
        self.upload.small_part_inside |= self.upload.small_part;
        self.upload.small_part = small;
    }

    /// The digest of what has come.
    ///
    /// # Errors
    /// The disk.
    pub fn digest(&mut self) -> Result<Digest, StoreError> {
        if let Some(hasher) = &self.upload.hasher {
            return Ok(hasher.clone().finish());
        }
        let (end, mut hasher) = (self.upload.received, Hasher::new());
        self.file.seek(SeekFrom::Start(0))?;
        let mut rest = (&self.file).take(end);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = rest.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        if rest.limit() > 0 {
            return Err(StoreError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "an upload's file is shorter than it was")));
        }
        self.file.seek(SeekFrom::Start(end))?;
        self.upload.hasher = Some(hasher.clone());
        Ok(hasher.finish())
    }

    /// Makes a blob of what has come. The upload ends, also where the digest is not what was said.
    ///
    /// # Errors
    /// [`StoreError::DigestMismatch`], or the disk; then the upload stays as it is.
    pub fn finish(mut self, expected: &Digest, now: Timestamp) -> Result<(), StoreError> {
        let actual = self.digest()?;
        let Upload { id, repository, received, .. } = self.upload.clone();
        let store = self.store.clone();
        if actual != *expected {
            self.ended = true;
            store.forget_upload(&mut store.state(), &id)?;
            return Err(StoreError::DigestMismatch { expected: expected.clone(), actual });
        }
        self.file.set_len(received)?;
        self.file.sync_all()?;
        // From the place of the blob to the record that names it nobody may look for blobs that no record names.
        let mut state = store.state();
        files::settle(&store.folder.upload(&id), &store.folder.blob(&actual))?;
        self.ended = true;
        store.forget_upload(&mut state, &id)?;
        store.change(&mut state, &repository, |record| {
            record.layers.entry(actual).or_insert(LayerRecord { size: received, since: now });
            Ok(())
        })
    }

    /// Ends the upload and forgets what has come.
    ///
    /// # Errors
    /// The disk.
    pub fn cancel(mut self) -> Result<(), StoreError> {
        self.ended = true;
        self.store.forget_upload(&mut self.store.state(), &self.upload.id)?;
        Ok(())
    }
}

impl Drop for UploadLease {
    fn drop(&mut self) {
        if !self.ended
            && let Some(slot) = self.store.state().uploads.get_mut(&self.upload.id)
        {
            *slot = Slot::Resting(Box::new(self.upload.clone()));
        }
    }
}

impl Store {
    /// Begins an upload to a repository and gives its id.
    ///
    /// # Errors
    /// The disk.
    pub fn begin_upload(&self, repository: &RepositoryName, now: Timestamp) -> Result<String, StoreError> {
        let mut state = self.state();
        let id = state.ids.uuid();
        fs::write(self.folder.upload_repository(&id), repository.as_str())?;
        File::create(self.folder.upload(&id))?;
        let upload = Upload {
            id: id.clone(),
            repository: repository.clone(),
            received: 0,
            small_part: false,
            small_part_inside: false,
            touched: now,
            hasher: Some(Hasher::new()),
        };
        state.uploads.insert(id.clone(), Slot::Resting(Box::new(upload)));
        Ok(id)
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// [`StoreError::UploadUnknown`], or [`StoreError::UploadBusy`] while another request sends to it.
    pub fn upload(&self, repository: &RepositoryName, id: &str) -> Result<Upload, StoreError> {
        resting(&self.state(), repository, id)
    }

    /// Takes an upload for one request.
    ///
    /// # Errors
    /// The same, or the disk.
    pub fn take_upload(self: &Arc<Self>, repository: &RepositoryName, id: &str) -> Result<UploadLease, StoreError> {
        let mut state = self.state();
        let upload = resting(&state, repository, id)?;
        let mut file = File::options().read(true).write(true).open(self.folder.upload(id))?;
        file.seek(SeekFrom::Start(upload.received))?;
        state.uploads.insert(id.to_owned(), Slot::Taken { repository: repository.clone() });
        Ok(UploadLease { store: self.clone(), upload, file, ended: false })
    }

    /// Ends an upload wherever it is; a request that sends to it finds that out at its end.
    pub(super) fn forget_upload(&self, state: &mut State, id: &str) -> io::Result<()> {
        state.uploads.remove(id);
        files::remove(&self.folder.upload(id))?;
        files::remove(&self.folder.upload_repository(id))
    }
}

fn resting(state: &State, repository: &RepositoryName, id: &str) -> Result<Upload, StoreError> {
    match state.uploads.get(id).filter(|slot| slot.repository() == repository) {
        Some(Slot::Resting(upload)) => Ok(upload.as_ref().clone()),
        Some(Slot::Taken { .. }) => Err(StoreError::UploadBusy(id.to_owned())),
        None => Err(StoreError::UploadUnknown(id.to_owned())),
    }
}

/// The uploads that an earlier daemon began. What is not whole is removed.
pub(super) fn left(folder: &Folder) -> io::Result<BTreeMap<String, Slot>> {
    let mut uploads = BTreeMap::new();
    for entry in fs::read_dir(folder.uploads())? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if let Some(of) = id.strip_suffix(".repository") {
            if !folder.upload(of).exists() {
                files::remove(&entry.path())?;
            }
            continue;
        }
        let repository = fs::read_to_string(folder.upload_repository(&id)).ok().and_then(|name| RepositoryName::new(&name).ok());
        let Some(repository) = repository else {
            files::remove(&entry.path())?;
            continue;
        };
        let metadata = entry.metadata()?;
        let touched = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let touched = Timestamp::from_millis(u64::try_from(touched.as_millis()).unwrap_or(u64::MAX));
        let upload =
            Upload { id: id.clone(), repository, received: metadata.len(), small_part: false, small_part_inside: false, touched, hasher: None };
        uploads.insert(id, Slot::Resting(Box::new(upload)));
    }
    Ok(uploads)
}
