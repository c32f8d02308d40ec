//! Load balancers with their listeners and rules, target groups with their targets.

use serde::{Deserialize, Serialize};

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerView {
    /// Its name.
    pub load_balancer_name: String,
    /// Its ARN.
    pub load_balancer_arn: String,
    /// By port.
    pub listeners: Vec<ListenerView>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerView {
    /// The port that was asked for.
    pub port: u16,
    /// HTTP.
    pub protocol: String,
    /// The port that is bound; another one than asked for where that is not permitted; `None` when none could be bound.
    pub bound_port: Option<u16>,
    /// Why no port, or another one.
    pub problem: Option<String>,
    /// Where a person finds it: `http://localhost` or `http://localhost:8080`.
    pub url: Option<String>,
    /// In order of evaluation, the default rule last.
    pub rules: Vec<RuleView>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// The priority, or `default`.
    pub priority: String,
    /// All must hold.
    pub conditions: Vec<ConditionView>,
    /// The action in a person's words.
    pub action: String,
    /// The target groups that it forwards to.
    pub target_groups: Vec<String>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionView {
    /// `path-pattern`, `host-header` …
    pub field: String,
    /// The header that `http-header` looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_header_name: Option<String>,
    /// Any may match.
    pub values: Vec<String>,
}

impl ConditionView {
    /// `path-pattern /a or /b`
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.field, self.http_header_name.as_deref(), &self.values)
    }
}

/// A condition in one line.
pub(in crate::local) fn title(field: &str, header: Option<&str>, values: &[String]) -> String {
    let header = header.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{field}{header} {}", values.join(" or "))
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetGroupView {
    /// Its name.
    pub target_group_name: String,
    /// Its ARN.
    pub target_group_arn: String,
    /// HTTP.
    pub protocol: String,
    /// The port of targets that name none.
    pub port: u16,
    /// What is asked for by a health check.
    pub health_check_path: String,
    /// Registered and draining targets.
    pub targets: Vec<TargetView>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetView {
    /// The instance's id.
    pub id: String,
    /// The host port.
    pub port: u16,
    /// Where it is dialled.
    pub address: String,
    /// The task behind it.
    pub task_id: Option<String>,
    /// The service that is attached to it, where it is a process on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached_service: Option<String>,
    /// initial, healthy, unhealthy, unused, draining.
    pub state: String,
    /// AWS's reason code; absent when healthy.
    pub reason: Option<String>,
    /// AWS's sentence for it.
    pub description: Option<String>,
    /// Requests in flight.
    pub in_flight: u64,
}
