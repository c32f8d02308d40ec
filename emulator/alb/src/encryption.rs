//! TLS of HTTPS listeners: from an accepted connection to an encrypted one, or to the answer that one earns that is not (alb.md 1).

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use model::{LoadBalancerName, SecurityPolicy};
use routing::ClientFailure;
use routing::connection_record::{HandshakeRecord, LeafCertificate};
use routing::page::{self, Delivery};
use routing::record::TlsRecord;
use rustls::server::Acceptor;
use tls::{Accepting, Negotiated, client_headers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock;
use crate::listener::ListenerContext;

/// How long a client may take for its handshake. AWS names no limit.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a cleartext request's head is read to answer it.
const CLEARTEXT_BYTES: usize = 16 * 1024;
/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;

/// An HTTPS listener's certificates and policy. Several load balancers may share a port: the name asked for chooses, as `Host` does.
#[derive(Debug)]
pub struct HttpsListener {
    /// Whose listener it is.
    pub load_balancer: LoadBalancerName,
    /// Its security policy, from which the one towards targets follows.
    pub policy: SecurityPolicy,
    /// What is offered.
    pub server: tls::Server,
    /// What the access log calls each certificate, in the order of the setup.
    pub certificate_names: Vec<String>,
}

/// What an encrypted connection is.
pub(crate) struct Encryption {
    pub(crate) record: Arc<TlsRecord>,
    /// The client speaks HTTP/2.
    pub(crate) http2: bool,
    /// What targets are told of the client's certificate, under the stock names.
    pub(crate) client_headers: Vec<(&'static str, String)>,
    /// Clients are asked for certificates: what they send under the stock names themselves is taken out.
    pub(crate) mutual: bool,
}

/// The encrypted connection; `None` once what came instead of one has been answered.
pub(crate) async fn accept(
    listener: &Rc<ListenerContext>,
    https: &[Arc<HttpsListener>],
    stream: TcpStream,
    client: SocketAddr,
    id: u128,
) -> Option<(TlsStream<TcpStream>, Encryption)> {
    let mut first = [0];
    let peeked = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await;
    match peeked {
        Ok(Ok(1)) if first[0] == HANDSHAKE_RECORD => {}
        Ok(Ok(1)) => {
            answer_cleartext(listener, stream, client, id).await;
            return None;
        }
        // Gone before it said anything.
        _ => return None,
    }
    let begun = clock::precise();
    let mut attempt = Attempt { accepting: None, chosen: https.first()?.clone() };
    let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, attempt.handshake(https, stream)).await;
    let mut handshake =
        HandshakeRecord { status: format!("Failed:{}", tls::Failure::UnmappedConnectionError.as_str()), ..HandshakeRecord::default() };
    let outcome = match shaken {
        Ok(Ok(stream)) => {
            handshake.latency = Some(clock::precise().saturating_sub(begun));
            attempt.seal(stream, &mut handshake)
        }
        Ok(Err(error)) => {
            attempt.refuse(&error, &mut handshake);
            tracing::debug!(%client, %error, "a TLS handshake failed");
            None
        }
        Err(_elapsed) => None,
    };
    listener.note_connection(Some(&attempt.chosen.load_balancer), client, id, Some(handshake), outcome.is_some());
    outcome
}

struct Attempt {
    accepting: Option<Accepting>,
    chosen: Arc<HttpsListener>,
}

impl Attempt {
    async fn handshake(&mut self, https: &[Arc<HttpsListener>], stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        if let Some(meant) = hello.server_name().and_then(|name| https.iter().find(|one| is_name_of(name, &one.load_balancer))) {
            self.chosen = Arc::clone(meant);
        }
        let accepting = self.chosen.server.accept(&hello, clock::timestamp());
        let config = Arc::clone(&accepting.config);
        self.accepting = Some(accepting);
        start.into_stream(config).await
    }

    /// What is known of a connection whose handshake is done.
    fn seal(&self, stream: TlsStream<TcpStream>, handshake: &mut HandshakeRecord) -> Option<(TlsStream<TcpStream>, Encryption)> {
        let connection = stream.get_ref().1;
        let negotiated = Negotiated::of(connection)?;
        let mode = self.chosen.server.mutual_mode();
        let chain = connection.peer_certificates().unwrap_or_default();
        (handshake.protocol, handshake.cipher, handshake.key_exchange) =
            (Some(negotiated.protocol), Some(negotiated.cipher), negotiated.key_exchange);
        handshake.status = "Success".to_owned();
        handshake.leaf = chain.first().and_then(tls::ClientCertificate::of).map(leaf_of);
        let shown = self.accepting.as_ref().and_then(|accepting| self.chosen.certificate_names.get(accepting.certificate));
        let certificate = if negotiated.resumed { Some("session-reused".into()) } else { shown.map(|name| name.as_str().into()) };
        let encryption = Encryption {
            record: Arc::new(TlsRecord {
                cipher: negotiated.cipher,
                protocol: negotiated.protocol,
                server_name: negotiated.server_name.as_deref().map(Into::into),
                certificate,
            }),
            http2: negotiated.http2,
            client_headers: client_headers(mode, chain),
            mutual: mode != tls::MutualMode::Off,
        };
        Some((stream, encryption))
    }

    /// What is known of one that failed.
    fn refuse(&self, error: &io::Error, handshake: &mut HandshakeRecord) {
        let Some(accepting) = &self.accepting else { return };
        let refusal = accepting.refusal(error);
        handshake.status = refusal.status();
        handshake.leaf = refusal.certificate.map(leaf_of);
    }
}

fn leaf_of(certificate: tls::ClientCertificate) -> LeafCertificate {
    let tls::ClientCertificate { serial_number, subject, validity, .. } = certificate;
    LeafCertificate { subject, validity, serial_number }
}

/// `<name>.localhost`
fn is_name_of(host: &str, balancer: &LoadBalancerName) -> bool {
    let own = routing::table::dns_name(balancer);
    host.eq_ignore_ascii_case(&own)
}

/// A cleartext request on an HTTPS listener: 400, with a page of its own (alb.md 6.9).
async fn answer_cleartext(listener: &ListenerContext, mut stream: TcpStream, client: SocketAddr, id: u128) {
    let exchange = async {
        let mut head = Vec::new();
        while head.len() < CLEARTEXT_BYTES && !head.windows(4).any(|window| window == b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        let mut answer = Vec::new();
        let delivery = Delivery { date: &clock::date(), close: true, user_agent: user_agent(&head), ..Delivery::default() };
        page::PLAIN_HTTP_ON_TLS_PORT.write(&mut answer, &delivery);
        listener.note_cleartext(client, id, ClientFailure::Malformed.status(), answer.len());
        stream.write_all(&answer).await?;
        stream.shutdown().await
    };
    if let Ok(Err(error)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, exchange).await {
        tracing::trace!(%error, "the client was gone first");
    }
}

fn user_agent(head: &[u8]) -> Option<&[u8]> {
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut values = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        line[..colon].eq_ignore_ascii_case(b"user-agent").then(|| line[colon + 1..].trim_ascii())
    });
    values.next()
}
