//! Conditions of rules over real sockets, a fact of alb.md 2 a case: which of the rules answers these bytes.

use model::{Action, Comparison, Condition, FixedResponse, QueryParameter};

use crate::support::Front;

fn wildcards(values: &[&str]) -> Comparison {
    Comparison::Wildcards(values.iter().map(ToString::to_string).collect())
}

fn regexes(values: &[&str]) -> Comparison {
    Comparison::Regexes { regexes: values.iter().map(ToString::to_string).collect() }
}

fn header(name: &str, values: Comparison) -> Condition {
    Condition::HttpHeader { name: name.into(), values }
}

fn query(key: Option<&str>, value: &str) -> Condition {
    Condition::QueryString(vec![QueryParameter { key: key.map(Into::into), value: value.into() }])
}

fn network(text: &str) -> Condition {
    Condition::SourceIp(vec![text.parse().unwrap()])
}

/// A listener with one rule; a request head either meets its conditions (200) or does not (404).
async fn check(conditions: Vec<Condition>, cases: &[(&str, bool)]) {
    let mut front = Front::start(&[]);
    front.rule_if(1, conditions, Action::FixedResponse(FixedResponse { status: 200, content_type: None, body: None }));
    let mut client = front.client().await;
    for (head, expected) in cases {
        client.send(&format!("{}\r\n\r\n", head.replace('\n', "\r\n"))).await;
        let status = client.message().await.status();
        assert_eq!(status, if *expected { 200 } else { 404 }, "{head}");
    }
}

#[tokio::test]
async fn a_header_is_compared_without_case_line_by_line() {
    check(
        vec![header("x-Version", wildcards(&["beta*", "v?"]))],
        &[
            ("GET / HTTP/1.1\nHost: a.b\nX-Version: BETA-2", true),
            ("GET / HTTP/1.1\nHost: a.b\nX-VERSION: V1", true),
            ("GET / HTTP/1.1\nHost: a.b\nX-Version: 1\nx-version: v2", true),
            ("GET / HTTP/1.1\nHost: a.b\nX-Version: v1, v22", false),
            ("GET / HTTP/1.1\nHost: a.b\nX-Version:", false),
            ("GET / HTTP/1.1\nHost: a.b", false),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_absent_header_does_not_even_match_a_star() {
    let cases = [("GET / HTTP/1.1\nHost: a.b\nX-A:", true), ("GET / HTTP/1.1\nHost: a.b\nX-B: c", false)];
    check(vec![header("X-A", wildcards(&["*"]))], &cases).await;
}

#[tokio::test]
async fn rules_see_the_headers_that_are_not_passed_on() {
    let cases = [("GET / HTTP/1.1\nHost: a.b\nTE: trailers", true), ("GET / HTTP/1.1\nHost: a.b", false)];
    check(vec![header("TE", wildcards(&["trailers"]))], &cases).await;
}

#[tokio::test]
async fn a_method_is_compared_to_the_letter() {
    check(
        vec![Condition::HttpRequestMethod(vec!["GET".into(), "PURGE".into()])],
        &[
            ("GET / HTTP/1.1\nHost: a.b", true),
            ("PURGE / HTTP/1.1\nHost: a.b", true),
            ("DELETE / HTTP/1.1\nHost: a.b", false),
            ("get / HTTP/1.1\nHost: a.b", false),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_query_is_compared_parameter_by_parameter() {
    check(
        vec![query(Some("version"), "v1"), query(None, "*\\?*")],
        &[
            ("GET /?a=what?&Version=V1 HTTP/1.1\nHost: a.b", true),
            ("GET /?version=v2&version=v1&a=? HTTP/1.1\nHost: a.b", true),
            ("GET /?version=v1 HTTP/1.1\nHost: a.b", false),
            ("GET /?version=v1&a=x HTTP/1.1\nHost: a.b", false),
            ("GET /?version=%76%31&a=? HTTP/1.1\nHost: a.b", false),
            ("GET / HTTP/1.1\nHost: a.b", false),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_source_is_the_peer_whatever_headers_say() {
    check(vec![network("127.0.0.0/8")], &[("GET / HTTP/1.1\nHost: a.b\nX-Forwarded-For: 10.0.0.1", true)]).await;
    check(vec![network("10.0.0.0/8")], &[("GET / HTTP/1.1\nHost: a.b\nX-Forwarded-For: 10.0.0.1", false)]).await;
}

#[tokio::test]
async fn regular_expressions_are_searched_for() {
    check(
        vec![Condition::PathPattern(regexes(&["^/(users|posts)/[0-9]+$"])), header("Accept", regexes(&["json"]))],
        &[
            ("GET /users/7?x=y HTTP/1.1\nHost: a.b\nAccept: application/JSON", true),
            ("GET /posts/%37 HTTP/1.1\nHost: a.b\nAccept: text/html, application/json", true),
            ("GET /Users/7 HTTP/1.1\nHost: a.b\nAccept: application/json", false),
            ("GET /users/7 HTTP/1.1\nHost: a.b\nAccept: text/html", false),
        ],
    )
    .await;
    check(
        vec![Condition::HostHeader(regexes(&["^(www\\.)?example\\.(com|org)$"]))],
        &[("GET / HTTP/1.1\nHost: WWW.Example.org:8080", true), ("GET / HTTP/1.1\nHost: example.net", false)],
    )
    .await;
}

#[tokio::test]
async fn all_conditions_have_to_be_met() {
    check(
        vec![
            Condition::PathPattern(wildcards(&["/api*"])),
            Condition::HttpRequestMethod(vec!["POST".into()]),
            header("X-A", wildcards(&["1"])),
            header("X-B", wildcards(&["2"])),
        ],
        &[
            ("POST /api HTTP/1.1\nHost: a.b\nContent-Length: 0\nX-A: 1\nX-B: 2", true),
            ("POST /api HTTP/1.1\nHost: a.b\nContent-Length: 0\nX-A: 1\nX-B: 1", false),
            ("GET /api HTTP/1.1\nHost: a.b\nX-A: 1\nX-B: 2", false),
        ],
    )
    .await;
}
