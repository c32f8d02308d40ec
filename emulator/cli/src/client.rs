//! The way to the daemon: JSON over HTTP/1.1 to loopback, every wait bounded except a stream's next line.

use std::future::Future;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use wire::json11::{ErrorBody, TARGET_HEADER};
use wire::local::{CLIENT_HEADER, EXEC_PROTOCOL, Failure};

/// To loopback.
const CONNECT: Duration = Duration::from_secs(2);
/// Until an answer begins; longer than the 20 s that a view is held back.
const HEAD: Duration = Duration::from_secs(30);
/// Until an answer that is no stream has ended.
const BODY: Duration = Duration::from_secs(30);
/// The largest answer, and the longest line of a stream.
const LARGEST: usize = 64 * 1024 * 1024;

/// Asks one daemon. Each request has a connection of its own, so a stream holds nobody up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    endpoint: SocketAddr,
}

/// An answer on its way; its connection ends with it.
struct Answer {
    response: Response<Incoming>,
    connection: Connection,
}

/// Owns the task that moves a connection's bytes.
pub(crate) struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The lines of a streaming answer.
pub(crate) struct Lines<T> {
    body: Incoming,
    buffer: BytesMut,
    endpoint: SocketAddr,
    _connection: Connection,
    kind: PhantomData<fn() -> T>,
}

impl Client {
    /// To the daemon that listens there.
    pub(crate) const fn new(endpoint: SocketAddr) -> Self {
        Self { endpoint }
    }

