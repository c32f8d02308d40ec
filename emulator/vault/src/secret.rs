//! A secret of Secrets Manager with its versions.

use std::collections::{BTreeMap, BTreeSet};

use model::{ClusterName, Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// The stage of the version that is given to whoever names none.
pub const AWSCURRENT: &str = "AWSCURRENT";
/// The stage of the version that was it before.
pub const AWSPREVIOUS: &str = "AWSPREVIOUS";
/// The stage of the version that a rotation prepares.
pub const AWSPENDING: &str = "AWSPENDING";

/// How many versions without a stage are kept, the newest; AWS keeps about 100.
const UNSTAGED: usize = 100;

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    /// With six characters behind the name, so that one that is made again is another one.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// For a person.
    pub description: Option<String>,
    /// Kept and told; nothing is encrypted here.
    pub kms_key_id: Option<String>,
    /// Kept and told.
    pub tags: BTreeMap<String, String>,
    /// The cluster whose manifest names it; `None` for one that an API made.
    pub owner: Option<ClusterName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything of it changed.
    pub changed_at: Timestamp,
    /// When a value of it was given away.
    pub accessed_at: Option<Timestamp>,
    /// When it is gone for good, of one that was deleted with a recovery window.
    pub deleted_at: Option<Timestamp>,
    /// Oldest first.
    pub versions: Vec<SecretVersion>,
}

/// One value that a secret has or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretVersion {
    /// A UUID, or what the client said in its place.
    pub id: String,
    /// Each is on one version of the secret at a time.
    pub stages: BTreeSet<String>,
    /// The value.
    pub value: SecretValue,
    /// When it was put.
    pub created_at: Timestamp,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretValue {
    /// `SecretString`.
    Text(Secret),
    /// `SecretBinary`, in base64.
    Binary(Secret),
}

impl SecretValue {
    /// The text; of a binary value its base64, which is what the agent would have.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        match self {
            Self::Text(text) | Self::Binary(text) => text,
        }
    }
}

impl StoredSecret {
    /// The version of that id, or with that stage; AWSCURRENT's where neither is named. With both named they must be of one version.
    #[must_use]
    pub fn version(&self, id: Option<&str>, stage: Option<&str>) -> Option<&SecretVersion> {
        let stage = stage.or(if id.is_none() { Some(AWSCURRENT) } else { None });
        let named = |version: &&SecretVersion| id.is_none_or(|id| version.id == id) && stage.is_none_or(|stage| version.stages.contains(stage));
        self.versions.iter().find(named)
    }

    /// Puts a version with these stages; the one that was AWSCURRENT becomes AWSPREVIOUS.
    pub(crate) fn put(&mut self, version: SecretVersion) {
        let stages = version.stages.clone();
        let id = version.id.clone();
        self.versions.push(version);
        for stage in stages {
            self.move_stage(&stage, &id);
        }
        self.forget_old_versions();
    }

    /// Gives a stage to that version, taking it from the one that has it.
    pub(crate) fn move_stage(&mut self, stage: &str, to: &str) {
        let before = self.versions.iter().position(|version| version.stages.contains(stage) && version.id != to);
        if let Some(before) = before {
            self.versions[before].stages.remove(stage);
            if stage == AWSCURRENT {
                self.versions.iter_mut().for_each(|version| version.stages.retain(|kept| kept != AWSPREVIOUS));
                self.versions[before].stages.insert(AWSPREVIOUS.into());
            }
        }
        if let Some(version) = self.versions.iter_mut().find(|version| version.id == to) {
            version.stages.insert(stage.into());
            if stage == AWSCURRENT {
                version.stages.remove(AWSPREVIOUS);
            }
        }
    }

    fn forget_old_versions(&mut self) {
        let unstaged = self.versions.iter().filter(|version| version.stages.is_empty()).count();
        let mut surplus = unstaged.saturating_sub(UNSTAGED);
        self.versions.retain(|version| {
            let goes = surplus > 0 && version.stages.is_empty();
            surplus -= usize::from(goes);
            !goes
        });
    }
}
