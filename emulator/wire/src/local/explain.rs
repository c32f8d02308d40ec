//! Where a request would go, and why.

use serde::{Deserialize, Serialize};

/// Every rule, why it did or did not match, and where the request would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainReply {
    /// The load balancer.
    pub load_balancer: String,
    /// The listener's port.
    pub listener_port: u16,
    /// The request as the rules see it.
    pub request: ExplainedRequest,
    /// In order of evaluation, the default rule last.
    pub rules: Vec<ExplainedRule>,
    /// The action in a person's words.
    pub action: String,
    /// The target group that a forward goes to; with several, the one with the highest weight.
    pub target_group: Option<String>,
    /// That group's targets.
    pub targets: Vec<ExplainedTarget>,
    /// What the target is sent in place of the host and the path and query that were asked for, where the rule's transforms change them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<ExplainedSent>,
    /// The status that the load balancer answers itself, if it does (fixed response, redirect, no target).
    pub status: Option<u16>,
}

/// The request as the rules see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRequest {
    /// The method.
    pub method: String,
    /// The host without its port.
    pub host: String,
    /// The path that patterns are compared with.
    pub path: String,
    /// The query.
    pub query: Option<String>,
}

/// What transforms make of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedSent {
    /// The host, if it is another.
    pub host: Option<String>,
    /// The path and query, if they are others.
    pub url: Option<String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRule {
    /// The priority, or `default`.
    pub priority: String,
    /// Whether it decides: the first that matches.
    pub chosen: bool,
    /// Whether all its conditions hold.
    pub matched: bool,
    /// Each condition.
    pub conditions: Vec<ExplainedCondition>,
    /// Its action in a person's words.
    pub action: String,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedCondition {
    /// `path-pattern`, `host-header` …
    pub field: String,
    /// The header that `http-header` looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_header_name: Option<String>,
    /// Its comparison strings.
    pub values: Vec<String>,
    /// Whether it holds.
    pub matched: bool,
    /// Why, in a person's words.
    pub why: String,
}

impl ExplainedCondition {
    /// `path-pattern /a or /b`
    #[must_use]
    pub fn title(&self) -> String {
        super::view::title(&self.field, self.http_header_name.as_deref(), &self.values)
    }
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedTarget {
    /// `<id>:<port>`
    pub target: String,
    /// Its task.
    pub task: Option<String>,
    /// The service that is attached to it, where it is a process on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached_service: Option<String>,
    /// Its state.
    pub state: String,
    /// Whether it would be chosen from.
    pub eligible: bool,
}
