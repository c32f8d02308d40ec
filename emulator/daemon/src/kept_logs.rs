//! What containers wrote that the engine has no more: before a container is removed, the end of its log is copied into a file, as long as
//! its service is there. Files are whole or not there, so a daemon that dies on the way copies again.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use engine::{Engine, EngineErrorKind, LogLine, LogOptions, LogStream};
use futures_util::StreamExt as _;
use model::{ClusterName, ContainerId, ContainerName, ContainerType, LogDriver, ServiceName, ServiceStatus, Task, TaskId, Timestamp, World};

use crate::keeper::Handle;
use crate::store;

/// The folder in the state folder.
pub(crate) const KEPT_LOGS: &str = "logs";

/// So much of the end of a log is kept, in bytes.
const LONGEST: usize = 1 << 20;

/// So many lines of the end of a log are looked at.
const LINES: u32 = 20_000;

/// So many logs of one container's name are kept: as many tasks as are remembered of a service.
const KEPT: usize = 50;

/// So much is kept of all logs together, in bytes; the oldest go first.
const ALL: u64 = 64 << 20;

/// A removal waits so long for the copy at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Whose {
    pub(crate) cluster: ClusterName,
    /// `None` for a task that runs by itself.
    pub(crate) service: Option<ServiceName>,
    pub(crate) task: TaskId,
    pub(crate) container: ContainerName,
}

/// The folder of what is kept.
#[derive(Clone, Debug)]
pub(crate) struct KeptLogs {
    folder: PathBuf,
}

impl Whose {
    /// Whose log is to be kept when that container is removed. Nobody's, whose service or cluster is going; nor where a log group has it.
    pub(crate) fn of(world: &World, id: &ContainerId) -> Option<Self> {
        let mut all = world.tasks.values().flat_map(|task| task.containers.iter().map(move |container| (task, container)));
        let (task, container) = all.find(|(_, container)| container.runtime_id.as_ref() == Some(id))?;
        let kept = container.kind() == ContainerType::Normal && container.started_at.is_some() && stays(world, task);
        let driver = world.definition(&task.revision)?.container(&container.name)?.log_configuration.as_ref().map(|found| found.driver);
        // The engine says which of the others can be read.
        let own = driver != Some(LogDriver::Awslogs);
        (kept && own).then(|| Self {
            cluster: task.cluster.clone(),
            service: task.service.clone(),
            task: task.id.clone(),
            container: container.name.clone(),
        })
    }

    fn group(&self) -> String {
        self.service.as_ref().map_or_else(|| "tasks".to_owned(), |service| format!("service.{service}"))
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.cluster.as_str()).join(self.group()).join(self.container.as_str()).join(format!("{}.log", self.task))
    }
}

/// Whether anybody can still ask for the logs of a task.
fn stays(world: &World, task: &Task) -> bool {
    let cluster = world.clusters.get(&task.cluster).is_some_and(|cluster| !cluster.deleting);
    let service = task.service_key().is_none_or(|key| world.services.get(&key).is_some_and(|service| service.status == ServiceStatus::Active));
    cluster && service
}

impl KeptLogs {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Copies a log, if there is any to be had: that it could not be is no reason to keep the container.
    pub(crate) async fn keep(&self, engine: &dyn Engine, id: &ContainerId, whose: Whose) {
        match tokio::time::timeout(PATIENCE, end_of_log(engine, id)).await {
            Ok(Some(text)) if !text.is_empty() => {
                let (folder, task) = (self.folder.clone(), whose.task.clone());
                let written = tokio::task::spawn_blocking(move || write(&folder, &whose, &text)).await;
                if let Ok(Err(error)) = written {
                    tracing::warn!(%task, %error, "the log of a container that goes could not be kept");
                }
            }
            Ok(_) => {}
            Err(_) => tracing::warn!(task = %whose.task, "the log of a container that goes was not read in time"),
        }
    }

    /// What is kept of one container.
    pub(crate) fn read(&self, whose: &Whose) -> Vec<LogLine> {
        // A file that is not there has none.
        let text = fs::read(whose.path(&self.folder)).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter_map(parse).collect()
    }

    /// Whose logs are kept of a cluster.
    pub(crate) fn of(&self, cluster: &ClusterName) -> BTreeSet<Whose> {
        let root = self.folder.join(cluster.as_str());
        let mut found = BTreeSet::new();
        for (group, containers) in folders(&root) {
            let service = group.strip_prefix("service.").and_then(|name| ServiceName::new(name).ok());
            for (container, files) in folders(&containers) {
                let Ok(container) = ContainerName::new(&container) else { continue };
                let tasks = names(&files).into_iter().filter_map(|name| Some(TaskId::from_text(name.strip_suffix(".log")?)));
                found.extend(tasks.map(|task| Whose { cluster: cluster.clone(), service: service.clone(), task, container: container.clone() }));
            }
        }
        found
    }

