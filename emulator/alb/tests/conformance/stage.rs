//! Runs cases: each on a load balancer and with targets of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use alb::probe;
use futures_util::StreamExt as _;
use futures_util::future::ready;
use futures_util::stream;
use model::{DesyncMode, HealthCheck, Matcher};
use routing::AccessRecord;
use routing::health::ProbeOutcome;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::case::{self, Case, Kind, Step};
use crate::notation::{self, Values};
use crate::pattern;
use crate::secure::Secure;
use crate::setup::{self, Start};
use crate::support::Front;
use crate::targets::{Answer, Targets, Then};
use crate::wire::{PATIENCE, Wire};

type Outcome<T = ()> = Result<T, String>;

/// The name that the certificate of an HTTPS listener is for.
const TLS_NAME: &str = "example.com";
/// How many cases of a file run at once: most that fail do so by waiting in vain.
const AT_ONCE: usize = 8;
/// How a request of our own is told from those of the case.
const PROBE: &str = "GET / HTTP/1.1\r\nHost: probe.test\r\n\r\n";
/// Fields of the access log, in their order (alb.md 8).
const LOG_FIELDS: &str = "type time elb client:port target:port request_processing_time target_processing_time response_processing_time \
    elb_status_code target_status_code received_bytes sent_bytes request user_agent ssl_cipher ssl_protocol target_group_arn trace_id \
    domain_name chosen_cert_arn matched_rule_priority request_creation_time actions_executed redirect_url error_reason target:port_list \
    target_status_code_list classification classification_reason conn_trace_id transformed_host transformed_uri request_transform_status";

/// Runs the cases of a file and fails with all that fail.
pub(crate) async fn check_all(file: &str, text: &str) {
    let cases = case::read(text).len();
    let failures = failures(file, text).await;
    assert!(failures.is_empty(), "{} of {cases} cases of {file} fail\n\n{}", failures.len(), failures.join("\n"));
    assert!(cases > 0, "{file} has no cases");
}

/// What fails of a file's cases, each beginning with `file:line: name`.
pub(crate) async fn failures(file: &str, text: &str) -> Vec<String> {
    let cases = case::read(text);
    let failed = stream::iter(&cases).map(|case| async move {
        let why = run(case).await.err()?;
        Some(format!("{file}:{}: {}\n{why}", case.line, case.name))
    });
    failed.buffered(AT_ONCE).filter_map(ready).collect().await
}

async fn run(case: &Case) -> Outcome {
    let mut stage = Stage::set(case, None).await?;
    for step in &case.steps {
        let outcome = match &step.kind {
            Kind::Verb(verb) if verb.starts_with("in ") => in_mode(case, verb).await,
            _ => stage.step(&step.kind).await,
        };
        outcome.map_err(|why| format!("  line {}: {why}", step.line))?;
    }
    stage.end()
}

/// `in strictest: refused`: what becomes of the case's first request in another mode (alb.md 6.6).
async fn in_mode(case: &Case, verb: &str) -> Outcome {
    let (mode, expected) = verb.strip_prefix("in ").and_then(|rest| rest.split_once(": ")).ok_or("`in <mode>: <outcome>`")?;
    let mode = match mode {
        "monitor" => DesyncMode::Monitor,
        "strictest" => DesyncMode::Strictest,
        _ => DesyncMode::Defensive,
    };
    let mut stage = Stage::set(case, Some(mode)).await?;
    let sent = case.steps.iter().find(|step| matches!(step.kind, Kind::Send(_))).ok_or("the case sends nothing")?;
    stage.step(&sent.kind).await?;
    let came = stage.response().await?;
    let status = came.get(9..12).map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let fate = if stage.goes_on().await.is_ok() { "goes on" } else { "ends" };
    let wanted = match expected {
        "served" => ("200", "goes on"),
        "served, the connection ends" => ("200", "ends"),
        "refused" => ("400", "ends"),
        other => return Err(format!("an outcome is not {other}")),
    };
    if (status.as_str(), fate) == wanted { Ok(()) } else { Err(format!("{verb}, but the status is {status} and the connection {fate}")) }
}

