//! The logs of a cluster's containers, all at once or of one service or task, and of those that start while they are followed.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::{Clock, EngineErrorKind, LogLine, LogOptions, LogStream};
use futures_util::{StreamExt as _, stream};
use hyper::Response;
use model::{ClusterName, ContainerId, ContainerName, ContainerStatus, ContainerType, ServiceName, Task, TaskStatus, World};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::local::{Failure, LogRecord};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;
use crate::log_reader::LogReader;
use crate::view;

/// Lines that wait for a slow reader; then the containers' streams wait too.
const LINES: usize = 1024;

struct Asked {
    cluster: ClusterName,
    service: Option<ServiceName>,
    task: Option<String>,
    tail: Option<u32>,
    follow: bool,
}

/// Whose lines these are.
#[derive(Clone)]
struct Source {
    id: ContainerId,
    service: String,
    task: String,
    container: String,
    /// The name of its log driver, where its definition says one.
    driver: Option<&'static str>,
}

pub(super) fn logs(context: Arc<Context>, query: &Query) -> Result<Response<Body>, Failure> {
    let asked = Asked {
        cluster: query.required("cluster")?,
        service: query.parsed("service")?,
        task: query.parsed("task")?,
        tail: query.parsed("tail")?,
        follow: query.get("follow") == Some("true"),
    };
    let (sender, receiver) = mpsc::channel(LINES);
    let followers = context.followers.clone();
    followers.spawn(async move {
        // Ends with the reader or the daemon: every task below is owned by this one.
        tokio::select! {
            () = sender.closed() => {}
            () = context.ending.cancelled() => {}
            () = async { if asked.follow { follow(&context, &asked, &sender).await } else { past(&context, &asked, &sender).await } } => {}
        }
    });
    Ok(answer::lines(stream::unfold(receiver, |mut receiver: mpsc::Receiver<LogRecord>| async move { Some((receiver.recv().await?, receiver)) })))
}

/// What was written until now and what comes, of each container as it comes.
async fn follow(context: &Context, asked: &Asked, sender: &mpsc::Sender<LogRecord>) {
    let mut snapshots = context.keeper.follow();
    let mut readers = JoinSet::new();
    let mut known = BTreeSet::new();
    let mut tail = asked.tail;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let found = sources(&snapshot.world, asked);
        known.retain(|id| found.iter().any(|source| source.id == *id));
        for source in found {
            if known.insert(source.id.clone()) {
                let options = LogOptions { follow: true, tail, since: None };
                let reader = LogReader { engines: context.engines.clone(), clock: context.clock.clone(), keeper: context.keeper.clone() };
                readers.spawn(read_on(reader, source, options, sender.clone()));
            }
        }
        // Those that start from now on are read from their first line.
        tail = None;
        // What is followed of one task ends with it.
        if readers.is_empty() && asked.task.is_some() && tasks(&snapshot.world, asked).all(|task| task.last_status == TaskStatus::Stopped) {
            return;
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            Some(_) = readers.join_next() => {}
        }
    }
}

/// Reads a container's lines to its end, and says it when there are none to be had.
async fn read_on(reader: LogReader, source: Source, options: LogOptions, sender: mpsc::Sender<LogRecord>) {
    let line = |line| Some(source.record(line));
    if reader.follow(&source.id, options, line, &sender).await.is_err() {
        sender.send(source.unreadable(&*reader.clock)).await.ok();
    }
}

/// What was written until now, of all containers in the order of time: their streams, each in order by itself, are merged as they come.
async fn past(context: &Context, asked: &Asked, sender: &mpsc::Sender<LogRecord>) {
    let mut heads = Vec::new();
    let world = &context.keeper.snapshot().world;
    for source in sources(world, asked) {
        let options = LogOptions { follow: false, tail: asked.tail, since: None };
        let lines = match context.engines.of(world, &source.id) {
            Ok(engine) => engine.logs(&source.id, options).await,
            Err(error) => Err(error),
        };
        let first = match lines {
            Ok(mut lines) => lines.next().await.map(|line| line.map(|line| (line, lines))),
            Err(error) => Some(Err(error)),
        };
        match first {
            Some(Ok((line, lines))) => heads.push((line, source, lines)),
            Some(Err(error)) if error.kind == EngineErrorKind::Unsupported => {
                if sender.send(source.unreadable(&*context.clock)).await.is_err() {
                    return;
                }
            }
            // It wrote nothing, or is gone, or the engine is away: there is nothing to read.
            Some(Err(_)) | None => {}
        }
    }
    while let Some(at) = (0..heads.len()).min_by_key(|at| heads[*at].0.at) {
        let (line, source, lines) = &mut heads[at];
        let record = match lines.next().await {
            Some(Ok(next)) => source.record(std::mem::replace(line, next)),
            _ => {
                let (line, source, _) = heads.remove(at);
                source.record(line)
            }
        };
        if sender.send(record).await.is_err() {
            return;
        }
    }
}

impl Source {
    fn record(&self, line: LogLine) -> LogRecord {
        LogRecord {
            at: view::seconds(line.at),
            service: self.service.clone(),
            task: self.task.clone(),
            container: self.container.clone(),
            stream: match line.stream {
                LogStream::Stdout => "stdout".into(),
                LogStream::Stderr => "stderr".into(),
            },
            text: line.text,
            problem: None,
        }
    }

    /// That its log driver keeps nothing that can be read back, by name.
    fn unreadable(&self, clock: &dyn Clock) -> LogRecord {
        let driver = self.driver.map_or_else(|| "the engine's log driver".to_owned(), |name| format!("the log driver `{name}`"));
        LogRecord {
            at: view::seconds(clock.now()),
            service: self.service.clone(),
            task: self.task.clone(),
            container: self.container.clone(),
            stream: String::new(),
            text: String::new(),
            problem: Some(format!("{driver} keeps no lines that can be read back; look where it sends them")),
        }
    }
}

fn driver(world: &World, task: &Task, container: &ContainerName) -> Option<&'static str> {
    let wanted = world.definition(&task.revision)?.container(container)?;
    wanted.log_configuration.as_ref().map(|configuration| configuration.driver.as_str())
}

fn tasks<'w>(world: &'w World, asked: &Asked) -> impl Iterator<Item = &'w Task> {
    let tasks = world.tasks.values().filter(|task| task.cluster == asked.cluster);
    let tasks = tasks.filter(|task| asked.service.is_none() || task.service == asked.service);
    tasks.filter(|task| asked.task.as_ref().is_none_or(|prefix| task.id.as_str().starts_with(prefix.as_str())))
}

fn sources(world: &World, asked: &Asked) -> Vec<Source> {
    tasks(world, asked)
        .flat_map(|task| task.containers.iter().map(move |container| (task, container)))
        // A pause says nothing.
        .filter(|(_, container)| container.kind() == ContainerType::Normal && container.last_status >= ContainerStatus::Running)
        .filter_map(|(task, container)| {
            Some(Source {
                id: container.runtime_id.clone()?,
                service: task.service.as_ref().map(ToString::to_string).unwrap_or_default(),
                task: task.id.to_string(),
                container: container.name.to_string(),
                driver: driver(world, task, &container.name),
            })
        })
        .collect()
}
