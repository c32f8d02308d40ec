//! Whole handshakes between rustls' client and a listener, in memory.

use std::sync::Arc;

use model::SecurityPolicy;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
};

use crate::testing::{Met, Tree, VERSION_1_CERTIFICATE, ecdsa, key_der, meet, pem_file, rsa, setup};
use crate::{Certificate, Failure, Mutual, Negotiated, Server, ServerSetup, SetupError, TrustStore, signature};

const TLS12: &SupportedProtocolVersion = &rustls::version::TLS12;
const TLS13: &SupportedProtocolVersion = &rustls::version::TLS13;

type Identity = (Vec<CertificateDer<'static>>, rcgen::KeyPair);

/// A client that takes any certificate; what it offers can be changed.
struct Client {
    provider: CryptoProvider,
    versions: Vec<&'static SupportedProtocolVersion>,
    schemes: Vec<SignatureScheme>,
    identity: Option<Identity>,
    alpn: Vec<Vec<u8>>,
}

impl Client {
    fn new(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let schemes = signature::schemes();
        Self { provider: ring::default_provider(), versions: versions.to_vec(), schemes, identity: None, alpn: Vec::new() }
    }

    fn with(identity: Identity, version: &'static SupportedProtocolVersion) -> Self {
        Self { identity: Some(identity), ..Self::new(&[version]) }
    }

    fn alpn(protocols: &[&str]) -> Self {
        Self { alpn: protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(), ..Self::new(&[TLS12, TLS13]) }
    }

    fn config(self) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(self.provider)).with_protocol_versions(&self.versions).unwrap();
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient(self.schemes)));
        let mut config = match self.identity {
            Some((chain, key)) => builder.with_client_cert_resolver(Arc::new(Has(chain, key))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        Arc::new(config)
    }

    fn meet(self, server: &Server, name: &str) -> Met {
        meet(server, connection(&self.config(), name))
    }
}

fn connection(config: &Arc<ClientConfig>, name: &str) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap()
}

/// Shows its chain, even one that rustls would not.
struct Has(Vec<CertificateDer<'static>>, rcgen::KeyPair);

impl ResolvesClientCert for Has {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::new(CertifiedKey::new(self.0.clone(), ring::sign::any_supported_type(&key_der(&self.1)).unwrap())))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Has {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Has")
    }
}

/// Takes any certificate, with these signatures only.
#[derive(Debug)]
struct Lenient(Vec<SignatureScheme>);

impl ServerCertVerifier for Lenient {
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
        self.0.clone()
    }
}

fn policy(name: &str) -> SecurityPolicy {
    format!("ELBSecurityPolicy-{name}").parse().unwrap()
}

fn outcome(met: &Met) -> Negotiated {
    Negotiated::of(met.server.as_ref().unwrap()).unwrap()
}

fn shown(met: &Met) -> CertificateDer<'static> {
    met.client.as_ref().unwrap().peer_certificates().unwrap()[0].clone()
}

#[test]
fn a_listener_needs_a_certificate() {
    assert_eq!(setup(Vec::new()).build().unwrap_err(), SetupError::NoCertificate);
}

#[test]
fn the_name_chooses_the_certificate() {
    let server = setup(vec![ecdsa(&["default.test"]), ecdsa(&["a.test"]), ecdsa(&["*.b.test"])]).build().unwrap();
    for version in [TLS12, TLS13] {
        for (name, expected) in [("a.test", 1), ("A.TEST", 1), ("x.b.test", 2), ("x.y.b.test", 0), ("c.test", 0), ("127.0.0.1", 0)] {
            let met = Client::new(&[version]).meet(&server, name);
            assert_eq!(met.accepting.certificate, expected, "{name}");
            assert_eq!(shown(&met), server.certificates()[expected].key().cert[0], "{name}");
            let asked = outcome(&met).server_name.map(|asked| asked.to_ascii_lowercase());
            assert_eq!(asked, (name != "127.0.0.1").then(|| name.to_ascii_lowercase()), "addresses are no names");
        }
    }
}

#[test]
fn a_client_without_ecdsa_gets_rsa() {
    let server = setup(vec![ecdsa(&["default.test"]), ecdsa(&["a.test"]), rsa(&["a.test"])]).build().unwrap();
    assert_eq!(Client::new(&[TLS12, TLS13]).meet(&server, "a.test").accepting.certificate, 1);
    let is_rsa = |scheme: &SignatureScheme| format!("{scheme:?}").starts_with("RSA");
    for version in [TLS12, TLS13] {
        let mut client = Client::new(&[version]);
        client.schemes.retain(is_rsa);
        let met = client.meet(&server, "a.test");
        assert_eq!(met.accepting.certificate, 2);
        assert_eq!(outcome(&met).cipher, if version == TLS12 { "ECDHE-RSA-AES128-GCM-SHA256" } else { "TLS_AES_128_GCM_SHA256" });
    }
    // By the ciphers, though its signatures say nothing against ECDSA.
    let mut client = Client::new(&[TLS12]);
    client.provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains("ECDHE_RSA"));
    assert_eq!(client.meet(&server, "a.test").accepting.certificate, 2);
}

