//! A build context as a tar stream, made on a thread of its own.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use engine::{EngineError, EngineErrorKind};
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

use crate::ignore_file::IgnoreFile;

/// A context that was looked at and makes sense.
#[derive(Debug)]
pub(crate) struct Context {
    root: PathBuf,
    dockerfile: PathBuf,
    ignore: IgnoreFile,
}

impl Context {
    /// Looks at the context, its Dockerfile and its ignore file.
    ///
    /// # Errors
    /// `Refused`, naming what is not there or makes no sense.
    pub(crate) fn open(root: &Path, dockerfile: &str) -> Result<Self, EngineError> {
        let refused = |message: String| EngineError::new(EngineErrorKind::Refused, message);
        if !root.is_dir() {
            return Err(refused(format!("build context `{}` is not a folder\nhint: `context` is relative to the manifest", root.display())));
        }
        let inside = Path::new(dockerfile).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(refused(format!("Dockerfile `{dockerfile}` is not inside its build context `{}`", root.display())));
        }
        let dockerfile: PathBuf = Path::new(dockerfile).components().filter(|part| *part != Component::CurDir).collect();
        let path = root.join(&dockerfile);
        if !path.is_file() {
            return Err(refused(format!("there is no Dockerfile at `{}`\nhint: name it with `dockerfile`, relative to `context`", path.display())));
        }
        let mut own = path.into_os_string();
        own.push(".dockerignore");
        let mut text = String::new();
        for candidate in [PathBuf::from(own), root.join(".dockerignore")] {
            match fs::read_to_string(&candidate) {
                Ok(found) => {
                    text = found;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(refused(format!("cannot read `{}`: {error}", candidate.display()))),
            }
        }
        let ignore = IgnoreFile::new(&text).map_err(|why| refused(format!("`.dockerignore` of `{}`: {why}", root.display())))?;
        Ok(Self { root: root.to_owned(), dockerfile, ignore })
    }

    /// The Dockerfile, relative to the context, as the engine wants it.
    pub(crate) fn dockerfile(&self) -> String {
        self.dockerfile.to_string_lossy().replace('\\', "/")
    }

    /// Writes the whole context as a tar archive, in the order of names.
    ///
    /// # Errors
    /// With the path of what cannot be read.
    pub(crate) fn write(&self, target: impl Write) -> io::Result<()> {
        let mut archive = Builder::new(target);
        self.write_folder(&mut archive, Path::new(""))?;
        archive.into_inner()?.flush()
    }

    fn write_folder(&self, archive: &mut Builder<impl Write>, folder: &Path) -> io::Result<()> {
        let absolute = self.root.join(folder);
        let entries = fs::read_dir(&absolute).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut names: Vec<_> = entries.map_err(|error| at(&absolute, &error))?.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            self.write_entry(archive, &folder.join(name))?;
        }
        Ok(())
    }

    fn write_entry(&self, archive: &mut Builder<impl Write>, path: &Path) -> io::Result<()> {
        let absolute = self.root.join(path);
        let metadata = fs::symlink_metadata(&absolute).map_err(|error| at(&absolute, &error))?;
        let kept = self.is_needed(path) || !self.ignore.ignores(path, metadata.is_dir());
        if kept {
            append(archive, path, &absolute, &metadata).map_err(|error| at(&absolute, &error))?;
        }
        // An ignored folder may hold an exception, or the Dockerfile.
        if metadata.is_dir() && (kept || self.ignore.has_exceptions() || self.dockerfile.starts_with(path)) {
            self.write_folder(archive, path)?;
        }
        Ok(())
    }

    /// The engine needs them even when they are ignored; it leaves them out of the image then.
    fn is_needed(&self, path: &Path) -> bool {
        path == self.dockerfile || path == Path::new(".dockerignore")
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("build context: `{}`: {error}", path.display()))
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

    fn names(root: &Path, dockerfile: &str) -> Vec<String> {
        archive(root, dockerfile).into_iter().map(|(name, ..)| name).collect()
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

    #[test]
    fn ignored_files_stay_at_home_but_for_what_the_engine_needs() {
        let files = [("Dockerfile", ""), ("docker/web.Dockerfile", ""), ("src/a.js", ""), ("notes.md", ""), ("target/x/y", "")];
        let folder = folder(&files);
        fs::write(folder.path().join(".dockerignore"), "*\n!src\n").unwrap();
        assert_eq!(names(folder.path(), "Dockerfile"), [".dockerignore", "Dockerfile", "src", "src/a.js"]);
        assert_eq!(names(folder.path(), "./docker/web.Dockerfile"), [".dockerignore", "docker/web.Dockerfile", "src", "src/a.js"]);
        fs::write(folder.path().join("docker/web.Dockerfile.dockerignore"), "target\nsrc\ndocker").unwrap();
        let found = names(folder.path(), "docker/web.Dockerfile");
        assert_eq!(found, [".dockerignore", "Dockerfile", "docker/web.Dockerfile", "notes.md"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let folder = folder(&[("sub/Dockerfile", "")]);
        let root = folder.path();
        for (context, dockerfile, part) in [
            (root.join("nope"), "Dockerfile", "nope` is not a folder"),
            (root.to_owned(), "Dockerfile", "there is no Dockerfile at `"),
            (root.join("sub"), "../sub/Dockerfile", "is not inside its build context"),
            (root.join("sub"), "/etc/passwd", "is not inside its build context"),
        ] {
            let error = Context::open(&context, dockerfile).unwrap_err();
            assert_eq!(error.kind, EngineErrorKind::Refused);
            assert!(error.message.contains(part), "{}", error.message);
        }
    }
}
