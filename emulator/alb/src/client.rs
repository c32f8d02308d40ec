//! A client's connection over HTTP/1 as the requests on it share it: the bytes that came and those that go.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use message::{HeadScan, RequestHead, blank_lines};
use routing::ClientFailure;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::outgoing::Outgoing;
use crate::state::ConnectionState;
use crate::transport::{ClientIo, ClientStream};
use crate::worker::Worker;

/// The least and the most that a body is read by at once, in bytes.
const BODY_READ: (u64, u64) = (1024, 128 * 1024);
/// The same where its length is unknown.
const CHUNKED_READ: u64 = 32 * 1024;

/// What comes of waiting for a request.
pub(crate) enum Came {
    /// A head.
    Request(Box<RequestHead>),
    /// The end of the connection.
    Nothing,
    /// What is no request.
    Refused(ClientFailure),
}

/// See the module.
pub(crate) struct Client {
    stream: RefCell<ClientStream>,
    /// What came and belongs to nobody yet. Without room of its own while the connection is idle.
    buffer: RefCell<BytesMut>,
    pub(crate) out: RefCell<Outgoing>,
    ended: Cell<bool>,
    worker: Rc<Worker>,
    state: Rc<ConnectionState>,
}

impl Client {
    pub(crate) fn new(stream: ClientIo, worker: &Rc<Worker>, state: &Rc<ConnectionState>) -> Self {
        Self {
            stream: RefCell::new(ClientStream { stream, state: Rc::clone(state) }),
            buffer: RefCell::default(),
            out: RefCell::default(),
            ended: Cell::new(false),
            worker: Rc::clone(worker),
            state: Rc::clone(state),
        }
    }

    /// The connection at its end, and what came on it beyond the last request.
    pub(crate) fn into_stream(self) -> (ClientIo, Bytes) {
        (self.stream.into_inner().stream, self.buffer.into_inner().freeze())
    }

    fn poll_read(&self, read: &mut ReadBuf<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, read)
    }

    /// Waits for the next head.
    pub(crate) fn poll_head(&self, scan: &mut HeadScan, cx: &mut Context<'_>) -> Poll<Came> {
        loop {
            let mut buffer = self.buffer.borrow_mut();
            if !buffer.is_empty() {
                let blank = blank_lines(&buffer);
                if blank > 0 {
                    buffer.advance(blank);
                    *scan = HeadScan::default();
                }
                let (came, length) = understand(&buffer, scan);
                self.state.head_begun.set(!buffer.is_empty());
                if let Some(came) = came {
                    buffer.advance(length);
                    self.state.count_received(length);
                    return Poll::Ready(came);
                }
            }
            let mut place = self.worker.incoming.borrow_mut();
            let mut read = ReadBuf::new(&mut place);
            if ready!(self.poll_read(&mut read, cx)).is_err() || read.filled().is_empty() {
                self.ended.set(true);
                return Poll::Ready(Came::Nothing);
            }
            let mut bytes = read.filled();
            if buffer.is_empty() {
                // Most requests come whole: they are read where they are, and an idle connection needs no room.
                bytes = &bytes[blank_lines(bytes)..];
                let (came, length) = understand(bytes, scan);
                self.state.head_begun.set(!bytes.is_empty());
                if let Some(came) = came {
                    buffer.extend_from_slice(&bytes[length..]);
                    self.state.count_received(length);
                    return Poll::Ready(came);
                }
                // They will be looked at again, now from where they are kept.
                *scan = HeadScan::default();
            }
            buffer.extend_from_slice(bytes);
        }
    }

    /// Reads a part of a body behind what is in the buffer; `left` bytes of it are still to come, if that is known. `false` at the end
    /// of the connection.
    pub(crate) fn poll_body(&self, left: Option<u64>, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut buffer = self.buffer.borrow_mut();
        let room = left.map_or(CHUNKED_READ, |left| left.clamp(BODY_READ.0, BODY_READ.1));
        buffer.reserve(usize::try_from(room).unwrap_or_default());
        let mut stream = self.stream.borrow_mut();
        let read = ready!(pin!(stream.read_buf(&mut *buffer)).poll(cx))?;
        self.ended.set(read == 0);
        Poll::Ready(Ok(read > 0))
    }

    /// Ready once the client is gone, which shows while nothing else of it waits to be read.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = self.buffer.borrow_mut();
        if !buffer.is_empty() {
            return Poll::Pending;
        }
        let mut place = self.worker.incoming.borrow_mut();
        let mut read = ReadBuf::new(&mut place);
        match ready!(self.poll_read(&mut read, cx)) {
            Ok(()) if !read.filled().is_empty() => {
                buffer.extend_from_slice(read.filled());
                Poll::Pending
            }
            _ => {
                self.ended.set(true);
                Poll::Ready(())
            }
        }
    }

    /// Takes from what came.
    pub(crate) fn take<T>(&self, take: impl FnOnce(&mut BytesMut) -> T) -> T {
        let mut buffer = self.buffer.borrow_mut();
        let before = buffer.len();
        let taken = take(&mut buffer);
        self.state.count_received(before - buffer.len());
        taken
    }

    /// Writes what waits to be written.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.out.borrow_mut().poll_write(&mut *self.stream.borrow_mut(), cx)
    }

    /// Nothing is under way: gives back all room.
    pub(crate) fn rest(&self) {
        self.out.borrow_mut().release();
        let mut buffer = self.buffer.borrow_mut();
        if buffer.is_empty() {
            *buffer = BytesMut::new();
        }
    }

    /// Whether something came that belongs to no request yet.
    pub(crate) fn has_more(&self) -> bool {
        !self.buffer.borrow().is_empty()
    }

    /// Whether its bytes are encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.stream.borrow().stream, ClientIo::Tls(_))
    }

    /// Whether the client sends nothing more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }
}

/// What bytes say so far, and how many of them say it.
fn understand(bytes: &[u8], scan: &mut HeadScan) -> (Option<Came>, usize) {
    let found = scan.find_request(bytes).and_then(|found| found.map(|length| Ok((RequestHead::parse(&bytes[..length])?, length))).transpose());
    match found {
        Ok(None) => (None, 0),
        Ok(Some((head, length))) => (Some(Came::Request(Box::new(head))), length),
        Err(failure) => (Some(Came::Refused(failure)), 0),
    }
}
