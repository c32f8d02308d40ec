//! Bytes both ways until both sides have ended, one breaks, or nothing moves for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Of each direction.
const BUFFER: usize = 16 << 10;

pub(crate) async fn run(client: TcpStream, server: TcpStream, idle_timeout: Option<Duration>) -> io::Result<()> {
    let moved = Moved::new();
    let (mut client, mut server) = (Watched::new(client, moved.clone()), Watched::new(server, moved.clone()));
    tokio::select! {
        ended = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER) => ended.map(|_| ()),
        () = moved.silence(idle_timeout) => Ok(()),
    }
}

/// When something moved last.
pub(crate) struct Moved {
    started: Instant,
    millis: AtomicU64,
}

impl Moved {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), millis: AtomicU64::new(0) })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Ends when nothing has moved for so long; never where that may be for ever.
    pub(crate) async fn silence(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return std::future::pending().await };
        loop {
            let quiet = Duration::from_millis(self.now().saturating_sub(self.millis.load(Ordering::Relaxed)));
            match limit.checked_sub(quiet) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

/// A stream that notes when something moved on it.
pub(crate) struct Watched {
    stream: TcpStream,
    moved: Arc<Moved>,
}

impl Watched {
    pub(crate) const fn new(stream: TcpStream, moved: Arc<Moved>) -> Self {
        Self { stream, moved }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            this.moved.millis.store(this.moved.now(), Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_ready() {
            this.moved.millis.store(this.moved.now(), Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
