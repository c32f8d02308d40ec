//! The files that were read, and lines and columns in them.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// One file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// As the user spelled it, or as the including file's path and the include make it.
    pub(crate) shown: PathBuf,
    /// Absolute, without `.` and `..`.
    pub(crate) absolute: PathBuf,
    pub(crate) text: Arc<str>,
}

/// Every file of one reading; a [`crate::node::Span`] names one by its place.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<SourceFile>);

/// A place for a person: both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Files {
    /// Adds a file and gives its place.
    pub(crate) fn add(&mut self, shown: PathBuf, absolute: PathBuf, text: &str) -> usize {
        self.0.push(SourceFile { shown, absolute, text: text.into() });
        self.0.len() - 1
    }

    /// The file at that place, if there is one.
    pub(crate) fn get(&self, file: usize) -> Option<&SourceFile> {
        self.0.get(file)
    }

    /// The folder of the file at that place.
    pub(crate) fn folder(&self, file: usize) -> PathBuf {
        self.get(file).and_then(|file| file.absolute.parent()).map(Path::to_path_buf).unwrap_or_default()
    }
}

impl SourceFile {
    /// The line and column of a byte; the last place of the file for a byte beyond it.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..self.floor(offset)).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let column = before.get(line_start..).map_or(0, |part| part.chars().count());
        Position { line: before.matches('\n').count() + 1, column: column + 1 }
    }

    /// The bytes of the line that holds `offset`, without its end.
    pub(crate) fn line_at(&self, offset: usize) -> std::ops::Range<usize> {
        let offset = self.floor(offset);
        let start = self.text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |index| index + 1);
        let rest = self.text.get(start..).unwrap_or("");
        let length = rest.find('\n').unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or("");
        start..start + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// The nearest character boundary at or below `offset` that is in the text.
    pub(crate) fn floor(&self, offset: usize) -> usize {
        floor_boundary(&self.text, offset)
    }
}

/// The nearest character boundary at or below `offset` that is in `text`.
pub(crate) fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut floor = offset.min(text.len());
    while !text.is_char_boundary(floor) {
        floor -= 1;
    }
    floor
}

/// `path` without `.` and `..`, without asking the file system.
pub(crate) fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
