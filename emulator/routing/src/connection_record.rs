//! What is known of one connection once it is made, or has come to nothing: a line of the connection log (alb.md 8).

use std::fmt::{self, Display, Formatter, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::record::{Time, or_dash, quoted};
use crate::table::Balancer;

/// One connection of a client.
#[derive(Clone, Debug)]
pub struct ConnectionRecord {
    /// Since the Unix epoch.
    pub at: Duration,
    /// The load balancer that it came to.
    pub balancer: Arc<Balancer>,
    /// Who made it.
    pub client: SocketAddr,
    /// The port that it came to.
    pub listener_port: u16,
    /// What its TLS handshake came to; `None` on HTTP listeners.
    pub handshake: Option<HandshakeRecord>,
    /// The end of `TID_...`: the same as in the access log.
    pub connection: u128,
}

/// A TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandshakeRecord {
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: Option<&'static str>,
    /// In OpenSSL's spelling.
    pub cipher: Option<&'static str>,
    /// `x25519`, `secp256r1` ...
    pub key_exchange: Option<&'static str>,
    /// How long it took; `None` where it failed.
    pub latency: Option<Duration>,
    /// The client's own certificate.
    pub leaf: Option<LeafCertificate>,
    /// `Success` or `Failed:<code>`.
    pub status: String,
}

/// A client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafCertificate {
    /// RFC 2253.
    pub subject: String,
    /// `NotBefore=...Z;NotAfter=...Z`
    pub validity: String,
    /// In hexadecimal.
    pub serial_number: String,
}

impl Display for ConnectionRecord {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {} ", Time(self.at), self.client.ip(), self.client.port(), self.listener_port)?;
        let handshake = self.handshake.as_ref();
        or_dash(f, handshake.and_then(|handshake| handshake.protocol))?;
        f.write_char(' ')?;
        or_dash(f, handshake.and_then(|handshake| handshake.cipher))?;
        f.write_char(' ')?;
        match handshake.and_then(|handshake| handshake.latency) {
            Some(latency) => write!(f, "{:.3}", latency.as_secs_f64())?,
            None => f.write_char('-')?,
        }
        let leaf = handshake.and_then(|handshake| handshake.leaf.as_ref());
        f.write_char(' ')?;
        quoted(f, leaf.map(|leaf| &*leaf.subject))?;
        f.write_char(' ')?;
        or_dash(f, leaf.map(|leaf| &leaf.validity))?;
        f.write_char(' ')?;
        or_dash(f, leaf.map(|leaf| &leaf.serial_number))?;
        f.write_char(' ')?;
        or_dash(f, handshake.map(|handshake| &handshake.status))?;
        write!(f, " TID_{:032x} ", self.connection)?;
        or_dash(f, handshake.and_then(|handshake| handshake.key_exchange))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile;
    use crate::testing::{put_listener, world};

    #[test]
    fn lines_are_those_of_the_connection_log() {
        let mut world = world();
        put_listener(&mut world, "front", 443, Vec::new());
        let balancer = Arc::clone(compile(&world, None).listener(443, None).unwrap().balancer());
        let plain = ConnectionRecord {
            at: Duration::from_micros(1_696_439_115_514_108),
            balancer,
            client: "203.0.113.1:36280".parse().unwrap(),
            listener_port: 443,
            handshake: None,
            connection: 0xfe,
        };
        assert_eq!(plain.to_string(), "2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 - - - \"-\" - - - TID_000000000000000000000000000000fe -");
        let handshake = HandshakeRecord {
            protocol: Some("TLSv1.2"),
            cipher: Some("ECDHE-RSA-AES128-GCM-SHA256"),
            key_exchange: Some("x25519"),
            latency: Some(Duration::from_millis(4036)),
            leaf: Some(LeafCertificate {
                subject: "CN=amazondomains.com,O=end \"Entity\"".into(),
                validity: "NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z".into(),
                serial_number: "FEF257372D5C14D4".into(),
            }),
            status: "Success".into(),
        };
        assert_eq!(
            ConnectionRecord { handshake: Some(handshake), ..plain }.to_string(),
            "2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 \
             \"CN=amazondomains.com,O=end \\x22Entity\\x22\" NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 \
             Success TID_000000000000000000000000000000fe x25519"
        );
    }
}