#[test]
fn a_policy_says_what_is_offered() {
    let check = |name: &str, version: &'static SupportedProtocolVersion, expected: Option<(&str, &str)>| {
        let server = ServerSetup { policy: policy(name), ..setup(vec![ecdsa(&["a.test"])]) }.build().unwrap();
        let met = Client::new(&[version]).meet(&server, "a.test");
        let found = met.server.as_ref().ok().and_then(Negotiated::of);
        assert_eq!(found.as_ref().map(|found| (found.protocol, found.cipher)), expected, "{name}");
        if expected.is_none() {
            assert_eq!(met.client.unwrap_err(), Error::AlertReceived(AlertDescription::ProtocolVersion));
            let refusal = met.accepting.refusal(&met.server.unwrap_err());
            assert_eq!((refusal.status().as_str(), refusal.certificate), ("Failed:UnmappedConnectionError", None));
        }
    };
    let old = Some(("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"));
    let new = Some(("TLSv1.3", "TLS_AES_128_GCM_SHA256"));
    check("2016-08", TLS12, old);
    check("2016-08", TLS13, None);
    check("TLS13-1-3-2021-06", TLS12, None);
    check("TLS13-1-3-PQ-2025-09", TLS13, new);
    check("TLS13-1-2-Res-PQ-2025-09", TLS12, old);
    check("TLS13-1-2-Res-PQ-2025-09", TLS13, new);
}

