//! What the watched files are now, and what is another than before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use context::BuildContext;
use sha2::{Digest as _, Sha256};

use super::noise::is_noise;

/// Something that is looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A file that a manifest is made of or names, whether it is there or not. Links are followed.
    File(PathBuf),
    /// A build context: what would be sent to the engine, but for noise. Links are links, as in an image.
    Context {
        /// The folder.
        root: PathBuf,
        /// Relative to it.
        dockerfile: String,
    },
}

/// What is looked at.
pub(crate) type Interest = BTreeSet<Subject>;

/// One path that is another than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Changed {
    /// What it belongs to.
    pub(crate) subject: Subject,
    /// Absolute.
    pub(crate) path: PathBuf,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// A file is new, or says something else.
    Written,
    /// A folder is new, or has other permissions.
    Made,
    /// A link is new, or leads elsewhere; or it is neither file nor folder.
    Linked,
    /// It is gone.
    Gone,
}

/// What was there at one look.
#[derive(Debug, Default)]
pub(crate) struct Look {
    seen: BTreeMap<Subject, BTreeMap<PathBuf, Seen>>,
    /// Where something may happen: folders that are there.
    pub(crate) folders: Folders,
}

/// Folders, and which each is: one that was removed and made again is another.
pub(crate) type Folders = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// One path at one look.
#[derive(Clone, Debug)]
struct Seen {
    stamp: Stamp,
    digest: [u8; 32],
    /// What has become of it where it is another than before.
    fate: Fate,
    /// Read at two looks with one stamp. The clock of a file system stands still for some milliseconds, so what was written again at once has the
    /// stamp that it had.
    settled: bool,
}

/// What changes when a file is written, as far as the file system's clock can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    changed: (i64, i64),
    length: u64,
    inode: u64,
    mode: u32,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        // The time of a folder changes with what is in it, which is looked at by itself.
        let changed = if metadata.is_dir() { (0, 0) } else { (metadata.ctime(), metadata.ctime_nsec()) };
        let length = if metadata.is_dir() { 0 } else { metadata.len() };
        Self { changed, length, inode: metadata.ino(), mode: metadata.mode() }
    }
}

/// Looks at everything. Only what seems to have changed since `before` is read.
pub(crate) fn look(interest: &Interest, before: &Look) -> Look {
    let mut found = Look::default();
    let none = BTreeMap::new();
    for subject in interest {
        let known = before.seen.get(subject).unwrap_or(&none);
        let seen = match subject {
            Subject::File(path) => look_at_file(path, known, &mut found.folders),
            Subject::Context { root, dockerfile } => look_at_context(root, dockerfile, known, &mut found.folders),
        };
        found.seen.insert(subject.clone(), seen);
    }
    found
}

/// What is another than before, of what was looked at both times, in order.
pub(crate) fn differences(before: &Look, after: &Look) -> Vec<Changed> {
    let mut changed = Vec::new();
    for (subject, now) in &after.seen {
        let Some(then) = before.seen.get(subject) else { continue };
        let mut tell = |path: &PathBuf, fate| changed.push(Changed { subject: subject.clone(), path: path.clone(), fate });
        let differs = |(path, seen): &(&PathBuf, &Seen)| then.get(*path).is_none_or(|old| old.digest != seen.digest);
        now.iter().filter(differs).for_each(|(path, seen)| tell(path, seen.fate));
        then.keys().filter(|path| !now.contains_key(*path)).for_each(|path| tell(path, Fate::Gone));
    }
    changed.sort();
    changed
}

fn look_at_file(path: &Path, known: &BTreeMap<PathBuf, Seen>, folders: &mut Folders) -> BTreeMap<PathBuf, Seen> {
    add_nearest(path.parent(), folders);
    if let Ok(real) = fs::canonicalize(path) {
        // It may be a link: what it leads to is what is edited.
        add_nearest(real.parent(), folders);
    }
    let seen = fs::metadata(path).and_then(|metadata| see(path, &metadata, known.get(path)));
    seen.map(|seen| BTreeMap::from([(path.to_path_buf(), seen)])).unwrap_or_default()
}

/// A context that cannot be read has nothing in it: a build will say why.
fn look_at_context(root: &Path, dockerfile: &str, known: &BTreeMap<PathBuf, Seen>, folders: &mut Folders) -> BTreeMap<PathBuf, Seen> {
    // The folder above it, too: the context itself may be put aside and come back, as with a checkout.
    for folder in [Some(root), root.parent(), root.join(dockerfile).parent()] {
        add_nearest(folder, folders);
    }
    let mut seen = BTreeMap::new();
    let Ok(context) = BuildContext::open(root, dockerfile) else { return seen };
    let mut visit = |path: &Path, metadata: &Metadata| {
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_noise) {
            return Ok(false);
        }
        let absolute = root.join(path);
        if metadata.is_dir() {
            folders.insert(absolute.clone(), identity(metadata));
        }
        match see(&absolute, metadata, known.get(&absolute)) {
            Ok(found) => drop(seen.insert(absolute, found)),
            // It went away between the look at its folder and the look at itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    };
    match context.walk(&mut visit) {
        Ok(()) => seen,
        // What cannot be read now was not changed by that.
        Err(_) => known.clone(),
    }
}

fn see(path: &Path, metadata: &Metadata, known: Option<&Seen>) -> io::Result<Seen> {
    let stamp = Stamp::of(metadata);
    if let Some(known) = known.filter(|known| known.settled && known.stamp == stamp) {
        return Ok(known.clone());
    }
    let settled = metadata.is_dir() || known.is_some_and(|known| known.stamp == stamp);
    let fate = match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => Fate::Written,
        (false, true) => Fate::Made,
        (false, false) => Fate::Linked,
    };
    Ok(Seen { stamp, digest: digest(path, metadata)?, fate, settled })
}

/// Of kind, permissions and content.
fn digest(path: &Path, metadata: &Metadata) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(metadata.mode().to_be_bytes());
    if metadata.is_symlink() {
        hash.update(fs::read_link(path)?.as_os_str().as_encoded_bytes());
    } else if metadata.is_file() {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = io::Read::read(&mut file, &mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(buffer.get(..read).unwrap_or_default());
        }
    }
    Ok(hash.finalize().into())
}

/// Adds the folder, or the nearest one above it that is there.
fn add_nearest(folder: Option<&Path>, folders: &mut Folders) {
    let there = |folder: &Path| fs::metadata(folder).ok().filter(Metadata::is_dir).map(|metadata| (folder.to_path_buf(), identity(&metadata)));
    folders.extend(folder.and_then(|folder| folder.ancestors().find_map(there)));
}

fn identity(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.ino(), metadata.created().ok())
}

#[cfg(test)]
mod tests;
