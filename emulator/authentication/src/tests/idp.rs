//! A browser, a load balancer and an identity provider, all of them values.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Authenticate, AuthenticateOidc, OnUnauthenticated, Secret};
use serde_json::{Value, json};

use crate::text::parameter;
use crate::{Answer, Asked, Call, Given, JwksCache, Keys, Outcome, Pass, Step, begin};

pub(super) const NOW: u64 = 1_800_000_000;
pub(super) const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";

pub(super) fn oidc() -> AuthenticateOidc {
    AuthenticateOidc {
        issuer: "https://idp".to_owned(),
        authorization_endpoint: "https://idp/authorize?tenant=a".to_owned(),
        token_endpoint: "https://idp/token".to_owned(),
        user_info_endpoint: "https://idp/userinfo".to_owned(),
        client_id: "client".to_owned(),
        client_secret: Secret::new("hunter2".to_owned()),
        session_cookie_name: AuthenticateOidc::SESSION_COOKIE_NAME.to_owned(),
        scope: "openid email".to_owned(),
        session_timeout: Duration::from_secs(3600),
        extra_params: BTreeMap::from([("prompt".to_owned(), "login".to_owned())]),
        on_unauthenticated: OnUnauthenticated::Authenticate,
    }
}

/// What the identity provider answers, to be changed by a test.
pub(super) struct Idp {
    pub(super) id_token: Value,
    pub(super) tokens: Value,
    pub(super) claims: Value,
    /// Instead of all that, for the token endpoint.
    pub(super) token_outcome: Option<Outcome>,
    /// And for the user info endpoint.
    pub(super) claims_outcome: Option<Outcome>,
    /// The forms that the token endpoint was sent.
    pub(super) forms: Vec<String>,
}

impl Idp {
    pub(super) fn new() -> Self {
        Self {
            id_token: json!({ "iss": "https://idp", "aud": "client", "exp": NOW + 300, "sub": "user-1" }),
            tokens: json!({ "access_token": "access-1", "token_type": "Bearer", "expires_in": 600, "refresh_token": "refresh-1" }),
            claims: json!({ "sub": "user-1", "email": "a@example.com" }),
            token_outcome: None,
            claims_outcome: None,
            forms: Vec::new(),
        }
    }

    fn answer(&mut self, call: &Call) -> Outcome {
        let header = |name: &str| call.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str());
        assert_eq!(call.timeout, Duration::from_secs(5));
        if call.url == "https://idp/token" {
            assert_eq!((call.method, call.limit), ("POST", 65_536));
            assert_eq!(header("content-type"), Some("application/x-www-form-urlencoded"));
            assert_eq!(header("authorization"), Some("Basic Y2xpZW50Omh1bnRlcjI="));
            self.forms.push(call.body.clone());
            let mut tokens = self.tokens.clone();
            if !self.id_token.is_null() {
                tokens["id_token"] = json!(jwt(&self.id_token));
            }
            return self.token_outcome.clone().unwrap_or_else(|| answered(200, &tokens));
        }
        assert_eq!((call.method, call.url.as_str(), call.limit, call.body.as_str()), ("GET", "https://idp/userinfo", 11_264, ""));
        let token = self.tokens["access_token"].as_str().unwrap_or_default();
        assert_eq!(header("authorization"), Some(format!("Bearer {token}").as_str()));
        self.claims_outcome.clone().unwrap_or_else(|| answered(200, &self.claims))
    }
}

pub(super) fn answered(status: u16, body: &Value) -> Outcome {
    Outcome::Answered { status, body: body.to_string().into_bytes() }
}

/// Its signature is junk: over the direct channel nobody looks.
pub(super) fn jwt(claims: &Value) -> String {
    format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}"), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// A browser in front of a load balancer.
pub(super) struct Browser {
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) oidc: AuthenticateOidc,
    pub(super) keys: Keys,
    pub(super) idp: Idp,
    pub(super) now: u64,
    steps: u8,
}

impl Browser {
    pub(super) fn new() -> Self {
        let keys = Keys::new(&[1; 32], &Keys::generate_signing_key().unwrap()).unwrap();
        Self { cookies: BTreeMap::new(), oidc: oidc(), keys, idp: Idp::new(), now: NOW, steps: 0 }
    }

    pub(super) fn get(&mut self, target: &str) -> Step {
        self.get_from(Some("shop.example.com:8443"), target)
    }

    /// Asks, lets the identity provider answer, keeps cookies.
    pub(super) fn get_from(&mut self, host: Option<&str>, target: &str) -> Step {
        let line: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let line = format!("theme=dark; {}", line.join("; "));
        let asked = Asked { host, target, cookies: vec!["first=1", &line], authorization: None, load_balancer_arn: ARN };
        let mut jwks = JwksCache::default();
        let given = self.given();
        let mut step = begin(&Authenticate::Oidc(self.oidc.clone()), &asked, &self.keys, &mut jwks, given);
        loop {
            let shown = format!("{step:?}");
            assert!(["hunter2", "access-1", "refresh-1", "user-1"].iter().all(|secret| !shown.contains(secret)), "{shown}");
            let Step::Call(call) = step else { break };
            let outcome = self.idp.answer(&call);
            let given = self.given();
            step = call.resume(outcome, &self.keys, &mut jwks, given);
        }
        if let Step::Pass(Pass { set_cookies, .. }) | Step::Answer(Answer { set_cookies, .. }) = &step {
            set_cookies.iter().for_each(|line| self.keep(line));
        }
        step
    }

    fn keep(&mut self, line: &str) {
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        assert!(name.len() + 1 + value.len() <= 4096, "browsers keep no longer cookies");
        assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=None"), "{line}");
        if line.contains("01 Jan 1970") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    fn given(&mut self) -> Given {
        self.steps += 1;
        Given { now: self.now, random: [self.steps; 32] }
    }

    /// Asks for a page and is sent to log in: where to.
    pub(super) fn sent_to_login(&mut self, target: &str) -> String {
        let answer = answer(self.get(target));
        assert_eq!((answer.status, answer.reason), (302, None));
        answer.location.unwrap()
    }

    /// Comes back from the identity provider.
    pub(super) fn come_back(&mut self, login: &str) -> Step {
        let state = state_of(login);
        self.get(&format!("/oauth2/idpresponse?code=the-code&state={state}"))
    }

    pub(super) fn log_in(&mut self) {
        let login = self.sent_to_login("/");
        assert_eq!(answer(self.come_back(&login)).status, 302);
    }
}

pub(super) fn state_of(login: &str) -> String {
    parameter(login.split_once('?').unwrap().1, "state").unwrap()
}

pub(super) fn answer(step: Step) -> Answer {
    let Step::Answer(answer) = step else { panic!("{step:?}") };
    answer
}

pub(super) fn pass(step: Step) -> Pass {
    let Step::Pass(pass) = step else { panic!("{step:?}") };
    pass
}

/// The status and reason of an answer.
pub(super) fn told(step: Step) -> (u16, &'static str) {
    let answer = answer(step);
    (answer.status, answer.reason.unwrap_or_default())
}
