//! Runs cases: each on a load balancer and with targets of its own.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::ready;
use futures_util::stream;
use model::DesyncMode;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::case::{self, Case, Kind, Step};
use crate::notation::{self, Values};
use crate::pattern;
use crate::secure::Secure;
use crate::setup::{self, Start};
use crate::support::Front;
use crate::targets::{Answer, Arrival, Targets, Then};
use crate::wire::{PATIENCE, Wire};

pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The name that the certificate of an HTTPS listener is for.
const TLS_NAME: &str = "example.com";
/// Begins a line that says why we do not do as AWS does.
const DIFFERS: &str = "differs: ";
/// How many cases of a file run at once: most that fail do so by waiting in vain.
const AT_ONCE: usize = 8;
/// How long a target may take to see a request behind the answer to an earlier one.
const LITTLE_HOPE: Duration = Duration::from_secs(3);
/// How a request of our own is told from those of the case.
const PROBE: &str = "GET / HTTP/1.1\r\nHost: probe.test\r\n\r\n";
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

/// Runs a case. One that says that we differ must fail, so that nobody forgets to take that line away.
async fn run(case: &Case) -> Outcome {
    let expects = |step: &Step| match &step.kind {
        Kind::Get(_) | Kind::Forwarded(_) => true,
        Kind::Verb(verb) => ["check ", "the connection ", "log "].iter().any(|start| verb.starts_with(start)),
        Kind::Send(_) | Kind::Answer(_) => false,
    };
    if !case.steps.iter().any(expects) {
        return Err("  it expects nothing".to_owned());
    }
    let differs = verbs(case).any(|verb| verb.starts_with(DIFFERS));
    match (play(case).await, differs) {
        (Ok(()), true) => Err(format!("  it does not differ: take the line `{DIFFERS}...` away")),
        (Err(_), true) => Ok(()),
        (outcome, false) => outcome,
    }
}

