//! The logs of a cluster's containers, all at once or of one service or task, and of those that start while they are followed.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, EngineError, EngineErrorKind, LogLine, LogOptions, LogStream};
use futures_util::{StreamExt as _, stream};
use hyper::Response;
use model::{
    ClusterName, ContainerId, ContainerName, ContainerStatus, ContainerType, LogConfiguration, LogStreamName, ServiceName, Task, TaskStatus,
    Timestamp, World,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vault::Mask;
use wire::local::{Failure, LogRecord};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;
use crate::kept_logs::{KEPT_LOGS, KeptLogs, Whose};
use crate::log_groups;
use crate::log_mask::{self, masked};
use crate::log_reader::LogReader;
use crate::serve::LOG_GROUPS;
use crate::view;

/// Lines that wait for a slow reader; then the containers' streams wait too.
const LINES: usize = 1024;

struct Asked {
    cluster: ClusterName,
    service: Option<ServiceName>,
    task: Option<String>,
    container: Option<ContainerName>,
    tail: Option<u32>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    follow: bool,
}

/// Whose lines these are.
#[derive(Clone)]
struct Source {
    /// The engine's; `None` for one that the World has forgotten.
    id: Option<ContainerId>,
    /// Whose log is kept when the engine has it no more.
    whose: Whose,
    service: String,
    task: String,
    container: String,
    /// The name of its log driver, where its definition says one.
    driver: Option<&'static str>,
    /// Where CloudWatch Logs would have its lines.
    stream: Option<LogStreamName>,
}

pub(super) fn logs(context: Arc<Context>, query: &Query) -> Result<Response<Body>, Failure> {
    let asked = Asked {
        cluster: query.required("cluster")?,
        service: query.parsed("service")?,
        task: query.parsed("task")?,
        container: query.parsed("container")?,
        tail: query.parsed("tail")?,
        since: moment(query, "since")?,
        until: moment(query, "until")?,
        follow: query.get("follow") == Some("true"),
    };
    if asked.follow && asked.until.is_some() {
        return Err(Failure::input("what is followed has no end: `until` goes without `follow`"));
    }
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

/// Seconds since the Unix epoch, with a fraction.
fn moment(query: &Query, name: &'static str) -> Result<Option<Timestamp>, Failure> {
    let seconds: Option<f64> = query.parsed(name)?;
    seconds
        .map(|seconds| Duration::try_from_secs_f64(seconds).map(|since| Timestamp::default() + since))
        .transpose()
        .map_err(|error| Failure::input(format!("`{name}` is no time: {error}")))
}

/// What the lines do not show.
fn mask(context: &Context) -> Arc<Mask> {
    let snapshot = context.keeper.snapshot();
    Arc::new(context.vault.read(context.clock.now(), |vault| log_mask::of(&snapshot.world, vault)))
}

/// What was written until now and what comes, of each container as it comes.
async fn follow(context: &Context, asked: &Asked, sender: &mpsc::Sender<LogRecord>) {
    let mut snapshots = context.keeper.follow();
    let mut readers = JoinSet::new();
    let mut known = BTreeSet::new();
    let mut tail = asked.tail;
    let first = snapshots.borrow().clone();
    // The last lines of each are asked for to see what goes on: of what is gone there would be many.
    let kept = if tail.is_none() { of_kept(context, asked).await } else { BTreeSet::new() };
    let gone: Vec<Source> = all(&first.world, asked, &kept).into_iter().filter(|source| kept.contains(&source.whose)).collect();
    known.extend(gone.iter().filter_map(|source| source.id.clone()));
    let Some(()) = told(context, asked, gone, sender).await else { return };
    drop(first);
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let found = sources(&snapshot.world, asked);
        known.retain(|id| found.iter().any(|source| source.id.as_ref() == Some(id)));
        let new: Vec<Source> = found.into_iter().filter(|source| source.id.as_ref().is_some_and(|id| known.insert(id.clone()))).collect();
        // Those that start later have been given later values.
        let mask = if new.is_empty() { Arc::default() } else { mask(context) };
        for source in new {
            let options = LogOptions { follow: true, tail, since: asked.since };
            let (engines, clock, keeper) = (context.engines.clone(), context.clock.clone(), context.keeper.clone());
            let reader = LogReader { engines, clock, keeper, mask: mask.clone() };
            readers.spawn(read_on(reader, source, options, sender.clone()));
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
    let Some(id) = &source.id else { return };
    if reader.follow(id, options, line, &sender).await.is_err() {
        sender.send(source.unreadable(&*reader.clock)).await.ok();
    }
}

/// What was written until now, of all containers.
async fn past(context: &Context, asked: &Asked, sender: &mpsc::Sender<LogRecord>) {
    let kept = of_kept(context, asked).await;
    let sources = all(&context.keeper.snapshot().world, asked, &kept);
    told(context, asked, sources, sender).await;
}

/// What those have written, in the order of time: their streams, each in order by itself, are merged as they come. `None` when nobody listens any more.
async fn told(context: &Context, asked: &Asked, sources: Vec<Source>, sender: &mpsc::Sender<LogRecord>) -> Option<()> {
    let mut heads = Vec::new();
    let mask = mask(context);
    let world = &context.keeper.snapshot().world;
    for source in sources {
        let options = LogOptions { follow: false, tail: asked.tail.filter(|_| asked.until.is_none()), since: asked.since };
        let lines = match source.id.as_ref().map(|id| context.engines.of(world, id).map(|engine| (engine, id))) {
            Some(Ok((engine, id))) => engine.logs(id, options.clone()).await,
            Some(Err(error)) => Err(error),
            None => Err(EngineError::new(EngineErrorKind::NotFound, "its task is forgotten")),
        };
        let first = match lines {
            Ok(lines) => {
                let mut lines = last_until(masked(lines, mask.clone()), asked).await;
                lines.next().await.map(|line| line.map(|line| (line, lines)))
            }
            Err(error) if error.kind == EngineErrorKind::NotFound => {
                let mut lines = last_until(masked(kept(context, &source, &options).await, mask.clone()), asked).await;
                lines.next().await.map(|line| line.map(|line| (line, lines)))
            }
            Err(error) => Some(Err(error)),
        };
        match first {
            Some(Ok((line, lines))) => heads.push((line, source, lines)),
            Some(Err(error)) if error.kind == EngineErrorKind::Unsupported => sender.send(source.unreadable(&*context.clock)).await.ok()?,
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
        sender.send(record).await.ok()?;
    }
    Some(())
}

/// Whose logs are kept of those that are asked for.
async fn of_kept(context: &Context, asked: &Asked) -> BTreeSet<Whose> {
    let (logs, cluster) = (kept_logs(context), asked.cluster.clone());
    let mut kept = tokio::task::spawn_blocking(move || logs.of(&cluster)).await.unwrap_or_default();
    kept.retain(|whose| {
        let service = asked.service.is_none() || whose.service == asked.service;
        let task = asked.task.as_ref().is_none_or(|prefix| whose.task.as_str().starts_with(prefix.as_str()));
        service && task && asked.container.as_ref().is_none_or(|name| whose.container == *name)
    });
    kept
}

fn kept_logs(context: &Context) -> KeptLogs {
    KeptLogs::new(Path::new(&context.state_folder).join(KEPT_LOGS))
}

/// What its log group keeps of a container that the engine has no more, or what was copied before it went.
async fn kept(context: &Context, source: &Source, options: &LogOptions) -> engine::Stream<LogLine> {
    let (groups, logs) = (Path::new(&context.state_folder).join(LOG_GROUPS), kept_logs(context));
    let (stream, whose) = (source.stream.clone(), source.whose.clone());
    let read = move || stream.map_or_else(|| logs.read(&whose), |stream| log_groups::kept(&groups, &stream));
    let mut lines = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    lines.retain(|line| options.since.is_none_or(|since| line.at > since));
    let tail = options.tail.map_or(lines.len(), |tail| usize::try_from(tail).unwrap_or(usize::MAX).min(lines.len()));
    let last = lines.split_off(lines.len() - tail);
    stream::iter(last.into_iter().map(Ok)).boxed()
}

/// The lines until the moment that was asked for, the last of them where only these are. They are counted here: the engine counts from
/// its own end.
async fn last_until(lines: engine::Stream<LogLine>, asked: &Asked) -> engine::Stream<LogLine> {
    let Some(until) = asked.until else { return lines };
    let lines = lines.take_while(move |line| std::future::ready(line.as_ref().is_ok_and(|line| line.at <= until))).boxed();
    let Some(tail) = asked.tail.and_then(|tail| usize::try_from(tail).ok()) else { return lines };
    let keep = |mut kept: VecDeque<_>, line| {
        kept.push_back(line);
        if kept.len() > tail {
            kept.pop_front();
        }
        std::future::ready(kept)
    };
    stream::iter(lines.fold(VecDeque::new(), keep).await).boxed()
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
    configuration(world, task, container).map(|configuration| configuration.driver.as_str())
}

fn configuration<'w>(world: &'w World, task: &Task, container: &ContainerName) -> Option<&'w LogConfiguration> {
    world.definition(&task.revision)?.container(container)?.log_configuration.as_ref()
}

fn tasks<'w>(world: &'w World, asked: &Asked) -> impl Iterator<Item = &'w Task> {
    let tasks = world.tasks.values().filter(|task| task.cluster == asked.cluster);
    let tasks = tasks.filter(|task| asked.service.is_none() || task.service == asked.service);
    tasks.filter(|task| asked.task.as_ref().is_none_or(|prefix| task.id.as_str().starts_with(prefix.as_str())))
}

