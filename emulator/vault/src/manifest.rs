//! What a manifest makes of the vault.

use std::collections::{BTreeMap, BTreeSet};

use model::{ClusterName, Ids, ParameterSpec, SecretSpec, Timestamp};

use crate::secret::SecretValue;
use crate::{NewParameter, NewSecret, Place, Vault};

/// What a cluster's manifest names.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose manifest.
    pub cluster: &'a ClusterName,
    /// Secrets by name.
    pub secrets: &'a BTreeMap<String, SecretSpec>,
    /// Parameters by name.
    pub parameters: &'a BTreeMap<String, ParameterSpec>,
}

impl Vault {
    /// Makes it hold what a manifest names, and no more of what earlier ones did: one line a change, as `diff` prints them, without values.
    /// What an API made before becomes the manifest's.
    ///
    /// # Errors
    /// A name is another cluster's, or cannot be; the vault is half changed then.
    pub fn bring(&mut self, wanted: Wanted<'_>, (now, place, ids): (Timestamp, &Place, &mut Ids)) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for (name, spec) in wanted.secrets {
            lines.extend(self.bring_secret(wanted.cluster, (name, spec), (now, place, &mut *ids))?);
        }
        for (name, spec) in wanted.parameters {
            lines.extend(self.bring_parameter(wanted.cluster, (name, spec), now, place)?);
        }
        let ours = |owner: Option<&ClusterName>| owner == Some(wanted.cluster);
        self.secrets.retain(|name, secret| {
            let stays = !ours(secret.owner.as_ref()) || wanted.secrets.contains_key(name);
            lines.extend((!stays).then(|| format!("- secret {name}")));
            stays
        });
        self.parameters.retain(|name, parameter| {
            let stays = !ours(parameter.owner.as_ref()) || wanted.parameters.contains_key(name);
            lines.extend((!stays).then(|| format!("- parameter {name}")));
            stays
        });
        Ok(lines)
    }

    fn bring_secret(
        &mut self,
        cluster: &ClusterName,
        (name, spec): (&str, &SecretSpec),
        (now, place, ids): (Timestamp, &Place, &mut Ids),
    ) -> Result<Option<String>, String> {
        let value = spec.value.clone().map(SecretValue::Text);
        let Some(known) = self.secrets.get_mut(name) else {
            let (name, description, owner) = (name.to_owned(), spec.description.clone(), Some(cluster.clone()));
            let line = format!("+ secret {name}");
            self.create_secret(NewSecret { name, description, value, owner, ..NewSecret::default() }, (now, place, ids)).map_err(said)?;
            return Ok(Some(line));
        };
        if let Some(other) = known.owner.as_ref().filter(|owner| *owner != cluster) {
            return Err(foreign("secret", name, other));
        }
        let mut parts = Vec::new();
        if known.owner.is_none() {
            known.owner = Some(cluster.clone());
            parts.push("now of this manifest");
        }
        if known.deleted_at.take().is_some() {
            parts.push("restored");
        }
        if known.description != spec.description {
            known.description.clone_from(&spec.description);
            parts.push("description");
        }
        if let Some(value) = value.filter(|value| known.version(None, None).is_none_or(|version| version.value != *value)) {
            self.put_secret_value(name, (None, value, BTreeSet::new()), (now, ids)).map_err(said)?;
            parts.push("a new value");
        }
        Ok(line("secret", name, &parts))
    }

    fn bring_parameter(
        &mut self,
        cluster: &ClusterName,
        (name, spec): (&str, &ParameterSpec),
        now: Timestamp,
        place: &Place,
    ) -> Result<Option<String>, String> {
        let mut parts = Vec::new();
        if let Some(known) = self.parameters.get_mut(name) {
            if let Some(other) = known.owner.as_ref().filter(|owner| *owner != cluster) {
                return Err(foreign("parameter", name, other));
            }
            if known.owner.is_none() {
                known.owner = Some(cluster.clone());
                parts.push("now of this manifest");
            }
            if known.kind != spec.kind {
                // AWS would have it deleted and made again, which a manifest cannot say in two steps.
                known.kind = spec.kind;
                parts.push("type");
            }
            if known.description != spec.description {
                known.description.clone_from(&spec.description);
                parts.push("description");
            }
            if known.version(None).is_some_and(|version| version.value == spec.value) {
                return Ok(line("parameter", name, &parts));
            }
            parts.push("a new value");
        }
        let made = !self.parameters.contains_key(name);
        let new = NewParameter {
            name: name.to_owned(),
            value: spec.value.clone(),
            kind: Some(spec.kind),
            overwrite: true,
            description: spec.description.clone(),
            data_type: None,
            tags: BTreeMap::new(),
            owner: Some(cluster.clone()),
        };
        self.put_parameter(new, now, place).map_err(said)?;
        Ok(if made { Some(format!("+ parameter {name}")) } else { line("parameter", name, &parts) })
    }

    /// Forgets what a cluster's manifest named. Whether there was anything.
    pub fn release(&mut self, cluster: &ClusterName) -> bool {
        let before = self.secrets.len() + self.parameters.len();
        self.secrets.retain(|_, secret| secret.owner.as_ref() != Some(cluster));
        self.parameters.retain(|_, parameter| parameter.owner.as_ref() != Some(cluster));
        self.secrets.len() + self.parameters.len() != before
    }
}

