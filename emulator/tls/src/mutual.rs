//! Certificates of clients: asked for and passed on, or verified against a trust store (alb.md 1, mTLS).

use std::sync::{Arc, OnceLock};

use model::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme};

use crate::error::{PemError, PemFile, PemProblem};
use crate::facts::{Facts, parse};
use crate::headers::MutualMode;
use crate::refusal::{ChainTooDeep, MAX_CHAIN};
use crate::{pem, signature};

/// `MutualAuthentication` of a listener.
#[derive(Clone, Debug, Default)]
pub enum Mutual {
    /// No client is asked.
    #[default]
    Off,
    /// Every client is asked; any certificate will do, and none as well.
    Passthrough,
    /// Only clients whose certificate leads to the trust store come in.
    Verify {
        /// Who may have signed.
        trust_store: TrustStore,
        /// `IgnoreClientCertificateExpiry`, default false: a client's own certificate may be past its end.
        ignore_expiry: bool,
        /// `AdvertiseTrustStoreCaNames`, default off: clients are told whose certificates are wanted.
        advertise_ca_names: bool,
    },
}

impl Mutual {
    /// The mode alone.
    #[must_use]
    pub const fn mode(&self) -> MutualMode {
        match self {
            Self::Off => MutualMode::Off,
            Self::Passthrough => MutualMode::Passthrough,
            Self::Verify { .. } => MutualMode::Verify,
        }
    }
}

/// The authorities that clients' certificates may come from.
#[derive(Clone, Debug)]
pub struct TrustStore(Arc<RootCertStore>);

impl TrustStore {
    /// Reads a bundle of certificates.
    ///
    /// # Errors
    /// When it holds no certificate, or one that cannot be read.
    pub fn from_pem(file: PemFile<'_>) -> Result<Self, PemError> {
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(pem::certificates(file)?) {
            roots.add(certificate).map_err(|_| PemError::new(file, PemProblem::DamagedCertificate(number)))?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// How many certificates are in it, at least one.
    #[must_use]
    pub fn certificates(&self) -> usize {
        self.0.len()
    }

    /// rustls' own verifier: chain, validity, purpose.
    pub(crate) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
        advertise: bool,
    ) -> Result<Arc<dyn ClientCertVerifier>, rustls::server::VerifierBuilderError> {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.0), provider);
        if advertise { builder.build() } else { builder.clear_root_hint_subjects().build() }
    }
}

/// Asks, and takes what comes. That the client has the key of its certificate is still proven.
#[derive(Debug)]
pub(crate) struct AcceptAny;

impl ClientCertVerifier for AcceptAny {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: UnixTime) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls12(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls13(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes()
    }
}

/// Where a verifier leaves the certificate that it was shown, so that a refusal can name it.
pub(crate) type Shown = Arc<OnceLock<CertificateDer<'static>>>;

/// rustls' verifier with AWS's limits and liberties, for one connection.
#[derive(Debug)]
pub(crate) struct Verify {
    pub(crate) inner: Arc<dyn ClientCertVerifier>,
    pub(crate) ignore_expiry: bool,
    pub(crate) shown: Shown,
}

impl ClientCertVerifier for Verify {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], now: UnixTime) -> Result<ClientCertVerified, Error> {
        self.shown.get_or_init(|| leaf.clone().into_owned());
        if others.len() >= MAX_CHAIN {
            return Err(CertificateError::Other(OtherError(Arc::new(ChainTooDeep))).into());
        }
        let verified = self.inner.verify_client_cert(leaf, others, now);
        let expired = matches!(verified, Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })));
        match last_moment(leaf, now) {
            // All else must still be in order, so it is asked for the last moment at which the certificate was good.
            Some(then) if expired && self.ignore_expiry => self.inner.verify_client_cert(leaf, others, then),
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The end of a certificate that is past it.
fn last_moment(leaf: &CertificateDer<'_>, now: UnixTime) -> Option<UnixTime> {
    let facts = Facts::of(&parse(leaf)?);
    let is_past = facts.not_after < Timestamp::from_millis(now.as_secs().saturating_mul(1_000));
    is_past.then(|| UnixTime::since_unix_epoch(std::time::Duration::from_secs(facts.not_after.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_trust_store_is_a_bundle_of_certificates() {
        let (one, _) = testing::self_signed(&["one.test"]);
        let (two, key) = testing::self_signed(&["two.test"]);
        let read = |text: &str| TrustStore::from_pem(PemFile { path: "trust.pem", bytes: text.as_bytes() });
        assert_eq!(read(&(one.clone() + &two)).unwrap().certificates(), 2);
        assert_eq!(read(&key).unwrap_err().to_string(), "`trust.pem` holds no certificate, only `PRIVATE KEY`");
        let junk = read(&(one + &pem::encode("CERTIFICATE", b"junk"))).unwrap_err();
        assert_eq!(junk.to_string(), "`trust.pem` is damaged: its certificate number 2 cannot be read");
    }
}
