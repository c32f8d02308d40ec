//! Which value a `valueFrom` names (ecs.md 1.9).

use std::collections::BTreeMap;

use model::{Secret, SecretReference, SecretSelector, SecretSource};
use serde_json::Value;

use crate::secret::{SecretVersion, StoredSecret};
use crate::{Vault, go_value};

/// Whether somebody may do an action to a resource with those tags; with `Err`, why not.
pub type May<'a> = &'a dyn Fn(&str, &str, &BTreeMap<String, String>) -> Result<(), String>;

/// Why there is none.
enum Missing {
    /// Of a secret, in the agent's words.
    Secret(String),
    /// A parameter of that name.
    Parameter(String),
    /// A parameter that may not be read, for this reason.
    Denied(String),
}

impl Vault {
    /// The values of references, by reference, for whoever `may` read them.
    ///
    /// # Errors
    /// Why a task that asks for them cannot start, in the agent's words; no value is in it.
    pub fn values<'r>(
        &self,
        references: impl IntoIterator<Item = &'r SecretReference>,
        (region, may): (&str, May<'_>),
    ) -> Result<BTreeMap<&'r SecretReference, Secret>, String> {
        let mut values = BTreeMap::new();
        let (mut secret, mut denied, mut parameters) = (None, None, Vec::new());
        for reference in references {
            match self.value(reference.source(), (region, may)) {
                Ok(value) => drop(values.insert(reference, value)),
                Err(Missing::Secret(why)) => secret = secret.or(Some(why)),
                Err(Missing::Denied(why)) => denied = denied.or(Some(why)),
                Err(Missing::Parameter(name)) => parameters.push(name),
            }
        }
        let of_ssm = format!("unable to retrieve secrets from ssm: fetching secret data from SSM Parameter Store in {region}:");
        let why = match (secret, denied, parameters.is_empty()) {
            (Some(why), _, _) => format!("unable to retrieve secret from asm: {why}"),
            (None, Some(why), _) => format!("{of_ssm} AccessDeniedException: {why}"),
            (None, None, false) => {
                parameters.sort();
                parameters.dedup();
                let names = parameters.join(",");
                format!("{of_ssm} invalid parameters: {names}")
            }
            (None, None, true) => return Ok(values),
        };
        Err(format!("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: {why}"))
    }

    fn value(&self, source: &SecretSource, (region, may): (&str, May<'_>)) -> Result<Secret, Missing> {
        let parameter = |name: &str| self.parameter_value(name, may);
        match source {
            SecretSource::Parameter(name) => parameter(name)?.ok_or_else(|| Missing::Parameter(name.clone())),
            SecretSource::Secret(arn, selector) => self.of_secret(arn, selector, (region, may)),
            // On ECS a name is a parameter's.
            SecretSource::Named(name, selector) => match parameter(name)? {
                Some(value) if *selector == SecretSelector::default() => Ok(value),
                _ if self.secret(name).is_some() || *selector != SecretSelector::default() => self.of_secret(name, selector, (region, may)),
                _ => Err(Missing::Parameter(name.clone())),
            },
        }
    }

    /// What a name in an ARN with one slash may be, too: a name in a hierarchy, or one alone.
    fn parameter_value(&self, name: &str, may: May<'_>) -> Result<Option<Secret>, Missing> {
        let Ok((parameter, version)) = self.parameter(name) else { return Ok(None) };
        may("ssm:GetParameters", &parameter.arn, &parameter.tags).map_err(Missing::Denied)?;
        Ok(Some(version.value.clone()))
    }

    fn of_secret(&self, id: &str, selector: &SecretSelector, (region, may): (&str, May<'_>)) -> Result<Secret, Missing> {
        let Some(secret) = self.secret(id) else {
            return Err(Missing::Secret(format!(
                "ResourceNotFoundException: The task can't retrieve the secret with ARN '{id}' from AWS Secrets Manager. Check whether the secret exists in the specified Region ({region})."
            )));
        };
        may("secretsmanager:GetSecretValue", &secret.arn, &secret.tags)
            .map_err(|why| Missing::Secret(format!("failed to fetch secret {} from secrets manager: AccessDeniedException: {why}", secret.arn)))?;
        let found = self.secret_value(&secret.name, selector.version_id.as_deref(), selector.version_stage.as_deref());
        let (_, version) = found.map_err(|error| {
            let code = if secret.deleted_at.is_some() { "InvalidRequestException" } else { "ResourceNotFoundException" };
            Missing::Secret(format!("secret {}: {code}: {error}", secret.arn))
        })?;
        selected(version, selector).map_err(Missing::Secret)
    }

    /// Every value that references have had up to now, of all versions that are kept: what a log must not show. Parameters that are no
    /// `SecureString` are none of them.
    pub fn known_values<'v>(&'v self, references: impl IntoIterator<Item = &'v SecretReference>) -> Vec<Secret> {
        let mut values = Vec::new();
        let of_secret = |values: &mut Vec<Secret>, secret: &StoredSecret, selector: &SecretSelector| {
            values.extend(secret.versions.iter().filter_map(|version| selected(version, selector).ok()));
        };
        for reference in references {
            let (name, selector) = match reference.source() {
                SecretSource::Parameter(name) => (name, &SecretSelector::default()),
                SecretSource::Secret(id, selector) | SecretSource::Named(id, selector) => (id, selector),
            };
            if let Some(secret) = self.secret(name) {
                of_secret(&mut values, secret, selector);
            }
            if let Some((parameter, _)) = self.parameter(name).ok().filter(|(parameter, _)| parameter.is_secure()) {
                values.extend(parameter.versions.iter().map(|version| version.value.clone()));
            }
        }
        values
    }
}

