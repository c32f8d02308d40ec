//! Answers of the load balancer's own, and what goes wrong on either side (alb.md 6.1, 6.9, 10).

use std::net::SocketAddr;
use std::time::Duration;

use model::{Action, FixedResponse, Forward, LoadBalancerAttributes, Redirect, WeightedTargetGroup};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::support::{Client, Front, Message, answering, group_name, named, origin, refusing, within};

/// What a page is made of, with the date that came.
fn page(status_line: &str, title: &str, connection: &str, date: &str) -> String {
    let body = format!("<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n");
    format!(
        "HTTP/1.1 {status_line}\r\nServer: awselb/2.0\r\nDate: {date}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{body}",
        body.len()
    )
}

fn whole(message: &Message) -> String {
    format!("{}{}", message.head, message.text())
}

/// Sends `request` on a connection of its own and compares every byte of the answer but the date's digits.
async fn check_page(front: &Front, request: &str, expected: (&str, &str, &str)) -> Message {
    let mut client = front.client().await;
    client.send(request).await;
    let answer = client.message().await;
    let date = answer.all("date")[0].to_owned();
    assert_eq!(date.len(), "Tue, 01 Jan 2024 00:00:00 GMT".len());
    assert_eq!(whole(&answer), page(expected.0, expected.1, expected.2, &date), "{}", request.chars().take(80).collect::<String>());
    if expected.2 == "close" {
        assert!(client.rest().await.is_empty(), "the connection ends with the page");
    } else {
        assert_eq!(client.get("/none").await.status(), 404, "the connection goes on");
    }
    answer
}

#[tokio::test]
async fn pages_are_right_to_the_byte() {
    let front = Front::start(&[("refused", &[refusing().await]), ("empty", &[])]);
    let bad_gateway = ("502 Bad Gateway", "502 Bad Gateway", "keep-alive");
    let answer = check_page(&front, "GET /refused HTTP/1.1\r\nHost: a.b\r\n\r\n", bad_gateway).await;
    assert_eq!(whole(&answer).len(), 277, "alb.md 6.9");
    let closing =
        check_page(&front, "GET /refused HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n", (bad_gateway.0, bad_gateway.1, "close")).await;
    assert_eq!(whole(&closing).len(), 272, "alb.md 6.9");
    let unavailable = "503 Service Temporarily Unavailable";
    check_page(&front, "GET /empty HTTP/1.1\r\nHost: a.b\r\n\r\n", (unavailable, unavailable, "keep-alive")).await;
    check_page(&front, "TRACE / HTTP/1.1\r\nHost: a.b\r\n\r\n", ("405 Not Allowed", "405 Not Allowed", "keep-alive")).await;
    let bad_request = ("400 Bad Request", "400 Bad Request", "close");
    let broken = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.b\r\nX: a\0b\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        &format!("GET / HTTP/1.1\r\nHost: a.b\r\nX: {}\r\n\r\n", "x".repeat(17 * 1024)),
        &format!("GET / HTTP/1.1\r\nHost: a.b\r\n{}\r\n", format!("X: {}\r\n", "x".repeat(10 * 1024)).repeat(7)),
        &format!("{} / HTTP/1.1\r\nHost: a.b\r\n\r\n", "M".repeat(17 * 1024)),
        "GET name:80 HTTP/1.1\r\nHost: a.b\r\n\r\n",
        "GET http://user@name/ HTTP/1.1\r\nHost: a.b\r\n\r\n",
    ];
    for request in broken {
        assert_eq!(whole(&check_page(&front, request, bad_request).await).len(), 272, "alb.md 6.9");
    }
    for kilobytes in [17, 65, 100] {
        let long = format!("GET /{} HTTP/1.1\r\nHost: a.b\r\n\r\n", "x".repeat(kilobytes * 1024));
        check_page(&front, &long, ("414 Request-URI Too Large", "414 Request-URI Too Large", "close")).await;
    }
    let version = "505 HTTP Version Not Supported";
    for request in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/2.0\r\nHost: a.b\r\n\r\n", "GET / HTTP/3\r\nHost: a.b\r\n\r\n"] {
        check_page(&front, request, (version, version, "close")).await;
    }
}

#[tokio::test]
async fn a_broken_head_behind_a_good_request_is_answered_after_it() {
    let (target, _) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    assert_eq!(client.get("/g").await.text(), "a");
    client.send("bro ken\r\n\r\n").await;
    let answer = client.message().await;
    assert_eq!((answer.status(), whole(&answer).len()), (400, 272));
}

#[tokio::test]
async fn browsers_get_padding_and_head_gets_no_body() {
    let front = Front::start(&[("refused", &[refusing().await])]);
    let mut client = front.client().await;
    client.send("GET /refused HTTP/1.1\r\nHost: a.b\r\nUser-Agent: Mozilla Chrome/1\r\n\r\n").await;
    assert_eq!(whole(&client.message().await).len(), 679, "alb.md 6.9");
    client.send("HEAD /refused HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n").await;
    let head = client.rest().await;
    assert_eq!(head.len(), 150, "155 of alb.md 6.9 with `close` for `keep-alive`");
    assert!(String::from_utf8(head).unwrap().contains("\r\nContent-Length: 122\r\n"));
}

