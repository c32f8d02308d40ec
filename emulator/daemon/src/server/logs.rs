//! The logs of a cluster's containers, all at once or of one service or task, and of those that start while they are followed.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::{LogOptions, LogStream};
use futures_util::{StreamExt as _, stream};
use hyper::Response;
use model::{ClusterName, ContainerId, ContainerStatus, ServiceName, World};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::local::{Failure, LogRecord};

use super::Context;
use super::answer::{self, Body};
use super::router::Query;
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
    let tasks = context.tasks.clone();
    tasks.spawn(async move {
        // Ends with the reader: every task below is owned by this one.
        tokio::select! {
            () = sender.closed() => {}
            () = collect(&context, &asked, &sender) => {}
        }
    });
    Ok(answer::lines(stream::unfold(receiver, |mut receiver: mpsc::Receiver<LogRecord>| async move { Some((receiver.recv().await?, receiver)) })))
}

async fn collect(context: &Context, asked: &Asked, sender: &mpsc::Sender<LogRecord>) {
    let mut snapshots = context.keeper.follow();
    let mut readers = JoinSet::new();
    let mut known = BTreeSet::new();
    if !asked.follow {
        past(context, asked, sender).await;
        return;
    }
    let mut tail = asked.tail;
    loop {
        let found = sources(&snapshots.borrow_and_update().world, asked);
        for source in found.into_iter().filter(|source| known.insert(source.id.clone())) {
            let options = LogOptions { follow: true, tail, since: None };
            let (engine, sender) = (context.engine.clone(), sender.clone());
            readers.spawn(async move { read(engine.as_ref(), &source, options, &sender).await });
        }
        // Those that start from now on are read from their first line.
        tail = None;
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            Some(_) = readers.join_next() => {}
        }
    }
}

/// What was written until now, of all containers in the order of time.
async fn past(context: &Context, asked: &Asked, sender: &mpsc::Sender<LogRecord>) {
    let (lines, mut all) = mpsc::channel(LINES);
    let reading = async {
        for source in sources(&context.keeper.snapshot().world, asked) {
            let options = LogOptions { follow: false, tail: asked.tail, since: None };
            read(context.engine.as_ref(), &source, options, &lines).await;
        }
        drop(lines);
    };
    let taking = async {
        let mut records = Vec::new();
        while let Some(record) = all.recv().await {
            records.push(record);
        }
        records
    };
    let ((), mut records) = tokio::join!(reading, taking);
    records.sort_by(|a, b| a.at.total_cmp(&b.at));
    for record in records {
        if sender.send(record).await.is_err() {
            return;
        }
    }
}

async fn read(engine: &dyn engine::Engine, source: &Source, options: LogOptions, sender: &mpsc::Sender<LogRecord>) {
    let Ok(mut lines) = engine.logs(&source.id, options).await else { return };
    while let Some(Ok(line)) = lines.next().await {
        let record = LogRecord {
            at: view::seconds(line.at),
            service: source.service.clone(),
            task: source.task.clone(),
            container: source.container.clone(),
            stream: match line.stream {
                LogStream::Stdout => "stdout".into(),
                LogStream::Stderr => "stderr".into(),
            },
            text: line.text,
        };
        if sender.send(record).await.is_err() {
            return;
        }
    }
}

fn sources(world: &World, asked: &Asked) -> Vec<Source> {
    let tasks = world.tasks.values().filter(|task| task.cluster == asked.cluster);
    let tasks = tasks.filter(|task| asked.service.is_none() || task.service == asked.service);
    let tasks = tasks.filter(|task| asked.task.as_ref().is_none_or(|prefix| task.id.as_str().starts_with(prefix.as_str())));
    tasks
        .flat_map(|task| task.containers.iter().map(move |container| (task, container)))
        .filter(|(_, container)| container.last_status >= ContainerStatus::Running)
        .filter_map(|(task, container)| {
            Some(Source {
                id: container.runtime_id.clone()?,
                service: task.service.as_ref().map(ToString::to_string).unwrap_or_default(),
                task: task.id.to_string(),
                container: container.name.to_string(),
            })
        })
        .collect()
}
