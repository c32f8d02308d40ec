//! The client against a small server.

use std::convert::Infallible;

use futures_util::stream;
use http_body_util::StreamBody;
use http_body_util::combinators::BoxBody;
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use wire::local::Fault;

use super::*;

/// What the server answers.
pub(crate) type Reply = Response<BoxBody<Bytes, Infallible>>;

/// A server that answers every request with `answer`; it ends with the test's runtime.
pub(crate) async fn serve(answer: fn(&Request<Incoming>) -> Reply) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |request| async move { Ok::<_, Infallible>(answer(&request)) });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Client::new(endpoint)
}

/// An answer in chunks.
pub(crate) fn reply(status: u16, chunks: &[&str]) -> Reply {
    let frames: Vec<Result<Frame<Bytes>, Infallible>> = chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from((*chunk).to_owned())))).collect();
    Response::builder().status(status).body(BoxBody::new(StreamBody::new(stream::iter(frames)))).unwrap()
}

#[tokio::test]
async fn a_request_says_who_asks_and_reads_the_answer() {
    let client = serve(|request| {
        let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let seen = serde_json::json!([request.method().as_str(), request.uri().to_string(), header(CLIENT_HEADER), header("host")]);
        reply(200, &[&seen.to_string()])
    })
    .await;
    let endpoint = client.endpoint.to_string();
    let seen: Vec<String> = client.post("/x?y=1", &()).await.unwrap();
    assert_eq!(seen, ["POST", "/x?y=1", "cli", &endpoint]);
}

#[tokio::test]
async fn the_daemons_failure_is_passed_on() {
    let client = serve(|_| reply(404, &[r#"{"fault":"input","message":"no cluster `x`","hint":"ecslocal up"}"#])).await;
    assert_eq!(client.get::<()>("/").await.unwrap_err(), Failure::input("no cluster `x`").hint("ecslocal up"));
}

#[tokio::test]
async fn an_answer_that_is_not_ours_is_the_environments_fault() {
    for (answer, part) in [
        ((|_| reply(502, &["<html>"])) as fn(&Request<Incoming>) -> Reply, "answered `/` with status 502"),
        (|_| reply(200, &["<html>"]), "sent an answer to `/` that cannot be read"),
    ] {
        let failure = serve(answer).await.get::<u32>("/").await.unwrap_err();
        assert_eq!(failure.fault, Fault::Environment);
        assert!(failure.message.contains(part), "{}", failure.message);
    }
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    drop(listener);
    let failure = Client::new(endpoint).get::<u32>("/").await.unwrap_err();
    assert!(failure.message.starts_with(&format!("the daemon at {endpoint} does not connect")), "{}", failure.message);
}

#[tokio::test]
async fn lines_are_put_together_from_chunks() {
    let client = serve(|_| reply(200, &["1\n2", "3\n\n", "4", "5\n6"])).await;
    let mut lines = client.get_lines::<u32>("/").await.unwrap();
    let mut seen = Vec::new();
    while let Some(number) = lines.next().await.unwrap() {
        seen.push(number);
    }
    assert_eq!(seen, [1, 23, 45, 6]);
}

#[test]
fn queries_are_encoded() {
    assert_eq!(with_query("/p", &[]), "/p");
    assert_eq!(with_query("/p", &[("a", "x y&z"), ("b", ""), ("c", "é")]), "/p?a=x%20y%26z&c=%C3%A9");
}
