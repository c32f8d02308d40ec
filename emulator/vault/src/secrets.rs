//! The operations of Secrets Manager.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{ClusterName, Ids, Timestamp};

use crate::secret::{AWSCURRENT, SecretValue, SecretVersion, StoredSecret};
use crate::{Place, Vault};

/// The longest value, in bytes.
const LONGEST_VALUE: usize = 65_536;
/// The longest name.
const LONGEST_NAME: usize = 512;
/// Days of a recovery window where none is said.
const RECOVERY_DAYS: u32 = 30;
/// The most tags.
const MOST_TAGS: usize = 50;
const DAY: Duration = Duration::from_secs(86_400);

/// Why an operation was refused, in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum SecretError {
    #[error("Secrets Manager can't find the specified secret.")]
    NotFound,
    #[error("Secrets Manager can't find the specified secret value for VersionId: {0}")]
    NoVersion(String),
    #[error("Secrets Manager can't find the specified secret value for staging label: {0}")]
    NoStage(String),
    #[error("The operation failed because the secret {0} already exists.")]
    Exists(String),
    #[error("A resource with the ID you requested already exists.")]
    VersionExists,
    #[error("You can't create this secret because a secret with this name is already scheduled for deletion.")]
    NameScheduledForDeletion,
    #[error("You can't perform this operation on the secret because it was marked for deletion.")]
    ScheduledForDeletion,
    #[error("{0}")]
    InvalidParameter(String),
    #[error("{0}")]
    InvalidRequest(String),
}

/// A secret to make.
#[derive(Clone, Debug, Default)]
pub struct NewSecret {
    /// Its name: 1 to 512 letters, digits and `/_+=.@-`.
    pub name: String,
    /// The id of its first version; `None` for a new one.
    pub token: Option<String>,
    /// For a person.
    pub description: Option<String>,
    /// Kept and told.
    pub kms_key_id: Option<String>,
    /// Its first value; `None` for none yet.
    pub value: Option<SecretValue>,
    /// Kept and told.
    pub tags: BTreeMap<String, String>,
    /// The cluster whose manifest names it.
    pub owner: Option<ClusterName>,
}

/// How a secret is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// At once, with everything that it held.
    pub force: bool,
    /// 7 to 30 days; default 30.
    pub recovery_days: Option<u32>,
}

fn invalid<T>(why: impl Into<String>) -> Result<T, SecretError> {
    Err(SecretError::InvalidParameter(why.into()))
}

fn check_name(name: &str) -> Result<(), SecretError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(allowed) {
        return invalid("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!");
    }
    Ok(())
}

fn check_token(token: Option<&String>) -> Result<(), SecretError> {
    if token.is_some_and(|token| !(32..=64).contains(&token.len())) {
        return invalid("ClientRequestToken must be 32-64 characters long.");
    }
    Ok(())
}

fn check_value(value: Option<&SecretValue>) -> Result<(), SecretError> {
    let Some(value) = value else { return Ok(()) };
    let (length, empty) = (value.secret().expose().len(), value.secret().expose().is_empty());
    // Base64 makes a binary value a third longer.
    let most = if matches!(value, SecretValue::Binary(_)) { LONGEST_VALUE.div_ceil(3) * 4 } else { LONGEST_VALUE };
    if empty || length > most {
        return invalid(format!("A secret's value has 1 to {LONGEST_VALUE} bytes."));
    }
    Ok(())
}

/// Six letters and digits, as AWS puts them behind a name.
fn suffix(ids: &mut Ids) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut rest = ids.next_u64();
    let mut next = || {
        let letter = LETTERS.get(usize::try_from(rest % 62).unwrap_or(0)).copied().unwrap_or(b'A');
        rest /= 62;
        char::from(letter)
    };
    (0..6).map(|_| next()).collect()
}

impl Vault {
    /// The secret of that name or ARN. An ARN may lack the six characters, and may be of another account or region: what a task definition
    /// was copied with names the secret of that name here.
    #[must_use]
    pub fn secret(&self, id: &str) -> Option<&StoredSecret> {
        let name = self.secret_name(id)?;
        self.secrets.get(&name)
    }

