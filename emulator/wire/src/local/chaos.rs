//! Faults on purpose.

use model::{ClusterName, FaultKind};
use serde::{Deserialize, Serialize};

use super::Seconds;

/// Do something bad to tasks, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChaosRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// A service, or a task's id, or as much of its beginning as names one task only.
    pub whom: String,
    /// Of a service's tasks that run, so many of a hundred.
    pub percent_of_tasks: u8,
    /// What is done.
    pub kind: FaultKind,
    /// For how many seconds, 1 to 3600.
    pub seconds: u32,
}

/// The faults that an operation was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultsReply {
    /// Their ids.
    pub faults: Vec<String>,
}

/// A fault, until ten minutes after its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultView {
    /// Its id.
    pub fault_id: String,
    /// `kill`, `pause`, `errors`, `delay` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// What is done, for a person.
    pub description: String,
    /// STARTING, ACTIVE, ENDING, OVER or FAILED.
    pub status: String,
    /// The service that was named.
    pub service_name: Option<String>,
    /// Whom it was injected on.
    pub task_ids: Vec<String>,
    /// Who asked: `user`, or `task` at the agent's endpoint.
    pub origin: String,
    /// When it was injected.
    pub started_at: Seconds,
    /// When it ends by itself.
    pub until: Seconds,
    /// When the last trace of it was gone.
    pub over_at: Option<Seconds>,
    /// Why it could not be injected.
    pub problem: Option<String>,
}
