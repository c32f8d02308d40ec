//! Texts of HTTP: queries, forms, credentials, cookies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use jiff::Timestamp;

/// Session cookies stay in the browser for a week, whatever the session's timeout (alb.md 3).
const EXPIRES_SECONDS: u64 = 7 * 24 * 60 * 60;

/// `name=value&…`, form-encoded.
pub(crate) fn form<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A URL with more of a query than it had.
pub(crate) fn with_query(url: &str, query: &str) -> String {
    let joint = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, there)) if there.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{url}{joint}{query}")
}

/// The first value of that name in a query.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// `Basic …` of an OAuth 2.0 client: both parts are form-encoded first (RFC 6749, 2.3.1).
pub(crate) fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

/// Whether a text can be the value of a header as it is: visible ASCII, and at least one character.
pub(crate) fn fits_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A URL as a header can hold it: what is not visible ASCII is percent-encoded.
pub(crate) fn location(url: &str) -> String {
    let encode = |byte: u8| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    url.bytes().map(encode).collect()
}

/// A value of `Set-Cookie` that stays for a week.
pub(crate) fn cookie(name: &str, value: &str, now: u64) -> String {
    format!("{name}={value}; Expires={}; Path=/; Secure; HttpOnly; SameSite=None", http_date(now.saturating_add(EXPIRES_SECONDS)))
}

/// A value of `Set-Cookie` that takes a cookie away.
pub(crate) fn no_cookie(name: &str) -> String {
    format!("{name}=; Expires={}; Path=/; Secure; HttpOnly; SameSite=None", http_date(0))
}

/// RFC 9110, 5.6.7.
fn http_date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_appended_to_whatever_is_there() {
        for (url, expected) in [
            ("https://idp/a", "https://idp/a?x=1"),
            ("https://idp/a?", "https://idp/a?x=1"),
            ("https://idp/a?p=b", "https://idp/a?p=b&x=1"),
            ("https://idp/a?p=b&", "https://idp/a?p=b&x=1"),
        ] {
            assert_eq!(with_query(url, "x=1"), expected);
        }
    }

    #[test]
    fn parameters_are_form_encoded_and_decoded() {
        assert_eq!(form([("scope", "openid e+mail"), ("ü", "&=")]), "scope=openid+e%2Bmail&%C3%BC=%26%3D");
        assert_eq!(parameter("a=1&code=x%2By+z&code=2", "code").as_deref(), Some("x+y z"));
        assert_eq!(parameter("codes=1", "code"), None);
    }

    #[test]
    fn credentials_are_encoded_before_they_are_joined() {
        assert_eq!(basic("client", "secret"), "Basic Y2xpZW50OnNlY3JldA==");
        assert_eq!(basic("a:b", ""), format!("Basic {}", STANDARD.encode("a%3Ab:")));
    }

    #[test]
    fn a_cookie_stays_for_a_week() {
        let cookie = cookie("n", "v", 1_735_689_600);
        assert_eq!(cookie, "n=v; Expires=Wed, 08 Jan 2025 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=None");
        assert!(no_cookie("n").starts_with("n=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; "));
        assert_eq!(location("https://shop/ü \r\n"), "https://shop/%C3%BC%20%0D%0A");
    }
}
