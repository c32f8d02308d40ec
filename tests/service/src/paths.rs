//! What each path does. The table of all paths is in `main.rs`.

use std::env;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::http::{self, Answer, Request, write_chunk};
use crate::server::{Shared, lock};
use crate::{exit_now, milliseconds};

/// What happens to a request.
pub(crate) enum Outcome {
    /// A whole answer.
    Answer(Answer),
    /// Chunks over time.
    Stream(Stream),
    /// So many bytes of ten times as many promised, then the end.
    Half(usize),
    /// Switch protocols and echo.
    Upgrade,
    /// The connection closes, no answer.
    Close,
}

/// An answer in chunks.
pub(crate) struct Stream {
    content_type: &'static str,
    chunks: Vec<Vec<u8>>,
    pause: Duration,
}

impl Stream {
    /// Writes head and chunks, each after its pause but the first.
    ///
    /// # Errors
    /// What the socket says; usually that the client has gone.
    pub(crate) fn write(&self, writer: &mut TcpStream, (served_by, last): (&str, bool)) -> io::Result<()> {
        let connection = if last { "Connection: close\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nX-Served-By: {served_by}\r\nContent-Type: {}\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n{connection}\r\n",
            self.content_type
        );
        writer.write_all(head.as_bytes())?;
        for (index, chunk) in self.chunks.iter().enumerate() {
            if index > 0 {
                thread::sleep(self.pause);
            }
            write_chunk(writer, chunk)?;
        }
        writer.write_all(b"0\r\n\r\n")
    }
}

/// Decides what happens to a request, and does what it asks for.
pub(crate) fn answer(request: &Request, shared: &Shared, connection: &TcpStream) -> Outcome {
    try_answer(request, shared, connection).unwrap_or_else(|problem| Outcome::Answer(Answer::text(400, problem)))
}

fn try_answer(request: &Request, shared: &Shared, connection: &TcpStream) -> Result<Outcome, String> {
    let path = request.path();
    let answer = match path.strip_prefix(shared.prefix.as_str()).unwrap_or(path) {
        "/" => Answer::text(shared.health_status.load(Ordering::SeqCst), "health\n"),
        "/health-becomes" => {
            shared.health_status.store(status(request, "status", 200)?, Ordering::SeqCst);
            Answer::text(200, "changed\n")
        }
        "/echo" => echo(request, connection),
        "/env" => variable(request.query("name").unwrap_or_default()),
        "/status" => Answer::text(status(request, "code", 200)?, "as asked\n"),
        "/slow" => {
            thread::sleep(milliseconds(number(request, "ms", 1000)?));
            Answer::text(200, "slow\n")
        }
        "/hang" => {
            // Until the client gives up: then nothing is in flight any more. Any error means that it has gone, too.
            let mut client = connection;
            io::copy(&mut client, &mut io::sink()).ok();
            return Ok(Outcome::Close);
        }
        "/big-header" => {
            let size = number(request, "bytes", 8192)?;
            Answer { headers: vec![("X-Big", "x".repeat(size))], ..Answer::text(200, "big header\n") }
        }
        "/dial" => dial(request.query("to").unwrap_or_default(), milliseconds(number(request, "ms", 1000)?)),
        "/ask" => ask(request.query("of").unwrap_or_default(), request.query("path").unwrap_or("/")),
        "/send" => send(request.query("to").unwrap_or_default(), request.query("hex").unwrap_or_default()),
        "/records" => records(request.query("name").unwrap_or_default(), number(request, "type", 1)?),
        "/eat-memory" => {
            // Not zero, or the pages would never be touched.
            let megabytes: usize = number(request, "mb", 64)?;
            lock(&shared.eaten).push(vec![1; megabytes << 20]);
            Answer::text(200, "eaten\n")
        }
        "/crash" => exit_now(number(request, "code", 1)?),
        "/close" => return Ok(Outcome::Close),
        "/half" => return Ok(Outcome::Half(number(request, "bytes", 10)?)),
        "/upgrade" => return Ok(Outcome::Upgrade),
        "/bytes" => return bytes(request),
        "/stream" => return events(request, "text/plain; charset=utf-8", |index| format!("event {index}\n")),
        "/sse" => return events(request, "text/event-stream", |index| format!("id: {index}\ndata: event {index}\n\n")),
        _ => Answer::text(404, "no such path\n"),
    };
    Ok(Outcome::Answer(answer))
}

fn echo(request: &Request, connection: &TcpStream) -> Answer {
    let peer = connection.peer_addr().map_or_else(|_| "gone".to_owned(), |address| address.to_string());
    let mut text = format!("method: {}\npath: {}\npeer: {peer}\n", request.method, request.target);
    for (name, value) in &request.headers {
        text.push_str(&format!("header: {name}: {value}\n"));
    }
    text.push_str(&format!("body-bytes: {}\n", request.body_bytes));
    Answer::text(200, text)
}

