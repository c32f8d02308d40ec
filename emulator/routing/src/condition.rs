//! Conditions of rules, compiled (alb.md 2).

use std::borrow::Cow;

use model::Condition;

use crate::path;
use crate::pattern::{Case, Pattern};
use crate::request::{RequestHead, split_port};

/// The parts of a request that conditions look at, in the form that they are compared in; made once a request.
pub(crate) struct Subject<'a> {
    path: Cow<'a, str>,
    host: Option<Cow<'a, str>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(head: &RequestHead<'a>) -> Self {
        Self { path: path::normalized(head.path), host: head.host.map(|host| path::small(path::visible(split_port(host).0))) }
    }
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Path,
    Host,
}

/// One condition: any of its patterns.
#[derive(Debug)]
pub(crate) struct ConditionTable {
    field: Field,
    patterns: Box<[Pattern]>,
}

impl ConditionTable {
    pub(crate) fn new(condition: &Condition) -> Self {
        let (field, patterns) = match condition {
            // `&amp;` is another way to write `&` (alb.md 2).
            Condition::PathPattern(values) => {
                (Field::Path, values.iter().map(|value| Pattern::new(&value.replace("&amp;", "&"), Case::Sensitive)).collect())
            }
            Condition::HostHeader(values) => (Field::Host, values.iter().map(|value| Pattern::new(value, Case::Insensitive)).collect()),
        };
        Self { field, patterns }
    }

    /// What is compared with the patterns. Something that is absent matches nothing, not even `*`.
    pub(crate) fn compared<'s>(&self, subject: &'s Subject<'_>) -> Option<&'s str> {
        match self.field {
            Field::Path => Some(&subject.path),
            Field::Host => subject.host.as_deref(),
        }
    }

    pub(crate) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        self.compared(subject).is_some_and(|text| self.patterns.iter().any(|pattern| pattern.matches(text)))
    }
}
