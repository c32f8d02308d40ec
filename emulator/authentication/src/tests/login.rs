use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use model::{Authenticate, OnUnauthenticated};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use super::idp::{ARN, Browser, NOW, answer, pass, state_of};
use crate::text::parameter;
use crate::{Asked, IDENTITY_HEADERS, comes_back};

/// Checks a token as a target does, with the published key; its header and payload.
fn verified(token: &str, pem: &str) -> (Value, Value) {
    let der = STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &der[26..]);
    public.verify(signed.as_bytes(), &URL_SAFE.decode(signature).unwrap()).unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let json = |part| serde_json::from_slice(&URL_SAFE.decode(part).unwrap()).unwrap();
    (json(header), json(payload))
}

#[test]
fn a_user_logs_in_and_the_target_is_told() {
    let mut browser = Browser::new();
    let login = browser.sent_to_login("/cart?item=1&x=%20");
    let (endpoint, query) = login.split_once('?').unwrap();
    assert_eq!(endpoint, "https://idp/authorize");
    for (name, value) in [
        ("tenant", "a"),
        ("client_id", "client"),
        ("redirect_uri", "https://shop.example.com:8443/oauth2/idpresponse"),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("prompt", "login"),
    ] {
        assert_eq!(parameter(query, name).as_deref(), Some(value), "{login}");
    }
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["AWSALBAuthNonce"]);

    let back = answer(browser.come_back(&login));
    assert_eq!((back.status, back.reason), (302, None));
    assert_eq!(back.location.as_deref(), Some("https://shop.example.com:8443/cart?item=1&x=%20"));
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["AWSELBAuthSessionCookie-0"]);
    let redirect = "https%3A%2F%2Fshop.example.com%3A8443%2Foauth2%2Fidpresponse";
    let form = format!("grant_type=authorization_code&code=the-code&redirect_uri={redirect}&client_id=client");
    assert_eq!(browser.idp.forms, [form]);

    let told = pass(browser.get("/cart"));
    assert!(told.set_cookies.is_empty() && !told.refreshed);
    let [token, identity, data] = told.headers.try_into().unwrap();
    assert_eq!([token.0, identity.0, data.0], IDENTITY_HEADERS);
    assert_eq!((token.1.as_str(), identity.1.as_str()), ("access-1", "user-1"));
    let (header, payload) = verified(&data.1, browser.keys.public_key_pem());
    let kid = browser.keys.key_id();
    let expected = json!({ "typ": "JWT", "kid": kid, "alg": "ES256", "iss": "https://idp", "client": "client", "signer": ARN, "exp": NOW + 120 });
    assert_eq!(header, expected);
    assert_eq!(payload, json!({ "sub": "user-1", "email": "a@example.com" }));
}

#[test]
fn who_is_not_logged_in_is_sent_passed_or_refused() {
    let mut browser = Browser::new();
    browser.oidc.on_unauthenticated = OnUnauthenticated::Allow;
    assert_eq!(pass(browser.get("/")), crate::Pass::default());
    browser.oidc.on_unauthenticated = OnUnauthenticated::Deny;
    let denied = answer(browser.get("/"));
    assert_eq!(denied, crate::Answer { status: 401, ..crate::Answer::default() });
}

#[test]
fn a_public_client_shows_no_secret_and_a_bare_endpoint_gets_a_query() {
    let mut browser = Browser::new();
    browser.oidc.authorization_endpoint = "https://idp/authorize".to_owned();
    assert!(browser.sent_to_login("/").starts_with("https://idp/authorize?client_id=client&"));
    let state = crate::state::State::new("shop".to_owned(), "/".to_owned(), crate::Given { now: NOW, random: [0; 32] });
    browser.oidc.client_secret = model::Secret::default();
    let crate::Step::Call(call) = crate::exchange::redeem(&browser.oidc, state, "code") else { panic!("no call") };
    assert!(call.headers.iter().all(|(name, _)| *name != "authorization"));
    assert!(call.body.ends_with("&client_id=client"));
}

#[test]
fn the_way_back_leads_to_the_host_of_before_only() {
    for (target, expected) in [
        ("//evil.example.com/", "https://shop.example.com:8443//evil.example.com/"),
        ("*", "https://shop.example.com:8443/"),
        ("/a b\u{fc}", "https://shop.example.com:8443/a%20b%C3%BC"),
    ] {
        let mut browser = Browser::new();
        let login = browser.sent_to_login(target);
        assert_eq!(answer(browser.come_back(&login)).location.as_deref(), Some(expected));
    }
}

#[test]
fn whoever_comes_back_is_known_by_the_state() {
    let mut browser = Browser::new();
    let state = state_of(&browser.sent_to_login("/"));
    let comes_back = |target: &str, oidc| {
        let asked = Asked { host: Some("shop"), target, cookies: Vec::new(), authorization: None, load_balancer_arn: ARN };
        comes_back(&Authenticate::Oidc(oidc), &asked, &browser.keys)
    };
    let other = model::AuthenticateOidc { client_id: "other".to_owned(), ..browser.oidc.clone() };
    assert!(comes_back(&format!("/oauth2/idpresponse?error=no&state={state}"), browser.oidc.clone()));
    assert!(!comes_back(&format!("/oauth2/idpresponse?error=no&state={state}"), other));
    assert!(!comes_back(&format!("/oauth2?state={state}"), browser.oidc.clone()));
    assert!(!comes_back("/oauth2/idpresponse?state=x", browser.oidc.clone()));
}
