//! New connections to targets, encrypted where their group says so, and what can go wrong on the way.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use model::{ProtocolVersion, TargetProtocol};
use routing::limits::{CONNECT_TIMEOUT, TLS_TIMEOUT};
use routing::{TargetState, UpstreamFailure};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::transport::TargetIo;
use crate::worker::Worker;

/// Connects within the time that there is for it.
pub(super) async fn dial(worker: &Rc<Worker>, target: &Arc<TargetState>) -> Result<TargetIo, UpstreamFailure> {
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(target.address)).await {
        Ok(connected) => connected.map_err(|error| connect_failure(&error))?,
        Err(_elapsed) => return Err(UpstreamFailure::ConnectTimeout),
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY towards the target");
    }
    if target.protocol == TargetProtocol::Http {
        return Ok(TargetIo::Plain(stream));
    }
    let config = worker.to_targets(target.version != ProtocolVersion::Http1);
    let handshake = TlsConnector::from(config).connect(tls::target_name(target.address.ip()), stream);
    match tokio::time::timeout(TLS_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => Ok(TargetIo::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(target = %target.key, %error, "the TLS handshake with a target failed");
            Err(UpstreamFailure::TlsFailed)
        }
        Err(_elapsed) => Err(UpstreamFailure::TlsTimeout),
    }
}

pub(super) fn failure_of(error: &hyper::Error) -> UpstreamFailure {
    if error.is_parse_too_large() {
        UpstreamFailure::ResponseHeadersTooLarge
    } else if error.is_parse() {
        UpstreamFailure::MalformedResponse
    } else {
        UpstreamFailure::ClosedBeforeResponse
    }
}

fn connect_failure(error: &io::Error) -> UpstreamFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => UpstreamFailure::ConnectRefused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => UpstreamFailure::ConnectReset,
        io::ErrorKind::TimedOut => UpstreamFailure::ConnectTimeout,
        _ => UpstreamFailure::ConnectImpossible,
    }
}
