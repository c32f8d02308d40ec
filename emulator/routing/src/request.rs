//! The head of a request as the data plane saw it.

use std::fmt::Debug;
use std::net::IpAddr;

/// What decisions are made from. Borrowed whole: making one costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// As the client wrote it.
    pub method: &'a str,
    /// As the client wrote it, percent-escapes included, without the query.
    pub path: &'a str,
    /// Without the `?`; `None` where there is no `?`.
    pub query: Option<&'a str>,
    /// The authority of an absolute-form target, else the first `Host` header; a port may follow. `None` if there is neither.
    pub host: Option<&'a str>,
    /// How the client speaks to the listener.
    pub scheme: Scheme,
    /// The port that the listener is bound to on this machine: `#{port}` of redirects, `X-Forwarded-Port`.
    pub listener_port: u16,
    /// Its header lines.
    pub headers: &'a dyn HeaderLines,
    /// The address of the TCP peer.
    pub peer: IpAddr,
}

/// The header lines of a request, as whoever read it holds them.
pub trait HeaderLines: Debug {
    /// Calls `found` for each value under `name`, in the order of the request and with names in letters of any case, until it says
    /// `true`; whether it did.
    fn any(&self, name: &str, found: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

impl<const N: usize> HeaderLines for [(&str, &str); N] {
    fn any(&self, name: &str, found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|(own, value)| own.eq_ignore_ascii_case(name) && found(value.as_bytes()))
    }
}

impl HeaderLines for Vec<(String, String)> {
    fn any(&self, name: &str, found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|(own, value)| own.eq_ignore_ascii_case(name) && found(value.as_bytes()))
    }
}

/// How a client speaks to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Cleartext.
    Http,
    /// Under TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`: the value of `X-Forwarded-Proto`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A host and the port after it, if there is one: `example.com:80`, `[::1]:80`. A colon with nothing behind it is an empty port.
#[must_use]
pub fn split_port(host: &str) -> (&str, Option<&str>) {
    // Both are ASCII, so places of bytes are places of characters. Hosts are short: no search pays for its preparation.
    let bytes = host.as_bytes();
    let colon = bytes.iter().rposition(|byte| matches!(byte, b':' | b']')).filter(|last| bytes[*last] == b':');
    match colon {
        Some(colon) => (&host[..colon], Some(&host[colon + 1..])),
        None => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_split_from_its_port() {
        let check = |host: &str, name: &str, port: Option<&str>| assert_eq!(split_port(host), (name, port), "{host}");
        check("example.com", "example.com", None);
        check("example.com:80", "example.com", Some("80"));
        check("example.com:", "example.com", Some(""));
        check("[::1]", "[::1]", None);
        check("[::1]:8080", "[::1]", Some("8080"));
        check("", "", None);
        check(":80", "", Some("80"));
        check("a:b:80", "a:b", Some("80"));
        check("]", "]", None);
    }
}
