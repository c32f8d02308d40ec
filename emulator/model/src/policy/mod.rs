//! Policies of IAM: a document as AWS writes it, and whether it lets somebody do something. All that is not allowed is denied, and an
//! explicit denial wins over whatever allows.

mod condition;
mod parse;
mod pattern;
mod request;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use condition::PolicyCondition;
pub use parse::PolicyProblem;
pub use pattern::PolicyPattern;
pub use request::PolicyRequest;

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDocument {
    /// Whether `${…}` in it is a variable: in the version 2012-10-17, not in 2008-10-17, which is the default.
    pub has_variables: bool,
    /// At least one.
    pub statements: Vec<PolicyStatement>,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStatement {
    /// What it is called.
    pub sid: Option<String>,
    /// What it does where it applies.
    pub effect: PolicyEffect,
    /// `Action`, or `NotAction`.
    pub actions: PolicyScope,
    /// `Resource`, or `NotResource`.
    pub resources: PolicyScope,
    /// All of them must hold.
    pub conditions: Vec<PolicyCondition>,
}

/// What a statement does where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyEffect {
    /// Allows.
    Allow,
    /// Denies, whatever allows.
    Deny,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyScope {
    /// What one of these matches.
    Any(Vec<PolicyPattern>),
    /// What none of these matches.
    Not(Vec<PolicyPattern>),
}

/// What policies say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyDecision {
    /// Something allows it, and nothing denies it.
    Allowed,
    /// Something denies it.
    ExplicitDeny,
    /// Nothing allows it.
    ImplicitDeny,
}

impl PolicyDecision {
    /// What policies together say of a request.
    pub fn of<'a>(policies: impl IntoIterator<Item = &'a PolicyDocument>, request: &PolicyRequest<'_>) -> Self {
        let mut decision = Self::ImplicitDeny;
        for policy in policies {
            for statement in policy.statements.iter().filter(|statement| statement.applies(request, policy.has_variables)) {
                match statement.effect {
                    PolicyEffect::Deny => return Self::ExplicitDeny,
                    PolicyEffect::Allow => decision = Self::Allowed,
                }
            }
        }
        decision
    }
}

impl PolicyStatement {
    fn applies(&self, request: &PolicyRequest<'_>, variables: bool) -> bool {
        let request = &PolicyRequest { variables, ..*request };
        self.actions.holds(|pattern| pattern.is_action(request.action))
            && self.resources.holds(|pattern| pattern.is_resource(request.resource, request))
            && self.conditions.iter().all(|condition| condition.holds(request))
    }
}

impl PolicyScope {
    fn holds(&self, matches: impl Fn(&PolicyPattern) -> bool) -> bool {
        match self {
            Self::Any(patterns) => patterns.iter().any(matches),
            Self::Not(patterns) => !patterns.iter().any(matches),
        }
    }
}
