//! A condition of a rule (the table of alb.md 2).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Cidr;

/// One condition: any of its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// The whole path, without the query; case-sensitive.
    PathPattern(Comparison),
    /// The host without its port; case-insensitive.
    HostHeader(Comparison),
    /// The values of one header; case-insensitive, as its name is.
    HttpHeader {
        /// A token of RFC 9110, at most 40 characters, not `Host`.
        name: String,
        /// What one of its lines is compared with.
        values: Comparison,
    },
    /// The method; exact, case-sensitive, no wildcards.
    HttpRequestMethod(Vec<String>),
    /// One parameter of the query; case-insensitive; a `\` before `*` and `?` takes their meaning away.
    QueryString(Vec<QueryParameter>),
    /// The address of the TCP peer, whatever `X-Forwarded-For` says.
    SourceIp(Vec<Cidr>),
}

/// Comparison strings: wildcards or regular expressions, never both in one condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Comparison {
    /// `Values`: `*` stands for any number of characters, `?` for one; the whole text has to match.
    Wildcards(Vec<String>),
    /// `RegexValues`: searched for anywhere in the text.
    Regexes {
        /// At least one.
        regexes: Vec<String>,
    },
}

/// A key and a value of the query, both with wildcards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryParameter {
    /// `None` means any key.
    pub key: Option<String>,
    /// The value.
    pub value: String,
}

impl Comparison {
    /// The comparison strings as they were given.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        match self {
            Self::Wildcards(values) | Self::Regexes { regexes: values } => values,
        }
    }

    fn shown(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::Wildcards(values) => values.iter().map(|value| Cow::Borrowed(value.as_str())).collect(),
            Self::Regexes { regexes } => regexes.iter().map(|regex| Cow::Owned(format!("regex {regex}"))).collect(),
        }
    }
}

impl std::fmt::Display for QueryParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}={}", self.value),
            None => f.write_str(&self.value),
        }
    }
}

impl Condition {
    /// AWS's name of the field.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::PathPattern(_) => "path-pattern",
            Self::HostHeader(_) => "host-header",
            Self::HttpHeader { .. } => "http-header",
            Self::HttpRequestMethod(_) => "http-request-method",
            Self::QueryString(_) => "query-string",
            Self::SourceIp(_) => "source-ip",
        }
    }

    /// The header that it looks at, where its field does not say so.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::HttpHeader { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Its values as a person writes them, one of which must match.
    #[must_use]
    pub fn values(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::PathPattern(values) | Self::HostHeader(values) | Self::HttpHeader { values, .. } => values.shown(),
            Self::HttpRequestMethod(values) => values.iter().map(|value| Cow::Borrowed(value.as_str())).collect(),
            Self::QueryString(values) => values.iter().map(|value| Cow::Owned(value.to_string())).collect(),
            Self::SourceIp(values) => values.iter().map(|value| Cow::Owned(value.to_string())).collect(),
        }
    }
}
