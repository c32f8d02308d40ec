//! The actions that ask who is there (alb.md 3).

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AdditionalClaim, Authenticate, AuthenticateOidc, ClaimFormat, JwtValidation, OnUnauthenticated, Secret};

use super::place;
use crate::node::Node;
use crate::problem::Report;

/// The types of these actions, each with the key of its configuration and AWS's spelling of it.
pub(super) const TYPES: [(&str, &str, &str); 3] = [
    ("authenticate-oidc", "authenticateOidcConfig", "AuthenticateOidcConfig"),
    ("authenticate-cognito", "authenticateCognitoConfig", "AuthenticateCognitoConfig"),
    ("jwt-validation", "jwtValidationConfig", "JwtValidationConfig"),
];

const MAX_PARAMETERS: usize = 10;
const MAX_CLAIMS: usize = 10;
const MAX_VALUES: usize = 10;
const MAX_VALUE: usize = 256;
const MAX_DOMAIN: usize = 2048;

pub(super) fn read(kind: &str, config: &Node, report: &mut Report) -> Option<Authenticate> {
    match kind {
        "authenticate-oidc" => oidc(config, report).map(Authenticate::Oidc),
        "authenticate-cognito" => cognito(config, report).map(Authenticate::Oidc),
        _ => jwt(config, report).map(Authenticate::Jwt),
    }
}

fn oidc(node: &Node, report: &mut Report) -> Option<AuthenticateOidc> {
    let mut url = |key: &str| url(node, key, report);
    let (authorization, token, user_info) = (url("authorizationEndpoint"), url("tokenEndpoint"), url("userInfoEndpoint"));
    let base = AuthenticateOidc {
        issuer: node.text_of("issuer")?.to_owned(),
        authorization_endpoint: authorization?,
        token_endpoint: token?,
        user_info_endpoint: user_info?,
        ..AuthenticateOidc::cognito("", node.text_of("clientId")?, "")
    };
    Some(session(node, base, report))
}

fn cognito(node: &Node, report: &mut Report) -> Option<AuthenticateOidc> {
    let pool = node.get("userPoolArn")?;
    let arn = pool.text()?;
    if !arn.starts_with("arn:") || arn.split(':').nth(2) != Some("cognito-idp") || !arn.contains(":userpool/") {
        report.problem(pool.span, format!("'{arn}' is not the ARN of a user pool")).hint("`arn:aws:cognito-idp:<region>:<account>:userpool/<id>`");
        return None;
    }
    let domain = node.get("userPoolDomain")?;
    let text = domain.text()?;
    if text.is_empty() || text.len() > MAX_DOMAIN || text.contains(char::is_whitespace) {
        report.problem(domain.span, "a user pool's domain is a prefix, a domain or a URL").hint("for example `shop`, or `http://127.0.0.1:9229`");
    }
    Some(session(node, AuthenticateOidc::cognito(arn, node.text_of("userPoolClientId")?, text), report))
}

/// What both kinds of logins share.
fn session(node: &Node, mut oidc: AuthenticateOidc, report: &mut Report) -> AuthenticateOidc {
    oidc.client_secret = Secret::new(node.text_of("clientSecret").unwrap_or_default().to_owned());
    if let Some(name) = node.get("sessionCookieName") {
        let text = name.text().unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            report.problem(name.span, format!("`{text}` is not the name of a cookie: letters, digits, `-`, `_` and `.`"));
        }
        text.clone_into(&mut oidc.session_cookie_name);
    }
    if let Some(scope) = node.text_of("scope") {
        if !scope.split(' ').any(|word| word == "openid") {
            report.note(place(node, "scope"), "without `openid` in its scope the identity provider gives no id token: every login ends with 401");
        }
        scope.clone_into(&mut oidc.scope);
    }
    if let Some(seconds) = node.integer_of("sessionTimeout") {
        oidc.session_timeout = Duration::from_secs(seconds);
    }
    if let Some(parameters) = node.get("authenticationRequestExtraParams") {
        let entries = parameters.entries();
        if entries.len() > MAX_PARAMETERS {
            report.problem(parameters.span, format!("a login has at most {MAX_PARAMETERS} extra parameters, this one has {}", entries.len()));
        }
        oidc.extra_params = entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned()))).collect::<BTreeMap<_, _>>();
    }
    oidc.on_unauthenticated = match node.text_of("onUnauthenticatedRequest") {
        Some("allow") => OnUnauthenticated::Allow,
        Some("deny") => OnUnauthenticated::Deny,
        _ => OnUnauthenticated::Authenticate,
    };
    oidc
}

fn jwt(node: &Node, report: &mut Report) -> Option<JwtValidation> {
    let jwks_endpoint = url(node, "jwksEndpoint", report);
    let items = node.list("additionalClaims");
    if items.len() > MAX_CLAIMS {
        report.problem(
            place(node, "additionalClaims"),
            format!("a token is asked for at most {MAX_CLAIMS} additional claims, here are {}", items.len()),
        );
    }
    let claims: Vec<Option<AdditionalClaim>> = items.iter().map(|item| claim(item, report)).collect();
    let additional_claims = claims.into_iter().collect::<Option<_>>()?;
    Some(JwtValidation { jwks_endpoint: jwks_endpoint?, issuer: node.text_of("issuer")?.to_owned(), additional_claims })
}

fn claim(node: &Node, report: &mut Report) -> Option<AdditionalClaim> {
    let name = node.get("name")?;
    let text = name.text()?;
    if ["exp", "iss", "nbf", "iat"].contains(&text) {
        report.problem(name.span, format!("the claim `{text}` is checked in every token")).hint("remove it from `additionalClaims`");
    }
    let values = node.texts_of("values");
    if values.is_empty() || values.len() > MAX_VALUES || values.iter().any(|value| value.chars().count() > MAX_VALUE) {
        report.problem(place(node, "values"), format!("a claim has 1 to {MAX_VALUES} values of at most {MAX_VALUE} characters"));
    }
    let format = match node.text_of("format")? {
        "string-array" => ClaimFormat::StringArray,
        "space-separated-values" => ClaimFormat::SpaceSeparatedValues,
        _ => ClaimFormat::SingleString,
    };
    Some(AdditionalClaim { name: text.to_owned(), format, values })
}

/// AWS takes `https` alone; on one machine `http` is taken, too.
fn url(node: &Node, key: &str, report: &mut Report) -> Option<String> {
    let value = node.get(key)?;
    let text = value.text()?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        report.problem(value.span, format!("`{key}` must be a URL, found `{text}`")).hint("for example `https://idp.test/token`");
        return None;
    }
    Some(text.to_owned())
}
