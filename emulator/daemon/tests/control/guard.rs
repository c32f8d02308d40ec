//! Who is refused, and how what makes no sense is answered.

use crate::lab::{CLIENT, Lab};

const HELLO: &str = "GET /local/v1/hello HTTP/1.0";
const SCALE: &str = "POST /local/v1/scale HTTP/1.0";

#[tokio::test]
async fn whoever_is_not_this_machine_is_refused() {
    let lab = Lab::up().await;
    let scale = r#"{"cluster":"lab","desiredCounts":{"web":9}}"#;
    let length = format!("content-length: {}\r\n", scale.len());
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    for (line, headers, status, says) in [
        (HELLO, "host: localhost\r\n".to_owned(), 200, "ecslocal"),
        (HELLO, "host: evil.example:4566\r\n".to_owned(), 403, "is not this machine"),
        (HELLO, String::new(), 403, "is not this machine"),
        (HELLO, "host: localhost\r\norigin: https://evil.example\r\n".to_owned(), 403, "`https://evil.example`"),
        (HELLO, "host: localhost\r\norigin: http://localhost:4566\r\n".to_owned(), 200, "ecslocal"),
        (SCALE, format!("host: localhost\r\n{length}"), 403, "x-ecslocal-client"),
        (SCALE, format!("host: localhost\r\n{form}{length}"), 403, "x-ecslocal-client"),
        (SCALE, format!("host: localhost\r\norigin: http://evil.example\r\n{CLIENT}{length}"), 403, "`http://evil.example`"),
    ] {
        let answer = lab.exchange(&format!("{line}\r\n{headers}\r\n{}", if line == SCALE { scale } else { "" })).await;
        assert_eq!(answer.status, status, "{headers}: {}", answer.text);
        assert!(answer.text.contains(says), "{headers}: {}", answer.text);
    }
    assert_eq!(lab.view().await.clusters[0].services[0].desired_count, 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_said_so() {
    let lab = Lab::new().await;
    for (path, body, says) in [
        ("/local/v1/scale", "{", "not what this operation takes"),
        ("/local/v1/scale", r#"{"cluster":"a b","desiredCounts":{}}"#, "not what this operation takes"),
        ("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":1}}"#, "web"),
        ("/local/v1/down", "", "the query needs `cluster`"),
        ("/local/v1/down?cluster=none", "", "none"),
        ("/local/v1/stop-task", r#"{"cluster":"lab","task":"f00"}"#, "the referenced task was not found: `f00`"),
    ] {
        let answer = lab.post(path, body).await;
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
        assert!(answer.failure().message.contains(says), "{path} {body}: {}", answer.text);
    }
    for path in ["/local/v1/view?after=soon", "/local/v1/events", "/local/v1/logs?cluster=lab&tail=-1"] {
        let answer = lab.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let lab = Lab::new().await;
    let answer = lab.post("/local/v1/scale", &" ".repeat((4 << 20) + 1)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.failure().message.ends_with("it is longer than 4 MiB"), "{}", answer.text);
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let lab = Lab::new().await;
    for (line, status) in [("GET /local/v1/none", 404), ("GET /local/v1/scale", 404), ("DELETE /local/v1/view", 404), ("GET /", 404)] {
        let answer = lab.exchange(&format!("{line} HTTP/1.0\r\nhost: localhost\r\n{CLIENT}\r\n")).await;
        assert_eq!(answer.status, status);
        assert!(answer.failure().message.contains(line), "{}", answer.text);
    }
    let target = "AmazonEC2ContainerServiceV20141113.ListClusters";
    let answer =
        lab.exchange(&format!("POST / HTTP/1.0\r\nhost: localhost\r\n{CLIENT}x-amz-target: {target}\r\ncontent-length: 2\r\n\r\n{{}}")).await;
    assert_eq!(answer.status, 501);
    assert!(answer.failure().message.contains(target), "{}", answer.text);
}