/// The part of a version that is asked for.
fn selected(version: &SecretVersion, selector: &SecretSelector) -> Result<Secret, String> {
    let text = version.value.secret();
    let Some(key) = &selector.json_key else { return Ok(text.clone()) };
    // The parser's own words could show something of the value.
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(text.expose()) else {
        return Err(format!("retrieved secret from Secrets Manager is no JSON object, which the json key {key} is looked for in"));
    };
    let value = members.get(key).ok_or_else(|| format!("retrieved secret from Secrets Manager did not contain json key {key}"))?;
    Ok(Secret::new(go_value::print(value)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::{Ids, ParameterType, Timestamp};

    use super::*;
    use crate::{NewParameter, NewSecret, Place, SecretValue};

    fn vault() -> Vault {
        let (mut vault, mut ids) = (Vault::default(), Ids::seeded(1));
        let place = Place { region: "us-east-1".into(), account: "000000000000".into() };
        let now = Timestamp::from_millis(0);
        for (name, value) in [("prod/db", r#"{"user": "app", "port": 5432}"#), ("token", "old-token"), ("both", "secret")] {
            let new = NewSecret { name: name.into(), value: Some(SecretValue::Text(Secret::new(value.into()))), ..NewSecret::default() };
            vault.create_secret(new, (now, &place, &mut ids)).unwrap();
        }
        vault.put_secret_value("token", (None, SecretValue::Text(Secret::new("new-token".into())), BTreeSet::new()), (now, &mut ids)).unwrap();
        for (name, value, kind) in [
            ("/app/url", "http://db", ParameterType::String),
            ("both", "parameter", ParameterType::String),
            ("key", "s3cr3t", ParameterType::SecureString),
        ] {
            let value = Secret::new(value.into());
            let (name, tags) = (name.into(), BTreeMap::new());
            let new = NewParameter { name, value, kind: Some(kind), overwrite: false, description: None, data_type: None, tags, owner: None };
            vault.put_parameter(new, now, &place).unwrap();
        }
        vault
    }

    fn value(vault: &Vault, text: &str) -> Result<String, String> {
        let reference = SecretReference::parse(text).unwrap();
        vault.values([&reference], ("us-east-1", &|_, _, _| Ok(()))).map(|values| values[&reference].expose().to_owned())
    }

    #[test]
    fn who_may_not_read_is_told_so_in_the_words_of_aws() {
        let vault = vault();
        let refused = |text: &str| {
            let reference = SecretReference::parse(text).unwrap();
            let may = |action: &str, resource: &str, _: &BTreeMap<String, String>| Err(format!("not {action} on {resource}"));
            vault.values([&reference], ("us-east-1", &may)).unwrap_err()
        };
        let begin = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ";
        let said = refused("/app/url");
        let expected = "unable to retrieve secrets from ssm: fetching secret data from SSM Parameter Store in us-east-1: AccessDeniedException: not \
                        ssm:GetParameters on arn:aws:ssm:us-east-1:000000000000:parameter/app/url";
        assert_eq!(said.strip_prefix(begin), Some(expected));
        let said = refused("token");
        let expected = "unable to retrieve secret from asm: failed to fetch secret arn:aws:secretsmanager:us-east-1:000000000000:secret:token-";
        assert!(said.strip_prefix(begin).unwrap().starts_with(expected), "{said}");
        assert!(said.contains("from secrets manager: AccessDeniedException: not secretsmanager:GetSecretValue on arn:"), "{said}");
        assert!(refused("none").ends_with("invalid parameters: none"), "nobody is told of what is not there");
    }

    #[test]
    fn values_are_found_by_name_and_by_arn() {
        let vault = vault();
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret";
        for (text, expected) in [
            ("/app/url".to_owned(), "http://db"),
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/app/url".into(), "http://db"),
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/key".into(), "s3cr3t"),
            ("token".into(), "new-token"),
            ("token::AWSPREVIOUS:".into(), "old-token"),
            ("prod/db:user::".into(), "app"),
            (format!("{arn}:prod/db-AbCdEf:port::"), "5432"),
            (format!("{arn}:token-AbCdEf"), "new-token"),
            // ECS knows parameters alone by name.
            ("both".into(), "parameter"),
            (format!("{arn}:both"), "secret"),
        ] {
            assert_eq!(value(&vault, &text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_told_in_the_agent_s_words() {
        let vault = vault();
        let begin = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ";
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gone-AbCdEf";
        for (text, sentence) in [
            (arn, &*format!("ResourceNotFoundException: The task can't retrieve the secret with ARN '{arn}' from AWS Secrets Manager.")),
            ("prod/db:password::", "retrieved secret from Secrets Manager did not contain json key password"),
            ("token:a::", "retrieved secret from Secrets Manager is no JSON object"),
            ("token::BLUE:", "can't find the specified secret value for staging label: BLUE"),
            ("nothing", "fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: nothing"),
        ] {
            let said = value(&vault, text).unwrap_err();
            assert!(said.starts_with(begin) && said.contains(sentence), "{said}");
            assert!(!said.contains("new-token") && !said.contains("app"), "{said}");
        }
        let references = ["b", "a", "b"].map(|name| SecretReference::parse(name).unwrap());
        assert!(vault.values(&references, ("us-east-1", &|_, _, _| Ok(()))).unwrap_err().ends_with("invalid parameters: a,b"));
    }

    #[test]
    fn what_was_a_value_once_is_known() {
        let vault = vault();
        let known = |text: &str| {
            let reference = SecretReference::parse(text).unwrap();
            vault.known_values([&reference]).iter().map(|value| value.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(known("token"), ["old-token", "new-token"]);
        assert_eq!(known("prod/db:user::"), ["app"]);
        assert_eq!(known("key"), ["s3cr3t"]);
        assert_eq!(known("/app/url"), Vec::<String>::new());
    }
}
