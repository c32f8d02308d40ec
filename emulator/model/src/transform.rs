//! Transforms of a rule: what a target is sent instead of what the client asked for (alb.md 3).

use serde::{Deserialize, Serialize};

/// At most one of each. Routing is decided before, and is not decided again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transforms {
    /// `host-header-rewrite`: of the host without its port.
    pub host: Option<Rewrite>,
    /// `url-rewrite`: of the path and the query as the client wrote them.
    pub url: Option<Rewrite>,
}

/// The first place where the expression is found is replaced; where it is not found, nothing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// See [`crate::regex`]. At most 1,024 characters.
    pub regex: String,
    /// May hold `$1`, `$2` … for what the groups of the expression found. At most 1,024 characters.
    pub replace: String,
}

impl Transforms {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.host.is_none() && self.url.is_none()
    }
}

impl std::fmt::Display for Transforms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for (what, rewrite) in [("host", &self.host), ("url", &self.url)] {
            if let Some(Rewrite { regex, replace }) = rewrite {
                write!(f, "{separator}rewrite {what} {regex} to {replace}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}
