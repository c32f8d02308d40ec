//! Bytes on their way out: heads and small pieces of bodies in one write, large pieces as they came.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use message::{CHUNK_ENDS, LAST_CHUNK, chunk_begins};
use tokio::io::AsyncWrite;

/// Pieces up to this size are copied behind the bytes in front of them: that costs less than a system call, or its longer form.
const SMALL: usize = 4 * 1024;
/// So much waits at most before it is written.
const FULL: usize = 16 * 1024;
/// Room that is kept for the next message.
const KEPT: usize = 1024;

/// How a body is put on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is: its length, or the end of the connection, tells its end.
    Plain,
    /// In chunks.
    Chunked,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    text: Vec<u8>,
    /// How much of `text` is written.
    at: usize,
    piece: Bytes,
    /// What follows the piece.
    behind: &'static [u8],
    begun: bool,
}

impl Outgoing {
    /// Whether all is written.
    pub(crate) const fn is_empty(&self) -> bool {
        self.at == self.text.len() && self.piece.is_empty() && self.behind.is_empty()
    }

    /// Whether any byte was written, ever.
    pub(crate) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether more may be added.
    pub(crate) const fn has_room(&self) -> bool {
        self.piece.is_empty() && self.behind.is_empty() && self.text.len() - self.at < FULL
    }

    /// Where heads are written to, while there is room.
    pub(crate) const fn text(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.piece.is_empty() && self.behind.is_empty(), "what stands behind the piece is not written yet");
        &mut self.text
    }

    /// Adds a piece of a body, while there is room.
    pub(crate) fn piece(&mut self, piece: Bytes, coding: Coding) {
        if piece.is_empty() {
            return;
        }
        if coding == Coding::Chunked {
            chunk_begins(self.text(), piece.len());
        }
        let behind = if coding == Coding::Chunked { CHUNK_ENDS } else { &[] };
        if piece.len() <= SMALL {
            self.text().extend_from_slice(&piece);
            self.text.extend_from_slice(behind);
        } else {
            (self.piece, self.behind) = (piece, behind);
        }
    }

    /// Adds the end of a body, while there is room.
    pub(crate) fn end(&mut self, coding: Coding) {
        if coding == Coding::Chunked {
            self.text().extend_from_slice(LAST_CHUNK);
        }
    }

    /// Throws away what is not written.
    pub(crate) fn clear(&mut self) {
        *self = Self { begun: self.begun, ..Self::default() };
    }

    /// Writes everything.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let text = &self.text[self.at..];
            let wrote = if self.piece.is_empty() && self.behind.is_empty() {
                Pin::new(&mut *stream).poll_write(cx, text)
            } else {
                let slices = [IoSlice::new(text), IoSlice::new(&self.piece), IoSlice::new(self.behind)];
                let first = slices.iter().take_while(|slice| slice.is_empty()).count();
                Pin::new(&mut *stream).poll_write_vectored(cx, &slices[first..])
            };
            match ready!(wrote)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        if self.text.capacity() > KEPT {
            self.text = Vec::new();
        } else {
            self.text.clear();
        }
        self.at = 0;
        Pin::new(stream).poll_flush(cx)
    }

    fn advance(&mut self, mut written: usize) {
        self.begun = true;
        let text = written.min(self.text.len() - self.at);
        self.at += text;
        written -= text;
        let piece = written.min(self.piece.len());
        self.piece.advance(piece);
        self.behind = &self.behind[written - piece..];
    }

    /// Gives back the room that is kept for the next message.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that takes a few bytes at a time.
    struct Narrow(Vec<u8>, usize);

    impl AsyncWrite for Narrow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            let whole: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            self.poll_write(cx, &whole)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn everything_is_written_once_and_in_order() {
        let (small, large) = (Bytes::from_static(b"abc"), Bytes::from(vec![b'x'; SMALL + 1]));
        for (coding, expected) in [
            (Coding::Plain, format!("head abc{}", "x".repeat(SMALL + 1))),
            (Coding::Chunked, format!("head 3\r\nabc\r\n{:x}\r\n{}\r\n0\r\n\r\n", SMALL + 1, "x".repeat(SMALL + 1))),
        ] {
            for step in [1, 3, 4095, 4096, 4101, 100_000] {
                let (mut out, mut stream) = (Outgoing::default(), Narrow(Vec::new(), step));
                let mut cx = Context::from_waker(std::task::Waker::noop());
                out.text().extend_from_slice(b"head ");
                out.piece(small.clone(), coding);
                assert!(out.has_room() && !out.has_begun());
                out.piece(large.clone(), coding);
                assert!(!out.has_room());
                assert!(out.poll_write(&mut stream, &mut cx).is_ready());
                out.end(coding);
                assert!(out.poll_write(&mut stream, &mut cx).is_ready() && out.is_empty() && out.has_begun());
                assert_eq!(String::from_utf8(stream.0).unwrap(), expected, "{step} bytes at a time");
            }
        }
    }
}
