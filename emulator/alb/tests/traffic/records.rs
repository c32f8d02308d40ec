//! What is written down of requests (alb.md 8).

use std::net::SocketAddr;

use model::{Action, DesyncMode, LoadBalancerAttributes, Redirect};
use routing::metrics::{BalancerMetric, TargetMetric};
use tokio::sync::mpsc;

use crate::support::{Front, answering, named, origin, refusing, within};

/// A line of the access log with what changes from run to run taken out: times, ports of clients and targets, ids.
fn line(record: &routing::AccessRecord, target: Option<SocketAddr>) -> String {
    let mut fields: Vec<String> = Vec::new();
    let mut quoted = false;
    for part in record.to_string().split(' ') {
        if quoted {
            let last = fields.last_mut().unwrap();
            *last = format!("{last} {part}");
        } else {
            fields.push(part.to_owned());
        }
        quoted = fields.last().is_some_and(|field| field.starts_with('"') && (field.len() == 1 || !field.ends_with('"')));
    }
    assert_eq!(fields.len(), 33, "{record}");
    for index in [1, 21] {
        assert_eq!(fields[index].len(), "2018-07-02T22:23:00.186641Z".len(), "{record}");
    }
    assert_eq!(fields[3], record.client.to_string());
    assert_eq!((fields[29].len(), &fields[29][..4]), (36, "TID_"));
    let times: Vec<&str> = fields[5..8].iter().map(|time| if time == "-1" { "-1" } else { "t" }).collect();
    let trace = if fields[17] == "\"-\"" { "\"-\"" } else { "trace" };
    let mut shown = vec![fields[0].clone(), fields[4].clone(), times.join(" ")];
    shown.extend(fields[8..17].iter().cloned());
    shown.push(trace.to_owned());
    shown.extend(fields[18..21].iter().cloned());
    shown.extend(fields[22..29].iter().cloned());
    shown.extend(fields[30..].iter().cloned());
    let text = shown.join(" ").replace(&format!("/{}", record.balancer.arn().rsplit('/').next().unwrap()), "/id");
    let text = record.group.iter().fold(text, |text, group| text.replace(group.arn(), &format!("tg/{}", group.name())));
    target.map_or(text.clone(), |target| text.replace(&target.to_string(), "target"))
}

#[tokio::test]
async fn a_request_is_written_down_with_all_its_bytes() {
    let (target, seen) = answering("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello").await;
    let mut front = Front::start(&[("users", &[target])]);
    let mut client = front.client().await;
    let request = "POST /users?a=b HTTP/1.1\r\nHost: Example.com:8080\r\nUser-Agent: curl/8 \"x\"\r\nContent-Length: 3\r\n\r\nabc";
    client.send(request).await;
    let answer = client.message().await;
    let record = front.record().await;
    let sent = answer.head.len() + answer.body.len();
    assert_eq!(
        line(&record, Some(target)),
        format!(
            "http target t t t 201 201 {} {sent} \"POST http://Example.com:8080/users?a=b HTTP/1.1\" \"curl/8 \\x22x\\x22\" - - tg/users trace \
             \"-\" \"-\" 1 \"forward\" \"-\" \"-\" \"target\" \"201\" \"-\" \"-\" \"-\" \"-\" \"-\"",
            request.len()
        )
    );
    assert_eq!(record.trace_id.as_deref(), Some(seen.last().all("x-amzn-trace-id")[0]));
    let first = record.connection;
    assert_eq!(client.get("/users").await.status(), 201);
    let second = front.record().await;
    assert_eq!((second.connection, second.received), (first, "GET /users HTTP/1.1\r\nHost: example.com\r\n\r\n".len() as u64));
    let balancer = record.balancer.metrics();
    assert_eq!((balancer.get(BalancerMetric::Requests), balancer.get(BalancerMetric::NewConnections)), (2, 1));
    assert_eq!(record.target.as_ref().unwrap().metrics().get(TargetMetric::Target2xx), 2);
}

#[tokio::test]
async fn what_no_target_answers_is_written_down_too() {
    let gone = refusing().await;
    let mut front = Front::start(&[("refused", &[gone]), ("empty", &[])]);
    let redirect = Redirect {
        protocol: "HTTPS".into(),
        host: "#{host}".into(),
        port: "443".into(),
        path: "/#{path}".into(),
        query: "#{query}".into(),
        status: 301,
    };
    front.rule(9, "/old", Action::Redirect(redirect));
    let own = |path: &str, rest: &str| (path.to_owned(), rest.to_owned());
    let port = front.port;
    for (path, expected) in [
        own(
            "/old",
            "- -1 -1 -1 301 - S \"GET U HTTP/1.1\" \"-\" - - - trace \"-\" \"-\" 9 \"redirect\" \"https://example.com:443/old\" \"-\" \"-\" \"-\"",
        ),
        own("/none", "- -1 -1 -1 404 - S \"GET U HTTP/1.1\" \"-\" - - - trace \"-\" \"-\" 0 \"fixed-response\" \"-\" \"-\" \"-\" \"-\""),
        own(
            "/refused",
            "target -1 -1 -1 502 - S \"GET U HTTP/1.1\" \"-\" - - tg/refused trace \"-\" \"-\" 1 \"forward\" \"-\" \"-\" \"target\" \"-\"",
        ),
        own("/empty", "- -1 -1 -1 503 - S \"GET U HTTP/1.1\" \"-\" - - tg/empty \"-\" \"-\" \"-\" 2 \"forward\" \"-\" \"-\" \"-\" \"-\""),
    ] {
        let mut client = front.client().await;
        let answer = client.get(&path).await;
        let record = front.record().await;
        let sizes = format!("{} {}", 36 + path.len(), answer.head.len() + answer.body.len());
        let url = format!("http://example.com:{port}{path}");
        let expected = format!("http {expected} \"-\" \"-\" \"-\" \"-\" \"-\"").replace('S', &sizes).replace('U', &url);
        assert_eq!(line(&record, Some(gone)), expected);
    }
    let metrics = front.record_metrics();
    assert_eq!(metrics.get(BalancerMetric::Redirects), 1);
    assert_eq!(metrics.get(BalancerMetric::FixedResponses), 1);
    assert_eq!((metrics.get(BalancerMetric::Elb502), metrics.get(BalancerMetric::Elb503), metrics.get(BalancerMetric::Requests)), (1, 1, 1));
}

