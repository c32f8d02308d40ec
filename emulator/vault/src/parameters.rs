//! The operations of the Parameter Store.

use std::collections::{BTreeMap, BTreeSet};

use model::{ClusterName, ParameterType, Secret, Timestamp};

use crate::parameter::{Parameter, ParameterVersion};
use crate::{Place, Vault};

/// The longest value of the standard tier, in bytes. The advanced one takes twice as much, and costs nothing here.
const LONGEST_VALUE: usize = 8192;
/// How many versions are kept; the oldest goes, unless it has a label.
const VERSIONS: usize = 100;
/// The most labels of a version.
const MOST_LABELS: usize = 10;

/// Why an operation was refused, in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum ParameterError {
    // AWS says nothing more than the code.
    #[error("Parameter {0} not found.")]
    NotFound(String),
    #[error("Systems Manager could not find version {version} of {name}. Verify the version and try again.")]
    NoVersion { name: String, version: String },
    #[error("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")]
    Exists,
    #[error("The parameter type can't be changed. Delete the parameter, or create a new one with another name.")]
    OtherType,
    #[error("You have reached the maximum number of {VERSIONS} versions for {0}. The oldest version can't be deleted because it has a label.")]
    VersionsLabelled(String),
    #[error("{0}")]
    Validation(String),
}

/// A parameter to put.
#[derive(Clone, Debug)]
pub struct NewParameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// What it is; `None` for what it is already.
    pub kind: Option<ParameterType>,
    /// Whether one that is there gets another value.
    pub overwrite: bool,
    /// For a person; `None` leaves it.
    pub description: Option<String>,
    /// Kept and told; `None` leaves it.
    pub data_type: Option<String>,
    /// For a new one alone.
    pub tags: BTreeMap<String, String>,
    /// The cluster whose manifest names it.
    pub owner: Option<ClusterName>,
}

fn check_name(name: &str) -> Result<(), ParameterError> {
    model::secret_spec::check_parameter_name(name).map_err(|why| ParameterError::Validation(why.to_owned()))
}

/// The name and what selects a version in `name:selector`.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(name, selector)| (name, Some(selector)))
}

