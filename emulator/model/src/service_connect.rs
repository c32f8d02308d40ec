//! What a service takes part in by Service Connect (ecs.md 8).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `serviceConnectConfiguration` with `enabled: true`. Its tasks reach every endpoint of the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceConnect {
    /// Services of one namespace see each other, in whichever cluster they are.
    pub namespace: String,
    /// The endpoints that it offers; none for one that is a client alone.
    pub services: Vec<ServiceConnectService>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceConnectService {
    /// The name of a port mapping of the task definition.
    pub port_name: String,
    /// Its name in Cloud Map. Default the port's.
    pub discovery_name: String,
    /// The port that clients ask for.
    pub client_port: u16,
    /// The host that clients ask for. Default `discoveryName.namespace`.
    pub dns_name: String,
    /// `idleTimeoutSeconds`: a connection on which nothing moves for so long ends; 0 for never. Default 300, over TCP 3600.
    pub idle_timeout: Option<u32>,
    /// `perRequestTimeoutSeconds`: a response must be whole after so long; 0 for never. Default 15; not over TCP.
    pub per_request_timeout: Option<u32>,
}

impl ServiceConnectService {
    /// How long nothing may move on a connection.
    #[must_use]
    pub fn idle_timeout(&self, protocol: Option<AppProtocol>) -> Option<Duration> {
        limit(self.idle_timeout.unwrap_or(if protocol.is_some() { 300 } else { 3600 }))
    }

    /// How long a response may take.
    #[must_use]
    pub fn request_timeout(&self, protocol: Option<AppProtocol>) -> Option<Duration> {
        protocol.and_then(|_| limit(self.per_request_timeout.unwrap_or(15)))
    }
}

fn limit(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// `appProtocol` of a port mapping; none is TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppProtocol {
    /// HTTP/1.1
    Http,
    /// HTTP/2 in the clear.
    Http2,
    /// gRPC, over HTTP/2 in the clear.
    Grpc,
}

impl AppProtocol {
    /// The protocol of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "http" => Some(Self::Http),
            "http2" => Some(Self::Http2),
            "grpc" => Some(Self::Grpc),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_aws_s_where_nothing_is_said_and_none_where_they_are_0() {
        let service = |idle_timeout, per_request_timeout| ServiceConnectService {
            port_name: "web".into(),
            discovery_name: "web".into(),
            client_port: 80,
            dns_name: "web.local".into(),
            idle_timeout,
            per_request_timeout,
        };
        let seconds = |service: ServiceConnectService, protocol| {
            (service.idle_timeout(protocol).map(|limit| limit.as_secs()), service.request_timeout(protocol).map(|limit| limit.as_secs()))
        };
        assert_eq!(seconds(service(None, None), Some(AppProtocol::Http)), (Some(300), Some(15)));
        assert_eq!(seconds(service(None, None), None), (Some(3600), None));
        assert_eq!(seconds(service(Some(0), Some(0)), Some(AppProtocol::Grpc)), (None, None));
        assert_eq!(seconds(service(Some(7), Some(9)), Some(AppProtocol::Http2)), (Some(7), Some(9)));
    }
}
