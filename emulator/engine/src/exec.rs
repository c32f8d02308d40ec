//! A program that is run in a running container.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{LogStream, Stream};

/// What may wait for the program to read it, and for its reader.
pub const EXEC_QUEUE: usize = 16;

/// The exit code of a program that is not there, as shells give it.
pub const NO_SUCH_PROGRAM: i64 = 127;

/// The exit code of a program that is there and cannot be run.
pub const NO_PROGRAM: i64 = 126;

/// A program to run. It is root's, whoever the container's own processes are (ecs.md 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecSpec {
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// Whether it has a terminal: then all its output is one stream.
    pub terminal: Option<TerminalSize>,
    /// Whether it can read what is sent to it; else its standard input is empty.
    pub input: bool,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}

/// What is sent to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecInput {
    /// For its standard input.
    Bytes(Bytes),
    /// Its standard input has ended.
    End,
    /// Its terminal has another size.
    Resize(TerminalSize),
}

/// What comes from a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecOutput {
    /// What it wrote.
    Bytes(LogStream, Bytes),
    /// It has ended with that exit code; the last of all.
    Exit(i64),
}

/// A program that runs. Letting go of it closes its input and its terminal; a program that takes no notice of that goes on, because engines
/// cannot end it.
pub struct ExecSession {
    /// Where its input goes.
    pub input: mpsc::Sender<ExecInput>,
    /// What comes of it, to its exit code.
    pub output: Stream<ExecOutput>,
}

impl std::fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExecSession")
    }
}
