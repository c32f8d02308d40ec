//! A certificate with its chain and its key, ready to be served.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::Encode;

use crate::error::{PemError, PemFile, PemProblem};
use crate::facts::{Facts, KeyKind, parse};
use crate::key::{self, KeyProblem};
use crate::pem;

/// A certificate of a listener.
#[derive(Clone)]
pub struct Certificate {
    facts: Facts,
    key: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads a certificate with its chain (the certificate itself first) and its private key: PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// When one of the files does not hold what it should, when the key cannot be served with, or when it belongs to another certificate.
    pub fn from_pem(chain: PemFile<'_>, key: PemFile<'_>) -> Result<Self, PemError> {
        let certificates = pem::certificates(chain)?;
        let der = pem::private_key(key)?;
        Self::new(certificates, der).map_err(|problem| match problem {
            Problem::Certificate(number) => PemError::new(chain, PemProblem::DamagedCertificate(number)),
            Problem::Key(why) => PemError::new(key, PemProblem::UnsupportedKey(why)),
            Problem::ForeignKey => PemError::new(key, PemProblem::ForeignKey(chain.path.to_owned())),
        })
    }

    pub(crate) fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Problem> {
        let mut parsed = None;
        for (number, certificate) in (1..).zip(&chain) {
            let certificate = parse(certificate).ok_or(Problem::Certificate(number))?;
            parsed.get_or_insert(certificate);
        }
        let leaf = parsed.ok_or(Problem::Certificate(1))?;
        let facts = Facts::of(&leaf);
        let key = key::load(key).map_err(|KeyProblem(why)| Problem::Key(unusable(&facts).unwrap_or(why)))?;
        // Compared here and not by rustls, which reads no certificate of X.509 version 1.
        let theirs = leaf.tbs_certificate().subject_public_key_info().to_der().map_err(|_| Problem::Certificate(1))?;
        let ours = key.public_key().ok_or(Problem::ForeignKey)?;
        if theirs != ours.as_ref() {
            return Err(Problem::ForeignKey);
        }
        Ok(Self { facts, key: Arc::new(CertifiedKey::new(chain, key)) })
    }

    /// What it says.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// It with its private key, as rustls wants the two.
    #[must_use]
    pub fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// In better words than the provider of cryptography has, if the certificate tells of them.
fn unusable(facts: &Facts) -> Option<String> {
    match (facts.key, facts.key_bits) {
        (KeyKind::Rsa, bits) if !(2048..=4096).contains(&bits) => Some(format!("it is RSA of {bits} bits")),
        (KeyKind::Ecdsa, bits @ 521..) => Some(format!("it is ECDSA P-{bits}")),
        (KeyKind::Other, _) => Some("it is neither RSA nor ECDSA on a curve of NIST's".to_owned()),
        _ => None,
    }
}

/// What is wrong with a pair, before the files are named.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The nth certificate, counted from 1.
    Certificate(usize),
    /// The key, and why.
    Key(String),
    ForeignKey,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, RSA_CERTIFICATE, RSA_KEY, RSA_KEY_PKCS1, SEC1_CERTIFICATE, SEC1_KEY};

    fn read(chain: &str, key: &str) -> Result<Certificate, PemError> {
        Certificate::from_pem(PemFile { path: "web.pem", bytes: chain.as_bytes() }, PemFile { path: "web-key.pem", bytes: key.as_bytes() })
    }

    #[test]
    fn every_form_of_key_is_read() {
        read(RSA_CERTIFICATE, RSA_KEY).unwrap();
        read(RSA_CERTIFICATE, RSA_KEY_PKCS1).unwrap();
        read(SEC1_CERTIFICATE, SEC1_KEY).unwrap();
        let (chain, key) = testing::self_signed(&["a.test"]);
        let certificate = read(&chain, &key).unwrap();
        assert_eq!(certificate.facts().names, ["a.test"]);
        assert!(!format!("{certificate:?}").contains("key: Private"), "no key is printed");
    }

    #[test]
    fn a_pair_that_does_not_fit_says_which_file_is_wrong() {
        let (chain, key) = testing::self_signed(&["a.test"]);
        let message = |chain: &str, key: &str| read(chain, key).unwrap_err().to_string();
        assert_eq!(message(&chain, RSA_KEY), "`web-key.pem` holds a private key that does not belong to the certificate in `web.pem`");
        assert_eq!(message(&key, &chain), "`web.pem` holds no certificate, only `PRIVATE KEY`");
        let junk = pem::encode("CERTIFICATE", b"junk");
        assert_eq!(message(&junk, &key), "`web.pem` is damaged: its certificate number 1 cannot be read");
        assert_eq!(message(&(chain.clone() + &junk), &key), "`web.pem` is damaged: its certificate number 2 cannot be read");
        for (what, chain, key) in testing::UNUSABLE {
            assert_eq!(message(chain, key), format!("`web-key.pem` holds a key that cannot be used: it is {what}"));
        }
        let broken = message(&chain, &pem::encode("PRIVATE KEY", b"junk"));
        assert!(broken.starts_with("`web-key.pem` holds a key that cannot be used: "), "{broken}");
    }
}