#[test]
fn the_listener_decides_the_cipher_unless_there_is_none_in_common() {
    let server = setup(vec![ecdsa(&["a.test"])]).build().unwrap();
    let mut client = Client::new(&[TLS12, TLS13]);
    client.provider.cipher_suites.reverse();
    assert_eq!(outcome(&client.meet(&server, "a.test")).cipher, "TLS_AES_128_GCM_SHA256");
    let mut client = Client::new(&[TLS12]);
    client.provider.cipher_suites.retain(|suite| suite.suite() == CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    let met = client.meet(&server, "a.test");
    assert_eq!(met.client.unwrap_err(), Error::AlertReceived(AlertDescription::HandshakeFailure));
}

#[test]
fn groups_have_the_names_of_the_log() {
    let server = setup(vec![ecdsa(&["a.test"])]).build().unwrap();
    for (group, expected) in [(0, "x25519"), (1, "secp256r1"), (2, "secp384r1")] {
        for version in [TLS12, TLS13] {
            let mut client = Client::new(&[version]);
            client.provider.kx_groups = vec![client.provider.kx_groups[group]];
            assert_eq!(outcome(&client.meet(&server, "a.test")).key_exchange, Some(expected));
        }
    }
}

#[test]
fn protocols_after_tls_are_agreed_upon_or_left_open() {
    let both = setup(vec![ecdsa(&["a.test"])]).build().unwrap();
    let one = ServerSetup { http2: false, ..setup(vec![ecdsa(&["a.test"])]) }.build().unwrap();
    let check = |server: &Server, offered: &[&str], expected: Option<&str>| {
        let met = Client::alpn(offered).meet(server, "a.test");
        assert_eq!(met.client.as_ref().unwrap().alpn_protocol(), expected.map(str::as_bytes), "{offered:?}");
        assert_eq!(outcome(&met).http2, expected == Some("h2"));
    };
    check(&both, &["http/1.1", "h2"], Some("h2"));
    check(&both, &["http/1.1"], Some("http/1.1"));
    check(&both, &[], None);
    check(&both, &["spdy/3", "http/1.0"], None);
    check(&one, &["h2", "http/1.1"], Some("http/1.1"));
    check(&one, &["h2"], None);
}

#[test]
fn sessions_are_resumed_but_not_with_mutual_tls() {
    let certificates = || vec![ecdsa(&["default.test"]), ecdsa(&["a.test"])];
    let check = |mutual: Mutual, versions: &[&'static SupportedProtocolVersion], expected: bool| {
        let server = ServerSetup { mutual, ..setup(certificates()) }.build().unwrap();
        let config = Client::new(versions).config();
        assert!(!outcome(&meet(&server, connection(&config, "a.test"))).resumed);
        let again = outcome(&meet(&server, connection(&config, "a.test")));
        assert_eq!((again.resumed, again.server_name.as_deref()), (expected, Some("a.test")));
        assert_eq!(again.key_exchange.is_none(), expected && versions == [TLS12]);
        assert!(!outcome(&meet(&server, connection(&config, "b.test"))).resumed, "of another name");
    };
    for version in [TLS12, TLS13] {
        check(Mutual::Off, &[version], true);
        check(Mutual::Passthrough, &[version], false);
    }
}

#[test]
fn passing_through_takes_any_certificate_and_none() {
    let server = ServerSetup { mutual: Mutual::Passthrough, ..setup(vec![ecdsa(&["a.test"])]) }.build().unwrap();
    assert_eq!(server.mutual_mode(), crate::MutualMode::Passthrough);
    let tree = Tree::new(2);
    for version in [TLS12, TLS13] {
        let met = Client::new(&[version]).meet(&server, "a.test");
        assert_eq!(met.server.unwrap().peer_certificates(), None);
        let expired = tree.client_with("old", |parameters| parameters.not_after = rcgen::date_time_ymd(2021, 1, 1));
        for identity in [tree.client("client.test"), expired] {
            let chain = identity.0.clone();
            let met = Client::with(identity, version).meet(&server, "a.test");
            assert_eq!(met.server.unwrap().peer_certificates(), Some(chain.as_slice()));
        }
        let chain = crate::pem::certificates(pem_file("v1", VERSION_1_CERTIFICATE)).unwrap();
        let met = Client::with((chain.clone(), crate::testing::sec1_key()), version).meet(&server, "a.test");
        assert_eq!(met.server.unwrap().peer_certificates(), Some(chain.as_slice()), "of version 1");
        let met = Client::with((chain, rcgen::KeyPair::generate().unwrap()), version).meet(&server, "a.test");
        let error = met.server.unwrap_err();
        assert_eq!(error, Error::InvalidCertificate(rustls::CertificateError::BadSignature), "a certificate without its key proves nothing");
    }
}

fn verifying(tree: &Tree, ignore_expiry: bool, advertise_ca_names: bool) -> Server {
    let trust_store = TrustStore::from_pem(pem_file("trust.pem", &tree.root)).unwrap();
    let mutual = Mutual::Verify { trust_store, ignore_expiry, advertise_ca_names };
    ServerSetup { mutual, ..setup(vec![ecdsa(&["a.test"])]) }.build().unwrap()
}

#[test]
fn verified_clients_come_in_and_others_are_told_why_not() {
    let tree = Tree::new(1);
    let server = verifying(&tree, false, false);
    let check = |what: &str, identity: Identity, failure: Failure, alert: AlertDescription| {
        for version in [TLS12, TLS13] {
            let identity = (identity.0.clone(), rcgen::KeyPair::try_from(&key_der(&identity.1)).unwrap());
            let leaf = crate::ClientCertificate::of(&identity.0[0]);
            let met = Client::with(identity, version).meet(&server, "a.test");
            let refusal = met.accepting.refusal(&met.server.expect_err(what));
            assert_eq!((refusal.failure, &refusal.certificate), (failure, &leaf), "{what}");
            assert_eq!(refusal.status(), format!("Failed:{}", failure.as_str()));
            assert_eq!(met.client.unwrap_err(), Error::AlertReceived(alert), "{what}");
        }
    };
    for version in [TLS12, TLS13] {
        let met = Client::with(tree.client("client.test"), version).meet(&server, "a.test");
        assert_eq!(met.server.unwrap().peer_certificates().unwrap().len(), 2);
    }
    let year = |year| rcgen::date_time_ymd(year, 1, 1);
    let expired = tree.client_with("old", |parameters| parameters.not_after = year(2021));
    let future = tree.client_with("new", |parameters| parameters.not_before = year(2110));
    let purpose = tree.client_with("server", |parameters| parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth]);
    check("another root", Tree::new(1).client("other"), Failure::ClientCertUntrusted, AlertDescription::DecryptError);
    let (mut chain, key) = Tree::new(3).client("other");
    chain.truncate(1);
    check("an unknown issuer", (chain, key), Failure::ClientCertUntrusted, AlertDescription::UnknownCA);
    check("expired", expired, Failure::ClientCertExpired, AlertDescription::CertificateExpired);
    check("not yet valid", future, Failure::ClientCertNotYetValid, AlertDescription::CertificateExpired);
    check("of a server", purpose, Failure::ClientCertPurposeInvalid, AlertDescription::UnsupportedCertificate);
}

#[test]
fn a_verified_client_must_have_a_certificate() {
    let server = verifying(&Tree::new(0), false, false);
    for version in [TLS12, TLS13] {
        let met = Client::new(&[version]).meet(&server, "a.test");
        let error = met.server.unwrap_err();
        assert_eq!(error, Error::NoCertificatesPresented);
        assert_eq!(met.accepting.refusal(&error).certificate, None);
    }
}

