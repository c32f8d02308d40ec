//! Lifecycle policies of repositories (ecs.md 10): which images are let go of. The text is the user's; a value of the type obeys
//! ECR's rules. [`LifecyclePolicy::expired`] is the evaluator.
//!
//! Where ecs.md is silent: what a manifest list refers to and what refers to a subject is neither counted nor let go of by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::repository::wildcard;

/// A day, as `countUnit: days` means it.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A policy: its text, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LifecyclePolicy {
    text: String,
    /// Lowest priority number first.
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    priority: u32,
    selection: Selection,
    count: Count,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Selection {
    Untagged,
    /// Images that have, for each of these, a tag that begins so.
    Prefixes(BTreeSet<String>),
    /// Images that have, for each of these, a tag that matches.
    Patterns(BTreeSet<String>),
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Count {
    MoreThan(usize),
    SincePushed(Duration),
    SincePulled(Duration),
}

/// What the evaluator knows of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyImage {
    /// Its digest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// When it was pulled last, as far as that is recorded.
    pub pulled_at: Option<Timestamp>,
    /// A manifest list refers to it, or it refers to a subject that is there: it goes with that.
    pub bound: bool,
}

/// An image that a policy lets go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Its digest.
    pub digest: String,
    /// By the rule of that priority.
    pub rule_priority: u32,
}

impl LifecyclePolicy {
    /// The policy that a text says.
    ///
    /// # Errors
    /// Everything that ECR would refuse, as one sentence without its end.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !(100..=30_720).contains(&text.len()) {
            return Err(format!("the text has {} characters; a policy has 100 to 30720", text.len()));
        }
        let document: Document = serde_json::from_str(text).map_err(|error| format!("the text is no policy: {error}"))?;
        let mut rules = document.rules.into_iter().map(RuleDocument::read).collect::<Result<Vec<_>, _>>()?;
        rules.sort_by_key(|rule| rule.priority);
        check_together(&rules)?;
        Ok(Self { text: text.to_owned(), rules })
    }

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which of a repository's images are let go of at `now`, in the order of rules, oldest first.
    #[must_use]
    pub fn expired(&self, images: &[PolicyImage], now: Timestamp) -> Vec<Expired> {
        let mut expired = Vec::new();
        // An image belongs to the first rule whose selection it is in, whether that lets go of it or not.
        let mut taken = BTreeSet::new();
        for rule in &self.rules {
            let mut selected: Vec<_> = images.iter().filter(|image| !image.bound && rule.selection.has(image)).collect();
            selected.sort_by_key(|image| (std::cmp::Reverse(image.pushed_at), &image.digest));
            let mut gone: Vec<_> = match rule.count {
                Count::MoreThan(count) => selected.iter().skip(count).collect(),
                Count::SincePushed(age) => selected.iter().filter(|image| now.since(image.pushed_at) > age).collect(),
                Count::SincePulled(age) => selected.iter().filter(|image| now.since(image.last_used()) > age).collect(),
            };
            gone.retain(|image| !taken.contains(image.digest.as_str()));
            gone.reverse();
            expired.extend(gone.iter().map(|image| Expired { digest: image.digest.clone(), rule_priority: rule.priority }));
            taken.extend(selected.iter().map(|image| image.digest.as_str()));
        }
        expired
    }
}

impl PolicyImage {
    fn last_used(&self) -> Timestamp {
        self.pulled_at.map_or(self.pushed_at, |pulled| pulled.max(self.pushed_at))
    }
}

impl Selection {
    fn has(&self, image: &PolicyImage) -> bool {
        let each = |wanted: &BTreeSet<String>, fits: fn(&str, &str) -> bool| wanted.iter().all(|one| image.tags.iter().any(|tag| fits(one, tag)));
        match self {
            Self::Untagged => image.tags.is_empty(),
            Self::Prefixes(prefixes) => each(prefixes, |prefix, tag| tag.starts_with(prefix)),
            Self::Patterns(patterns) => each(patterns, wildcard),
            Self::Any => true,
        }
    }
}

