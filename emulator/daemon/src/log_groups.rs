//! Log groups of CloudWatch Logs (ecs.md 1.10): what containers with the driver `awslogs` write is written under their group's name, a
//! folder, in a file of their stream's name. The engine keeps it as well for as long as it has the container, so `ecslocal logs` reads it as ever; then it reads the
//! file.
//!
//! A group is made when it is first written to, whatever `awslogs-create-group` says: on AWS something else has made it, which is not here
//! to be seen. Each line is an event: its time, and what was written.

mod stream_file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use engine::{LogLine, LogOptions, LogStream};
use model::{ContainerId, ContainerStatus, LogStreamName, Timestamp, World};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::stream_file::{Resume, StreamFiles};
use crate::log_reader::LogReader;

/// Lines that wait to be written; then reading waits.
const LINES: usize = 1024;

/// A line for a file.
#[derive(Debug)]
struct Event {
    path: PathBuf,
    line: LogLine,
}

/// Writes until the keeper ends. Groups are folders in `folder`.
pub(crate) async fn run(reader: LogReader, folder: PathBuf) {
    let (sender, mut events) = mpsc::channel::<Event>(LINES);
    let mut snapshots = reader.keeper.follow();
    let mut readers: JoinSet<ContainerId> = JoinSet::new();
    let mut known: BTreeSet<ContainerId> = BTreeSet::new();
    // Its own thread's: a disk may be slow. It ends with the last sender, which this task owns with its readers.
    let writing = tokio::task::spawn_blocking(move || {
        let mut files = StreamFiles::default();
        while let Some(Event { path, line }) = events.blocking_recv() {
            files.write(&path, line.at, &line.text);
            if events.is_empty() {
                files.flush();
            }
        }
    });
    loop {
        let world = snapshots.borrow_and_update().clone();
        let found = streams(&world.world);
        known.retain(|id| found.contains_key(id));
        for (id, stream) in found {
            if known.insert(id.clone()) {
                readers.spawn(keep(reader.clone(), id, folder.join(path(&stream)), sender.clone()));
            }
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { break },
            Some(_) = readers.join_next() => {}
        }
    }
    drop((readers, sender));
    writing.await.ok();
}

/// Reads a container to its end, from where its file ends.
async fn keep(reader: LogReader, id: ContainerId, path: PathBuf, sender: mpsc::Sender<Event>) -> ContainerId {
    let there = path.clone();
    let resume = tokio::task::spawn_blocking(move || stream_file::resume(&there)).await.unwrap_or_default();
    let mut skip = resume.as_ref().map_or(0, |resume| resume.lines);
    let last = resume.map(|Resume { at, .. }| at);
    let since = last.map(|at| Timestamp::from_millis(at.as_millis().saturating_sub(1)));
    let event = move |line: LogLine| {
        // Those of the last moment that was written are there already.
        let written = skip > 0 && Some(line.at) == last;
        skip -= usize::from(written);
        (!written).then(|| Event { path: path.clone(), line })
    };
    let options = LogOptions { follow: true, tail: None, since };
    if let Err(error) = reader.follow(&id, options, event, &sender).await {
        tracing::warn!(container = %id, %error, "the output of a container cannot be written to its log group");
    }
    id
}

/// What is kept of a stream in a folder of groups, oldest first: for a container that the engine has no more. Which of its two streams a
/// line was written to is not kept, there as on AWS.
pub(crate) fn kept(folder: &Path, name: &LogStreamName) -> Vec<LogLine> {
    let line = |(at, text)| LogLine { at, stream: LogStream::Stdout, text, continues: false };
    stream_file::events(&folder.join(path(name))).into_iter().map(line).collect()
}

/// The streams of the containers that run, or have run and may still have something to say.
fn streams(world: &World) -> BTreeMap<ContainerId, LogStreamName> {
    let containers = world.tasks.values().flat_map(|task| task.containers.iter().map(move |container| (task, container)));
    let begun = containers.filter(|(_, container)| container.last_status >= ContainerStatus::Running);
    let stream = begun.filter_map(|(task, container)| {
        let wanted = world.definition(&task.revision)?.container(&container.name)?;
        let stream = wanted.log_configuration.as_ref()?.stream(&task.id, container)?;
        Some((container.runtime_id.clone()?, stream))
    });
    stream.collect()
}

/// `<group>/<stream>.log`, where every `/` of the two is a folder. Parts that would lead out of the folder do not.
fn path(name: &LogStreamName) -> PathBuf {
    let parts = name.group.split('/').chain(name.stream.split('/')).filter(|part| !part.is_empty());
    let plain = |part: &str| -> String {
        let part: String = part.chars().take(LONGEST_PART).map(|c| if c.is_control() || c == '\\' { '_' } else { c }).collect();
        if part.chars().all(|c| c == '.') { part.replace('.', "_") } else { part }
    };
    let mut path: PathBuf = parts.map(plain).collect();
    path.as_mut_os_string().push(".log");
    path
}

/// Characters of a folder's or a file's name; file systems take 255 bytes.
const LONGEST_PART: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_file_in_the_folder_of_its_group() {
        for (group, stream, expected) in [
            ("/ecs/users", "ecs/web/t1", "ecs/users/ecs/web/t1.log"),
            ("users", "c1", "users/c1.log"),
            ("/a/../../b", "../x/t1", "a/__/__/b/__/x/t1.log"),
            ("a\\b", "./p", "a_b/_/p.log"),
            ("//", "t1", "t1.log"),
        ] {
            let name = LogStreamName { group: group.into(), stream: stream.into() };
            assert_eq!(path(&name), Path::new(expected));
        }
        let long = LogStreamName { group: "g".repeat(512), stream: "t1".into() };
        assert_eq!(path(&long), Path::new(&"g".repeat(60)).join("t1.log"));
    }
}
