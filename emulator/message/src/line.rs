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
pub(crate) const fn is_token(byte: u8) -> bool {
    TOKENS[byte as usize]
}

/// What values are made of (RFC 9110, 5.5).
pub(crate) const fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// Whether all of it is text. All of it is looked at, which goes many bytes at a time.
pub(crate) fn all_text(text: &[u8]) -> bool {
    text.iter().fold(true, |good, byte| good & is_text(*byte))
}

/// By byte.
const TOKENS: [bool; 256] = {
    let mut tokens = [false; 256];
    let all = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut at = 0;
    while at < all.len() {
        tokens[all[at] as usize] = true;
        at += 1;
    }
    tokens
};
