use serde_json::{Value, json};

use super::idp::{Browser, NOW, answered, state_of, told};
use crate::Outcome;

#[test]
fn a_callback_without_its_parts_is_refused() {
    let mut browser = Browser::new();
    let state = state_of(&browser.sent_to_login("/"));
    let host = Some("shop.example.com:8443");
    for (host, query, expected) in [
        (host, "error=access_denied".to_owned(), (401, "")),
        (host, format!("error=access_denied&code=c&state={state}"), (401, "")),
        (host, format!("error=server_error&error_description=access_denied&state={state}"), (561, "")),
        (host, "error=".to_owned(), (401, "AuthMissingCodeParam")),
        (host, String::new(), (401, "AuthMissingCodeParam")),
        (host, format!("state={state}"), (401, "AuthMissingCodeParam")),
        (host, format!("code=&state={state}"), (401, "AuthMissingCodeParam")),
        (host, "code=c".to_owned(), (401, "AuthMissingStateParam")),
        (host, "code=c&state=junk".to_owned(), (401, "AuthInvalidStateParam")),
        (host, format!("code=c&state={state}A"), (401, "AuthInvalidStateParam")),
        (None, format!("code=c&state={state}"), (401, "AuthMissingHostHeader")),
        (Some("shop.example.com"), format!("code=c&state={state}"), (401, "AuthInvalidStateParam")),
        (Some("other.example.com:8443"), format!("code=c&state={state}"), (401, "AuthInvalidStateParam")),
        (Some("SHOP.example.com:8443"), format!("code=c&state={state}"), (302, "")),
    ] {
        assert_eq!(told(browser.get_from(host, &format!("/oauth2/idpresponse?{query}"))), expected, "{host:?} {query}");
    }
}

#[test]
fn nobody_without_a_host_is_sent_to_log_in() {
    assert_eq!(told(Browser::new().get_from(None, "/")), (401, "AuthMissingHostHeader"));
}

#[test]
fn a_login_ends_in_the_browser_that_began_it_and_in_time() {
    for (later, expected) in [(899, (302, "")), (900, (401, "AuthInvalidStateParam"))] {
        let mut browser = Browser::new();
        browser.idp.id_token["exp"] = json!(NOW + 1000);
        let login = browser.sent_to_login("/");
        browser.now += later;
        assert_eq!(told(browser.come_back(&login)), expected, "after {later} s");
    }
    let mut browser = Browser::new();
    let login = browser.sent_to_login("/");
    browser.cookies.clear();
    assert_eq!(told(browser.come_back(&login)), (401, "AuthInvalidStateParam"), "another browser");
    let login = browser.sent_to_login("/");
    assert_eq!(told(browser.come_back(&login)), (302, ""));
    assert_eq!(told(browser.come_back(&login)), (401, "AuthInvalidStateParam"), "a second time");
}

#[test]
fn a_state_is_for_one_client_of_one_issuer() {
    let mut browser = Browser::new();
    let login = browser.sent_to_login("/");
    browser.oidc.client_id = "other".to_owned();
    assert_eq!(told(browser.come_back(&login)), (401, "AuthInvalidStateParam"));
}

/// A login of which the test changed something.
fn login_with(change: impl FnOnce(&mut Browser)) -> (u16, &'static str) {
    let mut browser = Browser::new();
    change(&mut browser);
    let login = browser.sent_to_login("/");
    told(browser.come_back(&login))
}

