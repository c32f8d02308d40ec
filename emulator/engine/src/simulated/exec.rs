//! Programs in simulated containers: a few that every test understands.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::mpsc;

use crate::exec::{EXEC_QUEUE, NO_SUCH_PROGRAM};
use crate::{ExecInput, ExecOutput, ExecSession, ExecSpec, LogStream};

/// What a program does besides what it writes at once.
enum Program {
    /// Nothing: it ends with that code.
    Ends(i64),
    /// Gives back what it reads, to its end; with the size of its terminal when that changes.
    Echoes,
}

/// Starts `say WORD…` (writes them), `fail CODE WORD…` (writes them to its standard error and ends with that code) or `cat`.
pub(super) fn start(spec: &ExecSpec) -> ExecSession {
    let (input, receiver) = mpsc::channel(EXEC_QUEUE);
    let words: Vec<&str> = spec.command.iter().map(String::as_str).collect();
    let written = |stream, words: &[&str]| ExecOutput::Bytes(stream, Bytes::from(format!("{}\n", words.join(" "))));
    let (first, program) = match words.as_slice() {
        ["say", rest @ ..] => (Some(written(LogStream::Stdout, rest)), Program::Ends(0)),
        ["fail", code, rest @ ..] => (Some(written(LogStream::Stderr, rest)), Program::Ends(code.parse().unwrap_or(1))),
        ["cat"] if spec.input => (None, Program::Echoes),
        ["cat"] => (None, Program::Ends(0)),
        other => {
            let name = other.first().copied().unwrap_or_default();
            let words = [&*format!("exec: \"{name}\": executable file not found in $PATH")];
            (Some(written(LogStream::Stderr, &words)), Program::Ends(NO_SUCH_PROGRAM))
        }
    };
    let rest = match program {
        Program::Ends(code) => stream::iter([ExecOutput::Exit(code)]).boxed(),
        Program::Echoes => stream::unfold(Some(receiver), echo).boxed(),
    };
    ExecSession { input, output: stream::iter(first).chain(rest).map(Ok).boxed() }
}

async fn echo(state: Option<mpsc::Receiver<ExecInput>>) -> Option<(ExecOutput, Option<mpsc::Receiver<ExecInput>>)> {
    let mut receiver = state?;
    Some(match receiver.recv().await {
        Some(ExecInput::Bytes(bytes)) => (ExecOutput::Bytes(LogStream::Stdout, bytes), Some(receiver)),
        Some(ExecInput::Resize(size)) => {
            let text = format!("{}x{}\n", size.rows, size.columns);
            (ExecOutput::Bytes(LogStream::Stdout, text.into()), Some(receiver))
        }
        Some(ExecInput::End) | None => (ExecOutput::Exit(0), None),
    })
}