#[tokio::test]
async fn actions_without_a_target_are_answered_here() {
    let mut front = Front::start(&[]);
    let redirect = |query: &str| {
        Action::Redirect(Redirect {
            protocol: "HTTPS".into(),
            host: "#{host}".into(),
            port: "443".into(),
            path: "/#{path}".into(),
            query: query.into(),
            status: 301,
        })
    };
    front.rule(1, "/old*", redirect("#{query}"));
    front.rule(2, "/empty", Action::FixedResponse(FixedResponse { status: 200, content_type: None, body: None }));
    let weights = vec![];
    front.rule(3, "/nowhere", Action::Forward(Forward { target_groups: weights, stickiness: None }));
    let mut client = front.client().await;

    let moved = client.get("/old/x?a=%20").await;
    let date = moved.all("date")[0];
    let title = "301 Moved Permanently";
    let expected = page(title, title, "keep-alive\r\nLocation: https://example.com:443/old/x?a=%20", date);
    assert_eq!((whole(&moved), moved.body.len()), (expected, 134));

    let fixed = client.get("/none").await;
    let date = fixed.all("date")[0];
    let expected = format!(
        "HTTP/1.1 404 Not Found\r\nServer: awselb/2.0\r\nDate: {date}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 8\r\nConnection: keep-alive\r\n\r\nno route"
    );
    assert_eq!(whole(&fixed), expected);

    client.send("GET /old HTTP/1.1\r\nHost:\r\n\r\n").await;
    assert_eq!(client.message().await.all("location"), ["https://front.localhost:443/old"], "an empty host is none");

    let empty = client.get("/empty").await;
    assert_eq!((empty.status(), empty.all("content-length"), empty.all("content-type")), (200, vec!["0"], vec!["text/plain; charset=utf-8"]));
    assert_eq!(client.get("/nowhere").await.status(), 503);
}

#[tokio::test]
async fn too_many_forwarded_addresses_earn_463() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    for (addresses, status) in [(30, 200), (31, 463)] {
        let list = vec!["10.0.0.1"; addresses].join(", ");
        client.send(&format!("GET /g HTTP/1.1\r\nHost: a.b\r\nX-Forwarded-For: {list}\r\n\r\n")).await;
        let answer = client.message().await;
        assert_eq!(answer.status(), status);
        if status == 463 {
            assert_eq!((answer.start_line(), answer.all("content-length")), ("HTTP/1.1 463 ", vec!["0"]));
        }
    }
    assert_eq!(seen.messages().len(), 1);
}

/// A target that reads a request, sends `bytes` and closes.
async fn saying(bytes: &'static str) -> SocketAddr {
    origin(move |mut connection, _| async move {
        connection.message().await;
        connection.send(bytes).await;
    })
    .await
}

#[tokio::test]
async fn a_target_that_misbehaves_earns_502() {
    let large: &str = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(33 * 1024)).leak();
    for bytes in ["", "HTTP/1.1 200 OK\r\nContent-", "this is not HTTP\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken line\r\n\r\n", large] {
        let front = Front::start(&[("g", &[saying(bytes).await])]);
        let mut client = front.client().await;
        client.send("POST /g HTTP/1.1\r\nHost: a.b\r\nContent-Length: 3\r\n\r\nabc").await;
        assert_eq!(client.message().await.status(), 502, "{bytes:.40}");
        front.settled().await;
    }
}

#[tokio::test]
async fn a_request_is_never_sent_twice() {
    let (count, mut requests) = mpsc::channel(8);
    let target = origin(move |mut connection, _| {
        let count = count.clone();
        async move {
            // Answers once; closes instead of answering the second request on the connection.
            connection.message().await;
            count.send(()).await.unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            if connection.try_message().await.is_some() {
                count.send(()).await.unwrap();
            }
        }
    })
    .await;
    let front = Front::with(1, LoadBalancerAttributes::default(), &[("g", &[target])]);
    let mut client = front.client().await;
    assert_eq!(client.get("/g").await.status(), 200);
    assert_eq!(client.get("/g").await.status(), 502);
    front.plane.shutdown(Duration::from_secs(1)).await;
    for _ in 0..2 {
        within(requests.recv()).await.unwrap();
    }
    assert!(requests.try_recv().is_err(), "two requests from the client are two at the target");
}

