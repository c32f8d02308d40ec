//! A user who has logged in. The browser carries the session, sealed, in one to four cookies.

use model::AuthenticateOidc;
use serde::{Deserialize, Serialize};

use crate::jws::Claims;
use crate::keys::Keys;
use crate::state::purpose;
use crate::step::{Asked, Given};
use crate::text;

/// What a target is told of a user; taken out of what clients send when an OIDC action runs, whether or not somebody is logged in.
pub const IDENTITY_HEADERS: [&str; 3] = ["x-amzn-oidc-accesstoken", "x-amzn-oidc-identity", "x-amzn-oidc-data"];

/// Name, `=` and value of a cookie together: browsers keep no longer ones.
const COOKIE_BYTES: usize = 4096;

/// With [`COOKIE_BYTES`], 16 KB (alb.md 3).
const SHARDS: usize = 4;

/// What a target is told is valid for so many seconds, long enough for one request.
const DATA_SECONDS: u64 = 120;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Of the user info endpoint.
    #[serde(rename = "c")]
    pub(crate) claims: Claims,
    #[serde(rename = "a")]
    pub(crate) access_token: String,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none", default)]
    pub(crate) refresh_token: Option<String>,
    /// When the access token is over, if the identity provider said so. Seconds since the Unix epoch, as below.
    #[serde(rename = "e", skip_serializing_if = "Option::is_none", default)]
    pub(crate) access_expires: Option<u64>,
    /// When the user logged in.
    #[serde(rename = "s")]
    pub(crate) since: u64,
}

/// What the cookies of a request say.
pub(crate) enum Found {
    Nothing,
    /// Not sealed here for this action, or changed, or incomplete.
    Junk,
    Session(Box<Session>),
}

#[derive(Serialize)]
struct DataHeader<'a> {
    typ: &'static str,
    kid: &'a str,
    alg: &'static str,
    iss: &'a str,
    client: &'a str,
    signer: &'a str,
    exp: u64,
}

impl Session {
    /// Reads the cookies. The first character of the first one says how many there are: a longer session of before may have left more.
    pub(crate) fn find(oidc: &AuthenticateOidc, asked: &Asked<'_>, keys: &Keys) -> Found {
        let shard = |index: usize| asked.cookie(&shard_name(oidc, index));
        let Some(first) = shard(0) else { return Found::Nothing };
        let read = || {
            let (count, first) = first.split_at_checked(1)?;
            let count = count.parse().ok().filter(|count| (1..=SHARDS).contains(count))?;
            let rest: Option<String> = (1..count).map(shard).collect();
            let bytes = keys.open(&purpose("session", oidc), &format!("{first}{}", rest?))?;
            serde_json::from_slice(&bytes).ok()
        };
        read().map_or(Found::Junk, |session| Found::Session(Box::new(session)))
    }

    /// The values of `Set-Cookie`; `None` if it is too large for them.
    pub(crate) fn cookies(&self, oidc: &AuthenticateOidc, keys: &Keys, given: Given) -> Option<Vec<String>> {
        let sealed = keys.seal(&purpose("session", oidc), &serde_json::to_vec(self).ok()?, given)?;
        let room = COOKIE_BYTES.checked_sub(shard_name(oidc, 0).len() + 1).filter(|room| *room > 0)?;
        let count = (sealed.len() + 1).div_ceil(room);
        let text = format!("{count}{sealed}");
        let shard = |(index, part): (usize, &[u8])| text::cookie(&shard_name(oidc, index), &String::from_utf8_lossy(part), given.now);
        (count <= SHARDS).then(|| text.as_bytes().chunks(room).enumerate().map(shard).collect())
    }

    /// Whether the user must log in again, whatever the identity provider thinks.
    pub(crate) fn is_over(&self, oidc: &AuthenticateOidc, now: u64) -> bool {
        now.saturating_sub(self.since) >= oidc.session_timeout.as_secs()
    }

    /// The refresh token, when it is time to use it. Without one, a session outlives its access token.
    pub(crate) fn to_refresh(&self, now: u64) -> Option<String> {
        self.access_expires.filter(|expires| *expires <= now).and_then(|_| self.refresh_token.clone())
    }

    /// The user, as the identity provider numbers them.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.claims.get("sub")?.as_str()
    }

    /// What the target is told; `None` if that cannot be written.
    pub(crate) fn headers(&self, oidc: &AuthenticateOidc, arn: &str, keys: &Keys, now: u64) -> Option<Vec<(&'static str, String)>> {
        let exp = now.saturating_add(DATA_SECONDS);
        let (iss, client) = (oidc.issuer.as_str(), oidc.client_id.as_str());
        let header = DataHeader { typ: "JWT", kid: keys.key_id(), alg: "ES256", iss, client, signer: arn, exp };
        let data = keys.sign(&serde_json::to_vec(&header).ok()?, &serde_json::to_vec(&self.claims).ok()?)?;
        let [token_name, identity_name, data_name] = IDENTITY_HEADERS;
        Some(vec![(token_name, self.access_token.clone()), (identity_name, self.subject()?.to_owned()), (data_name, data)])
    }
}

fn shard_name(oidc: &AuthenticateOidc, index: usize) -> String {
    format!("{}-{index}", oidc.session_cookie_name)
}
