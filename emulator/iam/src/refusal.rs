//! Why it is not believed who asks. Services of the JSON protocol and those of the Query protocol have different names for it.

/// A request that nobody signed as AWS wants it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not signed at all.
    #[error("Missing Authentication Token")]
    Unsigned,
    /// The signature is not whole.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody here has that key, or the token is none of ours, or its role is gone.
    #[error("The security token included in the request is invalid.")]
    Unknown,
    /// It was signed for another time, place or service, or with another secret.
    #[error("{0}")]
    Mismatch(String),
    /// It was signed with what has expired.
    #[error("The security token included in the request is expired")]
    Expired,
}

impl Refusal {
    /// What a service of the JSON protocol calls it.
    #[must_use]
    pub const fn json_code(&self) -> &'static str {
        match self {
            Self::Unsigned => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::Unknown => "UnrecognizedClientException",
            Self::Mismatch(_) => "InvalidSignatureException",
            Self::Expired => "ExpiredTokenException",
        }
    }

    /// What a service of the Query protocol calls it.
    #[must_use]
    pub const fn query_code(&self) -> &'static str {
        match self {
            Self::Unsigned => "MissingAuthenticationToken",
            Self::Incomplete(_) => "IncompleteSignature",
            Self::Unknown => "InvalidClientTokenId",
            Self::Mismatch(_) => "SignatureDoesNotMatch",
            Self::Expired => "ExpiredToken",
        }
    }
}
