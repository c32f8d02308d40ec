//! The fleet's streams: events for a watcher, lines of a log. They wait on the clock themselves; nothing runs behind them.

use std::sync::Arc;

use futures_util::StreamExt;
use model::{ContainerId, OwnerId, Timestamp};

use super::container::Phase;
use super::state::{State, Watcher, unreachable};
use super::ticket::Shared;
use crate::{EngineError, EngineEvent, LogLine, LogOptions, Stream};

/// A watcher's place in the fleet; leaves with the stream.
struct WatcherPlace {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for WatcherPlace {
    fn drop(&mut self) {
        self.shared.look().0.watchers.remove(&self.number);
    }
}

/// Enters a watcher, from which moment on it misses nothing.
pub(super) fn watch(shared: &Arc<Shared>, state: &mut State, owner: &OwnerId) -> Stream<EngineEvent> {
    let number = state.number();
    state.watchers.insert(number, Watcher { owner: owner.clone(), events: std::collections::VecDeque::new(), broken: None });
    let place = WatcherPlace { shared: Arc::clone(shared), number };
    futures_util::stream::unfold(place, async |place| Some((next_event(&place).await?, place))).boxed()
}

async fn next_event(place: &WatcherPlace) -> Option<Result<EngineEvent, EngineError>> {
    loop {
        let (changes, due) = {
            let (mut state, _) = place.shared.look();
            let watcher = state.watchers.get_mut(&place.number)?;
            if let Some(event) = watcher.events.pop_front() {
                return Some(Ok(event));
            }
            if let Some(error) = watcher.broken.take() {
                state.watchers.remove(&place.number);
                return Some(Err(error));
            }
            (state.changes.subscribe(), state.next_due())
        };
        place.shared.wait(changes, due).await;
    }
}

/// Who reads a container's log, and how far.
struct Reader {
    shared: Arc<Shared>,
    id: ContainerId,
    /// Index of the next line.
    next: usize,
    since: Option<Timestamp>,
    ended: bool,
}

/// The log of a container that is there, as the options say.
pub(super) fn logs(shared: &Arc<Shared>, lines: &[LogLine], id: &ContainerId, options: &LogOptions) -> Stream<LogLine> {
    let wanted: Vec<usize> = (0..lines.len()).filter(|index| is_wanted(&lines[*index], options.since)).collect();
    let tail = options.tail.map_or(wanted.len(), |tail| usize::try_from(tail).unwrap_or(usize::MAX).min(wanted.len()));
    let first = wanted.get(wanted.len() - tail).copied().unwrap_or(lines.len());
    if !options.follow {
        let lines: Vec<_> = lines[first..].iter().filter(|line| is_wanted(line, options.since)).cloned().map(Ok).collect();
        return futures_util::stream::iter(lines).boxed();
    }
    let reader = Reader { shared: Arc::clone(shared), id: id.clone(), next: first, since: options.since, ended: false };
    futures_util::stream::unfold(reader, async |mut reader| Some((next_line(&mut reader).await?, reader))).boxed()
}

fn is_wanted(line: &LogLine, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| line.at > since)
}

async fn next_line(reader: &mut Reader) -> Option<Result<LogLine, EngineError>> {
    while !reader.ended {
        let (changes, due) = {
            let (state, _) = reader.shared.look();
            if state.down {
                reader.ended = true;
                return Some(Err(unreachable()));
            }
            let container = state.containers.get(&reader.id)?;
            while let Some(line) = container.lines.get(reader.next) {
                reader.next += 1;
                if is_wanted(line, reader.since) {
                    return Some(Ok(line.clone()));
                }
            }
            reader.ended = matches!(container.phase, Phase::Exited { .. });
            (state.changes.subscribe(), container.due())
        };
        if !reader.ended {
            reader.shared.wait(changes, due).await;
        }
    }
    None
}
