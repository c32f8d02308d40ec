//! Watching a cluster until its services are steady, or will not become so.

use std::pin::pin;
use std::time::Duration;

use model::ClusterName;
use tokio::time::{Instant, interval};
use wire::local::{ServiceView, View, path};

use crate::client::{Client, with_query};
use crate::cluster;
use crate::end::Outcome;
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::progress::{self, Progress};
use crate::report;

/// One view after the other, each as soon as something has changed.
pub(crate) struct Watcher {
    client: Client,
    after: Option<u64>,
}

impl Watcher {
    /// Begins with what there is now.
    pub(crate) const fn new(client: Client) -> Self {
        Self { client, after: None }
    }

    /// Begins with the view of that version.
    pub(crate) const fn from_version(client: Client, version: u64) -> Self {
        Self { client, after: version.checked_sub(1) }
    }

    /// The next view; the same again when nothing changes for 20 s.
    pub(crate) async fn next(&mut self) -> Outcome<View> {
        let after = self.after.map(|version| version.to_string()).unwrap_or_default();
        let view: View = self.client.get(&with_query(path::VIEW, &[("after", &after)])).await?;
        self.after = Some(view.version);
        Ok(view)
    }
}

/// What is waited for.
pub(crate) struct Goal {
    /// The cluster.
    pub(crate) cluster: ClusterName,
    /// Those of its services that are to be steady.
    pub(crate) services: Vec<String>,
    /// The version of the view that has the changes; 0 for any.
    pub(crate) version: u64,
    /// Deployments that were rolled back before, see [`report::rolled_back`]: any other one is a failure. `None` where an earlier revision
    /// is as good.
    pub(crate) rolled_back: Option<Vec<String>>,
    /// Whether a deployment that is paused, until a user says how it goes on, is as far as it gets.
    pub(crate) or_paused: bool,
    /// How long.
    pub(crate) timeout: Duration,
}

/// How it ended.
pub(crate) enum Reached {
    /// All are steady, or paused where that is enough.
    Steady(View),
    /// These services will not become steady by waiting.
    Failed(View, Vec<String>),
    /// Too late.
    TimedOut(View),
    /// Ctrl-C.
    Interrupted,
}

/// Waits for the goal and shows how far it is.
pub(crate) async fn until_steady(client: Client, goal: &Goal, printer: &mut Printer, interrupts: &mut Interrupts) -> Outcome<Reached> {
    let started = Instant::now();
    let deadline = started + goal.timeout;
    let mut watcher = Watcher::from_version(client, goal.version);
    let mut progress = Progress::default();
    let mut tick = interval(Duration::from_secs(1));
    let mut first: Option<View> = None;
    let mut last: Option<View> = None;
    loop {
        let mut next = pin!(watcher.next());
        let view = loop {
            tokio::select! {
                view = &mut next => break view?,
                () = interrupts.next() => {
                    progress.end(printer)?;
                    return Ok(Reached::Interrupted);
                }
                () = tokio::time::sleep_until(deadline), if last.is_some() => {
                    let Some(view) = last else { continue };
                    progress.end(printer)?;
                    return Ok(Reached::TimedOut(view));
                }
                _ = tick.tick() => if let Some(view) = &last {
                    show(&mut progress, printer, goal, view, started)?;
                },
            }
        };
        show(&mut progress, printer, goal, &view, started)?;
        let rolled_back = rolled_back(&view, goal);
        if !rolled_back.is_empty() {
            progress.end(printer)?;
            return Ok(Reached::Failed(view, rolled_back));
        }
        if is_steady(&view, goal) {
            progress.end(printer)?;
            return Ok(Reached::Steady(view));
        }
        let hopeless = hopeless(first.as_ref().unwrap_or(&view), &view, goal);
        if !hopeless.is_empty() {
            progress.end(printer)?;
            return Ok(Reached::Failed(view, hopeless));
        }
        first.get_or_insert_with(|| view.clone());
        last = Some(view);
    }
}

fn show(progress: &mut Progress, printer: &mut Printer, goal: &Goal, view: &View, started: Instant) -> Outcome {
    let mut lines = progress::services(cluster::find(view, &goal.cluster), &goal.services, printer.talk_palette());
    lines.extend(progress::problems(view));
    progress.show(printer, &format!("cluster {}, {} s", goal.cluster, started.elapsed().as_secs()), &lines)?;
    Ok(())
}

fn is_steady(view: &View, goal: &Goal) -> bool {
    let Some(cluster) = cluster::find(view, &goal.cluster) else {
        return false;
    };
    let there = |service: &ServiceView| service.steady || (goal.or_paused && report::paused(service).is_some());
    let steady = |name: &String| cluster.services.iter().any(|service| service.service_name == *name && there(service));
    view.version >= goal.version && goal.services.iter().all(steady)
}

/// Services that went back to an earlier deployment since the goal was set: they may be steady, but not what was asked for.
fn rolled_back(view: &View, goal: &Goal) -> Vec<String> {
    let Some(known) = &goal.rolled_back else { return Vec::new() };
    let services = cluster::find(view, &goal.cluster).map(|cluster| &cluster.services[..]).unwrap_or_default();
    let news = |service: &&ServiceView| report::rolled_back(service).is_some_and(|failed| !known.contains(failed));
    let found = services.iter().filter(|service| goal.services.contains(&service.service_name)).filter(news);
    found.map(|service| service.service_name.clone()).collect()
}

/// The deployments of a cluster that were rolled back up to now.
pub(crate) fn known_rollbacks(view: &View, cluster: &ClusterName) -> Vec<String> {
    let services = cluster::find(view, cluster).map(|cluster| &cluster.services[..]).unwrap_or_default();
    services.iter().filter_map(report::rolled_back).cloned().collect()
}

fn hopeless(first: &View, view: &View, goal: &Goal) -> Vec<String> {
    let (Some(first), Some(cluster)) = (cluster::find(first, &goal.cluster), cluster::find(view, &goal.cluster)) else {
        return Vec::new();
    };
    let services = cluster.services.iter().filter(|service| goal.services.contains(&service.service_name));
    // Of a view from before the changes nothing follows.
    let in_vain = |service: &ServiceView| view.version >= goal.version && service.hopeless.is_some();
    services.filter(|service| in_vain(service) || report::hopeless(first, cluster, service)).map(|service| service.service_name.clone()).collect()
}
