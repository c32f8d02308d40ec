//! Operations that change nothing.

use std::time::Duration;

use futures_util::stream;
use hyper::Response;
use model::{ClusterName, ServiceName};
use tokio::sync::watch;
use wire::local::{API_VERSION, EventRecord, Failure, Hello};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;
use crate::keeper::Snapshot;
use crate::view;

/// How long a view is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

pub(super) fn hello(context: &Context) -> Response<Body> {
    answer::json(&Hello {
        product: "ecslocal".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        api: API_VERSION,
        pid: std::process::id(),
        started_at: view::seconds(context.started_at),
        state_folder: context.state_folder.clone(),
        engine: context.engine_view.clone(),
    })
}

pub(super) async fn view(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    if let Some(after) = query.parsed::<u64>("after")? {
        let mut snapshots = context.keeper.follow();
        // Another one, not a higher one: a client may have its number from the daemon before this one.
        let newer = snapshots.wait_for(|snapshot| snapshot.sequence != after);
        // Nothing new in time, or the daemon ends: the newest view is the answer all the same.
        tokio::time::timeout(LONGEST_WAIT, context.ending.run_until_cancelled(newer)).await.ok();
    }
    let bound = context.listeners.as_ref().map(|listeners| listeners.bound()).unwrap_or_default();
    let agent_problem = context.doors.as_ref().and_then(|doors| doors.problem());
    let seen = (context.engine_view.clone(), agent_problem);
    let mut view = view::view(&context.keeper.snapshot(), &bound, seen, context.clock.now());
    for (key, count) in context.overlays.counts().await {
        let cluster = view.clusters.iter_mut().find(|cluster| cluster.cluster_name == key.service.cluster.as_str());
        let services = cluster.into_iter().flat_map(|cluster| &mut cluster.services);
        services.filter(|service| service.service_name == key.service.name.as_str()).for_each(|service| service.synced_files += count);
    }
    Ok(answer::json(&view))
}

/// Events, oldest first, and on as they come.
struct Follow {
    snapshots: watch::Receiver<std::sync::Arc<Snapshot>>,
    cluster: ClusterName,
    service: Option<ServiceName>,
    after: u64,
    follow: bool,
    ready: std::vec::IntoIter<EventRecord>,
}

pub(super) fn events(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let follow = Follow {
        snapshots: context.keeper.follow(),
        cluster: query.required("cluster")?,
        service: query.parsed("service")?,
        after: query.parsed("after")?.unwrap_or(0),
        follow: query.get("follow") == Some("true"),
        ready: Vec::new().into_iter(),
    };
    Ok(answer::lines(stream::unfold((follow, true), |(mut follow, first)| async move {
        let mut first = first;
        loop {
            if let Some(event) = follow.ready.next() {
                return Some((event, (follow, false)));
            }
            if !first && (!follow.follow || follow.snapshots.changed().await.is_err()) {
                return None;
            }
            first = false;
            follow.collect();
        }
    })))
}

impl Follow {
    fn collect(&mut self) {
        let snapshot = self.snapshots.borrow_and_update().clone();
        let services = snapshot.world.services.iter().filter(|(key, _)| key.cluster == self.cluster);
        let services = services.filter(|(key, _)| self.service.as_ref().is_none_or(|name| key.name == *name));
        let mut new: Vec<EventRecord> = services
            .flat_map(|(key, service)| service.events.iter().map(move |event| (key, event)))
            .filter(|(_, event)| event.sequence > self.after)
            .map(|(key, event)| EventRecord {
                sequence: event.sequence,
                created_at: view::seconds(event.at),
                service: key.name.to_string(),
                message: event.message.clone(),
            })
            .collect();
        new.sort_by_key(|event| event.sequence);
        self.after = new.last().map_or(self.after, |event| event.sequence);
        self.ready = new.into_iter();
    }
}
