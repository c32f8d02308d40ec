//! The head of a request, read as leniently as AWS does (alb.md 6.2, 6.6).

use std::borrow::Cow;
use std::ops::Range;

use routing::ClientFailure;
use routing::limits::REQUEST_LINE_BYTES;
use routing::record::Doubt;

use crate::doubt::Doubts;
use crate::framing::{self, Framing};
use crate::headers::Headers;
use crate::line::{all_text, is_blank, is_token, trim, within, without_end};
use crate::target::Target;
use crate::version::Version;

/// A request without its body.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// As the client wrote it.
    pub method: Cow<'static, str>,
    /// What it asks for.
    pub target: Target,
    /// What it speaks.
    pub version: Version,
    /// Its lines; those that came without a colon have one now, empty ones are left out.
    pub headers: Headers,
    /// Where its body ends.
    pub framing: Framing,
    /// The gravest doubt that it leaves.
    pub doubt: Option<Doubt>,
    /// Why no mode of desync mitigation can serve it: nobody could say where it ends, or it could not be written again.
    pub refused: Option<ClientFailure>,
}

/// Methods that are most of what comes.
const USUAL: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];

impl RequestHead {
    /// Reads a head that [`crate::HeadScan`] found the end of.
    ///
    /// # Errors
    /// For what is no request: there is nothing that could be logged of it, and its connection ends.
    pub fn parse(head: &[u8]) -> Result<Self, ClientFailure> {
        let mut doubts = Doubts::default();
        let first = memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1);
        let (line, terminated) = without_end(&head[..first]);
        if !terminated {
            doubts.acceptable("NonCrLfLineTermination");
        }
        let (method, target, text) = split(line)?;
        let method = method_of(method)?;
        let (version, odd) = text.map_or(Ok((Version::Http09, true)), version)?;
        if odd {
            doubts.acceptable("NonCompliantVersion");
        }
        if version == Version::Http09 && method != "GET" {
            return Err(ClientFailure::Malformed);
        }
        let mut lines = Lines { headers: Headers::over(head), doubts, refused: None, media_type: false };
        lines.read(first, head.len());
        let Lines { headers, mut doubts, mut refused, .. } = lines;
        let bodiless = matches!(&*method, "GET" | "HEAD");
        let framing = framing::of_request(&headers, bodiless, version, &mut doubts).unwrap_or_else(|failure| {
            refused = refused.or(Some(failure));
            Framing::Length(0)
        });
        if doubt_target(target, &mut doubts) {
            refused = Some(ClientFailure::Malformed);
        }
        let target = match Target::parse(trim(target)) {
            Some(target) => target,
            // Its form is one of its own, which nothing here serves.
            None if method == "CONNECT" => Target::of_parts(Some(&String::from_utf8_lossy(trim(target))), ""),
            None => return Err(ClientFailure::Malformed),
        };
        Ok(Self { method, target, version, headers, framing, doubt: doubts.gravest, refused })
    }
}

/// Whether these bytes, of a first line that is not complete, may be the beginning of a request.
pub(crate) fn could_begin(bytes: &[u8]) -> Result<(), ClientFailure> {
    let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    let blank = bytes == b"\r";
    if !blank && (!method.iter().copied().all(is_token) || method.is_empty() && !bytes.is_empty()) {
        return Err(ClientFailure::Malformed);
    }
    if bytes.len() > REQUEST_LINE_BYTES { Err(too_long(bytes)) } else { Ok(()) }
}

/// What a first line over the limit is answered.
pub(crate) fn too_long(line: &[u8]) -> ClientFailure {
    let method = line.iter().take_while(|byte| **byte != b' ').count();
    if method > REQUEST_LINE_BYTES { ClientFailure::Malformed } else { ClientFailure::UriTooLong }
}

/// Whether a complete first line is a whole request, as one of HTTP/0.9 is.
pub(crate) fn is_simple(line: &[u8]) -> Result<bool, ClientFailure> {
    let (method, _, text) = split(without_end(line).0)?;
    method_of(method)?;
    text.map_or(Ok(true), |text| version(text).map(|_| false))
}

/// Method, target and version of a first line. The target may have blanks around it; no version is HTTP/0.9.
type Words<'l> = (&'l [u8], &'l [u8], Option<&'l [u8]>);

fn split(line: &[u8]) -> Result<Words<'_>, ClientFailure> {
    let space = memchr::memchr(b' ', line).ok_or(ClientFailure::Malformed)?;
    let (method, rest) = (&line[..space], &line[space + 1..]);
    let lead = rest.iter().take_while(|byte| is_blank(**byte)).count();
    let trimmed = trim(rest);
    match memchr::memrchr(b' ', trimmed) {
        Some(last) => Ok((method, &rest[..lead + last], Some(&rest[lead + last + 1..]))),
        // A version without a target, which AWS calls MissingUri.
        None if trimmed.is_empty() || trimmed.starts_with(b"HTTP/") => Err(ClientFailure::Malformed),
        None => Ok((method, rest, None)),
    }
}

