//! The listener's side of handshakes.

use std::error::Error as StdError;
use std::sync::Arc;

use model::{SecurityPolicy, Timestamp};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache, StoresServerSessions};
use rustls::sign::CertifiedKey;
use rustls::{ConfigBuilder, ServerConfig, WantsVerifier};

use crate::certificate::Certificate;
use crate::choice::{Offer, choose};
use crate::client_certificate::ClientCertificate;
use crate::headers::MutualMode;
use crate::mutual::{AcceptAny, Mutual, Shown, Verify};
use crate::policy;
use crate::refusal::{Failure, Refusal};

/// What an HTTPS listener is made of.
#[derive(Clone, Debug)]
pub struct ServerSetup {
    /// At least one; the first is the default.
    pub certificates: Vec<Certificate>,
    /// What clients are offered.
    pub policy: SecurityPolicy,
    /// `routing.http2.enabled`: `h2` is offered before `http/1.1`.
    pub http2: bool,
    /// Certificates of clients.
    pub mutual: Mutual,
}

/// Why a listener cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SetupError {
    /// It has no certificate.
    #[error("an HTTPS listener needs a certificate")]
    NoCertificate,
    /// What should not happen: no random numbers, or a trust store that rustls does not like.
    #[error("the listener's TLS cannot be set up: {0}")]
    Other(String),
}

impl ServerSetup {
    /// Makes ready for clients. Sessions are resumed (tickets, and ids for TLS 1.2) but with mutual TLS; there is no early data and no
    /// renegotiation (alb.md 1). Tickets of an earlier setup are not known: such clients make a whole handshake.
    ///
    /// # Errors
    /// Without a certificate, or when the system gives no random numbers.
    pub fn build(self) -> Result<Server, SetupError> {
        if self.certificates.is_empty() {
            return Err(SetupError::NoCertificate);
        }
        let other = |error: &dyn StdError| SetupError::Other(error.to_string());
        let provider = policy::provider(self.policy);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(&policy::versions(self.policy)).map_err(|error| other(&error))?;
        let (ask, resumption) = match self.mutual {
            Mutual::Off => (Ask::No, Some(Resumption::new().map_err(|error| other(&error))?)),
            Mutual::Passthrough => (Ask::Any(Arc::new(AcceptAny)), None),
            Mutual::Verify { trust_store, ignore_expiry, advertise_ca_names } => {
                let inner = trust_store.verifier(provider, advertise_ca_names).map_err(|error| other(&error))?;
                (Ask::Trusted { inner, ignore_expiry }, None)
            }
        };
        let mut server =
            Server { builder, policy: self.policy, ask, resumption, http2: self.http2, certificates: self.certificates, ready: Vec::new() };
        server.ready = server.certificates.iter().map(|certificate| server.pair(certificate)).collect();
        Ok(server)
    }
}

/// A listener's TLS. Shared by all its connections.
#[derive(Debug)]
pub struct Server {
    certificates: Vec<Certificate>,
    policy: SecurityPolicy,
    ask: Ask,
    http2: bool,
    resumption: Option<Resumption>,
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    /// For each certificate: with ALPN, and without.
    ready: Vec<[Arc<ServerConfig>; 2]>,
}

#[derive(Debug)]
enum Ask {
    No,
    Any(Arc<dyn ClientCertVerifier>),
    Trusted { inner: Arc<dyn ClientCertVerifier>, ignore_expiry: bool },
}

/// What remembers sessions, for all configurations of a listener.
#[derive(Debug)]
struct Resumption {
    ticketer: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Resumption {
    fn new() -> Result<Self, rustls::Error> {
        Ok(Self { ticketer: ring::Ticketer::new()?, sessions: ServerSessionMemoryCache::new(REMEMBERED_SESSIONS) })
    }
}

/// How many clients without tickets are known again.
const REMEMBERED_SESSIONS: usize = 256;

impl Server {
    /// What to answer to a client's first message. `now` is the wall's time, for the choice between valid and expired certificates.
    #[must_use]
    pub fn accept(&self, hello: &ClientHello<'_>, now: Timestamp) -> Accepting {
        let offer = Offer::of(hello, self.policy.ciphers());
        let usable = |index: usize| self.certificates.get(index).is_some_and(|certificate| offer.can_use(&*certificate.key().key));
        let facts = self.certificates.iter().map(Certificate::facts);
        let index = choose(facts, offer.server_name.as_deref(), usable, now);
        let in_common = hello.alpn().is_none_or(|mut theirs| theirs.any(|protocol| self.protocols().contains(&protocol)));
        let certificate = &self.certificates[index];
        let Ask::Trusted { inner, ignore_expiry } = &self.ask else {
            let config = Arc::clone(&self.ready[index][usize::from(!in_common)]);
            return Accepting { config, certificate: index, shown: None };
        };
        let shown = Shown::default();
        let verifier = Verify { inner: Arc::clone(inner), ignore_expiry: *ignore_expiry, shown: Arc::clone(&shown) };
        let config = Arc::new(self.config(certificate, Some(Arc::new(verifier)), in_common));
        Accepting { config, certificate: index, shown: Some(shown) }
    }

    /// The certificates in the order of the setup, which [`Accepting::certificate`] counts.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Which headers its targets get ([`crate::client_headers`]).
    #[must_use]
    pub const fn mutual_mode(&self) -> MutualMode {
        match self.ask {
            Ask::No => MutualMode::Off,
            Ask::Any(_) => MutualMode::Passthrough,
            Ask::Trusted { .. } => MutualMode::Verify,
        }
    }

    fn protocols(&self) -> &'static [&'static [u8]] {
        if self.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] }
    }

    fn pair(&self, certificate: &Certificate) -> [Arc<ServerConfig>; 2] {
        let verifier = |ask: &Ask| match ask {
            Ask::No => None,
            Ask::Any(verifier) | Ask::Trusted { inner: verifier, .. } => Some(Arc::clone(verifier)),
        };
        [true, false].map(|alpn| Arc::new(self.config(certificate, verifier(&self.ask), alpn)))
    }

    fn config(&self, certificate: &Certificate, verifier: Option<Arc<dyn ClientCertVerifier>>, alpn: bool) -> ServerConfig {
        let builder = self.builder.clone();
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Only(Arc::clone(certificate.key()))));
        // The first cipher of the policy that the client has, too, is taken (AWS, "Security policies").
        config.ignore_client_order = true;
        if alpn {
            config.alpn_protocols = self.protocols().iter().map(|protocol| protocol.to_vec()).collect();
        }
        match &self.resumption {
            Some(resumption) => {
                config.ticketer = Arc::clone(&resumption.ticketer);
                config.session_storage = Arc::clone(&resumption.sessions);
            }
            None => {
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            }
        }
        config
    }
}

/// The one certificate of a configuration.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// The answer to one client.
#[derive(Clone, Debug)]
pub struct Accepting {
    /// For tokio-rustls' `StartHandshake::into_stream`, or rustls' `Accepted::into_connection`; for this client only.
    pub config: Arc<ServerConfig>,
    /// The index of the certificate that the client is shown, unless it resumes a session.
    pub certificate: usize,
    shown: Option<Arc<std::sync::OnceLock<CertificateDer<'static>>>>,
}

impl Accepting {
    /// What the connection log says of a handshake that ended with `error`, rustls' own or one of I/O around it.
    #[must_use]
    pub fn refusal(&self, error: &(dyn StdError + 'static)) -> Refusal {
        let certificate = self.shown.as_ref().and_then(|shown| ClientCertificate::of(shown.get()?));
        Refusal { failure: Failure::of(error), certificate }
    }
}