#[test]
fn chains_have_four_certificates_at_most() {
    for (intermediates, accepted) in [(0, true), (3, true), (4, false)] {
        let tree = Tree::new(intermediates);
        let met = Client::with(tree.client("client.test"), TLS13).meet(&verifying(&tree, false, false), "a.test");
        let failure = met.server.err().map(|error| met.accepting.refusal(&error).failure);
        assert_eq!(failure, (!accepted).then_some(Failure::ClientCertMaxChainDepthExceeded), "{intermediates}");
    }
}

#[test]
fn expiry_can_be_ignored_and_nothing_else_with_it() {
    let tree = Tree::new(1);
    let server = verifying(&tree, true, false);
    let old = |tree: &Tree| tree.client_with("old", |parameters| parameters.not_after = rcgen::date_time_ymd(2021, 1, 1));
    let failure = |identity: Identity| {
        let met = Client::with(identity, TLS13).meet(&server, "a.test");
        met.server.err().map(|error| met.accepting.refusal(&error).failure)
    };
    assert_eq!(failure(old(&tree)), None);
    assert_eq!(failure(tree.client("client.test")), None);
    assert_eq!(failure(old(&Tree::new(1))), Some(Failure::ClientCertUntrusted));
    let future = tree.client_with("new", |parameters| parameters.not_before = rcgen::date_time_ymd(2110, 1, 1));
    assert_eq!(failure(future), Some(Failure::ClientCertNotYetValid));
}

#[test]
fn names_of_the_trust_store_are_told_on_demand_only() {
    #[derive(Debug)]
    struct Asked(std::sync::Mutex<Vec<usize>>);
    impl ResolvesClientCert for Asked {
        fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            self.0.lock().unwrap().push(hints.len());
            None
        }
        fn has_certs(&self) -> bool {
            true
        }
    }
    let tree = Tree::new(0);
    for advertise in [true, false] {
        let server = verifying(&tree, false, advertise);
        let asked = Arc::new(Asked(Default::default()));
        let mut config = Arc::unwrap_or_clone(Client::new(&[TLS13]).config());
        config.client_auth_cert_resolver = asked.clone();
        meet(&server, connection(&Arc::new(config), "a.test"));
        assert_eq!(*asked.0.lock().unwrap(), [usize::from(advertise)]);
    }
}

#[test]
fn any_target_will_do_that_has_its_key() {
    let version1 = || Certificate::from_pem(pem_file("v1", VERSION_1_CERTIFICATE), pem_file("key", crate::testing::SEC1_KEY)).unwrap();
    for target in [ecdsa(&["other.test"]), rsa(&["other.test"]), version1()] {
        for (listener, protocol) in [("2016-08", "TLSv1.2"), ("TLS13-1-2-Res-2021-06", "TLSv1.3")] {
            let server = setup(vec![target.clone()]).build().unwrap();
            for http2 in [true, false] {
                let config = crate::ClientSetup { policy: policy(listener).behind(), http2 }.build().unwrap();
                let name = crate::target_name(std::net::Ipv4Addr::LOCALHOST.into());
                for _ in 0..2 {
                    let met = meet(&server, ClientConnection::new(Arc::clone(&config), name.clone()).unwrap());
                    let outcome = outcome(&met);
                    assert_eq!((outcome.protocol, outcome.http2, outcome.resumed, outcome.server_name.as_deref()), (protocol, http2, false, None));
                    assert_eq!(met.client.unwrap().alpn_protocol(), http2.then_some(&b"h2"[..]));
                }
            }
        }
    }
}

#[test]
fn the_local_authority_is_believed_by_who_trusts_it() {
    let folder = tempfile::tempdir().unwrap();
    let authority = crate::Authority::open(folder.path(), "test", crate::testing::NOW).unwrap();
    let server = setup(vec![authority.issue(["shop.localhost"], crate::testing::NOW).unwrap()]).build().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate().clone()).unwrap();
    let builder = ClientConfig::builder_with_details(Arc::new(ring::default_provider()), Arc::new(Clock));
    let config = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    let config = Arc::new(config);
    for name in ["localhost", "shop.localhost", "127.0.0.1", "::1"] {
        assert!(meet(&server, connection(&config, name)).client.is_ok(), "{name}");
    }
    let stranger = meet(&server, connection(&config, "shop.test")).client.unwrap_err();
    assert!(matches!(stranger, Error::InvalidCertificate(_)), "{stranger}");
}

/// The time at which the tests take place.
#[derive(Debug)]
struct Clock;

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(crate::testing::NOW.as_secs())))
    }
}
