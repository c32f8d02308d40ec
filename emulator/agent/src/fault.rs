//! Faults that a task injects on itself (ecs.md 5.8): what is asked, whether it may be, and the answers.

use std::net::IpAddr;

use model::{
    Cidr, Fault, FaultKind, FaultOrigin, NetworkFault, NetworkFaultKind, NetworkMode, Task, TaskDefinition, TrafficDirection, TransportProtocol,
    World,
};
use serde_json::{Value, json};
use wire::metadata::{BlackholeRequest, LatencyRequest, PacketLossRequest};

use crate::{ADDRESS, Answer};

/// What is to become of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// `start`
    Start,
    /// `stop`
    Stop,
    /// `status`
    Status,
}

/// Which fault, by AWS's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultType {
    /// `network-blackhole-port`
    BlackholePort,
    /// `network-latency`
    Latency,
    /// `network-packet-loss`
    PacketLoss,
}

impl FaultType {
    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::BlackholePort, Self::Latency, Self::PacketLoss].into_iter().find(|known| known.as_str() == name)
    }

    /// AWS's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlackholePort => "network-blackhole-port",
            Self::Latency => "network-latency",
            Self::PacketLoss => "network-packet-loss",
        }
    }
}

/// What is to be done for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultStep {
    /// Begin it, then answer `running`.
    Begin(FaultKind),
    /// End these, then answer `stopped`.
    End(Vec<model::FaultId>),
}

/// Decides: an answer at once, or something to be done first. Bodies are looked at before the task, as in the agent.
///
/// # Errors
/// The answer.
pub fn decide(
    world: &World,
    (task, definition): (&Task, &TaskDefinition),
    (kind, action): (FaultType, FaultAction),
    body: &[u8],
) -> Result<FaultStep, Answer> {
    // Of latency and loss there is one, so nobody has to say which.
    let asked = if action == FaultAction::Start || kind == FaultType::BlackholePort { Some(read(kind, body)?) } else { None };
    if !definition.enable_fault_injection {
        return Err(refused(400, &format!("enableFaultInjection is not enabled for task: {}", world.task_arn(task))));
    }
    match definition.network_mode {
        NetworkMode::Awsvpc => {}
        NetworkMode::Host => return Err(refused(400, HOST)),
        mode => return Err(refused(400, &format!("{} mode is not supported. Please use either host or awsvpc mode.", mode.as_str()))),
    }
    let running: Vec<&Fault> = world.faults.values().filter(|fault| fault.strikes(&task.id)).collect();
    let same = |fault: &&&Fault| match (&fault.kind, &asked) {
        (FaultKind::Network(known), Some(asked)) if kind == FaultType::BlackholePort => known.kind == asked.kind,
        (FaultKind::Network(known), _) => type_of(known) == kind,
        _ => false,
    };
    let found: Vec<_> = running.iter().filter(same).collect();
    match (action, asked) {
        (FaultAction::Status, _) => Err(status(if found.is_empty() { "not-running" } else { "running" })),
        (FaultAction::Stop, _) if found.is_empty() => Err(status("stopped")),
        (FaultAction::Stop, _) => Ok(FaultStep::End(found.into_iter().map(|fault| fault.id.clone()).collect())),
        // It runs as it was asked for.
        (FaultAction::Start, _) if kind == FaultType::BlackholePort && !found.is_empty() => Err(status("running")),
        (FaultAction::Start, asked) => {
            let queued = running.iter().find_map(|fault| match &fault.kind {
                FaultKind::Network(known) if kind != FaultType::BlackholePort && type_of(known) != FaultType::BlackholePort => Some(type_of(known)),
                _ => None,
            });
            match (queued, asked) {
                (Some(FaultType::PacketLoss), _) => Err(refused(409, "There is already one network packet loss fault running")),
                (Some(_), _) => Err(refused(409, "There is already one network latency fault running")),
                (None, Some(asked)) => Ok(FaultStep::Begin(FaultKind::Network(asked))),
                (None, None) => Err(refused(400, NO_BODY)),
            }
        }
    }
}

/// `running`, `stopped` or `not-running`.
#[must_use]
pub fn status(word: &str) -> Answer {
    Answer { status: 200, body: json!({ "Status": word }) }
}

/// It could not be done.
#[must_use]
pub fn broken() -> Answer {
    refused(500, "internal error")
}

/// It took longer than a request may.
#[must_use]
pub fn timed_out(kind: FaultType, action: FaultAction) -> Answer {
    let word = match action {
        FaultAction::Start => "start",
        FaultAction::Stop => "stop",
        FaultAction::Status => "check status",
    };
    refused(500, &format!("{word} {}: request timed out", kind.as_str()))
}

/// Who asks at the endpoint is the task.
pub const ORIGIN: FaultOrigin = FaultOrigin::Task;

const NO_BODY: &str = "required request body is missing";

/// Our own: on AWS this strikes the whole container instance.
const HOST: &str = "a task in host mode has the network of this machine, and the fault would strike all of it; awsvpc mode has a network of its own";

