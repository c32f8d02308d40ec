//! The requests that went through the load balancers, and what is counted of them (alb.md 8).

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream;
use hyper::Response;
use model::ClusterName;
use routing::record::AccessRecord;
use tokio::sync::broadcast::{self, error::RecvError};
use wire::local::{Failure, RequestEvent, RequestRecord};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;

struct Follow {
    ready: std::vec::IntoIter<Arc<AccessRecord>>,
    news: Option<broadcast::Receiver<Arc<AccessRecord>>>,
    cluster: ClusterName,
    context: Arc<Context>,
}

pub(super) async fn requests(context: Arc<Context>, query: &Query) -> Result<Response<Body>, Failure> {
    let cluster: ClusterName = query.required("cluster")?;
    let tail: usize = query.parsed("tail")?.unwrap_or(usize::MAX);
    let follows = query.get("follow") == Some("true");
    // From here on nothing stays with the workers, so that none is missing between what was and what comes.
    let held = context.records.as_ref().filter(|_| follows).map(|records| records.follow());
    if let Some(listeners) = &context.listeners {
        // A person who has just made a request wants to see it.
        listeners.flush().await;
    }
    let (mut newest, news) = context.records.as_ref().map_or_else(
        || (Vec::new(), None),
        |records| {
            let (newest, news) = records.follow();
            (newest, Some(news))
        },
    );
    drop(held);
    let news = news.filter(|_| follows);
    let mine = of_cluster(&context, &cluster);
    newest.retain(|record| mine.contains(record.balancer.name().as_str()));
    // Each worker hands over its own batches.
    newest.sort_by_key(|record| record.responded);
    newest.drain(..newest.len().saturating_sub(tail));
    let follow = Follow { ready: newest.into_iter(), news, cluster, context };
    Ok(answer::lines(stream::unfold(follow, |mut follow| async move {
        let event = follow.next().await?;
        Some((event, follow))
    })))
}

impl Follow {
    async fn next(&mut self) -> Option<RequestEvent> {
        if let Some(record) = self.ready.next() {
            return Some(RequestEvent::Request(Box::new(view(&record))));
        }
        let news = self.news.as_mut()?;
        loop {
            let received = self.context.ending.run_until_cancelled(news.recv()).await?;
            match received {
                Ok(record) if of_cluster(&self.context, &self.cluster).contains(record.balancer.name().as_str()) => {
                    return Some(RequestEvent::Request(Box::new(view(&record))));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => return Some(RequestEvent::Missed { missed }),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// The load balancers of a cluster, by name.
fn of_cluster(context: &Context, cluster: &ClusterName) -> BTreeSet<String> {
    let snapshot = context.keeper.snapshot();
    snapshot.world.load_balancers.values().filter(|balancer| balancer.owner == *cluster).map(|balancer| balancer.name.to_string()).collect()
}

fn view(record: &AccessRecord) -> RequestRecord {
    let (method, url) = record.request.as_ref().map_or_else(Default::default, |line| (line.method.to_string(), line.url.to_string()));
    RequestRecord {
        at: record.responded.as_secs_f64(),
        load_balancer: record.balancer.name().to_string(),
        client: record.client.to_string(),
        method,
        url,
        status: record.elb_status,
        target_status: record.target_status,
        rule: record.rule.map(|rule| rule.to_string()),
        actions: record.actions.to_owned(),
        target_group: record.group.as_ref().map(|group| group.name().to_string()),
        target: record.target.as_ref().map(|target| target.key.to_string()),
        target_seconds: record.times.target.map(|time| time.as_secs_f64()),
        seconds: record.responded.saturating_sub(record.created).as_secs_f64(),
        received_bytes: record.received,
        sent_bytes: record.sent,
        failure: record.failure.map(|failure| failure.description().to_owned()),
        trace_id: record.trace_id.as_deref().map(str::to_owned),
        line: record.to_string(),
    }
}
