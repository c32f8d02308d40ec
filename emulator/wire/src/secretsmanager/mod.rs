//! Secrets Manager's API, version 2017-10-17: operations, answers, errors (JSON 1.1). The spelling is AWS's.

mod answer;
mod error;
mod request;

pub use answer::*;
pub use error::SecretsManagerError;
pub use request::*;

/// What the target header begins with.
pub const SERVICE: &str = "secretsmanager";
