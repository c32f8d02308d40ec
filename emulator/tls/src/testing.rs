//! What tests share: certificates, and handshakes in memory.

use std::io::{Read, Write};
use std::sync::Arc;

use model::{SecurityPolicy, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use rustls::{ClientConnection, ServerConnection};

use crate::{Accepting, Certificate, Mutual, PemFile, Server, ServerSetup, pem};

pub(crate) const RSA_CERTIFICATE: &str = include_str!("../testdata/rsa.pem");
pub(crate) const RSA_KEY: &str = include_str!("../testdata/rsa-key.pem");
pub(crate) const RSA_KEY_PKCS1: &str = include_str!("../testdata/rsa-key.pkcs1.pem");
pub(crate) const SEC1_CERTIFICATE: &str = include_str!("../testdata/sec1.pem");
pub(crate) const SEC1_KEY: &str = include_str!("../testdata/sec1-key.pem");
const SEC1_KEY_PKCS8: &str = include_str!("../testdata/sec1-key.pkcs8.pem");
pub(crate) const VERSION_1_CERTIFICATE: &str = include_str!("../testdata/version1.pem");

/// What a listener cannot serve with: certificate and key.
pub(crate) const UNUSABLE: &[(&str, &str, &str)] = &[
    ("RSA of 1024 bits", include_str!("../testdata/rsa1024.pem"), include_str!("../testdata/rsa1024-key.pem")),
    ("ECDSA P-521", include_str!("../testdata/p521.pem"), include_str!("../testdata/p521-key.pem")),
    ("neither RSA nor ECDSA on a curve of NIST's", include_str!("../testdata/ed25519.pem"), include_str!("../testdata/ed25519-key.pem")),
];

/// 2026-11-27.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_737_600_000);

pub(crate) fn pem_file<'a>(path: &'a str, text: &'a str) -> PemFile<'a> {
    PemFile { path, bytes: text.as_bytes() }
}

pub(crate) fn key_der(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(key.serialize_der().into())
}

fn parameters(names: &[&str]) -> CertificateParams {
    let mut parameters = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 2);
    parameters.not_after = rcgen::date_time_ymd(2120, 3, 4);
    parameters
}

/// A certificate and its key, in PEM.
pub(crate) fn self_signed(names: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = parameters(names).self_signed(&key).unwrap();
    (pem::encode("CERTIFICATE", certificate.der()), pem::encode("PRIVATE KEY", key.serialized_der()))
}

pub(crate) fn leaf(names: &[&str]) -> CertificateDer<'static> {
    parameters(names).self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// The key of the certificate of version 1.
pub(crate) fn sec1_key() -> KeyPair {
    KeyPair::try_from(&pem::private_key(pem_file("key", SEC1_KEY_PKCS8)).unwrap()).unwrap()
}

/// An ECDSA certificate for a listener.
pub(crate) fn ecdsa(names: &[&str]) -> Certificate {
    let (chain, key) = self_signed(names);
    Certificate::from_pem(pem_file("chain", &chain), pem_file("key", &key)).unwrap()
}

/// An RSA certificate for a listener.
pub(crate) fn rsa(names: &[&str]) -> Certificate {
    let der = pem::private_key(pem_file("key", RSA_KEY)).unwrap();
    let key = KeyPair::try_from(&der).unwrap();
    let certificate = parameters(names).self_signed(&key).unwrap();
    Certificate::from_pem(pem_file("chain", &pem::encode("CERTIFICATE", certificate.der())), pem_file("key", RSA_KEY)).unwrap()
}

/// As `mkcert` makes one: several parts in the name, of another kind of string.
pub(crate) fn foreign_authority() -> (String, String) {
    let mut parameters = parameters(&[]);
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, DnValue::PrintableString("mkcert development CA".try_into().unwrap()));
    name.push(DnType::OrganizationalUnitName, DnValue::Utf8String("me@laptop (Zo\u{eb})".to_owned()));
    name.push(DnType::CommonName, DnValue::PrintableString("mkcert me".try_into().unwrap()));
    parameters.distinguished_name = name;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    (pem::encode("CERTIFICATE", certificate.der()), pem::encode("PRIVATE KEY", key.serialized_der()))
}

/// A root and authorities below it, in a row.
pub(crate) struct Tree {
    pub(crate) root: String,
    intermediates: Vec<CertificateDer<'static>>,
    issuer: Issuer<'static, KeyPair>,
}