/// A version, and whether it is written as nobody should.
fn version(text: &[u8]) -> Result<(Version, bool), ClientFailure> {
    match trim(text) {
        known if known.len() != text.len() => version(known).map(|(version, _)| (version, true)),
        b"HTTP/1.1" => Ok((Version::Http11, false)),
        b"HTTP/1.0" => Ok((Version::Http10, false)),
        b"HTTP/0.9" => Ok((Version::Http09, true)),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok((Version::Http11, true)),
        [b'H', b'T', b'T', b'P', b'/', rest @ ..] => {
            let major = rest.split(|byte| *byte == b'.').next().unwrap_or_default();
            let later = !major.is_empty() && major.iter().all(u8::is_ascii_digit) && !matches!(major, b"0" | b"1");
            Err(if later { ClientFailure::VersionNotSupported } else { ClientFailure::Malformed })
        }
        _ => Err(ClientFailure::Malformed),
    }
}

fn method_of(method: &[u8]) -> Result<Cow<'static, str>, ClientFailure> {
    if let Some(usual) = USUAL.iter().find(|usual| usual.as_bytes() == method) {
        return Ok(Cow::Borrowed(usual));
    }
    if method.is_empty() || !method.iter().copied().all(is_token) {
        return Err(ClientFailure::Malformed);
    }
    Ok(Cow::Owned(String::from_utf8_lossy(method).into_owned()))
}

/// Doubts a target; true where it cannot be written again.
fn doubt_target(target: &[u8], doubts: &mut Doubts) -> bool {
    if target.iter().all(|byte| *byte > b' ' && *byte != 0x7f) {
        return false;
    }
    let bad = target.iter().any(|byte| matches!(byte, 0 | b'\r'));
    if bad {
        doubts.severe("BadUri");
    } else if target.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        doubts.ambiguous("AmbiguousUri");
    } else {
        doubts.acceptable("SpaceInUri");
    }
    bad
}

/// Reads header lines.
struct Lines {
    headers: Headers,
    doubts: Doubts,
    refused: Option<ClientFailure>,
    /// The line before is `Content-Type`, the only one that may be continued.
    media_type: bool,
}

impl Lines {
    fn read(&mut self, mut at: usize, end: usize) {
        while at < end {
            let text = self.headers.text();
            let next = memchr::memchr(b'\n', &text[at..end]).map_or(end, |length| at + length + 1);
            let (line, terminated) = without_end(&text[at..next]);
            let range = at..at + line.len();
            at = next;
            if !terminated {
                self.doubts.acceptable("NonCrLfLineTermination");
            }
            if !range.is_empty() {
                self.line(range);
            }
        }
    }

    fn line(&mut self, range: Range<usize>) {
        let media_type = std::mem::take(&mut self.media_type);
        let line = &self.headers.text()[range.clone()];
        if trim(line).is_empty() {
            return self.doubts.ambiguous("EmptyHeader");
        }
        let continues = is_blank(line[0]);
        if continues && media_type {
            self.media_type = true;
            self.doubt_text(range.clone());
            return self.headers.continue_last(range);
        }
        let whole = within(range.start, line);
        let colon = memchr::memchr(b':', &self.headers.text()[whole.clone()]).map(|at| whole.start + at);
        match colon {
            // A line that continues another one is sent as a line of its own, with a colon appended (alb.md 6.3).
            Some(colon) if continues => {
                self.doubts.ambiguous("MultilineHeader");
                let value = [&self.headers.text()[colon + 1..whole.end], b":"].concat();
                let stored = self.headers.store(&value);
                self.add(whole.start..colon, stored);
            }
            Some(colon) => {
                self.media_type = self.headers.text()[range.start..colon].eq_ignore_ascii_case(b"content-type");
                self.add(range.start..colon, colon + 1..range.end);
            }
            None => {
                self.doubts.ambiguous(if continues { "MultilineHeader" } else { "MissingHeaderColon" });
                self.add(whole.clone(), whole.end..whole.end);
            }
        }
    }

    fn add(&mut self, name: Range<usize>, value: Range<usize>) {
        let text = self.headers.text();
        let (own, said) = (&text[name.clone()], &text[value.clone()]);
        if trim(own).is_empty() {
            return self.doubts.ambiguous("EmptyHeader");
        }
        let token = own.iter().copied().all(is_token);
        let kept = within(value.start, said);
        self.doubt_text(name.clone());
        self.doubt_text(value);
        if !token {
            self.doubts.acceptable("NonCompliantHeader");
        }
        self.headers.point(name, kept);
    }

    /// What ends lines for some readers cannot be sent on.
    fn doubt_text(&mut self, range: Range<usize>) {
        let text = &self.headers.text()[range];
        if all_text(text) {
            return;
        }
        if text.iter().any(|byte| matches!(byte, 0 | b'\r')) {
            self.doubts.severe("BadHeader");
            self.refused = Some(ClientFailure::Malformed);
        } else {
            self.doubts.acceptable("NonCompliantHeader");
        }
    }
}

#[cfg(test)]
mod tests;
