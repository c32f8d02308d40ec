//! `Host` for the target (alb.md 6.5).

use super::Text;
use crate::request::split_port;

/// What is known of the host of a request.
#[derive(Clone, Copy, Debug)]
pub struct HostLine<'a> {
    /// The authority of an absolute-form target.
    pub authority: Option<&'a str>,
    /// The first `Host` line.
    pub host: Option<&'a str>,
    /// The port that the listener is bound to.
    pub listener_port: u16,
    /// `routing.http.preserve_host_header.enabled`
    pub preserve: bool,
    /// The load balancer's DNS name, for requests that name no host (HTTP/1.0).
    pub dns_name: &'a str,
}

/// What becomes of `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostForTarget {
    /// One line with what was written takes the place of all that came.
    Replaced,
    /// The first line is right as it came. The others, if any, are sent exactly if the header is preserved.
    Unchanged,
}

/// Writes the value of `Host` for the target, in small letters. On ports 80 and 443 it has no port, on others the client's or, where
/// the client gave none, the listener's. Nothing is written unless the answer is [`HostForTarget::Replaced`].
pub fn host_for_target(out: &mut Vec<u8>, line: &HostLine<'_>) -> HostForTarget {
    if line.preserve && line.host.is_some() {
        return HostForTarget::Unchanged;
    }
    if line.preserve
        && let Some(authority) = line.authority
    {
        // Over HTTP/2 the authority is what HTTP/1 has as `Host`.
        out.extend_from_slice(authority.as_bytes());
        return HostForTarget::Replaced;
    }
    let Some(sent) = line.authority.or(line.host).filter(|sent| !sent.is_empty()) else {
        out.extend_from_slice(line.dns_name.as_bytes());
        return HostForTarget::Replaced;
    };
    let (name, port) = split_port(sent);
    let default_port = matches!(line.listener_port, 80 | 443);
    let right_port = if default_port { port.is_none() } else { port.is_some_and(|port| !port.is_empty()) };
    if right_port && line.host == Some(sent) && !sent.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return HostForTarget::Unchanged;
    }
    out.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
    match port.filter(|port| !port.is_empty()) {
        _ if default_port => {}
        Some(port) => Text(out).put(format_args!(":{port}")),
        None => Text(out).put(format_args!(":{}", line.listener_port)),
    }
    HostForTarget::Replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_rewritten_as_the_table_says() {
        let check = |listener_port: u16, authority: Option<&str>, host: Option<&str>, rewritten: &str, preserved: &str| {
            for (preserve, expected) in [(false, rewritten), (true, preserved)] {
                let mut out = Vec::new();
                let line = HostLine { authority, host, listener_port, preserve, dns_name: "front.localhost" };
                let value = match host_for_target(&mut out, &line) {
                    HostForTarget::Replaced => str::from_utf8(&out).unwrap(),
                    HostForTarget::Unchanged => host.unwrap(),
                };
                assert_eq!(value, expected, "{line:?}");
            }
        };
        for port in [80, 443] {
            check(port, None, Some("example.com"), "example.com", "example.com");
            check(port, None, Some("Example.COM"), "example.com", "Example.COM");
            check(port, None, Some("example.com:80"), "example.com", "example.com:80");
            check(port, None, Some("example.com:8443"), "example.com", "example.com:8443");
            check(port, None, Some("example.com:"), "example.com", "example.com:");
            check(port, Some("dns_name"), Some("example.com"), "dns_name", "example.com");
            check(port, Some("Example.com:8443"), None, "example.com", "Example.com:8443");
            check(port, None, Some("[::1]:80"), "[::1]", "[::1]:80");
            check(port, None, None, "front.localhost", "front.localhost");
            check(port, Some("other.com"), None, "other.com", "other.com");
        }
        check(8080, None, Some("example.com"), "example.com:8080", "example.com");
        check(8080, None, Some("EXAMPLE.com:9999"), "example.com:9999", "EXAMPLE.com:9999");
        check(8080, None, Some("[::1]"), "[::1]:8080", "[::1]");
        check(8080, None, Some("example.com:"), "example.com:8080", "example.com:");
        check(8080, None, Some(""), "front.localhost", "");
    }

    #[test]
    fn a_host_that_is_right_already_is_not_written_again() {
        for (listener_port, host) in [(80, "example.com"), (8080, "localhost:8080")] {
            let mut out = Vec::new();
            let line = HostLine { authority: None, host: Some(host), listener_port, preserve: false, dns_name: "front.localhost" };
            assert_eq!((host_for_target(&mut out, &line), out.len()), (HostForTarget::Unchanged, 0));
        }
    }
}
