//! Enough of HTTP/1.1 for a server of the tests: request heads, bodies with a length or in chunks, answers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// More than this in one request head is refused.
const HEAD_LIMIT: u64 = 1 << 20;

/// A request whose body has been read to its end.
pub(crate) struct Request {
    /// The method, as sent.
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Headers in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    /// How many bytes of body came.
    pub(crate) body_bytes: u64,
}

impl Request {
    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// A value of the query, as written: nothing is percent-decoded.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Reads the head of the next request; `None` when the client has closed the connection.
    ///
    /// # Errors
    /// What the socket says, or `InvalidData` for something that is not HTTP/1.
    pub(crate) fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut head = reader.take(HEAD_LIMIT);
        let Some(first) = read_line(&mut head)? else { return Ok(None) };
        let mut parts = first.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(bad("not an HTTP/1 request line"));
        };
        let mut request = Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body_bytes: 0 };
        loop {
            let line = read_line(&mut head)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(Some(request));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without a colon"))?;
            request.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// Reads the body to its end and counts it; says `100 Continue` first where the client waits for that.
    ///
    /// # Errors
    /// What the socket says, or `InvalidData` for a length that is no number.
    pub(crate) fn read_body(&mut self, reader: &mut BufReader<TcpStream>, writer: &mut TcpStream) -> io::Result<()> {
        if self.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if self.header("transfer-encoding").is_some() {
            self.body_bytes = read_chunks(reader)?;
        } else if let Some(length) = self.header("content-length") {
            let length = length.parse().map_err(|_| bad("a content length that is no number"))?;
            read_exactly(reader, length)?;
            self.body_bytes = length;
        }
        Ok(())
    }
}

/// An answer that is known in full before its first byte is sent.
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Headers besides those that every answer has.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A plain text answer.
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())], body: body.into().into_bytes() }
    }
}

/// Writes the bytes of one chunk.
pub(crate) fn write_chunk(writer: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    writer.write_all(&chunk)
}

/// The words after a status code.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "As Asked",
    }
}

/// Whether the server in this container answers a GET of `path` with 200 within two seconds.
pub(crate) fn answers_ok(port: u16, path: &str) -> bool {
    let ask = || -> io::Result<bool> {
        let limit = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), limit)?;
        stream.set_read_timeout(Some(limit))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// Asks for `path` over a connection of its own: the status and who served it; `None` for what is not HTTP.
///
/// # Errors
/// What the name server or the socket says.
pub(crate) fn get(of: &str, path: &str) -> io::Result<Option<(u16, String)>> {
    let limit = Duration::from_secs(10);
    let address = of.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {of}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(HEAD_LIMIT).read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let Some(status) = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()) else { return Ok(None) };
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let served_by = headers.filter(|(name, _)| name.eq_ignore_ascii_case("x-served-by")).map(|(_, value)| value).next();
    Ok(Some((status, served_by.unwrap_or_default().to_owned())))
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    if !line.ends_with('\n') {
        return Err(bad("a request head that ends too early or is too long"));
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> io::Result<u64> {
    let mut total = 0_u64;
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| bad("a chunk size that is no number"))?;
        if size == 0 {
            break;
        }
        read_exactly(reader, size)?;
        read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        total = total.saturating_add(size);
    }
    // Trailers, up to the empty line.
    while !read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?.is_empty() {}
    Ok(total)
}

fn read_exactly(reader: &mut impl Read, length: u64) -> io::Result<()> {
    let read = io::copy(&mut reader.take(length), &mut io::sink())?;
    if read == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
