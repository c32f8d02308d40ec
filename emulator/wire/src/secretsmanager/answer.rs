//! What is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::local::Seconds;

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* } maybe { $($open:ident: $open_kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub struct $name {
            $(pub $field: $kind,)*
            $(#[serde(default, skip_serializing_if = "Option::is_none")] pub $open: Option<$open_kind>,)*
        }
    )*};
}

/// Which secret: its ARN, which AWS spells in capitals here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// Its name.
    #[serde(rename = "Name")]
    pub name: String,
}

/// An answer about one secret: its name and ARN beside the rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About<T> {
    /// Which secret.
    #[serde(flatten)]
    pub secret: Named,
    /// What is said of it.
    #[serde(flatten)]
    pub rest: T,
}

answers! {
    /// With [`About`] of CreateSecret, PutSecretValue, UpdateSecret, RestoreSecret, UpdateSecretVersionStage.
    VersionAnswer {} maybe { version_id: String, version_stages: Vec<String>, }
    /// With [`About`] of GetSecretValue.
    SecretValueAnswer { version_id: String, version_stages: Vec<String>, created_date: Seconds, } maybe { secret_string: String, secret_binary: String, }
    /// With [`About`] of DeleteSecret.
    DeleteSecretAnswer { deletion_date: Seconds, } maybe {}
    /// With [`About`] of DescribeSecret, and an item of ListSecrets.
    SecretBody { created_date: Seconds, last_changed_date: Seconds, tags: Vec<Tag>, } maybe {
        description: String,
        kms_key_id: String,
        last_accessed_date: Seconds,
        deleted_date: Seconds,
        version_ids_to_stages: BTreeMap<String, Vec<String>>,
        secret_versions_to_stages: BTreeMap<String, Vec<String>>,
    }
    /// Of ListSecrets.
    ListSecretsAnswer { secret_list: Vec<About<SecretBody>>, } maybe { next_token: String, }
    /// With [`About`] of ListSecretVersionIds.
    ListVersionsAnswer { versions: Vec<VersionBody>, } maybe { next_token: String, }
    /// A version.
    VersionBody { version_id: String, version_stages: Vec<String>, created_date: Seconds, } maybe {}
    /// Of GetRandomPassword.
    RandomPasswordAnswer { random_password: String, } maybe {}
}
