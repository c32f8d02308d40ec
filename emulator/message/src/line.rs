//! Lines of a head, and what may stand in them.

use std::ops::Range;

/// A line without its end, and whether that was CR and LF.
pub(crate) fn without_end(line: &[u8]) -> (&[u8], bool) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").map_or((line, false), |line| (line, true))
}

/// Blanks between words (RFC 9110, 5.6.3).
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Without the blanks at both ends.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let range = within(0, text);
    &text[range]
}

/// Where the words of `text`, which begins at `start`, are without the blanks at both ends.
pub(crate) fn within(start: usize, text: &[u8]) -> Range<usize> {
    let end = text.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
    let lead = text[..end].iter().take_while(|byte| is_blank(**byte)).count();
    start + lead..start + end
}

/// What methods and names of headers are made of (RFC 9110, 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What values are made of (RFC 9110, 5.5).
pub(crate) const fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}
