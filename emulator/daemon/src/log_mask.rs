//! Lines of containers without the values of secrets that they were given.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::{EngineError, LogLine, LogStream, Stream};
use futures_util::stream::{self, StreamExt as _};
use model::World;
use vault::{LineMask, Mask, Vault};

use crate::resources::references;

/// What the logs of a World's containers do not show: everything that any of its tasks was given, because one may tell it to another.
pub(crate) fn of(world: &World, vault: &Vault) -> Mask {
    let definitions = world.task_definitions.values().flat_map(|family| family.revisions.values());
    let references = definitions.flat_map(|definition| &definition.containers).flat_map(references);
    Mask::new(&vault.known_values(references))
}

/// A value may begin in one piece of a line and end in the next, so each of the two streams of a container holds back a little.
#[derive(Default)]
struct Held {
    stdout: LineMask,
    stderr: LineMask,
    last: Option<LogLine>,
    ready: VecDeque<Result<LogLine, EngineError>>,
    ended: bool,
}

/// The lines with `***` for each value.
pub(crate) fn masked(lines: Stream<LogLine>, mask: Arc<Mask>) -> Stream<LogLine> {
    if mask.is_empty() {
        return lines;
    }
    stream::unfold((lines, mask, Held::default()), |(mut lines, mask, mut held)| async move {
        while held.ready.is_empty() && !held.ended {
            let next = lines.next().await;
            held.take(&mask, next);
        }
        held.ready.pop_front().map(|line| (line, (lines, mask, held)))
    })
    .boxed()
}

impl Held {
    fn take(&mut self, mask: &Mask, next: Option<Result<LogLine, EngineError>>) {
        match next {
            Some(Ok(mut line)) => {
                line.text = self.of(line.stream).take(mask, line.text, line.continues);
                self.last = Some(LogLine { text: String::new(), continues: false, ..line });
                self.ready.push_back(Ok(line));
            }
            other => {
                self.ended = true;
                for stream in [LogStream::Stdout, LogStream::Stderr] {
                    let Some((text, last)) = self.of(stream).rest(mask).zip(self.last.clone()) else { continue };
                    self.ready.push_back(Ok(LogLine { text, stream, ..last }));
                }
                self.ready.extend(other);
            }
        }
    }

    const fn of(&mut self, stream: LogStream) -> &mut LineMask {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Secret, Timestamp};

    use super::*;

    #[tokio::test]
    async fn a_value_across_pieces_of_a_line_is_masked_in_each_stream_by_itself() {
        let line = |stream, text: &str, continues| Ok(LogLine { at: Timestamp::from_millis(1), stream, text: text.into(), continues });
        let lines = [
            line(LogStream::Stdout, "a hun", true),
            line(LogStream::Stderr, "hunter2", false),
            line(LogStream::Stdout, "ter2 b", false),
            line(LogStream::Stderr, "the hunt", true),
        ];
        let mask = Arc::new(Mask::new(&[Secret::new("hunter2".into())]));
        let shown = masked(stream::iter(lines).boxed(), mask).map(|line| line.unwrap()).collect::<Vec<_>>().await;
        let of = |wanted| shown.iter().filter(|line| line.stream == wanted).map(|line| line.text.as_str()).collect::<String>();
        assert_eq!((of(LogStream::Stdout), of(LogStream::Stderr)), ("a *** b".into(), "***the hunt".into()));
    }
}
