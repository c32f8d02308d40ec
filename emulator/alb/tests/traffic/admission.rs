//! Rules that ask who is there: bearer tokens, and logins at an identity provider (alb.md 3).

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{
    Authenticate, AuthenticateOidc, CertificateSource, JwtValidation, ListenerProtocol, ListenerTls, LoadBalancerAttributes, MutualAuthentication,
    Secret, SecurityPolicy,
};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use routing::metrics::BalancerMetric;
use tls::Mutual;

use crate::secure::Secure;
use crate::support::{Client, Front, Message, Seen, forward_rule, named, origin, within};

const KEY: &[u8] = include_bytes!("../../../authentication/testdata/rsa-2048-for-tests-only.pk8");
const FAR: u64 = 4_000_000_000;

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// An identity provider on this machine: its answers by path, and what it was asked.
async fn provider(answers: Vec<(&'static str, String)>) -> (String, Arc<Mutex<Vec<Message>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&asked);
    let address = origin(move |mut connection, _| {
        let (answers, record) = (answers.clone(), Arc::clone(&record));
        async move {
            while let Some(message) = connection.try_message().await {
                let path = message.start_line().split(' ').nth(1).unwrap().to_owned();
                record.lock().unwrap().push(message);
                let found = answers.iter().find(|(known, _)| *known == path);
                let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body));
                connection
                    .send(&format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
                    .await;
            }
        }
    })
    .await;
    (format!("http://{address}"), asked)
}

/// A front whose path `/users` asks first.
async fn guarded(secure: &Secure, rule: Authenticate) -> (Front, Seen) {
    let (target, seen) = named("users").await;
    let mut front = Front::with(1, LoadBalancerAttributes::default(), &[("users", &[target])]);
    front.listener(|listener| {
        let certificates = vec![CertificateSource::Development { arn: None, names: Vec::new() }];
        listener.protocol = ListenerProtocol::Https;
        listener.tls = Some(ListenerTls { certificates, policy: SecurityPolicy::default(), mutual: MutualAuthentication::Off });
    });
    front.put(model::Rule { authenticate: Some(rule), ..forward_rule(1, "users") });
    secure.encrypt(&front, &["one.test"], Mutual::Off);
    (front, seen)
}

async fn get(secure: &Secure, front: &Front, path: &str, headers: &str) -> Message {
    let mut client: Client<_> = secure.client(front, "one.test").await;
    client.send(&format!("GET {path} HTTP/1.1\r\nHost: one.test\r\n{headers}\r\n")).await;
    client.message().await
}

