//! The test container does what its table of paths promises, run as a plain process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers as well")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

struct Service {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Service {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_test-service"));
        let mut child = command.args(words).env("PORT", "0").env("TASK", "users/1").stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let line = line_with(&mut stdout, "listening on ");
        let port: SocketAddr = line.trim_start_matches("listening on ").parse().unwrap();
        Self { child, stdout, address: SocketAddr::from(([127, 0, 0, 1], port.port())) }
    }

    /// Sends one request and says no more; the connection stays open.
    fn send(&self, request_line: &str, rest: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "{request_line} HTTP/1.1\r\nHost: test\r\n{rest}").unwrap();
        stream
    }

    /// All that comes back until the service closes.
    fn ask(&self, request_line: &str) -> String {
        read_all(self.send(request_line, "Connection: close\r\n\r\n"))
    }

    fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read_all(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn line_with(reader: &mut impl BufRead, start: &str) -> String {
    reader.lines().map(Result::unwrap).find(|line| line.starts_with(start)).unwrap()
}

#[test]
fn each_path_answers_as_promised() {
    let service = Service::start(&[]);
    let table = [
        ("GET /", "HTTP/1.1 200 OK\r\nX-Served-By: users/1\r\n", "\r\n\r\nhealth\n"),
        ("GET /echo?x=1", "HTTP/1.1 200", "header: Host: test\nheader: Connection: close\nbody-bytes: 0\n"),
        ("GET /status?code=503", "HTTP/1.1 503", "as asked\n"),
        ("GET /status?code=204", "HTTP/1.1 204", "Connection: close\r\n\r\n"),
        ("GET /status?code=100", "HTTP/1.1 400", "`code`: 100 is not between 200 and 599\n"),
        ("GET /status?code=x", "HTTP/1.1 400", "`code`: `x` is not a number in range\n"),
        ("GET /slow?ms=1", "HTTP/1.1 200", "slow\n"),
        ("GET /bytes?n=3", "HTTP/1.1 200", "Content-Length: 3\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\nxxx"),
        ("GET /bytes?n=3&chunked=1", "HTTP/1.1 200", "\r\n\r\n3\r\nxxx\r\n0\r\n\r\n"),
        ("GET /stream?n=2&ms=1", "HTTP/1.1 200", "\r\n\r\n8\r\nevent 1\n\r\n8\r\nevent 2\n\r\n0\r\n\r\n"),
        ("GET /sse?n=1&ms=1", "HTTP/1.1 200", "\r\n\r\n15\r\nid: 1\ndata: event 1\n\n\r\n0\r\n\r\n"),
        ("GET /big-header?bytes=4", "HTTP/1.1 200", "X-Big: xxxx\r\nConnection: close\r\n\r\nbig header\n"),
        ("GET /half?bytes=2", "HTTP/1.1 200", "Content-Length: 20\r\n\r\nxx"),
        ("GET /env?name=TASK", "HTTP/1.1 200", "users/1"),
        ("HEAD /", "HTTP/1.1 200", "Content-Length: 7\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"),
        ("GET /nowhere", "HTTP/1.1 404", "no such path\n"),
        ("GET /close", "", ""),
    ];
    for (request_line, start, end) in table {
        let answer = service.ask(request_line);
        assert!(answer.starts_with(start) && answer.ends_with(end), "{request_line}: {answer:?}");
    }
    assert_eq!(service.ask("GET /close"), "");
}

#[test]
fn health_changes_on_request() {
    let service = Service::start(&[]);
    assert!(service.ask("GET /health-becomes?status=500").starts_with("HTTP/1.1 200"));
    assert!(service.ask("GET /").starts_with("HTTP/1.1 500"));
}

#[test]
fn one_connection_carries_many_requests_with_bodies() {
    let service = Service::start(&[]);
    let mut stream = service.send("POST /echo", "Content-Length: 3\r\n\r\nabc");
    write!(stream, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n").unwrap();
    let answers = read_all(stream);
    assert!(answers.contains("body-bytes: 3\n") && answers.ends_with("body-bytes: 6\n"), "{answers:?}");
}

#[test]
fn an_upgraded_connection_gives_every_byte_back() {
    let service = Service::start(&[]);
    let mut stream = service.send("GET /upgrade", "Connection: upgrade\r\nUpgrade: echo\r\n\r\nearly ");
    write!(stream, "late").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = read_all(stream);
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nearly late"), "{answer:?}");
}

#[test]
fn dial_tells_open_from_closed() {
    let service = Service::start(&[]);
    assert!(service.ask(&format!("GET /dial?to={}", service.address)).contains("\r\n\r\nconnected 127.0.0.1:"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(service.ask(&format!("GET /dial?to={closed}")).starts_with("HTTP/1.1 502 Bad Gateway"));
}

#[test]
fn send_gives_what_comes_back() {
    let service = Service::start(&[]);
    let hex: String = b"GET /status?code=503 HTTP/1.1\r\nConnection: close\r\n\r\n".iter().map(|byte| format!("{byte:02x}")).collect();
    let answer = service.ask(&format!("GET /send?to={}&hex={hex}", service.address));
    assert!(answer.contains("HTTP/1.1 503 Service Unavailable"), "{answer}");
}

#[test]
fn sigterm_finishes_what_is_in_flight() {
    let mut service = Service::start(&[]);
    let stream = service.send("GET /stream?n=4&ms=100", "\r\n");
    let mut reader = BufReader::new(stream);
    line_with(&mut reader, "event 1");
    service.terminate();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("event 4\n\r\n0\r\n\r\n"), "{rest:?}");
    assert_eq!(line_with(&mut service.stdout, "stopped"), "stopped by SIGTERM, 0 requests cut");
    assert_eq!(service.exit_code(), Some(0));
}

#[test]
fn sigterm_is_ignored_where_asked() {
    let mut service = Service::start(&["--ignore-sigterm"]);
    service.terminate();
    assert_eq!(line_with(&mut service.stdout, "SIGTERM"), "SIGTERM ignored");
    assert!(service.ask("GET /").starts_with("HTTP/1.1 200"));
    assert_eq!(service.ask("GET /crash?code=9"), "");
    assert_eq!(service.exit_code(), Some(9));
}

#[test]
fn words_are_obeyed_or_refused() {
    let run = |words: &[&str]| Command::new(env!("CARGO_BIN_EXE_test-service")).args(words).env("PORT", "0").output().unwrap();
    let unknown = run(&["--bogus"]);
    assert_eq!((unknown.status.code(), unknown.stderr.as_slice()), (Some(64), b"unknown word `--bogus`\n".as_slice()));
    let talk = run(&["--no-listen", "--print", "one", "--print", "two", "--eprint", "three", "--exit-after", "1", "7"]);
    assert_eq!((talk.status.code(), talk.stdout.as_slice(), talk.stderr.as_slice()), (Some(7), b"one\ntwo\n".as_slice(), b"three\n".as_slice()));
    let never = run(&["--start-delay", "60000", "--exit-after", "1", "3"]);
    assert_eq!((never.status.code(), never.stdout.as_slice()), (Some(3), b"".as_slice()));
}
