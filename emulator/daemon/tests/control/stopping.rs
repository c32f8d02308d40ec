//! The end of the daemon: when it is refused, and that nobody who is connected can hold it up.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use wire::local::ShutdownReply;

use crate::lab::{CLIENT, Lab, PATIENCE, manifest, next_line};

/// More than the grace for answers under way, on a machine that is busy too, and less than any timeout that could end a wait instead.
const PROMPTLY: Duration = Duration::from_secs(3);

#[tokio::test]
async fn the_daemon_ends_only_without_a_cluster_or_by_force() {
    let lab = Lab::up().await;
    assert!(!lab.post("/local/v1/shutdown", "").await.value::<ShutdownReply>().stopping);
    assert!(!lab.stop.is_cancelled());
    assert!(lab.post("/local/v1/shutdown?force=true", "").await.value::<ShutdownReply>().stopping);
    assert!(lab.stop.is_cancelled());
    let lab = Lab::new().await;
    assert!(lab.post("/local/v1/shutdown", "").await.value::<ShutdownReply>().stopping);
}

#[tokio::test]
async fn an_up_that_still_pulls_is_no_reason_to_think_that_nothing_is_there() {
    let lab = Lab::new().await;
    let text = manifest("sim:pull-60s", "out=hello");
    let bringing = lab.bring(&text);
    tokio::pin!(bringing);
    while lab.ups.is_empty() {
        tokio::select! {
            steps = &mut bringing => panic!("{steps:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(!lab.post("/local/v1/shutdown", "").await.value::<ShutdownReply>().stopping);
    // At the end it is cut, and its client is told.
    lab.ending.cancel();
    let last = tokio::time::timeout(PROMPTLY, bringing).await.unwrap().pop().unwrap();
    assert!(last["failure"]["message"].as_str().unwrap().contains("the daemon is ending"), "{last}");
    assert!(lab.view_is_refused().await);
}

#[tokio::test]
async fn nobody_who_is_connected_holds_up_the_end() {
    let mut lab = Lab::up().await;
    let mut logs = lab.stream("/local/v1/logs?cluster=lab&follow").await;
    assert!(next_line(&mut logs).await.unwrap().contains("hello"));
    let mut events = lab.stream("/local/v1/events?cluster=lab&follow").await;
    assert!(next_line(&mut events).await.is_some());
    let mut idle = TcpStream::connect(lab.address).await.unwrap();
    let request = format!("GET /local/v1/hello HTTP/1.1\r\nhost: localhost\r\n\r\nPOST /local/v1/scale HTTP/1.1\r\nhost: localhost\r\n{CLIENT}");
    idle.write_all(request.as_bytes()).await.unwrap();
    idle.readable().await.unwrap();
    lab.ending.cancel();
    lab.followers.close();
    tokio::time::timeout(PROMPTLY, async { tokio::join!(&mut lab.serving, lab.followers.wait()) }).await.unwrap().0.unwrap();
    tokio::time::timeout(PATIENCE, logs.next_line()).await.unwrap().ok();
}
