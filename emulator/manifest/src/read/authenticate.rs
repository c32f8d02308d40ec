//! Actions that authenticate (alb.md 3).

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AdditionalClaim, Authenticate, AuthenticateOidc, ClaimFormat, JwtValidation, OnUnauthenticated, Secret};

use super::place;
use crate::node::Node;
use crate::problem::Report;

/// Limits of M:AuthenticateOidcActionConfig and M:JwtValidationActionConfig.
const MAX_PARAMS: usize = 10;
const MAX_CLAIMS: usize = 10;
const MAX_VALUES: usize = 10;
const MAX_VALUE: usize = 256;
const MAX_JWT_TEXT: usize = 256;
/// AWS: "The 'client id' field must be between 1 and 1024 characters in length".
const MAX_CLIENT_ID: usize = 1024;

/// Parameters of the authorization endpoint that are the load balancer's to give; AWS is silent.
const OWN_PARAMS: [&str; 5] = ["client_id", "redirect_uri", "response_type", "scope", "state"];
/// Claims that are always checked.
const OWN_CLAIMS: [&str; 4] = ["exp", "iss", "nbf", "iat"];

/// The configuration of an action of that type.
pub(super) fn read(kind: &str, config: &Node, report: &mut Report) -> Option<Authenticate> {
    match kind {
        "authenticate-oidc" => oidc(config, report).map(Authenticate::Oidc),
        "authenticate-cognito" => cognito(config, report).map(Authenticate::Oidc),
        _ => jwt(config, report).map(Authenticate::Jwt),
    }
}

fn oidc(node: &Node, report: &mut Report) -> Option<AuthenticateOidc> {
    let [issuer, authorization, token, user_info] =
        ["issuer", "authorizationEndpoint", "tokenEndpoint", "userInfoEndpoint"].map(|key| url(node, key, report));
    let client_id = sized(node, "clientId", "client id", MAX_CLIENT_ID, report);
    if node.get("clientSecret").is_none() {
        report.note(node.span, "this login is of a public client; a load balancer on AWS asks for a `clientSecret`");
    }
    let client_secret = Secret::new(node.text_of("clientSecret").unwrap_or_default().to_owned());
    session(
        node,
        AuthenticateOidc {
            issuer: issuer?,
            authorization_endpoint: authorization?,
            token_endpoint: token?,
            user_info_endpoint: user_info?,
            client_id: client_id?,
            client_secret,
            session_cookie_name: AuthenticateOidc::SESSION_COOKIE_NAME.to_owned(),
            scope: AuthenticateOidc::SCOPE.to_owned(),
            session_timeout: AuthenticateOidc::SESSION_TIMEOUT,
            extra_params: BTreeMap::new(),
            on_unauthenticated: OnUnauthenticated::Authenticate,
        },
        report,
    )
}

fn cognito(node: &Node, report: &mut Report) -> Option<AuthenticateOidc> {
    let pool = node.get("userPoolArn").and_then(|node| user_pool(node, report));
    let client = sized(node, "userPoolClientId", "user pool client id", MAX_CLIENT_ID, report);
    let domain = node.get("userPoolDomain").and_then(|node| user_pool_domain(node, report));
    let mut found = AuthenticateOidc::cognito(pool?, &client?, domain?);
    found.client_secret = Secret::new(node.text_of("clientSecret").unwrap_or_default().to_owned());
    session(node, found, report)
}

/// `arn:aws:cognito-idp:<region>:<account>:userpool/<id>`
fn user_pool<'n>(node: &'n Node, report: &mut Report) -> Option<&'n str> {
    let text = node.text()?;
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let good = matches!(parts.as_slice(), ["arn", _, "cognito-idp", region, _, pool]
        if !region.is_empty() && pool.strip_prefix("userpool/").is_some_and(|id| !id.is_empty() && !id.contains('/')));
    if !good {
        report
            .problem(node.span, format!("'{text}' is not the ARN of a user pool"))
            .hint("for example `arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbCdEf123`");
    }
    good.then_some(text)
}

fn user_pool_domain<'n>(node: &'n Node, report: &mut Report) -> Option<&'n str> {
    let text = node.text()?;
    let host = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let good = if text.contains("://") { is_url(text) } else { host(text) };
    if !good {
        report
            .problem(node.span, format!("'{text}' is not the domain of a user pool"))
            .hint("the prefix of Cognito's own domain, as `shop`, a domain of yours, as `login.example.com`, or a URL, as `http://localhost:9229`");
    }
    good.then_some(text)
}

/// What is common to both: the session, and who is not logged in.
fn session(node: &Node, defaults: AuthenticateOidc, report: &mut Report) -> Option<AuthenticateOidc> {
    let cookie = match node.get("sessionCookieName").and_then(|node| Some((node.span, node.text()?))) {
        None => Some(defaults.session_cookie_name.clone()),
        Some((span, text)) if text.is_empty() || !text.chars().all(super::is_token) => {
            report.problem(span, format!("`{text}` is not the name of a cookie")).hint("for example `AWSELBAuthSessionCookie`");
            None
        }
        Some((_, text)) => Some(text.to_owned()),
    };
    let scope = node.text_of("scope").unwrap_or(&defaults.scope).to_owned();
    if !scope.split_ascii_whitespace().any(|word| word == "openid") {
        report.note(place(node, "scope"), "a `scope` without `openid` brings no ID token: every login ends with 401");
    }
    let extra_params = extra_params(node, report);
    Some(AuthenticateOidc {
        session_cookie_name: cookie?,
        scope,
        session_timeout: node.integer_of("sessionTimeout").map_or(defaults.session_timeout, Duration::from_secs),
        extra_params: extra_params?,
        on_unauthenticated: match node.text_of("onUnauthenticatedRequest") {
            Some("allow") => OnUnauthenticated::Allow,
            Some("deny") => OnUnauthenticated::Deny,
            _ => OnUnauthenticated::Authenticate,
        },
        ..defaults
    })
}

