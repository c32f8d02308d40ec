//! Heads that nobody should send: cut anywhere, changed anywhere, they are understood in one way or refused.
//!
//! Bounded: so many cases as `CASES` says, from seeds that a failure prints.

use message::{Framing, HeadScan, RequestHead, ResponseHead, blank_lines};
use proptest::prelude::*;
use routing::ClientFailure;
use routing::record::DoubtClass;

const CASES: u32 = 10_000;

/// What real clients and attackers send.
const REQUESTS: [&str; 12] = [
    "GET / HTTP/1.1\r\nHost: a.b\r\n\r\n",
    "GET /a%20b?c=d&e HTTP/1.1\r\nHost: a.b:80\r\nUser-Agent: x (y; z)\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n",
    "POST /up HTTP/1.1\r\nHost: a.b\r\nContent-Length: 12\r\nContent-Type: application/json\r\n\r\n",
    "POST /up HTTP/1.1\r\nHost: a.b\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n",
    "GET http://c.d/e HTTP/1.1\r\nHost: a.b\r\nConnection: keep-alive, X-A\r\nX-A: b\r\n\r\n",
    "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /oldest\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a.b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a.b\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a.b\r\nX: y\r\n folded\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
    "POST / HTTP/1.1\nHost: a.b\nTransfer-Encoding : chunked\n\n",
    "GET /chat HTTP/1.1\r\nHost: a.b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n",
];
const RESPONSES: [&str; 4] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    "HTTP/1.0 404 Not Found\r\nContent-Type: text/html\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
];
/// What changes are made of.
const PIECES: [&str; 26] = [
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\0",
    ":",
    ",",
    ";",
    "0",
    "9",
    "\x0b",
    "\x7f",
    "\u{fc}",
    "Content-Length: 7\r\n",
    "Content-Length: 4\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer_encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "\r\n ",
    "Host: c\r\n",
    "HTTP/1.1",
    "GET ",
    "http://",
    "chunked",
    "\r\n\r\n",
];

#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, usize),
    Delete(usize, usize),
    Repeat(usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<usize>(), 1_usize..4).prop_map(|(at, length)| Edit::Delete(at, length)),
        (any::<usize>(), 1_usize..30).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ];
    proptest::collection::vec(edit, 0..6)
}

fn changed(text: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for edit in edits {
        let place = |at: usize| at % (bytes.len() + 1);
        match *edit {
            Edit::Insert(at, piece) => {
                let at = place(at);
                bytes.splice(at..at, PIECES[piece].bytes());
            }
            Edit::Delete(at, length) => {
                let at = place(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Edit::Repeat(at, length) => {
                let at = place(at);
                let again = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

/// The length of the head in bytes that come in pieces of `step`, and before which no empty line stands.
fn scan(bytes: &[u8], step: usize) -> Result<Option<usize>, ClientFailure> {
    let mut scan = HeadScan::default();
    let ends = (step..bytes.len()).step_by(step).chain([bytes.len()]);
    ends.map(|end| scan.find_request(&bytes[..end])).find(|found| *found != Ok(None)).unwrap_or(Ok(None))
}

fn without_blank(bytes: Vec<u8>) -> Vec<u8> {
    bytes[blank_lines(&bytes)..].to_vec()
}

/// As it goes on to a target.
fn sent_on(head: &RequestHead) -> Vec<u8> {
    let mut out = [head.method.as_bytes(), b" ", &head.target.origin(), b" HTTP/1.1\r\n"].concat();
    let mut headers = head.headers.clone();
    match head.framing {
        Framing::Chunked => headers.remove("content-length"),
        _ => headers.remove("transfer-encoding"),
    }
    headers.keep_first("content-length");
    headers.write(&mut out);
    out
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_means_the_same_however_it_is_cut(base in 0..REQUESTS.len(), edits in edits(), step in 1_usize..40) {
        let bytes = without_blank(changed(REQUESTS[base], &edits));
        let meaning = |step| scan(&bytes, step).and_then(|found| found.map(|length| RequestHead::parse(&bytes[..length])).transpose());
        prop_assert_eq!(format!("{:?}", meaning(step)), format!("{:?}", meaning(bytes.len().max(1))));
    }

    #[test]
    fn what_is_sent_on_is_understood_as_it_was_meant(base in 0..REQUESTS.len(), edits in edits()) {
        let bytes = without_blank(changed(REQUESTS[base], &edits));
        let Ok(Some(length)) = scan(&bytes, bytes.len().max(1)) else { return Ok(()) };
        let Ok(head) = RequestHead::parse(&bytes[..length]) else { return Ok(()) };
        prop_assert!(head.refused.is_none() || head.doubt.is_some() || head.refused == Some(ClientFailure::UnknownTransferCoding));
        if head.refused.is_some() || head.target.origin().contains(&b' ') {
            return Ok(());
        }
        let written = sent_on(&head);
        let again = HeadScan::default().find_request(&written);
        prop_assert_eq!(again, Ok(Some(written.len())), "one head, and nothing behind it: {:?}", text(&written));
        let again = RequestHead::parse(&written).unwrap();
        prop_assert_eq!((again.framing, again.refused), (head.framing, None), "{:?} became {:?}", text(&bytes), text(&written));
        let plain = |head: &RequestHead| head.doubt.is_none_or(|doubt| doubt.class < DoubtClass::Ambiguous);
        prop_assert!(plain(&again) || !plain(&head), "no new doubt: {:?} after {:?}", again.doubt, head.doubt);
        prop_assert_eq!((&again.method, &*again.target.origin()), (&head.method, &*head.target.origin()));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(Some(length)) = scan(&bytes, 7) {
            drop(RequestHead::parse(&bytes[..length]));
        }
        drop(RequestHead::parse(&bytes));
        drop(ResponseHead::parse(&bytes));
    }

    #[test]
    fn a_response_is_written_as_it_was_read_or_refused(base in 0..RESPONSES.len(), edits in edits()) {
        let bytes = changed(RESPONSES[base], &edits);
        let Some(length) = HeadScan::default().find(&bytes) else { return Ok(()) };
        let Ok(head) = ResponseHead::parse(&bytes[..length]) else { return Ok(()) };
        let mut written = Vec::new();
        head.write(&mut written);
        prop_assert_eq!(HeadScan::default().find(&written), Some(written.len()));
        let again = ResponseHead::parse(&written).unwrap();
        prop_assert_eq!((again.status, again.framing(false)), (head.status, head.framing(false)));
        prop_assert_eq!(format!("{:?}", again.headers), format!("{:?}", head.headers));
    }
}
