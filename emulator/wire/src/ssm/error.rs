//! Every error of the Parameter Store's that is answered here, with its code.

use crate::json11::ErrorBody;

/// Why an operation was refused, with AWS's sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum SsmError {
    #[error("{0}")]
    ParameterNotFound(String),
    #[error("{0}")]
    ParameterVersionNotFound(String),
    #[error("{0}")]
    ParameterAlreadyExists(String),
    #[error("{0}")]
    HierarchyTypeMismatch(String),
    #[error("{0}")]
    ParameterMaxVersionLimitExceeded(String),
    #[error("{0}")]
    Validation(String),
    #[error("The token is not valid.")]
    InvalidNextToken,
    #[error("{0}")]
    InvalidFilterKey(String),
    #[error("The request cannot be read: {0}")]
    Serialization(String),
    #[error("{0}")]
    AccessDenied(String),
    #[error("The operation {operation} of AWS Systems Manager is not served by ecslocal")]
    NotServed { operation: String },
    #[error("{0}")]
    InternalServer(String),
}

impl SsmError {
    /// Its code and the status of the answer.
    #[must_use]
    pub const fn table(&self) -> (&'static str, u16) {
        match self {
            Self::ParameterNotFound(_) => ("ParameterNotFound", 400),
            Self::ParameterVersionNotFound(_) => ("ParameterVersionNotFound", 400),
            Self::ParameterAlreadyExists(_) => ("ParameterAlreadyExists", 400),
            Self::HierarchyTypeMismatch(_) => ("HierarchyTypeMismatchException", 400),
            Self::ParameterMaxVersionLimitExceeded(_) => ("ParameterMaxVersionLimitExceeded", 400),
            Self::Validation(_) => ("ValidationException", 400),
            Self::InvalidNextToken => ("InvalidNextToken", 400),
            Self::InvalidFilterKey(_) => ("InvalidFilterKey", 400),
            Self::Serialization(_) => ("SerializationException", 400),
            Self::AccessDenied(_) => ("AccessDeniedException", 400),
            // Ours: AWS has no code for it. No client tries a 501 again.
            Self::NotServed { .. } => ("UnsupportedOperationException", 501),
            Self::InternalServer(_) => ("InternalServerError", 500),
        }
    }

    /// As it crosses the wire.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        ErrorBody { code: self.table().0.into(), message: self.to_string() }
    }
}