/// What ECR asks of rules together: unique priorities, unique sets of prefixes or patterns, one rule for untagged images, `any` last.
fn check_together(rules: &[Rule]) -> Result<(), String> {
    if rules.is_empty() {
        return Err("a policy has at least one rule".into());
    }
    let mut selections = BTreeMap::new();
    for (at, rule) in rules.iter().enumerate() {
        let priority = rule.priority;
        if rules[..at].last().is_some_and(|before| before.priority == priority) {
            return Err(format!("two rules have the rulePriority {priority}"));
        }
        if let Some(other) = selections.insert(&rule.selection, priority) {
            return Err(format!("the rules {other} and {priority} select the same images"));
        }
        if rule.selection == Selection::Any && at + 1 < rules.len() {
            return Err(format!("rule {priority} has tagStatus `any`, so its rulePriority must be the highest number"));
        }
    }
    Ok(())
}

impl TryFrom<String> for LifecyclePolicy {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<LifecyclePolicy> for String {
    fn from(policy: LifecyclePolicy) -> Self {
        policy.text
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rules: Vec<RuleDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleDocument {
    rule_priority: u32,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    selection: SelectionDocument,
    action: ActionDocument,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SelectionDocument {
    tag_status: String,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    count_type: String,
    #[serde(default)]
    count_unit: Option<String>,
    count_number: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionDocument {
    r#type: String,
}

impl RuleDocument {
    fn read(self) -> Result<Rule, String> {
        let priority = self.rule_priority;
        let in_rule = |why: String| format!("rule {priority}: {why}");
        if priority == 0 {
            return Err("a rulePriority is 1 or more".into());
        }
        match self.action.r#type.as_str() {
            "expire" => {}
            "transition" => return Err(in_rule("the action `transition` is not supported here; there is one storage class".into())),
            other => return Err(in_rule(format!("the action's type is `expire`, not `{other}`"))),
        }
        let count = self.selection.count().map_err(in_rule)?;
        let selection = self.selection.selection().map_err(in_rule)?;
        Ok(Rule { priority, selection, count })
    }
}

impl SelectionDocument {
    fn count(&self) -> Result<Count, String> {
        if self.count_number == 0 {
            return Err("a countNumber is 1 or more".into());
        }
        let days = match self.count_unit.as_deref() {
            None => None,
            Some("days") => Some(DAY * self.count_number),
            Some(other) => return Err(format!("the countUnit is `days`, not `{other}`")),
        };
        match (self.count_type.as_str(), days) {
            ("imageCountMoreThan", None) => Ok(Count::MoreThan(self.count_number as usize)),
            ("imageCountMoreThan", Some(_)) => Err("imageCountMoreThan takes no countUnit".into()),
            ("sinceImagePushed", Some(age)) => Ok(Count::SincePushed(age)),
            ("sinceImagePulled", Some(age)) => Ok(Count::SincePulled(age)),
            ("sinceImagePushed" | "sinceImagePulled", None) => Err(format!("{} needs `countUnit: days`", self.count_type)),
            ("sinceImageTransitioned", _) => Err("sinceImageTransitioned is not supported here; there is one storage class".into()),
            (other, _) => Err(format!("the countType is `imageCountMoreThan`, `sinceImagePushed` or `sinceImagePulled`, not `{other}`")),
        }
    }

    fn selection(self) -> Result<Selection, String> {
        let lists = (self.tag_prefix_list.is_empty(), self.tag_pattern_list.is_empty());
        match (self.tag_status.as_str(), lists) {
            ("untagged", (true, true)) => Ok(Selection::Untagged),
            ("any", (true, true)) => Ok(Selection::Any),
            ("untagged" | "any", _) => Err(format!("tagStatus `{}` takes neither tagPrefixList nor tagPatternList", self.tag_status)),
            ("tagged", (false, true)) => Ok(Selection::Prefixes(self.tag_prefix_list.into_iter().collect())),
            ("tagged", (true, false)) => match self.tag_pattern_list.iter().find(|pattern| pattern.matches('*').count() > 4) {
                Some(pattern) => Err(format!("the pattern `{pattern}` has more than four `*`")),
                None => Ok(Selection::Patterns(self.tag_pattern_list.into_iter().collect())),
            },
            ("tagged", _) => Err("tagStatus `tagged` needs either tagPrefixList or tagPatternList".into()),
            (other, _) => Err(format!("the tagStatus is `tagged`, `untagged` or `any`, not `{other}`")),
        }
    }
}

#[cfg(test)]
mod tests;