#[tokio::test]
async fn a_response_that_breaks_off_ends_the_connection() {
    let front = Front::start(&[("g", &[saying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(client.rest().await, b"half");
    front.settled().await;
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_request() {
    let (came, mut arrived) = mpsc::channel(1);
    let target = origin(move |mut connection, _| {
        let came = came.clone();
        async move {
            connection.head().await;
            came.send(()).await.unwrap();
            assert_eq!(connection.rest().await, b"", "the target sees the end");
            came.send(()).await.unwrap();
        }
    })
    .await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    within(arrived.recv()).await.unwrap();
    assert_eq!(front.in_flight(), 1);
    drop(client);
    front.settled().await;
    within(arrived.recv()).await.unwrap();
}

#[tokio::test]
async fn silence_has_its_limit() {
    let (came, mut arrived) = mpsc::channel::<()>(8);
    let silent = origin(move |mut connection, _| {
        let came = came.clone();
        async move {
            drop(connection.head().await);
            came.send(()).await.unwrap();
            connection.rest().await;
        }
    })
    .await;
    let (stuck, _) = answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    // Long enough for a busy machine to bring every client's bytes here in time.
    let attributes = LoadBalancerAttributes { idle_timeout: Duration::from_secs(3), ..LoadBalancerAttributes::default() };
    let front = Front::with(1, attributes, &[("silent", &[silent]), ("stuck", &[stuck])]);
    let mut clients = Vec::new();
    for request in [
        // The target says nothing.
        "GET /silent HTTP/1.1\r\nHost: a.b\r\n\r\n",
        // The client stops in the middle of its body, or of its head.
        "POST /silent HTTP/1.1\r\nHost: a.b\r\nContent-Length: 9\r\n\r\nhalf",
        "GET /silent HTTP/1.1\r\nHos",
        // The target stops in the middle of its response.
        "GET /stuck HTTP/1.1\r\nHost: a.b\r\n\r\n",
        // Nothing was begun.
        "",
    ] {
        let mut client = front.client().await;
        client.send(request).await;
        clients.push(client);
    }
    within(arrived.recv()).await.unwrap();
    let mut clients = clients.into_iter();
    let mut next = || clients.next().unwrap();
    let answer = next().message().await;
    assert_eq!((answer.start_line(), answer.all("connection")), ("HTTP/1.1 504 Gateway Time-out", vec!["keep-alive"]));
    for _ in 0..2 {
        let answer = next().message().await;
        assert_eq!((answer.start_line(), answer.all("connection")), ("HTTP/1.1 408 Request Time-out", vec!["close"]));
    }
    let mut broken = next();
    assert!(broken.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(broken.rest().await, b"half");
    assert_eq!(next().rest().await, b"");
    front.settled().await;
}

#[tokio::test]
async fn a_target_that_takes_no_more_of_an_upload_is_the_silent_one() {
    let (hold, mut held) = mpsc::channel(1);
    let target = origin(move |connection, _| {
        let hold = hold.clone();
        async move { hold.send(connection).await.unwrap() }
    })
    .await;
    let attributes = LoadBalancerAttributes { idle_timeout: Duration::from_secs(1), ..LoadBalancerAttributes::default() };
    let front = Front::with(1, attributes, &[("g", &[target])]);
    let mut client = front.client().await;
    client.send("POST /g HTTP/1.1\r\nHost: a.b\r\nContent-Length: 100000000000\r\n\r\n").await;
    let (mut reader, mut writer) = client.stream.split();
    let upload = async { while writer.write_all(&[0; 100_000]).await.is_ok() {} };
    let answer = async {
        let mut start = [0; 28];
        tokio::io::AsyncReadExt::read_exact(&mut reader, &mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 504 Gateway Time-ou");
    };
    within(async {
        tokio::select! { () = upload => panic!("the upload ended without an answer"), () = answer => {} }
    })
    .await;
    drop(within(held.recv()).await);
}

#[tokio::test]
async fn an_answer_is_seen_though_the_upload_goes_on() {
    let front = Front::start(&[("refused", &[refusing().await])]);
    let mut client = front.client().await;
    client.send("POST /refused HTTP/1.1\r\nHost: a.b\r\nContent-Length: 1000000\r\n\r\n").await;
    let (mut reader, mut writer) = client.stream.split();
    let upload = async {
        // The other side may stop listening at any point.
        for _ in 0..100 {
            if writer.write_all(&[0; 10_000]).await.is_err() {
                return;
            }
        }
    };
    let answer = async {
        let mut start = [0; 24];
        tokio::io::AsyncReadExt::read_exact(&mut reader, &mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 502 Bad Gateway");
    };
    within(async { tokio::join!(upload, answer) }).await;
}

#[tokio::test]
async fn weights_of_zero_take_nothing() {
    let (target, seen) = named("a").await;
    let mut front = Front::start(&[("g", &[target])]);
    let target_groups = vec![WeightedTargetGroup { target_group: group_name("g"), weight: 0 }];
    front.rule(1, "/*", Action::Forward(Forward { target_groups, stickiness: None }));
    assert_eq!(Client::connect(front.port).await.get("/g").await.status(), 503);
    assert!(seen.messages().is_empty());
}
