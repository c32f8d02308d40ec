//! What is wrong with a manifest, and what is merely worth knowing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::ClusterName;

use crate::files::{Files, floor_boundary};
use crate::node::Span;
use crate::suggest::did_you_mean;

/// Beyond so many problems the rest is only counted.
const MAX_PROBLEMS: usize = 200;

/// A note lists so many places.
const MAX_PLACES: usize = 20;

/// A line longer than so many characters is shown in part.
const MAX_SHOWN_LINE: usize = 400;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The manifest is refused. What is only worth knowing is a [`Note`].
    Error,
}

impl Severity {
    /// `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
        }
    }
}

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the user named it.
    pub file: PathBuf,
    /// From 1; 0 when the whole file is meant (it cannot be read, it is too large).
    pub line: usize,
    /// From 1, in characters; 0 when the whole file is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What is wrong with the marked text, in few words.
    pub label: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// The line that it is in, and the marked part.
    pub(crate) excerpt: Option<Excerpt>,
}

impl Problem {
    /// The line that it is in, without colour or caret; a part of a long one; `None` when the whole file is meant.
    #[must_use]
    pub fn source_line(&self) -> Option<&str> {
        self.excerpt.as_ref().map(|excerpt| excerpt.text.as_str())
    }
}

/// A line of a file, or the part of a long one that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    /// The marked bytes of `text`.
    pub(crate) marked: std::ops::Range<usize>,
    /// It is the whole line, so that columns of `text` are columns of the file.
    pub(crate) whole: bool,
}

/// Everything that is wrong, sorted by file and position; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct Problems {
    pub(crate) list: Vec<Problem>,
    pub(crate) left_out: usize,
    pub(crate) cluster: Option<ClusterName>,
}

impl Problems {
    /// The cluster that the manifest describes, if it says so all the same.
    #[must_use]
    pub const fn cluster(&self) -> Option<&ClusterName> {
        self.cluster.as_ref()
    }

    /// The problems, sorted by file and position; at most 200.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.list
    }

    /// How many there are, those that [`Self::as_slice`] leaves out included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.left_out
    }

    /// Every problem for a person: message, place, snippet and hint; a count at the end.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        crate::render::render(self, color)
    }

    /// `1 problem in cluster.yaml`.
    pub(crate) fn summary(&self) -> String {
        let mut files: Vec<&Path> = self.list.iter().map(|problem| problem.file.as_path()).collect();
        files.dedup();
        let count = self.count();
        let noun = if count == 1 { "problem" } else { "problems" };
        let place = match files.as_slice() {
            [only] => only.display().to_string(),
            several => format!("{} files", several.len()),
        };
        let shown = if self.left_out == 0 { String::new() } else { format!(", the first {} shown", self.list.len()) };
        format!("{count} {noun} in {place}{shown}")
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

/// Something worth knowing about a manifest that is accepted: said once, however often it occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is worth knowing.
    pub message: String,
    /// Where, in the order of files and lines; at least one, at most 20.
    pub places: Vec<Place>,
    /// How many places there are in all.
    pub count: usize,
}

/// A place in a file, counted from 1, the column in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(first) = self.places.first() {
            write!(f, " ({}:{}:{}", first.file.display(), first.line, first.column)?;
            let more = self.count.saturating_sub(1);
            if more > 0 {
                write!(f, " and {more} more")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// A problem before its place is looked up.
#[derive(Debug)]
pub(crate) struct Draft {
    file: usize,
    range: Option<(usize, usize)>,
    message: String,
    label: Option<String>,
    hint: Option<String>,
    first: Option<Span>,
}

impl Draft {
    /// Something given twice: says where the first one is.
    pub(crate) fn again(&mut self, first: Span) -> &mut Self {
        self.first = Some(first);
        self.label("again here")
    }

    /// Says what is wrong with the marked text.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(printable(&label.into()));
        self
    }

    /// Says what to do next.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(printable(&hint.into()));
        self
    }

    /// Says what to do next, if there is something to say.
    pub(crate) fn hint_if(&mut self, hint: Option<String>) -> &mut Self {
        if let Some(hint) = hint {
            self.hint(hint);
        }
        self
    }
}

/// Collects problems and notes while a manifest is read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Some file could not be read: what is missing may be in it, so nothing is reported as missing.
    pub(crate) partial: bool,
    drafts: Vec<Draft>,
    left_out: usize,
    /// Where drafts beyond the limit go.
    overflow: Option<Draft>,
    notes: BTreeMap<String, Vec<Span>>,
    /// What is not shown of the files.
    hidden: Vec<Span>,
}

impl Report {
    /// Something is wrong at `span`.
    pub(crate) fn problem(&mut self, span: Span, message: impl Into<String>) -> &mut Draft {
        self.push(span.file, Some((span.start, span.end)), &message.into())
    }

    /// Something is wrong with a file as a whole.
    pub(crate) fn file_problem(&mut self, file: usize, message: impl Into<String>) -> &mut Draft {
        self.push(file, None, &message.into())
    }

