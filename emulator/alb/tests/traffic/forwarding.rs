//! Requests that reach a target: which one, with which head, over which connection, and what comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{Client, Front, answering, named, origin, within};
use model::{LoadBalancerAttributes, XffMode};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

#[tokio::test]
async fn the_path_chooses_the_target_group() {
    let (users, _) = named("users").await;
    let (posts, _) = named("posts").await;
    let front = Front::start(&[("users", &[users]), ("posts", &[posts])]);
    let mut client = front.client().await;
    for (path, status, text) in [("/users/1", 200, "users"), ("/posts", 200, "posts"), ("/other", 404, "no route"), ("/users?x=/posts", 200, "users")]
    {
        let answer = client.get(path).await;
        assert_eq!((answer.status(), answer.text()), (status, text), "{path}");
    }
}

#[tokio::test]
async fn requests_are_spread_evenly_over_workers_and_connections() {
    let (mut addresses, names) = (Vec::new(), ["a", "b", "c"]);
    for name in names {
        addresses.push(named(name).await.0);
    }
    let front = Front::start(&[("g", &addresses)]);
    let mut counts = BTreeMap::new();
    for _ in 0..6 {
        let mut client = front.client().await;
        for _ in 0..5 {
            *counts.entry(client.get("/g").await.text().to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [10, 10, 10]);
}

#[tokio::test]
async fn connections_to_a_target_are_reused() {
    let (target, seen) = named("a").await;
    let front = Front::with(1, LoadBalancerAttributes::default(), &[("g", &[target])]);
    for _ in 0..3 {
        let mut client = front.client().await;
        for _ in 0..10 {
            assert_eq!(client.get("/g").await.status(), 200);
        }
    }
    assert_eq!((seen.messages().len(), seen.connections()), (30, 1));
}

#[tokio::test]
async fn a_connection_that_the_target_closed_is_replaced() {
    let (sender, mut closed) = mpsc::channel(8);
    let target = origin(move |mut connection, _| {
        let sender = sender.clone();
        async move {
            connection.message().await;
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            drop(connection);
            sender.send(()).await.unwrap();
        }
    })
    .await;
    let front = Front::with(1, LoadBalancerAttributes::default(), &[("g", &[target])]);
    let mut client = front.client().await;
    for _ in 0..5 {
        assert_eq!(client.get("/g").await.status(), 200);
        within(closed.recv()).await.unwrap();
        // An answer that needs no target: its worker has turned its loop since the close.
        assert_eq!(client.get("/").await.status(), 404);
    }
}

#[tokio::test]
async fn a_target_gets_the_headers_of_the_specification() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let port = front.port;
    let ask = async |request: String| {
        let mut client = front.client().await;
        client.send(&request).await;
        assert_eq!(client.message().await.status(), 200);
        seen.last()
    };
    let plain = ask(format!("GET /g%20x/../gy?q=%2F HTTP/1.1\r\nHost: Example.com:{port}\r\nX-CusTom: 1\r\nx-custom: 2\r\n\r\n")).await;
    assert_eq!(plain.start_line(), "GET /g%20x/../gy?q=%2F HTTP/1.1");
    assert_eq!(plain.all("host"), [format!("example.com:{port}")]);
    assert_eq!((plain.all("x-forwarded-for"), plain.all("x-forwarded-proto")), (vec!["127.0.0.1"], vec!["http"]));
    assert_eq!(plain.all("x-forwarded-port"), [port.to_string()]);
    assert_eq!(plain.all("x-custom"), ["1", "2"]);
    assert!(plain.head.contains("\r\nX-CusTom: 1\r\n") && plain.head.contains("\r\nX-Forwarded-For: "), "{}", plain.head);
    let trace = plain.all("x-amzn-trace-id")[0];
    assert!(trace.starts_with("Root=1-") && trace.len() == "Root=1-".len() + 8 + 1 + 24, "{trace}");
    for absent in ["connection", "via", "forwarded", "x-forwarded-host", "x-real-ip"] {
        assert!(plain.all(absent).is_empty(), "{absent}");
    }

    let full = ask(
        "GET http://Other.com/g HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive, X-Secret\r\nX-Secret: s\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
         Proxy-Connection: x\r\nUpgrade: h2c\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Port: 443\r\nX-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678\r\n\r\n"
            .into(),
    )
    .await;
    assert_eq!(full.start_line(), "GET /g HTTP/1.1");
    assert_eq!(full.all("host"), [format!("other.com:{port}")]);
    assert_eq!(full.all("x-forwarded-for"), ["10.0.0.1, 10.0.0.2, 127.0.0.1"]);
    assert_eq!((full.all("x-forwarded-proto"), full.all("x-forwarded-port")), (vec!["http"], vec![port.to_string().as_str()]));
    let trace = full.all("x-amzn-trace-id")[0];
    assert!(trace.starts_with("Self=1-") && trace.ends_with(";Root=1-67891233-abcdef012345678912345678"), "{trace}");
    for absent in ["connection", "keep-alive", "te", "proxy-connection", "upgrade", "x-secret"] {
        assert!(full.all(absent).is_empty(), "{absent}");
    }
}

#[tokio::test]
async fn attributes_change_what_a_target_gets() {
    let (target, seen) = named("a").await;
    let check = async |attributes: LoadBalancerAttributes, expected: (&[&str], &str)| {
        let front = Front::with(1, attributes, &[("g", &[target])]);
        let mut client = front.client().await;
        client.send("GET /g HTTP/1.1\r\nHost: EXAMPLE.com\r\nX-Forwarded-For: a\r\n\r\n").await;
        client.message().await;
        let came = seen.last();
        assert_eq!(came.all("x-forwarded-for"), expected.0);
        assert!(came.all("host")[0].starts_with(expected.1), "{}", came.head);
    };
    let default = LoadBalancerAttributes::default();
    check(LoadBalancerAttributes { xff_mode: XffMode::Preserve, ..default.clone() }, (&["a"], "example.com:")).await;
    check(LoadBalancerAttributes { xff_mode: XffMode::Remove, ..default.clone() }, (&[], "example.com:")).await;
    check(LoadBalancerAttributes { preserve_host_header: true, ..default }, (&["a, 127.0.0.1"], "EXAMPLE.com")).await;
}

#[tokio::test]
async fn headers_with_odd_names_are_dropped_where_asked() {
    let (target, seen) = named("a").await;
    for drop_invalid_header_fields in [false, true] {
        let front = Front::with(1, LoadBalancerAttributes { drop_invalid_header_fields, ..LoadBalancerAttributes::default() }, &[("g", &[target])]);
        let mut client = front.client().await;
        client.send("GET /g HTTP/1.1\r\nHost: a.b\r\nX_Under: 1\r\nX.Dot: 2\r\nX-Fine-1: 3\r\n\r\n").await;
        assert_eq!(client.message().await.status(), 200);
        let came = seen.last();
        let shown = (came.all("x_under").len(), came.all("x.dot").len(), came.all("x-fine-1").len());
        assert_eq!(shown, if drop_invalid_header_fields { (0, 0, 1) } else { (1, 1, 1) });
    }
}

#[tokio::test]
async fn a_listener_adds_headers_to_every_response() {
    let (target, _) = answering("HTTP/1.1 404 Not Found\r\nX-Frame-Options: SAMEORIGIN\r\nServer: mine\r\nContent-Length: 0\r\n\r\n").await;
    let mut front = Front::start(&[("g", &[target]), ("empty", &[])]);
    front.listener(|listener| {
        let headers = [("X-Frame-Options", "DENY"), ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")];
        listener.attributes.response_headers = headers.map(|(name, value)| (name.into(), value.into())).into();
        listener.attributes.server_header = false;
    });
    let mut client = front.client().await;
    // A target's own answer, a page of ours, a fixed response.
    for (path, status, server) in [("/g", 404, vec!["mine"]), ("/empty", 503, vec![]), ("/other", 404, vec![])] {
        let answer = client.get(path).await;
        assert_eq!((answer.status(), answer.all("server")), (status, server), "{path}");
        assert_eq!(answer.all("x-frame-options"), ["DENY"], "{path}");
        assert!(answer.head.contains("\r\nStrict-Transport-Security: max-age=63072000; includeSubDomains\r\n"), "{}", answer.head);
    }
    client.send("no request\r\n\r\n").await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.all("server"), answer.all("x-frame-options")), (400, vec![], vec!["DENY"]));
}

