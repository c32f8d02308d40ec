//! What a certificate says: names, key, signature, validity.

use std::net::IpAddr;

use model::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::oid::db::{rfc5912, rfc8410};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// A certificate that was taken apart. The profile without checks: what a client or a developer has need not be by the book.
pub(crate) type Parsed = CertificateInner<Raw>;

/// Takes a certificate apart; `None` if it is none.
pub(crate) fn parse(certificate: &CertificateDer<'_>) -> Option<Parsed> {
    Parsed::from_der(certificate).ok()
}

/// What counts for the choice among certificates, and for a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The DNS names of the subject alternative name, as written; the common name only where there is no such extension. Names may
    /// begin with `*.`.
    pub names: Vec<String>,
    /// The addresses of the subject alternative name. No client asks for a certificate by address, so they choose nothing.
    pub addresses: Vec<IpAddr>,
    /// What kind of key.
    pub key: KeyKind,
    /// The length of the key in bits.
    pub key_bits: usize,
    /// What the issuer's signature is made with.
    pub signature_hash: SignatureHash,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// The last second at which it is valid.
    pub not_after: Timestamp,
}

/// The kind of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyKind {
    /// None that is served with here.
    Other,
    /// RSA.
    Rsa,
    /// ECDSA on one of NIST's curves.
    Ecdsa,
}

/// The digest of a signature, weaker ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureHash {
    /// MD5 or one that nobody uses.
    Md5OrOther,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512, and what Ed25519 does.
    Sha512,
}

impl Facts {
    pub(crate) fn of(certificate: &Parsed) -> Self {
        let body = certificate.tbs_certificate();
        let (names, addresses) = names(certificate);
        let (key, key_bits) = key(certificate);
        let millis = |time: x509_cert::time::Time| Timestamp::from_millis(u64::try_from(time.to_unix_duration().as_millis()).unwrap_or(u64::MAX));
        let (not_before, not_after) = (millis(body.validity().not_before), millis(body.validity().not_after));
        Self { names, addresses, key, key_bits, signature_hash: signature_hash(certificate.signature_algorithm()), not_before, not_after }
    }

    /// Whether it is valid at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether one of its names is `host`, without regard to case. A `*.` stands for exactly one label.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.names.iter().any(|name| name_matches(name, host))
    }
}

fn name_matches(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        None => name.eq_ignore_ascii_case(host),
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
    }
}

fn names(certificate: &Parsed) -> (Vec<String>, Vec<IpAddr>) {
    let body = certificate.tbs_certificate();
    // An extension that cannot be read names nothing, but it is there.
    let alternative = body.get_extension::<SubjectAltName>().transpose().map(|found| found.map(|(_, names)| names.0).unwrap_or_default());
    let Some(alternative) = alternative else {
        let common = body.subject().iter().filter(|attribute| attribute.oid == COMMON_NAME);
        let common = common.filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok());
        return (common.map(str::to_owned).collect(), Vec::new());
    };
    let dns = alternative.iter().filter_map(|name| if let GeneralName::DnsName(name) = name { Some(name.as_str().to_owned()) } else { None });
    let addresses = alternative.iter().filter_map(|name| if let GeneralName::IpAddress(bytes) = name { address(bytes.as_bytes()) } else { None });
    (dns.collect(), addresses.collect())
}

/// The database has it under no name.
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn key(certificate: &Parsed) -> (KeyKind, usize) {
    let info = certificate.tbs_certificate().subject_public_key_info();
    let bytes = info.subject_public_key.raw_bytes();
    if info.algorithm.oid == rfc5912::RSA_ENCRYPTION {
        return (KeyKind::Rsa, modulus_bits(bytes).unwrap_or(0));
    }
    let curve = || info.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok();
    if info.algorithm.oid == rfc5912::ID_EC_PUBLIC_KEY {
        return match curve() {
            Some(rfc5912::SECP_256_R_1) => (KeyKind::Ecdsa, 256),
            Some(rfc5912::SECP_384_R_1) => (KeyKind::Ecdsa, 384),
            Some(rfc5912::SECP_521_R_1) => (KeyKind::Ecdsa, 521),
            _ => (KeyKind::Other, 0),
        };
    }
    (KeyKind::Other, bytes.len() * 8)
}

