//! HTTPS listeners and HTTPS targets, over HTTP/1 (alb.md 1).

use std::sync::Arc;

use model::{ListenerAttributes, ProtocolVersion, TargetProtocol};
use rustls::crypto::ring;
use tls::Mutual;
use tokio::io::AsyncReadExt;

use crate::secure::{Secure, connect};
use crate::support::{Client, Front, named, origin};

#[tokio::test]
async fn a_request_under_tls_says_so_to_its_target() {
    let (target, seen) = named("a").await;
    let secure = Secure::new();
    let mut front = secure.front(&[("users", &[target])]);
    let mut client = secure.client(&front, "two.test").await;
    client.send("GET /users HTTP/1.1\r\nHost: two.test\r\nX-Amzn-Tls-Version: SSLv2\r\n\r\n").await;
    assert_eq!(client.message().await.status(), 200);
    let head = seen.last();
    assert_eq!(head.all("x-forwarded-proto"), ["https"]);
    assert_eq!(
        (head.all("x-amzn-tls-version"), head.all("x-amzn-tls-cipher-suite")),
        (vec!["TLSv1.2"], vec!["ECDHE-ECDSA-AES128-GCM-SHA256"]),
        "of the default policy"
    );
    let record = front.record().await;
    let line = record.to_string();
    assert!(line.starts_with("https "), "{line}");
    assert!(line.contains(&format!("\"GET https://two.test:{}/users HTTP/1.1\"", front.port)), "{line}");
    assert!(line.contains(" ECDHE-ECDSA-AES128-GCM-SHA256 TLSv1.2 arn:"), "{line}");
    assert!(line.contains(" \"two.test\" \"arn:two.test\" 1 "), "{line}");
    assert_eq!(secure.client(&front, "one.test").await.get("/none").await.status(), 404, "the default certificate");
    assert!(front.record().await.to_string().contains(" \"one.test\" \"arn:one.test\" 0 "));
}

#[tokio::test]
async fn sessions_are_resumed() {
    let secure = Secure::new();
    let mut front = secure.front(&[]);
    let config = secure.client_config(&["http/1.1"]);
    for expected in ["arn:one.test", "session-reused"] {
        let mut client = Client::over(connect(front.port, "one.test", config.clone()).await.unwrap());
        assert_eq!(client.get("/").await.status(), 404);
        drop(client);
        assert_eq!(front.record().await.tls.as_ref().unwrap().certificate.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn cleartext_on_an_https_port_is_told_so() {
    let secure = Secure::new();
    let mut front = secure.front(&[]);
    for (agent, size) in [("curl/8", 370), ("Chrome/1", 772)] {
        let mut client = front.client().await;
        client.send(&format!("GET / HTTP/1.1\r\nHost: a.b\r\nUser-Agent: {agent}\r\n\r\n")).await;
        let answer = client.rest().await;
        assert_eq!(answer.len(), size, "alb.md 6.9");
        assert!(String::from_utf8(answer).unwrap().contains("<center>The plain HTTP request was sent to HTTPS port</center>"));
        let record = front.record().await;
        assert_eq!((record.elb_status, record.sent), (400, size as u64));
    }
}

#[tokio::test]
async fn a_websocket_goes_through_tls() {
    let target = origin(|mut connection, _| async move {
        connection.head().await;
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello").await;
        assert_eq!(connection.exactly(3).await, b"bye");
    })
    .await;
    let secure = Secure::new();
    let mut front = secure.front(&[("chat", &[target])]);
    let mut client = secure.client(&front, "one.test").await;
    client.send("GET /chat HTTP/1.1\r\nHost: a.b\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(client.exactly(5).await, b"hello");
    client.send("bye").await;
    client.rest().await;
    drop(client);
    assert_eq!(front.record().await.kind.as_str(), "wss");
}

#[tokio::test]
async fn targets_may_speak_tls_with_any_certificate() {
    let secure = Secure::new();
    let target = secure
        .origin(false, |stream| async move {
            let mut connection = Client::over(stream);
            while let Some(message) = connection.try_message().await {
                let body = message.all("x-forwarded-proto").join(",");
                connection.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
            }
        })
        .await;
    let plain = origin(|mut connection, _| async move { connection.send("220 not TLS\r\n").await }).await;
    let mut front = Front::start(&[("safe", &[target]), ("plain", &[plain])]);
    front.speak("safe", TargetProtocol::Https, ProtocolVersion::Http1);
    front.speak("plain", TargetProtocol::Https, ProtocolVersion::Http1);
    let mut client = front.client().await;
    for _ in 0..2 {
        assert_eq!(client.get("/safe").await.text(), "http", "the listener is one of HTTP");
    }
    assert_eq!(client.get("/plain").await.status(), 502, "it speaks no TLS");
    for _ in 0..2 {
        front.record().await;
    }
    assert_eq!(front.record().await.failure, Some(routing::UpstreamFailure::TlsFailed));
}

#[tokio::test]
async fn what_a_client_shows_passes_through() {
    let (target, seen) = named("a").await;
    let secure = Secure::new();
    let mut front = secure.front(&[("users", &[target])]);
    front.listener(|listener| {
        let renamed = [("X-Amzn-Mtls-Clientcert".into(), "X-Client".into())].into();
        listener.attributes = ListenerAttributes { renamed_headers: renamed, ..ListenerAttributes::default() };
    });
    secure.encrypt(&front, &["one.test"], Mutual::Passthrough);
    let mut client = secure.client(&front, "one.test").await;
    client.send("GET /users HTTP/1.1\r\nHost: a.b\r\nX-Client: forged\r\n\r\n").await;
    assert_eq!(client.message().await.status(), 200);
    assert!(seen.last().all("x-client").is_empty(), "it has none, and cannot claim one");
    let shown = secure.issue("client.test");
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(secure.roots()).with_client_cert_resolver(shown);
    let mut client = Client::over(connect(front.port, "one.test", config).await.unwrap());
    assert_eq!(client.get("/users").await.status(), 200);
    let value = seen.last().all("x-client")[0].to_owned();
    assert!(value.starts_with("-----BEGIN%20CERTIFICATE-----%0AMII"), "{value}");
}

#[tokio::test]
async fn a_handshake_that_fails_hurts_nobody() {
    let secure = Secure::new();
    let front = secure.front(&[]);
    let mut client = front.client().await;
    client.send("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00").await;
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).await.unwrap_or_default();
    assert!(rest.len() < 20, "an alert at most");
    assert_eq!(secure.client(&front, "one.test").await.get("/").await.status(), 404);
    assert_eq!(front.record_metrics().get(routing::metrics::BalancerMetric::TlsNegotiationErrors), 1);
}
