//! What is done to the network of a task.

use serde::{Deserialize, Serialize};

use crate::{Cidr, TransportProtocol};

/// What is done to the network of a task, and to which of its packets (ecs.md 5.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFault {
    /// What.
    pub kind: NetworkFaultKind,
    /// Only what goes to these; empty for everything. A blackhole has none.
    #[serde(default)]
    pub peers: Vec<Cidr>,
    /// Nothing that goes to these, or for a blackhole of what comes in, from these.
    #[serde(default)]
    pub except: Vec<Cidr>,
    /// Of a hundred flows to the same address how many, 1 to 100. A blackhole is of all.
    #[serde(default = "all")]
    pub flows_percent: u8,
}

const fn all() -> u8 {
    100
}

/// What is done to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkFaultKind {
    /// What goes out leaves later.
    Latency {
        /// By so many milliseconds, up to 60,000.
        delay_millis: u32,
        /// More or less by up to so many, at random, up to 60,000.
        jitter_millis: u32,
    },
    /// What goes out is lost.
    Loss {
        /// So many of a hundred packets, 1 to 100.
        percent: u8,
    },
    /// What goes to a port is lost.
    Blackhole {
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: TransportProtocol,
        /// The task's own port, or one that it calls.
        direction: TrafficDirection,
    },
}

/// Which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficDirection {
    /// To the task.
    Ingress,
    /// From the task.
    Egress,
}

impl NetworkFault {
    /// The longest delay, in milliseconds (our own).
    pub const MAX_MILLIS: u32 = 60_000;

    /// Of everything.
    #[must_use]
    pub const fn new(kind: NetworkFaultKind) -> Self {
        Self { kind, peers: Vec::new(), except: Vec::new(), flows_percent: 100 }
    }

    /// Whether it strikes every packet that goes out.
    #[must_use]
    pub const fn strikes_everything(&self) -> bool {
        self.peers.is_empty() && self.except.is_empty() && self.flows_percent == 100
    }

    /// As commands have it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.kind {
            NetworkFaultKind::Latency { .. } => "latency",
            NetworkFaultKind::Loss { .. } => "loss",
            NetworkFaultKind::Blackhole { .. } => "blackhole",
        }
    }

    /// For a person.
    #[must_use]
    pub fn words(&self) -> String {
        let what = match self.kind {
            NetworkFaultKind::Latency { delay_millis, jitter_millis: 0 } => format!("a latency of {delay_millis} ms on what it sends"),
            NetworkFaultKind::Latency { delay_millis, jitter_millis } => {
                format!("a latency of {delay_millis} ms, {jitter_millis} ms more or less, on what it sends")
            }
            NetworkFaultKind::Loss { percent } => format!("loss of {percent} % of the packets that it sends"),
            NetworkFaultKind::Blackhole { port, protocol, direction: TrafficDirection::Ingress } => {
                format!("a blackhole at its port {port}/{}", protocol.as_str())
            }
            NetworkFaultKind::Blackhole { port, protocol, direction: TrafficDirection::Egress } => {
                format!("a blackhole at port {port}/{} of whom it calls", protocol.as_str())
            }
        };
        let to = if self.peers.is_empty() { String::new() } else { format!(" to {}", list(&self.peers)) };
        let except = if self.except.is_empty() { String::new() } else { format!(" but for {}", list(&self.except)) };
        let flows = if self.flows_percent == 100 { String::new() } else { format!(" in {} % of flows", self.flows_percent) };
        format!("{what}{to}{except}{flows}")
    }

    /// Whether a task cannot be under both: there is one queue for what it sends, and one blackhole of a kind (ecs.md 5.8).
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            (NetworkFaultKind::Blackhole { .. }, NetworkFaultKind::Blackhole { .. }) => self.kind == other.kind,
            (NetworkFaultKind::Blackhole { .. }, _) | (_, NetworkFaultKind::Blackhole { .. }) => false,
            _ => true,
        }
    }

    /// Why it cannot be.
    ///
    /// # Errors
    /// A number that is out of its range, for a person.
    pub fn check(&self) -> Result<(), String> {
        match self.kind {
            NetworkFaultKind::Latency { delay_millis: 0, jitter_millis: 0 } => Err("neither a delay nor a jitter: nothing would be done".into()),
            NetworkFaultKind::Latency { delay_millis, jitter_millis } if delay_millis.max(jitter_millis) > Self::MAX_MILLIS => {
                Err(format!("a latency of more than {} ms", Self::MAX_MILLIS))
            }
            NetworkFaultKind::Loss { percent } if !(1..=100).contains(&percent) => Err(format!("{percent} % of packets is not within 1 and 100")),
            NetworkFaultKind::Blackhole { port: 0, .. } => Err("there is no port 0".into()),
            _ if !(1..=100).contains(&self.flows_percent) => Err(format!("{} % of flows is not within 1 and 100", self.flows_percent)),
            _ => Ok(()),
        }
    }
}

fn list(ranges: &[Cidr]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
