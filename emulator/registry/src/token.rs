//! Tokens: what `docker login` takes for a password. One is good for twelve hours, in every daemon that has the key.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::Timestamp;
use ring::hmac;
use wire::ecr::{TOKEN_SECONDS, USER};

/// What tokens are signed with.
pub type SigningKey = [u8; 32];

/// Gives tokens and knows them again. A token is its end in milliseconds and a signature over that and what it is for.
#[derive(Debug)]
pub struct Tokens {
    key: hmac::Key,
}

/// What a token is for, where it is a login's.
const LOGIN: &str = "login";

impl Tokens {
    /// With that key, which is kept in the state folder.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// A password for a login from `now` on, and its end.
    #[must_use]
    pub fn password(&self, now: Timestamp) -> (String, Timestamp) {
        let end = now + Duration::from_secs(TOKEN_SECONDS);
        (self.sign(LOGIN, end), end)
    }

    /// Whether an `Authorization` header is `Basic`, of the user `AWS` with a password that is good at `now`.
    #[must_use]
    pub fn admits(&self, header: Option<&str>, now: Timestamp) -> bool {
        let Some((scheme, credentials)) = header.and_then(|header| header.split_once(' ')) else { return false };
        let credentials = STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let password = credentials.as_deref().and_then(|pair| pair.split_once(':')).filter(|(user, _)| *user == USER);
        scheme.eq_ignore_ascii_case("basic") && password.is_some_and(|(_, password)| self.knows(LOGIN, password, now))
    }

    /// A token for one thing, good until `end`.
    #[must_use]
    pub fn sign(&self, thing: &str, end: Timestamp) -> String {
        let signature = hmac::sign(&self.key, message(thing, end.as_millis()).as_bytes());
        format!("{}.{}", end.as_millis(), URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// Whether a token is for that thing and good at `now`.
    #[must_use]
    pub fn knows(&self, thing: &str, token: &str, now: Timestamp) -> bool {
        let Some((end, signature)) = token.split_once('.') else { return false };
        let (Ok(end), Ok(signature)) = (end.parse::<u64>(), URL_SAFE_NO_PAD.decode(signature)) else { return false };
        let genuine = hmac::verify(&self.key, message(thing, end).as_bytes(), &signature).is_ok();
        genuine && now < Timestamp::from_millis(end)
    }
}

fn message(thing: &str, end: u64) -> String {
    format!("ecslocal registry {thing} {end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_twelve_hours_and_with_its_key() {
        let tokens = Tokens::new(&[7; 32]);
        let now = Timestamp::from_millis(1_000_000);
        let (password, end) = tokens.password(now);
        assert_eq!(end.since(now), Duration::from_secs(12 * 3600));
        let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let good = basic("AWS", &password);
        assert!(tokens.admits(Some(&good), now));
        assert!(tokens.admits(Some(&good.replace("Basic", "basic")), now));
        assert!(Tokens::new(&[7; 32]).admits(Some(&good), now), "another daemon with the same key");
        assert!(!Tokens::new(&[8; 32]).admits(Some(&good), now));
        assert!(!tokens.admits(Some(&good), end));
        let later = password.replacen(|c: char| c.is_ascii_digit(), "9", 1);
        for bad in [None, Some(""), Some("Basic"), Some("Basic !"), Some(&*good.replace("Basic", "Bearer"))] {
            assert!(!tokens.admits(bad, now), "{bad:?}");
        }
        for (user, password) in [("aws", &*password), ("AWS", ""), ("AWS", &password[1..]), ("AWS", &later), ("AWS", "1.2")] {
            assert!(!tokens.admits(Some(&basic(user, password)), now), "{user} {password}");
        }
        let blob = tokens.sign("blob", end);
        assert!(tokens.knows("blob", &blob, now) && !tokens.knows("other", &blob, now));
        assert!(!tokens.admits(Some(&basic("AWS", &blob)), now), "a token for a blob is no password");
    }
}
