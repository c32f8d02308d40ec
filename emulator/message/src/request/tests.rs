//! Requests as they come and as they are understood; the reasons are those of AWS's classifier (alb.md 6.6).

use routing::record::DoubtClass::{self, Acceptable, Ambiguous, Severe};

use super::*;
use crate::HeadScan;

fn parse(head: &str) -> Result<RequestHead, ClientFailure> {
    let length = HeadScan::default().find_request(head.as_bytes())?.expect("a whole head");
    RequestHead::parse(&head.as_bytes()[..length])
}

fn lines(head: &RequestHead) -> String {
    let mut out = Vec::new();
    head.headers.write(&mut out);
    String::from_utf8_lossy(&out).trim_end_matches("\r\n").replace("\r\n", "|")
}

#[test]
fn a_plain_request_is_read_to_the_letter() {
    let head = parse("DELETE /a%2Fb?c=d HTTP/1.1\r\nHost: a.b\r\nX-y: \t z z \t\r\nx-Y:\r\n\r\nrest").unwrap();
    assert_eq!((&*head.method, &*head.target.path(), head.version), ("DELETE", "/a%2Fb", Version::Http11));
    assert_eq!(lines(&head), "Host: a.b|X-y: z z|x-Y: ");
    assert_eq!((head.doubt, head.refused, head.framing), (None, None, Framing::Length(0)));
    assert_eq!(parse("CONNECT a:443 HTTP/1.1\r\n\r\n").unwrap().target.authority(), Some("a:443"));
    assert_eq!(parse("get-it /a HTTP/1.0\r\n\r\n").unwrap().method, "get-it");
}

#[test]
fn doubts_and_what_is_made_of_them() {
    let check = |head: &str, doubt: (DoubtClass, &str), expected: &str| {
        let read = parse(head).unwrap();
        assert_eq!(read.doubt.map(|doubt| (doubt.class, doubt.reason)), Some(doubt), "{head:?}");
        assert_eq!(read.refused.is_some(), doubt.0 == Severe, "{head:?}");
        assert_eq!(lines(&read), expected, "{head:?}");
    };
    check("GET /a HTTP/1.1\nHost: a\n\n", (Acceptable, "NonCrLfLineTermination"), "Host: a");
    check("GET /a HTTP/1.1\r\nHost: a\n\r\n", (Acceptable, "NonCrLfLineTermination"), "Host: a");
    check("GET /a\r\n", (Acceptable, "NonCompliantVersion"), "");
    check("GET /a HTTP/0.9\r\nA: b\r\n\r\n", (Acceptable, "NonCompliantVersion"), "A: b");
    check("GET /a HTTP/1.2\r\nA: b\r\n\r\n", (Acceptable, "NonCompliantVersion"), "A: b");
    check("GET /a HTTP/1.1 \t\r\nA: b\r\n\r\n", (Acceptable, "NonCompliantVersion"), "A: b");
    check("GET /a b HTTP/1.1\r\nA: b\r\n\r\n", (Acceptable, "SpaceInUri"), "A: b");
    check("GET  /a HTTP/1.1\r\nA: b\r\n\r\n", (Acceptable, "SpaceInUri"), "A: b");
    check("GET /a\tb HTTP/1.1\r\nA: b\r\n\r\n", (Ambiguous, "AmbiguousUri"), "A: b");
    check("GET /a\x01 HTTP/1.1\r\nA: b\r\n\r\n", (Ambiguous, "AmbiguousUri"), "A: b");
    check("GET /a\r HTTP/1.1\r\nA: b\r\n\r\n", (Severe, "BadUri"), "A: b");
    check("GET /a\0 HTTP/1.1\r\nA: b\r\n\r\n", (Severe, "BadUri"), "A: b");
    check("GET /a HTTP/1.1\r\nX-a : b\r\n\r\n", (Acceptable, "NonCompliantHeader"), "X-a : b");
    check("GET /a HTTP/1.1\r\nX-\u{fc}: b\r\n\r\n", (Acceptable, "NonCompliantHeader"), "X-\u{fc}: b");
    check("GET /a HTTP/1.1\r\nA: b\x01c\r\n\r\n", (Acceptable, "NonCompliantHeader"), "A: b\x01c");
    check("GET /a HTTP/1.1\r\nA: b\0c\r\n\r\n", (Severe, "BadHeader"), "A: b\0c");
    check("GET /a HTTP/1.1\r\nA: b\rC: d\r\n\r\n", (Severe, "BadHeader"), "A: b\rC: d");
    check("GET /a HTTP/1.1\r\nA: b\r\n: c\r\nD: e\r\n\r\n", (Ambiguous, "EmptyHeader"), "A: b|D: e");
    check("GET /a HTTP/1.1\r\nA: b\r\n \t\r\nD: e\r\n\r\n", (Ambiguous, "EmptyHeader"), "A: b|D: e");
    check("GET /a HTTP/1.1\r\nA: b\r\nno colon\r\nD: e\r\n\r\n", (Ambiguous, "MissingHeaderColon"), "A: b|no colon: |D: e");
    check("GET /a HTTP/1.1\r\nA: b\r\n more\r\nD: e\r\n\r\n", (Ambiguous, "MultilineHeader"), "A: b|more: |D: e");
    check("GET /a HTTP/1.1\r\nA: b\r\n\tC: d\r\n\r\n", (Ambiguous, "MultilineHeader"), "A: b|C: d:");
    check("POST /a HTTP/1.1\r\nA: b\r\n Content-Length: 3\r\n\r\n", (Severe, "BadContentLength"), "A: b|Content-Length: 3:");
    check("POST /a HTTP/1.1\r\nContent-Length : 3\r\n\r\n", (Ambiguous, "SuspiciousHeader"), "Content-Length : 3");
}

