//! Faults that a task asks for (ecs.md 5.8). Members that AWS does not know are passed over, as the agent does.

use serde::Deserialize;

/// `network-blackhole-port`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct BlackholeRequest {
    pub port: Option<u16>,
    pub protocol: Option<String>,
    pub traffic_type: Option<String>,
    pub sources_to_filter: Vec<String>,
}

/// `network-latency`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct LatencyRequest {
    pub delay_milliseconds: Option<u64>,
    pub jitter_milliseconds: Option<u64>,
    pub sources: Vec<String>,
    pub sources_to_filter: Vec<String>,
    pub flows_percent: Option<i64>,
}

/// `network-packet-loss`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct PacketLossRequest {
    pub loss_percent: Option<u64>,
    pub sources: Vec<String>,
    pub sources_to_filter: Vec<String>,
    pub flows_percent: Option<i64>,
}
