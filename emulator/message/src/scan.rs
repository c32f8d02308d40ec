//! Where a head ends: behind the first empty line. Lines end with LF, before which a CR may stand (alb.md 6.6, NonCrLfLineTermination).

use routing::ClientFailure;
use routing::limits::{HEADER_LINE_BYTES, REQUEST_HEADERS_BYTES, REQUEST_LINE_BYTES};

use crate::request;

/// Looks for the end of a head in bytes that grow between the looks. Each byte is looked at once, but for the first line of a request.
#[derive(Clone, Debug, Default)]
pub struct HeadScan {
    /// Bytes that were looked at.
    seen: usize,
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Where the first line ended.
    first: Option<usize>,
}

impl HeadScan {
    /// The length of the head, once it is all there.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(offset) = memchr::memchr(b'\n', &bytes[self.seen..]) {
            let end = self.seen + offset;
            let line = std::mem::replace(&mut self.line, end + 1);
            self.seen = end + 1;
            let text = &bytes[line..end];
            if self.first.is_some() && (text.is_empty() || text == b"\r") {
                return Some(self.seen);
            }
            self.first.get_or_insert(self.seen);
        }
        self.seen = bytes.len();
        None
    }

    /// The same for a request, which may be of one line, and which must not be too long (alb.md 6.1). What can be no request is said as
    /// soon as that shows: who speaks another protocol waits for an answer, and sends no line end.
    ///
    /// # Errors
    /// What the client is answered, after which its connection ends.
    pub fn find_request(&mut self, bytes: &[u8]) -> Result<Option<usize>, ClientFailure> {
        let found = self.find(bytes);
        let Some(first) = self.first else {
            return request::could_begin(bytes).map(|()| None);
        };
        if first > REQUEST_LINE_BYTES + "\r\n".len() {
            return Err(request::too_long(&bytes[..first]));
        }
        // Nearly every first line ends like this one, and what else is wrong with it shows when it is read.
        let usual = found.is_some() && bytes[..first].ends_with(b" HTTP/1.1\r\n");
        if !usual && request::is_simple(&bytes[..first])? {
            return Ok(Some(first));
        }
        let end = found.unwrap_or(bytes.len());
        // Whole lines are measured when they are read; here is what would never come to that.
        let growing = found.is_none().then(|| &bytes[self.line..]);
        let long = growing.is_some_and(|line| line.len() > HEADER_LINE_BYTES && !may_be_long(line));
        if long || end - first > REQUEST_HEADERS_BYTES + "\r\n".len() {
            return Err(ClientFailure::HeadersTooLarge);
        }
        Ok(found)
    }
}

/// Whether a header line may be longer than others: cookies pass (alb.md 6.1, observed).
fn may_be_long(line: &[u8]) -> bool {
    let name = b"cookie:";
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// How long the empty lines in front of a request are: some clients send them behind a body, and they say nothing (RFC 9112, 2.2).
#[must_use]
pub fn blank_lines(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += match &bytes[at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_the_same_place_however_it_is_cut() {
        for (bytes, length) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", Some(27)),
            ("GET / HTTP/1.1\nHost: a\n\nrest", Some(24)),
            ("GET / HTTP/1.1\r\nHost: a\n\r\nrest", Some(26)),
            ("GET / HTTP/1.1\r\n\r\n", Some(18)),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r", None),
            ("GET / HTTP/1.1\r\nHost: a\r\n \r\n", None),
        ] {
            assert_eq!(HeadScan::default().find(bytes.as_bytes()), length, "{bytes:?}");
            let mut scan = HeadScan::default();
            let found = (0..=bytes.len()).find_map(|end| scan.find(&bytes.as_bytes()[..end]));
            assert_eq!(found, length, "{bytes:?}, byte by byte");
        }
    }

    #[test]
    fn requests_are_refused_as_soon_as_they_can_be() {
        let find = |bytes: &[u8]| HeadScan::default().find_request(bytes);
        assert_eq!(find(b"\x16\x03\x01"), Err(ClientFailure::Malformed), "a TLS hello");
        assert_eq!(find(b"GET / HT"), Ok(None));
        assert_eq!(find(b"GET /a\r\nHost: b"), Ok(Some(8)), "HTTP/0.9 has one line");
        let long = format!("GET /{}", "a".repeat(REQUEST_LINE_BYTES));
        assert_eq!(find(long.as_bytes()), Err(ClientFailure::UriTooLong));
        assert_eq!(find("A".repeat(REQUEST_LINE_BYTES + 1).as_bytes()), Err(ClientFailure::Malformed));
        assert_eq!(find(format!("{long} HTTP/1.1\r\n").as_bytes()), Err(ClientFailure::UriTooLong));
        let line = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(HEADER_LINE_BYTES));
        assert_eq!(find(line.as_bytes()), Err(ClientFailure::HeadersTooLarge));
        let lines = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(REQUEST_HEADERS_BYTES / 6 + 2));
        assert_eq!(find(lines.as_bytes()), Err(ClientFailure::HeadersTooLarge));
    }
}
