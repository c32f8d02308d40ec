//! Text that others wrote (containers, images, engines) must not command the user's terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with every control character but the tab made visible: `\x1b[2J` is shown, not obeyed. Colour sequences are left out, a
/// carriage return at the end too, and marks that reorder text (bidirectional overrides) are shown as `\u{202e}`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let text = text.trim_end_matches(['\r', '\n']);
    if !text.chars().any(commands) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = after_color(rest) {
            rest = after;
            continue;
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            // Writing into a String cannot fail.
            _ if commands(character) && u32::from(character) < 0x100 => write!(shown, "\\x{:02x}", u32::from(character)).unwrap_or_default(),
            _ if commands(character) => write!(shown, "\\u{{{:x}}}", u32::from(character)).unwrap_or_default(),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// The same with its colours, which end with the line.
pub(crate) fn colored(text: &str) -> Cow<'_, str> {
    if !text.contains("\u{1b}[") {
        return visible(text);
    }
    let (mut shown, mut rest, mut plain) = (String::with_capacity(text.len() + 16), text, 0);
    // What is not a colour goes on as it would without any.
    while let Some(at) = rest.get(plain..).and_then(|rest| rest.find('\u{1b}')).map(|at| at + plain) {
        let sequence = rest.get(at..).unwrap_or_default();
        match after_color(sequence) {
            Some(after) => {
                shown.push_str(&visible(rest.get(..at).unwrap_or_default()));
                shown.push_str(sequence.get(..sequence.len() - after.len()).unwrap_or_default());
                (rest, plain) = (after, 0);
            }
            None => plain = at + 1,
        }
    }
    shown.push_str(&visible(rest));
    shown.push_str("\u{1b}[0m");
    Cow::Owned(shown)
}

fn commands(character: char) -> bool {
    (character.is_control() && character != '\t') || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What follows a colour sequence (`ESC [ digits ; … m`) that the text begins with.
fn after_color(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|character: char| !(character.is_ascii_digit() || character == ';' || character == ':'))?;
    parameters.get(end..)?.strip_prefix('m')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_shown() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a\tb", "a\tb"),
            ("ünïcödé ✓", "ünïcödé ✓"),
            ("line\r\n", "line"),
            ("10%\r20%", "10%\\r20%"),
            ("two\nlines", "two\\nlines"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[38;5;9mred\u{1b}[m", "red"),
            ("\u{1b}[2Jgone", "\\x1b[2Jgone"),
            ("\u{1b}[31", "\\x1b[31"),
            ("\u{1b}]0;title\u{7}", "\\x1b]0;title\\x07"),
            ("\u{9b}2J", "\\x9b2J"),
            ("\u{7f}\u{0}", "\\x7f\\x00"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn colours_are_kept_where_they_are_wanted_and_end_with_the_line() {
        for (text, shown) in [
            ("plain", "plain"),
            ("\u{1b}[31mred", "\u{1b}[31mred\u{1b}[0m"),
            ("a\u{1b}[1;31mb\u{1b}[mc\u{1b}[2J", "a\u{1b}[1;31mb\u{1b}[mc\\x1b[2J\u{1b}[0m"),
            ("\u{1b}]0;t\u{7}\u{1b}[32mg", "\\x1b]0;t\\x07\u{1b}[32mg\u{1b}[0m"),
            ("\u{1b}\u{1b}[31m", "\\x1b\u{1b}[31m\u{1b}[0m"),
        ] {
            assert_eq!(colored(text), shown, "{text:?}");
        }
    }

    #[test]
    fn nothing_that_commands_is_left() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert!(!visible(&all).chars().any(commands));
    }
}