impl Vault {
    /// The name that a parameter is kept by, of a name or an ARN.
    fn parameter_name<'a>(&self, id: &'a str) -> std::borrow::Cow<'a, str> {
        let resource = id.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4)).and_then(|resource| resource.strip_prefix("parameter"));
        match resource {
            // `parameter/name` is of a name alone, and of one in a hierarchy of one level.
            Some(path) if !self.parameters.contains_key(split(path).0) => path.strip_prefix('/').unwrap_or(path).into(),
            Some(path) => path.into(),
            None => id.into(),
        }
    }

    /// PutParameter: the number of the new version.
    ///
    /// # Errors
    /// It is there and is not to be overwritten, or the name or the value is none.
    pub fn put_parameter(&mut self, new: NewParameter, now: Timestamp, place: &Place) -> Result<u64, ParameterError> {
        check_name(&new.name)?;
        let length = new.value.expose().len();
        if length == 0 || length > LONGEST_VALUE {
            return Err(ParameterError::Validation(format!("A parameter's value has 1 to {LONGEST_VALUE} bytes.")));
        }
        let version = |number| ParameterVersion { number, value: new.value.clone(), at: now, labels: BTreeSet::new() };
        let Some(known) = self.parameters.get_mut(&new.name) else {
            let kind = new.kind.ok_or_else(|| ParameterError::Validation("A parameter type is required when you create a parameter.".into()))?;
            let separator = if new.name.starts_with('/') { "" } else { "/" };
            let arn = format!("arn:aws:ssm:{}:{}:parameter{separator}{}", place.region, place.account, new.name);
            let versions = vec![version(1)];
            let (name, description, data_type, tags, owner) = (new.name.clone(), new.description, new.data_type, new.tags, new.owner);
            self.parameters.insert(new.name, Parameter { arn, name, kind, description, tags, data_type, owner, versions });
            return Ok(1);
        };
        if !new.overwrite {
            return Err(ParameterError::Exists);
        }
        if new.kind.is_some_and(|kind| kind != known.kind) {
            return Err(ParameterError::OtherType);
        }
        if known.versions.len() >= VERSIONS && known.versions.first().is_some_and(|oldest| !oldest.labels.is_empty()) {
            return Err(ParameterError::VersionsLabelled(new.name));
        }
        let number = known.versions.last().map_or(1, |last| last.number + 1);
        known.versions.push(version(number));
        if known.versions.len() > VERSIONS {
            known.versions.remove(0);
        }
        known.description = new.description.or(known.description.take());
        known.data_type = new.data_type.or(known.data_type.take());
        Ok(number)
    }

    /// GetParameter, by `name`, `name:version`, `name:label` or ARN.
    ///
    /// # Errors
    /// There is no such parameter, or no such version of it.
    pub fn parameter(&self, id: &str) -> Result<(&Parameter, &ParameterVersion), ParameterError> {
        let name = self.parameter_name(id);
        let (name, selector) = split(&name);
        let parameter = self.parameters.get(name).ok_or_else(|| ParameterError::NotFound(name.to_owned()))?;
        let none = || ParameterError::NoVersion { name: name.to_owned(), version: selector.unwrap_or_default().to_owned() };
        Ok((parameter, parameter.version(selector).ok_or_else(none)?))
    }

    /// GetParametersByPath: those below `path`, all or of the next level alone.
    ///
    /// # Errors
    /// It is no path.
    pub fn parameters_below<'a>(&'a self, path: &str, recursive: bool) -> Result<impl Iterator<Item = &'a Parameter> + use<'a>, ParameterError> {
        if !path.starts_with('/') {
            let why = "The parameter path must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).";
            return Err(ParameterError::Validation(why.into()));
        }
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let below = move |parameter: &&Parameter| {
            let rest = parameter.name.strip_prefix(&prefix);
            // What is in no hierarchy is below the root.
            let rest = rest.or_else(|| (prefix == "/" && !parameter.name.contains('/')).then_some(parameter.name.as_str()));
            rest.is_some_and(|rest| recursive || !rest.contains('/'))
        };
        Ok(self.parameters.values().filter(below))
    }

    /// DeleteParameter.
    ///
    /// # Errors
    /// There is no such parameter.
    pub fn delete_parameter(&mut self, id: &str) -> Result<(), ParameterError> {
        let name = self.parameter_name(id).into_owned();
        self.parameters.remove(&name).map(drop).ok_or(ParameterError::NotFound(name))
    }

    /// LabelParameterVersion: the labels that no version can have, and the version's number.
    ///
    /// # Errors
    /// There is no such version, or it would have too many labels.
    pub fn label_parameter(&mut self, id: &str, version: Option<u64>, labels: &[String]) -> Result<(Vec<String>, u64), ParameterError> {
        let name = self.parameter_name(id).into_owned();
        let parameter = self.parameters.get_mut(&name).ok_or_else(|| ParameterError::NotFound(name.clone()))?;
        let newest = parameter.versions.last().map_or(1, |last| last.number);
        let number = version.unwrap_or(newest);
        let allowed = |label: &&String| {
            let first = label.to_ascii_lowercase();
            let letters = label.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
            (1..=100).contains(&label.len())
                && letters
                && !label.starts_with(|c: char| c.is_ascii_digit())
                && !first.starts_with("aws")
                && !first.starts_with("ssm")
        };
        let (good, bad): (Vec<&String>, Vec<&String>) = labels.iter().partition(allowed);
        let found = parameter.versions.iter().find(|version| version.number == number);
        let found = found.ok_or_else(|| ParameterError::NoVersion { name: name.clone(), version: number.to_string() })?;
        if found.labels.iter().chain(good.iter().copied()).collect::<BTreeSet<_>>().len() > MOST_LABELS {
            return Err(ParameterError::Validation(format!("A version has at most {MOST_LABELS} labels.")));
        }
        for version in &mut parameter.versions {
            version.labels.retain(|label| !good.contains(&label));
            if version.number == number {
                version.labels.extend(good.iter().map(|label| (*label).clone()));
            }
        }
        Ok((bad.into_iter().cloned().collect(), number))
    }

    /// AddTagsToResource and RemoveTagsFromResource.
    ///
    /// # Errors
    /// There is no such parameter.
    pub fn tag_parameter(&mut self, id: &str, add: BTreeMap<String, String>, remove: &[String]) -> Result<(), ParameterError> {
        let name = self.parameter_name(id).into_owned();
        let parameter = self.parameters.get_mut(&name).ok_or(ParameterError::NotFound(name))?;
        parameter.tags.extend(add);
        parameter.tags.retain(|key, _| !remove.contains(key));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(vault: &mut Vault, name: &str, value: &str, overwrite: bool) -> Result<u64, ParameterError> {
        let place = Place { region: "us-east-1".into(), account: "000000000000".into() };
        let new = NewParameter {
            name: name.into(),
            value: Secret::new(value.into()),
            kind: Some(ParameterType::String),
            overwrite,
            description: None,
            data_type: None,
            tags: BTreeMap::new(),
            owner: None,
        };
        vault.put_parameter(new, Timestamp::from_millis(1), &place)
    }

    fn value(vault: &Vault, id: &str) -> Result<String, ParameterError> {
        vault.parameter(id).map(|(_, version)| version.value.expose().to_owned())
    }

    #[test]
    fn a_parameter_has_versions_and_labels() {
        let mut vault = Vault::default();
        assert_eq!(put(&mut vault, "/app/url", "one", false), Ok(1));
        assert_eq!(put(&mut vault, "/app/url", "two", false), Err(ParameterError::Exists));
        assert_eq!(put(&mut vault, "/app/url", "two", true), Ok(2));
        let bad = vault.label_parameter("/app/url", Some(1), &["stable".into(), "1st".into()]).unwrap();
        assert_eq!(bad, (vec!["1st".into()], 1));
        let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/app/url";
        for (id, expected) in [("/app/url", "two"), ("/app/url:1", "one"), ("/app/url:stable", "one"), (arn, "two"), (&format!("{arn}:1"), "one")] {
            assert_eq!(value(&vault, id).as_deref(), Ok(expected), "{id}");
        }
        assert!(matches!(value(&vault, "/app/url:3"), Err(ParameterError::NoVersion { .. })));
        assert_eq!(value(&vault, "app/url"), Err(ParameterError::NotFound("app/url".into())));
        vault.label_parameter("/app/url", None, &["stable".into()]).unwrap();
        assert_eq!(value(&vault, "/app/url:stable").as_deref(), Ok("two"));
        assert_eq!(vault.delete_parameter(arn), Ok(()));
        assert!(vault.delete_parameter("/app/url").is_err());
    }

    #[test]
    fn the_arn_of_a_name_alone_has_a_slash_of_its_own() {
        let mut vault = Vault::default();
        put(&mut vault, "url", "one", false).unwrap();
        assert_eq!(vault.parameters["url"].arn, "arn:aws:ssm:us-east-1:000000000000:parameter/url");
        assert_eq!(value(&vault, "arn:aws:ssm:us-east-1:000000000000:parameter/url").as_deref(), Ok("one"));
    }

    #[test]
    fn only_a_hundred_versions_are_kept() {
        let mut vault = Vault::default();
        for number in 1..=150 {
            assert_eq!(put(&mut vault, "a", "x", true), Ok(number));
        }
        assert_eq!(vault.parameters["a"].versions.first().map(|version| version.number), Some(51));
        vault.label_parameter("a", Some(51), &["old".into()]).unwrap();
        assert_eq!(put(&mut vault, "a", "x", true), Err(ParameterError::VersionsLabelled("a".into())));
    }

    #[test]
    fn a_path_has_what_is_below_it() {
        let mut vault = Vault::default();
        for name in ["/app/a", "/app/b/c", "/apple", "alone"] {
            put(&mut vault, name, "x", false).unwrap();
        }
        let below =
            |path: &str, recursive| vault.parameters_below(path, recursive).map(|found| found.map(|one| one.name.clone()).collect::<Vec<_>>());
        assert_eq!(below("/app", false), Ok(vec!["/app/a".to_owned()]));
        assert_eq!(below("/app/", true), Ok(vec!["/app/a".to_owned(), "/app/b/c".into()]));
        assert_eq!(below("/", false), Ok(vec!["/apple".to_owned(), "alone".into()]));
        assert!(below("app", false).is_err());
    }
}
