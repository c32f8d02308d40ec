//! What goes in and what comes out: a request as far as it matters here, and what is to be done with it.

use ring::hmac;

use crate::call::Call;

/// What a client asked.
#[derive(Clone)]
pub struct Asked<'a> {
    /// `Host` or `:authority`, with its port if it had one.
    pub host: Option<&'a str>,
    /// `path?query`, as the client wrote it.
    pub target: &'a str,
    /// The lines of `Cookie`.
    pub cookies: Vec<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// The signer of what targets are told.
    pub load_balancer_arn: &'a str,
}

impl Asked<'_> {
    /// The value of the first cookie of that name.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookies.iter().flat_map(|line| line.split(';'));
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }

    /// What comes after the first `?`; empty without one.
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// What only the outside can give. New for every step: nonces are made of `random`.
#[derive(Clone, Copy)]
pub struct Given {
    /// Seconds since the Unix epoch.
    pub now: u64,
    /// From the operating system.
    pub random: [u8; 32],
}

impl Given {
    /// Random bytes for one purpose, independent of those for another.
    pub(crate) fn random_for<const N: usize>(&self, purpose: &str) -> [u8; N] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.random), purpose.as_bytes());
        let mut bytes = [0; N];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(byte, random)| *byte = *random);
        bytes
    }
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// The routing action runs.
    Pass(Pass),
    /// The client is answered.
    Answer(Answer),
    /// Somebody else is asked first; then [`Call::resume`].
    Call(Box<Call>),
}

/// A request that may go on.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// For the target, after those of [`crate::IDENTITY_HEADERS`] that the client sent are gone.
    pub headers: Vec<(&'static str, String)>,
    /// Values of `Set-Cookie`, for the response.
    pub set_cookies: Vec<String>,
    /// Whether a refresh token was used (`ELBAuthRefreshTokenSuccess`).
    pub refreshed: bool,
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Pass").field("headers", &names).field("set_cookies", &self.set_cookies.len()).field("refreshed", &self.refreshed).finish()
    }
}

/// An answer of the load balancer's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// 302, 401, 500, 561 or 562.
    pub status: u16,
    /// `Location`, of a 302.
    pub location: Option<String>,
    /// Values of `Set-Cookie`.
    pub set_cookies: Vec<String>,
    /// `error_reason`, one of [`crate::reason`].
    pub reason: Option<&'static str>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The location may hold a state, the cookies a session.
        f.debug_struct("Answer").field("status", &self.status).field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl Step {
    /// An answer that says no.
    pub(crate) fn refuse(status: u16, reason: &'static str) -> Self {
        Self::Answer(Answer { status, reason: Some(reason), ..Answer::default() })
    }
}
