//! Between the load balancer and the identity provider: tokens for a code or a refresh token, then claims for an access token.

use model::AuthenticateOidc;

use crate::call::{Call, Next, Outcome};
use crate::jws::Claims;
use crate::keys::Keys;
use crate::oidc::{Place, redirect_uri, unauthenticated};
use crate::reason;
use crate::session::Session;
use crate::state::{NONCE_COOKIE, State};
use crate::step::{Answer, Given, Pass, Step};
use crate::text;
use crate::tokens::{CLAIMS_BYTES, Refusal, TOKEN_BYTES, Tokens, read_claims};

/// An exchange under way.
pub(crate) struct Exchange {
    oidc: AuthenticateOidc,
    aim: Aim,
}

/// What it is for.
enum Aim {
    /// A browser came back: it is sent to where it was, with a session.
    Login(State),
    /// An access token is over: the request goes on with a new one.
    Renewal(Place, Box<Session>),
}

/// Asks for tokens for a code.
pub(crate) fn redeem(oidc: &AuthenticateOidc, state: State, code: &str) -> Step {
    let redirect_uri = redirect_uri(&state.host);
    let parameters = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &redirect_uri)];
    Exchange { oidc: oidc.clone(), aim: Aim::Login(state) }.ask_for_tokens(&parameters)
}

/// Asks for tokens for a refresh token.
pub(crate) fn refresh(oidc: &AuthenticateOidc, place: Place, token: &str, session: Box<Session>) -> Step {
    let parameters = [("grant_type", "refresh_token"), ("refresh_token", token)];
    Exchange { oidc: oidc.clone(), aim: Aim::Renewal(place, session) }.ask_for_tokens(&parameters)
}

impl Exchange {
    fn ask_for_tokens(self, parameters: &[(&str, &str)]) -> Step {
        let oidc = &self.oidc;
        let body = text::form(parameters.iter().copied().chain([("client_id", oidc.client_id.as_str())]));
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned()), ("accept", "application/json".to_owned())];
        // A public client has no secret to show.
        if !oidc.client_secret.expose().is_empty() {
            headers.push(("authorization", text::basic(&oidc.client_id, oidc.client_secret.expose())));
        }
        Call::post(oidc.token_endpoint.clone(), headers, body, TOKEN_BYTES, Next::Tokens(self))
    }

    pub(crate) fn with_tokens(self, outcome: &Outcome, keys: &Keys, given: Given) -> Step {
        let tokens = match Tokens::read(outcome, &self.oidc, given.now).and_then(|tokens| self.subject(tokens)) {
            Ok(tokens) => tokens,
            Err(refusal) => return self.failed(refusal, keys, given),
        };
        let headers = vec![("authorization", format!("Bearer {}", tokens.access_token)), ("accept", "application/json".to_owned())];
        Call::get(self.oidc.user_info_endpoint.clone(), headers, CLAIMS_BYTES, Next::Claims(self, tokens))
    }

    /// A login needs an id token, which a scope without `openid` does not give; a renewal is for the user of before.
    fn subject(&self, tokens: Tokens) -> Result<Tokens, Refusal> {
        let known = match &self.aim {
            Aim::Login(_) => None,
            Aim::Renewal(_, session) => session.subject(),
        };
        let subject = match (tokens.subject.as_deref(), known) {
            (Some(subject), Some(known)) if subject != known => None,
            (subject, known) => subject.or(known).map(str::to_owned),
        };
        let subject = subject.ok_or((401, reason::AUTH_INVALID_ID_TOKEN))?;
        Ok(Tokens { subject: Some(subject), ..tokens })
    }

    pub(crate) fn with_claims(self, tokens: Tokens, outcome: &Outcome, keys: &Keys, given: Given) -> Step {
        let claims = read_claims(outcome, tokens.subject.as_deref().unwrap_or_default());
        let step = claims.and_then(|claims| {
            let session = self.session(tokens, claims, given.now);
            self.succeeded(&session, keys, given).ok_or((500, reason::AUTH_UNHANDLED_EXCEPTION))
        });
        step.unwrap_or_else(|refusal| self.failed(refusal, keys, given))
    }

    fn session(&self, tokens: Tokens, claims: Claims, now: u64) -> Session {
        let Tokens { access_token, refresh_token, access_expires, .. } = tokens;
        let (since, kept) = match &self.aim {
            Aim::Login(_) => (now, None),
            Aim::Renewal(_, session) => (session.since, session.refresh_token.clone()),
        };
        Session { claims, access_token, refresh_token: refresh_token.or(kept), access_expires, since }
    }

    /// `None` if the session is too large for cookies.
    fn succeeded(&self, session: &Session, keys: &Keys, given: Given) -> Option<Step> {
        let mut set_cookies = session.cookies(&self.oidc, keys, given)?;
        Some(match &self.aim {
            Aim::Login(state) => {
                set_cookies.push(text::no_cookie(NONCE_COOKIE));
                // `*` and the like have no place in a URL.
                let target = if state.target.starts_with('/') { state.target.as_str() } else { "/" };
                let location = Some(text::location(&format!("https://{}{target}", state.host)));
                Step::Answer(Answer { status: 302, location, set_cookies, reason: None })
            }
            Aim::Renewal(place, _) => {
                let headers = session.headers(&self.oidc, &place.load_balancer_arn, keys, given.now)?;
                Step::Pass(Pass { headers, set_cookies, refreshed: true })
            }
        })
    }

    /// A login is refused; whoever cannot be renewed logs in anew.
    fn failed(&self, (status, reason): Refusal, keys: &Keys, given: Given) -> Step {
        match &self.aim {
            Aim::Login(_) => Step::refuse(status, reason),
            Aim::Renewal(place, _) => unauthenticated(&self.oidc, place, Some(reason), keys, given),
        }
    }
}