    fn secret_name(&self, id: &str) -> Option<String> {
        let known = |name: &str| self.secrets.contains_key(name).then(|| name.to_owned());
        let Some(resource) = id.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(5)) else { return known(id) };
        let shorter = resource.rsplit_once('-').filter(|(_, suffix)| suffix.len() == 6).and_then(|(name, _)| known(name));
        shorter.or_else(|| known(resource))
    }

    /// The secret, to change; not one that is to be deleted.
    fn change(&mut self, id: &str) -> Result<&mut StoredSecret, SecretError> {
        let name = self.secret_name(id).ok_or(SecretError::NotFound)?;
        let secret = self.secrets.get_mut(&name).ok_or(SecretError::NotFound)?;
        if secret.deleted_at.is_some() { Err(SecretError::ScheduledForDeletion) } else { Ok(secret) }
    }

    /// CreateSecret. With the token of its first version and the same value again it is the same secret.
    ///
    /// # Errors
    /// It is there, or is none.
    pub fn create_secret(&mut self, new: NewSecret, (now, place, ids): (Timestamp, &Place, &mut Ids)) -> Result<&StoredSecret, SecretError> {
        check_name(&new.name)?;
        check_token(new.token.as_ref())?;
        check_value(new.value.as_ref())?;
        if new.tags.len() > MOST_TAGS {
            return invalid(format!("A secret has at most {MOST_TAGS} tags."));
        }
        let same = |known: &StoredSecret| {
            let version = new.token.as_deref().and_then(|token| known.version(Some(token), None));
            version.is_some_and(|version| Some(&version.value) == new.value.as_ref())
        };
        match self.secrets.get(&new.name).map(|known| (known.deleted_at, same(known))) {
            Some((Some(_), _)) => return Err(SecretError::NameScheduledForDeletion),
            Some((None, false)) => return Err(SecretError::Exists(new.name)),
            Some((None, true)) => return self.secrets.get(&new.name).ok_or(SecretError::NotFound),
            None => {}
        }
        let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{}-{}", place.region, place.account, new.name, suffix(ids));
        let mut secret = StoredSecret {
            arn,
            name: new.name.clone(),
            description: new.description,
            kms_key_id: new.kms_key_id,
            tags: new.tags,
            owner: new.owner,
            created_at: now,
            changed_at: now,
            accessed_at: None,
            deleted_at: None,
            versions: Vec::new(),
        };
        if let Some(value) = new.value {
            let id = new.token.unwrap_or_else(|| ids.uuid());
            secret.put(SecretVersion { id, stages: BTreeSet::from([AWSCURRENT.to_owned()]), value, created_at: now });
        }
        Ok(self.secrets.entry(new.name).or_insert(secret))
    }

    /// GetSecretValue: the secret and its version.
    ///
    /// # Errors
    /// There is no such secret, or no such version of it.
    pub fn secret_value(&self, id: &str, version: Option<&str>, stage: Option<&str>) -> Result<(&StoredSecret, &SecretVersion), SecretError> {
        let secret = self.secret(id).ok_or(SecretError::NotFound)?;
        if secret.deleted_at.is_some() {
            return Err(SecretError::ScheduledForDeletion);
        }
        let found = secret.version(version, stage);
        let none = || match (version, stage) {
            (Some(version), _) => SecretError::NoVersion(version.to_owned()),
            (None, stage) => SecretError::NoStage(stage.unwrap_or(AWSCURRENT).to_owned()),
        };
        Ok((secret, found.ok_or_else(none)?))
    }

    /// Remembers that a value was given away.
    pub fn accessed_secret(&mut self, name: &str, now: Timestamp) {
        if let Some(secret) = self.secrets.get_mut(name) {
            secret.accessed_at = Some(now);
        }
    }

    /// PutSecretValue: a new version with these stages, AWSCURRENT where none is said. The same token with the same value changes nothing.
    ///
    /// # Errors
    /// There is no such secret, or the token names a version with another value.
    pub fn put_secret_value(
        &mut self,
        id: &str,
        (token, value, stages): (Option<String>, SecretValue, BTreeSet<String>),
        (now, ids): (Timestamp, &mut Ids),
    ) -> Result<(&StoredSecret, &SecretVersion), SecretError> {
        check_token(token.as_ref())?;
        check_value(Some(&value))?;
        let secret = self.change(id)?;
        let stages = if stages.is_empty() { BTreeSet::from([AWSCURRENT.to_owned()]) } else { stages };
        let token = token.unwrap_or_else(|| ids.uuid());
        match secret.version(Some(&token), None) {
            Some(known) if known.value != value => return Err(SecretError::VersionExists),
            Some(_) => {}
            None => {
                secret.put(SecretVersion { id: token.clone(), stages, value, created_at: now });
                secret.changed_at = now;
            }
        }
        let secret = &*secret;
        let version = secret.version(Some(&token), None).ok_or(SecretError::NotFound)?;
        Ok((secret, version))
    }

    /// UpdateSecret: what is said replaces what there was; the new version's id, where there is a value.
    ///
    /// # Errors
    /// As of [`Self::put_secret_value`].
    pub fn update_secret(
        &mut self,
        id: &str,
        (description, kms_key_id): (Option<String>, Option<String>),
        (token, value): (Option<String>, Option<SecretValue>),
        (now, ids): (Timestamp, &mut Ids),
    ) -> Result<(&StoredSecret, Option<String>), SecretError> {
        check_token(token.as_ref())?;
        check_value(value.as_ref())?;
        let version = match value {
            Some(value) => Some(self.put_secret_value(id, (token, value, BTreeSet::new()), (now, ids))?.1.id.clone()),
            None => None,
        };
        let secret = self.change(id)?;
        secret.description = description.or(secret.description.take());
        secret.kms_key_id = kms_key_id.or(secret.kms_key_id.take());
        secret.changed_at = now;
        Ok((secret, version))
    }

    /// UpdateSecretVersionStage: moves a stage, or takes it away.
    ///
    /// # Errors
    /// There is no such version, the stage is on another one than said, or AWSCURRENT would be on none.
    pub fn move_secret_stage(
        &mut self,
        id: &str,
        stage: &str,
        (from, to): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<&StoredSecret, SecretError> {
        let secret = self.change(id)?;
        let holder = secret.version(None, Some(stage)).map(|version| version.id.clone());
        if let Some(missing) = [from, to].into_iter().flatten().find(|id| secret.version(Some(id), None).is_none()) {
            return Err(SecretError::NoVersion(missing.to_owned()));
        }
        if holder.as_deref() != from && to.is_none_or(|to| holder.is_some() && holder.as_deref() != Some(to)) {
            return invalid(format!("The parameter RemoveFromVersionId is not the version that the staging label {stage} is attached to."));
        }
        match to {
            Some(to) => secret.move_stage(stage, to),
            None if stage == AWSCURRENT => return invalid("You can't remove the staging label AWSCURRENT without moving it to another version."),
            None => secret.versions.iter_mut().for_each(|version| version.stages.retain(|kept| kept != stage)),
        }
        secret.changed_at = now;
        Ok(secret)
    }

    /// DeleteSecret: when the secret is, or was, gone for good, with its ARN and name.
    ///
    /// # Errors
    /// There is no such secret (with `force` that is none), or the two say different things.
    pub fn delete_secret(&mut self, id: &str, deletion: Deletion, now: Timestamp) -> Result<(String, String, Timestamp), SecretError> {
        let days = deletion.recovery_days.unwrap_or(RECOVERY_DAYS);
        if deletion.force && deletion.recovery_days.is_some() {
            return invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
        }
        if !(7..=30).contains(&days) {
            return invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
        }
        let Some(name) = self.secret_name(id) else {
            return if deletion.force { Ok((id.to_owned(), id.to_owned(), now)) } else { Err(SecretError::NotFound) };
        };
        if deletion.force {
            let secret = self.secrets.remove(&name).ok_or(SecretError::NotFound)?;
            return Ok((secret.arn, name, now));
        }
        let secret = self.change(id)?;
        let end = now + DAY * days;
        (secret.deleted_at, secret.changed_at) = (Some(end), now);
        Ok((secret.arn.clone(), name, end))
    }

    /// RestoreSecret. One that is not to be deleted stays as it is.
    ///
    /// # Errors
    /// There is no such secret.
    pub fn restore_secret(&mut self, id: &str, now: Timestamp) -> Result<&StoredSecret, SecretError> {
        let name = self.secret_name(id).ok_or(SecretError::NotFound)?;
        let secret = self.secrets.get_mut(&name).ok_or(SecretError::NotFound)?;
        if secret.deleted_at.take().is_some() {
            secret.changed_at = now;
        }
        Ok(secret)
    }

    /// TagResource and UntagResource.
    ///
    /// # Errors
    /// There is no such secret, or it would have too many tags.
    pub fn tag_secret(&mut self, id: &str, add: BTreeMap<String, String>, remove: &[String], now: Timestamp) -> Result<(), SecretError> {
        let secret = self.change(id)?;
        let mut tags = secret.tags.clone();
        tags.extend(add);
        tags.retain(|key, _| !remove.contains(key));
        if tags.len() > MOST_TAGS {
            return invalid(format!("A secret has at most {MOST_TAGS} tags."));
        }
        (secret.tags, secret.changed_at) = (tags, now);
        Ok(())
    }

    /// Forgets the secrets whose recovery window is over. Whether there were any.
    pub fn purge(&mut self, now: Timestamp) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|_, secret| secret.deleted_at.is_none_or(|end| end > now));
        self.secrets.len() != before
    }
}

#[cfg(test)]
mod tests;
