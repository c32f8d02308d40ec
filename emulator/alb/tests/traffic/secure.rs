//! HTTPS on both sides, with certificates of an authority that lives as long as a test.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use alb::HttpsListener;
use model::{LoadBalancerAttributes, ProtocolVersion, SecurityPolicy, TargetProtocol, Timestamp};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tls::{Authority, Mutual, ServerSetup};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, client, server};

use crate::support::{Client, Front, LISTENER_PORT, balancer, within};

/// An authority, and what is issued by it.
pub(crate) struct Secure {
    _folder: TempDir,
    authority: Authority,
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid by the wall's clock")]
fn now() -> Timestamp {
    Timestamp::from_millis(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

impl Secure {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), "tests", now()).unwrap();
        Self { _folder: folder, authority }
    }

    fn setup(&self, hosts: &[&str], http2: bool, mutual: Mutual) -> ServerSetup {
        let certificates = hosts.iter().map(|host| self.authority.issue([*host], now()).unwrap()).collect();
        ServerSetup { certificates, policy: SecurityPolicy::default(), http2, mutual }
    }

    /// Makes the listener of `front` one of HTTPS, with a certificate a host.
    pub(crate) fn encrypt(&self, front: &Front, hosts: &[&str], mutual: Mutual) {
        let server = self.setup(hosts, true, mutual).build().unwrap();
        let certificate_names = hosts.iter().map(|host| format!("arn:{host}")).collect();
        let listener = HttpsListener { load_balancer: balancer(), policy: SecurityPolicy::default(), server, certificate_names };
        front.plane.encrypt([(LISTENER_PORT, Some(Arc::new(listener)))]);
    }

    pub(crate) fn front(&self, groups: &[(&str, &[SocketAddr])]) -> Front {
        let front = Front::with(1, LoadBalancerAttributes { tls_headers: true, ..LoadBalancerAttributes::default() }, groups);
        self.encrypt(&front, &["one.test", "two.test"], Mutual::Off);
        front
    }

    /// A client that trusts the authority.
    pub(crate) fn client_config(&self, alpn: &[&str]) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(self.roots()).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).unwrap();
        roots
    }

    /// A certificate for a client, which shows it whenever it is asked.
    pub(crate) fn issue(&self, host: &str) -> Arc<SingleCertAndKey> {
        let certificate = self.authority.issue([host], now()).unwrap();
        Arc::new(SingleCertAndKey::from(certificate.key().as_ref().clone()))
    }

    pub(crate) async fn connect(&self, port: u16, host: &str, alpn: &[&str]) -> io::Result<client::TlsStream<TcpStream>> {
        connect(port, host, self.client_config(alpn)).await
    }

    pub(crate) async fn client(&self, front: &Front, host: &str) -> Client<client::TlsStream<TcpStream>> {
        Client::over(self.connect(front.port, host, &["http/1.1"]).await.unwrap())
    }

    /// A target that speaks TLS and gives every connection to `script`.
    pub(crate) async fn origin<F, S>(&self, http2: bool, script: S) -> SocketAddr
    where
        S: Fn(server::TlsStream<TcpStream>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let server = self.setup(&["target.test"], http2, Mutual::Off).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await.unwrap();
                assert_eq!(start.client_hello().server_name(), None, "targets are told no name");
                let config = server.accept(&start.client_hello(), now()).config;
                let stream = start.into_stream(config).await.unwrap();
                tokio::spawn(script(stream));
            }
        });
        address
    }
}

pub(crate) async fn connect(port: u16, host: &str, config: ClientConfig) -> io::Result<client::TlsStream<TcpStream>> {
    let stream = within(TcpStream::connect(("127.0.0.1", port))).await.unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

impl Front {
    /// Says how the targets of a group are spoken to.
    pub(crate) fn speak(&mut self, group: &str, protocol: TargetProtocol, version: ProtocolVersion) {
        let mut spec = self.world.target_groups[&crate::support::group_name(group)].spec.clone();
        (spec.protocol, spec.version) = (protocol, version);
        self.change(model::Change::ModifyTargetGroup(Box::new(spec)));
        self.publish();
    }
}
