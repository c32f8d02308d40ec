//! The Parameter Store of SSM's API, version 2014-11-06: operations, answers, errors (JSON 1.1). The spelling is AWS's.

mod answer;
mod error;
mod request;

pub use answer::*;
pub use error::SsmError;
pub use request::*;

/// What the target header begins with.
pub const SERVICE: &str = "AmazonSSM";
