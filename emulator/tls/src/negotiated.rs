//! What a handshake came to, in the words of AWS's logs and headers.

use model::TlsCipher;
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion, ServerConnection};

use crate::policy::suite;

/// The outcome of a client's handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: &'static str,
    /// OpenSSL's name: `ECDHE-RSA-AES128-GCM-SHA256`, `TLS_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// The group of the key exchange: `x25519`, `secp256r1`, `secp384r1`; `None` where there was none, in a resumed session of TLS 1.2.
    pub key_exchange: Option<&'static str>,
    /// The name that the client asked for (SNI).
    pub server_name: Option<String>,
    /// A session of before goes on: no certificate was shown, and the access log has `session-reused` for `chosen_cert_arn`.
    pub resumed: bool,
    /// The client chose `h2`.
    pub http2: bool,
}

impl Negotiated {
    /// `None` before the handshake is done.
    #[must_use]
    pub fn of(connection: &ServerConnection) -> Option<Self> {
        if connection.is_handshaking() {
            return None;
        }
        let protocol = match connection.protocol_version()? {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        };
        let chosen = connection.negotiated_cipher_suite()?;
        let cipher = TlsCipher::ALL.into_iter().find(|cipher| suite(*cipher).suite() == chosen.suite())?;
        Some(Self {
            protocol,
            cipher: cipher.as_str(),
            key_exchange: connection.negotiated_key_exchange_group().and_then(|group| name(group.name())),
            server_name: connection.server_name().map(str::to_owned),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            http2: connection.alpn_protocol() == Some(b"h2"),
        })
    }
}

/// The names of s2n, AWS's own implementation.
const fn name(group: NamedGroup) -> Option<&'static str> {
    match group {
        NamedGroup::X25519 => Some("x25519"),
        NamedGroup::secp256r1 => Some("secp256r1"),
        NamedGroup::secp384r1 => Some("secp384r1"),
        _ => None,
    }
}