impl Tree {
    pub(crate) fn new(intermediates: usize) -> Self {
        let (root, mut issuer) = Self::authority("Root", None);
        let mut chain = Vec::new();
        for number in 1..=intermediates {
            let (certificate, next) = Self::authority(&format!("Intermediate {number}"), Some(&issuer));
            chain.insert(0, certificate);
            issuer = next;
        }
        Self { root: pem::encode("CERTIFICATE", &root), intermediates: chain, issuer }
    }

    fn authority(name: &str, above: Option<&Issuer<'static, KeyPair>>) -> (CertificateDer<'static>, Issuer<'static, KeyPair>) {
        let mut parameters = Self::named(name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let certificate = match above {
            Some(above) => parameters.signed_by(&key, above),
            None => parameters.self_signed(&key),
        };
        (certificate.unwrap().der().clone(), Issuer::new(parameters, key))
    }

    fn named(name: &str) -> CertificateParams {
        let mut parameters = parameters(&[]);
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::OrganizationName, "mTLS");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters
    }

    pub(crate) fn client(&self, name: &str) -> (Vec<CertificateDer<'static>>, KeyPair) {
        self.client_with(name, |_| {})
    }

    pub(crate) fn client_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Vec<CertificateDer<'static>>, KeyPair) {
        let mut parameters = Self::named(name);
        parameters.serial_number = Some(vec![10, 11, 12].into());
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let leaf = parameters.signed_by(&key, &self.issuer).unwrap().der().clone();
        (std::iter::once(leaf).chain(self.intermediates.iter().cloned()).collect(), key)
    }
}

pub(crate) fn setup(certificates: Vec<Certificate>) -> ServerSetup {
    let policy = "ELBSecurityPolicy-TLS13-1-2-2021-06".parse::<SecurityPolicy>().unwrap();
    ServerSetup { certificates, policy, http2: true, mutual: Mutual::Off }
}

/// What became of a handshake.
pub(crate) struct Met {
    pub(crate) accepting: Accepting,
    /// `Err` where the server ended it.
    pub(crate) server: Result<ServerConnection, rustls::Error>,
    /// `Err` where the client ended it, or was told of the end.
    pub(crate) client: Result<ClientConnection, rustls::Error>,
}

/// A whole handshake, and a word in both directions.
pub(crate) fn meet(server: &Server, client: ClientConnection) -> Met {
    let mut client = client;
    let mut acceptor = Acceptor::default();
    let accepted = loop {
        let mut flight = Vec::new();
        client.write_tls(&mut flight).unwrap();
        acceptor.read_tls(&mut flight.as_slice()).unwrap();
        if let Some(accepted) = acceptor.accept().map_err(|(error, _)| error).unwrap() {
            break accepted;
        }
    };
    let accepting = server.accept(&accepted.client_hello(), NOW);
    match accepted.into_connection(Arc::clone(&accepting.config)) {
        Ok(connection) => converse(accepting, connection, client),
        Err((error, mut alert)) => {
            let mut flight = Vec::new();
            alert.write_all(&mut flight).unwrap();
            client.read_tls(&mut flight.as_slice()).unwrap();
            let told = client.process_new_packets().map(|_| ());
            Met { accepting, server: Err(error), client: told.map(|()| client) }
        }
    }
}

fn converse(accepting: Accepting, mut server: ServerConnection, mut client: ClientConnection) -> Met {
    let mut refused = None;
    let mut gone = None;
    client.writer().write_all(b"ping").unwrap();
    server.writer().write_all(b"pong").unwrap();
    for _ in 0..8 {
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        let mut rest = flight.as_slice();
        while !rest.is_empty() && gone.is_none() {
            client.read_tls(&mut rest).unwrap();
            gone = client.process_new_packets().err();
        }
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        let mut rest = flight.as_slice();
        while !rest.is_empty() && refused.is_none() {
            server.read_tls(&mut rest).unwrap();
            refused = server.process_new_packets().err();
        }
    }
    if refused.is_none() && gone.is_none() {
        let (mut ping, mut pong) = ([0; 4], [0; 4]);
        server.reader().read_exact(&mut ping).unwrap();
        client.reader().read_exact(&mut pong).unwrap();
        assert_eq!((&ping, &pong), (b"ping", b"pong"));
    }
    Met { accepting, server: refused.map_or(Ok(server), Err), client: gone.map_or(Ok(client), Err) }
}
