//! `exec`: a program in a container. What it writes goes to the terminal as it is: whoever runs it gives it the terminal.

use std::io::IsTerminal as _;

use hyper_util::rt::TokioIo;
use model::ContainerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use wire::local::{ExecRequest, Failure, Frame as _, FrameReader, ToClient, ToDaemon, path};

use super::look;
use crate::args::Exec;
use crate::client::with_query;
use crate::end::{End, INPUT, Outcome};
use crate::print::Printer;
use crate::settings::Settings;
use crate::terminal::{RawMode, size};

/// Pieces of input that wait to be sent.
const PIECES: usize = 4;

/// The exit code of a command that Ctrl-C or SIGTERM has ended, as shells give it.
const INTERRUPTED: u8 = 130;

/// Runs it, and ends with its exit code.
pub(crate) async fn run(args: &Exec, settings: Settings, printer: &mut Printer) -> Outcome {
    let (input_is_terminal, output_is_terminal) = (std::io::stdin().is_terminal(), std::io::stdout().is_terminal());
    // Where somebody sits at a terminal, that is what is meant.
    let sits = input_is_terminal && output_is_terminal && !args.interactive && !args.no_tty;
    let (interactive, tty) = (args.interactive || sits, args.tty || sits);
    if tty && !input_is_terminal {
        return Err(Failure::input("the input is not a terminal").hint("leave `-t` out; `-i` alone sends the input to the program").into());
    }
    let (client, _, cluster) = look(&settings, printer).await?;
    let container = args.container.as_deref().map(ContainerName::new).transpose().map_err(|error| Failure::input(error.to_string()))?;
    let request = ExecRequest {
        cluster,
        task: args.task.clone(),
        container,
        command: args.command.clone(),
        terminal: tty.then(|| size().unwrap_or((24, 80))),
        input: interactive,
    };
    let asked = serde_json::to_string(&request).map_err(|error| Failure::environment(error.to_string()))?;
    let (stream, _connection) = client.upgrade(&with_query(path::EXEC, &[("asked", &asked)])).await?;
    let raw = if tty { Some(RawMode::begin()?) } else { None };
    let ended = Session { stream: TokioIo::new(stream), interactive, tty }.run(printer).await;
    // Before anything else is said.
    drop(raw);
    match ended? {
        0 => Ok(()),
        code => Err(End::Said(u8::try_from(code).unwrap_or(INPUT))),
    }
}

struct Session<S> {
    stream: S,
    interactive: bool,
    tty: bool,
}

impl<S: AsyncRead + tokio::io::AsyncWrite + Unpin> Session<S> {
    /// To the program's exit code.
    async fn run(self, printer: &mut Printer) -> Outcome<i64> {
        let (mut reading, mut writing) = tokio::io::split(self.stream);
        let (mut resized, mut interrupted, mut terminated, mut hung_up) =
            (listen(SignalKind::window_change())?, listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
        let mut typed = self.interactive.then(read_input);
        let mut frames = FrameReader::default();
        let mut buffer = vec![0; 32 * 1024];
        loop {
            let frame = tokio::select! {
                count = reading.read(&mut buffer) => match count {
                    Ok(count @ 1..) => {
                        frames.feed(buffer.get(..count).unwrap_or_default());
                        if let Some(code) = shown(&mut frames, printer)? {
                            return Ok(code);
                        }
                        continue;
                    }
                    Ok(0) => return Err(lost("it ended without a word").into()),
                    Err(error) => return Err(lost(&error.to_string()).into()),
                },
                piece = next(&mut typed) => match piece {
                    Some(bytes) => ToDaemon::Input(bytes),
                    None => {
                        typed = None;
                        ToDaemon::InputEnd
                    }
                },
                _ = resized.recv(), if self.tty => match size() {
                    Some((rows, columns)) => ToDaemon::Resize(rows, columns),
                    None => continue,
                },
                // With a terminal Ctrl-C is a byte, and the program's. Without one the program cannot be told.
                _ = interrupted.recv() => return Ok(INTERRUPTED.into()),
                _ = terminated.recv() => return Ok(INTERRUPTED.into()),
                _ = hung_up.recv() => return Ok(INTERRUPTED.into()),
            };
            if let Err(error) = writing.write_all(&frame.encode()).await {
                return Err(lost(&error.to_string()).into());
            }
        }
    }
}

/// Prints what has come; the exit code where it is among that.
fn shown(frames: &mut FrameReader, printer: &mut Printer) -> Outcome<Option<i64>> {
    while let Some(frame) = frames.take().map_err(|why| lost(&why))? {
        match frame {
            ToClient::Stdout(bytes) => printer.raw(&bytes)?,
            ToClient::Stderr(bytes) => printer.raw_talk(&bytes)?,
            ToClient::Exit(code) => return Ok(Some(code)),
            ToClient::Failed(failure) => return Err(failure.into()),
        }
    }
    Ok(None)
}

/// The next piece of input; waits for ever where there is none to come.
async fn next(typed: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match typed {
        Some(typed) => typed.recv().await,
        None => std::future::pending().await,
    }
}

/// Reads standard input on a thread of its own, which ends with the process: a read from a terminal cannot be taken back.
fn read_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = std::io::Read::read(&mut input, &mut buffer) {
            if sender.blocking_send(buffer.get(..count).unwrap_or_default().to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::environment(format!("signals cannot be received: {error}")))
}

fn lost(why: &str) -> Failure {
    Failure::environment(format!("the connection to the program is lost: {why}")).hint("`ecslocal ps` shows whether its container still runs")
}
