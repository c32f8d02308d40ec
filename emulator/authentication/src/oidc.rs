//! The actions `authenticate-oidc` and `authenticate-cognito` (alb.md 3): who is let through, who is sent to log in, who comes back.

use model::{AuthenticateOidc, OnUnauthenticated};

use crate::exchange;
use crate::keys::Keys;
use crate::reason;
use crate::session::{Found, Session};
use crate::state::{NONCE_COOKIE, State};
use crate::step::{Answer, Asked, Given, Pass, Step};
use crate::text;

/// Where identity providers send browsers back to, on every host.
pub const CALLBACK_PATH: &str = "/oauth2/idpresponse";

/// Where a request came, kept while somebody else is asked.
pub(crate) struct Place {
    pub(crate) host: Option<String>,
    pub(crate) target: String,
    pub(crate) load_balancer_arn: String,
}

impl Place {
    fn of(asked: &Asked<'_>) -> Self {
        let target = asked.target.to_owned();
        Self { host: asked.host.map(str::to_owned), target, load_balancer_arn: asked.load_balancer_arn.to_owned() }
    }
}

pub(crate) fn begin(oidc: &AuthenticateOidc, asked: &Asked<'_>, keys: &Keys, given: Given) -> Step {
    if asked.path() == CALLBACK_PATH {
        return callback(oidc, asked, keys, given).unwrap_or_else(|(status, reason)| Step::refuse(status, reason));
    }
    match Session::find(oidc, asked, keys) {
        Found::Session(session) if !session.is_over(oidc, given.now) => match session.to_refresh(given.now) {
            Some(token) => exchange::refresh(oidc, Place::of(asked), &token, session),
            None => pass(oidc, &session, asked.load_balancer_arn, keys, given),
        },
        Found::Nothing | Found::Session(_) => unauthenticated(oidc, &Place::of(asked), None, keys, given),
        Found::Junk => unauthenticated(oidc, &Place::of(asked), Some(reason::AUTH_INVALID_COOKIE), keys, given),
    }
}

/// Whether a browser comes back to `oidc` from its identity provider. Several actions of a listener share the path.
pub(crate) fn comes_back(oidc: &AuthenticateOidc, asked: &Asked<'_>, keys: &Keys) -> bool {
    let state = || text::parameter(asked.query(), "state").and_then(|state| State::open(&state, oidc, keys));
    asked.path() == CALLBACK_PATH && state().is_some()
}

fn pass(oidc: &AuthenticateOidc, session: &Session, arn: &str, keys: &Keys, given: Given) -> Step {
    session
        .headers(oidc, arn, keys, given.now)
        .map_or_else(|| Step::refuse(500, reason::AUTH_UNHANDLED_EXCEPTION), |headers| Step::Pass(Pass { headers, ..Pass::default() }))
}

/// Nobody is logged in.
pub(crate) fn unauthenticated(oidc: &AuthenticateOidc, place: &Place, reason: Option<&'static str>, keys: &Keys, given: Given) -> Step {
    match oidc.on_unauthenticated {
        OnUnauthenticated::Authenticate => send_to_login(oidc, place, reason, keys, given),
        OnUnauthenticated::Allow => Step::Pass(Pass::default()),
        OnUnauthenticated::Deny => Step::Answer(Answer { status: 401, reason, ..Answer::default() }),
    }
}

fn send_to_login(oidc: &AuthenticateOidc, place: &Place, reason: Option<&'static str>, keys: &Keys, given: Given) -> Step {
    let Some(host) = place.host.as_deref() else { return Step::refuse(401, reason::AUTH_MISSING_HOST_HEADER) };
    let state = State::new(host.to_owned(), place.target.clone(), given);
    let set_cookies = vec![text::cookie(NONCE_COOKIE, &state.nonce, given.now)];
    let Some(state) = state.seal(oidc, keys, given) else { return Step::refuse(500, reason::AUTH_UNHANDLED_EXCEPTION) };
    let redirect_uri = redirect_uri(host);
    let ours = [
        ("client_id", oidc.client_id.as_str()),
        ("redirect_uri", &redirect_uri),
        ("response_type", "code"),
        ("scope", &oidc.scope),
        ("state", &state),
    ];
    let extra = oidc.extra_params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let location = text::with_query(&oidc.authorization_endpoint, &text::form(ours.into_iter().chain(extra)));
    Step::Answer(Answer { status: 302, location: Some(text::location(&location)), set_cookies, reason })
}

/// What the browser is sent back to, the same for the code and for the tokens.
pub(crate) fn redirect_uri(host: &str) -> String {
    format!("https://{host}{CALLBACK_PATH}")
}

fn callback(oidc: &AuthenticateOidc, asked: &Asked<'_>, keys: &Keys, given: Given) -> Result<Step, (u16, &'static str)> {
    let parameter = |name| text::parameter(asked.query(), name).filter(|value| !value.is_empty());
    if let Some(error) = parameter("error") {
        // AWS tells "the IdP denied access" (401) from "the IdP returned an error code" (561), and knows a reason for neither.
        let status = if error == "access_denied" { 401 } else { 561 };
        return Ok(Step::Answer(Answer { status, ..Answer::default() }));
    }
    asked.host.ok_or((401, reason::AUTH_MISSING_HOST_HEADER))?;
    let code = parameter("code").ok_or((401, reason::AUTH_MISSING_CODE_PARAM))?;
    let state = parameter("state").ok_or((401, reason::AUTH_MISSING_STATE_PARAM))?;
    let state = State::open(&state, oidc, keys).filter(|state| state.is_for(asked, given.now));
    let state = state.ok_or((401, reason::AUTH_INVALID_STATE_PARAM))?;
    Ok(exchange::redeem(oidc, state, &code))
}
