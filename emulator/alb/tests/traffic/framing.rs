//! Where messages end, and what a message may hold: nobody on its way may be of another opinion (alb.md 6.1, 6.6).

use tokio::sync::mpsc;

use crate::support::{Client, Front, answering, named, origin, refusing, within};

/// Sends `request` on a connection of its own. Gives the status, what `Connection` says, and whether the connection went on.
async fn outcome(front: &Front, request: &str) -> (u16, String, bool) {
    let mut client = front.client().await;
    client.send(request).await;
    let answer = client.message().await;
    let connection = answer.all("connection").join(", ");
    let goes_on = connection == "keep-alive" && client.get("/none").await.status() == 404;
    if !goes_on {
        assert!(client.rest().await.is_empty(), "the connection ends with the answer to {request}");
    }
    (answer.status(), connection, goes_on)
}

#[tokio::test]
async fn a_chunked_response_that_breaks_off_does_not_seem_to_end() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (body, passed) in [("3\r\nabc\r\n", "3\r\nabc\r\n"), ("3\r\nabc\r\nzz\r\n", "3\r\nabc\r\n"), ("", "")] {
        let target = origin(move |mut connection, _| async move {
            connection.message().await;
            connection.send(&format!("{head}{body}")).await;
        })
        .await;
        let front = Front::start(&[("g", &[target])]);
        let mut client = front.client().await;
        client.send("GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(String::from_utf8(client.rest().await).unwrap(), passed, "no last chunk that the target did not send");
        front.settled().await;
    }
}

#[tokio::test]
async fn a_malformed_upload_is_the_clients_fault() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    for body in ["zz\r\nabc\r\n0\r\n\r\n", "2\r\nabc\r\n0\r\n\r\n", "fffffffffffffffff\r\nabc\r\n", "0x3\r\nabc\r\n0\r\n\r\n"] {
        let request = format!("POST /g HTTP/1.1\r\nHost: a.b\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(outcome(&front, &request).await, (400, "close".into(), false), "{body}");
    }
    assert!(seen.messages().is_empty(), "no target was sent a whole request");
}

#[tokio::test]
async fn doubtful_requests_are_refused_or_are_the_last() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let chunked = "3\r\nabc\r\n0\r\n\r\n";
    let check = async |method: &str, headers: &str, body: &str, expected: (u16, bool)| {
        let request = format!("{method} /g HTTP/1.1\r\nHost: a.b\r\n{headers}\r\n\r\n{body}");
        let (status, _, goes_on) = outcome(&front, &request).await;
        assert_eq!((status, goes_on), expected, "{method} {headers}");
    };
    check("POST", "Transfer-Encoding: chunked", chunked, (200, true)).await;
    check("POST", "Transfer-Encoding: gzip, chunked", chunked, (200, true)).await;
    check("GET", "Content-Length: 0", "", (200, true)).await;
    let served = seen.messages().len();
    for severe in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: 18446744073709551616",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: \x0bchunked",
        "X: a\rTransfer-Encoding: chunked",
        "X: a\0b",
    ] {
        check("POST", severe, "", (400, false)).await;
    }
    assert_eq!(seen.messages().len(), served, "no target saw one of them");
    check("POST", "Content-Length: 9\r\nTransfer-Encoding: chunked", chunked, (200, false)).await;
    check("POST", "Transfer-Encoding: chunked\r\nContent-Length: 9", chunked, (200, false)).await;
    assert!(seen.last().all("content-length").is_empty(), "one length is left");
    check("POST", "Content-Length: 3\r\nContent-Length: 3", "abc", (200, false)).await;
    assert_eq!(seen.last().all("content-length"), ["3"], "one length is left");
    for alike in ["Content-Length : 3", "Transfer-Encoding : chunked", "Transfer_Encoding: chunked"] {
        check("POST", alike, "", (200, false)).await;
    }
    let connections = seen.connections();
    check("GET", "Content-Length: 3", "abc", (200, false)).await;
    check("GET", "Transfer-Encoding: chunked", chunked, (200, false)).await;
    check("POST", "Content-Length: 3", "abc", (200, true)).await;
    assert!(seen.connections() > connections, "the target's connection was not used again");
}

