//! Texts with `*` for any text, `?` for one character and `${…}` for what is known of the request.

use serde::{Deserialize, Serialize};

use super::PolicyRequest;

/// A text of a policy, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyPattern(pub String);

/// A character of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Is(char),
    One,
    Any,
}

/// How many parts an ARN has; the last may have colons of its own.
pub(super) const ARN_PARTS: usize = 6;

impl PolicyPattern {
    /// Actions have no case, and no variables.
    pub(super) fn is_action(&self, action: &str) -> bool {
        glob(&plain(&self.0.to_ascii_lowercase()), &action.to_ascii_lowercase())
    }

    /// `*` is every resource; else it is matched part by part, so that a wildcard does not reach over a colon into the next one.
    pub(super) fn is_resource(&self, resource: &str, request: &PolicyRequest<'_>) -> bool {
        self.0 == "*" || self.is_arn(resource, request)
    }

    /// The same without `*` for all.
    pub(super) fn is_arn(&self, arn: &str, request: &PolicyRequest<'_>) -> bool {
        let Some(tokens) = self.tokens(request) else { return false };
        let patterns: Vec<&[Token]> = tokens.splitn(ARN_PARTS, |token| *token == Token::Is(':')).collect();
        let parts: Vec<&str> = arn.splitn(ARN_PARTS, ':').collect();
        patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(pattern, part)| glob(pattern, part))
    }

    /// A text as it is, or with wildcards.
    pub(super) fn is_like(&self, text: &str, request: &PolicyRequest<'_>) -> bool {
        self.tokens(request).is_some_and(|tokens| glob(&tokens, text))
    }

    /// What the pattern says of this request, its wildcards taken for what they are. `None` where a variable has no value.
    pub(super) fn text(&self, request: &PolicyRequest<'_>) -> Option<String> {
        let text = |token: &Token| match token {
            Token::Is(c) => *c,
            Token::One => '?',
            Token::Any => '*',
        };
        self.tokens(request).map(|tokens| tokens.iter().map(text).collect())
    }

    /// A wildcard in the value of a variable is none.
    fn tokens(&self, request: &PolicyRequest<'_>) -> Option<Vec<Token>> {
        if !request.variables {
            return Some(plain(&self.0));
        }
        let mut tokens = Vec::new();
        for part in parts(&self.0) {
            match part {
                Part::Text(text) => tokens.extend(plain(text)),
                Part::Variable(variable) => tokens.extend(value(variable, request)?.chars().map(Token::Is)),
            }
        }
        Some(tokens)
    }
}

/// A piece of a pattern.
pub(super) enum Part<'a> {
    Text(&'a str),
    /// What stands between `${` and `}`.
    Variable(&'a str),
}

/// The pieces of a pattern. A `${` without its `}` is text.
pub(super) fn parts(pattern: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((variable, after)) = after.split_once('}') else { break };
        parts.push(Part::Text(before));
        parts.push(Part::Variable(variable));
        rest = after;
    }
    parts.push(Part::Text(rest));
    parts
}

/// The key of a variable, and what it is where that has no value: `aws:PrincipalTag/team, 'none'`.
pub(super) fn key_and_default(variable: &str) -> (&str, Option<&str>) {
    match variable.split_once(',') {
        Some((key, default)) => {
            let default = default.trim();
            (key.trim(), Some(default.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(default)))
        }
        None => (variable.trim(), None),
    }
}

/// `${*}`, `${?}` and `${$}` are these characters themselves; of a key with several values there is no one value.
fn value<'a>(variable: &'a str, request: &PolicyRequest<'a>) -> Option<&'a str> {
    if matches!(variable, "*" | "?" | "$") {
        return Some(variable);
    }
    let (key, default) = key_and_default(variable);
    match request.values(key)[..] {
        [value] => Some(value),
        [] => default,
        _ => None,
    }
}

fn plain(text: &str) -> Vec<Token> {
    let token = |c| match c {
        '*' => Token::Any,
        '?' => Token::One,
        c => Token::Is(c),
    };
    text.chars().map(token).collect()
}

/// Goes back to the last `*` where it fails: at most as many steps as the lengths multiplied.
fn glob(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut seen, mut last) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                last = Some((at, seen));
                at += 1;
            }
            Some(Token::One) => (at, seen) = (at + 1, seen + 1),
            Some(Token::Is(c)) if *c == text[seen] => (at, seen) = (at + 1, seen + 1),
            _ => match last {
                Some((star, from)) => {
                    last = Some((star, from + 1));
                    (at, seen) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|token| *token == Token::Any)
}
