//! Takes a body out of the bytes that come (RFC 9112, 6.3 and 7.1).

use bytes::{Buf, Bytes, BytesMut};

use crate::framing::Framing;

/// The longest line of a chunk's size, with its extensions.
const SIZE_LINE_BYTES: usize = 4 * 1024;
/// The longest trailers, which end here.
const TRAILER_BYTES: usize = 16 * 1024;

/// What comes out of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A piece of the body, of at least one byte.
    Data(Bytes),
    /// More bytes are needed.
    More,
    /// The body is over; what is left in the buffer belongs to the next message.
    End,
}

/// Chunks that are none, or trailers without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is malformed")]
pub struct MalformedBody;

/// See the module.
#[derive(Clone, Debug)]
pub struct Decoder(State);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes are still to come.
    Length(u64),
    UntilClose,
    /// The line with the size of the next chunk comes.
    Size,
    /// So many bytes of a chunk are still to come, and the end of its line.
    Chunk(u64),
    /// Behind the bytes of a chunk.
    ChunkEnd,
    /// Behind the last chunk, so many bytes of trailers ago.
    Trailers(usize),
    Over,
}

impl Decoder {
    /// At the beginning of a body.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(0) => State::Over,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size,
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// Whether the body is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0 == State::Over
    }

    /// How many bytes of body are still to come, where that is known.
    #[must_use]
    pub const fn left(&self) -> Option<u64> {
        match self.0 {
            State::Length(left) => Some(left),
            State::Over => Some(0),
            _ => None,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// For what is no body; nothing behind it can be understood any more.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Step, MalformedBody> {
        loop {
            self.0 = match self.0 {
                State::Over => return Ok(Step::End),
                _ if buffer.is_empty() => return Ok(Step::More),
                State::UntilClose => return Ok(Step::Data(buffer.split().freeze())),
                State::Length(left) => {
                    let (data, left) = take(buffer, left);
                    self.0 = if left == 0 { State::Over } else { State::Length(left) };
                    return Ok(Step::Data(data));
                }
                State::Chunk(left) => {
                    let (data, left) = take(buffer, left);
                    self.0 = if left == 0 { State::ChunkEnd } else { State::Chunk(left) };
                    return Ok(Step::Data(data));
                }
                State::ChunkEnd => match &**buffer {
                    [b'\r', b'\n', ..] => {
                        buffer.advance(2);
                        State::Size
                    }
                    [b'\r'] => return Ok(Step::More),
                    _ => return Err(MalformedBody),
                },
                State::Size => match line(buffer, SIZE_LINE_BYTES)? {
                    Some(line) => match size(&line).ok_or(MalformedBody)? {
                        0 => State::Trailers(0),
                        size => State::Chunk(size),
                    },
                    None => return Ok(Step::More),
                },
                State::Trailers(before) => match line(buffer, TRAILER_BYTES - before)? {
                    Some(line) if line.is_empty() => State::Over,
                    Some(line) => State::Trailers(before.saturating_add(line.len() + 2).min(TRAILER_BYTES)),
                    None => return Ok(Step::More),
                },
            };
        }
    }

    /// No more bytes come. Whether that is the end of the body.
    pub fn close(&mut self) -> bool {
        if self.0 == State::UntilClose {
            self.0 = State::Over;
        }
        self.is_over()
    }
}

fn take(buffer: &mut BytesMut, left: u64) -> (Bytes, u64) {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
    (buffer.split_to(length).freeze(), left - length as u64)
}

