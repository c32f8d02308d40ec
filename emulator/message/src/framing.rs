//! Where the body of a message ends, by its head (RFC 9112, 6.3; alb.md 6.6).

use routing::ClientFailure;

use crate::doubt::{Doubts, looks_like};
use crate::headers::Headers;
use crate::version::Version;

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length in bytes; 0 where there is none.
    Length(u64),
    /// By a last chunk.
    Chunked,
    /// By the end of the connection, which only responses do.
    UntilClose,
}

impl Framing {
    /// Whether there is no body.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::Length(0))
    }
}

/// A response that is no HTTP/1, or whose end could be seen in two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response is malformed")]
pub struct MalformedResponse;

const TRANSFER_ENCODING: &str = "transfer-encoding";
const CONTENT_LENGTH: &str = "content-length";
/// Codings that are known by name; of these only `chunked` tells an end.
const CODINGS: [&[u8]; 5] = [b"chunked", b"compress", b"deflate", b"gzip", b"identity"];

/// What the lines about the body say together.
#[derive(Debug, Default)]
struct Said {
    coded: bool,
    chunks: usize,
    /// The last coding is `chunked`.
    chunked_last: bool,
    /// A coding that tells no end is among them.
    others: bool,
    unknown: bool,
    length: Option<u64>,
    bad_length: bool,
    other_length: bool,
    repeated_length: bool,
}

impl Said {
    fn coding(&mut self, value: &[u8]) {
        for coding in value.split(|byte| *byte == b',') {
            let name = coding.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            match CODINGS.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                Some(known) => {
                    self.chunked_last = *known == b"chunked";
                    self.chunks += usize::from(self.chunked_last);
                    self.others |= !self.chunked_last && *known != b"identity";
                }
                None => self.unknown = true,
            }
        }
    }

    /// Whether something is coded once more after it was cut into chunks.
    const fn ends_otherwise(&self) -> bool {
        self.chunks > 0 && !self.chunked_last
    }

    fn length(&mut self, value: &[u8]) {
        match (number(value), self.length) {
            (None, _) => self.bad_length = true,
            (Some(_), Some(known)) if Some(known) != number(value) => self.other_length = true,
            (Some(_), Some(_)) => self.repeated_length = true,
            (number, None) => self.length = number,
        }
    }
}

/// A length in bytes; one of no digits is none.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Where a request's body ends. The error is for what no mode of mitigation serves, since nobody could say.
pub(crate) fn of_request(headers: &Headers, bodiless: bool, version: Version, doubts: &mut Doubts) -> Result<Framing, ClientFailure> {
    let (mut said, mut alike) = (Said::default(), Said::default());
    for (name, value) in headers.iter() {
        if name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_bytes()) {
            said.coded = true;
            said.coding(value);
        } else if name.eq_ignore_ascii_case(CONTENT_LENGTH.as_bytes()) {
            said.length(value);
        } else if looks_like(name, [b"transfer", b"encoding"]) {
            doubts.ambiguous("SuspiciousHeader");
            alike.coding(value);
        } else if looks_like(name, [b"content", b"length"]) {
            doubts.ambiguous("SuspiciousHeader");
            alike.length(value);
        }
    }
    doubt(&said, &alike, bodiless, version, doubts);
    if said.unknown {
        return Err(ClientFailure::UnknownTransferCoding);
    }
    if said.bad_length || said.other_length || said.ends_otherwise() {
        return Err(ClientFailure::Malformed);
    }
    match (said.chunked_last, said.others) {
        // Said twice it means no more than once, to whoever lets it pass.
        (true, _) => Ok(Framing::Chunked),
        // Known to the classifier, and still of no end that we could find.
        (false, true) => Err(ClientFailure::UnknownTransferCoding),
        (false, false) => Ok(Framing::Length(said.length.unwrap_or(0))),
    }
}

