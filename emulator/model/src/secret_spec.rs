//! Secrets and parameters as a manifest names them: what `CreateSecret` and `PutParameter` take.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// The longest name, with what AWS puts before it in an ARN.
const LONGEST_NAME: usize = 1011;
/// The most levels of a hierarchy.
const MOST_LEVELS: usize = 15;

/// A secret of Secrets Manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// Its value; `None` where somebody else puts it, through the API.
    pub value: Option<Secret>,
    /// For a person.
    pub description: Option<String>,
}

/// A parameter of SSM's Parameter Store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterSpec {
    /// What its value is.
    pub kind: ParameterType,
    /// Its value.
    pub value: Secret,
    /// For a person.
    pub description: Option<String>,
}

/// What the value of a parameter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterType {
    /// A text.
    #[default]
    String,
    /// Texts with commas between.
    StringList,
    /// A text that is not for everybody's eyes.
    SecureString,
}

impl ParameterType {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }

    /// What AWS's word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::String, Self::StringList, Self::SecureString].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Whether a parameter can have this name.
///
/// # Errors
/// Why not, in AWS's words where it has some.
pub fn check_parameter_name(name: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    match () {
        () if name.is_empty() || name.len() > LONGEST_NAME => Err("Parameter name must have 1 to 1011 characters."),
        () if first.starts_with("aws") || first.starts_with("ssm") => {
            Err("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).")
        }
        () if !name.chars().all(allowed) => Err("Parameter name: only a mix of letters, numbers and the following 4 symbols .-_/ is allowed."),
        () if name.contains('/') && !name.starts_with('/') => Err("Parameter name must be a fully qualified name."),
        () if name.ends_with('/') || name.contains("//") || name.matches('/').count() > MOST_LEVELS => {
            Err("Parameter name: a hierarchy has at most 15 levels, none of them empty.")
        }
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_obey_aws_s_rule() {
        for bad in ["", "a b", "aws.x", "/SSM/x", "a/b", "/a/", "//a", &"/a".repeat(16), &"a".repeat(1012)] {
            assert!(check_parameter_name(bad).is_err(), "{bad}");
        }
        for good in ["a", "A_b.c-d", "/a/b", &"/a".repeat(15)] {
            assert!(check_parameter_name(good).is_ok(), "{good}");
        }
    }
}
