//! What is asked. Members without local meaning (replicas, rotation) are refused where they ask for something.

use serde::{Deserialize, Serialize};

use super::SecretsManagerError;
use crate::json11::{operations, requests};

operations! {
    SecretsManagerError;
    /// → [`super::VersionAnswer`]
    CreateSecret(CreateSecretRequest),
    /// → [`super::DeleteSecretAnswer`]
    DeleteSecret(DeleteSecretRequest),
    /// → [`super::SecretBody`]
    DescribeSecret(SecretRequest),
    /// → [`super::RandomPasswordAnswer`]
    GetRandomPassword(RandomPasswordRequest),
    /// → [`super::SecretValueAnswer`]
    GetSecretValue(GetSecretValueRequest),
    /// → [`super::ListVersionsAnswer`]
    ListSecretVersionIds(ListVersionsRequest),
    /// → [`super::ListSecretsAnswer`]
    ListSecrets(ListSecretsRequest),
    /// → [`super::VersionAnswer`]
    PutSecretValue(PutSecretValueRequest),
    /// → [`super::VersionAnswer`]
    RestoreSecret(SecretRequest),
    /// → `{}`
    TagResource(TagRequest),
    /// → `{}`
    UntagResource(UntagRequest),
    /// → [`super::VersionAnswer`]
    UpdateSecret(UpdateSecretRequest),
    /// → [`super::VersionAnswer`]
    UpdateSecretVersionStage(MoveStageRequest),
}

requests! {
    /// Names a secret, by its name or ARN.
    SecretRequest { secret_id: String, }
    /// Makes a secret.
    CreateSecretRequest {
        name: String,
        client_request_token: Option<String>,
        description: Option<String>,
        kms_key_id: Option<String>,
        secret_string: Option<String>,
        secret_binary: Option<String>,
        tags: Option<Vec<Tag>>,
        add_replica_regions: Option<Vec<serde_json::Value>>,
    }
    /// Asks for a value.
    GetSecretValueRequest { secret_id: String, version_id: Option<String>, version_stage: Option<String>, }
    /// Puts a new value.
    PutSecretValueRequest {
        secret_id: String,
        client_request_token: Option<String>,
        secret_string: Option<String>,
        secret_binary: Option<String>,
        version_stages: Option<Vec<String>>,
    }
    /// Changes a secret.
    UpdateSecretRequest {
        secret_id: String,
        client_request_token: Option<String>,
        description: Option<String>,
        kms_key_id: Option<String>,
        secret_string: Option<String>,
        secret_binary: Option<String>,
    }
    /// Moves a stage from one version to another.
    MoveStageRequest {
        secret_id: String,
        version_stage: String,
        remove_from_version_id: Option<String>,
        move_to_version_id: Option<String>,
    }
    /// Deletes a secret.
    DeleteSecretRequest { secret_id: String, recovery_window_in_days: Option<u32>, force_delete_without_recovery: Option<bool>, }
    /// Lists secrets.
    ListSecretsRequest {
        max_results: Option<usize>,
        next_token: Option<String>,
        filters: Option<Vec<Filter>>,
        sort_order: Option<String>,
        sort_by: Option<String>,
        include_planned_deletion: Option<bool>,
    }
    /// Lists the versions of a secret.
    ListVersionsRequest { secret_id: String, max_results: Option<usize>, next_token: Option<String>, include_deprecated: Option<bool>, }
    /// Asks for a password.
    RandomPasswordRequest {
        password_length: Option<usize>,
        exclude_characters: Option<String>,
        exclude_numbers: Option<bool>,
        exclude_punctuation: Option<bool>,
        exclude_uppercase: Option<bool>,
        exclude_lowercase: Option<bool>,
        include_space: Option<bool>,
        require_each_included_type: Option<bool>,
    }
    /// Adds tags.
    TagRequest { secret_id: String, tags: Vec<Tag>, }
    /// Removes tags.
    UntagRequest { secret_id: String, tag_keys: Vec<String>, }
}

/// A tag of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// 0 to 256 characters.
    pub value: String,
}

/// Which secrets are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Filter {
    /// `name`, `description`, `tag-key`, `tag-value`, `all`.
    pub key: String,
    /// Beginnings; with `!` in front those that it is not to have.
    pub values: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_is_named_and_values_are_not_printed() {
        let error = Operation::read("RotateSecret", b"{}").unwrap_err();
        assert_eq!((error.table().1, error.to_string().contains("RotateSecret")), (501, true));
        assert!(matches!(Operation::read("GetSecretValue", b"[").unwrap_err(), SecretsManagerError::Serialization(_)));
        let read = Operation::read("CreateSecret", br#"{"Name":"a","SecretString":"hunter2"}"#).unwrap();
        assert!(!format!("{read:?}").contains("hunter2"));
        let Operation::CreateSecret(request) = read else { panic!() };
        assert_eq!((request.name.as_str(), request.secret_string.as_deref()), ("a", Some("hunter2")));
    }
}
