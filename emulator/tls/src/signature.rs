//! Proof that a peer has the key of its certificate, without asking more of the certificate: any version, any names, any date.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use x509_cert::der::{Decode, Encode, asn1::AnyRef};

use crate::facts::{Parsed, parse};

/// What a peer may sign with.
pub(crate) fn schemes() -> Vec<SignatureScheme> {
    algorithms().supported_schemes()
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// TLS 1.2: a scheme names the digest, the certificate the curve.
pub(crate) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify(message, certificate, signed, of_scheme(signed.scheme)?)
}

/// TLS 1.3: a scheme names both, and PKCS#1 is gone.
pub(crate) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let gone = matches!(signed.scheme, SignatureScheme::RSA_PKCS1_SHA256 | SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::RSA_PKCS1_SHA512);
    let algorithms = of_scheme(signed.scheme)?.get(..1).filter(|_| !gone).ok_or_else(unadvertised)?;
    verify(message, certificate, signed, algorithms)
}

type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

fn of_scheme(scheme: SignatureScheme) -> Result<Algorithms, Error> {
    let found = algorithms().mapping.iter().find(|(known, _)| *known == scheme);
    found.map(|(_, algorithms)| *algorithms).ok_or_else(unadvertised)
}

fn unadvertised() -> Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}

fn verify(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: Algorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let parsed = parse(certificate).ok_or(CertificateError::BadEncoding)?;
    let (key_algorithm, key) = public_key(&parsed).ok_or(CertificateError::BadEncoding)?;
    let suits = |algorithm: &&&dyn SignatureVerificationAlgorithm| algorithm.public_key_alg_id().as_ref() == key_algorithm.as_slice();
    let valid = algorithms.iter().filter(suits).any(|algorithm| algorithm.verify_signature(key, message, signed.signature()).is_ok());
    if valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(CertificateError::BadSignature.into()) }
}

/// What is in the algorithm's sequence, and the key itself.
fn public_key(certificate: &Parsed) -> Option<(Vec<u8>, &[u8])> {
    let info = certificate.tbs_certificate().subject_public_key_info();
    let algorithm = info.algorithm.to_der().ok()?;
    let algorithm = AnyRef::from_der(&algorithm).ok()?.value().to_vec();
    Some((algorithm, info.subject_public_key.as_bytes()?))
}