/// Those of the World, and those that it has forgotten, whose logs are kept.
fn all(world: &World, asked: &Asked, kept: &BTreeSet<Whose>) -> Vec<Source> {
    let mut found = sources(world, asked);
    let known: BTreeSet<Whose> = found.iter().map(|source| source.whose.clone()).collect();
    found.extend(kept.difference(&known).map(|whose| Source {
        id: None,
        service: whose.service.as_ref().map(ToString::to_string).unwrap_or_default(),
        task: whose.task.to_string(),
        container: whose.container.to_string(),
        driver: None,
        stream: None,
        whose: whose.clone(),
    }));
    found
}

fn sources(world: &World, asked: &Asked) -> Vec<Source> {
    tasks(world, asked)
        .flat_map(|task| task.containers.iter().map(move |container| (task, container)))
        // A pause says nothing.
        .filter(|(_, container)| container.kind() == ContainerType::Normal && container.last_status >= ContainerStatus::Running)
        .filter(|(_, container)| asked.container.as_ref().is_none_or(|name| container.name == *name))
        .filter_map(|(task, container)| {
            Some(Source {
                id: Some(container.runtime_id.clone()?),
                whose: Whose {
                    cluster: task.cluster.clone(),
                    service: task.service.clone(),
                    task: task.id.clone(),
                    container: container.name.clone(),
                },
                service: task.service.as_ref().map(ToString::to_string).unwrap_or_default(),
                task: task.id.to_string(),
                container: container.name.to_string(),
                driver: driver(world, task, &container.name),
                stream: configuration(world, task, &container.name).and_then(|configuration| configuration.stream(&task.id, container)),
            })
        })
        .collect()
}
