//! HTTP/2 and gRPC, from clients and to targets (alb.md 1, 4, 6.4).

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{ProtocolVersion, TargetProtocol};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::secure::Secure;
use crate::support::{Front, answering, named, within};

type Sent = Full<Bytes>;

async fn connect(secure: &Secure, front: &Front) -> SendRequest<Sent> {
    let stream = secure.connect(front.port, "one.test", &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(port: u16, method: &str, path: &str) -> hyper::http::request::Builder {
    Request::builder().method(method).uri(format!("https://One.test:{port}{path}"))
}

async fn ask(sender: &mut SendRequest<Sent>, request: Request<Sent>) -> (hyper::http::response::Parts, String) {
    let (parts, body) = within(sender.send_request(request)).await.unwrap().into_parts();
    (parts, String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap())
}

#[tokio::test]
async fn a_target_of_http1_serves_clients_of_http2() {
    let (target, seen) = named("a").await;
    let secure = Secure::new();
    let mut front = secure.front(&[("users", &[target])]);
    let port = front.port;
    let mut sender = connect(&secure, &front).await;
    let get = request(port, "POST", "/users?q=1").header("x-own", "1").header("cookie", "a=1").header("cookie", "b=2");
    let (parts, body) = ask(&mut sender, get.body(Full::from("hello")).unwrap()).await;
    assert_eq!((parts.status.as_u16(), body.as_str(), parts.version), (200, "a", Version::HTTP_2));
    assert!(!parts.headers.contains_key("connection"));
    let message = seen.last();
    assert_eq!((message.start_line(), message.text()), ("POST /users?q=1 HTTP/1.1", "hello"));
    assert_eq!(message.all("cookie"), ["a=1; b=2"], "RFC 9113, 8.2.3");
    let host = format!("Host: one.test:{}", front.port);
    for line in ["x-own: 1", "X-Forwarded-Proto: https", "X-Forwarded-For: 127.0.0.1", &host] {
        assert!(message.head.contains(&format!("\r\n{line}\r\n")), "{line}: {}", message.head);
    }
    assert!(message.head.contains("\r\nX-Amzn-Trace-Id: Root="), "the load balancer's own names have capitals (alb.md 6.4)");
    let record = front.record().await;
    assert_eq!(record.kind.as_str(), "h2");
    assert!(record.to_string().contains("/users?q=1 HTTP/2.0\""), "{record}");
    let (parts, body) = ask(&mut sender, request(port, "GET", "/none").body(Full::default()).unwrap()).await;
    assert_eq!((parts.status.as_u16(), body.as_str()), (404, "no route"));
    assert_eq!(parts.headers["server"], "awselb/2.0");
}

#[tokio::test]
async fn requests_run_side_by_side() {
    let (come, mut came) = mpsc::channel(200);
    let target = crate::support::origin(move |mut connection, _| {
        let come = come.clone();
        async move {
            while connection.try_head().await.is_some() {
                come.send(()).await.unwrap();
                // Answered when the test has seen all of them.
                std::future::pending::<()>().await;
            }
        }
    })
    .await;
    let secure = Secure::new();
    let front = secure.front(&[("slow", &[target])]);
    let port = front.port;
    let sender = connect(&secure, &front).await;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let mut sender = sender.clone();
            let request = request(port, "GET", "/slow").body(Full::default()).unwrap();
            tokio::spawn(async move { sender.send_request(request).await.map(drop) })
        })
        .collect();
    for _ in 0..20 {
        within(came.recv()).await.unwrap();
    }
    assert_eq!(front.in_flight(), 20);
    waiting.iter().for_each(|one| one.abort());
    front.settled().await;
    let mut sender = sender;
    let (parts, _) = ask(&mut sender, request(port, "GET", "/none").body(Full::default()).unwrap()).await;
    assert_eq!(parts.status.as_u16(), 404, "the connection goes on");
}

/// A target of HTTP/2 without TLS that answers with what it saw, and trailers.
async fn http2_target() -> (SocketAddr, mpsc::Receiver<(hyper::http::request::Parts, Bytes)>) {
    let (tell, told) = mpsc::channel(16);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let tell = tell.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let bytes = body.collect().await.unwrap().to_bytes();
                    tell.send((parts, bytes.clone())).await.unwrap();
                    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
                    let frames = [Frame::data(bytes), Frame::trailers(trailers)].map(Ok::<_, Infallible>);
                    Ok::<_, Infallible>(Response::new(StreamBody::new(futures_util::stream::iter(frames))))
                }
            });
            tokio::spawn(hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer));
        }
    });
    (address, told)
}

