//! Doors for HTTP/1.1 and HTTP/2, with servers of the test's own behind them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{ClusterName, ServiceKey, ServiceName, TaskId};
use proxy::{Door, Proxy};
use routing::connection::{AppProtocol, Connection, ConnectionKey};
use routing::rotation::{FAILURES, Member};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

fn key() -> ConnectionKey {
    let service = |name: &str| ServiceKey { cluster: ClusterName::new("c").unwrap(), name: ServiceName::new(name).unwrap() };
    ConnectionKey { client: service("users"), server: service("posts"), port: 1 }
}

fn leading_to(protocol: AppProtocol, addresses: &[SocketAddr]) -> Connection {
    let member = |address: &SocketAddr| Member { task: TaskId::from_text(&address.to_string()), address: *address };
    Connection { members: addresses.iter().map(member).collect(), app_protocol: Some(protocol), ..Connection::default() }
}

async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Answers `/slow` never, `/sick` with 500, `/drip` with a body that does not end, and all else with `<port> <what came>`.
async fn answer(port: u16, request: Request<Incoming>) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
    let status = if request.uri().path() == "/sick" { 500 } else { 200 };
    if request.uri().path() == "/slow" {
        std::future::pending::<()>().await;
    }
    let connection = request.headers().contains_key("connection") || request.headers().contains_key("x-hop");
    let trailers = request.headers().get("te").is_some_and(|value| value == "trailers");
    let drips = request.uri().path() == "/drip";
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = format!("{port} {} {connection} {trailers}", body.len());
    let body = if drips {
        let pieces = futures_util::stream::once(async { Ok(hyper::body::Frame::data(Bytes::from_static(b"drop"))) });
        let never = futures_util::stream::pending();
        http_body_util::BodyExt::boxed(http_body_util::StreamBody::new(futures_util::StreamExt::chain(pieces, never)))
    } else {
        Full::new(Bytes::from(text)).boxed()
    };
    Ok(Response::builder().status(status).body(body).unwrap())
}

async fn server(protocol: AppProtocol, owner: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    owner.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |request| answer(address.port(), request));
            connections.spawn(async move {
                match protocol {
                    AppProtocol::Http => hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok(),
                    AppProtocol::Http2 | AppProtocol::Grpc => {
                        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        builder.serve_connection(TokioIo::new(stream), service).await.ok()
                    }
                }
            });
        }
    });
    address
}