fn variable(name: &str) -> Answer {
    env::var(name).map_or_else(|_| Answer::text(404, "not set\n"), |value| Answer::text(200, value))
}

fn bytes(request: &Request) -> Result<Outcome, String> {
    let body = vec![b'x'; number(request, "n", 1024)?];
    let content_type = "application/octet-stream";
    if request.query("chunked") == Some("1") {
        let chunks = body.chunks(16 * 1024).map(<[u8]>::to_vec).collect();
        return Ok(Outcome::Stream(Stream { content_type, chunks, pause: Duration::ZERO }));
    }
    Ok(Outcome::Answer(Answer { status: 200, headers: vec![("Content-Type", content_type.to_owned())], body }))
}

fn events(request: &Request, content_type: &'static str, line: impl Fn(u64) -> String) -> Result<Outcome, String> {
    let count: u64 = number(request, "n", 5)?;
    let chunks = (1..=count).map(|index| line(index).into_bytes()).collect();
    Ok(Outcome::Stream(Stream { content_type, chunks, pause: milliseconds(number(request, "ms", 100)?) }))
}

/// Opens a TCP connection and closes it again: what a test of isolation asks.
fn dial(to: &str, limit: Duration) -> Answer {
    let address = match to.to_socket_addrs().map(|mut addresses| addresses.next()) {
        Ok(Some(address)) => address,
        Ok(None) => return Answer::text(502, "no address"),
        Err(problem) => return Answer::text(502, format!("cannot resolve `{to}`: {problem}")),
    };
    match TcpStream::connect_timeout(&address, limit) {
        Ok(_) => Answer::text(200, format!("connected {address}")),
        Err(problem) => Answer::text(502, format!("cannot connect to {address}: {problem}")),
    }
}

/// Asks another server over a new connection, as one service asks another.
fn ask(of: &str, path: &str) -> Answer {
    match http::get(of, path) {
        Ok(Some((status, served_by))) => Answer::text(200, format!("{status} {served_by}")),
        Ok(None) => Answer::text(502, format!("what came from `{of}` is not HTTP/1")),
        Err(problem) => Answer::text(502, format!("cannot ask `{of}`: {problem}")),
    }
}

/// Sends bytes and gives what comes back until the other side closes: what a program in a container could ask anybody for.
fn send(to: &str, hex: &str) -> Answer {
    let digits = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let Some(bytes) = digits.collect::<Option<Vec<u8>>>() else { return Answer::text(400, "`hex` is not hexadecimal\n") };
    let ask = || -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(&bytes)?;
        let mut answer = Vec::new();
        io::Read::read_to_end(&mut stream, &mut answer)?;
        Ok(answer)
    };
    match ask() {
        Ok(body) => Answer { body, ..Answer::text(200, "") },
        Err(problem) => Answer::text(502, format!("cannot ask {to}: {problem}")),
    }
}

/// Asks the first name server of `/etc/resolv.conf`, once.
fn records(name: &str, kind: u16) -> Answer {
    let ask = || -> io::Result<Vec<u8>> {
        let text = std::fs::read_to_string("/etc/resolv.conf")?;
        let server = text.lines().find_map(|line| line.strip_prefix("nameserver ")).ok_or(io::ErrorKind::NotFound)?;
        let mut question = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(u8::try_from(label.len()).map_err(|_| io::ErrorKind::InvalidInput)?);
            question.extend(label.as_bytes());
        }
        question.extend([0]);
        question.extend([kind, 1].into_iter().flat_map(u16::to_be_bytes));
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        socket.send_to(&question, (server.trim(), 53))?;
        let mut answer = vec![0; 4096];
        let length = socket.recv(&mut answer)?;
        answer.truncate(length);
        Ok(answer)
    };
    match ask() {
        Ok(body) => Answer { body, ..Answer::text(200, "") },
        Err(problem) => Answer::text(502, format!("cannot ask for `{name}`: {problem}")),
    }
}

fn number<N: FromStr>(request: &Request, name: &str, default: N) -> Result<N, String> {
    let Some(text) = request.query(name) else { return Ok(default) };
    text.parse().map_err(|_| format!("`{name}`: `{text}` is not a number in range\n"))
}

/// A status that ends a request: 1xx would not.
fn status(request: &Request, name: &str, default: u16) -> Result<u16, String> {
    let code = number(request, name, default)?;
    if (200..=599).contains(&code) { Ok(code) } else { Err(format!("`{name}`: {code} is not between 200 and 599\n")) }
}
