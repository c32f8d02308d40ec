//! Which clients a target group can serve (alb.md 4, "Protocol matrix").

use model::ProtocolVersion;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientProtocol {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2, but not gRPC.
    Http2,
    /// gRPC.
    Grpc,
}

/// The status of a request whose protocol its target group does not serve.
pub const MISMATCH: u16 = 464;

/// Whether a request can be sent to a target of that version.
#[must_use]
pub fn serves(version: ProtocolVersion, client: ClientProtocol, method: &str) -> bool {
    match (version, client) {
        (ProtocolVersion::Http1, ClientProtocol::Http1 | ClientProtocol::Http2)
        | (ProtocolVersion::Http2, ClientProtocol::Http2 | ClientProtocol::Grpc)
        | (ProtocolVersion::Grpc, ClientProtocol::Grpc) => true,
        (ProtocolVersion::Grpc, ClientProtocol::Http2) => method == "POST",
        (ProtocolVersion::Http1, ClientProtocol::Grpc) | (ProtocolVersion::Http2 | ProtocolVersion::Grpc, ClientProtocol::Http1) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix() {
        use {ClientProtocol as C, ProtocolVersion as V};
        let rows = [(C::Http1, [true, false, false]), (C::Http2, [true, true, true]), (C::Grpc, [false, true, true])];
        for (client, expected) in rows {
            assert_eq!([V::Http1, V::Http2, V::Grpc].map(|version| serves(version, client, "POST")), expected, "{client:?}");
        }
        assert!(!serves(V::Grpc, C::Http2, "GET") && serves(V::Http2, C::Http2, "GET"));
    }
}