    /// Removes what is kept of clusters and services that are gone, now and whenever some go, until the keeper ends.
    pub(crate) async fn clear(&self, keeper: &Handle) {
        let mut snapshots = keeper.follow();
        let mut known = None;
        loop {
            let world = snapshots.borrow_and_update().clone();
            let there: BTreeSet<PathBuf> = groups(&world.world).map(|(cluster, group)| self.folder.join(cluster).join(group)).collect();
            drop(world);
            if known.as_ref() != Some(&there) {
                let (folder, kept) = (self.folder.clone(), there.clone());
                let cleared = tokio::task::spawn_blocking(move || keep_alone(&folder, &kept)).await;
                if let Ok(Err(error)) = cleared {
                    tracing::warn!(%error, "logs of what is gone could not be removed");
                }
                known = Some(there);
            }
            if snapshots.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The folders of the services and clusters that there are.
fn groups(world: &World) -> impl Iterator<Item = (&str, String)> {
    let services = world.services.values().filter(|service| service.status == ServiceStatus::Active);
    let services = services.map(|service| (service.cluster.as_str(), format!("service.{}", service.spec.name)));
    let clusters = world.clusters.iter().filter(|(_, cluster)| !cluster.deleting);
    services.chain(clusters.map(|(name, _)| (name.as_str(), "tasks".to_owned())))
}

fn keep_alone(folder: &Path, kept: &BTreeSet<PathBuf>) -> io::Result<()> {
    for (_, cluster) in folders(folder) {
        for (_, group) in folders(&cluster) {
            if !kept.contains(&group) {
                fs::remove_dir_all(group)?;
            }
        }
        if names(&cluster).is_empty() {
            fs::remove_dir(cluster)?;
        }
    }
    Ok(())
}

/// The names in a folder; none where there is no such folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn folders(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    names(folder).into_iter().map(|name| (name.clone(), folder.join(name))).filter(|(_, path)| path.is_dir())
}

/// The end of a log as text; `None` where the engine has none.
async fn end_of_log(engine: &dyn Engine, id: &ContainerId) -> Option<String> {
    let mut lines = match engine.logs(id, LogOptions { follow: false, tail: Some(LINES), since: None }).await {
        Ok(lines) => lines,
        Err(error) => {
            if !matches!(error.kind, EngineErrorKind::NotFound | EngineErrorKind::Unsupported) {
                tracing::debug!(container = %id, %error, "the log of a container that goes cannot be read");
            }
            return None;
        }
    };
    let (mut kept, mut size) = (VecDeque::new(), 0);
    // What was read before a break is better than nothing.
    while let Some(Ok(line)) = lines.next().await {
        let line = format(&line);
        size += line.len();
        kept.push_back(line);
        while size > LONGEST
            && let Some(first) = kept.pop_front()
        {
            size -= first.len();
        }
    }
    Some(kept.into_iter().collect())
}

/// `1767323045004 stderr text`: milliseconds since the Unix epoch, the stream, and a `+` there where the line goes on in the next one.
fn format(line: &LogLine) -> String {
    let stream = match line.stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    let more = if line.continues { "+" } else { "" };
    format!("{} {stream}{more} {}\n", line.at.as_millis(), line.text.replace('\n', " "))
}

fn parse(line: &str) -> Option<LogLine> {
    let (at, rest) = line.split_once(' ')?;
    let (stream, text) = rest.split_once(' ')?;
    let stream = (stream.trim_end_matches('+'), stream.ends_with('+'));
    let which = match stream.0 {
        "stdout" => LogStream::Stdout,
        "stderr" => LogStream::Stderr,
        _ => return None,
    };
    Some(LogLine { at: Timestamp::from_millis(at.parse().ok()?), stream: which, text: text.to_owned(), continues: stream.1 })
}

fn write(folder: &Path, whose: &Whose, text: &str) -> io::Result<()> {
    let path = whose.path(folder);
    let own = path.parent().unwrap_or(folder);
    fs::create_dir_all(own)?;
    store::replace(&path, text.as_bytes(), false)?;
    let mut logs = Vec::new();
    collect(own, &mut logs)?;
    forget(&mut logs, |count, _| count > KEPT)?;
    let mut all = Vec::new();
    collect(folder, &mut all)?;
    forget(&mut all, |_, size| size > ALL)
}

/// Files below a folder with their ages and sizes.
fn collect(folder: &Path, found: &mut Vec<(SystemTime, PathBuf, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(about) if about.is_dir() => collect(&entry.path(), found)?,
            Ok(about) => found.push((about.modified()?, entry.path(), about.len())),
            // Somebody else has removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes the oldest while there are too many, by number and bytes.
fn forget(files: &mut [(SystemTime, PathBuf, u64)], too_many: impl Fn(usize, u64) -> bool) -> io::Result<()> {
    files.sort();
    let (mut count, mut size) = (files.len(), files.iter().map(|(_, _, size)| size).sum::<u64>());
    for (_, path, bytes) in files.iter() {
        if !too_many(count, size) {
            break;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (count, size) = (count - 1, size - bytes),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
