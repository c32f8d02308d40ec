//! Health checks on the wire (alb.md 5).

use std::time::Duration;

use alb::probe;
use model::HealthCheck;
use routing::health::ProbeOutcome;

use crate::support::{answering, origin, refusing, within};

fn check(path: &str) -> HealthCheck {
    HealthCheck { path: path.into(), timeout: Duration::from_secs(10), ..HealthCheck::default() }
}

#[tokio::test]
async fn a_probe_asks_as_the_specification_says() {
    let (target, seen) = answering("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 4\r\n\r\nbody").await;
    for _ in 0..2 {
        assert_eq!(within(probe(target, &check("/health?x=1"))).await, ProbeOutcome::Status(302));
    }
    let expected = format!("GET /health?x=1 HTTP/1.1\r\nHost: {target}\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n");
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
