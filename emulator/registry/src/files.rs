//! Where things are in the registry's folder, and how they get there: to a temporary name, synced, renamed, the folder synced.
//!
//! ```text
//! blobs/sha256/ab/abcd…      content, named by its digest; manifests, too
//! uploads/<id>               what has come of a blob
//! uploads/<id>.repository    of which repository
//! repositories/<name>.json   what a repository holds; `+` stands for `/`
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use model::RepositoryName;

use crate::Digest;

/// The longest name of a record's file that is the repository's own; file systems allow 255 bytes.
const LONGEST: usize = 200;

/// The registry's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let folder = Self(path.to_owned());
        for part in [folder.uploads(), folder.repositories(), folder.0.join("blobs/sha256")] {
            fs::create_dir_all(part)?;
        }
        Ok(folder)
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.0.join("blobs/sha256")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(&digest.digits()[..2]).join(digest.digits())
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.0.join("uploads")
    }

    pub(crate) fn upload(&self, id: &str) -> PathBuf {
        self.uploads().join(id)
    }

    pub(crate) fn upload_repository(&self, id: &str) -> PathBuf {
        self.uploads().join(format!("{id}.repository"))
    }

    pub(crate) fn repositories(&self) -> PathBuf {
        self.0.join("repositories")
    }

    pub(crate) fn record(&self, name: &RepositoryName) -> PathBuf {
        let mut file = name.as_str().replace('/', "+");
        if file.len() > LONGEST {
            file = format!("{}+{}", &file[..LONGEST / 2], Digest::of(name.as_str().as_bytes()).digits());
        }
        self.repositories().join(file + ".json")
    }
}

/// Writes a file whole or not at all, and returns when it is on the disk.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Moves a file that is synced to its place, and returns when it is there on the disk.
pub(crate) fn settle(from: &Path, to: &Path) -> io::Result<()> {
    let parent = to.parent().unwrap_or(to);
    if !parent.exists() {
        fs::create_dir_all(parent)?;
        sync_parent(parent)?;
    }
    fs::rename(from, to)?;
    sync_parent(to)
}

/// Removes a file; one that is gone is success.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Waits until what a folder lists is on the disk. Only Unix can open a folder for that.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_repository_has_a_file_of_its_own() {
        let folder = Folder(PathBuf::from("/r"));
        let file = |name: &str| folder.record(&RepositoryName::new(name).unwrap());
        assert_eq!(file("team/users"), PathBuf::from("/r/repositories/team+users.json"));
        let (long, longer) = ("a".repeat(255), "a".repeat(256));
        assert_ne!(file(&long), file(&longer));
        assert!(file(&longer).file_name().unwrap().len() <= 255);
    }
}
