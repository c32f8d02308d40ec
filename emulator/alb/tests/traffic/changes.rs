//! What changes while traffic flows: tables, targets, listeners, the end.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use model::{Change, LoadBalancerAttributes};
use tokio::sync::{mpsc, watch};

use crate::support::{Client, Front, LISTENER_PORT, balancer, named, origin, within};

/// A target that answers when `open` says so, and tells of each request that came.
async fn gated() -> (std::net::SocketAddr, watch::Sender<bool>, mpsc::Receiver<()>) {
    let (open, opened) = watch::channel(false);
    let (came, arrived) = mpsc::channel(64);
    let address = origin(move |mut connection, _| {
        let (mut opened, came) = (opened.clone(), came.clone());
        async move {
            while connection.try_message().await.is_some() {
                came.send(()).await.unwrap();
                if opened.wait_for(|open| *open).await.is_err() {
                    return;
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await;
            }
        }
    })
    .await;
    (address, open, arrived)
}

#[tokio::test]
async fn tables_change_under_load_without_one_failure() {
    let (a, _) = named("a").await;
    let (b, seen_b) = named("b").await;
    let mut front = Front::start(&[("g", &[a])]);
    let (stop, failures, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (stop, failures, done, mut client) = (Arc::clone(&stop), Arc::clone(&failures), Arc::clone(&done), Client::connect(front.port).await);
        load.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if client.get("/g").await.status() != 200 {
                    failures.fetch_add(1, Ordering::Relaxed);
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for round in 0..40 {
        let (comes, leaves) = if round % 2 == 0 { (b, a) } else { (a, b) };
        front.register("g", comes);
        front.publish();
        let before = done.load(Ordering::Relaxed);
        within(async {
            while done.load(Ordering::Relaxed) < before + 20 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        // Drain until nothing is in flight, then take away. A worker may be held up between its look at the table and its choice,
        // for as long as the machine likes.
        front.drain("g", leaves);
        front.publish_everywhere().await;
        let leaving = front.table.targets().find(|target| target.address == leaves).map(Arc::clone).unwrap();
        let before = done.load(Ordering::Relaxed);
        within(async {
            while leaving.in_flight() > 0 || done.load(Ordering::Relaxed) < before + 20 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        front.deregister("g", leaves);
        front.publish();
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = within(load.join_next()).await {
        ended.unwrap();
    }
    assert_eq!(failures.load(Ordering::Relaxed), 0);
    assert!(!seen_b.messages().is_empty());
    front.settled().await;
}

#[tokio::test]
async fn the_next_request_sees_a_new_table() {
    let (target, _) = named("a").await;
    let mut front = Front::start(&[("g", &[])]);
    let mut client = front.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/g").await.status(), 503);
        front.register("g", target);
        front.publish();
        assert_eq!(client.get("/g").await.status(), 200);
        front.deregister("g", target);
        front.publish();
    }
}

#[tokio::test]
async fn a_target_that_is_gone_cuts_its_requests() {
    let (waiting, _open, mut arrived) = gated().await;
    let begun = origin(|mut connection, _| async move {
        connection.message().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        connection.rest().await;
    })
    .await;
    let mut front = Front::start(&[("waiting", &[waiting]), ("begun", &[begun])]);
    let (mut first, mut second) = (front.client().await, front.client().await);
    first.send("GET /waiting HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    second.send("GET /begun HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    within(arrived.recv()).await.unwrap();
    second.head().await;
    assert_eq!(front.in_flight(), 2);
    // Draining alone cuts nothing.
    front.drain("waiting", waiting);
    front.publish();
    assert_eq!(front.in_flight(), 2);
    front.deregister("waiting", waiting);
    front.deregister("begun", begun);
    front.publish();
    assert_eq!(first.message().await.status(), 502);
    assert_eq!(first.get("/none").await.status(), 404, "the client's connection lives on");
    assert_eq!(second.rest().await, b"half");
}

#[tokio::test]
async fn unlisten_lets_requests_finish_and_frees_the_port() {
    let (target, open, mut arrived) = gated().await;
    let front = Front::start(&[("g", &[target])]);
    let (mut busy, mut idle) = (front.client().await, front.client().await);
    assert_eq!(idle.get("/none").await.status(), 404);
    busy.send("GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    within(arrived.recv()).await.unwrap();
    front.plane.unlisten(LISTENER_PORT);
    let refused = tokio::net::TcpStream::connect(("127.0.0.1", front.port)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(idle.rest().await, b"", "a connection between two requests ends");
    open.send(true).unwrap();
    let answer = busy.message().await;
    assert_eq!((answer.text(), answer.all("connection")), ("done", vec!["close"]));
    assert_eq!(busy.rest().await, b"");
    assert_eq!(front.plane.listen(LISTENER_PORT, front.port).unwrap(), front.port);
    assert_eq!(front.client().await.get("/none").await.status(), 404);
    front.plane.unlisten(9999);
}

#[tokio::test]
async fn shutdown_lets_requests_finish_within_its_deadline() {
    let (target, open, mut arrived) = gated().await;
    let front = Front::start(&[("g", &[target])]);
    let (mut busy, port) = (front.client().await, front.port);
    busy.send("GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    within(arrived.recv()).await.unwrap();
    let shutdown = tokio::spawn(front.plane.shutdown(Duration::from_secs(10)));
    within(async { while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {} }).await;
    open.send(true).unwrap();
    assert_eq!(busy.message().await.text(), "done");
    within(shutdown).await.unwrap();
    assert_eq!(busy.rest().await, b"");
}

#[tokio::test]
async fn shutdown_does_not_wait_longer_than_its_deadline() {
    let (target, _open, mut arrived) = gated().await;
    let front = Front::start(&[("g", &[target])]);
    let mut busy = front.client().await;
    busy.send("GET /g HTTP/1.1\r\nHost: a.b\r\n\r\n").await;
    within(arrived.recv()).await.unwrap();
    let states: Vec<_> = front.table.targets().cloned().collect();
    within(front.plane.shutdown(Duration::from_millis(50))).await;
    assert_eq!(busy.rest().await, b"");
    assert!(states.iter().all(|target| target.in_flight() == 0), "what is cut is counted out");
}

#[tokio::test]
async fn a_taken_port_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let front = Front::start(&[]);
    let error = front.plane.listen(81, taken.local_addr().unwrap().port()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!(front.plane.listen(LISTENER_PORT, 0).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let other = Front::start(&[]);
    assert_eq!(other.plane.listen(81, front.port).unwrap_err().kind(), ErrorKind::AddrInUse, "shared with nobody");
}

#[tokio::test]
async fn a_listener_that_is_removed_ends_its_connections() {
    let mut front = Front::with(1, LoadBalancerAttributes::default(), &[]);
    let mut client = front.client().await;
    assert_eq!(client.get("/none").await.status(), 404);
    front.change(Change::DeleteListener { load_balancer: balancer(), port: LISTENER_PORT });
    front.publish();
    let answer = client.get("/none").await;
    assert_eq!((answer.status(), answer.all("connection")), (503, vec!["close"]));
    assert_eq!(client.rest().await, b"");
}

/// A target that tells when a connection to it ends.
async fn telling() -> (std::net::SocketAddr, mpsc::Receiver<()>) {
    let (ended, told) = mpsc::channel(8);
    let address = origin(move |mut connection, _| {
        let ended = ended.clone();
        async move {
            while connection.try_message().await.is_some() {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
            ended.send(()).await.unwrap();
        }
    })
    .await;
    (address, told)
}

#[tokio::test]
async fn idle_connections_to_a_draining_target_are_closed() {
    let (target, mut ended) = telling().await;
    let mut front = Front::start(&[("g", &[target])]);
    assert_eq!(front.client().await.get("/g").await.status(), 200);
    front.settled().await;
    assert!(ended.try_recv().is_err());
    front.drain("g", target);
    front.publish();
    within(ended.recv()).await.unwrap();
}

#[tokio::test]
async fn idle_connections_to_a_target_are_closed_after_the_idle_timeout() {
    let (target, mut ended) = telling().await;
    let attributes = LoadBalancerAttributes { idle_timeout: Duration::from_secs(1), ..LoadBalancerAttributes::default() };
    let front = Front::with(1, attributes, &[("g", &[target])]);
    assert_eq!(front.client().await.get("/g").await.status(), 200);
    within(ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_client_connection_ends_after_the_keep_alive_limit() {
    let attributes = LoadBalancerAttributes { client_keep_alive: Duration::from_millis(2), ..LoadBalancerAttributes::default() };
    let (target, _) = named("a").await;
    let front = Front::with(1, attributes, &[("g", &[target])]);
    let mut client = front.client().await;
    let last = within(async {
        loop {
            let answer = client.get("/g").await;
            if answer.all("connection") != ["keep-alive"] {
                return answer;
            }
        }
    })
    .await;
    assert_eq!((last.text(), last.all("connection")), ("a", vec!["close"]));
    assert_eq!(client.rest().await, b"");
}
