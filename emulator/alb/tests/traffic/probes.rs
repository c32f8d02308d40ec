//! Health checks on the wire (alb.md 5).

use std::convert::Infallible;
use std::time::Duration;

use alb::probe;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{HealthCheck, ProtocolVersion, TargetProtocol};
use routing::health::ProbeOutcome;

use crate::secure::Secure;
use crate::support::{answering, named, origin, refusing, within};

fn check(path: &str) -> HealthCheck {
    HealthCheck { path: path.into(), timeout: Duration::from_secs(10), ..HealthCheck::default() }
}

#[tokio::test]
async fn a_probe_asks_as_the_specification_says() {
    let (target, seen) = answering("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 4\r\n\r\nbody").await;
    for _ in 0..2 {
        assert_eq!(within(probe(target, &check("/health?x=1"))).await, ProbeOutcome::Status(302));
    }
    let expected = format!(
        "GET /health?x=1 HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
    );
    assert_eq!(seen.last().head, expected);
    assert_eq!((seen.messages().len(), seen.connections()), (2, 2), "a connection each, redirects not followed");
}

#[tokio::test]
async fn failures_are_told_from_silence() {
    for (answer, outcome) in [
        ("HTTP/1.1 200 OK\r\n\r\n", ProbeOutcome::Status(200)),
        ("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\n", ProbeOutcome::Status(503)),
        ("HTTP/1.1 204 No Content\r\n\r\n", ProbeOutcome::Status(204)),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nno", ProbeOutcome::Failed),
        ("not HTTP at all\r\n\r\n", ProbeOutcome::Failed),
        ("", ProbeOutcome::Failed),
    ] {
        let target = origin(move |mut connection, _| async move {
            connection.head().await;
            connection.send(answer).await;
        })
        .await;
        assert_eq!(within(probe(target, &check("/"))).await, outcome, "{answer:?}");
    }
    assert_eq!(within(probe(refusing().await, &check("/"))).await, ProbeOutcome::Failed);
    let silent = origin(|mut connection, _| async move { drop(connection.rest().await) }).await;
    let quick = HealthCheck { timeout: Duration::from_millis(50), ..check("/") };
    assert_eq!(within(probe(silent, &quick)).await, ProbeOutcome::Timeout);
}

#[tokio::test]
async fn targets_of_other_versions_are_asked_in_theirs() {
    let secure = Secure::new();
    let answer = |status: &'static str, grpc: Option<&'static str>| {
        move |request: Request<Incoming>| async move {
            let asked = format!("{} {}", request.method(), request.uri().path());
            let response = Response::builder().status(if asked == status { 200 } else { 418 }).header("content-type", "application/grpc");
            let response = grpc.iter().fold(response, |response, status| response.header("grpc-status", *status));
            Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap())
        }
    };
    let serve = move |grpc| {
        move |stream: tokio_rustls::server::TlsStream<_>| async move {
            let asked = if grpc { answer("POST /AWS.ALB/healthcheck", Some("12")) } else { answer("GET /health", None) };
            let served = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service_fn(asked));
            served.await.unwrap_or_default();
        }
    };
    let http2 = secure.origin(true, serve(false)).await;
    let check = HealthCheck { protocol: TargetProtocol::Https, version: ProtocolVersion::Http2, ..check("/health") };
    assert_eq!(within(probe(http2, &check)).await, ProbeOutcome::Status(200));
    let grpc = secure.origin(true, serve(true)).await;
    let check = HealthCheck { version: ProtocolVersion::Grpc, path: "/AWS.ALB/healthcheck".into(), ..check };
    assert_eq!(within(probe(grpc, &check)).await, ProbeOutcome::Status(12));
    assert!(check.passes(12) && !check.passes(0), "the default matcher");
    assert_eq!(within(probe(http2, &check)).await, ProbeOutcome::Failed, "HTTP alone is no gRPC");
    let (plain, _) = named("a").await;
    assert_eq!(within(probe(plain, &HealthCheck { timeout: Duration::from_millis(200), ..check })).await, ProbeOutcome::Timeout);
}
