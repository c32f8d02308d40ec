//! Task protection (ecs.md 5.7).

use serde::{Deserialize, Serialize};

/// What is asked. A member that AWS does not know is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct ProtectionRequest {
    pub protection_enabled: Option<bool>,
    pub expires_in_minutes: Option<i64>,
}

/// Until when a task is protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct Protection {
    pub expiration_date: Option<String>,
    pub protection_enabled: bool,
    pub task_arn: String,
}

/// Why a task cannot be protected; the answer has the status 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct Failure {
    pub arn: String,
    pub detail: Option<String>,
    pub reason: String,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtectionError {
    /// It cannot be read.
    Unreadable,
    /// It does not say whether.
    NoFlag,
    /// Out of range.
    Invalid(UpdateProblem),
    /// The task has no role, whose credentials the agent would ask with.
    NoRole,
    /// The role may not.
    Denied(String),
    /// There is no such task.
    NoTask,
    /// It could not be done.
    Failed(String),
}

/// What UpdateTaskProtection would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateProblem(pub String);

/// An error as it crosses the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct ProtectionErrorBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    pub code: String,
    pub message: String,
}

impl ProtectionError {
    /// Its status, and its body; `arn` is the task's.
    #[must_use]
    pub fn body(&self, arn: &str) -> (u16, serde_json::Value) {
        let (status, code, message) = match self {
            Self::Unreadable => (400, "InvalidParameterException", "UpdateTaskProtection: failed to decode request".to_owned()),
            Self::NoFlag => (400, "InvalidParameterException", "Invalid request: does not contain 'ProtectionEnabled' field".to_owned()),
            Self::Invalid(UpdateProblem(why)) => (400, "InvalidParameterException", why.clone()),
            Self::NoRole => (403, "AccessDeniedException", "Invalid Request: no task IAM role credentials available for task".to_owned()),
            Self::Denied(why) => (400, "AccessDeniedException", why.clone()),
            Self::NoTask => (404, "ResourceNotFoundException", "Failed to find a task for the request".to_owned()),
            Self::Failed(why) => (500, "ServerException", why.clone()),
        };
        let arn = (!matches!(self, Self::Unreadable | Self::NoTask)).then(|| arn.to_owned());
        (status, serde_json::json!({ "error": ProtectionErrorBody { arn, code: code.to_owned(), message } }))
    }
}
