//! What a task sees of itself, as the agent of ECS answers it (ecs.md 5): metadata in versions 3 and 4, credentials, task protection, faults.
//! Members that are empty are left out where AWS leaves them out.

mod container;
mod fault;
mod protection;
mod task;

use serde::Serialize;

pub use container::{Container, Health, Limits, Network, Port, Volume};
pub use fault::{BlackholeRequest, LatencyRequest, PacketLossRequest};
pub use protection::{Failure, Protection, ProtectionError, ProtectionErrorBody, ProtectionRequest, UpdateProblem};
pub use task::{Task, TaskLimits};

/// Which version of the metadata endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `/v3/<id>`
    V3,
    /// `/v4/<id>`
    V4,
}

/// What `/v2/credentials/<id>` answers (ecs.md 5.5).
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct CredentialsAnswer {
    pub role_arn: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub token: String,
    /// `2026-01-31T12:00:00Z`
    pub expiration: String,
}

/// Why there are no credentials (ecs.md 5.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialsProblem {
    /// No id was given.
    NoId,
    /// There are none of that id, or they are somebody else's.
    NotFound,
    /// They could not be had, for this reason.
    Failed(String),
}

impl CredentialsProblem {
    /// Its status, and its body.
    #[must_use]
    pub fn body(self) -> (u16, serde_json::Value) {
        let (code, message) = match self {
            Self::Failed(why) => {
                return (500, serde_json::json!({ "code": "InternalServerError", "message": why, "HTTPErrorCode": 500 }));
            }
            Self::NoId => ("NoIdInRequest", "CredentialsV2Request: No Credential ID in the request"),
            Self::NotFound => ("InvalidIdInRequest", "CredentialsV2Request: Credentials not found"),
        };
        (400, serde_json::json!({ "code": code, "message": message, "HTTPErrorCode": 400 }))
    }
}
