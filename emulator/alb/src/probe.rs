//! One health check of one target (alb.md 5, "Wire format"). When it is made and what follows from it is decided elsewhere.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, USER_AGENT};
use hyper::rt::Executor;
use hyper::{HeaderMap, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use model::{HealthCheck, ProtocolVersion, SecurityPolicy, TargetProtocol};
use routing::health::ProbeOutcome;
use rustls::ClientConfig;
use tls::ClientSetup;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::transport::TargetIo;

const HEALTH_CHECKER: &str = "ELB-HealthChecker/2.0";
/// What a gRPC check sends: a message of no bytes, not compressed.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// Asks for the check's path over a connection of its own, and gives the status that comes back: of HTTP, or of gRPC where the check is
/// one. Redirects are not followed and the body is not read. Connecting included, it ends within `check.timeout`.
///
/// `address` is where the check goes: the caller has put `check.port` in, if it names one.
pub async fn probe(address: SocketAddr, check: &HealthCheck) -> ProbeOutcome {
    match tokio::time::timeout(check.timeout, ask(address, check)).await {
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
    Connect(#[from] io::Error),
    #[error("no TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("no HTTP answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the path cannot be asked for: {0}")]
    Path(#[from] hyper::http::Error),
    #[error("a 204 answer came with a body")]
    BodyWith204,
    #[error("the connection ended before the answer")]
    Closed,
    #[error("the answer is no gRPC: its HTTP status is {0}")]
    NotGrpc(StatusCode),
    #[error("the answer has no grpc-status")]
    NoGrpcStatus,
}

async fn ask(address: SocketAddr, check: &HealthCheck) -> Result<u16, ProbeError> {
    let http2 = check.version != ProtocolVersion::Http1;
    let stream = connect(address, check.protocol, http2).await?;
    if http2 { ask_http2(stream, address, check).await } else { ask_http1(stream, address, check).await }
}

async fn connect(address: SocketAddr, protocol: TargetProtocol, http2: bool) -> Result<TargetIo, ProbeError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    if protocol == TargetProtocol::Http {
        return Ok(TargetIo::Plain(stream));
    }
    let config = CONFIGURATIONS[usize::from(http2)].clone()?;
    let stream = TlsConnector::from(config).connect(tls::target_name(address.ip()), stream).await?;
    Ok(TargetIo::Tls(Box::new(stream)))
}

/// Without ALPN, and for HTTP/2.
static CONFIGURATIONS: LazyLock<[Result<Arc<ClientConfig>, rustls::Error>; 2]> =
    LazyLock::new(|| [false, true].map(|http2| ClientSetup { policy: SecurityPolicy::default(), http2 }.build()));

async fn ask_http1(stream: TargetIo, address: SocketAddr, check: &HealthCheck) -> Result<u16, ProbeError> {
    let (mut sender, connection) = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&check.path)
        .header(HOST, host(address, check.protocol))
        .header(CONNECTION, "close")
        .header(USER_AGENT, HEALTH_CHECKER)
        .header(ACCEPT_ENCODING, "gzip, compressed")
        .body(Full::<Bytes>::default())?;
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
    status_of(&response)
}

async fn ask_http2(stream: TargetIo, address: SocketAddr, check: &HealthCheck) -> Result<u16, ProbeError> {
    let tasks = Owned::default();
    let (mut sender, connection) = http2::handshake(tasks.clone(), TokioIo::new(stream)).await?;
    tasks.execute(async move { drop(connection.await) });
    let scheme = if check.protocol == TargetProtocol::Https { "https" } else { "http" };
    let request = Request::builder()
        .uri(format!("{scheme}://{}{}", host(address, check.protocol), check.path))
        .version(Version::HTTP_2)
        .header(USER_AGENT, HEALTH_CHECKER);
    let result = if check.version == ProtocolVersion::Grpc {
        let request = request.method("POST").header(CONTENT_TYPE, "application/grpc").header(TE, "trailers");
        let answer = sender.send_request(request.body(Full::from(EMPTY_MESSAGE))?).await?;
        grpc_status(answer).await
    } else {
        status_of(&sender.send_request(request.body(Full::<Bytes>::default())?).await?)
    };
    tasks.end();
    result
}

fn status_of(response: &Response<Incoming>) -> Result<u16, ProbeError> {
    let announces_body = response.headers().get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    if response.status() == StatusCode::NO_CONTENT && announces_body {
        return Err(ProbeError::BodyWith204);
    }
    Ok(response.status().as_u16())
}

/// In the trailers, or in the head of an answer without a body.
async fn grpc_status(response: Response<Incoming>) -> Result<u16, ProbeError> {
    if response.status() != StatusCode::OK {
        return Err(ProbeError::NotGrpc(response.status()));
    }
    let status = |headers: &HeaderMap| headers.get("grpc-status").and_then(|status| status.to_str().ok()?.trim().parse().ok());
    if let Some(status) = status(response.headers()) {
        return Ok(status);
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(trailers) = frame?.into_trailers() {
            return status(&trailers).ok_or(ProbeError::NoGrpcStatus);
        }
    }
    Err(ProbeError::NoGrpcStatus)
}

/// The tasks of one check's connection: they end with it.
#[derive(Clone, Default)]
struct Owned(Arc<Mutex<JoinSet<()>>>);

impl Owned {
    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Owned {
    fn execute(&self, future: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(future);
    }
}

/// The port is left out where it is the protocol's own.
fn host(address: SocketAddr, protocol: TargetProtocol) -> String {
    let usual = if protocol == TargetProtocol::Https { 443 } else { 80 };
    if address.port() == usual { plain(address) } else { address.to_string() }
}

/// The address without its port; IPv6 in brackets.
fn plain(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
