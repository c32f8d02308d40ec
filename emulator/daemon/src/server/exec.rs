//! `exec`: a program in a container of a task, over the connection of the request that asks for it (ecs.md 9).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::{EngineError, EngineErrorKind, ExecInput, ExecOutput, ExecSession, ExecSpec, LogStream, TerminalSize};
use futures_util::StreamExt as _;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::{ClusterName, ContainerId, ContainerStatus, ContainerType, Task, TaskStatus, World};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc};
use wire::local::{EXEC_PROTOCOL, ExecRequest, Failure, Frame as _, FrameReader, LONGEST_FRAME, ToClient, ToDaemon};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;
use super::tasks::find_task;

/// The most at once.
const SESSIONS: usize = 64;

/// A session in which nothing is sent either way for so long is ended (ecs.md 9).
const IDLE: Duration = Duration::from_secs(20 * 60);

/// How long a client may take to take the end of its session.
const LAST_FRAME: Duration = Duration::from_secs(2);

/// ECS's sentence where a program may not be run.
const NOT_ENABLED: &str = "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.";

pub(super) async fn exec(context: Arc<Context>, mut request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    if request.headers().get(UPGRADE).is_none_or(|protocol| protocol != EXEC_PROTOCOL) {
        return Err(Failure::input(format!("this needs the header `Upgrade: {EXEC_PROTOCOL}`")));
    }
    let asked: String = Query::parse(request.uri().query().unwrap_or("")).required("asked")?;
    let asked: ExecRequest = serde_json::from_str(&asked).map_err(|error| Failure::input(format!("`asked` is not what this takes: {error}")))?;
    if asked.command.first().is_none_or(String::is_empty) {
        return Err(Failure::input("no program is named").hint("for example `ecslocal exec TASK -- sh`"));
    }
    let snapshot = context.keeper.snapshot();
    let id = container(&snapshot.world, &asked)?;
    let engine = context.engines.of(&snapshot.world, &id).map_err(|error| failure(&error))?;
    let full = |_| Failure::input(format!("Unable to start new execute sessions because the maximum session limit of {SESSIONS} has been reached."));
    let permit = context.execs.clone().try_acquire_owned().map_err(full)?;
    let terminal = asked.terminal.map(|(rows, columns)| TerminalSize { rows, columns });
    let spec = ExecSpec { command: asked.command, terminal, input: asked.input };
    let session = engine.exec(&id, &spec).await.map_err(|error| failure(&error))?;
    let upgrade = hyper::upgrade::on(&mut request);
    let followers = context.followers.clone();
    followers.spawn(async move {
        serve(&context, upgrade, session).await;
        drop(permit);
    });
    let mut response = answer::with_status(StatusCode::SWITCHING_PROTOCOLS, &());
    *response.body_mut() = http_body_util::BodyExt::boxed(http_body_util::Empty::new());
    response.headers_mut().remove(hyper::header::CONTENT_TYPE);
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(EXEC_PROTOCOL));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    Ok(response)
}

/// How many sessions there can be.
#[must_use]
pub fn sessions() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(SESSIONS))
}

async fn serve(context: &Context, upgrade: OnUpgrade, session: ExecSession) {
    let Ok(stream) = upgrade.await else { return };
    let (reading, mut writing) = tokio::io::split(TokioIo::new(stream));
    let ExecSession { input, mut output } = session;
    let (heard, mut hearing) = mpsc::channel::<()>(1);
    // The session ends with its client, or with the program.
    let mut listening = std::pin::pin!(listen(reading, input, heard));
    loop {
        let idle = context.clock.sleep(IDLE);
        let last = tokio::select! {
            found = output.next() => match found {
                Some(Ok(ExecOutput::Bytes(stream, bytes))) => {
                    // A client that takes nothing holds its place no longer than one that says nothing.
                    tokio::select! {
                        written = write(&mut writing, stream, &bytes) => if written.is_err() { return },
                        () = context.clock.sleep(IDLE) => return,
                        () = context.ending.cancelled() => return,
                    }
                    continue;
                }
                Some(Ok(ExecOutput::Exit(code))) => ToClient::Exit(code),
                Some(Err(error)) => ToClient::Failed(failure(&error)),
                None => ToClient::Failed(Failure::environment("the engine let go of the program")),
            },
            () = &mut listening => return,
            Some(()) = hearing.recv() => continue,
            () = idle => ToClient::Failed(Failure::input(format!("the session was idle for {} minutes, and has been ended", IDLE.as_secs() / 60))),
            () = context.ending.cancelled() => ToClient::Failed(Failure::environment("the daemon is ending")),
        };
        let end = async {
            writing.write_all(&last.encode()).await.ok();
            writing.shutdown().await.ok();
        };
        tokio::time::timeout(LAST_FRAME, end).await.ok();
        return;
    }
}

