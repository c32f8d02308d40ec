//! The action that may come before a rule's routing action: who is asking (alb.md 3, `authenticate-oidc`, `authenticate-cognito`,
//! `jwt-validation`). Listeners of HTTPS only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a request must show before its rule's routing action runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authenticate {
    /// `authenticate-oidc` and `authenticate-cognito`: a login in the browser at an identity provider.
    Oidc(AuthenticateOidc),
    /// `jwt-validation`: a signed token in `Authorization`.
    Jwt(JwtValidation),
}

impl Authenticate {
    /// What the access log's `actions_executed` calls it (alb.md 8).
    #[must_use]
    pub const fn log_word(&self) -> &'static str {
        match self {
            Self::Oidc(_) => "authenticate",
            Self::Jwt(_) => "jwt-validation",
        }
    }
}

/// `AuthenticateOidcConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticateOidc {
    /// The identity provider as its tokens name it: `iss`, compared byte by byte.
    pub issuer: String,
    /// Where browsers are sent to log in. A URL; it may have a query.
    pub authorization_endpoint: String,
    /// Where the load balancer turns codes and refresh tokens into tokens. A URL.
    pub token_endpoint: String,
    /// Where the load balancer asks for the user's claims. A URL.
    pub user_info_endpoint: String,
    /// The OAuth 2.0 client.
    pub client_id: String,
    /// Empty for a public client, which names itself by `client_id` alone.
    pub client_secret: Secret,
    /// The session cookies are called `<name>-0` to `<name>-3`. Default [`AuthenticateOidc::SESSION_COOKIE_NAME`].
    pub session_cookie_name: String,
    /// Separated by spaces; without `openid` there is no id token, and no login. Default [`AuthenticateOidc::SCOPE`].
    pub scope: String,
    /// From the login on; refreshed tokens do not prolong it. Default [`AuthenticateOidc::SESSION_TIMEOUT`].
    pub session_timeout: Duration,
    /// At most 10 more parameters for the authorization endpoint.
    pub extra_params: BTreeMap<String, String>,
    /// Default `authenticate`.
    pub on_unauthenticated: OnUnauthenticated,
}

impl AuthenticateOidc {
    /// The default of `SessionCookieName`.
    pub const SESSION_COOKIE_NAME: &'static str = "AWSELBAuthSessionCookie";
    /// The default of `Scope`.
    pub const SCOPE: &'static str = "openid";
    /// The default, and the most, of `SessionTimeout`: 7 days.
    pub const SESSION_TIMEOUT: Duration = Duration::from_secs(604_800);

    /// `authenticate-cognito`, with the defaults for all that is not named here: the endpoints follow from the domain, the issuer from
    /// the user pool (`arn:aws:cognito-idp:<region>:<account>:userpool/<id>`).
    ///
    /// `domain` is a prefix of Cognito's own domain, a domain of the user's (it has a dot), or a URL (`http://localhost:9229`), taken
    /// as it is. The load balancer learns the secret of Cognito's client from AWS; here it is empty until somebody sets it.
    #[must_use]
    pub fn cognito(user_pool_arn: &str, client_id: &str, domain: &str) -> Self {
        let region = user_pool_arn.split(':').nth(3).unwrap_or_default();
        let pool = user_pool_arn.rsplit('/').next().unwrap_or_default();
        let base = if domain.starts_with("http://") || domain.starts_with("https://") {
            domain.trim_end_matches('/').to_owned()
        } else if domain.contains('.') {
            format!("https://{domain}")
        } else {
            format!("https://{domain}.auth.{region}.amazoncognito.com")
        };
        Self {
            issuer: format!("https://cognito-idp.{region}.amazonaws.com/{pool}"),
            authorization_endpoint: format!("{base}/oauth2/authorize"),
            token_endpoint: format!("{base}/oauth2/token"),
            user_info_endpoint: format!("{base}/oauth2/userInfo"),
            client_id: client_id.to_owned(),
            client_secret: Secret::default(),
            session_cookie_name: Self::SESSION_COOKIE_NAME.to_owned(),
            scope: Self::SCOPE.to_owned(),
            session_timeout: Self::SESSION_TIMEOUT,
            extra_params: BTreeMap::new(),
            on_unauthenticated: OnUnauthenticated::Authenticate,
        }
    }
}

/// `OnUnauthenticatedRequest`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnUnauthenticated {
    /// Sent to the identity provider.
    #[default]
    Authenticate,
    /// Sent on, without the headers that name a user.
    Allow,
    /// 401.
    Deny,
}

/// `JwtValidationConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtValidation {
    /// Where the public keys are: a URL of a JWK set.
    pub jwks_endpoint: String,
    /// What `iss` must be, byte by byte.
    pub issuer: String,
    /// At most 10; all of them must hold.
    pub additional_claims: Vec<AdditionalClaim>,
}

/// A claim that a token must have besides `iss` and `exp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdditionalClaim {
    /// Not `exp`, `iss`, `nbf` or `iat`, which are always checked.
    pub name: String,
    /// How it is written.
    pub format: ClaimFormat,
    /// 1 to 10, each of at most 256 characters.
    pub values: Vec<String>,
}

/// How a claim is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimFormat {
    /// `single-string`: a string.
    SingleString,
    /// `string-array`: an array of strings.
    StringArray,
    /// `space-separated-values`: a string of words, as in `scope`.
    SpaceSeparatedValues,
}

/// A text that is kept, but not shown. Its serde form is the text itself.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for whom it is meant.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbC";

    #[test]
    fn cognito_is_a_provider_whose_endpoints_follow_from_its_domain() {
        for (domain, base) in [
            ("shop", "https://shop.auth.eu-west-1.amazoncognito.com"),
            ("login.example.com", "https://login.example.com"),
            ("http://localhost:9229/", "http://localhost:9229"),
        ] {
            let oidc = AuthenticateOidc::cognito(POOL, "client", domain);
            assert_eq!(oidc.authorization_endpoint, format!("{base}/oauth2/authorize"));
            assert_eq!(oidc.token_endpoint, format!("{base}/oauth2/token"));
            assert_eq!(oidc.user_info_endpoint, format!("{base}/oauth2/userInfo"));
            assert_eq!(oidc.issuer, "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC");
        }
    }

    #[test]
    fn a_secret_is_kept_but_not_shown() {
        let mut oidc = AuthenticateOidc::cognito(POOL, "client", "shop");
        oidc.client_secret = Secret::new("hunter2".to_owned());
        let action = Authenticate::Oidc(oidc);
        assert!(!format!("{action:?}").contains("hunter2"));
        let kept = serde_json::to_string(&action).unwrap();
        assert_eq!(serde_json::from_str::<Authenticate>(&kept).unwrap(), action);
        assert_eq!(action.log_word(), "authenticate");
    }
}