#[tokio::test]
async fn a_head_that_cannot_be_read_leaves_a_line_of_dashes() {
    let mut front = Front::start(&[]);
    let mut client = front.client().await;
    client.send("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await;
    assert_eq!(client.rest().await.len(), 272, "alb.md 6.9");
    let record = front.record().await;
    let expected = "http - -1 -1 -1 400 - 0 272 \"- http://front.localhost:80- -\" \"-\" - - - \"-\" \"-\" \"-\" - \"-\" \"-\" \"-\" \"-\" \"-\" \"-\" \"-\" \"-\" \"-\" \"-\"";
    assert_eq!(line(&record, None), expected);
}

#[tokio::test]
async fn a_client_that_leaves_early_is_a_460() {
    let (come, mut came) = mpsc::channel(1);
    let target = origin(move |mut connection, _| {
        let come = come.clone();
        async move {
            connection.head().await;
            come.send(()).await.unwrap();
            connection.rest().await;
        }
    })
    .await;
    let mut front = Front::start(&[("slow", &[target])]);
    let mut client = front.client().await;
    client.send("GET /slow HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    within(came.recv()).await.unwrap();
    drop(client);
    let record = front.record().await;
    assert_eq!((record.elb_status, record.target_status, record.sent), (460, None, 0));
    let mut client = front.client().await;
    client.send("POST /slow HTTP/1.1\r\nHost: a.b\r\nContent-Length: 10\r\n\r\nabc").await;
    within(came.recv()).await.unwrap();
    drop(client);
    assert_eq!(front.record().await.elb_status, 400, "it left in the middle of its own body");
}

#[tokio::test]
async fn a_target_that_closes_early_shows_how_long_it_took() {
    let target = origin(|mut connection, _| async move {
        connection.head().await;
    })
    .await;
    let mut front = Front::start(&[("gone", &[target])]);
    assert_eq!(front.client().await.get("/gone").await.status(), 502);
    let record = front.record().await;
    assert!(record.times.request.is_some() && record.times.target.is_some() && record.times.response.is_none(), "{:?}", record.times);
}

#[tokio::test]
async fn a_websocket_is_written_down_at_its_end() {
    let target = origin(|mut connection, _| async move {
        connection.head().await;
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello").await;
        assert_eq!(connection.exactly(3).await, b"bye");
    })
    .await;
    let mut front = Front::start(&[("chat", &[target])]);
    let mut client = front.client().await;
    let request = "GET /chat HTTP/1.1\r\nHost: a.b\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    client.send(request).await;
    let head = client.head().await;
    assert_eq!(client.exactly(5).await, b"hello");
    assert_eq!(front.record_metrics().get(BalancerMetric::Requests), 0, "it is not over yet");
    client.send("bye").await;
    client.rest().await;
    drop(client);
    let record = front.record().await;
    assert_eq!((record.kind.as_str(), record.elb_status, record.target_status), ("ws", 101, Some(101)));
    assert_eq!((record.received, record.sent), (request.len() as u64 + 3, head.len() as u64 + 5));
}

#[tokio::test]
async fn desync_modes_serve_more_or_less() {
    let (target, _) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let acceptable = "GET /a HTTP/1.1\r\nHost: a.b\r\nContent-Length: 0\r\n\r\n";
    let ambiguous = "GET /a HTTP/1.1\r\nHost: a.b\r\nContent-Length: 1\r\n\r\nx";
    for (mode, expected) in [
        (DesyncMode::Monitor, [(200, "keep-alive"), (200, "keep-alive")]),
        (DesyncMode::Defensive, [(200, "keep-alive"), (200, "close")]),
        (DesyncMode::Strictest, [(400, "close"), (400, "close")]),
    ] {
        let mut front = Front::with(1, LoadBalancerAttributes { desync_mode: mode, ..LoadBalancerAttributes::default() }, &[("a", &[target])]);
        for (request, (status, connection)) in [acceptable, ambiguous].into_iter().zip(expected) {
            let mut client = front.client().await;
            client.send(request).await;
            let answer = client.message().await;
            assert_eq!((answer.status(), answer.all("connection")), (status, vec![connection]), "{mode:?} {request}");
            assert!(front.record().await.doubt.is_some());
        }
        assert_eq!(front.record_metrics().get(BalancerMetric::NonCompliantRequests), 2);
    }
}

#[tokio::test]
async fn a_debug_header_names_who_answered() {
    let (target, _) = named("one").await;
    let attributes = LoadBalancerAttributes { debug_header: true, ..LoadBalancerAttributes::default() };
    let front = Front::with(1, attributes, &[("users", &[target])]);
    let answer = front.client().await.get("/users").await;
    let port = target.port();
    assert_eq!(answer.all("x-ecslocal-route"), [format!("rule=1; target-group=users; target=i-1:{port}")]);
    assert_eq!(front.client().await.get("/none").await.all("x-ecslocal-route"), ["rule=default"]);
}
