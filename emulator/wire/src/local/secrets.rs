//! Secrets and parameters as they are listed: never with a value.

use model::ClusterName;
use serde::{Deserialize, Serialize};

use super::Seconds;

/// All that there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretsReply {
    /// Of Secrets Manager, by name.
    pub secrets: Vec<SecretView>,
    /// Of SSM's Parameter Store, by name.
    pub parameters: Vec<ParameterView>,
}

/// A secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The cluster whose manifest names it; none for one that was made through the API.
    pub cluster: Option<ClusterName>,
    /// For a person.
    pub description: Option<String>,
    /// Newest first.
    pub versions: Vec<SecretVersionView>,
    /// When it was made.
    pub created_at: Seconds,
    /// When anything of it changed.
    pub last_changed_at: Seconds,
    /// When it is gone for good, of one that was deleted with a recovery window.
    pub deleted_at: Option<Seconds>,
}

/// A version of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersionView {
    /// Its id.
    pub version_id: String,
    /// `AWSCURRENT`, `AWSPREVIOUS` …
    pub stages: Vec<String>,
    /// When it was put.
    pub created_at: Seconds,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParameterView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The cluster whose manifest names it; none for one that was made through the API.
    pub cluster: Option<ClusterName>,
    /// `String`, `StringList` or `SecureString`.
    pub r#type: String,
    /// For a person.
    pub description: Option<String>,
    /// The newest version.
    pub version: u64,
    /// When that was put.
    pub last_modified_at: Seconds,
}
