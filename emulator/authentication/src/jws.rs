//! JSON Web Tokens in their compact form (RFC 7515, RFC 7519), taken apart and not yet believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The claims of a token, or of a user.
pub(crate) type Claims = Map<String, Value>;

/// A token of three parts.
pub(crate) struct Jws {
    pub(crate) header: Claims,
    pub(crate) claims: Claims,
    /// What was signed: the first two parts as they came.
    pub(crate) signed: String,
    pub(crate) signature: Vec<u8>,
}

impl Jws {
    /// `None` if it has not three parts of base64url without padding, the first two of them JSON objects, or if its header asks for
    /// extensions (`crit`), of which none is known.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Claims = serde_json::from_slice(&decode(header)?).ok()?;
        let claims = serde_json::from_slice(&decode(claims)?).ok()?;
        let jws = Self { header, claims, signed: signed.to_owned(), signature: decode(signature)? };
        (!jws.header.contains_key("crit")).then_some(jws)
    }

    /// A text of the header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }
}