    /// Asks for a value.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.value(Method::GET, path, Bytes::new()).await
    }

    /// Asks for a change.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.value(Method::POST, path, self.encode(body)?).await
    }

    /// Asks for an operation of an AWS API, by its target.
    pub(crate) async fn aws<T: DeserializeOwned>(&self, target: &str, body: &impl Serialize) -> Result<T, Failure> {
        let answer = self.send_as((Method::POST, "/"), Some(target), self.encode(body)?).await?;
        let bytes = self.whole(answer).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.broken(&format!("sent an answer to `{target}` that cannot be read ({error})")))
    }

    /// Asks for a stream.
    pub(crate) async fn get_lines<T: DeserializeOwned>(&self, path: &str) -> Result<Lines<T>, Failure> {
        self.lines(Method::GET, path, Bytes::new()).await
    }

    /// Asks for a change that tells how far it is.
    pub(crate) async fn post_lines<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<Lines<T>, Failure> {
        self.lines(Method::POST, path, self.encode(body)?).await
    }

    async fn value<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, Failure> {
        let answer = self.send(method, path, body).await?;
        let bytes = self.whole(answer).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.broken(&format!("sent an answer to `{path}` that cannot be read ({error})")))
    }

    async fn lines<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<Lines<T>, Failure> {
        let Answer { response, connection } = self.send(method, path, body).await?;
        Ok(Lines { body: response.into_body(), buffer: BytesMut::new(), endpoint: self.endpoint, _connection: connection, kind: PhantomData })
    }

    /// Sends a request and waits for the head of an answer that is no failure.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        self.send_as((method, path), None, body).await
    }

    /// The same, where there is a target as an operation of an AWS API.
    async fn send_as(&self, (method, path): (Method, &str), target: Option<&str>, body: Bytes) -> Result<Answer, Failure> {
        let stream = self.bounded(CONNECT, "connect", TcpStream::connect(self.endpoint)).await?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, driver) = self.bounded(CONNECT, "connect", handshake).await?;
        let connection = Connection(tokio::spawn(async move {
            // What breaks a connection shows in the answer that does not come.
            driver.await.ok();
        }));
        let mut request = Request::builder();
        if let Some(target) = target {
            request = request.header(TARGET_HEADER, target);
        }
        let request = request
            .method(method)
            .uri(path)
            .header(hyper::header::HOST, self.endpoint.to_string())
            .header(hyper::header::CONTENT_TYPE, "application/json")
            .header(CLIENT_HEADER, "cli")
            .body(Full::new(body))
            .map_err(|error| Failure::environment(format!("the request to `{path}` cannot be made: {error}")))?;
        let response = self.bounded(HEAD, "answer", sender.send_request(request)).await?;
        let status = response.status();
        let answer = Answer { response, connection };
        if status.is_success() {
            return Ok(answer);
        }
        let bytes = self.whole(answer).await?;
        if let (Some(_), Ok(error)) = (target, serde_json::from_slice::<ErrorBody>(&bytes)) {
            let message = lower_first(&error.message);
            return Err(if status.is_server_error() { Failure::environment(message) } else { Failure::input(message) });
        }
        Err(serde_json::from_slice::<Failure>(&bytes).unwrap_or_else(|_| self.broken(&format!("answered `{path}` with status {}", status.as_u16()))))
    }

    /// Asks for a connection of its own, which lives as long as what comes with it.
    pub(crate) async fn upgrade(&self, path: &str) -> Result<(Upgraded, Connection), Failure> {
        let stream = self.bounded(CONNECT, "connect", TcpStream::connect(self.endpoint)).await?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, driver) = self.bounded(CONNECT, "connect", handshake).await?;
        let connection = Connection(tokio::spawn(async move {
            driver.with_upgrades().await.ok();
        }));
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(hyper::header::HOST, self.endpoint.to_string())
            .header(hyper::header::CONNECTION, "upgrade")
            .header(hyper::header::UPGRADE, EXEC_PROTOCOL)
            .header(CLIENT_HEADER, "cli")
            .body(Full::new(Bytes::new()))
            .map_err(|error| Failure::environment(format!("the request to `{path}` cannot be made: {error}")))?;
        let response = self.bounded(HEAD, "answer", sender.send_request(request)).await?;
        if response.status() == hyper::StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = self.bounded(CONNECT, "upgrade the connection", hyper::upgrade::on(response)).await?;
            return Ok((upgraded, connection));
        }
        let status = response.status().as_u16();
        let bytes = self.whole(Answer { response, connection }).await?;
        Err(serde_json::from_slice::<Failure>(&bytes).unwrap_or_else(|_| self.broken(&format!("answered with status {status}"))))
    }

    async fn whole(&self, answer: Answer) -> Result<Bytes, Failure> {
        let Answer { response, connection } = answer;
        let body = tokio::time::timeout(BODY, Limited::new(response.into_body(), LARGEST).collect()).await;
        drop(connection);
        match body {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(self.broken(&format!("broke off an answer ({error})"))),
            Err(_) => Err(self.broken(&format!("did not end an answer within {} s", BODY.as_secs()))),
        }
    }

    async fn bounded<T, E: std::fmt::Display>(&self, limit: Duration, what: &str, future: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        match tokio::time::timeout(limit, future).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.broken(&format!("does not {what} ({error})"))),
            Err(_) => Err(self.broken(&format!("does not {what} within {} s", limit.as_secs()))),
        }
    }

    fn encode(&self, body: &impl Serialize) -> Result<Bytes, Failure> {
        serde_json::to_vec(body).map(Bytes::from).map_err(|error| Failure::environment(format!("the request cannot be written as JSON: {error}")))
    }

    fn broken(&self, what: &str) -> Failure {
        broken(self.endpoint, what)
    }
}

impl<T: DeserializeOwned> Lines<T> {
    /// The next value; `None` when the stream has ended. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return self.read(&line).map(Some);
            }
            if self.buffer.len() > LARGEST {
                return Err(broken(self.endpoint, "sent a line without end"));
            }
            match self.body.frame().await {
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => {
                    let line = self.buffer.split();
                    return self.read(&line).map(Some);
                }
                Some(Err(error)) => return Err(broken(self.endpoint, &format!("broke off a stream ({error})"))),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }

    fn read(&self, line: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(line).map_err(|error| broken(self.endpoint, &format!("sent a line that cannot be read ({error})")))
    }
}

/// AWS's sentences begin with a capital, ours do not.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().to_string() + chars.as_str())
}

fn broken(endpoint: SocketAddr, what: &str) -> Failure {
    Failure::environment(format!("the daemon at {endpoint} {what}"))
        .hint("see `daemon.log` in the state folder; `ecslocal up` starts the daemon again and finds its containers")
}

/// A path with a query; empty values are left out.
pub(crate) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let mut separator = '?';
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(separator);
        separator = '&';
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
