//! One header line: where it stands in its head's text, and what tells most names apart before they are compared.

use std::ops::Range;

/// Where something stands in a text; half as large as a range, since lines are gone through for each question.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) const fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl From<Range<usize>> for Span {
    /// Heads have limits, which are far below 4 GiB.
    fn from(range: Range<usize>) -> Self {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: place(range.start), end: place(range.end) }
    }
}

/// The same for names that differ in nothing but case, and for few others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u32);

impl Mark {
    /// Of three letters and the length. With a name that is known to the compiler it is made by the compiler.
    #[inline]
    pub(super) const fn of(name: &[u8]) -> Self {
        let (Some(first), Some(last)) = (name.first(), name.last()) else { return Self(0) };
        let middle = name[name.len() / 2];
        let [length, ..] = name.len().to_le_bytes();
        Self(u32::from_le_bytes([*first | 0x20, middle | 0x20, *last | 0x20, length]))
    }

    /// One of 64 bits, for sets of marks in which few are found.
    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << ((self.0 ^ self.0 >> 8 ^ self.0 >> 16 ^ self.0 >> 24) & 63)
    }
}

/// A name that is looked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'n> {
    name: &'n [u8],
    mark: Mark,
}

impl<'n> Wanted<'n> {
    #[inline]
    pub(super) const fn of(name: &'n str) -> Self {
        Self { name: name.as_bytes(), mark: Mark::of(name.as_bytes()) }
    }

    /// See [`Mark::bit`].
    #[inline]
    pub(super) const fn bit(&self) -> u64 {
        self.mark.bit()
    }

    /// Whether a line of `text` has it.
    #[inline]
    pub(super) fn is(&self, text: &[u8], line: &Line) -> bool {
        line.mark == self.mark && text[line.name.range()].eq_ignore_ascii_case(self.name)
    }
}

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) name: Span,
    pub(super) value: Span,
    pub(super) mark: Mark,
    /// It stands in the text just as it is written: name, colon, blank, value, CR, LF.
    pub(super) whole: bool,
}

impl Line {
    /// A line whose parts stand in `text`.
    pub(super) fn of(text: &[u8], name: Range<usize>, value: Range<usize>) -> Self {
        let mark = Mark::of(&text[name.clone()]);
        let whole = text.get(name.end..value.start) == Some(b": ") && text[value.end..].starts_with(b"\r\n");
        Self { name: name.into(), value: value.into(), mark, whole }
    }

    /// How long it is as it is written.
    pub(super) const fn len(self) -> usize {
        self.name.len() + self.value.len() + ": \r\n".len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_know_no_case_and_tell_names_apart() {
        for names in [["Host", "hOST"], ["X-Forwarded-For", "x-forwarded-for"], ["a", "a"], ["", ""]] {
            assert_eq!(Mark::of(names[0].as_bytes()), Mark::of(names[1].as_bytes()), "{names:?}");
        }
        for names in [["Host", "Post"], ["Date", "Data"], ["x-forwarded-port", "x-forwarded-proto"], ["a", ""], ["ab", "a"]] {
            assert_ne!(Mark::of(names[0].as_bytes()), Mark::of(names[1].as_bytes()), "{names:?}");
        }
    }

    #[test]
    fn lines_that_stand_as_they_are_written_are_whole() {
        for (text, whole) in [("A: b\r\n", true), ("A:b\r\n", false), ("A:  b\r\n", false), ("A: b\n", false), ("A: b \r\n", false), ("A: b", false)]
        {
            let value = text.find('b').unwrap();
            assert_eq!(Line::of(text.as_bytes(), 0..1, value..value + 1).whole, whole, "{text:?}");
        }
    }
}
