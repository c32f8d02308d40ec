//! The load balancer's own cookies on the wire: sealed with a key that no client has, set on the responses of targets (alb.md 7).

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use message::Headers;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use routing::sticky::TOKEN_BYTES;
use routing::{Memory, Scheme, Seal};

use crate::clock;

/// How long a browser keeps the cookies, whatever their duration: a week.
const EXPIRES_SECONDS: u64 = 7 * 24 * 60 * 60;

/// What cookies are sealed with. Whoever starts the data plane keeps it, so that cookies outlive the process.
#[derive(Clone)]
pub struct CookieKey([u8; 32]);

impl CookieKey {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the operating system gives no random numbers"))?;
        Ok(Self(bytes))
    }

    /// One that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be kept where nobody else can read it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey(…)")
    }
}

/// Seals and opens with AES-256-GCM and a random nonce.
#[derive(Debug)]
pub(crate) struct CookieSeal {
    key: LessSafeKey,
    random: SystemRandom,
}

impl CookieSeal {
    pub(crate) fn new(key: &CookieKey) -> io::Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).map_err(|_| io::Error::other("the key of the cookies cannot be used"))?;
        Ok(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    fn sealed(&self, token: &[u8; TOKEN_BYTES]) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut sealed = token.to_vec();
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
        sealed.splice(0..0, nonce);
        Some(STANDARD.encode(sealed))
    }
}

impl Seal for CookieSeal {
    fn seal(&self, token: &[u8; TOKEN_BYTES]) -> String {
        // An empty cookie opens to nothing: without random numbers nobody is sticky.
        self.sealed(token).unwrap_or_default()
    }

    fn open(&self, value: &[u8]) -> Option<[u8; TOKEN_BYTES]> {
        let mut bytes = STANDARD.decode(value).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let opened = self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), sealed).ok()?;
        (&*opened).try_into().ok()
    }
}

/// The cookies that a target's response gets besides its own.
pub(crate) fn remember(headers: &Headers, memory: &Memory, scheme: Scheme, seal: &CookieSeal) -> Vec<String> {
    let sets = |name: &str| {
        let named = |value: &[u8]| value.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
        headers.all("set-cookie").any(named)
    };
    let expires = clock::http_date(clock::unix_seconds() + EXPIRES_SECONDS);
    memory.set_cookies(scheme, sets, seal, clock::timestamp(), &expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_by_the_same_key_only() {
        let seal = CookieSeal::new(&CookieKey::generate().unwrap()).unwrap();
        let other = CookieSeal::new(&CookieKey::generate().unwrap()).unwrap();
        let token = [7; TOKEN_BYTES];
        let value = seal.seal(&token);
        assert_eq!(value.len(), 124);
        assert_ne!(value, seal.seal(&token), "nobody sees that two cookies say the same");
        assert_eq!(seal.open(value.as_bytes()), Some(token));
        assert_eq!(other.open(value.as_bytes()), None);
        let changed = format!("{}A", &value[..123]);
        for junk in [&changed, "", "_remove_", "AAAA", &value[..120]] {
            assert!(junk == value || seal.open(junk.as_bytes()).is_none(), "{junk}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", CookieKey::from_bytes([65; 32])), "CookieKey(…)");
    }
}
