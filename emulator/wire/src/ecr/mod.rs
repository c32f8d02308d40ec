//! ECR's API, version 2015-09-21: operations, answers, errors (ecs.md 10). The spelling is AWS's.

mod answer;
mod error;
mod request;

pub use answer::*;
pub use error::EcrError;
pub use request::*;

/// What the target header begins with.
pub const SERVICE: &str = "AmazonEC2ContainerRegistry_V20150921";

/// How long a token is good for, in seconds: 12 hours (ecs.md 10).
pub const TOKEN_SECONDS: u64 = 12 * 60 * 60;

/// The user that goes with a token.
pub const USER: &str = "AWS";