#[tokio::test]
async fn a_targets_response_passes_as_it_is() {
    let (target, _) = answering(
        "HTTP/1.0 299 Very Fine\r\nsET-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: \"x\"\r\nKeep-Alive: timeout=5\r\nDate: Tue, 01 Jan 2019 00:00:00 GMT\r\n\
         Connection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let front = Front::start(&[("g", &[target])]);
    let answer = front.client().await.get("/g").await;
    assert_eq!((answer.start_line(), answer.text()), ("HTTP/1.1 299 Very Fine", "ok"));
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    assert!(answer.head.contains("\r\nsET-Cookie: a=1\r\n") && answer.head.contains("\r\nETag: \"x\"\r\n"), "{}", answer.head);
    assert_eq!(answer.all("date"), ["Tue, 01 Jan 2019 00:00:00 GMT"]);
    assert_eq!(answer.all("connection"), ["keep-alive"]);
    assert!(answer.all("keep-alive").is_empty() && answer.all("server").is_empty(), "{}", answer.head);

    let (bare, _) = named("a").await;
    let front = Front::start(&[("g", &[bare])]);
    assert_eq!(front.client().await.get("/g").await.all("date").len(), 1, "a missing Date is added");
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let (to_test, mut from_target) = mpsc::channel(8);
    let target = origin(move |mut connection, _| {
        let to_test = to_test.clone();
        async move {
            connection.head().await;
            to_test.send(connection.chunk().await).await.unwrap();
            // The response begins while the request goes on.
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
            to_test.send(connection.chunk().await).await.unwrap();
            assert_eq!(connection.chunk().await, b"");
            connection.send("4\r\nlast\r\n0\r\n\r\n").await;
        }
    })
    .await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("POST /g HTTP/1.1\r\nHost: a.b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
    assert_eq!(within(from_target.recv()).await.unwrap(), b"one");
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(client.chunk().await, b"first");
    client.send("3\r\ntwo\r\n").await;
    assert_eq!(within(from_target.recv()).await.unwrap(), b"two");
    client.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, b"last");
    assert_eq!(client.chunk().await, b"");
    front.settled().await;
}

#[tokio::test]
async fn large_bodies_arrive_whole() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let pattern = || (0..LENGTH).map(|index| u8::try_from(index * 31 % 251).unwrap()).collect::<Vec<_>>();
    let target = origin(move |mut connection, _| async move {
        while let Some(request) = connection.try_message().await {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len());
            connection.send(&head).await;
            connection.stream.write_all(&request.body).await.unwrap();
        }
    })
    .await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    for _ in 0..2 {
        client.send(&format!("POST /g HTTP/1.1\r\nHost: a.b\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
        within(client.stream.write_all(&pattern())).await.unwrap();
        assert!(client.message().await.body == pattern(), "the echo differs");
    }
}

#[tokio::test]
async fn continue_is_answered_here() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("POST /g HTTP/1.1\r\nHost: a.b\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    assert_eq!(client.message().await.status(), 200);
    assert_eq!((seen.last().text(), seen.last().all("expect").len()), ("body", 0));
}

#[tokio::test]
async fn http_1_0_clients_are_served() {
    let (target, seen) = answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.0\r\n\r\n").await;
    let head = client.head().await.to_lowercase();
    assert!(head.contains("\r\nconnection: close\r\n") && !head.contains("transfer-encoding"), "{head}");
    assert_eq!(client.rest().await, b"ok");
    assert_eq!(seen.last().start_line(), "GET /g HTTP/1.1");
    assert_eq!(seen.last().all("host"), ["front.localhost"]);

    let (sized, _) = named("a").await;
    let front = Front::start(&[("g", &[sized])]);
    let mut client = front.client().await;
    for _ in 0..2 {
        client.send("GET /g HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        let answer = client.message().await;
        assert_eq!((answer.all("connection"), answer.text()), (vec!["keep-alive"], "a"));
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (first, _) = named("first").await;
    let (second, _) = named("second").await;
    let front = Front::start(&[("a", &[first]), ("b", &[second])]);
    let mut client = front.client().await;
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x.y\r\n\r\n");
    client.send(&[request("/a"), request("/b"), request("/none"), request("/a")].concat()).await;
    for expected in ["first", "second", "no route", "first"] {
        assert_eq!(client.message().await.text(), expected);
    }
}

#[tokio::test]
async fn head_and_no_content_have_no_body() {
    let (target, _) = answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
    let (empty, _) = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let front = Front::start(&[("head", &[target]), ("empty", &[empty])]);
    let mut client = front.client().await;
    for _ in 0..2 {
        client.send("HEAD /head HTTP/1.1\r\nHost: x.y\r\n\r\n").await;
        assert!(client.head().await.to_lowercase().contains("\r\ncontent-length: 5\r\n"));
        client.send("GET /empty HTTP/1.1\r\nHost: x.y\r\n\r\n").await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 204 No Content\r\n") && !head.to_lowercase().contains("content-length"), "{head}");
    }
}

#[tokio::test]
async fn nobody_puts_on_the_names_of_the_load_balancer() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    for line in ["X-Forwarded-Proto : https", "\x01X-Forwarded-For: 1.2.3.4", "Connection : close", "X-Amzn-Trace-Id\t: Root=1-2-3", "Host : c"] {
        client.send(&format!("GET /g HTTP/1.1\r\nHost: a.b\r\nX-Own : 1\r\n{line}\r\n\r\n")).await;
        assert_eq!(client.message().await.status(), 200, "{line}");
        let head = seen.last().head;
        assert!(!head.contains(line) && head.contains("\r\nX-Own : 1\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_websocket_is_joined_with_its_target() {
    let target = origin(|mut connection, _| async move {
        let head = connection.head().await;
        assert!(head.contains("\r\nUpgrade: websocket\r\n") && head.contains("\r\nConnection: upgrade\r\n"), "{head}");
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello")
            .await;
        assert_eq!(connection.exactly(4).await, b"ping");
        connection.send("pong").await;
    })
    .await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.1\r\nHost: x.y\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    for line in ["upgrade: websocket", "connection: upgrade", "sec-websocket-accept: x"] {
        assert!(head.to_lowercase().contains(&format!("\r\n{line}\r\n")), "{head}");
    }
    assert_eq!(client.exactly(5).await, b"hello");
    assert_eq!(front.in_flight(), 1, "a tunnel counts as in flight");
    client.send("ping").await;
    assert_eq!(client.exactly(4).await, b"pong");
    assert_eq!(client.rest().await, b"");
    drop(client);
    front.settled().await;
}

#[tokio::test]
async fn a_websocket_ends_with_either_side() {
    let target = origin(|mut connection, _| async move {
        connection.head().await;
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nbye").await;
    })
    .await;
    let mut front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.1\r\nHost: x.y\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").await;
    client.head().await;
    assert_eq!(client.rest().await, b"bye");
    // Its own side is still open.
    let record = front.record().await;
    assert_eq!((record.kind.as_str(), record.elb_status), ("ws", 101));
    front.settled().await;
}

#[tokio::test]
async fn a_target_that_is_silent_in_its_response_hears_that_the_client_has_gone() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let target = origin(move |mut connection, _| {
        let tell = tell.clone();
        async move {
            connection.head().await;
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n").await;
            connection.rest().await;
            tell.send(()).await.unwrap();
        }
    })
    .await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    client.head().await;
    assert_eq!(client.chunk().await, b"data: 1\n\n");
    drop(client);
    within(told.recv()).await.unwrap();
    front.settled().await;
}

#[tokio::test]
async fn an_old_client_gets_no_websocket() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.0\r\nHost: a.b\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n").await;
    assert_eq!(client.message().await.text(), "a");
    assert!(seen.last().all("upgrade").is_empty() && seen.last().all("connection").is_empty());
}

#[tokio::test]
async fn a_refused_websocket_is_an_ordinary_answer() {
    let (target, seen) = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let (eager, _) = answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").await;
    let front = Front::start(&[("g", &[target]), ("eager", &[eager])]);
    let mut client = front.client().await;
    for _ in 0..2 {
        client.send("GET /g HTTP/1.1\r\nHost: x.y\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").await;
        let answer = client.message().await;
        assert_eq!((answer.status(), answer.text(), answer.all("connection")), (403, "no", vec!["keep-alive"]));
        assert_eq!((seen.last().all("upgrade"), seen.last().all("connection")), (vec!["websocket"], vec!["upgrade"]));
    }
    assert_eq!(client.get("/eager").await.status(), 502, "nobody asked for another protocol");
    front.settled().await;
}

#[tokio::test]
async fn a_thousand_connections_are_served_at_once() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let mut clients = Vec::new();
    for _ in 0..1000 {
        clients.push(Client::connect(front.port).await);
    }
    for client in &mut clients {
        client.send("GET /g HTTP/1.1\r\nHost: x.y\r\n\r\n").await;
    }
    for client in &mut clients {
        assert_eq!(client.message().await.text(), "a");
    }
    assert_eq!(seen.messages().len(), 1000);
    front.settled().await;
    assert!(front.workers() > 1);
    within(front.plane.shutdown(Duration::from_secs(5))).await;
}
