//! Who is asking: the actions `authenticate-oidc`, `authenticate-cognito` and `jwt-validation` (alb.md 3), as values.
//!
//! **Lives here:** the login by OpenID Connect (redirect, callback, tokens, claims, session cookies, refresh), what targets are told of a
//! user, the check of bearer tokens and the keys that they are checked with.
//!
//! **Does not live here:** sockets: a [`Call`] is made by whoever has them, and goes on by [`Call::resume`]. When an action runs, and
//! where the keys are kept (rooms `alb` and `daemon`); the bytes of the pages (room `routing`).
//!
//! **Invariants:** no clock and no randomness but what is [`Given`], except in ECDSA, where ring takes its own; nothing that a client can
//! write reaches a target as an identity unless it was sealed or signed; a text opens only for what it was sealed for; nothing prints a
//! secret; whatever a client, an identity provider or an endpoint sends leads to a [`Step`], never to a panic.
//!
//! **Entry points:** [`begin`], [`Call::resume`], [`Keys`].

mod call;
mod exchange;
mod jwks;
mod jws;
mod jwt_validation;
mod keys;
mod oidc;
pub mod reason;
mod session;
mod state;
mod step;
mod text;
mod tokens;

pub use call::{Call, Outcome};
pub use jwks::JwksCache;
pub use keys::{Keys, KeysError};
pub use oidc::CALLBACK_PATH;
pub use session::IDENTITY_HEADERS;
pub use step::{Answer, Asked, Given, Pass, Step};

use model::Authenticate;

/// Runs the action for a request. [`Step::Call`]s go on by [`Call::resume`], each with a new [`Given`].
#[must_use]
pub fn begin(authenticate: &Authenticate, asked: &Asked<'_>, keys: &Keys, jwks: &mut JwksCache, given: Given) -> Step {
    match authenticate {
        Authenticate::Oidc(oidc) => oidc::begin(oidc, asked, keys, given),
        Authenticate::Jwt(validation) => jwt_validation::begin(validation, asked, jwks, given),
    }
}

/// Whether a browser comes back to this action from its identity provider: `/oauth2/idpresponse` with a state that was sealed for it.
/// All the actions of a listener share that path, and a rule's conditions need not match it: whoever routes asks them first.
#[must_use]
pub fn comes_back(authenticate: &Authenticate, asked: &Asked<'_>, keys: &Keys) -> bool {
    match authenticate {
        Authenticate::Oidc(oidc) => oidc::comes_back(oidc, asked, keys),
        Authenticate::Jwt(_) => false,
    }
}

#[cfg(test)]
mod tests;