#[test]
fn what_continues_a_line_is_looked_at_as_the_line_is() {
    let head = parse("POST /a HTTP/1.1\r\nContent-Type: a\r\n b\rc\r\n\r\n").unwrap();
    assert_eq!((head.doubt.map(|doubt| doubt.reason), head.refused), (Some("BadHeader"), Some(ClientFailure::Malformed)));
}

#[test]
fn only_the_type_of_content_may_be_continued() {
    let head = parse("POST /a HTTP/1.1\r\nContent-Type: multipart/mixed;\r\n boundary=a:b\r\nC: d\r\n\r\n").unwrap();
    assert_eq!((&*lines(&head), head.doubt), ("Content-Type: multipart/mixed;   boundary=a:b|C: d", None));
    for (head, expected) in [
        ("GET /a HTTP/1.1\r\nA: b\r\n Content-Type: c\r\n d\r\nE: f\r\n\r\n", "A: b|Content-Type: c:|d: |E: f"),
        ("GET /a HTTP/1.1\r\nContent-Type: c\r\n: x\r\n d\r\nE: f\r\n\r\n", "Content-Type: c|d: |E: f"),
        ("GET /a HTTP/1.1\r\nContent-Type: c\r\nno colon\r\n d\r\n\r\n", "Content-Type: c|no colon: |d: "),
        ("GET /a HTTP/1.1\r\nContent-Type: c\r\n d\r\n e\r\n\r\n", "Content-Type: c   d   e"),
    ] {
        assert_eq!(lines(&parse(head).unwrap()), expected, "{head:?}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for (head, failure) in [
        ("hello\r\n", ClientFailure::Malformed),
        (" / HTTP/1.1\r\n\r\n", ClientFailure::Malformed),
        ("G\x01T / HTTP/1.1\r\n\r\n", ClientFailure::Malformed),
        ("GET HTTP/1.1\r\n\r\n", ClientFailure::Malformed),
        ("GET  HTTP/1.1\r\n\r\n", ClientFailure::Malformed),
        ("GET / http/1.1\r\n\r\n", ClientFailure::Malformed),
        ("GET / HTTP/1.1x\r\n\r\n", ClientFailure::Malformed),
        ("GET / HTTP/1.10\r\n\r\n", ClientFailure::Malformed),
        ("GET / HTTP/11\r\n\r\n", ClientFailure::VersionNotSupported),
        ("GET /a b\r\n\r\n", ClientFailure::Malformed),
        ("POST /a\r\n", ClientFailure::Malformed),
        ("GET a HTTP/1.1\r\n\r\n", ClientFailure::Malformed),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ClientFailure::VersionNotSupported),
        ("GET / HTTP/3\r\n\r\n", ClientFailure::VersionNotSupported),
    ] {
        assert_eq!(parse(head).err(), Some(failure), "{head:?}");
    }
}
