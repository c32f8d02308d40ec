//! Wildcard patterns of rules: `*` stands for any number of characters, `/` too, `?` for exactly one (alb.md 2).

/// Whether letters of both cases are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Paths.
    Sensitive,
    /// Hosts, headers, queries. The pattern is turned into small letters once; texts must come in small letters.
    Insensitive,
}

/// `*` of a pattern once it is compiled: no byte that a text may hold.
const MANY: u8 = 0;
/// `?` likewise.
const ONE: u8 = 1;

/// A pattern that is compiled once and matched often. It matches a whole text or nothing.
///
/// Texts are compared byte by byte: what reaches a pattern is visible ASCII ([`crate::path::normalized`], [`crate::path::visible`]).
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

/// What a pattern comes down to; nearly all of them need one comparison.
#[derive(Clone, Debug)]
enum Kind {
    Any,
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<[u8]>),
    General(Box<[u8]>),
}

impl Pattern {
    /// Compiles a pattern. Every text is one.
    #[must_use]
    pub fn new(source: &str, case: Case) -> Self {
        Self::compile(source.bytes().map(token), case)
    }

    /// Compiles a pattern in which `\*` and `\?` mean the characters themselves.
    #[must_use]
    pub fn with_escapes(source: &str, case: Case) -> Self {
        let mut bytes = source.bytes().peekable();
        let tokens = std::iter::from_fn(|| match (bytes.next()?, bytes.peek()) {
            (b'\\', Some(b'*' | b'?')) => bytes.next(),
            (byte, _) => Some(token(byte)),
        });
        Self::compile(tokens, case)
    }

    fn compile(tokens: impl Iterator<Item = u8>, case: Case) -> Self {
        let mut pattern: Vec<u8> = tokens.collect();
        // Several stars in a row say no more than one.
        pattern.dedup_by(|next, before| *next == MANY && *before == MANY);
        if case == Case::Insensitive {
            pattern.make_ascii_lowercase();
        }
        Self(Kind::of(&pattern))
    }

    /// Whether the whole of `text` is what the pattern says. At worst the product of both lengths in time.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        match &self.0 {
            Kind::Any => true,
            Kind::Exact(literal) => literal.len() == text.len() && same(literal, text),
            Kind::Prefix(literal) => text.get(..literal.len()).is_some_and(|start| same(literal, start)),
            Kind::Suffix(literal) => text.len().checked_sub(literal.len()).and_then(|start| text.get(start..)).is_some_and(|end| same(literal, end)),
            Kind::Contains(literal) => text.windows(literal.len()).any(|window| same(literal, window)),
            Kind::General(pattern) => general(pattern, text),
        }
    }
}

impl Pattern {
    /// What every text begins with that it matches.
    pub(crate) fn beginning(&self) -> &[u8] {
        match &self.0 {
            Kind::Exact(literal) | Kind::Prefix(literal) => literal,
            Kind::General(pattern) => pattern.split(|byte| matches!(*byte, MANY | ONE)).next().unwrap_or_default(),
            Kind::Any | Kind::Suffix(_) | Kind::Contains(_) => &[],
        }
    }
}

/// A byte of a pattern; control characters, which no text holds, match nothing.
const fn token(byte: u8) -> u8 {
    match byte {
        b'*' => MANY,
        b'?' => ONE,
        MANY | ONE => 0x7f,
        other => other,
    }
}

/// The last byte first: patterns of one listener often begin alike, and a byte costs less than the call that compares all.
fn same(literal: &[u8], text: &[u8]) -> bool {
    literal.last() == text.last() && literal == text
}

impl Kind {
    fn of(pattern: &[u8]) -> Self {
        let wild = |part: &[u8]| part.iter().any(|byte| matches!(*byte, MANY | ONE));
        match pattern {
            [MANY] => Self::Any,
            [MANY, literal @ .., MANY] if !wild(literal) => Self::Contains(literal.into()),
            [literal @ .., MANY] if !wild(literal) => Self::Prefix(literal.into()),
            [MANY, literal @ ..] if !wild(literal) => Self::Suffix(literal.into()),
            literal if !wild(literal) => Self::Exact(literal.into()),
            other => Self::General(other.into()),
        }
    }
}

