//! A small HTTP/1.1 client over one connection that is kept, so that a test sees every byte's fate.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A response, whole.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Which container answered.
    pub(crate) fn served_by(&self) -> String {
        self.header("x-served-by").unwrap_or_else(|| panic!("no X-Served-By in {self:?}")).to_owned()
    }
}

/// A client that keeps its connection while the other side does.
pub(crate) struct Client {
    port: u16,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) const fn new(port: u16) -> Self {
        Self { port, connection: None }
    }

    /// One GET. An error means that no whole response came back.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Response> {
        self.get_from(&format!("localhost:{}", self.port), path)
    }

    /// The same with another name in `Host`.
    pub(crate) fn get_from(&mut self, host: &str, path: &str) -> io::Result<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(("127.0.0.1", self.port))?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        write!(connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
        let response = read(&mut connection)?;
        if !response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

fn read(connection: &mut BufReader<TcpStream>) -> io::Result<Response> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned());
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).ok_or_else(|| broken("no status line"))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(broken("the head ends early"));
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut response = Response { status, headers, body: String::new() };
    let mut body = Vec::new();
    if response.header("transfer-encoding").is_some() {
        loop {
            line.clear();
            connection.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(|_| broken("no chunk length"))?;
            let mut chunk = vec![0; length + 2];
            connection.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                break;
            }
        }
    } else {
        let length = response.header("content-length").and_then(|text| text.parse().ok()).ok_or_else(|| broken("no length"))?;
        body.resize(length, 0);
        connection.read_exact(&mut body)?;
    }
    response.body = String::from_utf8_lossy(&body).into_owned();
    Ok(response)
}
