//! What is known of one health check: a line of the health check log (alb.md 8).

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::time::Duration;

use model::{HealthCheck, LogBucket, ProtocolVersion, TargetGroupName, TargetProtocol};

use crate::ProbeOutcome;
use crate::record::{Time, or_dash};

/// One check of one target.
#[derive(Clone, Debug)]
pub struct HealthCheckRecord {
    /// Since the Unix epoch: when it began.
    pub at: Duration,
    /// Where its load balancer logs, and under which name (`app/<name>/<id>`).
    pub log: (LogBucket, String),
    /// How long it took.
    pub latency: Duration,
    /// Where it went.
    pub address: SocketAddr,
    /// The target's group.
    pub target_group: TargetGroupName,
    /// How it was asked.
    pub check: HealthCheck,
    /// How it ended.
    pub outcome: ProbeOutcome,
}

impl HealthCheckRecord {
    const fn kind(&self) -> &'static str {
        match (self.check.version, self.check.protocol) {
            (ProtocolVersion::Grpc, TargetProtocol::Http) => "grpc",
            (ProtocolVersion::Grpc, TargetProtocol::Https) => "grpcs",
            (ProtocolVersion::Http2, _) => "h2",
            (ProtocolVersion::Http1, TargetProtocol::Http) => "http",
            (ProtocolVersion::Http1, TargetProtocol::Https) => "https",
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self.outcome {
            ProbeOutcome::Status(status) if self.check.passes(status) => None,
            ProbeOutcome::Status(_) if self.check.version == ProtocolVersion::Grpc => Some("GRPCUnexpectedStatus"),
            ProbeOutcome::Status(_) => Some("ResponseCodeMismatch"),
            ProbeOutcome::Timeout => Some("TimedOut"),
            ProbeOutcome::Failed => Some("TargetError"),
        }
    }
}

impl Display for HealthCheckRecord {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reason = self.reason();
        let status = match self.outcome {
            ProbeOutcome::Status(status) => Some(status),
            ProbeOutcome::Timeout | ProbeOutcome::Failed => None,
        };
        let word = if reason.is_none() { "PASS" } else { "FAIL" };
        let latency = self.latency.as_secs_f64();
        write!(f, "{} {} {latency:.9} {} {} {word} ", self.kind(), Time(self.at), self.address, self.target_group)?;
        or_dash(f, status)?;
        f.write_str(" ")?;
        or_dash(f, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::group_name;

    #[test]
    fn lines_are_those_of_the_health_check_log() {
        let record = HealthCheckRecord {
            at: Duration::from_micros(1_761_914_699_875_678),
            log: (LogBucket { bucket: "logs".into(), prefix: String::new() }, "app/front/1".into()),
            latency: Duration::from_nanos(19_584_011),
            address: "172.31.20.97:80".parse().unwrap(),
            target_group: group_name("HCLogsTestIPs"),
            check: HealthCheck::default(),
            outcome: ProbeOutcome::Status(200),
        };
        assert_eq!(record.to_string(), "http 2025-10-31T12:44:59.875678Z 0.019584011 172.31.20.97:80 HCLogsTestIPs PASS 200 -", "alb.md 8");
        let ends = |check: &HealthCheck, outcome, expected: &str| {
            let line = HealthCheckRecord { check: check.clone(), outcome, ..record.clone() }.to_string();
            assert!(line.ends_with(expected), "{line}");
        };
        ends(&record.check, ProbeOutcome::Status(503), " FAIL 503 ResponseCodeMismatch");
        ends(&record.check, ProbeOutcome::Timeout, " FAIL - TimedOut");
        ends(&record.check, ProbeOutcome::Failed, " FAIL - TargetError");
        let grpc = HealthCheck { version: ProtocolVersion::Grpc, ..HealthCheck::default() };
        ends(&grpc, ProbeOutcome::Status(12), " PASS 12 -");
        ends(&grpc, ProbeOutcome::Status(0), " FAIL 0 GRPCUnexpectedStatus");
    }
}
