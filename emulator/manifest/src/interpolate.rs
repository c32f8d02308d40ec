//! Variables in values, as in Compose: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`,
//! `${NAME?message}`, `${NAME:+other}`, `${NAME+other}`; `$$` is a dollar sign. The colon makes an empty variable count as unset.

use crate::environment::{Environment, is_name};
use crate::node::{Node, Span, Style, Value};
use crate::problem::Report;
use crate::suggest::did_you_mean;

/// The deepest nesting of a default in a default.
const MAX_DEPTH: usize = 16;

/// Substitutes variables in every value below `node`; keys stay as they are. `text` is the file's own, to point at the variable.
pub(crate) fn interpolate(node: &mut Node, text: &str, environment: &Environment<'_>, report: &mut Report) {
    let span = node.span;
    match &mut node.value {
        Value::Null { .. } | Value::Unknown => {}
        Value::List(items) => items.iter_mut().for_each(|item| interpolate(item, text, environment, report)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| interpolate(&mut entry.node, text, environment, report)),
        Value::Scalar { text: value, style } if value.contains('$') => match substitute(value, environment, 0) {
            Ok(substituted) => {
                *value = substituted;
                *style = Style::Plain;
            }
            Err(failure) => {
                let place = pinpoint(span, text, &failure.at);
                report.problem(place, failure.message).hint_if(failure.hint);
                node.value = Value::Unknown;
            }
        },
        Value::Scalar { .. } => {}
    }
}

/// Why a value cannot be substituted.
struct Failure {
    /// The part of the value to point at.
    at: String,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn new(at: &str, message: impl Into<String>, hint: &str) -> Self {
        Self { at: at.to_owned(), message: message.into(), hint: Some(hint.to_owned()) }
    }
}

/// The place of `part` inside a value, if it is written there as it is.
fn pinpoint(span: Span, text: &str, part: &str) -> Span {
    let found = text.get(span.start..span.end).and_then(|value| value.find(part));
    found.map_or(span, |at| Span { start: span.start + at, end: span.start + at + part.len(), ..span })
}

fn substitute(value: &str, environment: &Environment<'_>, depth: usize) -> Result<String, Failure> {
    let mut result = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(dollar) = rest.find('$') {
        result.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            result.push('$');
            rest = tail;
        } else if let Some(tail) = after.strip_prefix('{') {
            let end = closing_brace(tail).ok_or_else(|| Failure::new(&rest[dollar..], "`${` is not closed", "write `$$` for a dollar sign"))?;
            result.push_str(&expression(&tail[..end], environment, depth)?);
            rest = &tail[end + 1..];
        } else {
            let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            let name = &after[..length];
            if !is_name(name) {
                return Err(Failure::new("$", "a `$` that begins no variable", "write `$$` for a dollar sign"));
            }
            result.push_str(environment.get(name).ok_or_else(|| unset(&format!("${name}"), name, environment))?);
            rest = &after[length..];
        }
    }
    result.push_str(rest);
    Ok(result)
}

/// Where the `}` of a `${` is, braces of variables inside it skipped.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0;
    let mut before = ' ';
    for (index, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' if open == 0 => return Some(index),
            '}' => open -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

/// What stands between `${` and `}`.
fn expression(text: &str, environment: &Environment<'_>, depth: usize) -> Result<String, Failure> {
    let whole = format!("${{{text}}}");
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, operator) = text.split_at(end);
    if !is_name(name) || depth == MAX_DEPTH {
        return Err(Failure::new(
            &whole,
            format!("`{whole}` is not a variable"),
            "write `${NAME}` or `${NAME:-default}`, and `$$` for a dollar sign",
        ));
    }
    let value = environment.get(name);
    let (value, operator) = operator.strip_prefix(':').map_or((value, operator), |rest| (value.filter(|value| !value.is_empty()), rest));
    let mut chars = operator.chars();
    match (chars.next(), value) {
        (None, Some(value)) if !text.ends_with(':') => Ok(value.to_owned()),
        (None, None) if !text.ends_with(':') => Err(unset(&whole, name, environment)),
        (Some('-' | '?'), Some(value)) => Ok(value.to_owned()),
        (Some('-'), None) | (Some('+'), Some(_)) => substitute(chars.as_str(), environment, depth + 1),
        (Some('+'), None) => Ok(String::new()),
        (Some('?'), None) => {
            let message = substitute(chars.as_str(), environment, depth + 1)?;
            let why = if message.is_empty() { String::new() } else { format!(": {message}") };
            Err(Failure::new(&whole, format!("the variable `{name}` is required{why}"), "set it in the environment or in `.env`"))
        }
        _ => Err(Failure::new(
            &whole,
            format!("`{whole}` is not a variable"),
            "after the name comes `:-default`, `-default`, `:?message` or `:+other`",
        )),
    }
}

fn unset(at: &str, name: &str, environment: &Environment<'_>) -> Failure {
    let hint = did_you_mean(name, environment.names())
        .unwrap_or_else(|| format!("set it in the environment or in `.env`, or give a default: `${{{name}:-value}}`; `$$` is a dollar sign"));
    Failure::new(at, format!("the variable `{name}` is not set"), &hint)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn variables_are_substituted_as_in_compose() {
        let process = BTreeMap::from([("A".to_owned(), "one".to_owned()), ("EMPTY".to_owned(), String::new())]);
        let environment = Environment::new(&process, BTreeMap::from([("B".to_owned(), "two".to_owned()), ("A".to_owned(), "file".to_owned())]));
        for (given, expected) in [
            ("$A-${B}", Ok("one-two")),
            ("$$A $${B}", Ok("$A ${B}")),
            ("${NO:-x}${NO-y}", Ok("xy")),
            ("${EMPTY:-x}|${EMPTY-y}", Ok("x|")),
            ("${NO:-${B}:${NO:-z}}", Ok("two:z")),
            ("${A:+yes}${NO:+no}${EMPTY+set}", Ok("yesset")),
            ("${A:?needed}", Ok("one")),
            ("${NO:-}", Ok("")),
            ("${NO:-http://x:80/?a=1}", Ok("http://x:80/?a=1")),
            ("${NO}", Err("the variable `NO` is not set")),
            ("$NO", Err("the variable `NO` is not set")),
            ("${EMPTY:?say something}", Err("the variable `EMPTY` is required: say something")),
            ("${EMPTY?}", Ok("")),
            ("costs 5$", Err("a `$` that begins no variable")),
            ("${A", Err("`${` is not closed")),
            ("${A:}", Err("`${A:}` is not a variable")),
            ("${1}", Err("`${1}` is not a variable")),
            ("${A!x}", Err("`${A!x}` is not a variable")),
        ] {
            let got = substitute(given, &environment, 0).map_err(|failure| failure.message);
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{given}");
        }
    }
}
