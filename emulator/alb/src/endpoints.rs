//! Calls to identity providers: one connection each, closed after it (alb.md 3).

use std::sync::Arc;

use authentication::{Call, Outcome};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::transport::TargetIo;

/// What cannot be asked.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("`{0}` is no URL of http or https")]
    Url(String),
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    #[error("no HTTP answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("it cannot be asked for: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("the connection ended before the answer")]
    Closed,
}

/// Trusts what this machine trusts: endpoints are told secrets.
pub(crate) fn configuration() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, refused) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, refused, problems = found.errors.len(), "authorities that this machine trusts");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Makes a call.
pub(crate) async fn perform(call: &Call, trust: &Arc<ClientConfig>) -> Outcome {
    match tokio::time::timeout(call.timeout, exchange(call, trust)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => {
            tracing::warn!(url = %call.url, %error, "an identity provider could not be asked");
            Outcome::Failed
        }
        Err(_elapsed) => {
            tracing::warn!(url = %call.url, "an identity provider did not answer in time");
            Outcome::Timeout
        }
    }
}

async fn exchange(call: &Call, trust: &Arc<ClientConfig>) -> Result<Outcome, CallError> {
    let bad = || CallError::Url(call.url.clone());
    let uri: Uri = call.url.parse().map_err(|_| bad())?;
    let host = uri.host().ok_or_else(bad)?.trim_start_matches('[').trim_end_matches(']');
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(bad()),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let stream = if secure {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| bad())?;
        TargetIo::Tls(Box::new(TlsConnector::from(Arc::clone(trust)).connect(name, stream).await?))
    } else {
        TargetIo::Plain(stream)
    };
    let (mut sender, connection) = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder().method(call.method).uri(target).header(USER_AGENT, "ecslocal").header(CONNECTION, "close");
    request = request.header(HOST, uri.authority().map_or("", |authority| authority.as_str()));
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::<Bytes>::from(call.body.clone()))?;
    let answer = async {
        let response = sender.send_request(request).await?;
        read(response, call.limit).await
    };
    // Both are polled here: the connection lives as long as the call and no longer.
    let (answer, connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
    match futures_util::future::select(answer, connection).await {
        futures_util::future::Either::Left((outcome, _)) => outcome,
        futures_util::future::Either::Right((ended, answer)) => {
            ended?;
            // What came before the end is there to be read.
            futures_util::FutureExt::now_or_never(answer).unwrap_or(Err(CallError::Closed))
        }
    }
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Outcome, CallError> {
    let status = response.status().as_u16();
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            if body.len() + data.len() > limit {
                return Ok(Outcome::TooLarge);
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(Outcome::Answered { status, body })
}
