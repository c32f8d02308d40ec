//! Programs in containers, over an upgraded connection.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wire::local::{Failure, Frame as _, FrameReader, ToClient, ToDaemon};

use crate::lab::{Lab, PATIENCE, manifest, steady};

/// A lab whose service allows programs to be run.
async fn enabled(more: &str) -> Lab {
    let lab = Lab::new().await;
    let text = manifest("sim:v1", "out=hello").replace("    desiredCount: 1\n", "    desiredCount: 1\n    enableExecuteCommand: true\n");
    assert_eq!(lab.bring(&text.replacen("memory: 64,", &format!("memory: 64, {more}"), 1)).await.pop().unwrap()["type"], "done");
    lab.until(steady).await;
    lab
}

struct Session {
    stream: TcpStream,
    frames: FrameReader,
}

impl Session {
    async fn send(&mut self, frame: ToDaemon) {
        self.stream.write_all(&frame.encode()).await.unwrap();
    }

    async fn next(&mut self) -> ToClient {
        let read = async {
            loop {
                if let Some(frame) = self.frames.take().unwrap() {
                    return frame;
                }
                let mut buffer = [0; 1024];
                let count = self.stream.read(&mut buffer).await.unwrap();
                assert!(count > 0, "the session ended without a word");
                self.frames.feed(&buffer[..count]);
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap()
    }
}

impl Lab {
    /// Asks for a program; the session, or why there is none.
    async fn exec(&self, asked: Value) -> Result<Session, Failure> {
        let query: String = asked.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("POST /local/v1/exec?asked={query} HTTP/1.1\r\nhost: {}\r\nx-ecslocal-client: test\r\n", self.address);
        stream.write_all(format!("{head}connection: upgrade\r\nupgrade: ecslocal-exec\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        let (mut bytes, mut byte) = (Vec::new(), [0]);
        while !bytes.ends_with(b"\r\n\r\n") {
            assert_eq!(tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await.unwrap().unwrap(), 1);
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        if head.starts_with("HTTP/1.1 101") {
            return Ok(Session { stream, frames: FrameReader::default() });
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        Err(serde_json::from_slice(&body).unwrap())
    }
}

fn asked(task: &str, command: &[&str], input: bool) -> Value {
    json!({ "cluster": "lab", "task": task, "container": null, "command": command, "terminal": null, "input": input })
}

#[tokio::test]
async fn a_program_is_run_with_its_input_output_and_exit_code() {
    let lab = enabled("").await;
    let mut session = lab.exec(asked("web", &["say", "hello", "there"], false)).await.unwrap();
    assert_eq!((session.next().await, session.next().await), (ToClient::Stdout(b"hello there\n".to_vec()), ToClient::Exit(0)));
    let mut session = lab.exec(asked("web", &["fail", "7", "no"], false)).await.unwrap();
    assert_eq!((session.next().await, session.next().await), (ToClient::Stderr(b"no\n".to_vec()), ToClient::Exit(7)));
    let mut session = lab.exec(asked("web", &["nothing"], false)).await.unwrap();
    assert!(matches!(session.next().await, ToClient::Stderr(_)));
    assert_eq!(session.next().await, ToClient::Exit(127));
    let task = lab.view().await.clusters[0].tasks[0].task_id.clone();
    let mut session = lab.exec(asked(&task[..8], &["cat"], true)).await.unwrap();
    session.send(ToDaemon::Input(b"one".to_vec())).await;
    assert_eq!(session.next().await, ToClient::Stdout(b"one".to_vec()));
    session.send(ToDaemon::Resize(50, 200)).await;
    assert_eq!(session.next().await, ToClient::Stdout(b"50x200\n".to_vec()));
    session.send(ToDaemon::InputEnd).await;
    assert_eq!(session.next().await, ToClient::Exit(0));
}

#[tokio::test]
async fn a_session_ends_with_its_client_and_with_the_daemon() {
    let lab = enabled("").await;
    let session = lab.exec(asked("web", &["cat"], true)).await.unwrap();
    assert_eq!(lab.followers.len(), 1);
    drop(session);
    lab.followers.close();
    tokio::time::timeout(PATIENCE, lab.followers.wait()).await.unwrap();
    lab.followers.reopen();
    let mut session = lab.exec(asked("web", &["cat"], true)).await.unwrap();
    lab.ending.cancel();
    let ToClient::Failed(failure) = session.next().await else { panic!("it is told") };
    assert_eq!(failure.message, "the daemon is ending");
}

#[tokio::test]
async fn what_ecs_refuses_is_refused() {
    let refused = async |lab: &Lab, asked: Value| {
        let failure = lab.exec(asked).await.err().unwrap();
        format!("{} {}", failure.message, failure.hint.unwrap_or_default())
    };
    let lab = Lab::up().await;
    let said = refused(&lab, asked("web", &["say"], false)).await;
    assert!(
        said.starts_with("The execute command failed because execute command was not enabled") && said.contains("`ecslocal deploy web`"),
        "{said}"
    );
    let lab = enabled("readonlyRootFilesystem: true,").await;
    let said = refused(&lab, asked("web", &["say"], false)).await;
    assert!(said.starts_with("The execute command failed") && said.contains("`readonlyRootFilesystem: true`"), "{said}");
    let lab = enabled("").await;
    assert!(refused(&lab, asked("none", &["say"], false)).await.contains("the referenced task was not found: `none`"));
    assert!(refused(&lab, asked("web", &[], false)).await.contains("no program is named"));
    let mut other = asked("web", &["say"], false);
    other["container"] = json!("other");
    assert!(refused(&lab, other).await.contains("has no container `other` it has `app`"));
    lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":2}}"#).await;
    lab.until(|view| steady(view) && view.clusters[0].services[0].running_count == 2).await;
    assert!(refused(&lab, asked("web", &["say"], false)).await.contains("the service `web` runs 2 tasks name one: "));
    // A page of another site cannot ask for it, and neither can a plain request.
    assert_eq!(lab.exchange(&format!("POST /local/v1/exec HTTP/1.0\r\nhost: {}\r\nupgrade: ecslocal-exec\r\n\r\n", lab.address)).await.status, 403);
    assert_eq!(lab.post("/local/v1/exec?asked=%7B%7D", "").await.status, 400);
}
