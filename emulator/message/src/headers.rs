//! Header lines in the order and the spelling in which they came. Names are compared without case.

mod line;

use std::fmt;
use std::ops::Range;

use line::{Line, Mark, Wanted};

use crate::line::all_text;

/// Room that is made for lines that are added to those that came.
const ROOM: usize = 512;

/// See the module. All text stands in one buffer, so a head costs two allocations, however many lines it has.
#[derive(Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    lines: Vec<Line>,
    /// The bits of all marks that any line ever had: most names that are looked for are not there, and this says so at once.
    marks: u64,
}

impl Headers {
    /// No lines yet; they will point into `text`.
    pub(crate) fn over(text: &[u8]) -> Self {
        let mut own = Vec::with_capacity(text.len() + ROOM);
        own.extend_from_slice(text);
        Self { text: own, lines: Vec::with_capacity(16), marks: 0 }
    }

    /// A line whose name and value are in the text already.
    pub(crate) fn point(&mut self, name: Range<usize>, value: Range<usize>) {
        let line = Line::of(&self.text, name, value);
        self.marks |= line.mark.bit();
        self.lines.push(line);
    }

    /// Makes what stands there, behind the last line's value and its end, a part of that value.
    pub(crate) fn continue_last(&mut self, range: Range<usize>) {
        let Some(last) = self.lines.last_mut() else { return };
        let (name, value) = (last.name.range(), last.value.range());
        // A value that was stored apart stands behind everything that came, and cannot be continued in place.
        if let Some(between) = self.text.get_mut(value.end..range.start) {
            between.fill(b' ');
            *last = Line::of(&self.text, name, value.start..range.end);
        }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    fn name_of(&self, line: &Line) -> &[u8] {
        &self.text[line.name.range()]
    }

    fn value_of(&self, line: &Line) -> &[u8] {
        &self.text[line.value.range()]
    }

    /// What would end a line becomes a blank, wherever it came from.
    pub(crate) fn store(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        if !all_text(text) {
            self.text[start..].iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n' | 0)).for_each(|byte| *byte = b' ');
        }
        start..self.text.len()
    }

    /// The same of a line, as it is written.
    fn store_line(&mut self, name: &str, value: &[u8]) -> Line {
        self.text.reserve(name.len() + value.len() + ": \r\n".len());
        let name = self.store(name.as_bytes());
        self.text.extend_from_slice(b": ");
        let value = self.store(value);
        self.text.extend_from_slice(b"\r\n");
        let mark = Mark::of(&self.text[name.clone()]);
        self.marks |= mark.bit();
        Line { mark, name: name.into(), value: value.into(), whole: true }
    }

    /// The lines of a name.
    #[inline]
    fn named(&self, name: &str) -> impl Iterator<Item = &Line> {
        let wanted = Wanted::of(name);
        let lines = if self.may_have(wanted) { &*self.lines } else { &[] };
        lines.iter().filter(move |line| wanted.is(&self.text, line))
    }

    #[inline]
    const fn may_have(&self, wanted: Wanted<'_>) -> bool {
        self.marks & wanted.bit() != 0
    }

    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| (self.name_of(line), self.value_of(line)))
    }

    /// The value of the first line of that name.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.named(name).next().map(|line| self.value_of(line))
    }

    /// The same, where it is text.
    #[must_use]
    #[inline]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// The values of all lines of that name.
    #[inline]
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.named(name).map(|line| self.value_of(line))
    }

    /// Whether there is a line of that name.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// What a list of tokens in the lines of that name says, each without the blanks around it.
    #[inline]
    pub fn tokens<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }

    /// Whether one of the tokens in the lines of that name is this one.
    #[must_use]
    #[inline]
    pub fn says(&self, name: &str, token: &str) -> bool {
        self.contains(name) && self.tokens(name).any(|own| own.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Adds a line behind the others.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let line = self.store_line(name, value.as_ref());
        self.lines.push(line);
    }

    /// Adds a line at a place, in front of the line that stands there.
    ///
    /// # Panics
    /// Where there is no such place.
    pub fn insert(&mut self, place: usize, name: &str, value: impl AsRef<[u8]>) {
        let line = self.store_line(name, value.as_ref());
        self.lines.insert(place, line);
    }

    /// Makes it the only line of that name: in the place of the first one, else behind the others.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        match self.keep_first(name) {
            Some(at) => self.lines[at] = self.store_line(name, value.as_ref()),
            None => self.append(name, value),
        }
    }

    /// The same, with the name as it was written in the first line, where there is one.
    pub fn set_value(&mut self, name: &str, value: impl AsRef<[u8]>) {
        match self.keep_first(name) {
            Some(at) => {
                let value = self.store(value.as_ref());
                self.lines[at] = Line::of(&self.text, self.lines[at].name.range(), value);
            }
            None => self.append(name, value),
        }
    }

    /// Removes all lines of that name but the first one, and gives its place.
    pub fn keep_first(&mut self, name: &str) -> Option<usize> {
        let wanted = Wanted::of(name);
        if !self.may_have(wanted) {
            return None;
        }
        let Self { text, lines, .. } = self;
        let first = lines.iter().position(|line| wanted.is(text, line))?;
        let mut at = 0;
        lines.retain(|line| {
            at += 1;
            at <= first + 1 || !wanted.is(text, line)
        });
        Some(first)
    }

    /// Removes all lines of that name.
    pub fn remove(&mut self, name: &str) {
        self.remove_all(&[name]);
    }

    /// Removes all lines of these names.
    pub fn remove_all(&mut self, names: &[&str]) {
        let marks = names.iter().fold(0, |marks, name| marks | Mark::of(name.as_bytes()).bit());
        if self.marks & marks != 0 {
            let Self { text, lines, .. } = self;
            lines.retain(|line| line.mark.bit() & marks == 0 || !names.iter().any(|name| Wanted::of(name).is(text, line)));
        }
    }

    /// Removes the lines whose name and value do not please, in order.
    pub fn retain(&mut self, mut pleases: impl FnMut(&[u8], &[u8]) -> bool) {
        let Self { text, lines, .. } = self;
        lines.retain(|line| pleases(&text[line.name.range()], &text[line.value.range()]));
    }

    /// Moves the lines of that name to a place and behind it, in their order; the place behind the last of them.
    pub fn move_to(&mut self, place: usize, name: &str) -> usize {
        let (wanted, mut end) = (Wanted::of(name), place);
        if self.may_have(wanted) {
            for at in place..self.lines.len() {
                if wanted.is(&self.text, &self.lines[at]) {
                    self.lines[end..=at].rotate_right(1);
                    end += 1;
                }
            }
        }
        end
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What the lines are long over HTTP/1, with colons, blanks and line ends.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lines.iter().map(|line| line.len()).sum()
    }

    /// Writes the lines and the empty line behind them. Lines that stand side by side as they are written go at once.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.bytes() + "\r\n".len());
        let mut run = 0..0;
        for line in &self.lines {
            let (name, value) = (line.name.range(), line.value.range());
            if !line.whole || name.start != run.end {
                out.extend_from_slice(&self.text[run]);
                run = name.start..name.start;
            }
            if line.whole {
                run.end = value.end + "\r\n".len();
            } else {
                for part in [&self.text[name], b": ", &self.text[value], b"\r\n"] {
                    out.extend_from_slice(part);
                }
            }
        }
        out.extend_from_slice(&self.text[run]);
        out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.iter().map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        out.debug_map().entries(lines).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Self {
        let mut headers = Self::over(b"");
        lines.into_iter().for_each(|(name, value)| headers.append(name.as_ref(), value));
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        [("Host", "a"), ("X-One", "1"), ("x-two", "2"), ("x-ONE", "3"), ("Last", "4")].into_iter().collect()
    }

    fn written(headers: &Headers) -> String {
        let mut out = Vec::new();
        headers.write(&mut out);
        assert_eq!(out.len(), headers.bytes() + 2);
        String::from_utf8(out).unwrap().replace("\r\n", "|")
    }

    #[test]
    fn lines_keep_order_and_spelling() {
        let headers = headers();
        assert_eq!(written(&headers), "Host: a|X-One: 1|x-two: 2|x-ONE: 3|Last: 4||");
        assert_eq!(headers.get("x-one"), Some(&b"1"[..]));
        assert_eq!(headers.all("X-ONE").collect::<Vec<_>>(), [b"1", b"3"]);
        assert!(headers.contains("HOST") && !headers.contains("hos"));
        assert_eq!((headers.len(), headers.get("nobody")), (5, None));
    }

    #[test]
    fn setting_replaces_in_place() {
        let mut set = headers();
        set.set("X-one", "9");
        assert_eq!(written(&set), "Host: a|X-one: 9|x-two: 2|Last: 4||");
        set.set("New", "n");
        set.set_value("HOST", "b");
        set.set_value("Newer", "m");
        assert_eq!(written(&set), "Host: b|X-one: 9|x-two: 2|Last: 4|New: n|Newer: m||");
    }

    #[test]
    fn lines_are_removed_and_sorted() {
        let mut changed = headers();
        changed.remove("X-One");
        changed.remove("nobody");
        changed.insert(0, "First", "0");
        assert_eq!(written(&changed), "First: 0|Host: a|x-two: 2|Last: 4||");
        assert_eq!([changed.move_to(1, "X-TWO"), changed.move_to(2, "last"), changed.move_to(3, "nobody")], [2, 3, 3]);
        assert_eq!(written(&changed), "First: 0|x-two: 2|Last: 4|Host: a||");
        changed.remove_all(&["host", "nobody", "FIRST"]);
        assert_eq!(written(&changed), "x-two: 2|Last: 4||");
        let mut once = headers();
        assert_eq!((once.keep_first("x-one"), once.keep_first("nobody")), (Some(1), None));
        assert_eq!(written(&once), "Host: a|X-One: 1|x-two: 2|Last: 4||");
    }

    #[test]
    fn no_value_ends_a_line() {
        let mut headers = Headers::default();
        headers.append("A", "b\r\nC: d\0");
        headers.set("E\r\n", "f\ng");
        assert_eq!(written(&headers), "A: b  C: d |E  : f g||");
    }

    #[test]
    fn lists_are_told_apart() {
        let headers: Headers = [("Connection", "close, X-a"), ("connection", " Upgrade ")].into_iter().collect();
        assert_eq!(headers.tokens("connection").collect::<Vec<_>>(), [&b"close"[..], b"X-a", b"Upgrade"]);
        assert!(headers.says("CONNECTION", "upgrade") && !headers.says("connection", "up"));
    }
}