/// The next line without its end; `None` while it is not all there. A CR alone and an LF alone end no line of a body.
fn line(buffer: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, MalformedBody> {
    let Some(end) = memchr::memchr(b'\n', buffer) else {
        return if buffer.len() > most { Err(MalformedBody) } else { Ok(None) };
    };
    let mut line = buffer.split_to(end + 1);
    line.truncate(end);
    if end > most || line.last() != Some(&b'\r') {
        return Err(MalformedBody);
    }
    line.truncate(end - 1);
    if line.contains(&b'\r') { Err(MalformedBody) } else { Ok(Some(line)) }
}

/// The size in front of extensions, which mean nothing to us.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = line[digits..].trim_ascii_start();
    if digits == 0 || digits > 16 || !(rest.is_empty() || rest.starts_with(b";")) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body in `text`, read in pieces of `step` bytes, and what is left behind it.
    fn read(framing: Framing, text: &[u8], step: usize) -> Result<(Vec<u8>, Vec<u8>, bool), MalformedBody> {
        let (mut decoder, mut buffer, mut body) = (Decoder::new(framing), BytesMut::new(), Vec::new());
        let mut pieces = text.chunks(step);
        loop {
            match decoder.next(&mut buffer)? {
                Step::Data(data) => {
                    assert!(!data.is_empty());
                    body.extend_from_slice(&data);
                }
                Step::More => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => return Ok((body, buffer.to_vec(), decoder.close())),
                },
                Step::End => return Ok((body, [&buffer[..], &pieces.flatten().copied().collect::<Vec<_>>()].concat(), true)),
            }
        }
    }

    fn check(framing: Framing, text: &str, expected: Result<(&str, &str, bool), MalformedBody>) {
        for step in 1..=text.len().max(1) {
            let expected = expected.map(|(body, rest, over)| (body.as_bytes().to_vec(), rest.as_bytes().to_vec(), over));
            assert_eq!(read(framing, text.as_bytes(), step), expected, "{text:?} in pieces of {step}");
        }
    }

    #[test]
    fn lengths_and_ends() {
        check(Framing::Length(0), "abc", Ok(("", "abc", true)));
        check(Framing::Length(3), "abcd", Ok(("abc", "d", true)));
        check(Framing::Length(5), "abcd", Ok(("abcd", "", false)));
        check(Framing::UntilClose, "abcd", Ok(("abcd", "", true)));
    }

    #[test]
    fn chunks() {
        check(Framing::Chunked, "3\r\nabc\r\n0\r\n\r\nx", Ok(("abc", "x", true)));
        check(Framing::Chunked, "3;a=b\r\nabc\r\n00A \r\n0123456789\r\n0;z\r\n\r\n", Ok(("abc0123456789", "", true)));
        check(Framing::Chunked, "0\r\nA: b\r\nC: d\r\n\r\nx", Ok(("", "x", true)));
        check(Framing::Chunked, "3\r\nabc\r\n", Ok(("abc", "", false)));
        check(Framing::Chunked, "3\r\nab", Ok(("ab", "", false)));
        for bad in [
            "\r\nabc",
            "x\r\n",
            "3\nabc\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "+3\r\nabc",
            "0x3\r\nabc",
            "3 4\r\n",
            "10000000000000000\r\n",
            "3\r\r\nabc",
        ] {
            assert_eq!(read(Framing::Chunked, bad.as_bytes(), 1), Err(MalformedBody), "{bad:?}");
        }
    }

    #[test]
    fn what_has_no_end_is_bounded() {
        let size = format!("1;{}", "a".repeat(SIZE_LINE_BYTES));
        assert_eq!(read(Framing::Chunked, size.as_bytes(), 100), Err(MalformedBody));
        let trailers = format!("0\r\n{}", "A: b\r\n".repeat(TRAILER_BYTES / 6 + 1));
        assert_eq!(read(Framing::Chunked, trailers.as_bytes(), 100), Err(MalformedBody));
    }

    proptest! {
        #[test]
        fn what_was_written_in_chunks_is_read(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..8), step in 1_usize..60) {
            let mut text = Vec::new();
            for piece in &pieces {
                crate::chunk_begins(&mut text, piece.len());
                text.extend_from_slice(piece);
                text.extend_from_slice(crate::CHUNK_ENDS);
            }
            text.extend_from_slice(crate::LAST_CHUNK);
            text.extend_from_slice(b"next");
            prop_assert_eq!(read(Framing::Chunked, &text, step), Ok((pieces.concat(), b"next".to_vec(), true)));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..200), step in 1_usize..20) {
            drop(read(Framing::Chunked, &text, step));
        }
    }
}
