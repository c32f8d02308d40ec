//! A question to somebody else, made by whoever has sockets, and how it goes on from the answer.

use std::time::Duration;

use crate::exchange::Exchange;
use crate::jwks::JwksCache;
use crate::jwt_validation::Validation;
use crate::keys::Keys;
use crate::step::{Given, Step};
use crate::tokens::Tokens;

/// The load balancer waits this long for an identity provider (alb.md 3).
const TIMEOUT: Duration = Duration::from_secs(5);

/// A request to make, with all that is needed to go on afterwards.
pub struct Call {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Of `http` or `https`, as the user wrote it.
    pub url: String,
    /// Names in small letters; they may hold secrets.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for `GET`; it may hold secrets.
    pub body: String,
    /// Bytes of the answer's body: with more, the outcome is [`Outcome::TooLarge`].
    pub limit: usize,
    /// For the whole call.
    pub timeout: Duration,
    next: Next,
}

/// Who asked.
pub(crate) enum Next {
    /// For keys, to validate a token.
    Keys(Validation),
    /// For tokens.
    Tokens(Exchange),
    /// For the claims of a user.
    Claims(Exchange, Tokens),
}

/// What came of a call.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Whatever the status.
    Answered {
        /// 100 to 999.
        status: u16,
        /// At most [`Call::limit`] bytes.
        body: Vec<u8>,
    },
    /// The body was longer than [`Call::limit`].
    TooLarge,
    /// It took longer than [`Call::timeout`].
    Timeout,
    /// No connection, no TLS, no HTTP.
    Failed,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered { status, body } => write!(f, "Answered({status}, {} bytes)", body.len()),
            Self::TooLarge => f.write_str("TooLarge"),
            Self::Timeout => f.write_str("Timeout"),
            Self::Failed => f.write_str("Failed"),
        }
    }
}

impl Call {
    pub(crate) fn get(url: String, headers: Vec<(&'static str, String)>, limit: usize, next: Next) -> Step {
        Step::Call(Box::new(Self { method: "GET", url, headers, body: String::new(), limit, timeout: TIMEOUT, next }))
    }

    pub(crate) fn post(url: String, headers: Vec<(&'static str, String)>, body: String, limit: usize, next: Next) -> Step {
        Step::Call(Box::new(Self { method: "POST", url, headers, body, limit, timeout: TIMEOUT, next }))
    }

    /// Goes on with what came of it.
    #[must_use]
    pub fn resume(self, outcome: Outcome, keys: &Keys, jwks: &mut JwksCache, given: Given) -> Step {
        match self.next {
            Next::Keys(validation) => validation.with_keys(&outcome, jwks, given),
            Next::Tokens(exchange) => exchange.with_tokens(&outcome, keys, given),
            Next::Claims(exchange, tokens) => exchange.with_claims(tokens, &outcome, keys, given),
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}