/// A client on one connection.
enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    async fn new(protocol: AppProtocol, door: SocketAddr, owner: &mut JoinSet<()>) -> Self {
        let stream = TokioIo::new(TcpStream::connect(door).await.unwrap());
        match protocol {
            AppProtocol::Http => {
                let (sender, connection) = http1::handshake(stream).await.unwrap();
                owner.spawn(async move { drop(connection.await) });
                Self::Http1(sender)
            }
            AppProtocol::Http2 | AppProtocol::Grpc => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                owner.spawn(async move { drop(connection.await) });
                Self::Http2(sender)
            }
        }
    }

    async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Response<Incoming> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await.unwrap();
                timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()
            }
            Self::Http2(sender) => {
                *request.uri_mut() = format!("http://posts{}", request.uri()).parse().unwrap();
                timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()
            }
        }
    }

    /// The status and the body.
    async fn ask(&mut self, method: &str, path: &str, body: &'static str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header("host", "posts").body(Full::new(Bytes::from_static(body.as_bytes())));
        let response = self.send(request.unwrap()).await;
        let status = response.status().as_u16();
        let body = timeout(PATIENCE, response.into_body().collect()).await.unwrap().unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

/// A door with that behind it.
async fn door(connection: &Connection) -> (Proxy, SocketAddr) {
    let (proxy, address) = (Proxy::default(), nobody().await);
    proxy.open(&key(), Door { address, interface: "lo".into() }, connection).unwrap();
    (proxy, address)
}

#[tokio::test]
async fn each_request_of_one_connection_has_its_own_task() {
    for protocol in [AppProtocol::Http, AppProtocol::Http2] {
        let mut owner = JoinSet::new();
        let (first, second, gone) = (server(protocol, &mut owner).await, server(protocol, &mut owner).await, nobody().await);
        let (_proxy, at) = door(&leading_to(protocol, &[first, second, gone])).await;
        let mut client = Client::new(protocol, at, &mut owner).await;
        let mut answers = Vec::new();
        for _ in 0..6 {
            answers.push(client.ask("POST", "/", "four").await);
        }
        let by = |port: SocketAddr| (200, format!("{} 4 false false", port.port()));
        let expected = [first, second, first, first, second, first].map(by);
        assert_eq!(answers, expected, "the third does not accept, and the next stands in for it");
    }
}

#[tokio::test]
async fn without_a_task_there_is_an_answer_all_the_same() {
    let mut owner = JoinSet::new();
    let gone = nobody().await;
    let (proxy, at) = door(&leading_to(AppProtocol::Http, &[])).await;
    let mut client = Client::new(AppProtocol::Http, at, &mut owner).await;
    assert_eq!(client.ask("GET", "/", "").await, (503, "no healthy upstream".to_owned()));
    let behind = leading_to(AppProtocol::Http, &[gone]);
    proxy.open(&key(), Door { address: at, interface: "lo".into() }, &behind).unwrap();
    assert!(client.ask("POST", "/", "x").await.1.ends_with("reset reason: remote connection failure"));
    let (_proxy, at) = door(&leading_to(AppProtocol::Grpc, &[gone])).await;
    let mut client = Client::new(AppProtocol::Grpc, at, &mut owner).await;
    let request = Request::builder().method("POST").uri("/").header("content-type", "application/grpc").body(Full::default()).unwrap();
    let response = client.send(request).await;
    assert_eq!((response.status().as_u16(), response.headers()["grpc-status"].to_str().unwrap()), (200, "14"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up_head_or_body() {
    let mut owner = JoinSet::new();
    let address = server(AppProtocol::Http, &mut owner).await;
    let brief = Connection { request_timeout: Some(Duration::from_millis(100)), ..leading_to(AppProtocol::Http, &[address]) };
    let (_proxy, at) = door(&brief).await;
    let mut client = Client::new(AppProtocol::Http, at, &mut owner).await;
    assert_eq!(client.ask("GET", "/slow", "").await, (504, "upstream request timeout".to_owned()));
    let response = client.send(Request::builder().uri("/drip").body(Full::default()).unwrap()).await;
    assert_eq!(response.status().as_u16(), 200);
    assert!(timeout(PATIENCE, response.into_body().collect()).await.unwrap().is_err(), "its body is cut");
}

#[tokio::test]
async fn a_task_that_answers_5xx_too_often_sits_out_and_its_answers_go_through() {
    let mut owner = JoinSet::new();
    let (first, second) = (server(AppProtocol::Http, &mut owner).await, server(AppProtocol::Http, &mut owner).await);
    let (_proxy, at) = door(&leading_to(AppProtocol::Http, &[first, second])).await;
    let mut client = Client::new(AppProtocol::Http, at, &mut owner).await;
    for _ in 0..FAILURES {
        assert_eq!(client.ask("GET", "/sick", "").await.0, 500);
        assert_eq!(client.ask("GET", "/", "").await.0, 200);
    }
    for _ in 0..3 {
        assert!(client.ask("GET", "/", "").await.1.starts_with(&second.port().to_string()));
    }
}

#[tokio::test]
async fn what_neighbours_say_to_each_other_goes_no_further() {
    let mut owner = JoinSet::new();
    let address = server(AppProtocol::Http, &mut owner).await;
    let (_proxy, at) = door(&leading_to(AppProtocol::Http, &[address])).await;
    let mut client = Client::new(AppProtocol::Http, at, &mut owner).await;
    let request = Request::builder().uri("/").header("connection", "x-hop").header("x-hop", "1").header("te", "trailers");
    let response = client.send(request.body(Full::default()).unwrap()).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, format!("{} 0 false true", address.port()));
}

#[tokio::test]
async fn an_upgraded_connection_is_bytes_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let behind = listener.local_addr().unwrap();
    let mut owner = JoinSet::new();
    owner.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(String::from_utf8(head).unwrap().to_lowercase().contains("upgrade: websocket"));
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let (_proxy, at) = door(&leading_to(AppProtocol::Http, &[behind])).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: posts\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
    assert!(String::from_utf8(head).unwrap().starts_with("HTTP/1.1 101 "));
    stream.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"ping");
}
