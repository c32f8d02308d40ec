//! Transforms, compiled: the host and the URL that a target is sent (alb.md 3).
//!
//! AWS's examples are all anchored, so it is not known whether every place is replaced or the first one: here the first one is.

use std::sync::Arc;

use model::{Rewrite, Transforms};
use regex::bytes::{Captures, Regex};

use crate::expressions::Making;
use crate::limits::REQUEST_LINE_BYTES;
use crate::request::{RequestHead, split_port};

/// What a target is sent in place of what the client asked for. `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// The host, without a port.
    pub host: Option<String>,
    /// The path and, behind a `?`, the query.
    pub url: Option<String>,
}

/// A transform made something that no target can be sent: 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRewrite {
    /// `TransformInvalidHost`
    Host,
    /// `TransformInvalidPath`
    Url,
}

impl BadRewrite {
    /// `request_transform_status` of the access log.
    #[must_use]
    pub const fn log_status(self) -> &'static str {
        match self {
            Self::Host => "TransformInvalidHost",
            Self::Url => "TransformInvalidPath",
        }
    }
}

impl Rewritten {
    /// Whether nothing is replaced.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.host.is_none() && self.url.is_none()
    }
}

/// The transforms of a rule.
#[derive(Debug, Default)]
pub(crate) struct TransformTable {
    host: Option<RewriteTable>,
    url: Option<RewriteTable>,
}

impl TransformTable {
    pub(crate) fn new(transforms: &Transforms, expressions: &mut Making<'_>) -> Self {
        let mut table = |rewrite: &Option<Rewrite>, case| rewrite.as_ref().and_then(|rewrite| RewriteTable::new(rewrite, case, expressions));
        Self { host: table(&transforms.host, false), url: table(&transforms.url, true) }
    }

    #[cfg(test)]
    pub(crate) fn expressions(&self) -> impl Iterator<Item = Arc<Regex>> {
        self.host.iter().chain(&self.url).map(|rewrite| Arc::clone(&rewrite.regex))
    }

    /// What the target of a request is sent.
    pub(crate) fn apply(&self, head: &RequestHead<'_>) -> Result<Rewritten, BadRewrite> {
        let host = match (&self.host, head.host) {
            (Some(rewrite), Some(host)) => rewrite.apply(&split_port(host).0.to_ascii_lowercase()),
            _ => None,
        };
        let url = self.url.as_ref().and_then(|rewrite| match head.query {
            Some(query) => rewrite.apply(&format!("{}?{query}", head.path)),
            None => rewrite.apply(head.path),
        });
        let host = host.map(|host| valid(host, is_host).ok_or(BadRewrite::Host)).transpose()?;
        let url = url.map(|url| valid(url, is_url).ok_or(BadRewrite::Url)).transpose()?;
        Ok(Rewritten { host, url })
    }
}

/// A text that `rule` allows.
fn valid(bytes: Vec<u8>, rule: fn(&[u8]) -> bool) -> Option<String> {
    if rule(&bytes) { String::from_utf8(bytes).ok() } else { None }
}

fn is_host(host: &[u8]) -> bool {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    match host {
        [b'[', address @ .., b']'] => !address.is_empty() && address.iter().all(|byte| name(byte) || *byte == b':'),
        // A port would stand before the one that the target is sent.
        other => !other.is_empty() && other.iter().all(name),
    }
}

fn is_url(url: &[u8]) -> bool {
    url.len() <= REQUEST_LINE_BYTES
        && url.first() == Some(&b'/')
        && url.iter().all(|byte| !matches!(byte, 0..=b' ' | b'"' | b'#' | b'<' | b'>' | b'`' | 0x7f))
}

/// One rewrite.
#[derive(Debug)]
struct RewriteTable {
    regex: Arc<Regex>,
    replace: Box<[Part]>,
}

/// A piece of a replacement.
#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Group(usize),
}

impl RewriteTable {
    /// `None` for an expression that cannot be compiled; whoever read it has refused it.
    fn new(rewrite: &Rewrite, case_sensitive: bool, expressions: &mut Making<'_>) -> Option<Self> {
        let regex = expressions.get(&rewrite.regex, case_sensitive)?;
        Some(Self { regex, replace: parts(&rewrite.replace) })
    }