fn refused(status: u16, error: &str) -> Answer {
    Answer { status, body: Value::Object([("Error".to_owned(), error.into())].into_iter().collect()) }
}

const fn type_of(fault: &NetworkFault) -> FaultType {
    match fault.kind {
        NetworkFaultKind::Latency { .. } => FaultType::Latency,
        NetworkFaultKind::Loss { .. } => FaultType::PacketLoss,
        NetworkFaultKind::Blackhole { .. } => FaultType::BlackholePort,
    }
}

fn missing(name: &str) -> Answer {
    refused(400, &format!("required parameter {name} is missing"))
}

fn invalid(value: impl std::fmt::Display, name: &str) -> Answer {
    refused(400, &format!("invalid value {value} for parameter {name}"))
}

fn read(kind: FaultType, body: &[u8]) -> Result<NetworkFault, Answer> {
    if body.is_empty() {
        return Err(refused(400, NO_BODY));
    }
    match kind {
        FaultType::BlackholePort => blackhole(&parsed(body)?),
        FaultType::Latency => latency(&parsed(body)?),
        FaultType::PacketLoss => packet_loss(&parsed(body)?),
    }
}

/// What is no JSON of that shape is told in our own words; the agent's are those of its language.
fn parsed<'b, T: serde::Deserialize<'b>>(body: &'b [u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|error| refused(400, &format!("the body of the request cannot be read: {error}")))
}

fn blackhole(asked: &BlackholeRequest) -> Result<NetworkFault, Answer> {
    let port = asked.port.ok_or_else(|| missing("Port"))?;
    let given = |value: &Option<String>, name| value.clone().filter(|value| !value.is_empty()).ok_or_else(|| missing(name));
    let (protocol, traffic) = (given(&asked.protocol, "Protocol")?, given(&asked.traffic_type, "TrafficType")?);
    let protocol = match protocol.as_str() {
        "tcp" => TransportProtocol::Tcp,
        "udp" => TransportProtocol::Udp,
        other => return Err(invalid(other, "Protocol")),
    };
    let direction = match traffic.as_str() {
        "ingress" => TrafficDirection::Ingress,
        "egress" => TrafficDirection::Egress,
        other => return Err(invalid(other, "TrafficType")),
    };
    let mut except = ranges(&asked.sources_to_filter, "SourcesToFilter")?;
    // A task that cannot reach the agent could not end it.
    if direction == TrafficDirection::Egress && port == 80 {
        except.extend(std::iter::once(Cidr::of(ADDRESS.into())));
    }
    Ok(NetworkFault { except, ..NetworkFault::new(NetworkFaultKind::Blackhole { port, protocol, direction }) })
}

fn latency(asked: &LatencyRequest) -> Result<NetworkFault, Answer> {
    let delay = asked.delay_milliseconds.ok_or_else(|| missing("DelayMilliseconds"))?;
    let jitter = asked.jitter_milliseconds.ok_or_else(|| missing("JitterMilliseconds"))?;
    if delay == 0 && jitter == 0 {
        return Err(refused(400, "required either DelayMilliseconds or JitterMilliseconds to be non-zero"));
    }
    let within = |value: u64, name| u32::try_from(value).ok().filter(|value| *value <= NetworkFault::MAX_MILLIS).ok_or_else(|| invalid(value, name));
    let kind = NetworkFaultKind::Latency { delay_millis: within(delay, "DelayMilliseconds")?, jitter_millis: within(jitter, "JitterMilliseconds")? };
    struck(kind, (&asked.sources, &asked.sources_to_filter), asked.flows_percent)
}

fn packet_loss(asked: &PacketLossRequest) -> Result<NetworkFault, Answer> {
    let loss = asked.loss_percent.ok_or_else(|| missing("LossPercent"))?;
    let percent = u8::try_from(loss).ok().filter(|percent| (1..=100).contains(percent)).ok_or_else(|| invalid(loss, "LossPercent"))?;
    struck(NetworkFaultKind::Loss { percent }, (&asked.sources, &asked.sources_to_filter), asked.flows_percent)
}

fn struck(kind: NetworkFaultKind, (sources, filter): (&[String], &[String]), flows: Option<i64>) -> Result<NetworkFault, Answer> {
    if sources.is_empty() {
        return Err(missing("Sources"));
    }
    let (peers, except) = (ranges(sources, "Sources")?, ranges(filter, "SourcesToFilter")?);
    let flows = flows.unwrap_or(100);
    let flows_percent = u8::try_from(flows).ok().filter(|flows| (1..=100).contains(flows)).ok_or_else(|| invalid(flows, "flowsPercent"))?;
    Ok(NetworkFault { kind, peers, except, flows_percent })
}

/// Addresses, or ranges of them.
fn ranges(texts: &[String], name: &str) -> Result<Vec<Cidr>, Answer> {
    let range = |text: &String| text.parse::<IpAddr>().map(Cidr::of).ok().or_else(|| text.parse().ok()).ok_or_else(|| invalid(text, name));
    texts.iter().map(range).collect()
}

#[cfg(test)]
mod tests;
