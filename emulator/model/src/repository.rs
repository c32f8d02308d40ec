//! Repositories of images, as ECR has them (ecs.md 10): what they are called, what may happen to their tags. The images themselves
//! are in the room `registry`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, LifecyclePolicy, NameError, Timestamp};

/// The name of a repository: 2 to 256 characters, segments between `/`, each of lower-case letters and digits with single `.`, `_`,
/// `__` or hyphens in between (ecs.md 10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(std::sync::Arc<str>);

impl RepositoryName {
    /// The name, if `text` obeys the rule for it.
    ///
    /// # Errors
    /// [`NameError`] saying which part of the rule is broken.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fail = |why: &str| Err(NameError { what: "repository name", given: text.to_owned(), why: why.into() });
        if !(2..=256).contains(&text.len()) {
            return fail("must have 2 to 256 characters");
        }
        if let Some(bad) = text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(*c))) {
            return fail(&format!("contains {bad:?}; only lower-case letters, digits and `.`, `_`, `-`, `/` are allowed"));
        }
        if !text.split('/').all(is_segment) {
            return fail("must have letters or digits on both sides of each `.`, `_`, `__`, `/` and each row of hyphens");
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, of a text that has no other characters than these.
fn is_segment(segment: &str) -> bool {
    let separator = |c: char| "._-".contains(c);
    let good = |between: &str| matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-');
    !segment.is_empty() && !segment.starts_with(separator) && !segment.ends_with(separator) && segment.split(|c: char| !separator(c)).all(good)
}

impl TryFrom<String> for RepositoryName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl std::str::FromStr for RepositoryName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl std::fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::borrow::Borrow<str> for RepositoryName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What may happen to a tag that is there (ecs.md 10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagMutability {
    /// It may be moved to another image.
    #[default]
    Mutable,
    /// It may not.
    Immutable,
    /// It may not, but where a filter matches.
    ImmutableWithExclusion,
    /// It may, but where a filter matches.
    MutableWithExclusion,
}

impl TagMutability {
    /// All of them, in AWS's order.
    pub const ALL: [Self; 4] = [Self::Mutable, Self::Immutable, Self::ImmutableWithExclusion, Self::MutableWithExclusion];

    /// AWS's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
            Self::ImmutableWithExclusion => "IMMUTABLE_WITH_EXCLUSION",
            Self::MutableWithExclusion => "MUTABLE_WITH_EXCLUSION",
        }
    }

    /// By AWS's word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// Whether it goes with filters.
    #[must_use]
    pub const fn has_filters(self) -> bool {
        matches!(self, Self::ImmutableWithExclusion | Self::MutableWithExclusion)
    }
}

/// Which tags may move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRule {
    /// For all tags.
    pub mutability: TagMutability,
    /// WILDCARD filters of the tags that are excluded from it; 1 to 5 where [`TagMutability::has_filters`], else none.
    pub exclusion_filters: Vec<String>,
}

impl TagRule {
    /// The rule, if AWS would accept it: filters exactly where the mutability speaks of them, each of 1 to 128 letters, digits and
    /// `.`, `_`, `-`, `*`, with at most two `*`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence without its end.
    pub fn new(mutability: TagMutability, exclusion_filters: Vec<String>) -> Result<Self, String> {
        let word = mutability.as_str();
        match (mutability.has_filters(), exclusion_filters.len()) {
            (true, 1..=5) | (false, 0) => {}
            (true, _) => return Err(format!("imageTagMutability {word} needs 1 to 5 imageTagMutabilityExclusionFilters")),
            (false, _) => return Err(format!("imageTagMutability {word} takes no imageTagMutabilityExclusionFilters")),
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._*-".contains(c);
        for filter in &exclusion_filters {
            if !(1..=128).contains(&filter.len()) || !filter.chars().all(allowed) {
                return Err(format!("the exclusion filter `{filter}` must be 1 to 128 letters, digits and `.`, `_`, `-`, `*`"));
            }
            if filter.matches('*').count() > 2 {
                return Err(format!("the exclusion filter `{filter}` has more than two `*`"));
            }
        }
        Ok(Self { mutability, exclusion_filters })
    }

    /// Whether a tag that is there stays where it is.
    #[must_use]
    pub fn keeps(&self, tag: &str) -> bool {
        let excluded = self.exclusion_filters.iter().any(|filter| wildcard(filter, tag));
        match self.mutability {
            TagMutability::Mutable => false,
            TagMutability::Immutable => true,
            TagMutability::ImmutableWithExclusion => !excluded,
            TagMutability::MutableWithExclusion => excluded,
        }
    }
}

/// Whether `pattern`, in which `*` is any text, matches the whole of `text`.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// What a user says of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositorySpec {
    /// Which tags may move.
    pub tag_rule: TagRule,
    /// Kept and told; nothing is scanned here.
    pub scan_on_push: bool,
    /// Which images are let go of.
    pub lifecycle_policy: Option<LifecyclePolicy>,
    /// By key.
    pub tags: BTreeMap<String, String>,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// What a user says of it.
    pub spec: RepositorySpec,
    /// The cluster whose manifest names it; `None` of one that was made by a command or an API, or whose manifest names it no more.
    pub owner: Option<ClusterName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Kept and told; nothing is denied by it here, where everybody is the account's owner.
    pub policy_text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_obey_ecr_s_rule() {
        for good in ["ab", "users", "team/users", "a.b", "a_b", "a__b", "a---b", "1/2/3", "a-b.c_d/e"] {
            assert!(RepositoryName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "Users", "a..b", "a___b", "a.-b", "-ab", "ab-", "/ab", "ab/", "a//b", "a b", "users:v1", &"a".repeat(257)] {
            assert!(RepositoryName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wildcards_match_the_whole() {
        for (pattern, text, matches) in [
            ("v1", "v1", true),
            ("v1", "v12", false),
            ("v*", "v12", true),
            ("*", "", true),
            ("*-dev", "a-dev", true),
            ("*-dev", "a-dev2", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("a*a*a", "aa", false),
        ] {
            assert_eq!(wildcard(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_tag_stays_where_the_rule_says_so() {
        let rule = |mutability, filters: &[&str]| TagRule::new(mutability, filters.iter().map(|filter| (*filter).to_owned()).collect());
        for (mutability, filters, tag, keeps) in [
            (TagMutability::Mutable, &[][..], "v1", false),
            (TagMutability::Immutable, &[], "v1", true),
            (TagMutability::ImmutableWithExclusion, &["latest", "dev-*"], "v1", true),
            (TagMutability::ImmutableWithExclusion, &["latest", "dev-*"], "dev-2", false),
            (TagMutability::MutableWithExclusion, &["v*"], "v1", true),
            (TagMutability::MutableWithExclusion, &["v*"], "latest", false),
        ] {
            assert_eq!(rule(mutability, filters).unwrap().keeps(tag), keeps, "{mutability:?} {tag}");
        }
        assert!(rule(TagMutability::ImmutableWithExclusion, &[]).is_err());
        assert!(rule(TagMutability::Immutable, &["a"]).is_err());
        assert!(rule(TagMutability::MutableWithExclusion, &["a*b*c*"]).is_err());
        assert!(rule(TagMutability::MutableWithExclusion, &["a/b"]).is_err());
    }
}