fn extra_params(node: &Node, report: &mut Report) -> Option<BTreeMap<String, String>> {
    let entries = node.get("authenticationRequestExtraParams").map(Node::entries).unwrap_or_default();
    if let Some(first) = entries.get(MAX_PARAMS) {
        report.problem(first.key_span, format!("an authentication adds at most {MAX_PARAMS} parameters, this one {}", entries.len()));
        return None;
    }
    let mut params = BTreeMap::new();
    let mut complete = true;
    for entry in entries {
        if OWN_PARAMS.contains(&entry.key.as_str()) {
            report.problem(entry.key_span, format!("the parameter `{}` is the load balancer's own", entry.key));
            complete = false;
        }
        params.insert(entry.key.clone(), entry.node.text()?.to_owned());
    }
    complete.then_some(params)
}

fn jwt(node: &Node, report: &mut Report) -> Option<JwtValidation> {
    let jwks_endpoint = url(node, "jwksEndpoint", report);
    let too_long = jwks_endpoint.as_ref().is_some_and(|url| url.chars().count() > MAX_JWT_TEXT);
    if too_long {
        report.problem(place(node, "jwksEndpoint"), format!("The 'jwks endpoint' field must be between 1 and {MAX_JWT_TEXT} characters in length"));
    }
    let issuer = sized(node, "issuer", "issuer", MAX_JWT_TEXT, report);
    let items = node.list("additionalClaims");
    if let Some(first) = items.get(MAX_CLAIMS) {
        report.problem(first.span, format!("at most {MAX_CLAIMS} claims can be asked for, here are {}", items.len()));
    }
    let claims: Vec<Option<AdditionalClaim>> = items.iter().map(|item| claim(item, report)).collect();
    Some(JwtValidation {
        jwks_endpoint: jwks_endpoint.filter(|_| !too_long)?,
        issuer: issuer?,
        additional_claims: claims.into_iter().collect::<Option<_>>()?,
    })
}

fn claim(node: &Node, report: &mut Report) -> Option<AdditionalClaim> {
    let name = node.get("name").and_then(|node| Some((node.span, node.text()?)));
    if let Some((span, name)) = name.filter(|(_, name)| name.is_empty() || OWN_CLAIMS.contains(name)) {
        report
            .problem(span, format!("the claim `{name}` cannot be asked for: exp, iss, nbf and iat are always checked"))
            .hint("remove it from `additionalClaims`");
    }
    let format = match node.text_of("format")? {
        "string-array" => ClaimFormat::StringArray,
        "space-separated-values" => ClaimFormat::SpaceSeparatedValues,
        _ => ClaimFormat::SingleString,
    };
    let values = node.list("values");
    if node.get("values").is_some() && !(1..=MAX_VALUES).contains(&values.len()) {
        report.problem(place(node, "values"), format!("a claim has 1 to {MAX_VALUES} values, this one {}", values.len()));
    }
    for value in values {
        let Some(text) = value.text() else { continue };
        if !(1..=MAX_VALUE).contains(&text.chars().count()) {
            report.problem(value.span, format!("the value of a claim has 1 to {MAX_VALUE} characters"));
        } else if format == ClaimFormat::SpaceSeparatedValues && text.contains(' ') {
            report
                .problem(value.span, "If the format is space-separated-values, the values can't include spaces.")
                .hint("each word is a value of its own; one of them must be there");
        }
    }
    Some(AdditionalClaim { name: name?.1.to_owned(), format, values: node.texts_of("values") })
}

/// A text of 1 to `limit` characters.
fn sized(node: &Node, key: &str, words: &str, limit: usize, report: &mut Report) -> Option<String> {
    let found = node.get(key)?;
    let text = found.text()?;
    if !(1..=limit).contains(&text.chars().count()) {
        report.problem(found.span, format!("The '{words}' field must be between 1 and {limit} characters in length"));
        return None;
    }
    Some(text.to_owned())
}

/// A full URL. AWS wants HTTPS; a provider of this machine may speak HTTP.
fn url(node: &Node, key: &str, report: &mut Report) -> Option<String> {
    let found = node.get(key)?;
    let text = found.text()?;
    if !is_url(text) {
        report
            .problem(found.span, format!("`{key}` must be a full URL, including the protocol, the domain, and the path, found {}", found.describe()))
            .hint("for example `https://idp.example.com/oauth2/token`, or `http://localhost:8080/…` for a provider of this machine");
        return None;
    }
    if text.starts_with("http://") {
        report.note(found.span, "a load balancer on AWS asks identity providers over HTTPS only; here HTTP will do");
    }
    Some(text.to_owned())
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?']).next().unwrap_or(rest));
    let name = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c)) && !host.starts_with(':');
    text.chars().all(|c| c.is_ascii_graphic() && !"#\\\"<>".contains(c)) && host.is_some_and(|host| !host.is_empty() && name(host))
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[test]
    fn urls_are_whole() {
        for (text, good) in [
            ("https://idp.example.com/oauth2/token", true),
            ("http://localhost:8080", true),
            ("https://[::1]:8080/x?y=z", true),
            ("https://", false),
            ("https:///token", false),
            ("https://:80/", false),
            ("ftp://idp.example.com", false),
            ("idp.example.com", false),
            ("https://idp.example.com/a b", false),
            ("https://idp.example.com/#top", false),
            ("https://user@idp.example.com/", false),
        ] {
            assert_eq!(is_url(text), good, "{text}");
        }
    }
}
