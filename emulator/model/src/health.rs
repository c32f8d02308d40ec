//! A target's health as the load balancer sees it, and the check that finds it (alb.md 5).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ProtocolVersion, TargetProtocol, Timestamp};

/// How a target group's targets are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Default HTTP.
    pub protocol: TargetProtocol,
    /// A port of its own, or `None` for the traffic port (the default).
    pub port: Option<u16>,
    /// Default `/`; may hold a query.
    pub path: String,
    /// 5 to 300 seconds, default 30.
    pub interval: Duration,
    /// 2 to 120 seconds and below the interval, default 5.
    pub timeout: Duration,
    /// Consecutive passes that make an unhealthy target healthy: 2 to 10, default 5. An `initial` one needs a single pass.
    pub healthy_threshold: u32,
    /// Consecutive failures that make a target unhealthy: 2 to 10, default 2.
    pub unhealthy_threshold: u32,
    /// Which statuses pass.
    pub matcher: Matcher,
    /// How targets are asked: as they are spoken to.
    #[serde(default)]
    pub version: ProtocolVersion,
    /// Which statuses of gRPC pass, for groups of version GRPC.
    #[serde(default)]
    pub grpc_matcher: GrpcMatcher,
}

impl HealthCheck {
    /// Whether an answer of that status passes: of HTTP, or of gRPC where the group speaks it.
    #[must_use]
    pub fn passes(&self, status: u16) -> bool {
        if self.version == ProtocolVersion::Grpc { self.grpc_matcher.matches(status) } else { self.matcher.matches(status) }
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            protocol: TargetProtocol::Http,
            port: None,
            path: "/".into(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: Matcher::default(),
            version: ProtocolVersion::Http1,
            grpc_matcher: GrpcMatcher::default(),
        }
    }
}

/// Which HTTP statuses pass a health check: `200`, `200,202`, `200-299`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher(Codes);

impl Matcher {
    /// Reads AWS's notation; statuses are 200 to 499.
    ///
    /// # Errors
    /// A sentence saying what is wrong.
    pub fn new(text: &str) -> Result<Self, String> {
        Codes::read(text, "HTTP", 200, 499).map(Self)
    }

    /// Whether `status` passes.
    #[must_use]
    pub fn matches(&self, status: u16) -> bool {
        self.0.matches(status)
    }

    /// The notation that it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl Default for Matcher {
    fn default() -> Self {
        Self(Codes::one(200))
    }
}

impl TryFrom<String> for Matcher {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.0.text
    }
}

/// Which gRPC statuses pass a health check: `12`, `0,12`, `0-99`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrpcMatcher(Codes);

impl GrpcMatcher {
    /// Reads AWS's notation; statuses are 0 to 99.
    ///
    /// # Errors
    /// A sentence saying what is wrong.
    pub fn new(text: &str) -> Result<Self, String> {
        Codes::read(text, "GRPC", 0, 99).map(Self)
    }

    /// Whether `status` passes.
    #[must_use]
    pub fn matches(&self, status: u16) -> bool {
        self.0.matches(status)
    }

    /// The notation that it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

/// `12`, the status of a method that is not there: AWS asks for one that no server has.
impl Default for GrpcMatcher {
    fn default() -> Self {
        Self(Codes::one(12))
    }
}

impl TryFrom<String> for GrpcMatcher {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<GrpcMatcher> for String {
    fn from(matcher: GrpcMatcher) -> Self {
        matcher.0.text
    }
}

/// Statuses in AWS's notation, of either protocol: codes and ranges, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Codes {
    text: String,
    ranges: Vec<(u16, u16)>,
}

impl Codes {
    fn one(code: u16) -> Self {
        Self { text: code.to_string(), ranges: vec![(code, code)] }
    }

    fn read(text: &str, kind: &str, least: u16, most: u16) -> Result<Self, String> {
        let number = |text: &str| match text.trim().parse::<u16>() {
            Ok(status) if (least..=most).contains(&status) => Ok(status),
            _ => Err(format!("Health check matcher {kind} code '{}' must be within '{least}-{most}' inclusive", text.trim())),
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high) = (number(low)?, number(high)?);
            if low > high {
                return Err(format!("health check matcher range '{part}' ends before it begins"));
            }
            ranges.push((low, high));
        }
        Ok(Self { text: text.to_owned(), ranges })
    }

    fn matches(&self, status: u16) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

/// A target's state, with the reason that DescribeTargetHealth gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// The state.
    pub state: TargetHealthState,
    /// Absent exactly when healthy.
    pub reason: Option<TargetHealthReason>,
    /// AWS's sentence for the reason.
    pub description: Option<String>,
    /// Since when the state holds.
    pub since: Timestamp,
}

