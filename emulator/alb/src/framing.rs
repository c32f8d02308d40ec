//! Where messages end: what must leave no doubt, so that no two parties on a message's way disagree (alb.md 6.6).
//!
//! HTTP's implementation refuses most of what is doubtful itself, and merges equal lengths; here is the rest.

use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use routing::{ClientFailure, UpstreamFailure};

/// Names that some servers take for those with a hyphen.
const LOOK_ALIKES: [HeaderName; 2] = [HeaderName::from_static("content_length"), HeaderName::from_static("transfer_encoding")];

/// How a request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As everybody expects.
    Plain,
    /// Not everybody may see its end in the same place: it is served, and both connections end with it (alb.md 6.6, class Ambiguous).
    Ambiguous,
}

/// Refuses what alb.md 6.6 calls Severe.
pub(crate) fn of_request(parts: &Parts) -> Result<Framing, ClientFailure> {
    let coded = parts.headers.contains_key(TRANSFER_ENCODING);
    if coded && chunked_codings(&parts.headers) != 1 {
        return Err(ClientFailure::Malformed);
    }
    let unexpected = matches!(parts.method, Method::GET | Method::HEAD);
    let has_body = || coded || parts.headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes().iter().any(|digit| *digit != b'0'));
    let suspicious = LOOK_ALIKES.iter().any(|name| parts.headers.contains_key(name));
    Ok(if suspicious || unexpected && has_body() { Framing::Ambiguous } else { Framing::Plain })
}

/// Refuses a response whose end a client could see elsewhere than we do. No other coding than `chunked` was offered to the target.
pub(crate) fn of_response(headers: &HeaderMap) -> Result<(), UpstreamFailure> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let plain = match codings.next() {
        Some(coding) => coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none() && lengths.next().is_none(),
        None => lengths.all(|length| length.as_bytes().iter().all(u8::is_ascii_digit)),
    };
    if plain { Ok(()) } else { Err(UpstreamFailure::MalformedResponse) }
}

fn chunked_codings(headers: &HeaderMap) -> usize {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).filter(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked")).count()
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};
    use hyper::http::Request;

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn requests_are_told_apart() {
        let check = |method: &str, lines: &[(&str, &str)], expected: Result<Framing, ClientFailure>| {
            let (mut parts, ()) = Request::builder().method(method).body(()).unwrap().into_parts();
            for (name, value) in lines {
                parts.headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(of_request(&parts), expected, "{method} {lines:?}");
        };
        let (plain, ambiguous, severe) = (Ok(Framing::Plain), Ok(Framing::Ambiguous), Err(ClientFailure::Malformed));
        check("GET", &[], plain);
        check("GET", &[("content-length", "0")], plain);
        check("GET", &[("content-length", "3")], ambiguous);
        check("HEAD", &[("transfer-encoding", "chunked")], ambiguous);
        check("POST", &[("content-length", "3")], plain);
        check("POST", &[("content-length", "3"), ("transfer_encoding", "chunked")], ambiguous);
        check("POST", &[("content_length", "3")], ambiguous);
        check("DELETE", &[("content-length", "3")], plain);
        check("POST", &[("transfer-encoding", "Chunked")], plain);
        check("POST", &[("transfer-encoding", "gzip, chunked")], plain);
        check("POST", &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], plain);
        check("POST", &[("transfer-encoding", "chunked,chunked")], severe);
        check("POST", &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], severe);
        check("GET", &[("transfer-encoding", "chunked, chunked")], severe);
    }

    #[test]
    fn responses_end_in_one_place() {
        let check = |lines: &[(&str, &str)], good: bool| assert_eq!(of_response(&headers(lines)).is_ok(), good, "{lines:?}");
        check(&[], true);
        check(&[("content-length", "12")], true);
        check(&[("transfer-encoding", "Chunked")], true);
        check(&[("content-length", "2, 2")], false);
        check(&[("content-length", "5"), ("transfer-encoding", "chunked")], false);
        check(&[("transfer-encoding", "gzip")], false);
        check(&[("transfer-encoding", "identity")], false);
        check(&[("transfer-encoding", "gzip, chunked")], false);
    }
}