async fn play(case: &Case) -> Outcome {
    let mut stage = Stage::set(case, None).await?;
    for step in &case.steps {
        let outcome = match &step.kind {
            Kind::Verb(verb) if verb.starts_with(DIFFERS) => Ok(()),
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

pub(crate) struct Stage {
    pub(crate) front: Front,
    pub(crate) secure: Option<Secure>,
    pub(crate) targets: Targets,
    pub(crate) addresses: BTreeMap<String, SocketAddr>,
    pub(crate) client: Wire,
    /// Connections that stay open beside the client's.
    pub(crate) earlier: Vec<Wire>,
    /// Responses that came while a target was waited for.
    early: VecDeque<Vec<u8>>,
    pub(crate) values: Values,
    /// The last request was HEAD.
    pub(crate) head_only: bool,
    /// The last response and the last request that came to a target.
    pub(crate) response: Vec<u8>,
    pub(crate) request: Vec<u8>,
    pub(crate) connection: usize,
    pub(crate) record: Option<Vec<String>>,
    pub(crate) strict: bool,
}

impl Stage {
    /// The load balancer, its targets and a client of it.
    async fn set(case: &Case, mode: Option<DesyncMode>) -> Outcome<Self> {
        let mut start = Start::default();
        for verb in verbs(case) {
            start.takes(verb)?;
        }
        start.attributes.desync_mode = mode.unwrap_or(start.attributes.desync_mode);
        let mut stage = Self::begin(start).await;
        stage.targets.script(answers(case, &stage.values)?);
        // What stands before the first request is there before it.
        for step in case.steps.iter().take_while(|step| matches!(step.kind, Kind::Verb(_))) {
            if let Kind::Verb(verb) = &step.kind
                && !verb.starts_with(DIFFERS)
                && !Start::default().takes(verb)?
            {
                setup::change(&mut stage.front, verb, &stage.addresses).map_err(|why| format!("  line {}: {why}", step.line))?;
            }
        }
        Ok(stage)
    }

    async fn begin(start: Start) -> Self {
        let (secure, plain_client) = (start.https.then(Secure::new), start.plain_client);
        let targets = Targets::default();
        let (front, addresses) = start.front(&targets).await;
        if let Some(secure) = &secure {
            secure.encrypt(&front, &[TLS_NAME], tls::Mutual::Off);
        }
        let secure = secure.filter(|_| !plain_client);
        let (client, address) = connect(&front, secure.as_ref()).await;
        let mut values = Values::from([("port".to_owned(), front.port.to_string()), ("client".to_owned(), address.port().to_string())]);
        values.extend(addresses.iter().map(|(name, address)| (format!("target {name}"), address.to_string())));
        Self {
            front,
            secure,
            targets,
            addresses,
            client,
            earlier: Vec::new(),
            early: VecDeque::new(),
            values,
            head_only: false,
            response: Vec::new(),
            request: Vec::new(),
            connection: 0,
            record: None,
            strict: false,
        }
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
                let arrival = self.arrival().await?;
                (self.connection, self.request, self.strict) = (arrival.connection, arrival.request, true);
                pattern::check(lines, &self.request, &mut self.values).map_err(|why| format!("the target sees something else\n{why}"))
            }
            Kind::Answer(_) => Ok(()),
            Kind::Verb(verb) => self.verb(verb).await,
        }
    }

    /// The next request that comes to a target. Where the client has its answer first, there is not much hope for one.
    async fn arrival(&mut self) -> Outcome<Arrival> {
        tokio::select! {
            biased;
            arrival = timeout(PATIENCE, self.targets.arrival()) => return arrival.map_err(|_| "no target sees it".to_owned()),
            response = self.client.response(self.head_only) => self.early.push_back(response),
        }
        let arrival = timeout(LITTLE_HOPE, self.targets.arrival()).await;
        arrival.map_err(|_| format!("no target sees it, the client gets\n{}", self.early.back().map(|early| shown(early)).unwrap_or_default()))
    }

    pub(crate) async fn response(&mut self) -> Outcome<Vec<u8>> {
        if let Some(early) = self.early.pop_front() {
            return Ok(early);
        }
        match timeout(PATIENCE, self.client.response(self.head_only)).await {
            Ok(response) => Ok(response),
            Err(_) => Err(format!("the client waits in vain; until now came:\n{}", shown(&self.client.pending()))),
        }
    }

    pub(crate) async fn goes_on(&mut self) -> Outcome {
        self.client.send(PROBE.as_bytes()).await.map_err(|_| "the connection has ended")?;
        let answer = timeout(PATIENCE, self.client.response(false)).await.map_err(|_| "the next request is not answered")?;
        if answer.starts_with(b"HTTP/1.1 ") { Ok(()) } else { Err(format!("the connection does not go on, but with\n{}", shown(&answer))) }
    }

    pub(crate) async fn ends(&mut self) -> Outcome {
        let rest = timeout(PATIENCE, self.client.rest()).await.map_err(|_| "the connection stays open")?;
        if rest.is_empty() { Ok(()) } else { Err(format!("before its end the connection brings\n{}", shown(&rest))) }
    }

    pub(crate) async fn target_goes_on(&mut self) -> Outcome {
        let mut other = connect(&self.front, self.secure.as_ref()).await.0;
        other.send(PROBE.as_bytes()).await.map_err(|error| error.to_string())?;
        let arrival = timeout(PATIENCE, self.targets.arrival()).await.map_err(|_| "no target sees the next request")?;
        timeout(PATIENCE, other.response(false)).await.map_err(|_| "the next request is not answered")?;
        if arrival.connection == self.connection { Ok(()) } else { Err("the next request takes another connection".to_owned()) }
    }

    /// Fails if a target saw more than the case says.
    pub(crate) fn unexpected(&self) -> Outcome {
        let others = self.targets.others().into_iter().filter(|arrival| !contains(&arrival.request, b"probe.test"));
        let others: Vec<String> = others.map(|arrival| shown(&arrival.request)).collect();
        if others.is_empty() { Ok(()) } else { Err(format!("a target sees\n{}", others.join("\n"))) }
    }

    fn end(&self) -> Outcome {
        if self.strict { self.unexpected().map_err(|why| format!("  in the end {why}")) } else { Ok(()) }
    }
}

pub(crate) async fn connect(front: &Front, secure: Option<&Secure>) -> (Wire, SocketAddr) {
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

pub(crate) fn shown(bytes: &[u8]) -> String {
    notation::lines(bytes).into_iter().map(|line| format!("    {line}\n")).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
