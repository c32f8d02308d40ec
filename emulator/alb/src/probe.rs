//! One health check of one target (alb.md 5, "Wire format"). When it is made and what follows from it is decided elsewhere.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use model::HealthCheck;
use routing::health::ProbeOutcome;
use tokio::net::TcpStream;

const HEALTH_CHECKER: &str = "ELB-HealthChecker/2.0";
/// The port that `Host` leaves out.
const DEFAULT_PORT: u16 = 80;

/// Asks for the check's path over a connection of its own, and gives the status that comes back. Redirects are not followed and
/// the body is not read. Connecting included, it ends within `check.timeout`.
///
/// `address` is where the check goes: the caller has put `check.port` in, if it names one.
pub async fn probe(address: SocketAddr, check: &HealthCheck) -> ProbeOutcome {
    match tokio::time::timeout(check.timeout, ask(address, &check.path)).await {
        Ok(Ok(status)) => ProbeOutcome::Status(status),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "the health check failed");
            ProbeOutcome::Failed
        }
        Err(_elapsed) => ProbeOutcome::Timeout,
    }
}

#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    #[error("no HTTP answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the path cannot be asked for: {0}")]
    Path(#[from] hyper::http::Error),
    #[error("a 204 answer came with a body")]
    BodyWith204,
    #[error("the connection ended before the answer")]
    Closed,
}

async fn ask(address: SocketAddr, path: &str) -> Result<u16, ProbeError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await?;
    let host = if address.port() == DEFAULT_PORT { plain(address) } else { address.to_string() };
    let request = Request::get(path).header(HOST, host).header(USER_AGENT, HEALTH_CHECKER).header(CONNECTION, "close").body(Empty::<Bytes>::new())?;
    let answer = std::pin::pin!(sender.send_request(request));
    // Both are polled here: the connection lives as long as the check and no longer.
    let response = match futures_util::future::select(answer, connection).await {
        futures_util::future::Either::Left((response, _)) => response?,
        futures_util::future::Either::Right((ended, answer)) => {
            ended?;
            // It ended with an answer, or never began one.
            futures_util::FutureExt::now_or_never(answer).ok_or(ProbeError::Closed)??
        }
    };
    let announces_body = response.headers().get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    if response.status() == StatusCode::NO_CONTENT && announces_body {
        return Err(ProbeError::BodyWith204);
    }
    Ok(response.status().as_u16())
}

/// The address without its port; IPv6 in brackets.
fn plain(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
