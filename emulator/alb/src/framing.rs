//! Where messages end: what must leave no doubt, so that no two parties on a message's way disagree (alb.md 6.6).
//!
//! HTTP's implementation refuses most of what is doubtful itself, and merges equal lengths; here is the rest.

use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Version};
use model::DesyncMode;
use routing::UpstreamFailure;
use routing::record::{Doubt, DoubtClass};

/// Names that some servers take for those with a hyphen.
const LOOK_ALIKES: [HeaderName; 2] = [HeaderName::from_static("content_length"), HeaderName::from_static("transfer_encoding")];

/// What becomes of a request for the doubt that it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is served.
    Serve,
    /// It is served, and both connections end with it.
    ServeAndClose,
    /// It is answered 400.
    Refuse,
}

/// The table of desync mitigation (alb.md 6.6).
pub(crate) const fn verdict(doubt: Option<Doubt>, mode: DesyncMode) -> Verdict {
    match (doubt, mode) {
        (None, _) | (Some(_), DesyncMode::Monitor) | (Some(Doubt { class: DoubtClass::Acceptable, .. }), DesyncMode::Defensive) => Verdict::Serve,
        (Some(Doubt { class: DoubtClass::Ambiguous, .. }), DesyncMode::Defensive) => Verdict::ServeAndClose,
        (Some(_), DesyncMode::Strictest) | (Some(Doubt { class: DoubtClass::Severe, .. }), DesyncMode::Defensive) => Verdict::Refuse,
    }
}

/// The gravest doubt about where a request ends, under the reasons of AWS's classifier (alb.md 6.6).
pub(crate) fn of_request(parts: &Parts) -> Option<Doubt> {
    let doubt = |class, reason| Some(Doubt { class, reason });
    if parts.version == Version::HTTP_2 {
        return None;
    }
    let coded = parts.headers.contains_key(TRANSFER_ENCODING);
    let length = parts.headers.get(CONTENT_LENGTH);
    if coded {
        match chunked_codings(&parts.headers) {
            0 => return doubt(DoubtClass::Severe, "BadTransferEncoding"),
            1 => {}
            _ => return doubt(DoubtClass::Severe, "MultipleTransferEncodingChunked"),
        }
    }
    if LOOK_ALIKES.iter().any(|name| parts.headers.contains_key(name)) {
        return doubt(DoubtClass::Ambiguous, "SuspiciousHeader");
    }
    if coded && length.is_some() {
        return doubt(DoubtClass::Ambiguous, "BothTeClPresent");
    }
    let bodiless = matches!(parts.method, Method::GET | Method::HEAD);
    if coded && (bodiless || parts.version == Version::HTTP_10) {
        return doubt(DoubtClass::Ambiguous, "UndefinedTransferEncodingSemantics");
    }
    match length.map(|length| length.as_bytes().iter().all(|digit| *digit == b'0')) {
        Some(false) if bodiless => doubt(DoubtClass::Ambiguous, "UndefinedContentLengthSemantics"),
        Some(true) if bodiless => doubt(DoubtClass::Acceptable, "GetHeadZeroContentLength"),
        _ => None,
    }
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
        let check = |method: &str, lines: &[(&str, &str)], expected: Option<(DoubtClass, &'static str)>| {
            let (mut parts, ()) = Request::builder().method(method).body(()).unwrap().into_parts();
            for (name, value) in lines {
                parts.headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(of_request(&parts), expected.map(|(class, reason)| Doubt { class, reason }), "{method} {lines:?}");
        };
        let plain = None;
        let ambiguous = |reason| Some((DoubtClass::Ambiguous, reason));
        let severe = Some((DoubtClass::Severe, "MultipleTransferEncodingChunked"));
        check("GET", &[], plain);
        check("GET", &[("content-length", "0")], Some((DoubtClass::Acceptable, "GetHeadZeroContentLength")));
        check("POST", &[("content-length", "0")], plain);
        check("GET", &[("content-length", "3")], ambiguous("UndefinedContentLengthSemantics"));
        check("HEAD", &[("transfer-encoding", "chunked")], ambiguous("UndefinedTransferEncodingSemantics"));
        check("POST", &[("transfer-encoding", "chunked"), ("content-length", "3")], ambiguous("BothTeClPresent"));
        check("POST", &[("transfer-encoding", "chunk")], Some((DoubtClass::Severe, "BadTransferEncoding")));
        check("POST", &[("content-length", "3")], plain);
        check("POST", &[("content-length", "3"), ("transfer_encoding", "chunked")], ambiguous("SuspiciousHeader"));
        check("POST", &[("content_length", "3")], ambiguous("SuspiciousHeader"));
        check("DELETE", &[("content-length", "3")], plain);
        check("POST", &[("transfer-encoding", "Chunked")], plain);
        check("POST", &[("transfer-encoding", "gzip, chunked")], plain);
        check("POST", &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], plain);
        check("POST", &[("transfer-encoding", "chunked,chunked")], severe);
        check("POST", &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], severe);
        check("GET", &[("transfer-encoding", "chunked, chunked")], severe);
    }

    #[test]
    fn the_modes_differ_in_what_they_serve() {
        let doubt = |class| Some(Doubt { class, reason: "" });
        let doubts = [None, doubt(DoubtClass::Acceptable), doubt(DoubtClass::Ambiguous), doubt(DoubtClass::Severe)];
        use Verdict::{Refuse, Serve, ServeAndClose};
        for (mode, expected) in [
            (DesyncMode::Monitor, [Serve, Serve, Serve, Serve]),
            (DesyncMode::Defensive, [Serve, Serve, ServeAndClose, Refuse]),
            (DesyncMode::Strictest, [Serve, Refuse, Refuse, Refuse]),
        ] {
            assert_eq!(doubts.map(|doubt| verdict(doubt, mode)), expected, "{mode:?}");
        }
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
