//! What the token and the user info endpoint answer (RFC 6749, 5; OpenID Connect Core 1.0, 3.1.3 and 5.3).

use model::AuthenticateOidc;
use serde::Deserialize;
use serde_json::Value;

use crate::call::Outcome;
use crate::jws::{Claims, Jws};
use crate::jwt_validation::seconds;
use crate::reason;
use crate::text::fits_header;

/// The most that a token endpoint may answer. A session of 16 KB holds less.
pub(crate) const TOKEN_BYTES: usize = 64 * 1024;

/// The most that a user's claims may take: 11 KB (alb.md 3).
pub(crate) const CLAIMS_BYTES: usize = 11 * 1024;

/// The status and the reason of a login that failed.
pub(crate) type Refusal = (u16, &'static str);

/// What was given for a code or a refresh token.
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    /// Seconds since the Unix epoch.
    pub(crate) access_expires: Option<u64>,
    /// Of the id token, if there is one.
    pub(crate) subject: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    access_token: String,
    token_type: Option<String>,
    /// A number; some providers write it as a string.
    expires_in: Option<Value>,
    refresh_token: Option<String>,
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
}

impl Tokens {
    /// Reads the answer of the token endpoint.
    pub(crate) fn read(outcome: &Outcome, oidc: &AuthenticateOidc, now: u64) -> Result<Self, Refusal> {
        let body = match outcome {
            Outcome::Answered { status: 200..=299, body } => body,
            Outcome::Answered { status, body } => {
                let grant = serde_json::from_slice(body).is_ok_and(|response: ErrorResponse| response.error == "invalid_grant");
                return Err(if grant { (401, reason::AUTH_INVALID_GRANT_ERROR) } else { (refused(*status), reason::AUTH_TOKEN_EP_REQUEST_FAILED) });
            }
            Outcome::Failed => return Err((500, reason::AUTH_TOKEN_EP_REQUEST_FAILED)),
            Outcome::Timeout => return Err((500, reason::AUTH_TOKEN_EP_REQUEST_TIMEOUT)),
            Outcome::TooLarge => return Err((500, reason::AUTH_INVALID_TOKEN_RESPONSE)),
        };
        let response: Response = serde_json::from_slice(body).map_err(|_| (500, reason::AUTH_INVALID_TOKEN_RESPONSE))?;
        let bearer = response.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        if !bearer || !fits_header(&response.access_token) {
            return Err((500, reason::AUTH_INVALID_TOKEN_RESPONSE));
        }
        let lifetime = response.expires_in.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        let subject = |token: String| subject_of(&token, oidc, now).ok_or((401, reason::AUTH_INVALID_ID_TOKEN));
        Ok(Self {
            access_token: response.access_token,
            refresh_token: response.refresh_token.filter(|token| !token.is_empty()),
            access_expires: lifetime.map(|lifetime: u64| now.saturating_add(lifetime)),
            subject: response.id_token.map(subject).transpose()?,
        })
    }
}

/// An identity provider that refuses is one that "returned an error code" (561, as users report it of a wrong client secret); one that
/// is at fault itself could not be reached for what it is for (500).
const fn refused(status: u16) -> u16 {
    if matches!(status, 400..=499) { 561 } else { 500 }
}

/// `sub` of an id token that is this issuer's, for this client, and not over. Its signature is not checked: it came over the direct
/// channel from the token endpoint, where TLS may stand for it (OpenID Connect Core 1.0, 3.1.3.7, 6). The load balancer sends no `nonce`
/// of its own; one in the token must be the user's extra parameter.
fn subject_of(token: &str, oidc: &AuthenticateOidc, now: u64) -> Option<String> {
    let claims = Jws::parse(token)?.claims;
    let issuer = claims.get("iss")?.as_str()? == oidc.issuer;
    let audience = match claims.get("aud")? {
        Value::Array(audiences) => audiences.iter().any(|audience| *audience == *oidc.client_id),
        audience => *audience == *oidc.client_id,
    };
    let lasts = seconds(now) < claims.get("exp")?.as_f64()?;
    let nonce = claims.get("nonce").is_none_or(|nonce| oidc.extra_params.get("nonce").is_some_and(|sent| *nonce == **sent));
    let subject = claims.get("sub")?.as_str()?;
    (issuer && audience && lasts && nonce).then(|| subject.to_owned())
}

/// Reads the answer of the user info endpoint: claims of `subject` (OpenID Connect Core 1.0, 5.3.2).
pub(crate) fn read_claims(outcome: &Outcome, subject: &str) -> Result<Claims, Refusal> {
    let body = match outcome {
        Outcome::Answered { status: 200..=299, body } => body,
        Outcome::Answered { status, .. } => return Err((refused(*status), reason::AUTH_USERINFO_EP_REQUEST_FAILED)),
        Outcome::Failed => return Err((500, reason::AUTH_USERINFO_EP_REQUEST_FAILED)),
        Outcome::Timeout => return Err((500, reason::AUTH_USERINFO_EP_REQUEST_TIMEOUT)),
        Outcome::TooLarge => return Err((500, reason::AUTH_USERINFO_RESPONSE_SIZE_EXCEEDED)),
    };
    if body.len() > CLAIMS_BYTES {
        return Err((500, reason::AUTH_USERINFO_RESPONSE_SIZE_EXCEEDED));
    }
    let claims: Claims = serde_json::from_slice(body).map_err(|_| (500, reason::AUTH_INVALID_USERINFO_RESPONSE))?;
    let same = claims.get("sub").and_then(Value::as_str) == Some(subject);
    // It becomes the value of a header.
    if same && fits_header(subject) { Ok(claims) } else { Err((500, reason::AUTH_INVALID_USERINFO_RESPONSE)) }
}