/// Hands on what the client sends, until it has gone or breaks the protocol.
async fn listen(mut reading: impl AsyncRead + Unpin, input: mpsc::Sender<ExecInput>, heard: mpsc::Sender<()>) {
    let mut frames = FrameReader::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = reading.read(&mut buffer).await else { return };
        frames.feed(buffer.get(..count).unwrap_or_default());
        heard.try_send(()).ok();
        loop {
            let next = match frames.take() {
                Ok(Some(ToDaemon::Input(bytes))) => ExecInput::Bytes(Bytes::from(bytes)),
                Ok(Some(ToDaemon::InputEnd)) => ExecInput::End,
                Ok(Some(ToDaemon::Resize(rows, columns))) => ExecInput::Resize(TerminalSize { rows, columns }),
                Ok(None) => break,
                Err(why) => {
                    tracing::debug!(why, "a client of `exec` broke the protocol");
                    return;
                }
            };
            // A program that has ended takes no more; what came of it is still on its way.
            input.send(next).await.ok();
        }
    }
}

async fn write(writing: &mut (impl AsyncWrite + Unpin), stream: LogStream, bytes: &[u8]) -> std::io::Result<()> {
    for piece in bytes.chunks(LONGEST_FRAME) {
        let frame = match stream {
            LogStream::Stdout => ToClient::Stdout(piece.to_vec()),
            LogStream::Stderr => ToClient::Stderr(piece.to_vec()),
        };
        writing.write_all(&frame.encode()).await?;
    }
    writing.flush().await
}

/// The engine's container that is meant, if programs may be run in it.
fn container(world: &World, asked: &ExecRequest) -> Result<ContainerId, Failure> {
    let task = task(world, &asked.cluster, &asked.task)?;
    let short = task.id.short();
    if !task.enable_execute_command {
        let hint = match &task.service {
            Some(service) => {
                format!("give `{service}` `enableExecuteCommand: true`, `ecslocal up`, and then its tasks with `ecslocal deploy {service}`")
            }
            None => match task.started_by.as_deref().and_then(|by| by.strip_prefix("events-rule/")) {
                Some(name) => format!("give the scheduled task `{name}` `enableExecuteCommand: true` and `ecslocal up`: the next ones have it"),
                None => "start the task with `ecslocal run --enable-execute-command`".to_owned(),
            },
        };
        return Err(Failure::input(NOT_ENABLED).hint(hint));
    }
    let normal: Vec<_> = task.containers.iter().filter(|container| container.kind() == ContainerType::Normal).collect();
    let names = || normal.iter().map(|container| format!("`{}`", container.name)).collect::<Vec<_>>().join(", ");
    let found = match (&asked.container, normal.as_slice()) {
        (Some(name), all) => {
            let none = || Failure::input(format!("task {short} has no container `{name}`")).hint(format!("it has {}", names()));
            all.iter().find(|container| container.name == *name).copied().ok_or_else(none)?
        }
        (None, [only]) => only,
        (None, _) => return Err(Failure::input(format!("task {short} has several containers")).hint(format!("name one with `-c`: {}", names()))),
    };
    let definition = world.definition(&task.revision).and_then(|definition| definition.container(&found.name));
    if definition.is_some_and(|definition| definition.readonly_root_filesystem) {
        let hint = format!("`{}` has `readonlyRootFilesystem: true`, with which the agent of ECS Exec cannot run", found.name);
        return Err(Failure::input(NOT_ENABLED).hint(hint));
    }
    match &found.runtime_id {
        Some(id) if found.last_status == ContainerStatus::Running && !found.restarting => Ok(id.clone()),
        _ => {
            let said = format!("container `{}` of task {short} does not run", found.name);
            Err(Failure::input(said).hint("`ecslocal ps --all` shows how it is"))
        }
    }
}

/// The task of that id, or the one that a service of that name runs.
fn task<'w>(world: &'w World, cluster: &ClusterName, named: &str) -> Result<&'w Task, Failure> {
    if !world.services.keys().any(|key| key.cluster == *cluster && key.name.as_str() == named) {
        let id = find_task(world, cluster, named)?;
        return world.tasks.get(&id).ok_or_else(|| Failure::input(format!("the referenced task was not found: `{named}`")));
    }
    let of_it = |task: &&Task| task.cluster == *cluster && task.service.as_ref().is_some_and(|service| service.as_str() == named);
    let running = world.tasks.values().filter(of_it).filter(|task| task.last_status == TaskStatus::Running);
    match running.collect::<Vec<_>>().as_slice() {
        [only] => Ok(only),
        [] => Err(Failure::input(format!("the service `{named}` runs no task")).hint("`ecslocal ps` shows why")),
        several => {
            let ids: Vec<&str> = several.iter().map(|task| task.id.short()).collect();
            Err(Failure::input(format!("the service `{named}` runs {} tasks", ids.len())).hint(format!("name one: {}", ids.join(", "))))
        }
    }
}

fn failure(error: &EngineError) -> Failure {
    match error.kind {
        EngineErrorKind::NotFound | EngineErrorKind::Refused => {
            Failure::input(error.message.clone()).hint("`ecslocal ps --all` shows how its container is")
        }
        _ => Failure::environment(error.message.clone()).hint("`ecslocal doctor` looks into it"),
    }
}
