//! What a request asks for: its target, as it was written (RFC 9112, 3.2).

use std::borrow::Cow;
use std::ops::Range;

/// What an absolute form begins with.
const SCHEMES: [&[u8]; 2] = [b"http://", b"https://"];

/// See the module. Absolute and origin forms, and `*`; nothing is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: Vec<u8>,
    /// Who is asked, in the absolute form.
    authority: Option<Range<usize>>,
    /// Where path and query begin.
    path: usize,
    /// Where the `?` is.
    query: Option<usize>,
}

impl Target {
    /// Takes a target apart. `None` for what is no form of it that a server is asked with.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (authority, path) = match text.first()? {
            b'/' => (None, 0),
            b'*' if text.len() == 1 => (None, 0),
            _ => {
                let start = SCHEMES.iter().find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?.len();
                let end = text[start..].iter().position(|byte| matches!(byte, b'/' | b'?')).map_or(text.len(), |end| start + end);
                // A user's name in front of a host only obscures it.
                if end == start || text[start..end].contains(&b'@') {
                    return None;
                }
                (Some(start..end), end)
            }
        };
        Some(Self::new(text.to_vec(), authority, path))
    }

    /// Of what HTTP/2 tells in pieces; `path` with its query.
    #[must_use]
    pub fn of_parts(authority: Option<&str>, path: &str) -> Self {
        let authority = authority.unwrap_or_default();
        let text = [authority, path].concat().into_bytes();
        Self::new(text, Some(0..authority.len()).filter(|range| !range.is_empty()), authority.len())
    }

    fn new(text: Vec<u8>, authority: Option<Range<usize>>, path: usize) -> Self {
        let query = memchr::memchr(b'?', &text[path..]).map(|at| path + at);
        Self { text, authority, path, query }
    }

    /// Who is asked, where the target says it: name and port. `None` too where it is no text.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        std::str::from_utf8(&self.text[self.authority.clone()?]).ok()
    }

    /// Path and query as a server is asked for them, never empty.
    #[must_use]
    pub fn origin(&self) -> Cow<'_, [u8]> {
        match &self.text[self.path..] {
            rest @ [b'/' | b'*', ..] => Cow::Borrowed(rest),
            rest => Cow::Owned([b"/", rest].concat()),
        }
    }

    /// The path as it was written, without the query. What is no text in it is replaced.
    #[must_use]
    pub fn path(&self) -> Cow<'_, str> {
        match &self.text[self.path..self.query.unwrap_or(self.text.len())] {
            [] => Cow::Borrowed("/"),
            path => lossy(path),
        }
    }

    /// What stands behind the `?`.
    #[must_use]
    pub fn query(&self) -> Option<Cow<'_, str>> {
        self.query.map(|at| lossy(&self.text[at + 1..]))
    }

    /// How long it is, as it was written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// As text, with what is none replaced. Nearly always all of it is, and to find that out is quick.
#[must_use]
pub fn lossy(text: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        let check = |text: &str, expected: (Option<&str>, &str, Option<&str>, &str)| {
            let target = Target::parse(text.as_bytes()).unwrap();
            let (path, query, origin) = (target.path(), target.query(), target.origin());
            let origin = std::str::from_utf8(&origin).unwrap();
            assert_eq!((target.authority(), &*path, query.as_deref(), origin), expected, "{text}");
        };
        check("/", (None, "/", None, "/"));
        check("/a%20b?c=d?e", (None, "/a%20b", Some("c=d?e"), "/a%20b?c=d?e"));
        check("/a b", (None, "/a b", None, "/a b"));
        check("//a//b?", (None, "//a//b", Some(""), "//a//b?"));
        check("*", (None, "*", None, "*"));
        check("http://a.b:80/c?d", (Some("a.b:80"), "/c", Some("d"), "/c?d"));
        check("HTTPS://a", (Some("a"), "/", None, "/"));
        check("http://a?b", (Some("a"), "/", Some("b"), "/?b"));
        check("/\u{fc}", (None, "/\u{fc}", None, "/\u{fc}"));
    }

    #[test]
    fn other_forms_are_none() {
        for text in ["", "a", "a.b:443", "ftp://a/", "http://", "http:///a", "http://user@a/", "**", "?a"] {
            assert_eq!(Target::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_sent_as_they_are() {
        let target = Target::parse(b"/\xff?\xfe").unwrap();
        assert_eq!((&*target.path(), target.query().as_deref()), ("/\u{fffd}", Some("\u{fffd}")));
        assert_eq!(&*target.origin(), b"/\xff?\xfe");
    }

    #[test]
    fn pieces_are_put_together() {
        let target = Target::of_parts(Some("a.b"), "/c?d");
        assert_eq!((target.authority(), &*target.path(), &*target.origin()), (Some("a.b"), "/c", &b"/c?d"[..]));
        assert_eq!(Target::of_parts(None, "/").authority(), None);
    }
}
