//! Secrets Manager's API, answered from the vault.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Response;
use model::{Ids, Secret, Timestamp};
use serde::Serialize;
use vault::{Deletion, NewSecret, Place, SecretError, SecretValue, StoredSecret, Vault};
use wire::secretsmanager::{
    About, CreateSecretRequest, DeleteSecretAnswer, DeleteSecretRequest, Filter, GetSecretValueRequest, ListSecretsAnswer, ListSecretsRequest,
    ListVersionsAnswer, ListVersionsRequest, Named, Operation, PutSecretValueRequest, RandomPasswordAnswer, SecretBody, SecretValueAnswer,
    SecretsManagerError as Error, Tag, UpdateSecretRequest, VersionAnswer, VersionBody,
};

use super::Context;
use super::answer::Body;
use super::aws::page::{Asked, NoPage, page};
use super::aws::{self, Caller, Denied, done};
use crate::vault_store::NotChanged;
use crate::view::seconds;

mod password;

type Answer = Result<Response<Body>, Error>;

/// What an operation is answered from.
struct SecretsManager {
    context: Arc<Context>,
    place: Place,
    now: Timestamp,
}

/// Reads an operation, and answers it if the caller may ask it.
pub(super) async fn serve(context: Arc<Context>, caller: &Caller, name: &str, body: &[u8]) -> Response<Body> {
    let place = Place::from(&context.keeper.snapshot().world.settings);
    let now = context.clock.now();
    let manager = SecretsManager { context, place, now };
    let answered = match Operation::read(name, body).and_then(|operation| manager.authorise(caller, name, body).map(|()| operation)) {
        Ok(operation) => manager.answer(operation).await,
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| {
        if let Error::InternalService(why) = &error {
            tracing::error!(operation = name, "{why}");
        }
        aws::failed(error.table().1, error.body())
    })
}

/// The secret that an operation names, of whichever it is.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Subject {
    secret_id: Option<String>,
    name: Option<String>,
}

impl SecretsManager {
    fn authorise(&self, caller: &Caller, operation: &str, body: &[u8]) -> Result<(), Error> {
        if caller.is_root() {
            return Ok(());
        }
        let Subject { secret_id, name } = wire::json11::read(body).unwrap_or_default();
        let known = |id: &String| self.context.vault.read(self.now, |vault| vault.secret(id).map(|secret| (secret.arn.clone(), secret.tags.clone())));
        // A secret that is not there is asked for by the beginning of the ARN that it would have.
        let unknown = |id: String| {
            let Place { region, account } = &self.place;
            if id.starts_with("arn:") { id } else { format!("arn:aws:secretsmanager:{region}:{account}:secret:{id}") }
        };
        // Only the one that the operation reads: another would be a way around the question.
        let id = if operation == "CreateSecret" { name } else { secret_id };
        let unnamed = || ("*".to_owned(), BTreeMap::new());
        let (resource, tags) = id.map_or_else(unnamed, |id| known(&id).unwrap_or_else(|| (unknown(id), BTreeMap::new())));
        caller.authorise_with_tags(&format!("secretsmanager:{operation}"), &resource, &tags).map_err(|Denied(why)| Error::AccessDenied(why))
    }

    async fn answer(self, operation: Operation) -> Answer {
        let now = self.now;
        match operation {
            Operation::CreateSecret(asked) => self.create(asked).await,
            Operation::GetSecretValue(asked) => self.value(&asked),
            Operation::PutSecretValue(asked) => self.put(asked).await,
            Operation::UpdateSecret(asked) => self.update(asked).await,
            Operation::DescribeSecret(asked) => self.read(&asked.secret_id, |secret| done(&about(secret, body(secret, false)))),
            Operation::ListSecrets(asked) => self.list(&asked),
            Operation::ListSecretVersionIds(asked) => self.versions(&asked),
            Operation::DeleteSecret(asked) => self.delete(asked).await,
            Operation::RestoreSecret(asked) => {
                self.change(move |vault, _| vault.restore_secret(&asked.secret_id, now).map(|secret| version_answer(secret, None, None))).await
            }
            Operation::UpdateSecretVersionStage(asked) => {
                let moved = move |vault: &mut Vault, _: &mut Ids| {
                    let (from, to) = (asked.remove_from_version_id.as_deref(), asked.move_to_version_id.as_deref());
                    vault.move_secret_stage(&asked.secret_id, &asked.version_stage, (from, to), now).map(|secret| version_answer(secret, None, None))
                };
                self.change(moved).await
            }
            Operation::TagResource(asked) => {
                let tags = asked.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
                self.change(move |vault, _| vault.tag_secret(&asked.secret_id, tags, &[], now).map(|()| serde_json::json!({}))).await
            }
            Operation::UntagResource(asked) => {
                let remove = move |vault: &mut Vault, _: &mut Ids| {
                    vault.tag_secret(&asked.secret_id, BTreeMap::new(), &asked.tag_keys, now).map(|()| serde_json::json!({}))
                };
                self.change(remove).await
            }
            Operation::GetRandomPassword(asked) => password::make(&asked).map(|random_password| done(&RandomPasswordAnswer { random_password })),
        }
    }