fn line(what: &str, name: &str, parts: &[&str]) -> Option<String> {
    (!parts.is_empty()).then(|| format!("~ {what} {name}, {}", parts.join(", ")))
}

fn foreign(what: &str, name: &str, owner: &ClusterName) -> String {
    format!("the {what} `{name}` belongs to the cluster `{owner}`")
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use model::{ParameterType, Secret};

    use super::*;

    fn bring(vault: &mut Vault, cluster: &str, secrets: &[(&str, &str)], parameters: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let secret = |value: &str| SecretSpec { value: Some(Secret::new(value.into())), description: None };
        let parameter = |value: &str| ParameterSpec { kind: ParameterType::String, value: Secret::new(value.into()), description: None };
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), secret(value))).collect();
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), parameter(value))).collect();
        let cluster = ClusterName::new(cluster).unwrap();
        let place = Place { region: "us-east-1".into(), account: "000000000000".into() };
        let wanted = Wanted { cluster: &cluster, secrets: &secrets, parameters: &parameters };
        vault.bring(wanted, (Timestamp::from_millis(0), &place, &mut Ids::seeded(vault.secrets.len() as u64)))
    }

    #[test]
    fn a_manifest_makes_changes_and_removes_without_showing_a_value() {
        let mut vault = Vault::default();
        let mut says = |secrets: &[(&str, &str)], parameters: &[(&str, &str)]| bring(&mut vault, "shop", secrets, parameters).unwrap();
        assert_eq!(says(&[("db", "hunter2")], &[("/url", "http://db")]), ["+ secret db", "+ parameter /url"]);
        assert_eq!(says(&[("db", "hunter2")], &[("/url", "http://db")]), Vec::<String>::new());
        assert_eq!(says(&[("db", "hunter3")], &[("/url", "http://db2")]), ["~ secret db, a new value", "~ parameter /url, a new value"]);
        assert_eq!(says(&[], &[]), ["- secret db", "- parameter /url"]);
        assert_eq!(vault, Vault::default());
    }

    #[test]
    fn what_is_another_cluster_s_is_refused_and_what_an_api_made_is_adopted() {
        let mut vault = Vault::default();
        bring(&mut vault, "shop", &[("db", "one")], &[("/url", "x")]).unwrap();
        assert_eq!(bring(&mut vault, "blog", &[("db", "two")], &[]).unwrap_err(), "the secret `db` belongs to the cluster `shop`");
        assert_eq!(bring(&mut vault, "blog", &[], &[("/url", "y")]).unwrap_err(), "the parameter `/url` belongs to the cluster `shop`");
        vault.secrets.get_mut("db").unwrap().owner = None;
        assert_eq!(bring(&mut vault, "blog", &[("db", "one")], &[]).unwrap(), ["~ secret db, now of this manifest"]);
        assert!(vault.release(&ClusterName::new("blog").unwrap()));
        assert!(!vault.release(&ClusterName::new("blog").unwrap()));
        assert_eq!(vault.parameters.len(), 1);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let mut vault = Vault::default();
        assert!(bring(&mut vault, "shop", &[("a b", "one")], &[]).is_err());
        assert!(bring(&mut vault, "shop", &[], &[("a/b", "one")]).is_err());
    }
}