impl TargetHealth {
    /// Passed its checks.
    #[must_use]
    pub const fn healthy(since: Timestamp) -> Self {
        Self { state: TargetHealthState::Healthy, reason: None, description: None, since }
    }

    /// A state for a reason, with AWS's sentence for it (for [`TargetHealthReason::ResponseCodeMismatch`] the codes are added).
    #[must_use]
    pub fn because(state: TargetHealthState, reason: TargetHealthReason, since: Timestamp) -> Self {
        Self { state, reason: Some(reason), description: Some(reason.description().into()), since }
    }

    /// Failed with an HTTP status that the matcher refuses.
    #[must_use]
    pub fn code_mismatch(state: TargetHealthState, status: u16, since: Timestamp) -> Self {
        Self {
            state,
            reason: Some(TargetHealthReason::ResponseCodeMismatch),
            description: Some(format!("Health checks failed with these codes: [{status}]")),
            since,
        }
    }
}

/// The states of alb.md 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TargetHealthState {
    /// Registered, not yet passed a check.
    Initial,
    /// Takes requests.
    Healthy,
    /// Failed its checks.
    Unhealthy,
    /// Its group receives no traffic, or the target cannot.
    Unused,
    /// Deregistered; requests in flight may end.
    Draining,
}

impl TargetHealthState {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unused => "unused",
            Self::Draining => "draining",
        }
    }
}

/// Reason codes of alb.md 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TargetHealthReason {
    /// `Elb.RegistrationInProgress`
    RegistrationInProgress,
    /// `Elb.InitialHealthChecking`
    InitialHealthChecking,
    /// `Elb.InternalError`
    InternalError,
    /// `Target.ResponseCodeMismatch`
    ResponseCodeMismatch,
    /// `Target.Timeout`
    Timeout,
    /// `Target.FailedHealthChecks`
    FailedHealthChecks,
    /// `Target.NotInUse`
    NotInUse,
    /// `Target.DeregistrationInProgress`
    DeregistrationInProgress,
}

impl TargetHealthReason {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegistrationInProgress => "Elb.RegistrationInProgress",
            Self::InitialHealthChecking => "Elb.InitialHealthChecking",
            Self::InternalError => "Elb.InternalError",
            Self::ResponseCodeMismatch => "Target.ResponseCodeMismatch",
            Self::Timeout => "Target.Timeout",
            Self::FailedHealthChecks => "Target.FailedHealthChecks",
            Self::NotInUse => "Target.NotInUse",
            Self::DeregistrationInProgress => "Target.DeregistrationInProgress",
        }
    }

    /// AWS's sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::RegistrationInProgress => "Target registration is in progress",
            Self::InitialHealthChecking => "Initial health checks in progress",
            Self::InternalError => "Health checks failed due to an internal error",
            Self::Timeout => "Request timed out",
            Self::FailedHealthChecks | Self::ResponseCodeMismatch => "Health checks failed",
            Self::NotInUse => "Target group is not configured to receive traffic from the load balancer",
            Self::DeregistrationInProgress => "Target deregistration is in progress",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_reads_codes_lists_and_ranges() {
        for (text, yes, no) in [("200", 200, 201), ("200,202", 202, 201), ("200-299", 250, 300), ("200, 301-302", 302, 303)] {
            let matcher = Matcher::new(text).unwrap();
            assert!(matcher.matches(yes), "{text}");
            assert!(!matcher.matches(no), "{text}");
        }
        for text in ["", "199", "500", "abc", "300-200", "200-"] {
            assert!(Matcher::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_matchers_are_stored_as_they_were_written_and_say_what_they_refuse() {
        assert_eq!(serde_json::to_string(&Matcher::new("200, 301-302").unwrap()).unwrap(), r#""200, 301-302""#);
        assert_eq!(serde_json::to_string(&GrpcMatcher::default()).unwrap(), r#""12""#);
        assert_eq!(serde_json::from_str::<GrpcMatcher>(r#""0,12""#).unwrap(), GrpcMatcher::new("0,12").unwrap());
        assert!(GrpcMatcher::new("0,12").unwrap().matches(0) && !GrpcMatcher::default().matches(0));
        let refused = "Health check matcher HTTP code '500' must be within '200-499' inclusive";
        assert_eq!(Matcher::new("200,500").unwrap_err(), refused);
        assert!(serde_json::from_str::<Matcher>(r#""500""#).unwrap_err().to_string().contains(refused));
        assert_eq!(GrpcMatcher::new("100").unwrap_err(), "Health check matcher GRPC code '100' must be within '0-99' inclusive");
        assert_eq!(GrpcMatcher::new("9-1").unwrap_err(), "health check matcher range '9-1' ends before it begins");
    }
}
