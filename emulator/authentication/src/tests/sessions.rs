use model::{Authenticate, OnUnauthenticated};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::idp::{ARN, Browser, NOW, answered, pass, state_of, told};
use crate::state::purpose;
use crate::{Asked, Given, JwksCache, Keys, Outcome, Step, begin};

const COOKIE: &str = "AWSELBAuthSessionCookie-0";
const INVALID: (u16, &str) = (302, "AuthInvalidCookie");

#[test]
fn cookies_that_were_changed_or_are_foreign_count_as_none() {
    let mut browser = Browser::new();
    browser.log_in();
    let good = browser.cookies[COOKIE].clone();
    let mut junk = vec![String::new(), "1".to_owned(), "5AAAA".to_owned(), "\u{fc}AAAA".to_owned(), good[1..].to_owned(), format!("2{}", &good[1..])];
    for index in (0..good.len()).step_by(7) {
        let other = if &good[index..=index] == "A" { "B" } else { "A" };
        junk.push(format!("{}{other}{}", &good[..index], &good[index + 1..]));
    }
    for value in junk {
        browser.cookies.insert(COOKIE.to_owned(), value.clone());
        assert_eq!(told(browser.get("/")), INVALID, "{value}");
    }
    browser.cookies.insert(COOKIE.to_owned(), good.clone());
    pass(browser.get("/"));
    browser.oidc.issuer = "https://other".to_owned();
    assert_eq!(told(browser.get("/")), INVALID, "a session of another issuer");
    browser.oidc.on_unauthenticated = OnUnauthenticated::Deny;
    assert_eq!(told(browser.get("/")), (401, "AuthInvalidCookie"));
    browser.oidc.on_unauthenticated = OnUnauthenticated::Allow;
    assert!(pass(browser.get("/")).headers.is_empty());
    let mut restarted = Browser::new();
    restarted.keys = Keys::new(&[2; 32], &Keys::generate_signing_key().unwrap()).unwrap();
    restarted.cookies.insert(COOKIE.to_owned(), good);
    assert_eq!(told(restarted.get("/")), INVALID, "another key");
}

#[test]
fn a_state_is_no_session() {
    let mut browser = Browser::new();
    let state = state_of(&browser.sent_to_login("/"));
    assert!(browser.keys.open(&purpose("state", &browser.oidc), &state).is_some());
    assert_eq!(browser.keys.open(&purpose("session", &browser.oidc), &state), None);
    browser.cookies.insert(COOKIE.to_owned(), format!("1{state}"));
    assert_eq!(told(browser.get("/")), INVALID);
}

#[test]
fn a_session_is_over_after_its_timeout_whatever_its_tokens_say() {
    for tokens in [json!({ "access_token": "access-1" }), json!({ "access_token": "access-1", "expires_in": 60 })] {
        let mut browser = Browser::new();
        browser.idp.tokens = tokens;
        browser.log_in();
        browser.now = NOW + 3599;
        assert!(!pass(browser.get("/")).refreshed, "without a refresh token it stays");
        browser.now = NOW + 3600;
        assert_eq!(told(browser.get("/")), (302, ""));
    }
}

#[test]
fn an_access_token_that_is_over_is_renewed() {
    let mut browser = Browser::new();
    browser.log_in();
    browser.now = NOW + 599;
    assert!(!pass(browser.get("/")).refreshed);
    browser.now = NOW + 600;
    browser.idp.id_token = Value::Null;
    browser.idp.tokens = json!({ "access_token": "access-2", "expires_in": "600" });
    browser.idp.claims["email"] = json!("b@example.com");
    let renewed = pass(browser.get("/"));
    assert!(renewed.refreshed && renewed.set_cookies.len() == 1);
    assert_eq!(renewed.headers[0].1, "access-2");
    assert_eq!(browser.idp.forms[1], "grant_type=refresh_token&refresh_token=refresh-1&client_id=client");
    let next = pass(browser.get("/"));
    assert_eq!((next.refreshed, next.headers[0].1.as_str()), (false, "access-2"));
    browser.now = NOW + 1200;
    browser.idp.tokens["refresh_token"] = json!("refresh-2");
    assert!(pass(browser.get("/")).refreshed, "the refresh token of before is kept");
    browser.now = NOW + 1800;
    assert!(pass(browser.get("/")).refreshed);
    assert!(browser.idp.forms[3].contains("refresh_token=refresh-2&"), "and replaced by a new one");
    browser.now = NOW + 3600;
    assert_eq!(told(browser.get("/")), (302, ""), "renewal does not prolong the session");
}