    fn push(&mut self, file: usize, range: Option<(usize, usize)>, message: &str) -> &mut Draft {
        let draft = Draft { file, range, message: printable(message), label: None, hint: None, first: None };
        if self.drafts.len() < MAX_PROBLEMS {
            let index = self.drafts.len();
            self.drafts.push(draft);
            return &mut self.drafts[index];
        }
        self.left_out += 1;
        self.overflow.insert(draft)
    }

    /// A hint that names the known word nearest to `given`; none for a problem that is only counted, since looking is not cheap.
    pub(crate) fn suggest<'a>(&self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
        if self.drafts.len() < MAX_PROBLEMS { did_you_mean(given, known) } else { None }
    }

    /// Something is worth knowing; the same message is said once.
    pub(crate) fn note(&mut self, span: Span, message: impl Into<String>) {
        self.notes.entry(printable(&message.into())).or_default().push(span);
    }

    /// These places are shown as stars, whatever is wrong beside them.
    pub(crate) fn hide(&mut self, spans: impl Iterator<Item = Span>) {
        self.hidden.extend(spans);
    }

    pub(crate) const fn is_clean(&self) -> bool {
        self.drafts.is_empty()
    }

    /// The problems with their places looked up.
    pub(crate) fn problems(&self, files: &Files) -> Problems {
        let mut order: Vec<&Draft> = self.drafts.iter().collect();
        order.sort_by_key(|draft| (draft.file, draft.range));
        let list = order.into_iter().map(|draft| place(draft, files, &self.hidden)).collect();
        Problems { list, left_out: self.left_out, cluster: None }
    }

    /// The notes with their places looked up, in the order of their first place.
    pub(crate) fn into_notes(self, files: &Files) -> Vec<Note> {
        let mut notes: Vec<(Vec<Span>, String)> = self
            .notes
            .into_iter()
            .map(|(message, mut spans)| {
                spans.sort();
                (spans, message)
            })
            .collect();
        notes.sort();
        let places = |spans: &[Span]| spans.iter().take(MAX_PLACES).filter_map(|span| place_of(*span, files)).collect();
        notes.into_iter().map(|(spans, message)| Note { message, places: places(&spans), count: spans.len() }).collect()
    }
}

fn place_of(span: Span, files: &Files) -> Option<Place> {
    let file = files.get(span.file)?;
    let position = file.position(span.start);
    Some(Place { file: file.shown.clone(), line: position.line, column: position.column })
}

fn place(draft: &Draft, files: &Files, hidden: &[Span]) -> Problem {
    let mut problem = Problem {
        severity: Severity::Error,
        file: files.get(draft.file).map(|file| file.shown.clone()).unwrap_or_default(),
        line: 0,
        column: 0,
        message: draft.message.clone(),
        label: draft.label.clone(),
        hint: draft.hint.clone(),
        excerpt: None,
    };
    if let Some(first) = draft.first.and_then(|span| place_of(span, files)) {
        problem.hint = Some(format!("the first is at {}:{}:{}", first.file.display(), first.line, first.column));
    }
    let (Some(file), Some((start, end))) = (files.get(draft.file), draft.range) else { return problem };
    let line = file.line_at(start);
    let start = file.floor(start).clamp(line.start, line.end);
    let end = file.floor(end).clamp(start, line.end);
    let position = file.position(start);
    (problem.line, problem.column) = (position.line, position.column);
    let text = file.text.get(line.clone()).unwrap_or("");
    let hidden = hidden.iter().filter(|span| span.file == draft.file).map(|span| (span.start.max(line.start), span.end.min(line.end)));
    let hidden: Vec<_> = hidden.filter(|(from, to)| from < to).map(|(from, to)| from - line.start..to - line.start).collect();
    problem.excerpt = Some(excerpt(&with_stars(text, &hidden), start - line.start..end - line.start));
    problem
}

/// The line with as many stars as bytes in these places, so that others stay where they are.
fn with_stars(line: &str, hidden: &[std::ops::Range<usize>]) -> String {
    let star = |(at, c): (usize, char)| if hidden.iter().any(|range| range.contains(&at)) { "*".repeat(c.len_utf8()) } else { c.to_string() };
    if hidden.is_empty() { line.to_owned() } else { line.char_indices().map(star).collect() }
}

/// The line, or a window of it around the marked part.
fn excerpt(line: &str, marked: std::ops::Range<usize>) -> Excerpt {
    if line.len() <= MAX_SHOWN_LINE {
        let trimmed = line.get(marked.clone()).map_or(0, |text| text.trim_end().len());
        return Excerpt { text: line.to_owned(), marked: marked.start..marked.start + trimmed, whole: true };
    }
    let from = floor_boundary(line, marked.start.saturating_sub(MAX_SHOWN_LINE / 2));
    let to = floor_boundary(line, from + MAX_SHOWN_LINE);
    let end = marked.end.min(to);
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
    let text = format!("{before}{}{after}", line.get(from..to).unwrap_or(""));
    let shift = |index: usize| index - from + before.len();
    Excerpt { marked: shift(marked.start)..shift(end.max(marked.start)), text, whole: false }
}

/// Control characters as escapes: a manifest must not be able to write to the terminal.
fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        shown
    })
}
