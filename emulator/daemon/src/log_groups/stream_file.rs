//! The files of log streams: events are appended, a long file is set aside, old files go.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use model::Timestamp;

/// A file of this many bytes is set aside as `<name>.old.log`, in the place of what was set aside before.
const LONGEST: u64 = 5 * 1024 * 1024;

/// Streams of one container's name (or of one group, where streams have no prefix) that are kept: those that were written last. AWS keeps
/// them until somebody removes them.
const KEPT: usize = 50;

/// So much of a file's end is looked at to find its last event.
const TAIL: u64 = 512 * 1024;

/// The most files that are open at once; others are opened again.
const OPEN: usize = 128;

/// The files that are being written.
#[derive(Debug, Default)]
pub(super) struct StreamFiles {
    open: BTreeMap<PathBuf, Open>,
    /// A fault is said once, until a write succeeds.
    failing: bool,
}

#[derive(Debug)]
struct Open {
    file: BufWriter<File>,
    size: u64,
}

/// Where a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resume {
    /// The time of its last event.
    pub(super) at: Timestamp,
    /// How many events it has of that time.
    pub(super) lines: usize,
}

impl StreamFiles {
    /// Appends an event.
    pub(super) fn write(&mut self, path: &Path, at: Timestamp, text: &str) {
        let result = self.append(path, &format!("{} {text}\n", stamp(at)));
        match result {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!(%error, file = %path.display(), "a log stream cannot be written");
            }
            Err(_) => {}
        }
    }

    /// Writes out what is buffered, so that a reader sees it.
    pub(super) fn flush(&mut self) {
        // One that fails is opened anew at the next event, which says why.
        self.open.retain(|_, open| open.file.flush().is_ok());
    }

    fn append(&mut self, path: &Path, event: &str) -> io::Result<()> {
        if !self.open.contains_key(path) {
            if self.open.len() >= OPEN {
                self.flush();
                self.open.clear();
            }
            let open = Open::at(path, &self.open)?;
            self.open.insert(path.to_owned(), open);
        }
        let full = self.open.get(path).is_some_and(|open| open.size >= LONGEST);
        if full && let Some(mut open) = self.open.remove(path) {
            open.file.flush()?;
            fs::rename(path, path.with_extension("old.log"))?;
            let open = Open::at(path, &self.open)?;
            self.open.insert(path.to_owned(), open);
        }
        let Some(open) = self.open.get_mut(path) else { return Ok(()) };
        let written = open.file.write_all(event.as_bytes());
        open.size += event.len() as u64;
        if written.is_err() {
            self.open.remove(path);
        }
        written
    }
}

impl Open {
    fn at(path: &Path, others: &BTreeMap<PathBuf, Self>) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        if !path.exists() {
            forget_old(folder, others)?;
        }
        let mut file = File::options().create(true).append(true).read(true).open(path)?;
        let size = file.metadata()?.len();
        // A daemon that died in the middle of an event leaves a line without its end.
        if size > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(Self { file: BufWriter::new(file), size })
    }
}

/// Removes the streams that were not written for longest and are not being written, so that one more has its place.
fn forget_old(folder: &Path, open: &BTreeMap<PathBuf, Open>) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".log") && !name.ends_with(".old.log") && entry.file_type()?.is_file() {
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    files.sort();
    let surplus = (files.len() + 1).saturating_sub(KEPT);
    for (_, path) in files.into_iter().take(surplus).filter(|(_, path)| !open.contains_key(path)) {
        fs::remove_file(&path)?;
        match fs::remove_file(path.with_extension("old.log")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// `2026-11-28T01:02:03.004Z`
fn stamp(at: Timestamp) -> String {
    let moment = i64::try_from(at.as_millis()).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    format!("{:.3}", moment.unwrap_or_default())
}

/// Where the file of a stream ends; `None` for one that has no event.
pub(super) fn resume(path: &Path) -> Option<Resume> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let time = |line: &str| line.split(' ').next()?.parse::<jiff::Timestamp>().ok();
    // A line that an event brought along without a time of its own is not one, nor is one that was cut off.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut times = whole.lines().rev().filter_map(time);
    let last = times.next()?;
    let lines = 1 + times.take_while(|at| *at == last).count();
    Some(Resume { at: Timestamp::from_millis(u64::try_from(last.as_millisecond()).ok()?), lines })
}

/// The events of a stream, oldest first, with what was set aside; lines without a time of their own are no events.
pub(super) fn events(path: &Path) -> Vec<(Timestamp, String)> {
    let mut events = Vec::new();
    for path in [&path.with_extension("old.log"), path] {
        let mut bytes = Vec::new();
        // A file that is not there has none.
        let Ok(file) = File::open(path) else { continue };
        if file.take(2 * LONGEST).read_to_end(&mut bytes).is_err() {
            continue;
        }
        events.extend(String::from_utf8_lossy(&bytes).lines().filter_map(|line| {
            let (time, text) = line.split_once(' ')?;
            let millis = time.parse::<jiff::Timestamp>().ok()?.as_millisecond();
            Some((Timestamp::from_millis(u64::try_from(millis).ok()?), text.to_owned()))
        }));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_767_323_045_000 + millis)
    }

    #[test]
    fn events_are_lines_with_their_time_and_a_file_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ecs/users/web/t1.log");
        assert_eq!(resume(&path), None);
        let mut files = StreamFiles::default();
        for (millis, text) in [(0, "one"), (5, "two"), (5, "three")] {
            files.write(&path, at(millis), text);
        }
        files.flush();
        let expected = "2026-01-02T03:04:05.000Z one\n2026-01-02T03:04:05.005Z two\n2026-01-02T03:04:05.005Z three\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(resume(&path), Some(Resume { at: at(5), lines: 2 }));
        fs::write(path.with_extension("old.log"), "2026-01-02T03:04:04.000Z before\nno event\n").unwrap();
        let found: Vec<_> = events(&path).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["before", "one", "two", "three"]);
        // A daemon died in the middle of an event.
        fs::write(&path, format!("{expected}2026-01-02T03:04:05.0")).unwrap();
        assert_eq!(resume(&path), Some(Resume { at: at(5), lines: 2 }));
        let mut files = StreamFiles::default();
        files.write(&path, at(6), "four");
        files.flush();
        assert!(fs::read_to_string(&path).unwrap().ends_with("05.0\n2026-01-02T03:04:05.006Z four\n"));
    }

    #[test]
    fn a_long_file_is_set_aside_and_the_one_before_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t1.log");
        let mut files = StreamFiles::default();
        let line = "x".repeat(64 * 1024);
        let lines = usize::try_from(LONGEST).unwrap() / line.len();
        for n in 0..3 * lines {
            files.write(&path, at(n as u64), &line);
        }
        files.flush();
        let mut sizes: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
        sizes.sort_unstable();
        assert!(sizes.len() == 2 && sizes.iter().all(|size| *size <= LONGEST + line.len() as u64 + 64), "{sizes:?}");
    }

    #[test]
    fn the_streams_that_were_written_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = StreamFiles::default();
        for n in 0..KEPT + 7 {
            let path = folder.path().join(format!("t{n:03}.log"));
            files.write(&path, at(0), "a");
            files.flush();
            // The first one is open for as long as others come, the rest are over.
            files.open.retain(|path, _| path.ends_with("t000.log"));
            let moment = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + n as u64);
            File::options().append(true).open(&path).unwrap().set_modified(moment).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!((names.len(), names[0].as_str(), names[1].as_str()), (KEPT + 1, "t000.log", "t007.log"));
    }
}
