//! Arguments, environment and working directory, put together once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use manifest::{Manifest, Problems, Request, Source};
use model::ClusterName;
use wire::local::Failure;

use crate::args::{Common, Output};
use crate::end::{End, INPUT, Outcome};
use crate::print::Printer;

/// The names of a manifest that nobody names.
const DEFAULT_FILES: [&str; 2] = ["cluster.yaml", "cluster.yml"];

/// What every command knows.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The cluster that was named.
    pub(crate) cluster: Option<ClusterName>,
    /// Whether listings are JSON.
    pub(crate) json: bool,
    files: Vec<PathBuf>,
    directory: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Settings {
    /// From what was typed, the process's environment and working directory.
    pub(crate) fn resolve(common: &Common, files: Vec<PathBuf>, environment: BTreeMap<String, String>) -> Result<Self, Failure> {
        let cluster = common.cluster.as_deref().map(ClusterName::new).transpose().map_err(|error| Failure::input(error.to_string()))?;
        let directory = std::env::current_dir()
            .map_err(|error| Failure::environment(format!("the working directory cannot be found: {error}")).hint("`cd` to a folder that exists"))?;
        Ok(Self { cluster, json: common.output == Output::Json, files, directory, environment })
    }

    /// The same with a command's own `-f` after those before the command.
    pub(crate) fn with_files(mut self, files: &[PathBuf]) -> Self {
        self.files.extend_from_slice(files);
        self
    }

    /// A variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    /// The working directory, absolute.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The manifest's files: those that were named, else the one that is there.
    pub(crate) fn manifest_files(&self) -> Option<Vec<PathBuf>> {
        if !self.files.is_empty() {
            return Some(self.files.clone());
        }
        DEFAULT_FILES.iter().map(PathBuf::from).find(|file| self.directory.join(file).is_file()).map(|file| vec![file])
    }

    /// Reads the manifest; `None` where there is none.
    pub(crate) fn read_manifest(&self) -> Option<Result<Manifest, Problems>> {
        let files = self.manifest_files()?;
        Some(manifest::read(&Request { files: &files, environment: &self.environment, source: &Disk, directory: &self.directory }))
    }

    /// The same, with every file that it is made of or names, whether it is there or not.
    pub(crate) fn read_manifest_and_files(&self) -> Option<(Result<Manifest, Problems>, BTreeSet<PathBuf>)> {
        let files = self.manifest_files()?;
        let source = Recording::default();
        let read = manifest::read(&Request { files: &files, environment: &self.environment, source: &source, directory: &self.directory });
        Some((read, source.asked.into_inner()))
    }

    /// Reads the manifest that a command cannot do without; problems are shown.
    pub(crate) fn require_manifest(&self, printer: &mut Printer) -> Outcome<Manifest> {
        let Some(read) = self.read_manifest() else {
            return Err(no_manifest(&self.directory).into());
        };
        let problems = match read {
            Ok(manifest) => return self.checked(manifest).map_err(End::from),
            Err(problems) => problems,
        };
        // Where nobody reads them, the exit code tells.
        printer.talk(problems.render(printer.talk_palette().colored()).trim_end()).ok();
        Err(End::Said(INPUT))
    }

    /// A manifest says which cluster it is; `--cluster` may repeat it, not contradict it.
    fn checked(&self, manifest: Manifest) -> Result<Manifest, Failure> {
        match &self.cluster {
            Some(named) if *named != manifest.desired.cluster => {
                Err(Failure::input(format!("`--cluster {named}` was given, but the manifest describes the cluster `{}`", manifest.desired.cluster))
                    .hint("leave `--cluster` out, or name another manifest with `-f`"))
            }
            _ => Ok(manifest),
        }
    }
}

/// There is no manifest to read.
pub(crate) fn no_manifest(directory: &Path) -> Failure {
    Failure::input(format!("there is no manifest: neither `cluster.yaml` nor `cluster.yml` is in `{}`", directory.display()))
        .hint("go to its folder, or name it: `ecslocal up -f FILE`")
}

/// Files as they are on disk.
struct Disk;

/// The same, and which were asked for.
#[derive(Default)]
struct Recording {
    asked: RefCell<BTreeSet<PathBuf>>,
}

impl Source for Recording {
    fn read(&self, path: &Path) -> Result<String, String> {
        self.asked.borrow_mut().insert(path.to_path_buf());
        Disk.read(path)
    }
}

/// Far more than a manifest may have, which is for the room `manifest` to say; without it `/dev/zero` would be read for ever.
const LONGEST_READ: u64 = 16 * 1024 * 1024;

impl Source for Disk {
    fn read(&self, path: &Path) -> Result<String, String> {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        file.take(LONGEST_READ + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 > LONGEST_READ {
            return Err("it is longer than 16 MiB".into());
        }
        String::from_utf8(bytes).map_err(|error| format!("it is not text in UTF-8 (from its byte {} on)", error.utf8_error().valid_up_to() + 1))
    }
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        io::ErrorKind::PermissionDenied => "you may not read it".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_says_why_in_words() {
        let folder = std::env::temp_dir().join(format!("ecslocal-settings-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("text"), "cluster: t").unwrap();
        std::fs::write(folder.join("binary"), b"ab\xff").unwrap();
        for (name, expected) in [
            ("text", Ok("cluster: t")),
            ("binary", Err("it is not text in UTF-8 (from its byte 3 on)")),
            ("missing", Err("there is no such file")),
            ("", Err("it is a folder")),
        ] {
            assert_eq!(Disk.read(&folder.join(name)).as_deref().map_err(String::as_str), expected, "{name}");
        }
        assert_eq!(Disk.read(Path::new("/dev/zero")), Err("it is longer than 16 MiB".into()));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