#[test]
fn who_cannot_be_renewed_logs_in_anew() {
    type Change = fn(&mut Browser);
    let cases: [(Change, &str); 6] = [
        (|browser| browser.idp.token_outcome = Some(Outcome::Timeout), "AuthTokenEpRequestTimeout"),
        (|browser| browser.idp.token_outcome = Some(answered(400, &json!({ "error": "invalid_grant" }))), "AuthInvalidGrantError"),
        (|browser| browser.idp.id_token["sub"] = json!("user-2"), "AuthInvalidIdToken"),
        (|browser| browser.idp.claims_outcome = Some(Outcome::Failed), "AuthUserinfoEpRequestFailed"),
        (|browser| browser.idp.claims["sub"] = json!("user-2"), "AuthInvalidUserinfoResponse"),
        (|browser| browser.idp.tokens["access_token"] = json!("x".repeat(20_000)), "AuthUnhandledException"),
    ];
    for (change, reason) in cases {
        let mut browser = Browser::new();
        browser.log_in();
        browser.now = NOW + 600;
        browser.idp.id_token["exp"] = json!(NOW + 700);
        change(&mut browser);
        assert_eq!(told(browser.get("/")), (302, reason));
        browser.oidc.on_unauthenticated = OnUnauthenticated::Deny;
        assert_eq!(told(browser.get("/")), (401, reason));
    }
}

#[test]
fn a_large_session_takes_several_cookies() {
    let mut browser = Browser::new();
    browser.idp.claims["groups"] = json!("g".repeat(10_000));
    browser.log_in();
    let names: Vec<_> = browser.cookies.keys().cloned().collect();
    assert_eq!(names, (0..4).map(|index| format!("AWSELBAuthSessionCookie-{index}")).collect::<Vec<_>>());
    pass(browser.get("/"));
    let second = browser.cookies.remove("AWSELBAuthSessionCookie-2").unwrap();
    assert_eq!(told(browser.get("/")), INVALID, "one is missing");
    browser.cookies.insert("AWSELBAuthSessionCookie-2".to_owned(), second);
    browser.now += 3600;
    browser.idp.claims["groups"] = json!("none");
    browser.idp.id_token["exp"] = json!(NOW + 4000);
    browser.log_in();
    assert_eq!(browser.cookies.len(), 4, "those of before are still there");
    pass(browser.get("/"));
}

#[test]
fn a_session_that_no_cookies_hold_is_refused() {
    let mut browser = Browser::new();
    browser.idp.tokens["access_token"] = json!("x".repeat(16_000));
    let login = browser.sent_to_login("/");
    assert_eq!(told(browser.come_back(&login)), (500, "AuthUnhandledException"));
    browser.oidc.session_cookie_name = "n".repeat(5000);
    browser.cookies.clear();
    browser.idp = super::idp::Idp::new();
    let login = browser.sent_to_login("/");
    assert_eq!(told(browser.come_back(&login)), (500, "AuthUnhandledException"));
}

fn keys() -> Keys {
    use std::sync::LazyLock;
    static SIGNING: LazyLock<Vec<u8>> = LazyLock::new(|| Keys::generate_signing_key().unwrap());
    Keys::new(&[1; 32], &SIGNING).unwrap()
}

proptest! {
    #[test]
    fn whatever_a_client_writes_leads_to_an_answer(query in ".{0,60}", value in "[0-5]?.{0,60}", host in proptest::option::of(".{0,10}")) {
        let line = format!("{COOKIE}={value}; AWSALBAuthNonce={value}");
        let given = Given { now: NOW, random: [9; 32] };
        let oidc = Authenticate::Oidc(super::idp::oidc());
        for target in [format!("/oauth2/idpresponse?{query}"), format!("/oauth2/idpresponse?code=c&state={query}"), query.clone()] {
            let asked = Asked { host: host.as_deref(), target: &target, cookies: vec![&line], authorization: None, load_balancer_arn: ARN };
            let step = begin(&oidc, &asked, &keys(), &mut JwksCache::default(), given);
            prop_assert!(matches!(step, Step::Answer(_)), "nobody is let through, and nobody is asked: {step:?}");
        }
    }

    #[test]
    fn random_bytes_open_to_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        prop_assert_eq!(keys().open("state", &text), None);
    }

    #[test]
    fn whatever_an_identity_provider_answers_leads_to_a_step(body in proptest::collection::vec(any::<u8>(), 0..200), status in 100_u16..1000) {
        let mut browser = Browser::new();
        let login = browser.sent_to_login("/");
        browser.idp.token_outcome = Some(Outcome::Answered { status, body });
        prop_assert_ne!(told(browser.come_back(&login)).0, 302);
    }

    #[test]
    fn what_was_sealed_is_what_opens(plain in proptest::collection::vec(any::<u8>(), 0..200), random in any::<[u8; 32]>()) {
        let text = keys().seal("session", &plain, Given { now: 0, random }).unwrap();
        prop_assert_eq!(keys().open("session", &text), Some(plain));
    }
}