#[test]
fn a_token_endpoint_that_fails_is_told_apart() {
    for (outcome, expected) in [
        (Outcome::Failed, (500, "AuthTokenEpRequestFailed")),
        (Outcome::Timeout, (500, "AuthTokenEpRequestTimeout")),
        (Outcome::TooLarge, (500, "AuthInvalidTokenResponse")),
        (answered(500, &json!({})), (500, "AuthTokenEpRequestFailed")),
        (answered(302, &json!({})), (500, "AuthTokenEpRequestFailed")),
        (answered(401, &json!({ "error": "invalid_client" })), (561, "AuthTokenEpRequestFailed")),
        (answered(400, &json!({ "error": "invalid_grant" })), (401, "AuthInvalidGrantError")),
        (answered(200, &json!("no")), (500, "AuthInvalidTokenResponse")),
        (answered(200, &json!({ "token_type": "Bearer" })), (500, "AuthInvalidTokenResponse")),
        (answered(200, &json!({ "access_token": "a\r\nb" })), (500, "AuthInvalidTokenResponse")),
        (answered(200, &json!({ "access_token": "" })), (500, "AuthInvalidTokenResponse")),
        (answered(200, &json!({ "access_token": "a", "token_type": "mac" })), (500, "AuthInvalidTokenResponse")),
        (answered(200, &json!({ "access_token": "a" })), (401, "AuthInvalidIdToken")),
    ] {
        assert_eq!(login_with(|browser| browser.idp.token_outcome = Some(outcome.clone())), expected, "{outcome:?}");
    }
}

#[test]
fn an_id_token_must_be_for_us_and_now() {
    const INVALID: (u16, &str) = (401, "AuthInvalidIdToken");
    for (name, value, expected) in [
        ("iss", json!("https://idp/"), INVALID),
        ("iss", Value::Null, INVALID),
        ("aud", json!("other"), INVALID),
        ("aud", json!(["other", "another"]), INVALID),
        ("aud", json!(["other", "client"]), (302, "")),
        ("exp", json!(NOW), INVALID),
        ("exp", json!("soon"), INVALID),
        ("sub", json!(1), INVALID),
        ("nonce", json!("foreign"), INVALID),
        ("nonce", json!("ours"), (302, "")),
    ] {
        let change = |browser: &mut Browser| {
            browser.oidc.extra_params.insert("nonce".to_owned(), "ours".to_owned());
            browser.idp.id_token[name] = value.clone();
        };
        assert_eq!(login_with(change), expected, "{name} {value}");
    }
    assert_eq!(login_with(|browser| browser.idp.id_token["nonce"] = json!("unasked")), INVALID);
    assert_eq!(login_with(|browser| browser.idp.id_token = Value::Null), INVALID, "a scope without openid");
}

#[test]
fn a_user_info_endpoint_that_fails_is_told_apart() {
    let exactly = |bytes: usize| json!({ "sub": "user-1", "a": "x".repeat(bytes - 23) });
    assert_eq!(exactly(11_264).to_string().len(), 11_264);
    for (outcome, expected) in [
        (Outcome::Failed, (500, "AuthUserinfoEpRequestFailed")),
        (Outcome::Timeout, (500, "AuthUserinfoEpRequestTimeout")),
        (Outcome::TooLarge, (500, "AuthUserinfoResponseSizeExceeded")),
        (answered(200, &exactly(11_265)), (500, "AuthUserinfoResponseSizeExceeded")),
        (answered(200, &exactly(11_264)), (302, "")),
        (answered(403, &json!({})), (561, "AuthUserinfoEpRequestFailed")),
        (answered(200, &json!([])), (500, "AuthInvalidUserinfoResponse")),
        (answered(200, &json!({})), (500, "AuthInvalidUserinfoResponse")),
        (answered(200, &json!({ "sub": "user-2" })), (500, "AuthInvalidUserinfoResponse")),
    ] {
        assert_eq!(login_with(|browser| browser.idp.claims_outcome = Some(outcome.clone())), expected, "{outcome:?}");
    }
    let odd = |browser: &mut Browser| {
        browser.idp.id_token["sub"] = json!("a\nb");
        browser.idp.claims["sub"] = json!("a\nb");
    };
    assert_eq!(login_with(odd), (500, "AuthInvalidUserinfoResponse"), "what no header can hold");
}
