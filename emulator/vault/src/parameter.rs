//! A parameter of SSM's Parameter Store with its versions.

use std::collections::{BTreeMap, BTreeSet};

use model::{ClusterName, ParameterType, Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its ARN.
    pub arn: String,
    /// Its name; in a hierarchy it begins with `/`.
    pub name: String,
    /// What its value is.
    pub kind: ParameterType,
    /// For a person.
    pub description: Option<String>,
    /// Kept and told.
    pub tags: BTreeMap<String, String>,
    /// `text` where none was said; kept and told.
    pub data_type: Option<String>,
    /// The cluster whose manifest names it; `None` for one that an API made.
    pub owner: Option<ClusterName>,
    /// Oldest first; never empty.
    pub versions: Vec<ParameterVersion>,
}

/// One value that a parameter has or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterVersion {
    /// From 1.
    pub number: u64,
    /// The value.
    pub value: Secret,
    /// When it was put.
    pub at: Timestamp,
    /// Each is on one version of the parameter at a time.
    pub labels: BTreeSet<String>,
}

impl Parameter {
    /// The version that a selector names: a number, a label, or the newest.
    #[must_use]
    pub fn version(&self, selector: Option<&str>) -> Option<&ParameterVersion> {
        let Some(selector) = selector else { return self.versions.last() };
        match selector.parse::<u64>() {
            Ok(number) => self.versions.iter().find(|version| version.number == number),
            Err(_) => self.versions.iter().find(|version| version.labels.contains(selector)),
        }
    }

    /// Whether its value is not for everybody's eyes.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.kind == ParameterType::SecureString
    }
}
