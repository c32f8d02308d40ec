//! The action `jwt-validation` (alb.md 3).

use model::{AdditionalClaim, ClaimFormat, JwtValidation};
use serde_json::Value;

use crate::call::{Call, Next, Outcome};
use crate::jwks::{self, JwksCache, Verdict};
use crate::jws::{Claims, Jws};
use crate::reason;
use crate::step::{Asked, Given, Pass, Step};

/// A token whose keys are not there yet.
pub(crate) struct Validation {
    config: JwtValidation,
    jws: Jws,
}

/// Lets a request with a valid token pass, the token unchanged.
pub(crate) fn begin(config: &JwtValidation, asked: &Asked<'_>, jwks: &JwksCache, given: Given) -> Step {
    let Some(authorization) = asked.authorization else { return Step::refuse(401, reason::JWT_HEADER_NOT_PRESENT) };
    let Some(jws) = bearer(authorization).and_then(Jws::parse) else { return Step::refuse(401, reason::JWT_REQUEST_FORMAT_INVALID) };
    if jws.header("alg") != Some("RS256") {
        return Step::refuse(401, reason::JWT_SIGNATURE_VALIDATION_FAILED);
    }
    match jwks.verdict(&config.jwks_endpoint, &jws, given.now) {
        Verdict::Unknown => {
            let headers = vec![("accept", "application/json".to_owned())];
            let validation = Validation { config: config.clone(), jws };
            Call::get(config.jwks_endpoint.clone(), headers, jwks::RESPONSE_BYTES, Next::Keys(validation))
        }
        verdict => judged(config, &jws, verdict, given.now),
    }
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

impl Validation {
    pub(crate) fn with_keys(self, outcome: &Outcome, jwks: &mut JwksCache, given: Given) -> Step {
        let body = match outcome {
            Outcome::Answered { status: 200..=299, body } => body,
            Outcome::Answered { .. } | Outcome::Failed => return Step::refuse(562, reason::JWKS_REQUEST_FAILED),
            Outcome::Timeout => return Step::refuse(500, reason::JWKS_REQUEST_TIMEOUT),
            Outcome::TooLarge => return Step::refuse(500, reason::JWKS_RESPONSE_SIZE_EXCEEDED),
        };
        let Some(keys) = jwks::parse(body) else { return Step::refuse(562, reason::JWKS_RESPONSE_INVALID) };
        jwks.remember(&self.config.jwks_endpoint, keys, given.now);
        let verdict = jwks.verdict(&self.config.jwks_endpoint, &self.jws, given.now);
        judged(&self.config, &self.jws, verdict, given.now)
    }
}

fn judged(config: &JwtValidation, jws: &Jws, verdict: Verdict, now: u64) -> Step {
    if verdict != Verdict::Valid {
        return Step::refuse(401, reason::JWT_SIGNATURE_VALIDATION_FAILED);
    }
    let additional = || config.additional_claims.iter().try_for_each(|claim| additional_holds(claim, &jws.claims));
    match standard_claims_hold(&jws.claims, &config.issuer, now).and_then(|()| additional()) {
        Ok(()) => Step::Pass(Pass::default()),
        Err(reason) => Step::refuse(401, reason),
    }
}

/// `iss` and `exp` must be there, `nbf` and `iat` may. Clocks are not given any leeway: AWS names none.
fn standard_claims_hold(claims: &Claims, issuer: &str, now: u64) -> Result<(), &'static str> {
    let found = claims.get("iss").ok_or(reason::JWT_CLAIM_NOT_PRESENT)?.as_str().ok_or(reason::JWT_CLAIM_FORMAT_INVALID)?;
    valid(found == issuer)?;
    let time = |name: &str| claims.get(name).map(|time| time.as_f64().ok_or(reason::JWT_CLAIM_FORMAT_INVALID)).transpose();
    let now = seconds(now);
    valid(now < time("exp")?.ok_or(reason::JWT_CLAIM_NOT_PRESENT)?)?;
    valid(time("nbf")?.is_none_or(|from| from <= now))?;
    valid(time("iat")?.is_none_or(|issued| issued <= now))
}

/// One of the values must be there. AWS does not say whether one or all: one is what lists of values mean elsewhere in its rules.
fn additional_holds(expected: &AdditionalClaim, claims: &Claims) -> Result<(), &'static str> {
    let claim = claims.get(&expected.name).ok_or(reason::JWT_CLAIM_NOT_PRESENT)?;
    let one_of = |word: &str| expected.values.iter().any(|value| value == word);
    let text = || claim.as_str().ok_or(reason::JWT_CLAIM_FORMAT_INVALID);
    valid(match expected.format {
        ClaimFormat::SingleString => one_of(text()?),
        ClaimFormat::SpaceSeparatedValues => text()?.split(' ').any(one_of),
        ClaimFormat::StringArray => {
            let items: Option<Vec<&str>> = claim.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
            items.ok_or(reason::JWT_CLAIM_FORMAT_INVALID)?.into_iter().any(one_of)
        }
    })
}

fn valid(holds: bool) -> Result<(), &'static str> {
    holds.then_some(()).ok_or(reason::JWT_CLAIM_VALUE_INVALID)
}

/// A NumericDate (RFC 7519, 2) may have a fraction. Exact up to 2^53 seconds.
#[expect(clippy::cast_precision_loss, reason = "exact for any time that a clock shows")]
pub(crate) const fn seconds(time: u64) -> f64 {
    time as f64
}

#[cfg(test)]
mod tests;
