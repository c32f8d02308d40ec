//! The headers that a target is sent (alb.md 6.3, 6.5). Values are written into a buffer of the caller's, which can be used again.

use std::net::IpAddr;

pub mod forwarded_for;
pub mod host;
pub mod trace_id;

pub use forwarded_for::{ForwardedFor, forwarded_for, forwarded_for_addresses};
pub use host::{HostForTarget, HostLine, host_for_target};
pub use trace_id::{TraceSeed, trace_id};

/// Appended to, kept or removed as an attribute says.
pub const X_FORWARDED_FOR: &str = "X-Forwarded-For";
/// `http` or `https`; a client's own is overwritten.
pub const X_FORWARDED_PROTO: &str = "X-Forwarded-Proto";
/// The listener's port; a client's own is overwritten.
pub const X_FORWARDED_PORT: &str = "X-Forwarded-Port";
/// Names a request along its way.
pub const X_AMZN_TRACE_ID: &str = "X-Amzn-Trace-Id";

/// Headers that end at the load balancer, in small letters. The two sides' framing (`transfer-encoding`, `content-length`) is not
/// among them: it is made anew where it has to be. `upgrade` is sent anew where a connection is upgraded.
pub const HOP_BY_HOP: [&str; 6] = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"];

/// Whether a header of that name, in letters of any case, ends at the load balancer. `Expect` does too: the load balancer answers
/// `100 Continue` itself (alb.md 6.3).
#[must_use]
pub fn is_for_this_hop(name: &str) -> bool {
    name.eq_ignore_ascii_case("expect") || HOP_BY_HOP.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// An address without going through the formatting of every type, for it is written with each request.
fn address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else { return Text(out).put(format_args!("{address}")) };
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        for (least, digit) in [(100, octet / 100), (10, octet / 10 % 10), (0, octet % 10)] {
            if octet >= least {
                out.push(b'0' + digit);
            }
        }
    }
}

/// Text into a buffer of bytes. Writing to it never fails.
struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Text<'_> {
    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        // The only error would be our own `write_str`'s, which has none.
        std::fmt::Write::write_fmt(self, arguments).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_ever() {
        for text in ["0.0.0.0", "127.0.0.1", "10.20.100.99", "255.255.255.255", "2001:db8::1", "::ffff:1.2.3.4"] {
            let mut out = Vec::new();
            address(&mut out, text.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn headers_of_one_hop_are_known_in_any_case() {
        for name in ["Connection", "keep-alive", "PROXY-CONNECTION", "TE", "Trailer", "Upgrade", "Expect"] {
            assert!(is_for_this_hop(name), "{name}");
        }
        for name in ["Host", "Transfer-Encoding", "X-Forwarded-Host", "Via", "Forwarded", "Trailers"] {
            assert!(!is_for_this_hop(name), "{name}");
        }
    }
}