#[tokio::test]
async fn doubtful_responses_earn_502() {
    for head in [
        "Content-Length: 2, 2",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip",
    ] {
        let (target, _) = answering(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n0\r\n\r\n").leak()).await;
        let front = Front::start(&[("g", &[target])]);
        assert_eq!(outcome(&front, "GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await, (502, "keep-alive".into(), true), "{head}");
    }
}

#[tokio::test]
async fn many_names_of_this_hop_and_many_lines_are_no_burden() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let names: Vec<String> = (0..2500).map(|number| format!("n{number}")).collect();
    let lines: String = (0..5000).map(|number| format!("N{number}: \r\n")).collect();
    let mut client = front.client().await;
    client.send(&format!("GET /g HTTP/1.1\r\nHost: a.b\r\nConnection: {}\r\n{lines}\r\n", names.join(","))).await;
    assert_eq!(client.message().await.status(), 200);
    let message = seen.last();
    assert!(message.all("n2499").is_empty() && message.all("n2500") == [""]);
}

#[tokio::test]
async fn many_headers_pass_both_ways() {
    let lines = |count: usize| (0..count).map(|number| format!("X-{number}: v\r\n")).collect::<String>();
    let (target, seen) = answering(format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", lines(500)).leak()).await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    let request = |count: usize| format!("GET /g HTTP/1.1\r\nHost: a.b\r\n{}\r\n", lines(count));
    client.send(&[request(1), request(500), request(1)].concat()).await;
    for _ in 0..3 {
        assert_eq!(client.message().await.all("x-499"), ["v"]);
    }
    assert_eq!(seen.messages().iter().map(|message| message.all("x-499").len()).collect::<Vec<_>>(), [0, 1, 0]);
    client.send(&request(5000)).await;
    assert_eq!(client.message().await.status(), 200);
    assert_eq!(seen.last().all("x-4999"), ["v"], "nobody counts lines");
    client.send(&request(7000)).await;
    assert_eq!(client.message().await.status(), 400, "but they have an end");
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn a_long_line_and_64_kilobytes_of_headers_pass_together() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let path = format!("/g{}", "x".repeat(16_000));
    let header = format!("X: {}\r\n", "x".repeat(8_000)).repeat(8);
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.b\r\n{header}\r\n");
    assert_eq!(outcome(&front, &request).await.0, 200);
    assert_eq!(seen.last().all("x").len(), 8);
}

#[tokio::test]
async fn own_answers_say_whether_the_connection_goes_on() {
    let front = Front::start(&[("refused", &[refusing().await]), ("empty", &[])]);
    for (path, status) in [("/refused", 502), ("/empty", 503), ("/none", 404)] {
        let check = async |headers: &str, body: &str, goes_on: bool| {
            let request = format!("POST {path} HTTP/1.1\r\nHost: a.b\r\n{headers}\r\n\r\n{body}");
            let connection = if goes_on { "keep-alive" } else { "close" };
            assert_eq!(outcome(&front, &request).await, (status, connection.into(), goes_on), "{path} {headers}");
        };
        check("Content-Length: 4", "body", true).await;
        check("Content-Length: 4\r\nExpect: 100-continue", "", false).await;
        check("Content-Length: 4", "", false).await;
        check("Content-Length: 1000000", "begun", false).await;
    }
}

#[tokio::test]
async fn an_early_answer_says_that_the_connection_ends() {
    let (done, mut finished) = mpsc::channel::<()>(1);
    let target = origin(move |mut connection, _| {
        let done = done.clone();
        async move {
            connection.head().await;
            connection.send("HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno").await;
            connection.rest().await;
            done.send(()).await.unwrap();
        }
    })
    .await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("POST /g HTTP/1.1\r\nHost: a.b\r\nContent-Length: 1000000\r\n\r\nbegun").await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.all("connection"), answer.text()), (413, vec!["close"], "no"));
    within(finished.recv()).await.unwrap();
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn a_body_without_length_ends_an_old_clients_connection() {
    let (target, _) = answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client = front.client().await;
    client.send("GET /g HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    let answer = client.message().await;
    assert_eq!(answer.all("connection"), ["close"]);
    assert_eq!(client.rest().await, b"ok");
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let (target, seen) = named("a").await;
    let front = Front::start(&[("g", &[target])]);
    let mut client: Client = front.client().await;
    let request = "POST /g HTTP/1.1\r\nHost: a.b\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n";
    for _ in 0..2 {
        for byte in request.chars() {
            client.send(byte.encode_utf8(&mut [0; 4])).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(client.message().await.status(), 200);
        assert_eq!(seen.last().text(), "abc");
    }
}
