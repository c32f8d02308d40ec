//! How bytes are written in cases: a line of text stands for itself and CRLF.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What names in braces stand for.
pub(crate) type Values = BTreeMap<String, String>;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// Something in braces that is no value: patterns give it a meaning.
    Braces(String),
}

/// Replaces `{name}` and `{<number>*<text>}`.
pub(crate) fn expanded(line: &str, values: &Values) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        let Some(length) = closing(&rest[open..]) else { break };
        let inside = &rest[open + 1..open + length];
        rest = &rest[open + length + 1..];
        if let Some((count, repeated)) = inside.split_once('*').and_then(|(count, text)| Some((count.parse::<usize>().ok()?, text))) {
            text.push_str(&plain(repeated, values).repeat(count));
        } else if let Some(value) = values.get(inside) {
            text.push_str(value);
        } else {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            pieces.push(Piece::Braces(inside.to_owned()));
        }
        if rest.is_empty() {
            break;
        }
    }
    text.push_str(rest);
    pieces.push(Piece::Text(text));
    pieces
}

/// Where the brace that begins the text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(index, character)| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(index)
    })
}

/// The same where no pattern is: braces that name nothing are themselves.
pub(crate) fn plain(line: &str, values: &Values) -> String {
    let text = |piece| match piece {
        Piece::Text(text) => text,
        Piece::Braces(inside) => format!("{{{inside}}}"),
    };
    expanded(line, values).into_iter().map(text).collect()
}

/// The bytes that lines stand for. A `\` at the end of a line takes its CRLF away.
pub(crate) fn bytes(lines: &[String], values: &Values) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        if !unescape(&plain(line, values), &mut out) {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// Says whether the line ends with a `\`.
fn unescape(line: &str, out: &mut Vec<u8>) -> bool {
    let mut rest = line.as_bytes();
    while let [byte, tail @ ..] = rest {
        let (written, length) = match tail {
            _ if *byte != b'\\' => (*byte, 1),
            [] => return true,
            [b'n', ..] => (b'\n', 2),
            [b'r', ..] => (b'\r', 2),
            [b't', ..] => (b'\t', 2),
            [b'0', ..] => (0, 2),
            [b'x', high, low, ..] => (hexadecimal(*high) * 16 + hexadecimal(*low), 4),
            [other, ..] => (*other, 2),
        };
        out.push(written);
        rest = &rest[length..];
    }
    false
}

fn hexadecimal(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap()
}

/// The lines that stand for bytes.
pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (text, end) = match line {
            [text @ .., b'\r', b'\n'] => (text, ""),
            [text @ .., b'\n'] => (text, "\\n\\"),
            text => (text, "\\"),
        };
        lines.push(escaped(text) + end);
    }
    lines
}

fn escaped(text: &[u8]) -> String {
    let mut out = String::new();
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0 => out.push_str("\\0"),
            b' ' if index + 1 == text.len() => out.push_str("\\x20"),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => write!(out, "\\x{byte:02x}").unwrap(),
        }
    }
    out
}

#[test]
fn bytes_are_written_and_read() {
    let values = Values::from([("port".to_owned(), "8080".to_owned())]);
    let check = |written: &[&str], expected: &[u8]| {
        let written: Vec<String> = written.iter().map(ToString::to_string).collect();
        assert_eq!(bytes(&written, &values), expected, "{written:?}");
        assert_eq!(bytes(&lines(expected), &Values::new()), expected, "{written:?}");
    };
    check(&["GET / HTTP/1.1", ""], b"GET / HTTP/1.1\r\n\r\n");
    check(&["a\\n\\", "b\\"], b"a\nb");
    check(&["{port} {3*ab} {2*{port}-} {\"a\": 1}"], b"8080 ababab 8080-8080- {\"a\": 1}\r\n");
    check(&["\\0\\t\\r\\x01\\\\ \\x20\\"], b"\0\t\r\x01\\  ");
    assert_eq!(lines(b"a \r\n\xc3\xa9"), ["a\\x20", "\\xc3\\xa9\\"]);
}
