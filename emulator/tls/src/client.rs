//! The load balancer's side of handshakes with HTTPS targets.

use std::net::IpAddr;
use std::sync::Arc;

use model::SecurityPolicy;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::{policy, signature};

/// How targets are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSetup {
    /// [`SecurityPolicy::behind`] that of the listener; the default one behind HTTP listeners and for health checks.
    pub policy: SecurityPolicy,
    /// The target group's protocol version is HTTP2 or GRPC: `h2` is offered. Otherwise there is no ALPN at all.
    pub http2: bool,
}

impl ClientSetup {
    /// A configuration that takes any certificate: self-signed, expired, of another name, of version 1 (alb.md 1, "Target
    /// certificate"). That the target has its key is still proven. No certificate of our own, no SNI (as seen of AWS's load
    /// balancers), and no resumption: all targets of a laptop are one address, and would be handed one another's tickets.
    ///
    /// # Errors
    /// None with the policies there are: rustls refuses protocols without ciphers.
    pub fn build(self) -> Result<Arc<ClientConfig>, Error> {
        let builder = ClientConfig::builder_with_provider(policy::provider(self.policy)).with_protocol_versions(&policy::versions(self.policy))?;
        let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny)).with_no_client_auth();
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        if self.http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        Ok(Arc::new(config))
    }
}

/// The name that rustls wants for a target; nothing of it is sent or compared.
#[must_use]
pub fn target_name(address: IpAddr) -> ServerName<'static> {
    ServerName::IpAddress(address.into())
}

#[derive(Debug)]
struct AcceptAny;

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls12(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls13(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes()
    }
}
