//! A role of IAM: whose credentials a task has, and what they are good for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, NameError, PolicyDecision, PolicyDocument, PolicyRequest, Timestamp};

/// A role's name: 1 to 64 letters, digits and `+=,.@_-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(std::sync::Arc<str>);

impl RoleName {
    /// The name, if `text` obeys the rule for it.
    ///
    /// # Errors
    /// [`NameError`] saying which part of the rule is broken.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fail = |why: &str| Err(NameError { what: "role name", given: text.to_owned(), why: why.into() });
        if !(1..=64).contains(&text.len()) {
            return fail("must have 1 to 64 characters");
        }
        if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "+=,.@_-".contains(*c))) {
            return fail(&format!("contains {bad:?}; only letters, digits and `+`, `=`, `,`, `.`, `@`, `_`, `-` are allowed"));
        }
        Ok(Self(text.into()))
    }

    /// The name in a name or an ARN, `arn:aws:iam::<account>:role/<path><name>`. There is one account here, and there are no paths.
    ///
    /// # Errors
    /// Likewise.
    pub fn of_arn(text: &str) -> Result<Self, NameError> {
        let name =
            text.strip_prefix("arn:").and_then(|arn| arn.split_once(":role/")).map_or(text, |(_, path)| path.rsplit('/').next().unwrap_or(path));
        Self::new(name)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RoleName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl std::str::FromStr for RoleName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A role that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The cluster whose manifest names it; it goes with that.
    pub owner: ClusterName,
    /// Since when it is there. Credentials of one that went before are not this one's.
    pub created_at: Timestamp,
    /// What it is.
    pub spec: RoleSpec,
}

/// A role as a manifest describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSpec {
    /// Its inline policies, by name.
    pub policies: BTreeMap<String, PolicyDocument>,
    /// What conditions know as `aws:PrincipalTag/<key>`.
    pub tags: BTreeMap<String, String>,
    /// Whose credentials its tasks have instead of ours: those of a role at AWS.
    #[serde(default)]
    pub from_profile: Option<Box<FromProfile>>,
}

/// A role at AWS that is assumed with a profile of this machine's user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FromProfile {
    /// The profile's name.
    pub profile_name: String,
    /// The ARN of the role.
    pub role_arn: String,
    /// How long credentials are asked for, in seconds, 900 to 43,200. Default 3600.
    pub duration: u32,
}

impl RoleSpec {
    /// What its policies say of a request.
    #[must_use]
    pub fn decide(&self, request: &PolicyRequest<'_>) -> PolicyDecision {
        PolicyDecision::of(self.policies.values(), request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_name_or_arn() {
        let name = |text: &str| RoleName::of_arn(text).map(|name| name.to_string());
        assert_eq!(name("users"), Ok("users".into()));
        assert_eq!(name("arn:aws:iam::123456789012:role/users"), Ok("users".into()));
        assert_eq!(name("arn:aws:iam::123456789012:role/team/blue/users"), Ok("users".into()));
        assert!(name("").is_err() && name("arn:aws:iam::1:user/x").is_err() && name("a b").is_err());
    }
}
