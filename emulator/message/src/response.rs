//! The head of a target's response, read strictly: what could be read in two ways never reaches a client (alb.md 6.6, 6.7).

use bytes::Bytes;

use crate::framing::{self, Framing, MalformedResponse};
use crate::headers::Headers;
use crate::line::{all_text, is_token, within, without_end};
use crate::version::Version;

/// A response without its body.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// From 100 to 999.
    pub status: u16,
    /// What stands behind the status.
    pub reason: Bytes,
    /// What its sender speaks.
    pub version: Version,
    /// Its lines.
    pub headers: Headers,
}

impl ResponseHead {
    /// One without lines.
    #[must_use]
    pub fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason: Bytes::from_static(reason.as_bytes()), version: Version::Http11, headers: Headers::default() }
    }

    /// Whether these bytes may be the beginning of one.
    #[must_use]
    pub fn could_begin(bytes: &[u8]) -> bool {
        let start = b"HTTP/1.";
        let length = bytes.len().min(start.len());
        bytes[..length] == start[..length]
    }

    /// Reads a head that [`crate::HeadScan`] found the end of.
    ///
    /// # Errors
    /// For what is no response of HTTP/1.
    pub fn parse(head: &[u8]) -> Result<Self, MalformedResponse> {
        let first = memchr::memchr(b'\n', head).ok_or(MalformedResponse)? + 1;
        let (version, status, reason) = status_line(&head[..first]).ok_or(MalformedResponse)?;
        let reason = if reason == b"OK" { Bytes::from_static(b"OK") } else { Bytes::copy_from_slice(reason) };
        let mut headers = Headers::over(head);
        let mut at = first;
        while at < head.len() {
            let next = memchr::memchr(b'\n', &head[at..]).map_or(head.len(), |length| at + length + 1);
            let line = without_end(&head[at..next]).0;
            if !line.is_empty() {
                let colon = memchr::memchr(b':', line).ok_or(MalformedResponse)?;
                let name = at..at + colon;
                let value = within(name.end + 1, &line[colon + 1..]);
                if name.is_empty() || !head[name.clone()].iter().copied().all(is_token) || !all_text(&head[value.clone()]) {
                    return Err(MalformedResponse);
                }
                headers.point(name, value);
            }
            at = next;
        }
        Ok(Self { status, reason, version, headers })
    }

    /// Where its body ends, which depends on what was asked.
    ///
    /// # Errors
    /// Where its lines contradict each other.
    pub fn framing(&self, asked_for_head: bool) -> Result<Framing, MalformedResponse> {
        let told = framing::of_response(&self.headers)?;
        Ok(if asked_for_head || matches!(self.status, 100..=199 | 204 | 304) { Framing::Length(0) } else { told })
    }

    /// Whether another response may come on its connection.
    #[must_use]
    pub fn keeps_connection(&self) -> bool {
        match self.version {
            Version::Http11 => !self.headers.says("connection", "close"),
            _ => self.headers.says("connection", "keep-alive"),
        }
    }

    /// Writes it as HTTP/1.1.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve("HTTP/1.1 200 \r\n\r\n".len() + self.reason.len() + self.headers.bytes());
        out.extend_from_slice(b"HTTP/1.1 ");
        for place in [100, 10, 1] {
            out.push(b'0' + u8::try_from(self.status / place % 10).unwrap_or_default());
        }
        out.push(b' ');
        out.extend_from_slice(&self.reason);
        out.extend_from_slice(b"\r\n");
        self.headers.write(out);
    }
}

fn status_line(line: &[u8]) -> Option<(Version, u16, &[u8])> {
    let rest = without_end(line).0.strip_prefix(b"HTTP/1.")?;
    let (version, rest) = match rest {
        [b'1', b' ', rest @ ..] => (Version::Http11, rest),
        [b'0', b' ', rest @ ..] => (Version::Http10, rest),
        _ => return None,
    };
    let (digits, reason) = rest.split_at_checked(3)?;
    let status = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?.parse().ok()?;
    let reason = match reason {
        [b' ', reason @ ..] => reason,
        [] => reason,
        _ => return None,
    };
    (status >= 100 && all_text(reason)).then_some((version, status, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Option<ResponseHead> {
        ResponseHead::parse(head.as_bytes()).ok()
    }

    #[test]
    fn responses_are_written_as_they_were_read() {
        for head in ["HTTP/1.1 200 OK\r\nA: b\r\nc-D: \r\nA: e f\r\n\r\n", "HTTP/1.1 299 \r\n\r\n", "HTTP/1.1 404 No such: thing\r\n\r\n"] {
            let mut out = Vec::new();
            parse(head).unwrap().write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), head);
        }
        let odd = parse("HTTP/1.0 200\nA:b\n\n").unwrap();
        assert_eq!((odd.version, odd.status, &*odd.reason, odd.headers.get("a")), (Version::Http10, 200, &b""[..], Some(&b"b"[..])));
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for head in [
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 +99 OK\r\n\r\n",
            "HTTP/1.2 200 OK\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n",
            "hello\r\n\r\n",
            "HTTP/1.1 200 O\0K\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
        ] {
            assert!(parse(head).is_none(), "{head:?}");
        }
        assert!(ResponseHead::could_begin(b"HTTP/1") && ResponseHead::could_begin(b"") && !ResponseHead::could_begin(b"SSH-2.0"));
    }

    #[test]
    fn bodies_end_by_what_was_asked_and_answered() {
        let framing = |status: u16, lines: &str, head: bool| parse(&format!("HTTP/1.1 {status} X\r\n{lines}\r\n")).unwrap().framing(head);
        assert_eq!(framing(200, "Content-Length: 3\r\n", false), Ok(Framing::Length(3)));
        assert_eq!(framing(200, "Content-Length: 3\r\n", true), Ok(Framing::Length(0)));
        assert_eq!(framing(304, "Content-Length: 3\r\n", false), Ok(Framing::Length(0)));
        assert_eq!(framing(204, "", false), Ok(Framing::Length(0)));
        assert_eq!(framing(200, "", false), Ok(Framing::UntilClose));
        assert_eq!(framing(200, "Transfer-Encoding: gzip\r\n", false), Err(MalformedResponse));
    }

    #[test]
    fn connections_are_kept_by_version() {
        let keeps = |head: &str| parse(head).unwrap().keeps_connection();
        assert!(keeps("HTTP/1.1 200 OK\r\n\r\n") && keeps("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n") && !keeps("HTTP/1.0 200 OK\r\n\r\n"));
    }
}
