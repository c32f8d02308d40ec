//! The cluster query language: which container instances `memberOf` means (ecs.md 3.3).
//!
//! Where AWS is silent: a negated operator is the exact opposite of the other one, also of a subject that is not there; `and` binds
//! closer than `or`; words are known in either case; values compare as numbers where both are numbers, else as text; a pattern must match
//! the whole value.

mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

pub use parse::QueryError;

/// The most characters of an expression.
pub const MAX_QUERY: usize = 2000;

/// An expression of the language, as it was written and as it was understood.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterQuery {
    text: Arc<str>,
    meaning: Arc<Expression>,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `attribute:NAME`
    Attribute(String),
    /// `agentConnected`: `true` or `false`.
    AgentConnected,
    /// `agentVersion`
    AgentVersion,
    /// `ec2InstanceId`
    Ec2InstanceId,
    /// `registeredAt`, in milliseconds since 1970.
    RegisteredAt,
    /// `runningTasksCount`
    RunningTasksCount,
    /// `task:group`, of every task on the instance.
    TaskGroup,
}

/// An expression.
#[derive(Clone, Debug)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Test(Subject, Test),
}

/// What is asked of a subject.
#[derive(Clone, Debug)]
enum Test {
    Exists,
    In(Vec<String>),
    Matches(Regex),
    Order(Order, String),
}

/// Which side of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl ClusterQuery {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Ok(Self { text: text.into(), meaning: Arc::new(parse::expression(text)?) })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it holds for an instance, of which `values` gives the values of a subject: none where it has no such attribute.
    pub fn holds<'v>(&self, values: &dyn Fn(&Subject) -> Vec<Cow<'v, str>>) -> bool {
        self.meaning.holds(values)
    }

    /// Whether it asks for the groups of the tasks on an instance.
    #[must_use]
    pub fn asks_for_groups(&self) -> bool {
        self.meaning.asks_for_groups()
    }
}

impl Expression {
    fn holds<'v>(&self, values: &dyn Fn(&Subject) -> Vec<Cow<'v, str>>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(values)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(values)),
            Self::Not(part) => !part.holds(values),
            Self::Test(subject, test) => values(subject).iter().any(|value| test.holds(subject, value)),
        }
    }

    fn asks_for_groups(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_for_groups),
            Self::Not(part) => part.asks_for_groups(),
            Self::Test(subject, _) => *subject == Subject::TaskGroup,
        }
    }
}

impl Test {
    fn holds(&self, subject: &Subject, value: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::In(list) => list.iter().any(|item| item == value || compare(subject, value, item).is_some_and(std::cmp::Ordering::is_eq)),
            Self::Matches(pattern) => pattern.is_match(value.as_bytes()),
            Self::Order(order, bound) => {
                let found = compare(subject, value, bound).unwrap_or_else(|| value.cmp(bound));
                match order {
                    Order::Less => found.is_lt(),
                    Order::LessEqual => found.is_le(),
                    Order::Greater => found.is_gt(),
                    Order::GreaterEqual => found.is_ge(),
                }
            }
        }
    }
}

/// As numbers, or as versions; `None` where they are texts to each other.
fn compare(subject: &Subject, value: &str, other: &str) -> Option<std::cmp::Ordering> {
    match subject {
        Subject::AgentVersion => Some(parse::version(value)?.cmp(&parse::version(other)?)),
        Subject::RegisteredAt | Subject::RunningTasksCount => Some(value.parse::<u64>().ok()?.cmp(&other.parse::<u64>().ok()?)),
        Subject::Attribute(_) => Some(value.parse::<crate::Decimal>().ok()?.cmp(&other.parse::<crate::Decimal>().ok()?)),
        Subject::AgentConnected | Subject::Ec2InstanceId | Subject::TaskGroup => None,
    }
}

/// Written alike, meant alike.
impl PartialEq for ClusterQuery {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ClusterQuery {}

impl std::fmt::Display for ClusterQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}

impl From<ClusterQuery> for String {
    fn from(query: ClusterQuery) -> Self {
        query.text.as_ref().to_owned()
    }
}

impl TryFrom<String> for ClusterQuery {
    type Error = QueryError;
    fn try_from(text: String) -> Result<Self, QueryError> {
        Self::parse(&text)
    }
}
