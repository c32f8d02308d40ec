//! Every error of Secrets Manager's that is answered here, with its code.

use crate::json11::ErrorBody;

/// Why an operation was refused, with AWS's sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum SecretsManagerError {
    #[error("{0}")]
    ResourceNotFound(String),
    #[error("{0}")]
    ResourceExists(String),
    #[error("{0}")]
    InvalidParameter(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("Invalid pagination token.")]
    InvalidNextToken,
    #[error("The request cannot be read: {0}")]
    Serialization(String),
    #[error("{0}")]
    AccessDenied(String),
    #[error("The operation {operation} of AWS Secrets Manager is not served by ecslocal")]
    NotServed { operation: String },
    #[error("{0}")]
    InternalService(String),
}

impl SecretsManagerError {
    /// Its code and the status of the answer.
    #[must_use]
    pub const fn table(&self) -> (&'static str, u16) {
        match self {
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", 400),
            Self::ResourceExists(_) => ("ResourceExistsException", 400),
            Self::InvalidParameter(_) => ("InvalidParameterException", 400),
            Self::InvalidRequest(_) => ("InvalidRequestException", 400),
            Self::InvalidNextToken => ("InvalidNextTokenException", 400),
            Self::Serialization(_) => ("SerializationException", 400),
            Self::AccessDenied(_) => ("AccessDeniedException", 400),
            // Ours: AWS has no code for it. No client tries a 501 again.
            Self::NotServed { .. } => ("UnsupportedOperationException", 501),
            Self::InternalService(_) => ("InternalServiceError", 500),
        }
    }

    /// As it crosses the wire.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        ErrorBody { code: self.table().0.into(), message: self.to_string() }
    }
}
