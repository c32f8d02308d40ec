//! What the load balancer must still know when a browser comes back from the identity provider. The browser carries it, sealed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::AuthenticateOidc;
use serde::{Deserialize, Serialize};

use crate::keys::Keys;
use crate::step::{Asked, Given};

/// Holds [`State::nonce`]: only the browser that began a login may end it.
pub(crate) const NONCE_COOKIE: &str = "AWSALBAuthNonce";

/// A login must end within 15 minutes (alb.md 3).
const LIFE_SECONDS: u64 = 15 * 60;

/// The parameter `state`.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    /// Where the browser was, and is sent back to.
    #[serde(rename = "h")]
    pub(crate) host: String,
    /// What it asked for there: `path?query`.
    #[serde(rename = "t")]
    pub(crate) target: String,
    #[serde(rename = "n")]
    pub(crate) nonce: String,
    /// Seconds since the Unix epoch.
    #[serde(rename = "i")]
    issued_at: u64,
}

impl State {
    /// With a nonce of its own: when two tabs log in at once, the one that began last ends.
    pub(crate) fn new(host: String, target: String, given: Given) -> Self {
        Self { host, target, nonce: URL_SAFE_NO_PAD.encode(given.random_for::<16>("nonce")), issued_at: given.now }
    }

    pub(crate) fn seal(&self, oidc: &AuthenticateOidc, keys: &Keys, given: Given) -> Option<String> {
        keys.seal(&purpose("state", oidc), &serde_json::to_vec(self).ok()?, given)
    }

    /// `None` if it was not sealed here for this action.
    pub(crate) fn open(text: &str, oidc: &AuthenticateOidc, keys: &Keys) -> Option<Self> {
        serde_json::from_slice(&keys.open(&purpose("state", oidc), text)?).ok()
    }

    /// Whether it is this browser's, for this host, and not too old.
    pub(crate) fn is_for(&self, asked: &Asked<'_>, now: u64) -> bool {
        let host = asked.host.is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        host && asked.cookie(NONCE_COOKIE) == Some(&self.nonce) && now.saturating_sub(self.issued_at) < LIFE_SECONDS
    }
}

/// What is sealed for one identity provider, client and cookie opens for no other.
pub(crate) fn purpose(what: &str, oidc: &AuthenticateOidc) -> String {
    [what, &oidc.issuer, &oidc.client_id, &oidc.session_cookie_name].join("\n")
}
