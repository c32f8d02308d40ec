use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::*;
use crate::keys::Keys;

const KEY: &[u8] = include_bytes!("../../testdata/rsa-2048-for-tests-only.pk8");
const OTHER: &[u8] = include_bytes!("../../testdata/other-rsa-2048-for-tests-only.pk8");
const BIG: &[u8] = include_bytes!("../../testdata/rsa-3072-for-tests-only.pk8");
const NOW: u64 = 1_800_000_000;

fn given(now: u64) -> Given {
    Given { now, random: [0; 32] }
}

fn config() -> JwtValidation {
    JwtValidation { jwks_endpoint: "https://idp/jwks".to_owned(), issuer: "https://idp".to_owned(), additional_claims: Vec::new() }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn token_of(key: &[u8], header: &Value, claims: &Value) -> String {
    let pair = RsaKeyPair::from_pkcs8(key).unwrap();
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn claims() -> Value {
    json!({ "iss": "https://idp", "exp": NOW + 60 })
}

fn token(claims: &Value) -> String {
    token_of(KEY, &json!({ "alg": "RS256", "kid": "one" }), claims)
}

fn jwk(key: &[u8], id: &str) -> Value {
    let pair = RsaKeyPair::from_pkcs8(key).unwrap();
    let parts: PublicKeyComponents<Vec<u8>> = pair.public().into();
    json!({ "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e) })
}

fn set(keys: &[Value]) -> Outcome {
    Outcome::Answered { status: 200, body: json!({ "keys": keys }).to_string().into_bytes() }
}

fn ask(config: &JwtValidation, authorization: Option<&str>, jwks: &JwksCache, now: u64) -> Step {
    let asked = Asked { host: Some("shop"), target: "/", cookies: Vec::new(), authorization, load_balancer_arn: "arn" };
    begin(config, &asked, jwks, given(now))
}

fn resume(step: Step, outcome: Outcome, jwks: &mut JwksCache, now: u64) -> Step {
    let Step::Call(call) = step else { panic!("{step:?}") };
    assert_eq!((call.method, call.url.as_str(), call.limit, call.timeout.as_secs()), ("GET", "https://idp/jwks", 153_600, 5));
    let keys = Keys::new(&[0; 32], &Keys::generate_signing_key().unwrap()).unwrap();
    call.resume(outcome, &keys, jwks, given(now))
}

/// The status and reason of a request with keys `one` and `two` at the endpoint; 200 when it passes.
fn outcome_of(config: &JwtValidation, authorization: Option<&str>) -> (u16, &'static str) {
    let mut jwks = JwksCache::default();
    let step = ask(config, authorization, &jwks, NOW);
    let called = matches!(step, Step::Call(_));
    told(if called { resume(step, set(&[jwk(OTHER, "two"), jwk(KEY, "one")]), &mut jwks, NOW) } else { step })
}

fn told(step: Step) -> (u16, &'static str) {
    match step {
        Step::Pass(pass) => {
            assert_eq!(pass, Pass::default());
            (200, "")
        }
        Step::Answer(answer) => {
            assert!(answer.location.is_none() && answer.set_cookies.is_empty());
            (answer.status, answer.reason.unwrap_or_default())
        }
        Step::Call(call) => panic!("{call:?}"),
    }
}

#[test]
fn a_header_is_needed_and_must_hold_a_token() {
    let good = token(&claims());
    let three = |header: &str| format!("Bearer {}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), encode(&claims()));
    let critical = format!("Bearer {}", token_of(KEY, &json!({ "alg": "RS256", "kid": "one", "crit": ["b64"] }), &claims()));
    assert_eq!(outcome_of(&config(), None), (401, "JWTHeaderNotPresent"));
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Basic dTpw",
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer ..",
        &good,
        &three("[]"),
        &three("nothing"),
        &format!("Bearer {good}="),
        &critical,
    ] {
        assert_eq!(outcome_of(&config(), Some(authorization)), (401, "JWTRequestFormatInvalid"), "{authorization}");
    }
    for scheme in ["Bearer ", "bearer ", "BEARER   "] {
        assert_eq!(outcome_of(&config(), Some(&format!("{scheme}{good}"))), (200, ""));
    }
}

#[test]
fn a_signature_counts_by_the_right_key_and_algorithm_only() {
    let good = token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let forged = encode(&json!({ "iss": "https://idp", "exp": NOW + 60, "sub": "root" }));
    let by = |key, header: Value| token_of(key, &header, &claims());
    for (token, status) in [
        (good.clone(), 200),
        (by(KEY, json!({ "alg": "RS256" })), 200),
        (by(OTHER, json!({ "alg": "RS256" })), 200),
        (by(OTHER, json!({ "alg": "RS256", "kid": "two" })), 200),
        (by(OTHER, json!({ "alg": "RS256", "kid": "one" })), 401),
        (by(KEY, json!({ "alg": "RS256", "kid": "three" })), 401),
        (by(BIG, json!({ "alg": "RS256", "kid": "one" })), 401),
        (by(BIG, json!({ "alg": "RS256" })), 401),
        (by(KEY, json!({ "alg": "RS512", "kid": "one" })), 401),
        (by(KEY, json!({ "alg": "none", "kid": "one" })), 401),
        (by(KEY, json!({ "kid": "one" })), 401),
        (format!("{header}.{forged}.{signature}"), 401),
        (format!("{signed}."), 401),
    ] {
        let reason = if status == 200 { "" } else { "JWTSignatureValidationFailed" };
        assert_eq!(outcome_of(&config(), Some(&format!("Bearer {token}"))), (status, reason), "{token}");
    }
}

#[test]
fn the_standard_claims_are_checked() {
    const MISSING: &str = "JWTClaimNotPresent";
    const FORMAT: &str = "JWTClaimFormatInvalid";
    const VALUE: &str = "JWTClaimValueInvalid";
    for (claims, reason) in [
        (claims(), ""),
        (json!({ "iss": "https://idp", "exp": NOW + 1, "nbf": NOW, "iat": NOW }), ""),
        (json!({ "iss": "https://idp", "exp": 1_800_000_000.5 }), ""),
        (json!({ "exp": NOW + 1 }), MISSING),
        (json!({ "iss": "https://idp" }), MISSING),
        (json!({ "iss": 1, "exp": NOW + 1 }), FORMAT),
        (json!({ "iss": "https://idp", "exp": "soon" }), FORMAT),
        (json!({ "iss": "https://idp", "exp": NOW + 1, "nbf": "now" }), FORMAT),
        (json!({ "iss": "https://idp", "exp": NOW + 1, "iat": null }), FORMAT),
        (json!({ "iss": "https://idp/", "exp": NOW + 1 }), VALUE),
        (json!({ "iss": "https://idp", "exp": NOW }), VALUE),
        (json!({ "iss": "https://idp", "exp": NOW + 1, "nbf": NOW + 1 }), VALUE),
        (json!({ "iss": "https://idp", "exp": NOW + 1, "iat": NOW + 1 }), VALUE),
    ] {
        let status = if reason.is_empty() { 200 } else { 401 };
        assert_eq!(outcome_of(&config(), Some(&format!("Bearer {}", token(&claims)))), (status, reason), "{claims}");
    }
}

#[test]
fn additional_claims_are_checked_by_their_format() {
    use ClaimFormat::{SingleString, SpaceSeparatedValues, StringArray};
    for (format, claim, reason) in [
        (SingleString, json!("read"), ""),
        (SingleString, json!("read write"), "JWTClaimValueInvalid"),
        (SingleString, json!(["read"]), "JWTClaimFormatInvalid"),
        (SpaceSeparatedValues, json!("list read"), ""),
        (SpaceSeparatedValues, json!("readers list"), "JWTClaimValueInvalid"),
        (SpaceSeparatedValues, json!(7), "JWTClaimFormatInvalid"),
        (StringArray, json!(["list", "write"]), ""),
        (StringArray, json!([]), "JWTClaimValueInvalid"),
        (StringArray, json!(["read write"]), "JWTClaimValueInvalid"),
        (StringArray, json!("read"), "JWTClaimFormatInvalid"),
        (StringArray, json!(["read", 1]), "JWTClaimFormatInvalid"),
    ] {
        let additional = AdditionalClaim { name: "scope".to_owned(), format, values: vec!["read".to_owned(), "write".to_owned()] };
        let config = JwtValidation { additional_claims: vec![additional], ..config() };
        let with = token(&json!({ "iss": "https://idp", "exp": NOW + 1, "scope": claim }));
        let status = if reason.is_empty() { 200 } else { 401 };
        assert_eq!(outcome_of(&config, Some(&format!("Bearer {with}"))), (status, reason), "{format:?} {claim}");
        let without = format!("Bearer {}", token(&claims()));
        assert_eq!(outcome_of(&config, Some(&without)), (401, "JWTClaimNotPresent"));
    }
}

#[test]
fn an_endpoint_that_fails_is_told_apart() {
    let answered = |status, body: &str| Outcome::Answered { status, body: body.as_bytes().to_vec() };
    let eleven: Vec<Value> = (0..11).map(|_| jwk(KEY, "one")).collect();
    for (outcome, expected) in [
        (Outcome::Timeout, (500, "JWKSRequestTimeout")),
        (Outcome::TooLarge, (500, "JWKSResponseSizeExceeded")),
        (Outcome::Failed, (562, "JWKSRequestFailed")),
        (answered(404, "{}"), (562, "JWKSRequestFailed")),
        (answered(302, ""), (562, "JWKSRequestFailed")),
        (answered(200, "<html>"), (562, "JWKSResponseInvalid")),
        (answered(200, "{\"keys\":[]}"), (562, "JWKSResponseInvalid")),
        (set(&eleven), (562, "JWKSResponseInvalid")),
        (set(&[json!({ "kty": "EC", "kid": "one" }), json!(7)]), (401, "JWTSignatureValidationFailed")),
        (set(&[jwk(BIG, "one")]), (401, "JWTSignatureValidationFailed")),
        (set(&eleven[..10]), (200, "")),
    ] {
        let mut jwks = JwksCache::default();
        let step = ask(&config(), Some(&format!("Bearer {}", token(&claims()))), &jwks, NOW);
        assert_eq!(told(resume(step, outcome.clone(), &mut jwks, NOW)), expected, "{outcome:?}");
    }
}

#[test]
fn keys_are_kept_for_five_minutes_and_asked_for_when_a_new_one_signs() {
    let mut jwks = JwksCache::default();
    let long = json!({ "iss": "https://idp", "exp": NOW + 10_000 });
    let bearer = |key, id: &str| format!("Bearer {}", token_of(key, &json!({ "alg": "RS256", "kid": id }), &long));
    let (one, two) = (bearer(KEY, "one"), bearer(OTHER, "two"));
    let first = ask(&config(), Some(&one), &jwks, NOW);
    assert_eq!(told(resume(first, set(&[jwk(KEY, "one")]), &mut jwks, NOW)).0, 200);
    assert_eq!(told(ask(&config(), Some(&one), &jwks, NOW + 299)).0, 200);
    assert!(matches!(ask(&config(), Some(&one), &jwks, NOW + 300), Step::Call(_)), "stale");
    assert!(matches!(ask(&config(), Some(&one), &jwks, NOW - 1), Step::Call(_)), "a clock that was set back");
    assert_eq!(told(ask(&config(), Some(&two), &jwks, NOW + 9)).0, 401, "asked a moment ago");
    let again = ask(&config(), Some(&two), &jwks, NOW + 10);
    assert_eq!(told(resume(again, set(&[jwk(OTHER, "two")]), &mut jwks, NOW + 10)).0, 200);
    assert_eq!(told(ask(&config(), Some(&one), &jwks, NOW + 11)).0, 401, "a key that was withdrawn");
}

#[test]
fn only_so_many_endpoints_are_remembered() {
    let mut jwks = JwksCache::default();
    for index in 0..70 {
        jwks.remember(&format!("https://idp/{index}"), Vec::new(), NOW + index);
    }
    let jws = Jws::parse(&token(&claims())).unwrap();
    assert_eq!(jwks.verdict("https://idp/0", &jws, NOW + 70), Verdict::Unknown);
    assert_eq!(jwks.verdict("https://idp/69", &jws, NOW + 70), Verdict::Invalid);
}

#[test]
fn only_rsa_keys_of_2048_bits_for_signatures_count() {
    let with = |key, name: &str, value: Value| {
        let mut jwk = jwk(key, "one");
        jwk[name] = value;
        jwk
    };
    let padded = format!("{}==", jwk(KEY, "one")["n"].as_str().unwrap());
    let zero = URL_SAFE_NO_PAD.encode([&[0], URL_SAFE_NO_PAD.decode(jwk(KEY, "one")["n"].as_str().unwrap()).unwrap().as_slice()].concat());
    for (key, jwk, status) in [
        (KEY, jwk(KEY, "one"), 200),
        (KEY, with(KEY, "n", json!(padded)), 200),
        (KEY, with(KEY, "n", json!(zero)), 200),
        (KEY, with(KEY, "use", Value::Null), 200),
        (KEY, with(KEY, "alg", Value::Null), 200),
        (KEY, with(KEY, "use", json!("enc")), 401),
        (KEY, with(KEY, "alg", json!("RS512")), 401),
        (KEY, with(KEY, "kty", json!("EC")), 401),
        (KEY, with(KEY, "n", json!("!")), 401),
        (KEY, with(KEY, "e", json!("")), 401),
        (BIG, jwk(BIG, "one"), 401),
    ] {
        let mut jwks = JwksCache::default();
        let token = token_of(key, &json!({ "alg": "RS256", "kid": "one" }), &claims());
        let step = ask(&config(), Some(&format!("Bearer {token}")), &jwks, NOW);
        assert_eq!(told(resume(step, set(std::slice::from_ref(&jwk)), &mut jwks, NOW)).0, status, "{jwk}");
    }
}