    /// The text with the first match replaced; `None` without one.
    fn apply(&self, text: &str) -> Option<Vec<u8>> {
        let found = self.regex.captures(text.as_bytes())?;
        let all = found.get(0)?;
        let mut out = text.as_bytes()[..all.start()].to_vec();
        self.replace.iter().for_each(|part| part.write(&found, &mut out));
        out.extend_from_slice(&text.as_bytes()[all.end()..]);
        Some(out)
    }
}

impl Part {
    fn write(&self, found: &Captures<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Group(number) => out.extend_from_slice(found.get(*number).map_or(&[][..], |group| group.as_bytes())),
        }
    }
}

/// `$` and digits name a group; any other `$` is itself.
fn parts(replace: &str) -> Box<[Part]> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = replace;
    while let Some(dollar) = rest.find('$') {
        let after = &rest[dollar + 1..];
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        text.push_str(&rest[..dollar]);
        match after[..digits].parse() {
            Ok(number) => {
                parts.push(Part::Text(std::mem::take(&mut text).into()));
                parts.push(Part::Group(number));
            }
            Err(_) => text.push('$'),
        }
        rest = &after[digits..];
    }
    text.push_str(rest);
    parts.push(Part::Text(text.into()));
    parts.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::head;

    fn rewrite(regex: &str, replace: &str) -> Option<Rewrite> {
        Some(Rewrite { regex: regex.into(), replace: replace.into() })
    }

    #[test]
    fn urls_are_rewritten_as_the_client_wrote_them() {
        let check = |regex: &str, replace: &str, target: &str, expected: Result<Option<&str>, BadRewrite>| {
            let table = TransformTable::new(&Transforms { host: None, url: rewrite(regex, replace) }, &mut Making::default());
            let expected = expected.map(|url| Rewritten { host: None, url: url.map(Into::into) });
            assert_eq!(table.apply(&head(target)), expected, "{regex} {replace} {target}");
        };
        check("^/api/(.*)$", "/$1", "/api/users/7?x=1", Ok(Some("/users/7?x=1")));
        check("^/api/(.*)$", "/$1", "/other", Ok(None));
        check("^/api", "/v2", "/api/a%2Fb?c=%20", Ok(Some("/v2/a%2Fb?c=%20")));
        check("a", "b", "/a/a", Ok(Some("/b/a")));
        check("^/([^/]+)/([^?]+)", "/$2/$1", "/a/b?c", Ok(Some("/b/a?c")));
        check("^/(x)?(.*)", "/$1$2$9", "/abc", Ok(Some("/abc")));
        check("^/p", "/$x$", "/p", Ok(Some("/$x$")));
        check("\\?.*$", "", "/p?q", Ok(Some("/p")));
        check("^/API", "/x", "/api", Ok(None));
        check("^/", "", "/p", Err(BadRewrite::Url));
        check("^/p", "/a b", "/p", Err(BadRewrite::Url));
        check("^.*$", "", "/p", Err(BadRewrite::Url));
        check("$", "<", "/p", Err(BadRewrite::Url));
        check("^.*$", &format!("/{}", "x".repeat(REQUEST_LINE_BYTES)), "/p", Err(BadRewrite::Url));
    }

    #[test]
    fn hosts_are_rewritten_without_their_port() {
        let check = |regex: &str, replace: &str, host: Option<&str>, expected: Result<Option<&str>, BadRewrite>| {
            let table = TransformTable::new(&Transforms { host: rewrite(regex, replace), url: None }, &mut Making::default());
            let expected = expected.map(|host| Rewritten { host: host.map(Into::into), url: None });
            assert_eq!(table.apply(&RequestHead { host, ..head("/") }), expected, "{regex} {replace} {host:?}");
        };
        check("^mywebsite-(.+)\\.com$", "internal.dev.$1.myweb.com", Some("MyWebsite-A.com:8080"), Ok(Some("internal.dev.a.myweb.com")));
        check("^MYWEBSITE", "x", Some("mywebsite.com"), Ok(Some("x.com")));
        check("^other$", "x", Some("mywebsite.com"), Ok(None));
        check("^other$", "x", None, Ok(None));
        check(".*", "", Some("a.b"), Err(BadRewrite::Host));
        check("a", "a/b", Some("a.b"), Err(BadRewrite::Host));
        check("^.*$", "a:8080", Some("a.b:81"), Err(BadRewrite::Host));
        check("^.*$", "[::1]", Some("a.b:81"), Ok(Some("[::1]")));
    }
}