/// On a mismatch the last star takes one byte more. Only the last one ever has to: what lies before it is matched already.
fn general(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut last_star = None;
    while let Some(&byte) = text.get(read) {
        match (pattern.get(at), last_star) {
            (Some(&MANY), _) => {
                at += 1;
                last_star = Some((at, read));
            }
            (Some(&wanted), _) if wanted == ONE || wanted == byte => {
                at += 1;
                read += 1;
            }
            (_, Some((after_star, taken))) => {
                at = after_star;
                read = taken + 1;
                last_star = Some((after_star, read));
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == MANY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, word by word.
    fn reference(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => reference(rest, text) || (!text.is_empty() && reference(pattern, &text[1..])),
            ([b'?', rest @ ..], [_, tail @ ..]) => reference(rest, tail),
            ([wanted, rest @ ..], [byte, tail @ ..]) => wanted == byte && reference(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn patterns_match_whole_texts() {
        let check = |case: Case, pattern: &str, yes: &[&str], no: &[&str]| {
            let compiled = Pattern::new(pattern, case);
            yes.iter().for_each(|text| assert!(compiled.matches(text), "`{pattern}` must match `{text}`"));
            no.iter().for_each(|text| assert!(!compiled.matches(text), "`{pattern}` must not match `{text}`"));
        };
        use Case::{Insensitive, Sensitive};
        check(Sensitive, "/img/*", &["/img/", "/img/a/b", "/img//"], &["/img", "/IMG/a", "x/img/"]);
        check(Sensitive, "/api/users*", &["/api/users", "/api/users/7", "/api/usersX"], &["/api/user", "/api/Users"]);
        check(Sensitive, "/exact", &["/exact"], &["/exact/", "/exac", "/Exact"]);
        check(Sensitive, "*.jpg", &["/a/b.jpg", ".jpg"], &["/a.jpeg", "jpg"]);
        check(Sensitive, "*/v1/*", &["/v1/", "/a/v1/b"], &["/v1", "v1/"]);
        check(Sensitive, "/a/*/c", &["/a//c", "/a/b/c", "/a/b/d/c"], &["/a/c", "/a/b/c/"]);
        check(Sensitive, "/item/?", &["/item/1", "/item//"], &["/item/", "/item/12"]);
        check(Sensitive, "/?*", &["/a", "/ab"], &["/"]);
        check(Sensitive, "*", &["", "/", "/a"], &[]);
        check(Sensitive, "**", &["", "/a"], &[]);
        check(Sensitive, "/a**b", &["/ab", "/axb"], &["/a"]);
        check(Sensitive, "", &[""], &["/"]);
        check(Sensitive, "//application", &["//application"], &["/application"]);
        check(Insensitive, "*.Example.com", &["a.example.com", "a.b.example.com"], &["example.com"]);
        check(Insensitive, "API?.example.com", &["api1.example.com"], &["api.example.com"]);
        check(Insensitive, "Shop.*", &["shop.", "shop.example"], &["shops.example"]);
        check(Insensitive, "*LAB*", &["a.lab.b", "lab"], &["la.b"]);
    }

    #[test]
    fn a_backslash_takes_the_meaning_of_wildcards_away() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let compiled = Pattern::with_escapes(pattern, Case::Sensitive);
            yes.iter().for_each(|text| assert!(compiled.matches(text), "`{pattern}` must match `{text}`"));
            no.iter().for_each(|text| assert!(!compiled.matches(text), "`{pattern}` must not match `{text}`"));
        };
        check(r"a\*b", &["a*b"], &["aXb", r"a\*b", "ab"]);
        check(r"a\?*", &["a?", "a?b"], &["ab", r"a\b"]);
        check(r"a\b\", &[r"a\b\"], &["ab"]);
        check(r"\**\*", &["**", "*x*"], &["*", "x*"]);
    }

    #[test]
    fn many_stars_cost_no_more_than_the_product_of_the_lengths() {
        let pattern = Pattern::new(&format!("{}b", "a*".repeat(63)), Case::Sensitive);
        assert!(!pattern.matches(&"a".repeat(16_000)));
    }

    proptest! {
        #[test]
        fn every_kind_agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let expected = reference(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Pattern::new(&pattern, Case::Sensitive).matches(&text), expected);
            let shouted = Pattern::new(&pattern.to_ascii_uppercase(), Case::Insensitive);
            prop_assert_eq!(shouted.matches(&text), expected);
        }
    }
}
