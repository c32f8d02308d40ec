//! The names of Cloud Map.

use serde::{Deserialize, Serialize};

/// A name that tasks of a service are found by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NameView {
    /// What is asked for, `posts.tutorial.local`.
    pub name: String,
    /// The service whose tasks it stands for.
    pub service: String,
    /// Its records.
    pub dns_records: Vec<DnsRecordView>,
    /// MULTIVALUE or WEIGHTED.
    pub routing_policy: String,
    /// The tasks that are registered.
    pub instances: Vec<InstanceView>,
    /// Who sees it, the service itself among them.
    pub seen_by: Vec<SeenByView>,
}

/// A record of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecordView {
    /// A or SRV.
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds for which an answer may be remembered.
    pub ttl: u32,
}

/// A task that is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceView {
    /// The task.
    pub task_id: String,
    /// Where its own service reaches it.
    pub address: Option<String>,
    /// The port that is registered.
    pub port: Option<u16>,
    /// HEALTHY or UNHEALTHY.
    pub health: String,
}

/// A service that sees a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenByView {
    /// The service.
    pub service: String,
    /// Which address its containers ask; `None` while nobody answers there.
    pub name_server: Option<String>,
    /// Why nobody answers there though somebody should.
    pub problem: Option<String>,
}
