//! Text without the values that it must not show.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use model::Secret;

/// What stands in place of a value.
const MASKED: &str = "***";

/// A shorter value, as `80` or `yes`, is left: it is guessed at once, and masked it would make logs unreadable.
const SHORTEST: usize = 4;

/// The most values that are looked for, and the most bytes of them together.
const MOST: usize = 4096;
const MOST_BYTES: usize = 4 << 20;

/// Values that are looked for in text.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    matcher: Option<AhoCorasick>,
    /// Bytes of the longest value.
    longest: usize,
}

impl Mask {
    /// Looks for these values; of one with several lines for each line, because logs are made of lines.
    #[must_use]
    pub fn new<'s>(values: impl IntoIterator<Item = &'s Secret>) -> Self {
        let lines = values.into_iter().flat_map(|value| value.expose().lines().map(str::trim)).filter(|line| line.len() >= SHORTEST);
        let mut patterns: Vec<&str> = lines.collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns.truncate(MOST);
        let mut bytes = 0;
        patterns.retain(|pattern| {
            bytes += pattern.len();
            bytes <= MOST_BYTES
        });
        if patterns.is_empty() {
            return Self::default();
        }
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        let matcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&patterns).ok();
        Self { matcher, longest }
    }

    /// Whether it looks for nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.matcher.is_none()
    }

    /// The text with each value replaced by `***`.
    #[must_use]
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.matcher {
            Some(matcher) if matcher.is_match(text) => {
                let mut shown = String::with_capacity(text.len());
                matcher.replace_all_with(text, &mut shown, |_, _, shown| {
                    shown.push_str(MASKED);
                    true
                });
                shown.into()
            }
            _ => text.into(),
        }
    }
}

/// Masks a line that comes in pieces: a value may begin in one and end in the next. It holds back no more than the longest value.
#[derive(Debug, Default)]
pub struct LineMask {
    held: String,
}

impl LineMask {
    /// What can be shown after this piece; `more` says that the line goes on in the next one.
    #[must_use]
    pub fn take(&mut self, mask: &Mask, piece: String, more: bool) -> String {
        let text = if self.held.is_empty() { piece } else { std::mem::take(&mut self.held) + &piece };
        let Some(matcher) = mask.matcher.as_ref().filter(|_| more) else { return mask.apply(&text).into_owned() };
        let mut end = text.len().saturating_sub(mask.longest.saturating_sub(1));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        // A value that is whole already goes as a whole.
        let over = matcher.find_iter(&text).find(|found| found.start() < end && found.end() > end);
        let end = over.map_or(end, |found| found.end());
        let shown = mask.apply(&text[..end]).into_owned();
        text[end..].clone_into(&mut self.held);
        shown
    }

    /// What was held back of a line that never ended.
    #[must_use]
    pub fn rest(&mut self, mask: &Mask) -> Option<String> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty()).then(|| mask.apply(&held).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(values: &[&str]) -> Mask {
        let values: Vec<Secret> = values.iter().map(|value| Secret::new((*value).into())).collect();
        Mask::new(&values)
    }

    #[test]
    fn values_are_masked_wherever_they_stand() {
        let mask = mask(&["hunter2", "hunter", "-----BEGIN KEY-----\nMIIB\nabc\n", "80", "pässwörd"]);
        for (text, shown) in [
            ("password=hunter2", "password=***"),
            ("hunterhunter2hunter", "*********"),
            ("http://u:hunter2@db", "http://u:***@db"),
            ("-----BEGIN KEY-----", "***"),
            ("MIIB", "***"),
            ("abc 80", "abc 80"),
            ("pässwörd!", "***!"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(mask.apply(text), shown, "{text}");
        }
        assert!(Mask::default().is_empty() && super::Mask::new(&[]).is_empty());
    }

    #[test]
    fn a_value_across_two_pieces_is_masked() {
        let mask = mask(&["hunter2"]);
        let mut line = LineMask::default();
        let shown: Vec<String> = [("a hun", true), ("ter", true), ("2 b", false), ("hunter2", false)]
            .into_iter()
            .map(|(piece, more)| line.take(&mask, piece.into(), more))
            .collect();
        assert_eq!(shown.concat(), "a *** b***");
        assert_eq!(line.rest(&mask), None);
        assert_eq!(line.take(&mask, "hunter".into(), true), "");
        assert_eq!(line.rest(&mask).as_deref(), Some("hunter"));
    }

    proptest! {
        #[test]
        fn pieces_are_masked_as_the_whole(text in "[abé]{0,40}", cuts in proptest::collection::vec(0_usize..40, 0..6)) {
            let mask = mask(&["aaba", "abab", "bbbb", "éabé"]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).filter(|cut| text.is_char_boundary(*cut)).collect();
            cuts.push(text.len());
            cuts.sort_unstable();
            let (mut line, mut shown, mut from) = (LineMask::default(), String::new(), 0);
            for cut in &cuts {
                shown += &line.take(&mask, text[from..*cut].to_owned(), *cut != text.len());
                from = *cut;
            }
            if let Some(rest) = line.rest(&mask) {
                shown += &rest;
            }
            prop_assert_eq!(shown, mask.apply(&text).into_owned());
        }
    }
}