fn doubt(said: &Said, alike: &Said, bodiless: bool, version: Version, doubts: &mut Doubts) {
    if version <= Version::Http10 && said.coded {
        return doubts.ambiguous("UndefinedTransferEncodingSemantics");
    }
    if version < Version::Http10 && said.length.is_some() {
        return doubts.ambiguous("UndefinedContentLengthSemantics");
    }
    // Of those that only look like it, a wrong value weighs as much.
    if said.unknown || alike.unknown || said.ends_otherwise() {
        doubts.severe("BadTransferEncoding");
    }
    if said.chunks + alike.chunks > 1 {
        doubts.severe("MultipleTransferEncodingChunked");
    }
    if said.bad_length || alike.bad_length {
        doubts.severe("BadContentLength");
    }
    if said.other_length || said.length.zip(alike.length).is_some_and(|(one, other)| one != other) {
        doubts.severe("MultipleContentLength");
    }
    if said.repeated_length {
        doubts.ambiguous("DuplicateContentLength");
    }
    if bodiless && said.coded {
        doubts.ambiguous("UndefinedTransferEncodingSemantics");
    }
    match said.length {
        Some(0) if bodiless => doubts.acceptable("GetHeadZeroContentLength"),
        Some(_) if bodiless => doubts.ambiguous("UndefinedContentLengthSemantics"),
        _ => {}
    }
    if said.coded && said.length.is_some() {
        doubts.ambiguous("BothTeClPresent");
    }
}

/// Where a response's body ends, if all that its head says of it is one thing: no other coding than `chunked` was asked for.
pub(crate) fn of_response(headers: &Headers) -> Result<Framing, MalformedResponse> {
    let mut codings = headers.all(TRANSFER_ENCODING);
    let mut lengths = headers.all(CONTENT_LENGTH);
    if let Some(coding) = codings.next() {
        let plain = coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none() && lengths.next().is_none();
        return if plain { Ok(Framing::Chunked) } else { Err(MalformedResponse) };
    }
    let Some(first) = lengths.next() else { return Ok(Framing::UntilClose) };
    let length = number(first).filter(|_| !first.is_empty()).ok_or(MalformedResponse)?;
    if lengths.all(|other| number(other) == Some(length)) { Ok(Framing::Length(length)) } else { Err(MalformedResponse) }
}

#[cfg(test)]
mod tests {
    use routing::record::{Doubt, DoubtClass};

    use super::*;