struct Stage {
    front: Front,
    secure: Option<Secure>,
    targets: Targets,
    addresses: BTreeMap<String, SocketAddr>,
    client: Wire,
    values: Values,
    /// The last request was HEAD.
    head_only: bool,
    /// The last response and the last request that came to a target.
    response: Vec<u8>,
    request: Vec<u8>,
    connection: usize,
    record: Option<Vec<String>>,
    strict: bool,
}

impl Stage {
    async fn set(case: &Case, mode: Option<DesyncMode>) -> Outcome<Self> {
        let mut start = Start::default();
        for verb in verbs(case) {
            start.takes(verb)?;
        }
        if let Some(mode) = mode {
            start.attributes.desync_mode = mode;
        }
        let secure = start.https.then(Secure::new);
        let secure_client = secure.as_ref().filter(|_| !start.plain_client);
        let targets = Targets::default();
        let (front, addresses) = start.front(&targets).await;
        if let Some(secure) = &secure {
            secure.encrypt(&front, &[TLS_NAME], tls::Mutual::Off);
        }
        let (client, address) = connect(&front, secure_client).await;
        let mut values = Values::from([("port".to_owned(), front.port.to_string()), ("client".to_owned(), address.port().to_string())]);
        values.extend(addresses.iter().map(|(name, address)| (format!("target {name}"), address.to_string())));
        targets.script(answers(case, &values)?);
        let secure = secure.filter(|_| !verbs(case).any(|verb| verb == "the client speaks plain HTTP"));
        let (head_only, response, request, connection, record, strict) = (false, Vec::new(), Vec::new(), 0, None, false);
        let mut stage = Self { front, secure, targets, addresses, client, values, head_only, response, request, connection, record, strict };
        // What stands before the first request is there before it.
        for step in case.steps.iter().take_while(|step| matches!(step.kind, Kind::Verb(_))) {
            if let Kind::Verb(verb) = &step.kind
                && !Start::default().takes(verb)?
            {
                setup::change(&mut stage.front, verb, &stage.addresses).map_err(|why| format!("  line {}: {why}", step.line))?;
            }
        }
        Ok(stage)
    }

    async fn step(&mut self, step: &Kind) -> Outcome {
        match step {
            Kind::Send(lines) => {
                let bytes = notation::bytes(lines, &self.values);
                self.head_only = bytes.starts_with(b"HEAD ");
                self.record = None;
                // Whoever refuses a request may stop listening before its end.
                timeout(PATIENCE, self.client.send(&bytes)).await.map_err(|_| "the load balancer takes no more")?.unwrap_or_default();
                Ok(())
            }
            Kind::Get(lines) => {
                self.response = self.response().await?;
                pattern::check(lines, &self.response, &mut self.values).map_err(|why| format!("the client gets something else\n{why}"))
            }
            Kind::Forwarded(lines) => {
                let arrival = timeout(PATIENCE, self.targets.arrival()).await.map_err(|_| "no target sees it")?;
                (self.connection, self.request, self.strict) = (arrival.connection, arrival.request, true);
                pattern::check(lines, &self.request, &mut self.values).map_err(|why| format!("the target sees something else\n{why}"))
            }
            Kind::Answer(_) => Ok(()),
            Kind::Verb(verb) => self.verb(verb).await,
        }
    }

