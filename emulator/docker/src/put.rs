//! Files that are put into a container, as a tar archive.

use std::io;

use bollard::query_parameters::UploadToContainerOptionsBuilder;
use engine::{EngineError, EngineErrorKind, PutFile};
use model::ContainerId;
use tar::{Builder, EntryType, Header};

use crate::{Docker, calls};

impl Docker {
    /// Puts the files in one request. The engine replaces a file by removing and writing it, so a program that reads it meanwhile may find it
    /// short.
    pub(crate) async fn put_files(&self, id: &ContainerId, files: &[PutFile]) -> Result<(), EngineError> {
        let archive = archive(files).map_err(|error| EngineError::new(EngineErrorKind::Refused, format!("the files cannot be packed: {error}")))?;
        // Neither a folder in a file's place nor a file in a folder's.
        let options = UploadToContainerOptionsBuilder::new().path("/").no_overwrite_dir_non_dir("true").build();
        self.call(calls::PUT, self.api().upload_to_container(id.as_str(), Some(options), bollard::body_full(archive.into()))).await
    }
}

fn archive(files: &[PutFile]) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for file in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(file.mode & 0o777);
        header.set_mtime(file.modified.as_millis() / 1000);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(file.content.len() as u64);
        archive.append_data(&mut header, file.path.trim_start_matches('/'), &*file.content)?;
    }
    archive.into_inner()
}
