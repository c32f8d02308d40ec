//! The lines of a case that are no bytes: what else is true, and what else happens (`cases/README.md`).

use std::time::Duration;

use alb::probe;
use model::{HealthCheck, Matcher};
use routing::AccessRecord;
use routing::health::ProbeOutcome;
use tokio::time::timeout;

use crate::setup::{self, Start};
use crate::stage::{Outcome, Stage, connect, shown};
use crate::wire::{PATIENCE, Wire};
use crate::{notation, pattern};

/// Fields of the access log, in their order (alb.md 8).
const LOG_FIELDS: &str = "type time elb client:port target:port request_processing_time target_processing_time response_processing_time \
    elb_status_code target_status_code received_bytes sent_bytes request user_agent ssl_cipher ssl_protocol target_group_arn trace_id \
    domain_name chosen_cert_arn matched_rule_priority request_creation_time actions_executed redirect_url error_reason target:port_list \
    target_status_code_list classification classification_reason conn_trace_id transformed_host transformed_uri request_transform_status";

impl Stage {
    pub(crate) async fn verb(&mut self, verb: &str) -> Outcome {
        match verb {
            "the connection goes on" => self.goes_on().await,
            "the connection ends" => self.ends().await,
            "the target's connection goes on" => self.target_goes_on().await,
            "the target's connection ends" => {
                timeout(PATIENCE, self.targets.closed(self.connection)).await.map_err(|_| "the target's connection stays open".to_owned())
            }
            "no target sees it" => {
                self.strict = true;
                self.unexpected()
            }
            "a new connection" => {
                let next = connect(&self.front, self.secure.as_ref()).await.0;
                self.earlier.push(std::mem::replace(&mut self.client, next));
                Ok(())
            }
            "the client closes" => {
                // A connection to nobody takes its place.
                self.client = Wire::over(tokio::io::duplex(1).0);
                Ok(())
            }
            "the target closes" | "the target resets" | "the target is silent" => Ok(()),
            _ => self.said(verb).await,
        }
    }

    /// Verbs with something in them.
    async fn said(&mut self, verb: &str) -> Outcome {
        if let Some(expected) = verb.strip_suffix(" bytes in all") {
            let length = self.response.len();
            return if expected == length.to_string() { Ok(()) } else { Err(format!("{length} bytes in all, not {expected}")) };
        }
        if let Some(expected) = verb.strip_prefix("classified as ") {
            let record = self.record().await?;
            let classes = format!("{} {}\r\n", record[27], record[28]);
            return pattern::check(&[expected.to_owned()], classes.as_bytes(), &mut self.values).map_err(|why| format!("the classes differ\n{why}"));
        }
        for (who, message) in [("the target gets ", &self.request), ("the client gets ", &self.response)] {
            if let Some((count, name)) = verb.strip_prefix(who).and_then(|rest| rest.split_once(' ')) {
                return lines_of(message, name, usize::from(count != "no"));
            }
        }
        if let Some(rest) = verb.strip_prefix("check ") {
            return self.check(rest).await;
        }
        if let Some(expected) = verb.strip_prefix("log ") {
            let (name, expected) = expected.split_once(" = ").ok_or("`log field = value`")?;
            let index = LOG_FIELDS.split_whitespace().position(|field| field == name).ok_or_else(|| format!("no field is {name}"))?;
            let found = self.record().await?[index].clone() + "\r\n";
            return pattern::check(&[expected.to_owned()], found.as_bytes(), &mut self.values).map_err(|why| format!("log {name}\n{why}"));
        }
        let known = Start::default().takes(verb)? || setup::change(&mut self.front, verb, &self.addresses)?;
        if known { Ok(()) } else { Err(format!("`{verb}` is no verb")) }
    }

    /// A health check: `a at /health, 200-299: passes`
    async fn check(&self, text: &str) -> Outcome {
        let (what, expected) = text.split_once(": ").ok_or("`check <target> at <path>[, <matcher>]: <outcome>`")?;
        let (name, path) = what.split_once(" at ").ok_or("a check is `at` a path")?;
        let (path, matcher) = path.split_once(", ").unwrap_or((path, "200"));
        let address = *self.addresses.get(name).ok_or_else(|| format!("no target is called {name}"))?;
        // Silence is waited for; nothing else takes as long.
        let limit = if expected == "times out" { Duration::from_millis(100) } else { PATIENCE };
        let check = HealthCheck { path: path.to_owned(), timeout: limit, matcher: Matcher::new(matcher)?, ..HealthCheck::default() };
        let outcome = match probe(address, &check).await {
            ProbeOutcome::Status(status) if check.passes(status) => "passes".to_owned(),
            ProbeOutcome::Status(status) => format!("fails with {status}"),
            ProbeOutcome::Timeout => "times out".to_owned(),
            _ => "fails".to_owned(),
        };
        if outcome == expected { Ok(()) } else { Err(format!("the check {outcome}")) }
    }

    /// The fields of the access log's line on the request that was sent last.
    async fn record(&mut self) -> Outcome<Vec<String>> {
        if self.record.is_none() {
            let record = timeout(PATIENCE, self.front.record()).await.map_err(|_| "nothing is logged")?;
            self.record = Some(fields(&record));
        }
        self.record.clone().ok_or_else(String::new)
    }
}

/// Whether a message has so many header lines of a name.
fn lines_of(message: &[u8], name: &str, expected: usize) -> Outcome {
    let start = format!("{}:", name.to_ascii_lowercase());
    let found = notation::lines(message).iter().filter(|line| line.to_ascii_lowercase().starts_with(&start)).count();
    if found == expected { Ok(()) } else { Err(format!("{found} lines of {name}\n{}", shown(message))) }
}

/// The fields of a line, without their quotation marks.
fn fields(record: &AccessRecord) -> Vec<String> {
    let line = record.to_string();
    let mut rest = line.as_str();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        fields.push(field.to_owned());
        rest = after.trim_start();
    }
    assert_eq!(fields.len(), LOG_FIELDS.split_whitespace().count(), "{line}");
    fields
}
