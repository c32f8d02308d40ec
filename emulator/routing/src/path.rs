//! The form of a request's path and host that conditions are compared with (alb.md 2, Details). What is sent to the target stays raw.
//!
//! AWS does not publish its normalization. Ours: percent-escapes are decoded once (one that is malformed stays as it is), everything
//! but visible ASCII and spaces is left out, `.` and `..` segments are resolved after decoding as RFC 3986 5.2.4 says, `//` is kept.

use std::borrow::Cow;

/// The path as conditions see it. Borrowed where nothing has to change, which is nearly always.
#[must_use]
pub fn normalized(raw: &str) -> Cow<'_, str> {
    if is_normal(raw.as_bytes()) {
        return Cow::Borrowed(raw);
    }
    let decoded: String = decoded(raw.as_bytes()).into_iter().filter(|byte| is_considered(*byte)).map(char::from).collect();
    Cow::Owned(without_dot_segments(decoded))
}

/// A text without what conditions do not consider: control characters and everything beyond ASCII.
#[must_use]
pub fn visible(raw: &str) -> Cow<'_, str> {
    if raw.bytes().all(is_considered) {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.bytes().filter(|byte| is_considered(*byte)).map(char::from).collect())
}

/// The same of bytes that need not be UTF-8, such as a header's value.
#[must_use]
pub fn visible_bytes(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(text) => visible(text),
        Err(_) => Cow::Owned(raw.iter().copied().filter(|byte| is_considered(*byte)).map(char::from).collect()),
    }
}

/// A text in small letters.
#[must_use]
pub fn small(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { text }
}

const fn is_considered(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

fn is_normal(raw: &[u8]) -> bool {
    let mut before = 0;
    raw.iter().all(|&byte| {
        let normal = is_considered(byte) && byte != b'%' && !(byte == b'.' && before == b'/');
        before = byte;
        normal
    })
}

fn decoded(raw: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *byte == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push(high * 16 + low);
                rest = &tail[2..];
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

fn without_dot_segments(path: String) -> String {
    let Some(absolute) = path.strip_prefix('/').filter(|_| path.contains("/.")) else { return path };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = absolute.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => {
                kept.push(other);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_and_resolved_for_matching() {
        let check = |raw: &str, expected: &str| assert_eq!(normalized(raw), expected, "{raw}");
        check("/", "/");
        check("/a%20b", "/a b");
        check("/%61%2Fb", "/a/b");
        check("/%zz%4", "/%zz%4");
        check("/%2541", "/%41");
        check("/caf\u{e9}/x", "/caf/x");
        check("/caf%C3%A9/x", "/caf/x");
        check("/a%00%0d%7fb", "/ab");
        check("//application//api", "//application//api");
        check("/public/../admin", "/admin");
        check("/public/%2e%2e/admin", "/admin");
        check("/a/./b", "/a/b");
        check("/a/b/..", "/a/");
        check("/a/.", "/a/");
        check("/..", "/");
        check("/../../x", "/x");
        check("/a//../b", "/a/b");
        check("/.well-known/x", "/.well-known/x");
        check("/a/...", "/a/...");
        check("*", "*");
        check("", "");
    }

    #[test]
    fn a_plain_path_is_not_copied() {
        assert!(matches!(normalized("/api/users/7;v=1.2,x~"), Cow::Borrowed(_)));
        assert!(matches!(visible("example.com"), Cow::Borrowed(_)));
        assert!(matches!(small(Cow::Borrowed("example.com")), Cow::Borrowed(_)));
        assert_eq!(small(Cow::Borrowed("Example.COM")), "example.com");
        assert_eq!(visible("exam\u{7f}ple\u{e9}.com"), "example.com");
        assert_eq!(visible_bytes(b"exam\x7fple\xe9.com"), "example.com");
        assert!(matches!(visible_bytes(b"v1 beta"), Cow::Borrowed(_)));
    }
}
