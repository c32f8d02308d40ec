//! Conditions of rules, compiled (alb.md 2).

use std::borrow::Cow;
use std::sync::Arc;

use model::{Cidr, Comparison, Condition, QueryParameter};
use regex::bytes::Regex;

use crate::expressions::Making;
use crate::path::{self, small, visible};
use crate::pattern::{Case, Pattern};
use crate::request::{RequestHead, split_port};

/// The parts of a request that conditions look at, in the form that they are compared in; made once a request.
pub(crate) struct Subject<'a> {
    path: Cow<'a, str>,
    host: Option<Cow<'a, str>>,
    head: RequestHead<'a>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(head: &RequestHead<'a>) -> Self {
        Self { path: path::normalized(head.path), host: head.host.map(|host| small(visible(split_port(host).0))), head: *head }
    }

    /// The path, normalised.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The host without its port, in small letters.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The query, raw but for the case of its letters: AWS does not say that it decodes it.
    fn query(&self) -> Option<Cow<'a, str>> {
        self.head.query.map(|query| small(visible(query)))
    }
}

/// What a condition looks at.
#[derive(Debug)]
enum Field {
    Path,
    Host,
    Header(Box<str>),
    Method,
    Query,
    Source,
}

/// One value of a condition.
#[derive(Debug)]
pub(crate) enum Value {
    Pattern(Pattern),
    Regex(Arc<Regex>),
    Exact(Box<str>),
    Parameter {
        key: Option<Pattern>,
        value: Pattern,
    },
    Network(Cidr),
    /// A regular expression that cannot be compiled; whoever read it has refused it, so there is none.
    Never,
}

/// One condition: any of its values.
#[derive(Debug)]
pub(crate) struct ConditionTable {
    field: Field,
    values: Box<[Value]>,
}

impl ConditionTable {
    pub(crate) fn new(condition: &Condition, expressions: &mut Making<'_>) -> Self {
        let (field, values) = match condition {
            // `&amp;` is another way to write `&` (alb.md 2).
            Condition::PathPattern(values) => (Field::Path, compared(values, Case::Sensitive, expressions, |text| text.replace("&amp;", "&"))),
            Condition::HostHeader(values) => (Field::Host, compared(values, Case::Insensitive, expressions, str::to_owned)),
            Condition::HttpHeader { name, values } => {
                (Field::Header(name.as_str().into()), compared(values, Case::Insensitive, expressions, str::to_owned))
            }
            Condition::HttpRequestMethod(values) => (Field::Method, values.iter().map(|value| Value::Exact(value.as_str().into())).collect()),
            Condition::QueryString(values) => (Field::Query, values.iter().map(parameter).collect()),
            Condition::SourceIp(values) => (Field::Source, values.iter().map(|value| Value::Network(*value)).collect()),
        };
        Self { field, values }
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// What each path begins with that it matches, where that is known of all.
    pub(crate) fn path_beginnings(&self) -> Option<Vec<&[u8]>> {
        if matches!(self.field, Field::Path) { self.beginnings() } else { None }
    }

    /// The same of hosts.
    pub(crate) fn host_beginnings(&self) -> Option<Vec<&[u8]>> {
        if matches!(self.field, Field::Host) { self.beginnings() } else { None }
    }

    fn beginnings(&self) -> Option<Vec<&[u8]>> {
        self.values.iter().map(|value| value.beginning().filter(|beginning| !beginning.is_empty())).collect()
    }

    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        self.any(&self.values, subject)
    }

    /// Whether one of these values does. Something that is absent matches nothing, not even `*`.
    pub(crate) fn any(&self, values: &[Value], subject: &Subject<'_>) -> bool {
        let text = |text: &str| values.iter().any(|value| value.matches(text));
        match &self.field {
            Field::Path => text(&subject.path),
            Field::Host => subject.host.as_deref().is_some_and(text),
            Field::Method => text(subject.head.method),
            // Repeated lines are searched in order until one matches.
            Field::Header(name) => subject.head.headers.any(name, &mut |line| text(&small(path::visible_bytes(line)))),
            Field::Query => {
                subject.query().is_some_and(|query| parameters(&query).any(|(key, value)| values.iter().any(|one| one.allows(key, value))))
            }
            Field::Source => values.iter().any(|value| matches!(value, Value::Network(network) if network.contains(subject.head.peer))),
        }
    }