    async fn verb(&mut self, verb: &str) -> Outcome {
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
                self.client = connect(&self.front, self.secure.as_ref()).await.0;
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

    async fn response(&mut self) -> Outcome<Vec<u8>> {
        match timeout(PATIENCE, self.client.response(self.head_only)).await {
            Ok(response) => Ok(response),
            Err(_) => Err(format!("the client waits in vain; until now came:\n{}", shown(&self.client.pending()))),
        }
    }

    async fn goes_on(&mut self) -> Outcome {
        self.client.send(PROBE.as_bytes()).await.map_err(|_| "the connection has ended")?;
        let answer = timeout(PATIENCE, self.client.response(false)).await.map_err(|_| "the next request is not answered")?;
        if answer.starts_with(b"HTTP/1.1 ") { Ok(()) } else { Err(format!("the connection does not go on, but with\n{}", shown(&answer))) }
    }

    async fn ends(&mut self) -> Outcome {
        let rest = timeout(PATIENCE, self.client.rest()).await.map_err(|_| "the connection stays open")?;
        if rest.is_empty() { Ok(()) } else { Err(format!("before its end the connection brings\n{}", shown(&rest))) }
    }

    async fn target_goes_on(&mut self) -> Outcome {
        let mut other = connect(&self.front, self.secure.as_ref()).await.0;
        other.send(PROBE.as_bytes()).await.map_err(|error| error.to_string())?;
        let arrival = timeout(PATIENCE, self.targets.arrival()).await.map_err(|_| "no target sees the next request")?;
        timeout(PATIENCE, other.response(false)).await.map_err(|_| "the next request is not answered")?;
        if arrival.connection == self.connection { Ok(()) } else { Err("the next request takes another connection".to_owned()) }
    }

    /// Fails if a target saw more than the case says.
    fn unexpected(&self) -> Outcome {
        let others = self.targets.others().into_iter().filter(|arrival| !contains(&arrival.request, b"probe.test"));
        let others: Vec<String> = others.map(|arrival| shown(&arrival.request)).collect();
        if others.is_empty() { Ok(()) } else { Err(format!("a target sees\n{}", others.join("\n"))) }
    }

    fn end(&self) -> Outcome {
        if self.strict { self.unexpected().map_err(|why| format!("  in the end {why}")) } else { Ok(()) }
    }
}

/// Whether a message has so many header lines of a name.
fn lines_of(message: &[u8], name: &str, expected: usize) -> Outcome {
    let start = format!("{}:", name.to_ascii_lowercase());
    let found = notation::lines(message).iter().filter(|line| line.to_ascii_lowercase().starts_with(&start)).count();
    if found == expected { Ok(()) } else { Err(format!("{found} lines of {name}\n{}", shown(message))) }
}

async fn connect(front: &Front, secure: Option<&Secure>) -> (Wire, SocketAddr) {
    if let Some(secure) = secure {
        let stream = secure.connect(front.port, TLS_NAME, &["http/1.1"]).await.unwrap();
        let address = stream.get_ref().0.local_addr().unwrap();
        return (Wire::over(stream), address);
    }
    let stream = timeout(PATIENCE, TcpStream::connect(("127.0.0.1", front.port))).await.unwrap().unwrap();
    stream.set_nodelay(true).unwrap();
    let address = stream.local_addr().unwrap();
    (Wire::over(stream), address)
}

fn verbs(case: &Case) -> impl Iterator<Item = &str> {
    case.steps.iter().filter_map(|step| match &step.kind {
        Kind::Verb(verb) => Some(verb.as_str()),
        _ => None,
    })
}

/// What targets answer, in the order of the case.
fn answers(case: &Case, values: &Values) -> Outcome<Vec<Answer>> {
    let mut answers = Vec::new();
    let mut previous: Option<&Step> = None;
    for step in &case.steps {
        let then = match &step.kind {
            Kind::Answer(lines) => {
                answers.push(Answer { bytes: notation::bytes(lines, values), then: Then::Next });
                None
            }
            Kind::Verb(verb) => [("closes", Then::Close), ("resets", Then::Reset), ("is silent", Then::Silence)]
                .into_iter()
                .find_map(|(word, then)| (verb.strip_prefix("the target ") == Some(word)).then_some(then)),
            _ => None,
        };
        if let Some(then) = then {
            // Behind an answer, or in the place of one.
            if !previous.is_some_and(|step| matches!(step.kind, Kind::Answer(_))) {
                answers.push(Answer { bytes: Vec::new(), then });
            }
            answers.last_mut().ok_or("nobody answers")?.then = then;
        }
        previous = Some(step);
    }
    Ok(answers)
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

fn shown(bytes: &[u8]) -> String {
    notation::lines(bytes).into_iter().map(|line| format!("    {line}\n")).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
