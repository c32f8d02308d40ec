//! Answers, as values.

use serde::Serialize;
use serde_json::Value;
use wire::metadata::{CredentialsProblem, ProtectionError, Version};

use crate::{Request, What};

/// An answer: JSON with a status.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// With 200.
    #[must_use]
    pub fn ok<T: Serialize>(value: &T) -> Self {
        match serde_json::to_value(value) {
            Ok(body) => Self { status: 200, body },
            Err(error) => Self { status: 500, body: Value::String(error.to_string()) },
        }
    }

    /// With that status.
    #[must_use]
    pub fn of((status, body): (u16, Value)) -> Self {
        Self { status, body }
    }
}

/// What somebody gets who asks by an id that is nobody's, or somebody else's: there is no difference (ecs.md 5.1).
#[must_use]
pub fn not_found(request: Request<'_>) -> Answer {
    let docker = |id: &str| format!("unable to get container ID from request: unable to get docker ID from v3 endpoint ID: {id}");
    let task = |id: &str| format!("unable to get task arn from request: unable to get task Arn from v3 endpoint ID: {id}");
    match request {
        Request::Metadata(version, id, what) => {
            let v4 = version == Version::V4;
            let name = if v4 { "V4" } else { "V3" };
            let (otherwise, text) = match what {
                What::Container => (500, format!("{name} container metadata handler: {}", docker(id))),
                What::Task { .. } => (500, format!("{name} task metadata handler: {}", task(id))),
                What::Stats => (400, format!("{name} container handler: {}", task(id))),
                What::TaskStats => (400, format!("{name} task stats handler: {}", task(id))),
                What::Associations => (400, format!("{name} container associations handler: {}", docker(id))),
            };
            Answer { status: if v4 { 404 } else { otherwise }, body: Value::String(text) }
        }
        Request::Credentials(None) => Answer::of(CredentialsProblem::NoId.body()),
        Request::Credentials(Some(_)) => Answer::of(CredentialsProblem::NotFound.body()),
        Request::Protection(..) => Answer::of(ProtectionError::NoTask.body("")),
        Request::Fault(id, ..) => Answer { status: 404, body: serde_json::json!({ "Error": format!("unable to lookup container: {id}") }) },
    }
}
