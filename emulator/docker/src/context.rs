//! A build context as a tar stream, made on a thread of its own.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;
use context::BuildContext;
use engine::{EngineError, EngineErrorKind};
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

/// A context that was looked at and makes sense.
#[derive(Debug)]
pub(crate) struct Context(BuildContext);

impl Context {
    /// Looks at the context, its Dockerfile and its ignore file.
    ///
    /// # Errors
    /// `Refused`, naming what is not there or makes no sense.
    pub(crate) fn open(root: &Path, dockerfile: &str) -> Result<Self, EngineError> {
        BuildContext::open(root, dockerfile).map(Self).map_err(|message| EngineError::new(EngineErrorKind::Refused, message))
    }

    /// The Dockerfile, relative to the context, as the engine wants it.
    pub(crate) fn dockerfile(&self) -> String {
        self.0.dockerfile()
    }

    /// Writes the whole context as a tar archive, in the order of names.
    ///
    /// # Errors
    /// With the path of what cannot be read.
    pub(crate) fn write(&self, target: impl Write) -> io::Result<()> {
        let mut archive = Builder::new(target);
        self.0.walk(&mut |path, metadata| append(&mut archive, path, &self.0.root().join(path), metadata).map(|()| true))?;
        archive.into_inner()?.flush()
    }
}

fn append(archive: &mut Builder<impl Write>, path: &Path, absolute: &Path, metadata: &Metadata) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_metadata(metadata);
    // Everything in an image is root's unless the Dockerfile says otherwise.
    header.set_uid(0);
    header.set_gid(0);
    if metadata.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        return archive.append_link(&mut header, path, fs::read_link(absolute)?);
    }
    if metadata.is_dir() {
        header.set_size(0);
        return archive.append_data(&mut header, path, io::empty());
    }
    if metadata.is_file() {
        let content = Exactly { file: File::open(absolute)?, left: metadata.len() };
        return archive.append_data(&mut header, path, content);
    }
    // A socket, a pipe or a device makes no sense in an image.
    Ok(())
}

/// As many bytes as the header promised, or an error: a file may change while it is read.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Writes into a bounded channel, in chunks.
pub(crate) struct ChunkWriter {
    pub(crate) chunks: mpsc::Sender<io::Result<Bytes>>,
    pub(crate) buffer: Vec<u8>,
}

/// Large enough to make few messages, small enough to hold a few.
const CHUNK: usize = 256 * 1024;

impl ChunkWriter {
    pub(crate) fn new(chunks: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { chunks, buffer: Vec::with_capacity(CHUNK) }
    }

    fn send(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.chunks.blocking_send(Ok(chunk.into())).map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the engine took no more"))
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.send() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn archive(root: &Path, dockerfile: &str) -> Vec<(String, Header, String)> {
        let mut bytes = Vec::new();
        Context::open(root, dockerfile).unwrap().write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().to_string_lossy().trim_end_matches('/').to_owned(), entry.header().clone(), text)
        });
        entries.collect()
    }

    #[test]
    fn modes_times_and_links_are_kept() {
        let long = format!("deep/{}/{}", "x".repeat(120), "y".repeat(120));
        let folder = folder(&[("Dockerfile", "FROM scratch"), ("run.sh", "#!/bin/sh"), (&long, "long")]);
        fs::set_permissions(folder.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        File::options().write(true).open(folder.path().join("run.sh")).unwrap().set_modified(then).unwrap();
        symlink("../outside", folder.path().join("link")).unwrap();
        std::os::unix::net::UnixListener::bind(folder.path().join("a.sock")).unwrap();
        let entries = archive(folder.path(), "Dockerfile");
        let entry = |name: &str| entries.iter().find(|(found, ..)| found == name).unwrap_or_else(|| panic!("{name}"));
        let (_, script, text) = entry("run.sh");
        assert_eq!((script.mode().unwrap() & 0o777, script.mtime().unwrap(), text.as_str()), (0o755, 1_700_000_000, "#!/bin/sh"));
        assert_eq!((script.uid().unwrap(), script.gid().unwrap()), (0, 0));
        let (_, link, _) = entry("link");
        assert_eq!((link.entry_type(), link.link_name().unwrap().unwrap().as_ref()), (EntryType::Symlink, Path::new("../outside")));
        assert_eq!(entry(&long).2, "long");
        assert!(!entries.iter().any(|(name, ..)| name == "a.sock"));
    }
}
