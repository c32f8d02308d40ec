//! Too many, too slow, too much: who asks for it pays, the others do not (alb.md 6.1).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::LoadBalancerAttributes;
use routing::metrics::BalancerMetric;
use tls::Mutual;

use crate::frames::{END, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame};
use crate::secure::Secure;
use crate::support::{Front, named, origin, within};

#[tokio::test]
async fn more_connections_than_there_is_room_for_are_closed() {
    let (target, _) = named("a").await;
    let front = Front::roomy(20, &[("users", &[target])]);
    let mut first = front.client().await;
    assert_eq!(first.get("/users").await.status(), 200);
    let mut others = Vec::new();
    for _ in 0..19 {
        others.push(front.client().await);
    }
    let mut refused = front.client().await;
    assert!(refused.rest().await.is_empty(), "closed without a word");
    assert_eq!(first.get("/users").await.status(), 200, "those that are there are served");
    assert_eq!(front.record_metrics().get(BalancerMetric::RejectedConnections), 1);
    others.pop();
    within(async {
        while front.client().await.try_get("/users").await.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_over_http2_is_ended() {
    let secure = Secure::new();
    let attributes = LoadBalancerAttributes { idle_timeout: Duration::from_secs(1), ..LoadBalancerAttributes::default() };
    let front = Front::with(1, attributes, &[]);
    secure.encrypt(&front, &["one.test"], Mutual::Off);
    let stream = secure.connect(front.port, "one.test", &["h2"]).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let ended = tokio::spawn(connection);
    let request = Request::get(format!("https://one.test:{}/", front.port)).body(Full::default()).unwrap();
    assert_eq!(within(sender.send_request(request)).await.unwrap().status().as_u16(), 404);
    assert!(within(ended).await.unwrap().is_ok(), "it ends in order: GOAWAY, then the end");
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_a_response_is_cut() {
    let target = origin(|mut connection, _| async move {
        connection.head().await;
        let body = "x".repeat(4 << 20);
        connection.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())).await;
        // The load balancer closes in the middle.
        tokio::io::AsyncWriteExt::write_all(&mut connection.stream, body.as_bytes()).await.unwrap_or_default();
    })
    .await;
    let secure = Secure::new();
    let attributes = LoadBalancerAttributes { idle_timeout: Duration::from_secs(1), ..LoadBalancerAttributes::default() };
    let mut front = Front::with(1, attributes, &[("big", &[target])]);
    secure.encrypt(&front, &["one.test"], Mutual::Off);
    let stream = secure.connect(front.port, "one.test", &["h2"]).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://one.test:{}/big", front.port)).body(Full::default()).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    // The body is held and not read: the window fills up and nothing moves.
    let record = front.record().await;
    assert_eq!((record.elb_status, record.target_status), (200, Some(200)));
    assert!(record.sent < 4 << 20, "{}", record.sent);
    front.settled().await;
    drop(response);
}

#[tokio::test]
async fn a_listener_that_closes_says_goodbye_over_http2() {
    let secure = Secure::new();
    let front = secure.front(&[]);
    let stream = secure.connect(front.port, "one.test", &["h2"]).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let ended = tokio::spawn(connection);
    let request = Request::get(format!("https://one.test:{}/", front.port)).body(Full::default()).unwrap();
    assert_eq!(within(sender.send_request(request)).await.unwrap().status().as_u16(), 404);
    front.plane.unlisten(crate::support::LISTENER_PORT);
    assert!(within(ended).await.unwrap().is_ok(), "GOAWAY, then the end");
}

#[tokio::test]
async fn a_client_that_takes_back_what_it_asks_loses_its_connection() {
    let target = origin(|mut connection, _| async move { drop(connection.rest().await) }).await;
    let secure = Secure::new();
    let front = secure.front(&[("slow", &[target])]);
    let mut client = crate::support::Client::over(secure.connect(front.port, "one.test", &["h2"]).await.unwrap());
    // `GET https://one.test/slow`, as HPACK writes it without its tables.
    let head = [&[0x82, 0x87, 0x04, 5], &b"/slow"[..], &[0x41, 8], b"one.test"].concat();
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    for request in 0..500 {
        let stream = 2 * request + 1;
        bytes.extend(frame(HEADERS, END, stream, &head));
        bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    // The other side may close before all is written.
    tokio::io::AsyncWriteExt::write_all(&mut client.stream, &bytes).await.unwrap_or_default();
    let answer = client.rest().await;
    let mut rest = &answer[..];
    let mut kinds = Vec::new();
    while let Some((head, more)) = rest.split_first_chunk::<9>() {
        kinds.push(head[3]);
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        rest = more.get(length..).unwrap_or_default();
    }
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
    front.settled().await;
    assert_eq!(secure.client(&front, "one.test").await.get("/none").await.status(), 404, "others are served");
}
