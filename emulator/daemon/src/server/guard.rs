//! Who may ask. A browser can be made to send requests here by any page it shows, so the page's word is not taken:
//! Host must name this machine (else a name of somebody else's was pointed at 127.0.0.1), Origin must be absent or this machine's,
//! and a change must carry a header that no page can send across sites.

use hyper::header::{HOST, ORIGIN};
use hyper::{HeaderMap, Method};
use wire::local::{CLIENT_HEADER, Failure};

/// Whether the request may be answered.
///
/// # Errors
/// Why not.
pub(super) fn admit(method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    if !host.is_some_and(is_this_machine) {
        let given = host.unwrap_or("");
        return Err(Failure::input(format!("the Host header `{given}` is not this machine")).hint("ask for `localhost` or `127.0.0.1`"));
    }
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = origin.to_str().unwrap_or("");
        if !origin.strip_prefix("http://").is_some_and(is_this_machine) {
            return Err(Failure::input(format!("requests from pages of `{origin}` are refused")));
        }
    }
    if method != Method::GET && method != Method::HEAD && !headers.contains_key(CLIENT_HEADER) {
        return Err(Failure::input(format!("a request that changes something needs the header `{CLIENT_HEADER}`"))
            .hint(format!("with curl: `-H '{CLIENT_HEADER}: curl'`")));
    }
    Ok(())
}

fn is_this_machine(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| host.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        admit(&method, &headers).is_ok()
    }

    #[test]
    fn only_this_machine_may_ask() {
        for host in ["localhost:4566", "127.0.0.1", "[::1]:4566", "LOCALHOST"] {
            assert!(check(Method::GET, &[("host", host)]), "{host}");
        }
        for host in ["evil.example:4566", "localhost.evil.example", "127.0.0.1.evil.example", "169.254.170.2"] {
            assert!(!check(Method::GET, &[("host", host)]), "{host}");
        }
        assert!(!check(Method::GET, &[]));
    }

    #[test]
    fn pages_of_other_sites_may_not() {
        let host = ("host", "localhost:4566");
        assert!(check(Method::GET, &[host, ("origin", "http://localhost:4566")]));
        for origin in ["https://evil.example", "null", "http://evil.example", "http://localhost.evil.example"] {
            assert!(!check(Method::GET, &[host, ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn a_change_needs_our_own_header() {
        let host = ("host", "localhost:4566");
        assert!(!check(Method::POST, &[host, ("content-type", "application/x-www-form-urlencoded")]));
        assert!(check(Method::POST, &[host, ("x-ecslocal-client", "cli")]));
    }
}
