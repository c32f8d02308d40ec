//! What the load balancer seals with, for itself alone, and what it signs with, for targets to check.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use thiserror::Error;

use crate::step::Given;

/// SubjectPublicKeyInfo (RFC 5480) up to the point of a P-256 key: `id-ecPublicKey`, `prime256v1`, a bit string of 65 bytes.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03,
    0x42, 0x00,
];

/// Keys that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeysError {
    /// The 32 bytes for AES-256-GCM.
    #[error("the key that seals login cookies cannot be used")]
    Seal,
    /// The PKCS#8 document.
    #[error(
        "the key that signs `x-amzn-oidc-data` cannot be used: {cause}; hint: it is a P-256 key in PKCS#8, made by ecslocal itself, so remove the damaged file and start again: a new one is made"
    )]
    Signing {
        /// What ring says of it.
        cause: String,
    },
    /// No random numbers.
    #[error("the operating system gives no random numbers for a signing key")]
    Random,
}

/// The keys of a load balancer. Kept across restarts, or all users log in again.
pub struct Keys {
    seal: LessSafeKey,
    signing: EcdsaKeyPair,
    /// ECDSA wants it; nothing else does.
    random: SystemRandom,
    key_id: String,
    public_key_pem: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Keys {
    /// From 32 random bytes, and a P-256 key in PKCS#8.
    ///
    /// # Errors
    /// When one of them is not that.
    pub fn new(seal: &[u8; 32], signing_pkcs8: &[u8]) -> Result<Self, KeysError> {
        let random = SystemRandom::new();
        let seal = UnboundKey::new(&AES_256_GCM, seal).map_err(|_| KeysError::Seal)?;
        let signing = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, signing_pkcs8, &random);
        let signing = signing.map_err(|error| KeysError::Signing { cause: error.to_string() })?;
        let public = signing.public_key().as_ref();
        let (key_id, public_key_pem) = (key_id(public), pem(public));
        Ok(Self { seal: LessSafeKey::new(seal), signing, random, key_id, public_key_pem })
    }

    /// A new signing key, in PKCS#8.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn generate_signing_key() -> Result<Vec<u8>, KeysError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        document.map(|document| document.as_ref().to_vec()).map_err(|_| KeysError::Random)
    }

    /// `kid` of what is signed: a UUID, as AWS's are, made of the public key's digest.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// What AWS serves at `https://public-keys.auth.elb.<region>.amazonaws.com/<key id>`: PEM of a SubjectPublicKeyInfo.
    #[must_use]
    pub fn public_key_pem(&self) -> &str {
        &self.public_key_pem
    }

    /// Seals with AES-256-GCM. `purpose` is not in the text, but only for the same purpose it opens again.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8], given: Given) -> Option<String> {
        let nonce: [u8; NONCE_LEN] = given.random_for(purpose);
        let mut sealed = plain.to_vec();
        let aad = Aad::from(purpose.as_bytes());
        self.seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).ok()?;
        sealed.splice(0..0, nonce);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What was sealed; `None` if it was not sealed with this key for this purpose.
    pub(crate) fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let opened = self.seal.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose.as_bytes()), sealed).ok()?;
        Some(opened.to_vec())
    }

    /// A JWT by ES256. AWS pads its parts, against RFC 7515, and signs them as padded.
    pub(crate) fn sign(&self, header: &[u8], payload: &[u8]) -> Option<String> {
        let signed = format!("{}.{}", URL_SAFE.encode(header), URL_SAFE.encode(payload));
        let signature = self.signing.sign(&self.random, signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE.encode(signature)))
    }
}

fn key_id(public: &[u8]) -> String {
    let hex: String = digest::digest(&digest::SHA256, public).as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

fn pem(public: &[u8]) -> String {
    let text = STANDARD.encode([&SPKI_P256, public].concat());
    // 91 bytes are 124 characters: two lines.
    let (first, second) = text.split_at_checked(64).unwrap_or((&text, ""));
    format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    fn keys(seal: u8) -> Keys {
        Keys::new(&[seal; 32], &Keys::generate_signing_key().unwrap()).unwrap()
    }

    const GIVEN: Given = Given { now: 0, random: [7; 32] };

    #[test]
    fn what_was_sealed_opens_with_the_same_key_for_the_same_purpose_only() {
        let text = keys(1).seal("state", b"hello", GIVEN).unwrap();
        assert_eq!(keys(1).open("state", &text).as_deref(), Some(b"hello".as_slice()));
        assert_eq!(keys(2).open("state", &text), None);
        assert_eq!(keys(1).open("session", &text), None);
    }

    #[test]
    fn what_is_signed_is_checked_with_the_published_key() {
        let keys = keys(1);
        let lines: Vec<_> = keys.public_key_pem().lines().collect();
        assert_eq!((lines.len(), lines[1].len(), lines[2].len()), (4, 64, 60));
        let der = STANDARD.decode([lines[1], lines[2]].concat()).unwrap();
        assert_eq!((der[0], usize::from(der[1]) + 2, der[26]), (0x30, der.len(), 4));
        let token = keys.sign(b"{}", b"{\"sub\":\"a\"}").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &der[26..]);
        public.verify(signed.as_bytes(), &URL_SAFE.decode(signature).unwrap()).unwrap();
        assert_eq!(keys.key_id().len(), 36);
    }

    #[test]
    fn a_damaged_signing_key_is_refused_with_a_hint() {
        let error = Keys::new(&[0; 32], b"junk").unwrap_err();
        assert!(error.to_string().contains("hint: "), "{error}");
    }
}
