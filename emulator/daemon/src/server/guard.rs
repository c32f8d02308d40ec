//! Who may ask. A browser can be made to send requests here by any page it shows, so the page's word is not taken:
//! Host must name this machine (else a name of somebody else's was pointed at 127.0.0.1), Origin must be absent or this machine's,
//! and a change must carry a header that no page can send across sites: our own, AWS's target header, or a signature. The registry asks for a password
//! instead, in every request, so it may be asked by whatever name; Docker sends no header of ours.

use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use hyper::{HeaderMap, Method};
use wire::json11::TARGET_HEADER;
use wire::local::{CLIENT_HEADER, Failure};

/// Whether the request may be answered.
///
/// # Errors
/// Why not.
pub(super) fn admit(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Failure> {
    from_this_machine(headers)?;
    if is_registry(path) {
        return Ok(());
    }
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    if !host.is_some_and(is_this_machine) {
        let given = host.unwrap_or("");
        return Err(Failure::input(format!("the Host header `{given}` is not this machine")).hint("ask for `localhost` or `127.0.0.1`"));
    }
    // A form of a page cannot be signed, and a signature is nothing that a page can send unasked.
    let signed = headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 "));
    let ours = headers.contains_key(CLIENT_HEADER) || headers.contains_key(TARGET_HEADER) || signed;
    if method != Method::GET && method != Method::HEAD && !ours {
        return Err(Failure::input(format!("a request that changes something needs the header `{CLIENT_HEADER}`"))
            .hint(format!("with curl: `-H '{CLIENT_HEADER}: curl'`")));
    }
    Ok(())
}

/// Whether a path is the registry's.
pub(super) fn is_registry(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/")
}

fn from_this_machine(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("");
    if origin.strip_prefix("http://").is_some_and(is_this_machine) {
        return Ok(());
    }
    Err(Failure::input(format!("requests from pages of `{origin}` are refused")))
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
        admit(&method, "/local/v1/x", &headers).is_ok()
    }

    #[test]
    fn the_registry_has_its_own_password_and_aws_its_own_header() {
        let headers =
            |pairs: &[(&'static str, &'static str)]| pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        assert!(admit(&Method::PUT, "/v2/users/manifests/v1", &headers(&[("host", "registry.test")])).is_ok());
        assert!(admit(&Method::PUT, "/v2/", &headers(&[("host", "localhost"), ("origin", "https://evil.example")])).is_err());
        assert!(admit(&Method::POST, "/v20", &headers(&[("host", "localhost")])).is_err());
        let target = ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.CreateRepository");
        assert!(admit(&Method::POST, "/", &headers(&[("host", "localhost:4566"), target])).is_ok());
        assert!(admit(&Method::POST, "/", &headers(&[("host", "evil.example"), target])).is_err());
        assert!(admit(&Method::POST, "/", &headers(&[("host", "localhost"), ("origin", "https://evil.example"), target])).is_err());
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
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert!(check(Method::POST, &[host, form, ("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/sts/aws4_request")]));
        assert!(!check(Method::POST, &[host, form, ("authorization", "Basic eDp5")]));
    }
}
