//! Credentials of a role, made here. All of them are derived from one secret and from whose they are, and the session token says whose;
//! so the same question has the same answer for an hour, and nothing has to be remembered.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{RoleName, Timestamp};
use ring::hmac;
use serde::{Deserialize, Serialize};

/// How long credentials are good for (ecs.md 5.5: about six hours).
pub const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);

/// How often there are new ones. So whoever asks has at least five hours.
pub const RENEWAL: Duration = Duration::from_secs(60 * 60);

/// Of an access key id: AWS's prefix for those of a session.
const PREFIX: &str = "ASIA";

/// Bytes of an access key id that are drawn, and bytes that show that they were drawn here.
const DRAWN: usize = 5;

/// A tag of HMAC-SHA-256.
const TAG: usize = 32;

/// Characters of a secret access key are four for three of these bytes.
const SECRET: usize = 30;

/// A role of a task's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The role.
    pub role: RoleName,
    /// Since when the role is there: of one that was made anew they are not.
    pub role_since: Timestamp,
    /// The name of the session: the task's id.
    pub name: String,
    /// When they were made.
    pub issued_at: Timestamp,
    /// Until when they are good.
    pub expires_at: Timestamp,
}

/// What an SDK signs with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `ASIA` and 16 letters and digits.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
    /// Goes along with each request.
    pub session_token: String,
    /// Until when they are good.
    pub expires_at: Timestamp,
}

/// The secret is not told.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Makes credentials, and knows them again.
pub struct Mint {
    key: hmac::Key,
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint")
    }
}

impl Mint {
    /// With the secret of a state folder.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// The credentials of a role for a task, as of now by the wall's time.
    #[must_use]
    pub fn credentials(&self, role: &RoleName, role_since: Timestamp, name: &str, now: Timestamp) -> Credentials {
        let period = u64::try_from(RENEWAL.as_millis()).unwrap_or(u64::MAX);
        let issued_at = Timestamp::from_millis(now.as_millis() / period * period);
        self.mint(&Session { role: role.clone(), role_since, name: name.to_owned(), issued_at, expires_at: issued_at + LIFETIME })
    }

    fn mint(&self, session: &Session) -> Credentials {
        let payload = serde_json::to_vec(session).unwrap_or_default();
        let secret = self.tag("secret", &payload);
        let mut token = payload.clone();
        token.extend(self.tag("token", &payload));
        let drawn = self.tag("id", &payload);
        let mut id = [0; 2 * DRAWN];
        id[..DRAWN].copy_from_slice(&drawn[..DRAWN]);
        id[DRAWN..].copy_from_slice(&self.tag("ours", &drawn[..DRAWN])[..DRAWN]);
        Credentials {
            access_key_id: format!("{PREFIX}{}", base32(&id)),
            secret_access_key: STANDARD.encode(&secret[..SECRET]),
            session_token: STANDARD.encode(token),
            expires_at: session.expires_at,
        }
    }

    /// Whether an access key id is one of ours, whatever goes with it.
    #[must_use]
    pub fn knows(&self, access_key_id: &str) -> bool {
        let bytes = access_key_id.strip_prefix(PREFIX).and_then(from_base32);
        bytes.is_some_and(|bytes| self.tag("ours", &bytes[..DRAWN])[..DRAWN] == bytes[DRAWN..])
    }

    /// Whose they are and what was signed with, if the token was given with that access key id.
    pub(crate) fn open(&self, access_key_id: &str, session_token: &str) -> Option<(Session, Credentials)> {
        let token = STANDARD.decode(session_token).ok()?;
        let (payload, tag) = token.split_at_checked(token.len().checked_sub(TAG)?)?;
        hmac::verify(&self.key, &labelled("token", payload), tag).ok()?;
        let session: Session = serde_json::from_slice(payload).ok()?;
        let credentials = self.mint(&session);
        (credentials.access_key_id == access_key_id).then_some((session, credentials))
    }

    fn tag(&self, label: &str, bytes: &[u8]) -> [u8; TAG] {
        let tag = hmac::sign(&self.key, &labelled(label, bytes));
        let mut whole = [0; TAG];
        whole.copy_from_slice(tag.as_ref());
        whole
    }

    /// A UUID (version 4) that only who has the secret can tell, the same each time: what a container's own endpoints are found by.
    #[must_use]
    pub fn uuid(&self, label: &str, of: &str) -> String {
        let tag = self.tag(label, of.as_bytes());
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (version, variant) = ([0x40 | (tag[6] & 0x0f), tag[7]], [0x80 | (tag[8] & 0x3f), tag[9]]);
        format!("{}-{}-{}-{}-{}", hex(&tag[..4]), hex(&tag[4..6]), hex(&version), hex(&variant), hex(&tag[10..16]))
    }
}

/// What is derived for one purpose is good for no other.
fn labelled(label: &str, bytes: &[u8]) -> Vec<u8> {
    [label.as_bytes(), &[0], bytes].concat()
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Five bits a letter, of whole groups of five bytes.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let group = |group: &[u8]| {
        let number = group.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        (0..8).rev().map(move |at| char::from(ALPHABET[usize::try_from(number >> (5 * at) & 0x1f).unwrap_or_default()])).collect::<String>()
    };
    bytes.chunks_exact(5).map(group).collect()
}

fn from_base32(text: &str) -> Option<[u8; 2 * DRAWN]> {
    if text.len() != 16 {
        return None;
    }
    let mut bytes = [0; 2 * DRAWN];
    for (letters, group) in text.as_bytes().chunks_exact(8).zip(bytes.chunks_exact_mut(5)) {
        let mut number = 0_u64;
        for letter in letters {
            number = number << 5 | u64::try_from(ALPHABET.iter().position(|known| known == letter)?).ok()?;
        }
        group.copy_from_slice(&number.to_be_bytes()[3..]);
    }
    Some(bytes)
}
