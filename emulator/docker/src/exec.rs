//! A program in a running container.

use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeExecOptionsBuilder;
use bytes::Bytes;
use engine::exec::{EXEC_QUEUE, NO_PROGRAM, NO_SUCH_PROGRAM};
use engine::{EngineError, EngineErrorKind, ExecInput, ExecOutput, ExecSession, ExecSpec, LogStream, TerminalSize};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use model::ContainerId;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::{Docker, calls};

/// ECS Exec's programs are root's, by number: an image made from nothing knows no names.
const USER: &str = "0";

/// A program may write nothing for hours.
const QUIET: Duration = Duration::from_secs(24 * 60 * 60);

/// How often, and how long between, the exit code of a program is asked for whose output has ended: the engine may know it a moment later.
const ASKED: u32 = 50;
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What the runtime's complaint begins with, which Docker gives as the program's output.
const NOT_RUN: &str = "OCI runtime exec failed";

type Input = Pin<Box<dyn AsyncWrite + Send>>;

type Writing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A program under way. Its input is written while its output is read, so that neither waits for the other.
struct Running {
    docker: Docker,
    exec: String,
    output: BoxStream<'static, Result<LogOutput, Error>>,
    writing: Option<Writing>,
    /// The runtime could not run it.
    complaint: Option<i64>,
    ended: bool,
}

impl Docker {
    /// Runs it; `Refused` where the container does not run.
    pub(crate) async fn run_in(&self, id: &ContainerId, spec: &ExecSpec) -> Result<ExecSession, EngineError> {
        let config = ExecConfig {
            attach_stdin: Some(spec.input),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(spec.terminal.is_some()),
            console_size: None,
            user: Some(USER.into()),
            cmd: Some(spec.command.clone()),
            ..ExecConfig::default()
        };
        let made = self.call(calls::EXEC, self.api().create_exec(id.as_str(), config)).await?;
        let (sender, receiver) = mpsc::channel(EXEC_QUEUE);
        let options = StartExecOptions { detach: false, tty: spec.terminal.is_some(), output_capacity: None };
        let (output, input) = match self.call(calls::EXEC, self.patient(QUIET).start_exec(&made.id, Some(options))).await {
            Ok(StartExecResults::Attached { output, input }) => (output, input),
            Ok(StartExecResults::Detached) => return Err(EngineError::new(EngineErrorKind::Failed, "the engine let go of the program")),
            Err(error) => return complained(&error, sender).ok_or(error),
        };
        if let Some(size) = spec.terminal {
            resize(self, &made.id, size).await;
        }
        let writing = Some(Box::pin(write(self.clone(), made.id.clone(), input, receiver)) as Pin<Box<_>>);
        let running = Running { docker: self.clone(), exec: made.id, output: output.boxed(), writing, complaint: None, ended: false };
        Ok(ExecSession {
            input: sender,
            output: stream::unfold(running, |mut running| async move { Some((running.next().await?, running)) }).boxed(),
        })
    }
}

impl Running {
    async fn next(&mut self) -> Option<Result<ExecOutput, EngineError>> {
        while !self.ended {
            let (output, writing) = (&mut self.output, &mut self.writing);
            let frame = tokio::select! {
                frame = output.next() => frame,
                Some(()) = done(writing) => {
                    self.writing = None;
                    continue;
                }
            };
            match frame {
                Some(Ok(frame)) => return Some(Ok(self.written(frame))),
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(self.docker.failure(error)));
                }
                None => {
                    self.ended = true;
                    return Some(self.exit().await.map(ExecOutput::Exit));
                }
            }
        }
        None
    }

    fn written(&mut self, frame: LogOutput) -> ExecOutput {
        let stream = if matches!(frame, LogOutput::StdErr { .. }) { LogStream::Stderr } else { LogStream::Stdout };
        let bytes = frame.into_bytes();
        if bytes.starts_with(NOT_RUN.as_bytes()) {
            self.complaint = Some(code_of(&String::from_utf8_lossy(&bytes)));
            return ExecOutput::Bytes(LogStream::Stderr, bytes);
        }
        ExecOutput::Bytes(stream, bytes)
    }

    async fn exit(&mut self) -> Result<i64, EngineError> {
        for _ in 0..ASKED {
            let found = self.docker.call(calls::INSPECT, self.docker.api().inspect_exec(&self.exec)).await?;
            match found.exit_code.filter(|_| found.running != Some(true)) {
                // Docker before 28 says 126 of a program that is not there.
                Some(NO_PROGRAM) => return Ok(self.complaint.unwrap_or(NO_PROGRAM)),
                Some(code) => return Ok(code),
                None => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
        Err(EngineError::new(EngineErrorKind::Failed, "the engine does not say how the program ended"))
    }
}

/// The end of the writing that is under way.
async fn done(writing: &mut Option<Writing>) -> Option<()> {
    match writing {
        Some(writing) => {
            writing.await;
            Some(())
        }
        None => None,
    }
}

/// A program that could not be run, where the engine says so before it gives any output.
fn complained(error: &EngineError, input: mpsc::Sender<ExecInput>) -> Option<ExecSession> {
    if !error.message.contains(NOT_RUN) {
        return None;
    }
    let text = Bytes::from(format!("{}\n", error.message));
    let outputs = [ExecOutput::Bytes(LogStream::Stderr, text), ExecOutput::Exit(code_of(&error.message))];
    Some(ExecSession { input, output: stream::iter(outputs.map(Ok)).boxed() })
}

fn code_of(complaint: &str) -> i64 {
    let missing = ["executable file not found", "no such file or directory"].iter().any(|sign| complaint.contains(sign));
    if missing { NO_SUCH_PROGRAM } else { NO_PROGRAM }
}

/// Gives a program what it is sent, until there is no more of it. A program that reads no more is no failure.
async fn write(docker: Docker, exec: String, mut input: Input, mut receiver: mpsc::Receiver<ExecInput>) {
    let mut open = true;
    while let Some(next) = receiver.recv().await {
        match next {
            ExecInput::Bytes(bytes) if open => open = input.write_all(&bytes).await.is_ok() && input.flush().await.is_ok(),
            ExecInput::Bytes(_) => {}
            ExecInput::End => {
                open = false;
                input.shutdown().await.ok();
            }
            ExecInput::Resize(size) => resize(&docker, &exec, size).await,
        }
    }
    input.shutdown().await.ok();
}

/// A size that cannot be had now comes with the next change.
async fn resize(docker: &Docker, exec: &str, size: TerminalSize) {
    let options = ResizeExecOptionsBuilder::new().h(i32::from(size.rows)).w(i32::from(size.columns)).build();
    if let Err(error) = docker.call(calls::INSPECT, docker.api().resize_exec(exec, options)).await {
        tracing::debug!(%error, "a terminal kept its size");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_cannot_be_run_have_the_codes_of_shells() {
        let runc = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"x\": ";
        assert_eq!(code_of(&format!("{runc}executable file not found in $PATH: unknown")), 127);
        assert_eq!(code_of(&format!("{runc}stat /x: no such file or directory: unknown")), 127);
        assert_eq!(code_of(&format!("{runc}permission denied: unknown")), 126);
    }
}
