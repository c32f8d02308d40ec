//! Which certificate a client gets (alb.md 1, "Cert choice").

use model::{Timestamp, TlsCipher, TlsVersion};
use rustls::SignatureScheme;
use rustls::server::ClientHello;
use rustls::sign::SigningKey;

use crate::facts::{Facts, KeyKind};
use crate::policy;

/// The index of the certificate for a client that asks for `server_name`; the first one is the default. `usable` says of an index
/// whether this client can do with that certificate at all: one that offers no ECDSA gets the RSA certificate of the same name.
///
/// Candidates are all certificates that match, the default among them. ECDSA comes before RSA, valid before expired, then the
/// stronger digest, the longer key, and the one that stays valid longer (AWS says only "validity period"); among equals the first.
/// Without a name, a match, or a match that the client can use, it is the default.
#[must_use]
pub fn choose<'a>(
    certificates: impl IntoIterator<Item = &'a Facts>,
    server_name: Option<&str>,
    usable: impl Fn(usize) -> bool,
    now: Timestamp,
) -> usize {
    let Some(name) = server_name else { return 0 };
    let matching = certificates.into_iter().enumerate().filter(|(index, facts)| facts.matches(name) && usable(*index));
    let rank = |facts: &Facts| (facts.key == KeyKind::Ecdsa, facts.is_valid(now), facts.signature_hash, facts.key_bits, facts.not_after);
    // `max_by_key` keeps the last of equals.
    let best = matching.max_by_key(|(index, facts)| (rank(facts), std::cmp::Reverse(*index)));
    best.map_or(0, |(index, _)| index)
}

/// What a client offers that bears on the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The name that it asks for (SNI).
    pub(crate) server_name: Option<String>,
    schemes: Vec<SignatureScheme>,
    /// The ciphers that both sides have.
    ciphers: Vec<TlsCipher>,
}

impl Offer {
    /// What this client and a listener with these ciphers have in common.
    pub(crate) fn of(hello: &ClientHello<'_>, offered: impl Iterator<Item = TlsCipher>) -> Self {
        let ciphers = offered.filter(|cipher| hello.cipher_suites().contains(&policy::suite(*cipher).suite()));
        Self { server_name: hello.server_name().map(str::to_owned), schemes: hello.signature_schemes().to_vec(), ciphers: ciphers.collect() }
    }

    /// Whether a handshake with that key can succeed: TLS 1.3 leaves the key open, a cipher of TLS 1.2 names its kind.
    pub(crate) fn can_use(&self, key: &dyn SigningKey) -> bool {
        let algorithm = key.algorithm();
        let suits = |cipher: &TlsCipher| cipher.version() == TlsVersion::V1_3 || policy::suite(*cipher).usable_for_signature_algorithm(algorithm);
        key.choose_scheme(&self.schemes).is_some() && self.ciphers.iter().any(suits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::SignatureHash;

    fn facts(name: &str) -> Facts {
        Facts {
            names: vec![name.to_owned()],
            addresses: Vec::new(),
            key: KeyKind::Rsa,
            key_bits: 2048,
            signature_hash: SignatureHash::Sha256,
            not_before: Timestamp::from_millis(1_000),
            not_after: Timestamp::from_millis(9_000),
        }
    }

    #[test]
    fn the_best_of_those_that_match_is_taken() {
        let plain = || facts("www.test");
        let expired = Facts { not_after: Timestamp::from_millis(4_000), ..plain() };
        let future = Facts { not_before: Timestamp::from_millis(6_000), ..plain() };
        let ecdsa = Facts { key: KeyKind::Ecdsa, key_bits: 256, ..plain() };
        let expired_ecdsa = Facts { not_after: Timestamp::from_millis(4_000), ..ecdsa.clone() };
        let hash = |signature_hash| Facts { signature_hash, ..plain() };
        let long = Facts { key_bits: 4096, ..plain() };
        let later = Facts { not_after: Timestamp::from_millis(9_001), ..plain() };
        let check = |what: &str, certificates: &[Facts], name: Option<&str>, expected: usize| {
            let certificates: Vec<_> = std::iter::once(facts("default.test")).chain(certificates.iter().cloned()).collect();
            assert_eq!(choose(&certificates, name, |_| true, Timestamp::from_millis(5_000)), expected, "{what}");
        };
        check("no name", &[plain()], None, 0);
        check("no match", &[plain()], Some("other.test"), 0);
        check("the default matches", &[plain()], Some("default.test"), 0);
        check("one match", &[facts("x.test"), plain()], Some("WWW.test"), 2);
        check("a wildcard", &[facts("*.test")], Some("www.test"), 1);
        check("a wildcard is not two labels", &[facts("*.test")], Some("a.www.test"), 0);
        check("a wildcard is as good as a name", &[facts("*.test"), plain()], Some("www.test"), 1);
        check("ECDSA before RSA", &[long.clone(), ecdsa.clone()], Some("www.test"), 2);
        check("even expired", &[plain(), expired_ecdsa.clone()], Some("www.test"), 2);
        check("unexpired before expired", &[expired.clone(), plain()], Some("www.test"), 2);
        check("of two ECDSA, too", &[expired_ecdsa, ecdsa], Some("www.test"), 2);
        check("not yet valid is not valid", &[future, plain()], Some("www.test"), 2);
        check("valid before a stronger hash", &[Facts { signature_hash: SignatureHash::Sha512, ..expired }, plain()], Some("www.test"), 2);
        check("the stronger hash", &[hash(SignatureHash::Sha1), plain(), hash(SignatureHash::Sha384)], Some("www.test"), 3);
        check("the hash before the length", &[long.clone(), hash(SignatureHash::Sha384)], Some("www.test"), 2);
        check("the longer key", &[plain(), long.clone(), later.clone()], Some("www.test"), 2);
        check("the later end", &[plain(), later], Some("www.test"), 2);
        check("the first of equals", &[plain(), plain()], Some("www.test"), 1);
    }

    #[test]
    fn what_a_client_cannot_use_is_no_candidate() {
        let ecdsa = Facts { key: KeyKind::Ecdsa, ..facts("www.test") };
        let certificates = [facts("default.test"), ecdsa, facts("www.test")];
        let now = Timestamp::from_millis(5_000);
        assert_eq!(choose(&certificates, Some("www.test"), |_| true, now), 1);
        assert_eq!(choose(&certificates, Some("www.test"), |index| index != 1, now), 2);
        assert_eq!(choose(&certificates, Some("www.test"), |index| index == 0, now), 0);
    }
}
