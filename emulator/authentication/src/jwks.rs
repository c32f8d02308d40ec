//! The public keys of token issuers (RFC 7517), and for how long they are believed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;

use crate::jws::Jws;

/// The most that an endpoint may answer: 150 KB.
pub(crate) const RESPONSE_BYTES: usize = 150 * 1024;

/// The most keys that an endpoint may have.
const KEYS: usize = 10;

/// Keys are believed for so many seconds.
const FRESH_SECONDS: u64 = 300;

/// When no key fits, an endpoint is asked anew after so many seconds: a new key is seen soon, and junk cannot keep the endpoint busy.
const AGAIN_SECONDS: u64 = 10;

/// So many endpoints are remembered; whichever was asked longest ago is forgotten first.
const ENDPOINTS: usize = 64;

/// Bytes of the modulus of the only size of key that counts: 2,048 bits.
const MODULUS_BYTES: usize = 256;

/// Some issuers pad what RFC 7518 wants without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The keys by endpoint. AWS does not say for how long it keeps them. Here: for 5 minutes; and when no key fits a token, they are asked
/// for anew unless that was less than 10 seconds ago. A call that failed leaves the keys as they are; stale ones are never used. 64
/// endpoints are remembered.
#[derive(Debug, Default)]
pub struct JwksCache {
    sets: BTreeMap<String, Fetched>,
}

#[derive(Debug)]
struct Fetched {
    at: u64,
    keys: Vec<Key>,
}

/// An RSA key of 2,048 bits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    id: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// What the remembered keys say about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    Invalid,
    /// The endpoint is to be asked first.
    Unknown,
}

impl JwksCache {
    /// Whether a key of `endpoint` signed `jws`.
    pub(crate) fn verdict(&self, endpoint: &str, jws: &Jws, now: u64) -> Verdict {
        let Some(fetched) = self.sets.get(endpoint) else { return Verdict::Unknown };
        // A clock that was set back makes keys old, not young for ever.
        let age = now.checked_sub(fetched.at).unwrap_or(u64::MAX);
        if age >= FRESH_SECONDS {
            return Verdict::Unknown;
        }
        match signed_by_any(&fetched.keys, jws) {
            Some(true) => Verdict::Valid,
            Some(false) => Verdict::Invalid,
            None if age < AGAIN_SECONDS => Verdict::Invalid,
            None => Verdict::Unknown,
        }
    }

    /// Remembers the keys that were fetched now.
    pub(crate) fn remember(&mut self, endpoint: &str, keys: Vec<Key>, now: u64) {
        if !self.sets.contains_key(endpoint) && self.sets.len() >= ENDPOINTS {
            let oldest = self.sets.iter().min_by_key(|(_, fetched)| fetched.at).map(|(endpoint, _)| endpoint.clone());
            oldest.and_then(|endpoint| self.sets.remove(&endpoint));
        }
        self.sets.insert(endpoint.to_owned(), Fetched { at: now, keys });
    }
}

/// `None` when no key is the token's: none has its `kid`, or, for a token without one, none made the signature.
fn signed_by_any(keys: &[Key], jws: &Jws) -> Option<bool> {
    let signs = |key: &Key| {
        let public = RsaPublicKeyComponents { n: &key.modulus, e: &key.exponent };
        public.verify(&RSA_PKCS1_2048_8192_SHA256, jws.signed.as_bytes(), &jws.signature).is_ok()
    };
    let Some(id) = jws.header("kid") else { return keys.iter().any(signs).then_some(true) };
    let mut named = keys.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
    named.peek()?;
    Some(named.any(signs))
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: String,
    e: String,
}

/// The keys that count: RSA, 2,048 bits, for RS256 signatures as far as they say. Others are skipped; `None` if the whole is no set of
/// 1 to 10 keys.
pub(crate) fn parse(body: &[u8]) -> Option<Vec<Key>> {
    let set: Set = serde_json::from_slice(body).ok()?;
    (1..=KEYS).contains(&set.keys.len()).then(|| set.keys.into_iter().filter_map(key).collect())
}

fn key(value: serde_json::Value) -> Option<Key> {
    let entry: Entry = serde_json::from_value(value).ok()?;
    let signs = entry.kty == "RSA" && entry.alg.is_none_or(|alg| alg == "RS256") && entry.usage.is_none_or(|usage| usage == "sig");
    let number = |text: &str| LENIENT.decode(text).ok().map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>());
    let (modulus, exponent) = (number(&entry.n)?, number(&entry.e)?);
    let right_size = modulus.len() == MODULUS_BYTES && modulus.first().is_some_and(|byte| *byte >= 0x80);
    (signs && right_size).then_some(Key { id: entry.kid, modulus, exponent })
}