    type Expected = (Option<(DoubtClass, &'static str)>, Result<Framing, ClientFailure>);

    fn check(bodiless: bool, version: Version, lines: &[(&str, &str)], (doubt, framing): Expected) {
        let headers = lines.iter().copied().collect();
        let mut doubts = Doubts::default();
        let found = of_request(&headers, bodiless, version, &mut doubts);
        assert_eq!((doubts.gravest, found), (doubt.map(|(class, reason)| Doubt { class, reason }), framing), "{bodiless} {version:?} {lines:?}");
    }

    const TE: &str = "Transfer-Encoding";
    const CL: &str = "Content-Length";

    #[test]
    fn plain_requests_leave_no_doubt() {
        let post = |lines: &[(&str, &str)], framing| check(false, Version::Http11, lines, (None, Ok(framing)));
        check(true, Version::Http11, &[], (None, Ok(Framing::Length(0))));
        post(&[], Framing::Length(0));
        post(&[(CL, "0")], Framing::Length(0));
        post(&[(CL, "3")], Framing::Length(3));
        post(&[(CL, "18446744073709551615")], Framing::Length(u64::MAX));
        for chunked in ["chunked", "Chunked", "gzip, chunked", "chunked;q=1", "identity, chunked"] {
            post(&[(TE, chunked)], Framing::Chunked);
        }
        post(&[(TE, "gzip"), (TE, "chunked")], Framing::Chunked);
        post(&[(TE, "identity")], Framing::Length(0));
    }

    #[test]
    fn doubtful_requests_are_told_apart() {
        let ambiguous = |reason| Some((DoubtClass::Ambiguous, reason));
        let post = |lines: &[(&str, &str)], expected| check(false, Version::Http11, lines, expected);
        let get = |lines: &[(&str, &str)], expected| check(true, Version::Http11, lines, expected);
        get(&[(CL, "0")], (Some((DoubtClass::Acceptable, "GetHeadZeroContentLength")), Ok(Framing::Length(0))));
        get(&[(CL, "3")], (ambiguous("UndefinedContentLengthSemantics"), Ok(Framing::Length(3))));
        get(&[(TE, "chunked")], (ambiguous("UndefinedTransferEncodingSemantics"), Ok(Framing::Chunked)));
        post(&[(TE, "chunked"), (CL, "3")], (ambiguous("BothTeClPresent"), Ok(Framing::Chunked)));
        post(&[(CL, "3"), (CL, "3")], (ambiguous("DuplicateContentLength"), Ok(Framing::Length(3))));
        post(&[(CL, "3"), ("transfer_encoding", "chunked")], (ambiguous("SuspiciousHeader"), Ok(Framing::Length(3))));
        post(&[("Content-Length ", "3")], (ambiguous("SuspiciousHeader"), Ok(Framing::Length(0))));
        check(false, Version::Http10, &[(TE, "chunked")], (ambiguous("UndefinedTransferEncodingSemantics"), Ok(Framing::Chunked)));
        check(true, Version::Http09, &[(CL, "3")], (ambiguous("UndefinedContentLengthSemantics"), Ok(Framing::Length(3))));
    }

    #[test]
    fn severe_requests_have_no_end() {
        let post = |lines: &[(&str, &str)], reason, failure| {
            check(false, Version::Http11, lines, (Some((DoubtClass::Severe, reason)), Err(failure)));
        };
        for bad in ["+3", "3, 3", "3.1", "0x3", "18446744073709551616", "3 3", "3\x0b"] {
            post(&[(CL, bad)], "BadContentLength", ClientFailure::Malformed);
        }
        post(&[(CL, "3"), (CL, "4")], "MultipleContentLength", ClientFailure::Malformed);
        post(&[(TE, "xchunked")], "BadTransferEncoding", ClientFailure::UnknownTransferCoding);
        post(&[(TE, "chunk")], "BadTransferEncoding", ClientFailure::UnknownTransferCoding);
        post(&[(TE, "chunked, gzip")], "BadTransferEncoding", ClientFailure::Malformed);
        post(&[(TE, "chunked, identity")], "BadTransferEncoding", ClientFailure::Malformed);
        let twice = Some((DoubtClass::Severe, "MultipleTransferEncodingChunked"));
        check(false, Version::Http11, &[(TE, "chunked,chunked")], (twice, Ok(Framing::Chunked)));
        check(false, Version::Http11, &[(TE, "chunked"), (TE, "chunked")], (twice, Ok(Framing::Chunked)));
        check(false, Version::Http11, &[(TE, "gzip")], (None, Err(ClientFailure::UnknownTransferCoding)));
        let alike = &[(CL, "3"), ("Content_Length", "4")];
        check(false, Version::Http11, alike, (Some((DoubtClass::Severe, "MultipleContentLength")), Ok(Framing::Length(3))));
    }

    #[test]
    fn responses_end_in_one_place() {
        let framing = |lines: &[(&str, &str)]| of_response(&lines.iter().copied().collect());
        assert_eq!(framing(&[]), Ok(Framing::UntilClose));
        assert_eq!(framing(&[(CL, "12")]), Ok(Framing::Length(12)));
        assert_eq!(framing(&[(CL, "12"), (CL, "12")]), Ok(Framing::Length(12)));
        assert_eq!(framing(&[(TE, "Chunked")]), Ok(Framing::Chunked));
        for bad in
            [&[(CL, "2, 2")][..], &[(CL, "")], &[(CL, "2"), (CL, "3")], &[(CL, "5"), (TE, "chunked")], &[(TE, "gzip")], &[(TE, "gzip, chunked")]]
        {
            assert_eq!(framing(bad), Err(MalformedResponse), "{bad:?}");
        }
    }
}
