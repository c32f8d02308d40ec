//! One side of a connection, read message by message and kept as it came.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Nothing takes longer, but for what is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// What a message says of its own length.
enum Length {
    Known(usize),
    Chunked,
    /// Up to the end of the connection.
    Open,
}

impl Wire {
    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// Sends as much as the other side takes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Whether more has come.
    async fn fill(&mut self) -> bool {
        self.stream.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0)
    }

    /// At least so many bytes, fewer only at the end of the connection.
    async fn ensure(&mut self, length: usize) -> bool {
        while self.buffer.len() < length {
            if !self.fill().await {
                return false;
            }
        }
        true
    }

    /// Up to and with `end`, from `from` on.
    async fn find(&mut self, from: usize, end: &[u8]) -> Option<usize> {
        loop {
            let found = self.buffer[from..].windows(end.len()).position(|window| window == end);
            if let Some(position) = found {
                return Some(from + position + end.len());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length.min(self.buffer.len()));
        std::mem::replace(&mut self.buffer, rest)
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    /// What has come and was not taken.
    pub(crate) fn pending(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// A request, chunks as they came; `None` at the end of the connection.
    pub(crate) async fn request(&mut self) -> Option<Vec<u8>> {
        let head = self.find(0, b"\r\n\r\n").await?;
        let length = match length(&self.buffer[..head]) {
            Length::Open => Length::Known(0),
            other => other,
        };
        self.message(head, length).await
    }

    /// A response, to HEAD without a body. What does not begin as HTTP does is everything up to the end of the connection, as is what
    /// breaks off.
    pub(crate) async fn response(&mut self, bodiless: bool) -> Vec<u8> {
        if !self.ensure(5).await || !self.buffer.starts_with(b"HTTP/") {
            return self.rest().await;
        }
        let Some(head) = self.find(0, b"\r\n\r\n").await else { return self.rest().await };
        let status = self.buffer.get(9..12).unwrap_or_default().to_vec();
        let bodiless = bodiless || status.starts_with(b"1") || status == b"204" || status == b"304";
        let length = if bodiless { Length::Known(0) } else { length(&self.buffer[..head]) };
        self.message(head, length).await.unwrap_or_default()
    }

    async fn message(&mut self, head: usize, length: Length) -> Option<Vec<u8>> {
        match length {
            Length::Known(length) => {
                self.ensure(head + length).await;
                Some(self.take(head + length))
            }
            Length::Open => Some(self.rest().await),
            Length::Chunked => {
                let mut end = head;
                while let Some(data) = self.find(end, b"\r\n").await {
                    let size = std::str::from_utf8(&self.buffer[end..data]).unwrap_or_default().split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(size, 16).unwrap_or_default();
                    end = data + size + 2;
                    if size == 0 {
                        // Trailers, if any, and an empty line.
                        end = self.find(data - 2, b"\r\n\r\n").await.unwrap_or(usize::MAX);
                        return Some(self.take(end));
                    }
                    if !self.ensure(end).await {
                        break;
                    }
                }
                Some(self.rest().await)
            }
        }
    }
}

fn length(head: &[u8]) -> Length {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = |name: &str| head.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    if value("transfer-encoding:").is_some() {
        return Length::Chunked;
    }
    value("content-length:").and_then(|length| length.parse().ok()).map_or(Length::Open, Length::Known)
}