    async fn create(self, asked: CreateSecretRequest) -> Answer {
        if asked.add_replica_regions.is_some_and(|regions| !regions.is_empty()) {
            return Err(Error::InvalidParameter("Replication is not served by ecslocal: there is one region.".into()));
        }
        let value = value_of(asked.secret_string, asked.secret_binary)?;
        let new = NewSecret {
            name: asked.name,
            token: asked.client_request_token,
            description: asked.description,
            kms_key_id: asked.kms_key_id,
            value,
            tags: asked.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
            owner: None,
        };
        let (now, place) = (self.now, self.place.clone());
        let create = move |vault: &mut Vault, ids: &mut Ids| {
            let secret = vault.create_secret(new, (now, &place, ids))?;
            Ok(version_answer(secret, secret.version(None, None).map(|version| version.id.clone()), None))
        };
        self.change(create).await
    }

    fn value(&self, asked: &GetSecretValueRequest) -> Answer {
        let answer = self.context.vault.read(self.now, |vault| {
            let (secret, version) = vault.secret_value(&asked.secret_id, asked.version_id.as_deref(), asked.version_stage.as_deref())?;
            let mut answer = SecretValueAnswer {
                version_id: version.id.clone(),
                version_stages: version.stages.iter().cloned().collect(),
                created_date: seconds(version.created_at),
                secret_string: None,
                secret_binary: None,
            };
            match &version.value {
                SecretValue::Text(text) => answer.secret_string = Some(text.expose().to_owned()),
                SecretValue::Binary(binary) => answer.secret_binary = Some(binary.expose().to_owned()),
            }
            Ok(about(secret, answer))
        });
        let answer = answer.map_err(refused)?;
        self.context.vault.accessed(&answer.secret.name, self.now);
        Ok(done(&answer))
    }

    async fn put(self, asked: PutSecretValueRequest) -> Answer {
        let value = value_of(asked.secret_string, asked.secret_binary)?;
        let value = value.ok_or_else(|| Error::InvalidRequest("You must provide either SecretString or SecretBinary.".into()))?;
        let stages = asked.version_stages.unwrap_or_default().into_iter().collect();
        let now = self.now;
        let put = move |vault: &mut Vault, ids: &mut Ids| {
            let (secret, version) = vault.put_secret_value(&asked.secret_id, (asked.client_request_token, value, stages), (now, ids))?;
            Ok(version_answer(secret, Some(version.id.clone()), Some(version.stages.iter().cloned().collect())))
        };
        self.change(put).await
    }

    async fn update(self, asked: UpdateSecretRequest) -> Answer {
        let value = value_of(asked.secret_string, asked.secret_binary)?;
        let now = self.now;
        let update = move |vault: &mut Vault, ids: &mut Ids| {
            let texts = (asked.description, asked.kms_key_id);
            let (secret, version) = vault.update_secret(&asked.secret_id, texts, (asked.client_request_token, value), (now, ids))?;
            Ok(version_answer(secret, version, None))
        };
        self.change(update).await
    }

    async fn delete(self, asked: DeleteSecretRequest) -> Answer {
        let deletion = Deletion { force: asked.force_delete_without_recovery == Some(true), recovery_days: asked.recovery_window_in_days };
        let now = self.now;
        let delete = move |vault: &mut Vault, _: &mut Ids| {
            let (arn, name, end) = vault.delete_secret(&asked.secret_id, deletion, now)?;
            Ok(About { secret: Named { arn, name }, rest: DeleteSecretAnswer { deletion_date: seconds(end) } })
        };
        self.change(delete).await
    }

    fn list(&self, asked: &ListSecretsRequest) -> Answer {
        let descending = asked.sort_order.as_deref() == Some("desc");
        let filters = asked.filters.as_deref().unwrap_or_default();
        let all = asked.include_planned_deletion == Some(true);
        let mut found: Vec<_> = self.context.vault.read(self.now, |vault| {
            let listed =
                vault.secrets.values().filter(|secret| (all || secret.deleted_at.is_none()) && filters.iter().all(|filter| matches(filter, secret)));
            listed.map(|secret| about(secret, body(secret, true))).collect()
        });
        if descending {
            found.reverse();
        }
        let asked = Asked { after: asked.next_token.as_deref(), most: asked.max_results, limit: 100, descending };
        let (secret_list, next_token) = page(found, |one| &one.secret.name, asked).map_err(no_page)?;
        Ok(done(&ListSecretsAnswer { secret_list, next_token }))
    }

