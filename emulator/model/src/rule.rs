//! A listener's rule: conditions, and the action that they lead to (alb.md 2 and 3). Conditions are in [`crate::condition`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Authenticate, Condition, TargetGroupName, Transforms};

/// 1 to 50,000, unique in its listener, the lowest first.
pub type Priority = u16;

/// Conditions are joined by AND, the values of one condition by OR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its place in the order of evaluation.
    pub priority: Priority,
    /// At least one.
    pub conditions: Vec<Condition>,
    /// What a target is sent instead of what the client asked for.
    #[serde(default)]
    pub transforms: Transforms,
    /// What a request must show first; on HTTPS listeners alone.
    #[serde(default)]
    pub authenticate: Option<Authenticate>,
    /// What happens to a request that matches.
    pub action: Action,
}

impl Rule {
    /// What it does, in words: its transforms and its action.
    #[must_use]
    pub fn words(&self) -> String {
        let before = self.authenticate.as_ref().map(|authenticate| format!("{}, ", authenticate.log_word())).unwrap_or_default();
        if self.transforms.is_empty() { format!("{before}{}", self.action) } else { format!("{before}{}, {}", self.transforms, self.action) }
    }
}

/// The one routing action of a rule, or of a listener's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// To a target of a target group.
    Forward(Forward),
    /// A `Location` header made from parts of the request.
    Redirect(Redirect),
    /// An answer of the load balancer's own.
    FixedResponse(FixedResponse),
}

/// One to five target groups with weights; the choice ignores health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// At least one.
    pub target_groups: Vec<WeightedTargetGroup>,
    /// `targetGroupStickinessConfig`: for so long a client comes back to the group that it had. 1 second to 7 days; `None` for never.
    #[serde(default)]
    pub stickiness: Option<Duration>,
}

/// A target group's share is its weight over the sum of weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedTargetGroup {
    /// The group.
    pub target_group: TargetGroupName,
    /// 0 to 999, default 1.
    pub weight: u16,
}

/// Each part may hold placeholders: `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Default `#{protocol}`.
    pub protocol: String,
    /// Default `#{host}`.
    pub host: String,
    /// Default `#{port}`.
    pub port: String,
    /// Default `/#{path}`.
    pub path: String,
    /// Default `#{query}`.
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

/// An answer of the load balancer's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// 2XX, 4XX or 5XX.
    pub status: u16,
    /// text/plain, text/css, text/html, application/javascript or application/json.
    pub content_type: Option<String>,
    /// At most 1,024 characters.
    pub body: Option<String>,
}

impl Action {
    /// The target groups that it forwards to; none for other actions.
    pub fn target_groups(&self) -> impl Iterator<Item = &TargetGroupName> {
        let groups = match self {
            Self::Forward(forward) => forward.target_groups.as_slice(),
            Self::Redirect(_) | Self::FixedResponse(_) => &[],
        };
        groups.iter().map(|group| &group.target_group)
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forward(forward) => {
                match forward.target_groups.as_slice() {
                    [only] => write!(f, "forward to {}", only.target_group)?,
                    several => {
                        f.write_str("forward to ")?;
                        for (index, group) in several.iter().enumerate() {
                            let comma = if index == 0 { "" } else { ", " };
                            write!(f, "{comma}{} (weight {})", group.target_group, group.weight)?;
                        }
                    }
                }
                forward.stickiness.map_or(Ok(()), |duration| write!(f, ", sticky for {} s", duration.as_secs()))
            }
            Self::Redirect(redirect) => {
                let Redirect { protocol, host, port, path, query, status } = redirect;
                let mark = if query.is_empty() { "" } else { "?" };
                write!(f, "redirect {status} to {protocol}://{host}:{port}{path}{mark}{query}")
            }
            Self::FixedResponse(fixed) => write!(f, "fixed response {}", fixed.status),
        }
    }
}
