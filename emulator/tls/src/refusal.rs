//! Why a handshake failed, as AWS's connection log words it.

use std::error::Error as StdError;

use rustls::{CertificateError, Error, InvalidMessage};

use crate::client_certificate::ClientCertificate;

/// The error reason codes of the connection log (AWS, "Connection log entries"), but for those of revocation lists, which we have none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The client sent more than four certificates.
    ClientCertMaxChainDepthExceeded,
    /// The client's certificates are larger than a handshake may carry, 64 KiB.
    ClientCertMaxSizeExceeded,
    /// The chain does not lead to the trust store.
    ClientCertUntrusted,
    /// It begins to be valid later.
    ClientCertNotYetValid,
    /// It was valid once.
    ClientCertExpired,
    /// A kind of key or signature that we do not know.
    ClientCertTypeUnsupported,
    /// Not a certificate that a client may have.
    ClientCertInvalid,
    /// Its extended key usage does not allow for clients.
    ClientCertPurposeInvalid,
    /// Everything else: no certificate at all, no common protocol or cipher, an end in the middle.
    UnmappedConnectionError,
}

impl Failure {
    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCertMaxChainDepthExceeded => "ClientCertMaxChainDepthExceeded",
            Self::ClientCertMaxSizeExceeded => "ClientCertMaxSizeExceeded",
            Self::ClientCertUntrusted => "ClientCertUntrusted",
            Self::ClientCertNotYetValid => "ClientCertNotYetValid",
            Self::ClientCertExpired => "ClientCertExpired",
            Self::ClientCertTypeUnsupported => "ClientCertTypeUnsupported",
            Self::ClientCertInvalid => "ClientCertInvalid",
            Self::ClientCertPurposeInvalid => "ClientCertPurposeInvalid",
            Self::UnmappedConnectionError => "UnmappedConnectionError",
        }
    }

    /// The code for what ended a handshake: an error of rustls, or one of I/O that wraps it, as tokio-rustls' do.
    #[must_use]
    pub fn of(error: &(dyn StdError + 'static)) -> Self {
        let wrapped = || error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<Error>();
        match error.downcast_ref::<Error>().or_else(wrapped) {
            Some(Error::InvalidCertificate(error)) => Self::of_certificate(error),
            Some(Error::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge)) => Self::ClientCertMaxSizeExceeded,
            _ => Self::UnmappedConnectionError,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::ClientCertExpired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::ClientCertNotYetValid,
            // A wrong signature in the chain is, to AWS, an issuer that it does not trust.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::ClientCertUntrusted,
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::ClientCertTypeUnsupported,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Self::ClientCertPurposeInvalid,
            CertificateError::Other(other) if other.0.is::<ChainTooDeep>() => Self::ClientCertMaxChainDepthExceeded,
            _ => Self::ClientCertInvalid,
        }
    }
}

/// A handshake that came to nothing, for the connection log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub failure: Failure,
    /// The client's certificate, if it came to be looked at.
    pub certificate: Option<ClientCertificate>,
}

impl Refusal {
    /// `tls_verify_status`: `Failed:ClientCertUntrusted`.
    #[must_use]
    pub fn status(&self) -> String {
        format!("Failed:{}", self.failure.as_str())
    }
}

/// More certificates than a chain may have.
#[derive(Debug, thiserror::Error)]
#[error("the client's chain has more than {MAX_CHAIN} certificates")]
pub(crate) struct ChainTooDeep;

/// How many certificates a client may send (alb.md 1, "chain depth 4"): its own and what leads to the trust store.
pub(crate) const MAX_CHAIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_aws() {
        let check = |error: Error, code: &str| {
            assert_eq!(Failure::of(&error).as_str(), code);
            assert_eq!(Failure::of(&std::io::Error::new(std::io::ErrorKind::InvalidData, error)).as_str(), code);
        };
        let other = |error| Error::InvalidCertificate(CertificateError::Other(rustls::OtherError(error)));
        check(Error::InvalidCertificate(CertificateError::Expired), "ClientCertExpired");
        check(Error::InvalidCertificate(CertificateError::NotValidYet), "ClientCertNotYetValid");
        check(Error::InvalidCertificate(CertificateError::UnknownIssuer), "ClientCertUntrusted");
        check(Error::InvalidCertificate(CertificateError::BadSignature), "ClientCertUntrusted");
        check(Error::InvalidCertificate(CertificateError::InvalidPurpose), "ClientCertPurposeInvalid");
        check(Error::InvalidCertificate(CertificateError::BadEncoding), "ClientCertInvalid");
        check(other(std::sync::Arc::new(ChainTooDeep)), "ClientCertMaxChainDepthExceeded");
        check(other(std::sync::Arc::new(std::fmt::Error)), "ClientCertInvalid");
        check(Error::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge), "ClientCertMaxSizeExceeded");
        check(Error::NoCertificatesPresented, "UnmappedConnectionError");
        assert_eq!(Failure::of(&std::io::Error::from(std::io::ErrorKind::UnexpectedEof)), Failure::UnmappedConnectionError);
    }
}
