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

/// Whether all of it is text. Eight bytes at a time; a tab is rare enough to be looked at once more.
pub(crate) fn all_text(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let plain = |eight: &[u8; 8]| {
        let bytes = u64::from_ne_bytes(*eight);
        // A subtraction borrows into the highest bit of a byte that is smaller; one that had this bit before is no control character.
        let below_blank = bytes.wrapping_sub(ONES * 0x20) & !bytes;
        let delete = bytes ^ (ONES * 0x7f);
        let is_delete = delete.wrapping_sub(ONES) & !delete;
        (below_blank | is_delete) & (ONES * 0x80) == 0
    };
    let slow = |text: &[u8]| text.iter().copied().all(is_text);
    match text.last_chunk::<8>() {
        // The last eight overlap with those before them.
        Some(last) => (text.as_chunks::<8>().0.iter().all(plain) && plain(last)) || slow(text),
        None => slow(text),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_what_is_none_wherever_it_stands() {
        for length in 0..40 {
            for byte in 0..=255 {
                for place in 0..length {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    assert_eq!(all_text(&text), is_text(byte), "{byte:#x} at {place} of {length}");
                    // What a borrow could spill over into.
                    text.iter_mut().skip(place + 1).for_each(|next| *next = b' ');
                    assert_eq!(all_text(&text), is_text(byte), "{byte:#x} at {place} of {length}, blanks behind");
                }
            }
        }
    }
}
