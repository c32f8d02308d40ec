//! Build contexts: which files of a folder go into a build.
//!
//! **Lives here:** Dockerfile and `.dockerignore` of a context, and the walk over what they leave, in the order of names.
//!
//! **Does not live here:** what is done with the files: room `docker` sends them to the engine, room `cli` looks at what has changed.
//!
//! **Invariant:** both see the same files, so that what is not sent makes no build.
//!
//! **Entry point:** [`BuildContext`].

mod ignore_file;

use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

pub use ignore_file::IgnoreFile;

/// A context that was looked at and makes sense.
#[derive(Debug)]
pub struct BuildContext {
    root: PathBuf,
    dockerfile: PathBuf,
    ignore: IgnoreFile,
}

impl BuildContext {
    /// Looks at the context, its Dockerfile and its ignore file.
    ///
    /// # Errors
    /// A sentence, with a hint in a second line where there is one, naming what is not there or makes no sense.
    pub fn open(root: &Path, dockerfile: &str) -> Result<Self, String> {
        if !root.is_dir() {
            return Err(format!("build context `{}` is not a folder\nhint: `context` is relative to the manifest", root.display()));
        }
        let inside = Path::new(dockerfile).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(format!("Dockerfile `{dockerfile}` is not inside its build context `{}`", root.display()));
        }
        let dockerfile: PathBuf = Path::new(dockerfile).components().filter(|part| *part != Component::CurDir).collect();
        let path = root.join(&dockerfile);
        if !path.is_file() {
            return Err(format!("there is no Dockerfile at `{}`\nhint: name it with `dockerfile`, relative to `context`", path.display()));
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
                Err(error) => return Err(format!("cannot read `{}`: {error}", candidate.display())),
            }
        }
        let ignore = IgnoreFile::new(&text).map_err(|why| format!("`.dockerignore` of `{}`: {why}", root.display()))?;
        Ok(Self { root: root.to_owned(), dockerfile, ignore })
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The Dockerfile, relative to the context, as the engine wants it.
    #[must_use]
    pub fn dockerfile(&self) -> String {
        self.dockerfile.to_string_lossy().replace('\\', "/")
    }

    /// Shows each file, folder and link of the context, by its path in it, in the order of names. What goes away meanwhile is left out, and
    /// all that is in a folder of which `visit` says false.
    ///
    /// # Errors
    /// That of `visit`, or with the path of what cannot be read.
    pub fn walk(&self, visit: &mut dyn FnMut(&Path, &Metadata) -> io::Result<bool>) -> io::Result<()> {
        self.walk_folder(Path::new(""), visit)
    }

    fn walk_folder(&self, folder: &Path, visit: &mut dyn FnMut(&Path, &Metadata) -> io::Result<bool>) -> io::Result<()> {
        let absolute = self.root.join(folder);
        let entries = match fs::read_dir(&absolute).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != Path::new("") => return Ok(()),
            entries => entries.map_err(|error| at(&absolute, &error))?,
        };
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            self.walk_entry(&folder.join(name), visit)?;
        }
        Ok(())
    }

    fn walk_entry(&self, path: &Path, visit: &mut dyn FnMut(&Path, &Metadata) -> io::Result<bool>) -> io::Result<()> {
        let absolute = self.root.join(path);
        let metadata = match fs::symlink_metadata(&absolute) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata.map_err(|error| at(&absolute, &error))?,
        };
        let kept = self.is_needed(path) || !self.ignore.ignores(path, metadata.is_dir());
        if kept && !visit(path, &metadata).map_err(|error| at(&absolute, &error))? {
            return Ok(());
        }
        // An ignored folder may hold an exception, or the Dockerfile.
        if metadata.is_dir() && (kept || self.ignore.has_exceptions() || self.dockerfile.starts_with(path)) {
            self.walk_folder(path, visit)?;
        }
        Ok(())
    }

    /// The engine needs them even when they are ignored; it leaves them out of the image then.
    fn is_needed(&self, path: &Path) -> bool {
        path == self.dockerfile || path == Path::new(".dockerignore")
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    let told = error.to_string();
    // A folder within a folder: the innermost place is the one to name.
    let text = if told.starts_with("build context: ") { told } else { format!("build context: `{}`: {told}", path.display()) };
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests;