    /// What is compared with the values, for a person.
    pub(crate) fn compared<'s>(&self, subject: &'s Subject<'_>) -> Option<Cow<'s, str>> {
        match &self.field {
            Field::Path => Some(Cow::Borrowed(&subject.path)),
            Field::Host => subject.host.as_deref().map(Cow::Borrowed),
            Field::Method => Some(Cow::Borrowed(subject.head.method)),
            Field::Query => subject.query(),
            Field::Source => Some(Cow::Owned(subject.head.peer.to_canonical().to_string())),
            Field::Header(name) => {
                let mut lines = Vec::new();
                subject.head.headers.any(name, &mut |line| {
                    lines.push(path::visible_bytes(line).into_owned());
                    false
                });
                (!lines.is_empty()).then(|| Cow::Owned(lines.join("` and `")))
            }
        }
    }
}

fn compared(values: &Comparison, case: Case, expressions: &mut Making<'_>, written: impl Fn(&str) -> String) -> Box<[Value]> {
    match values {
        Comparison::Wildcards(values) => values.iter().map(|value| Value::Pattern(Pattern::new(&written(value), case))).collect(),
        Comparison::Regexes { regexes } => {
            let compile = |source: &String| expressions.get(source, case == Case::Sensitive).map_or(Value::Never, Value::Regex);
            regexes.iter().map(compile).collect()
        }
    }
}

fn parameter(parameter: &QueryParameter) -> Value {
    let pattern = |text: &str| Pattern::with_escapes(text, Case::Insensitive);
    Value::Parameter { key: parameter.key.as_deref().map(pattern), value: pattern(&parameter.value) }
}

/// The parameters of a query. One without `=` has an empty value.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