#[tokio::test]
async fn grpc_goes_through_with_its_trailers() {
    let (target, mut told) = http2_target().await;
    let secure = Secure::new();
    let mut front = secure.front(&[("greet", &[target]), ("gone", &[])]);
    let port = front.port;
    front.speak("greet", TargetProtocol::Http, ProtocolVersion::Grpc);
    front.speak("gone", TargetProtocol::Http, ProtocolVersion::Grpc);
    let mut sender = connect(&secure, &front).await;
    let call = |path: &str| request(port, "POST", path).header("content-type", "application/grpc").header("te", "trailers");
    let response = within(sender.send_request(call("/greet.Greeter/Hello").body(Full::from("\0\0\0\0\u{2}hi")).unwrap())).await.unwrap();
    let body = within(response.into_body().collect()).await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), "\0\0\0\0\u{2}hi");
    let (parts, _) = within(told.recv()).await.unwrap();
    assert_eq!((parts.version, parts.headers["te"].as_bytes()), (Version::HTTP_2, &b"trailers"[..]));
    assert_eq!(parts.uri.to_string(), format!("http://one.test:{}/greet.Greeter/Hello", front.port));
    assert!(parts.headers.contains_key("x-amzn-trace-id") && !parts.headers.contains_key("host"));
    let record = front.record().await;
    assert_eq!((record.kind.as_str(), record.grpc, record.target_status), ("grpcs", true, Some(200)));
    let failed = within(sender.send_request(call("/gone").body(Full::default()).unwrap())).await.unwrap();
    assert_eq!(failed.status().as_u16(), 503);
    assert_eq!(
        (&failed.headers()["grpc-status"], &failed.headers()["grpc-message"]),
        (&HeaderValue::from(14), &HeaderValue::from_static("unavailable"))
    );
}

#[tokio::test]
async fn the_protocol_matrix_is_kept() {
    let (target, _told) = http2_target().await;
    let (plain, _) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let secure = Secure::new();
    let mut front = secure.front(&[("http1", &[plain]), ("http2", &[target]), ("grpc", &[target])]);
    let port = front.port;
    front.speak("http2", TargetProtocol::Http, ProtocolVersion::Http2);
    front.speak("grpc", TargetProtocol::Http, ProtocolVersion::Grpc);
    let mut old = secure.client(&front, "one.test").await;
    for (path, status) in [("/http1", 200), ("/http2", 464), ("/grpc", 464)] {
        let answer = old.get(path).await;
        assert_eq!((answer.status(), answer.text()), (status, ""), "HTTP/1.1 {path}");
    }
    let mut sender = connect(&secure, &front).await;
    for (method, path, kind, status) in [
        ("GET", "/http1", "text/plain", 200),
        ("GET", "/http2", "text/plain", 200),
        ("GET", "/grpc", "text/plain", 464),
        ("POST", "/grpc", "text/plain", 200),
        ("POST", "/http1", "application/grpc", 464),
        ("POST", "/http2", "application/grpc+proto", 200),
        ("POST", "/grpc", "application/grpc", 200),
    ] {
        let asked = request(port, method, path).header("content-type", kind).body(Full::default()).unwrap();
        assert_eq!(ask(&mut sender, asked).await.0.status.as_u16(), status, "{method} {path} {kind}");
    }
}

#[tokio::test]
async fn targets_of_http2_may_speak_tls() {
    let secure = Secure::new();
    let target = secure
        .origin(true, |stream| async move {
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let answer = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("safe"))) });
            let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer);
            served.await.unwrap_or_default();
        })
        .await;
    let mut front = secure.front(&[("safe", &[target])]);
    let port = front.port;
    front.speak("safe", TargetProtocol::Https, ProtocolVersion::Http2);
    let mut sender = connect(&secure, &front).await;
    for _ in 0..3 {
        let (parts, body) = ask(&mut sender, request(port, "GET", "/safe").body(Full::default()).unwrap()).await;
        assert_eq!((parts.status.as_u16(), body.as_str()), (200, "safe"));
    }
}