fn token(key: &RsaKeyPair, claims: &str) -> String {
    let text = format!("{}.{}", encoded(r#"{"alg":"RS256","kid":"k1"}"#), encoded(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", encoded(signature))
}

/// What an issuer publishes of its key.
fn keys(key: &RsaKeyPair) -> String {
    let public: RsaPublicKeyComponents<Vec<u8>> = key.public_key().into();
    format!(r#"{{"keys":[{{"kty":"RSA","alg":"RS256","use":"sig","kid":"k1","n":"{}","e":"{}"}}]}}"#, encoded(public.n), encoded(public.e))
}

#[tokio::test]
async fn bearer_tokens_are_checked_with_the_keys_of_their_issuer() {
    let key = RsaKeyPair::from_pkcs8(KEY).unwrap();
    let (idp, asked) = provider(vec![("/keys", keys(&key))]).await;
    let secure = Secure::new();
    let rule = JwtValidation { jwks_endpoint: format!("{idp}/keys"), issuer: "me".into(), additional_claims: Vec::new() };
    let (mut front, seen) = guarded(&secure, Authenticate::Jwt(rule)).await;
    let good = token(&key, &format!(r#"{{"iss":"me","exp":{FAR}}}"#));
    for _ in 0..2 {
        assert_eq!(get(&secure, &front, "/users", &format!("Authorization: Bearer {good}\r\n")).await.status(), 200);
    }
    assert_eq!(asked.lock().unwrap().len(), 1, "keys are kept");
    assert_eq!(seen.last().all("authorization"), [format!("Bearer {good}")], "the token goes on as it came");
    assert!(front.record().await.to_string().contains(" \"jwt-validation,forward\" "));
    front.record().await;
    let other = token(&key, &format!(r#"{{"iss":"me","exp":{}}}"#, FAR + 1));
    let swapped = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    for (headers, reason) in [
        (String::new(), "JWTHeaderNotPresent"),
        (format!("Authorization: Bearer {}\r\n", token(&key, &format!(r#"{{"iss":"you","exp":{FAR}}}"#))), "JWTClaimValueInvalid"),
        (format!("Authorization: Bearer {}\r\n", swapped), "JWTSignatureValidationFailed"),
    ] {
        let answer = get(&secure, &front, "/users", &headers).await;
        assert_eq!(answer.status(), 401, "{headers}");
        let record = front.record().await;
        assert_eq!((record.error_reason, record.actions), (Some(reason), "jwt-validation"), "{headers}");
    }
    assert_eq!(front.record_metrics().get(BalancerMetric::JwtFailures), 3);
    assert_eq!(seen.messages().len(), 2);
    assert_eq!(get(&secure, &front, "/none", "").await.status(), 404, "other rules ask nothing");
}

#[tokio::test]
async fn who_was_admitted_by_a_rule_is_asked_by_the_one_that_stands_there_now() {
    let key = RsaKeyPair::from_pkcs8(KEY).unwrap();
    let asked = Arc::new(tokio::sync::Notify::new());
    let answered = Arc::new(tokio::sync::Notify::new());
    let idp = {
        let (keys, asked, answered) = (keys(&key), Arc::clone(&asked), Arc::clone(&answered));
        origin(move |mut connection, _| {
            let (keys, asked, answered) = (keys.clone(), Arc::clone(&asked), Arc::clone(&answered));
            async move {
                while connection.try_message().await.is_some() {
                    asked.notify_one();
                    answered.notified().await;
                    connection.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{keys}", keys.len())).await;
                }
            }
        })
        .await
    };
    let secure = Secure::new();
    let rule = |issuer: &str| JwtValidation { jwks_endpoint: format!("http://{idp}/keys"), issuer: issuer.into(), additional_claims: Vec::new() };
    let (mut front, seen) = guarded(&secure, Authenticate::Jwt(rule("me"))).await;
    let good = token(&key, &format!(r#"{{"iss":"me","exp":{FAR}}}"#));
    let mut client: Client<_> = secure.client(&front, "one.test").await;
    client.send(&format!("GET /users HTTP/1.1\r\nHost: one.test\r\nAuthorization: Bearer {good}\r\n\r\n")).await;
    within(asked.notified()).await;
    front.put(model::Rule { authenticate: Some(Authenticate::Jwt(rule("you"))), ..forward_rule(1, "users") });
    answered.notify_one();
    answered.notify_one();
    assert_eq!(client.message().await.status(), 401);
    assert_eq!(front.record().await.error_reason, Some("JWTClaimValueInvalid"));
    assert!(seen.messages().is_empty());
}

#[tokio::test]
async fn a_login_leads_to_the_target_and_names_the_user() {
    let claims = encoded(format!(r#"{{"iss":"me","aud":"shop","sub":"user-1","exp":{FAR}}}"#));
    let tokens =
        format!(r#"{{"access_token":"at","token_type":"Bearer","expires_in":3600,"id_token":"{}.{claims}.eA"}}"#, encoded(r#"{"alg":"RS256"}"#));
    let (idp, asked) = provider(vec![("/token", tokens), ("/user", r#"{"sub":"user-1","email":"a@b.test"}"#.into())]).await;
    let secure = Secure::new();
    let oidc = AuthenticateOidc {
        issuer: "me".into(),
        authorization_endpoint: format!("{idp}/login?tenant=t"),
        token_endpoint: format!("{idp}/token"),
        user_info_endpoint: format!("{idp}/user"),
        client_secret: Secret::new("hunter2".into()),
        ..AuthenticateOidc::cognito("", "shop", "")
    };
    let (mut front, seen) = guarded(&secure, Authenticate::Oidc(oidc)).await;
    let first = get(&secure, &front, "/users?page=2", "").await;
    let location = first.all("location")[0].to_owned();
    assert_eq!(first.status(), 302, "{}", first.head);
    assert!(location.starts_with(&format!("{idp}/login?tenant=t&client_id=shop&")), "{location}");
    assert!(location.contains("redirect_uri=https%3A%2F%2Fone.test%2Foauth2%2Fidpresponse"), "{location}");
    let state = location.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    front.record().await;
    let back = get(&secure, &front, &format!("/oauth2/idpresponse?code=c1&state={state}"), &cookies(&first)).await;
    let reason = front.record().await.error_reason;
    assert_eq!((back.status(), reason, back.all("location")), (302, None, vec!["https://one.test/users?page=2"]), "{}", back.head);
    let calls: Vec<String> = within(async { asked.lock().unwrap().iter().map(|call| call.start_line().to_owned()).collect() }).await;
    assert_eq!(calls, ["POST /token HTTP/1.1", "GET /user HTTP/1.1"]);
    assert!(seen.messages().is_empty(), "nothing has reached the target yet");
    let forged = format!("{}x-amzn-oidc-identity: forged\r\n", cookies(&back));
    assert_eq!(get(&secure, &front, "/users?page=2", &forged).await.text(), "users");
    let head = seen.last();
    assert_eq!((head.all("x-amzn-oidc-identity"), head.all("x-amzn-oidc-accesstoken")), (vec!["user-1"], vec!["at"]));
    let (kid, _) = front.plane.public_key();
    let data = head.all("x-amzn-oidc-data")[0].to_owned();
    let header = String::from_utf8(base64::engine::general_purpose::URL_SAFE.decode(data.split('.').next().unwrap()).unwrap()).unwrap();
    assert!(header.contains(kid) && header.contains("ES256"), "{header}");
    for expected in ["authenticate,forward"] {
        let line = front.record().await.to_string();
        assert!(line.contains(&format!(" \"{expected}\" ")), "{line}");
    }
    assert_eq!(front.record_metrics().get(BalancerMetric::AuthSuccesses), 1);
    let stranger = get(&secure, &front, "/oauth2/idpresponse?code=c1&state=junk", &cookies(&first)).await;
    assert_eq!(stranger.status(), 404, "no action sent it, so the rules decide");
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(answer: &Message) -> String {
    let pairs = answer.all("set-cookie").into_iter().map(|line| line.split(';').next().unwrap());
    format!("Cookie: {}\r\n", pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; "))
}
