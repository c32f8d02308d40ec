//! Secrets and parameters: what Secrets Manager and SSM's Parameter Store keep (ecs.md 1.9), as values.
//!
//! **Lives here:** [`Vault`] with its operations in AWS's terms (versions, stages, deletion with a recovery window, hierarchies of
//! names); what a manifest makes of it; which value a `valueFrom` names, with the agent's words where it names none; [`Mask`], which takes
//! known values out of text.
//!
//! **Does not live here:** the file that a vault is kept in and the endpoint that asks it (room `daemon`), AWS's wire formats (room
//! `wire`), who may ask (the endpoint).
//!
//! **Invariants:** pure; a refused operation leaves the vault as it was; a value is a [`model::Secret`], which prints nothing of itself,
//! and is in no error; of a secret with versions exactly one has the stage AWSCURRENT, once one had it.
//!
//! **Entry point:** [`Vault`].

mod go_value;
mod manifest;
mod mask;
mod parameter;
mod parameters;
mod resolve;
mod secret;
mod secrets;

use std::collections::BTreeMap;

use model::world::Settings;
use serde::{Deserialize, Serialize};

pub use manifest::Wanted;
pub use mask::{LineMask, Mask};
pub use parameter::{Parameter, ParameterVersion};
pub use parameters::{NewParameter, ParameterError};
pub use resolve::May;
pub use secret::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, SecretValue, SecretVersion, StoredSecret};
pub use secrets::{Deletion, NewSecret, SecretError};

/// Everything that is kept, by name. One account, one region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {
    /// Of Secrets Manager.
    pub secrets: BTreeMap<String, StoredSecret>,
    /// Of the Parameter Store.
    pub parameters: BTreeMap<String, Parameter>,
}

/// Where the vault is, for ARNs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
}

impl From<&Settings> for Place {
    fn from(settings: &Settings) -> Self {
        Self { region: settings.region.clone(), account: settings.account.clone() }
    }
}
