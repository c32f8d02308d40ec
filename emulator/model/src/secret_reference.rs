//! `valueFrom`: which secret or parameter a container's variable, or an option of its log driver, has its value from (ecs.md 1.9).

use serde::{Deserialize, Serialize};

/// The agent's sentence for an ARN of Secrets Manager that has some of the fields behind the name, not all.
pub const INVALID_SECRET_ARN: &str = "an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.";

/// A `valueFrom` that can be understood. Its serde form is the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretReference {
    text: String,
    source: SecretSource,
}

/// What a [`SecretReference`] names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// A parameter of SSM, by its name.
    Parameter(String),
    /// A secret of Secrets Manager, by its ARN without what follows the name.
    Secret(String, SecretSelector),
    /// A name alone: of a parameter as on ECS, else of a secret, so that a manifest needs no ARN.
    Named(String, SecretSelector),
}

/// Which part of which version of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretSelector {
    /// The key of a JSON object; `None` for the whole text.
    pub json_key: Option<String>,
    /// Default `AWSCURRENT`, where no version is named.
    pub version_stage: Option<String>,
    /// The version's id.
    pub version_id: Option<String>,
}

impl SecretReference {
    /// Understands a `valueFrom`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, the agent's own where it has one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let reference = |source| Ok(Self { text: text.to_owned(), source });
        if text.is_empty() {
            return Err("a value comes from the ARN or the name of a secret or of a parameter".into());
        }
        let Some(arn) = text.strip_prefix("arn:") else {
            return reference(named(text)?);
        };
        // arn : partition : service : region : account : what
        let mut parts = arn.splitn(5, ':').skip(1);
        match (parts.next(), parts.nth(2)) {
            (Some("ssm"), Some(what)) => match what.strip_prefix("parameter/") {
                Some(name) if !name.is_empty() => reference(SecretSource::Parameter(parameter_name(name))),
                _ => Err(format!("`{text}` is not the ARN of a parameter, `arn:aws:ssm:<region>:<account>:parameter/<name>`")),
            },
            (Some("secretsmanager"), Some(what)) => {
                let (name, selector) = selected(what.strip_prefix("secret:").filter(|name| !name.is_empty()).ok_or(INVALID_SECRET_ARN)?)?;
                let whole = text.len() - (what.len() - "secret:".len()) + name.len();
                reference(SecretSource::Secret(text[..whole].to_owned(), selector))
            }
            _ => Err(format!("`{text}` is the ARN of neither a secret of Secrets Manager nor a parameter of SSM")),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it names.
    #[must_use]
    pub const fn source(&self) -> &SecretSource {
        &self.source
    }
}

/// `name`, or `name:json-key:version-stage:version-id`. A single colon is SSM's, before a version or a label.
fn named(text: &str) -> Result<SecretSource, String> {
    let (name, selector) = if text.matches(':').count() < 2 { (text, SecretSelector::default()) } else { selected(text)? };
    Ok(SecretSource::Named(name.to_owned(), selector))
}

/// The fields behind a secret's name: none, or exactly three, which may be empty.
fn selected(text: &str) -> Result<(&str, SecretSelector), String> {
    let field = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [name] => Ok((name, SecretSelector::default())),
        [name, key, stage, id] if !name.is_empty() => {
            Ok((name, SecretSelector { json_key: field(key), version_stage: field(stage), version_id: field(id) }))
        }
        _ => Err(INVALID_SECRET_ARN.into()),
    }
}

/// In an ARN the name of a parameter that is in no hierarchy has no slash, and of one that is in one it has only one in front.
fn parameter_name(resource: &str) -> String {
    if resource.contains('/') { format!("/{resource}") } else { resource.to_owned() }
}

impl TryFrom<String> for SecretReference {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<SecretReference> for String {
    fn from(reference: SecretReference) -> Self {
        reference.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(key: &str, stage: &str, id: &str) -> SecretSelector {
        let field = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        SecretSelector { json_key: field(key), version_stage: field(stage), version_id: field(id) }
    }

    #[test]
    fn a_value_comes_from_a_parameter_or_a_secret() {
        let parameter = |name: &str| SecretSource::Parameter(name.into());
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
        let secret = |selector| SecretSource::Secret(arn.into(), selector);
        let named = |name: &str, selector| SecretSource::Named(name.into(), selector);
        let none = SecretSelector::default;
        for (text, expected) in [
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/url".to_owned(), parameter("url")),
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/app/url".into(), parameter("/app/url")),
            (arn.into(), secret(none())),
            (format!("{arn}:password::"), secret(selector("password", "", ""))),
            (format!("{arn}::AWSPREVIOUS:"), secret(selector("", "AWSPREVIOUS", ""))),
            (format!("{arn}:a:AWSCURRENT:1-2"), secret(selector("a", "AWSCURRENT", "1-2"))),
            ("/app/url".into(), named("/app/url", none())),
            ("url:3".into(), named("url:3", none())),
            ("prod/db:password::".into(), named("prod/db", selector("password", "", ""))),
        ] {
            let read = SecretReference::parse(&text).unwrap();
            assert_eq!((read.source(), read.as_str()), (&expected, text.as_str()));
        }
    }

    #[test]
    fn what_names_neither_is_refused_in_the_agent_s_words() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret";
        for (text, sentence) in [
            (format!("{arn}:db:password"), INVALID_SECRET_ARN),
            (format!("{arn}:db:a:b:c:d"), INVALID_SECRET_ARN),
            (format!("{arn}:"), INVALID_SECRET_ARN),
            (arn.into(), INVALID_SECRET_ARN),
            ("db:a:b".into(), INVALID_SECRET_ARN),
            ("arn:aws:ssm:eu-west-1:123456789012:document/x".into(), "is not the ARN of a parameter"),
            ("arn:aws:s3:::bucket/key".into(), "is the ARN of neither"),
            ("arn:".into(), "is the ARN of neither"),
            (String::new(), "a value comes from"),
        ] {
            let said = SecretReference::parse(&text).unwrap_err();
            assert!(said.contains(sentence), "{text}: {said}");
        }
    }

    #[test]
    fn the_text_crosses_a_wire() {
        let reference = SecretReference::parse("prod/db:password::").unwrap();
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(json, "\"prod/db:password::\"");
        assert_eq!(serde_json::from_str::<SecretReference>(&json).unwrap(), reference);
        assert!(serde_json::from_str::<SecretReference>("\"\"").is_err());
    }
}
