//! A container's log as lines.

use std::collections::VecDeque;

use bollard::container::LogOutput;
use bollard::query_parameters::{LogsOptions, LogsOptionsBuilder};
use engine::{EngineError, EngineErrorKind, LogLine, LogOptions, LogStream};
use futures_util::stream::{self, StreamExt};
use model::{ContainerId, Timestamp};

use crate::{Docker, observe};

/// A longer line is given in pieces, so that a container that never ends a line does not fill the memory.
const LONGEST_LINE: usize = 256 * 1024;
/// How long a quiet log may take to begin: Podman says nothing before the first line.
const QUIET: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

impl Docker {
    /// The lines; `NotFound` when there is no such container.
    pub(crate) async fn log_lines(&self, id: &ContainerId, options: LogOptions) -> Result<engine::Stream<LogLine>, EngineError> {
        if self.observe(id).await?.is_none() {
            return Err(EngineError::new(EngineErrorKind::NotFound, format!("no such container: `{id}`")));
        }
        let frames = self.patient(QUIET).logs(id.as_str(), Some(query(&options))).boxed();
        let docker = self.clone();
        let state = (frames, Splitter::default(), VecDeque::new(), false);
        let lines = stream::unfold(state, move |(mut frames, mut splitter, mut ready, mut ended)| {
            let docker = docker.clone();
            async move {
                while ready.is_empty() && !ended {
                    match frames.next().await {
                        Some(Ok(frame)) => ready.extend(splitter.take(frame).into_iter().map(Ok)),
                        Some(Err(error)) => {
                            ended = true;
                            ready.extend(splitter.rest().into_iter().map(Ok));
                            ready.push_back(Err(docker.failure(error)));
                        }
                        None => {
                            ended = true;
                            ready.extend(splitter.rest().into_iter().map(Ok));
                        }
                    }
                }
                ready.pop_front().map(|line| (line, (frames, splitter, ready, ended)))
            }
        });
        let since = options.since;
        let wanted = move |line: &Result<LogLine, EngineError>| line.as_ref().map_or(true, |line| since.is_none_or(|since| line.at > since));
        Ok(lines.filter(move |line| std::future::ready(wanted(line))).boxed())
    }
}

fn query(options: &LogOptions) -> LogsOptions {
    let tail = options.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let query = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).follow(options.follow).tail(&tail);
    // Whole seconds is all that can be asked for; the rest is left out here.
    match options.since {
        Some(since) => query.since(i32::try_from(since.as_secs()).unwrap_or(i32::MAX)).build(),
        None => query.build(),
    }
}

/// Makes lines of frames. Docker cuts long lines into frames, each with a time of its own in front.
#[derive(Debug, Default)]
struct Splitter {
    stdout: Option<Partial>,
    stderr: Option<Partial>,
}

/// A line whose end has not come yet.
#[derive(Debug)]
struct Partial {
    at: Timestamp,
    bytes: Vec<u8>,
}

impl Splitter {
    fn take(&mut self, frame: LogOutput) -> Vec<LogLine> {
        let stream = if matches!(frame, LogOutput::StdErr { .. }) { LogStream::Stderr } else { LogStream::Stdout };
        let bytes = frame.into_bytes();
        let partial = match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        };
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (at, text) = stamp(piece);
            let line = partial.get_or_insert_with(|| Partial { at: at.unwrap_or_default(), bytes: Vec::new() });
            line.bytes.extend_from_slice(text);
            if text.ends_with(b"\n") || line.bytes.len() >= LONGEST_LINE {
                let continues = !text.ends_with(b"\n");
                lines.extend(partial.take().map(|partial| partial.finish(stream, continues)));
            }
        }
        lines
    }

    /// The lines that never ended.
    fn rest(&mut self) -> Vec<LogLine> {
        let stdout = self.stdout.take().map(|partial| partial.finish(LogStream::Stdout, false));
        let stderr = self.stderr.take().map(|partial| partial.finish(LogStream::Stderr, false));
        stdout.into_iter().chain(stderr).collect()
    }
}

impl Partial {
    fn finish(self, stream: LogStream, continues: bool) -> LogLine {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        LogLine { at: self.at, stream, text: String::from_utf8_lossy(text).into_owned(), continues }
    }
}

/// Takes the time off the front.
fn stamp(piece: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let space = piece.iter().position(|byte| *byte == b' ');
    let found = space.and_then(|space| Some((observe::timestamp(std::str::from_utf8(&piece[..space]).ok()?)?, &piece[space + 1..])));
    match found {
        Some((at, text)) => (Some(at), text),
        None => (None, piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: &str = "2026-01-02T03:04:05.100000000Z ";

    fn check(frames: &[(LogStream, &[u8])], expected: &[(LogStream, &str)]) {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for (stream, text) in frames {
            let message = [SECOND.as_bytes(), text].concat().into();
            lines.extend(splitter.take(match stream {
                LogStream::Stdout => LogOutput::StdOut { message },
                LogStream::Stderr => LogOutput::StdErr { message },
            }));
        }
        lines.extend(splitter.rest());
        assert!(lines.iter().all(|line| line.at == Timestamp::from_millis(1_767_323_045_100)), "{lines:?}");
        let found: Vec<_> = lines.iter().map(|line| (line.stream, line.text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn frames_become_lines() {
        use LogStream::{Stderr, Stdout};
        check(&[(Stdout, b"one\n"), (Stderr, b"two\r\n"), (Stdout, b"\n")], &[(Stdout, "one"), (Stderr, "two"), (Stdout, "")]);
        check(&[(Stdout, b"lo"), (Stderr, b"x\n"), (Stdout, b"ng\n")], &[(Stderr, "x"), (Stdout, "long")]);
        check(&[(Stdout, b"no end")], &[(Stdout, "no end")]);
        check(&[(Stdout, b"bad \xff utf-8\n")], &[(Stdout, "bad \u{fffd} utf-8")]);
        check(&[], &[]);
        let endless = vec![b'x'; LONGEST_LINE];
        let text = String::from_utf8(endless.clone()).unwrap();
        check(&[(Stdout, &endless), (Stdout, b"y\n")], &[(Stdout, &text), (Stdout, "y")]);
        let message = [SECOND.as_bytes(), &endless].concat().into();
        assert!(Splitter::default().take(LogOutput::StdOut { message })[0].continues);
    }

    #[test]
    fn the_query_asks_for_whole_seconds() {
        let options = LogOptions { follow: true, tail: Some(5), since: Some(Timestamp::from_millis(1_767_323_045_900)) };
        let query = serde_json::to_value(query(&options)).unwrap();
        assert_eq!((&query["follow"], &query["tail"], &query["since"]), (&true.into(), &"5".into(), &1_767_323_045.into()));
    }
}