fn modulus_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus = reader.sequence(|inner| {
        let modulus = UintRef::decode(inner)?;
        let _exponent = UintRef::decode(inner)?;
        Ok::<_, x509_cert::der::Error>(modulus)
    });
    let modulus = modulus.ok()?;
    let bytes = modulus.as_bytes();
    let first = bytes.first().copied()?;
    Some(bytes.len() * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

fn signature_hash(algorithm: &AlgorithmIdentifierOwned) -> SignatureHash {
    match algorithm.oid {
        rfc5912::SHA_1_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_1 => SignatureHash::Sha1,
        rfc5912::SHA_256_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_256 => SignatureHash::Sha256,
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_384 => SignatureHash::Sha384,
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_512 | rfc8410::ID_ED_25519 => SignatureHash::Sha512,
        rfc5912::ID_RSASSA_PSS => pss_hash(algorithm),
        _ => SignatureHash::Md5OrOther,
    }
}

/// The digest stands in the parameters, once for the message and once for the mask; both are the same wherever it is used.
fn pss_hash(algorithm: &AlgorithmIdentifierOwned) -> SignatureHash {
    let parameters = algorithm.parameters.as_ref().and_then(|parameters| parameters.to_der().ok()).unwrap_or_default();
    let names = |oid: ObjectIdentifier| parameters.windows(oid.as_bytes().len()).any(|window| window == oid.as_bytes());
    match () {
        () if names(rfc5912::ID_SHA_512) => SignatureHash::Sha512,
        () if names(rfc5912::ID_SHA_384) => SignatureHash::Sha384,
        () if names(rfc5912::ID_SHA_256) => SignatureHash::Sha256,
        () => SignatureHash::Sha1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{RSA_CERTIFICATE, leaf};

    #[test]
    fn wildcards_stand_for_one_label() {
        let check = |name: &str, host: &str, expected: bool| assert_eq!(name_matches(name, host), expected, "{name} {host}");
        check("example.com", "EXAMPLE.com", true);
        check("example.com", "www.example.com", false);
        check("*.example.com", "Www.Example.Com", true);
        check("*.example.com", "example.com", false);
        check("*.example.com", "a.b.example.com", false);
        check("*.example.com", ".example.com", false);
        check("w*.example.com", "www.example.com", false);
        check("*", "localhost", false);
        check("*.localhost", "web.localhost", true);
    }

    #[test]
    fn a_certificate_says_what_it_is() {
        let facts = Facts::of(&parse(&leaf(&["a.test", "*.b.test", "127.0.0.1", "::1"])).unwrap());
        assert_eq!(facts.names, ["a.test", "*.b.test"]);
        assert_eq!(facts.addresses, ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert_eq!((facts.key, facts.key_bits, facts.signature_hash), (KeyKind::Ecdsa, 256, SignatureHash::Sha256));
        assert!(facts.matches("X.b.test.") && !facts.matches("b.test"));
        assert!(facts.is_valid(facts.not_before) && facts.is_valid(facts.not_after) && !facts.is_valid(Timestamp::from_millis(0)));
    }

    #[test]
    fn without_alternative_names_the_common_name_counts() {
        let file = crate::PemFile { path: "rsa", bytes: RSA_CERTIFICATE.as_bytes() };
        let facts = Facts::of(&parse(&crate::pem::certificates(file).unwrap()[0]).unwrap());
        assert_eq!(facts.names, ["rsa.test"]);
        assert_eq!((facts.key, facts.key_bits, facts.signature_hash), (KeyKind::Rsa, 2048, SignatureHash::Sha384));
    }
}