    fn versions(&self, asked: &ListVersionsRequest) -> Answer {
        let deprecated = asked.include_deprecated == Some(true);
        self.read(&asked.secret_id, |secret| {
            let versions = secret.versions.iter().rev().filter(|version| deprecated || !version.stages.is_empty());
            let version = |version: &vault::SecretVersion| VersionBody {
                version_id: version.id.clone(),
                version_stages: version.stages.iter().cloned().collect(),
                created_date: seconds(version.created_at),
            };
            // There are hardly more than a page of AWS's holds.
            done(&about(secret, ListVersionsAnswer { versions: versions.map(version).collect(), next_token: None }))
        })
    }

    fn read(&self, id: &str, answer: impl FnOnce(&StoredSecret) -> Response<Body>) -> Answer {
        let found = self.context.vault.read(self.now, |vault| vault.secret(id).map(answer));
        found.ok_or_else(|| refused(SecretError::NotFound))
    }

    async fn change<T, F>(self, change: F) -> Answer
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&mut Vault, &mut Ids) -> Result<T, SecretError> + Send + 'static,
    {
        match self.context.vault.change(self.now, change).await {
            Ok(value) => Ok(done(&value)),
            Err(NotChanged::Refused(error)) => Err(refused(error)),
            Err(NotChanged::Unsaved(why)) => Err(Error::InternalService(why)),
        }
    }
}

fn about<T>(secret: &StoredSecret, rest: T) -> About<T> {
    About { secret: Named { arn: secret.arn.clone(), name: secret.name.clone() }, rest }
}

fn version_answer(secret: &StoredSecret, version_id: Option<String>, version_stages: Option<Vec<String>>) -> About<VersionAnswer> {
    about(secret, VersionAnswer { version_id, version_stages })
}

/// As DescribeSecret and ListSecrets tell it, which have a name of their own each for the same map.
fn body(secret: &StoredSecret, listed: bool) -> SecretBody {
    let staged = secret.versions.iter().filter(|version| !version.stages.is_empty());
    let stages: BTreeMap<String, Vec<String>> = staged.map(|version| (version.id.clone(), version.stages.iter().cloned().collect())).collect();
    let stages = (!stages.is_empty()).then_some(stages);
    let (described, in_list) = if listed { (None, stages) } else { (stages, None) };
    SecretBody {
        created_date: seconds(secret.created_at),
        last_changed_date: seconds(secret.changed_at),
        tags: secret.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect(),
        description: secret.description.clone(),
        kms_key_id: secret.kms_key_id.clone(),
        last_accessed_date: secret.accessed_at.map(seconds),
        deleted_date: secret.deleted_at.map(seconds),
        version_ids_to_stages: described,
        secret_versions_to_stages: in_list,
    }
}

/// Whether one of the values is a beginning of what the key names; with `!` in front, that it is none.
fn matches(filter: &Filter, secret: &StoredSecret) -> bool {
    let description = secret.description.as_deref().unwrap_or_default().to_lowercase();
    filter.values.iter().any(|value| {
        let (negated, value) = value.strip_prefix('!').map_or((false, value.as_str()), |rest| (true, rest));
        let name = || secret.name.starts_with(value);
        let described = || description.split_whitespace().any(|word| word.starts_with(&value.to_lowercase()));
        let key = || secret.tags.keys().any(|key| key.starts_with(value));
        let tagged = || secret.tags.values().any(|tag| tag.starts_with(value));
        negated
            != match filter.key.as_str() {
                "name" => name(),
                "description" => described(),
                "tag-key" => key(),
                "tag-value" => tagged(),
                "all" => name() || described() || key() || tagged(),
                _ => false,
            }
    })
}

/// A text, or bytes in base64; not both.
fn value_of(text: Option<String>, binary: Option<String>) -> Result<Option<SecretValue>, Error> {
    match (text, binary) {
        (Some(_), Some(_)) => {
            Err(Error::InvalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.".into()))
        }
        (Some(text), None) => Ok(Some(SecretValue::Text(Secret::new(text)))),
        (None, Some(binary)) => {
            use base64::Engine as _;
            if base64::engine::general_purpose::STANDARD.decode(&binary).is_err() {
                return Err(Error::Serialization("SecretBinary is not base64".into()));
            }
            Ok(Some(SecretValue::Binary(Secret::new(binary))))
        }
        (None, None) => Ok(None),
    }
}

fn no_page(why: NoPage) -> Error {
    match why {
        NoPage::Token => Error::InvalidNextToken,
        NoPage::Size => Error::InvalidParameter("MaxResults must be from 1 to 100.".into()),
    }
}

fn refused(error: SecretError) -> Error {
    let why = error.to_string();
    match error {
        SecretError::NotFound | SecretError::NoVersion(_) | SecretError::NoStage(_) => Error::ResourceNotFound(why),
        SecretError::Exists(_) | SecretError::VersionExists => Error::ResourceExists(why),
        SecretError::InvalidParameter(_) => Error::InvalidParameter(why),
        SecretError::NameScheduledForDeletion | SecretError::ScheduledForDeletion | SecretError::InvalidRequest(_) => Error::InvalidRequest(why),
    }
}