impl Value {
    fn beginning(&self) -> Option<&[u8]> {
        if let Self::Pattern(pattern) = self { Some(pattern.beginning()) } else { None }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.matches(text),
            Self::Regex(regex) => regex.is_match(text.as_bytes()),
            Self::Exact(exact) => **exact == *text,
            Self::Parameter { .. } | Self::Network(_) | Self::Never => false,
        }
    }

    fn allows(&self, key: &str, text: &str) -> bool {
        match self {
            Self::Parameter { key: wanted, value } => value.matches(text) && wanted.as_ref().is_none_or(|wanted| wanted.matches(key)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{head, regexes, wildcards};

    fn met(condition: &Condition, head: &RequestHead<'_>) -> bool {
        ConditionTable::new(condition, &mut Making::default()).matches(&Subject::of(head))
    }

    #[test]
    fn a_header_matches_by_any_of_its_lines() {
        let header = |name: &str, values: &[&str]| Condition::HttpHeader { name: name.into(), values: wildcards(values) };
        let lines = [("X-Version", "1.0"), ("Accept", "text/html"), ("x-version", "2.0 Beta"), ("Empty", "")];
        let check = |condition: Condition, expected: bool| {
            assert_eq!(met(&condition, &RequestHead { headers: &lines, ..head("/") }), expected, "{condition:?}");
        };
        check(header("X-Version", &["1.0"]), true);
        check(header("x-VERSION", &["2.0 beta"]), true);
        check(header("x-version", &["1", "2.*"]), true);
        check(header("x-version", &["1"]), false);
        check(header("x-version", &["1.0*2.0"]), false);
        check(header("accept", &["TEXT/*"]), true);
        check(header("empty", &["*"]), true);
        check(header("absent", &["*"]), false);
        check(Condition::HttpHeader { name: "Accept".into(), values: regexes(&["^text/(html|css)$"]) }, true);
        check(Condition::HttpHeader { name: "X-Version".into(), values: regexes(&["BETA$"]) }, true);
        check(Condition::HttpHeader { name: "X-Version".into(), values: regexes(&["^beta"]) }, false);
    }

    #[test]
    fn a_method_matches_to_the_letter() {
        let check = |method: &str, expected: bool| {
            let condition = Condition::HttpRequestMethod(vec!["GET".into(), "MY-VERB".into()]);
            assert_eq!(met(&condition, &RequestHead { method, ..head("/") }), expected, "{method}");
        };
        check("GET", true);
        check("MY-VERB", true);
        check("get", false);
        check("GE", false);
        check("POST", false);
    }

    #[test]
    fn a_query_matches_by_any_of_its_parameters() {
        let check = |key: Option<&str>, value: &str, target: &str, expected: bool| {
            let condition = Condition::QueryString(vec![QueryParameter { key: key.map(Into::into), value: value.into() }]);
            assert_eq!(met(&condition, &head(target)), expected, "{condition:?} {target}");
        };
        check(Some("version"), "v1", "/?version=v1", true);
        check(Some("version"), "v1", "/?VERSION=V1", true);
        check(Some("Version"), "V1", "/?a=b&version=v1", true);
        check(Some("version"), "v1", "/?version=v2&version=v1", true);
        check(Some("version"), "v1", "/?version=v1x", false);
        check(Some("version"), "v1", "/?xversion=v1", false);
        check(Some("ver*"), "v?", "/?version=v1", true);
        check(Some("version"), "*", "/?version", true);
        check(Some("version"), "*", "/?version=", true);
        check(Some("version"), "*", "/?", false);
        check(Some("version"), "*", "/", false);
        check(None, "*example*", "/?x=an+example", true);
        check(None, "v1", "/?other=v1", true);
        check(None, "v1", "/?v1=other", false);
        check(None, r"\*", "/?q=*", true);
        check(None, r"\*", "/?q=x", false);
        check(Some("a"), "b=c", "/?a=b=c", true);
        check(Some("q"), "a b", "/?q=a%20b", false);
        check(Some("q"), "a%20B", "/?q=A%20b", true);
    }

    #[test]
    fn a_source_is_the_peer() {
        let check = |network: &str, peer: &str, expected: bool| {
            let condition = Condition::SourceIp(vec!["192.0.2.1/32".parse().unwrap(), network.parse().unwrap()]);
            let forwarded = [("X-Forwarded-For", "10.0.0.1")];
            let head = RequestHead { peer: peer.parse().unwrap(), headers: &forwarded, ..head("/") };
            assert_eq!(met(&condition, &head), expected, "{network} {peer}");
        };
        check("10.0.0.0/8", "10.1.2.3", true);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("10.0.0.0/8", "192.0.2.1", true);
        check("10.0.0.0/8", "127.0.0.1", false);
        check("::1/128", "::1", true);
    }

    #[test]
    fn regular_expressions_see_what_wildcards_see() {
        let check = |condition: Condition, target: &str, host: &str, expected: bool| {
            assert_eq!(met(&condition, &RequestHead { host: Some(host), ..head(target) }), expected, "{condition:?} {target} {host}");
        };
        check(Condition::PathPattern(regexes(&["^/api/[0-9]+$"])), "/api/7?x=1", "a.b", true);
        check(Condition::PathPattern(regexes(&["^/api/[0-9]+$"])), "/ap%69/7", "a.b", true);
        check(Condition::PathPattern(regexes(&["^/api/[0-9]+$"])), "/API/7", "a.b", false);
        check(Condition::PathPattern(regexes(&["^/x$", "pi"])), "/api/7", "a.b", true);
        check(Condition::HostHeader(regexes(&["^API\\.example\\.(com|org)$"])), "/", "api.Example.org:8080", true);
        check(Condition::HostHeader(regexes(&["^api$"])), "/", "api.example.org", false);
    }
}
