//! `ps`: services and tasks.

use std::time::Duration;

use model::ClusterName;
use serde::Serialize;
use tokio::time::{Instant, interval};
use wire::local::{ClusterView, ScheduledTaskView, ServiceView, TaskView, View};

use super::look;
use crate::args::Ps;
use crate::cluster;
use crate::end::Outcome;
use crate::follow::Watcher;
use crate::interrupt::Interrupts;
use crate::listing::tasks;
use crate::print::Printer;
use crate::print::live::Block;
use crate::settings::Settings;

/// `--output json`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing<'a> {
    cluster_name: &'a str,
    services: &'a [ServiceView],
    tasks: Vec<&'a TaskView>,
    scheduled_tasks: &'a [ScheduledTaskView],
}

/// Lists them, with `--watch` after every change.
pub(crate) async fn run(args: &Ps, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    if args.watch {
        return watch(args, settings.json, Watcher::new(client), &name, printer).await;
    }
    if settings.json {
        return Ok(printer.json(&listing(cluster, args.all))?);
    }
    let text = text(&view, cluster, args.all, printer);
    Ok(printer.raw(text.as_bytes())?)
}

async fn watch(args: &Ps, json: bool, mut watcher: Watcher, name: &ClusterName, printer: &mut Printer) -> Outcome {
    let mut interrupts = Interrupts::new()?;
    let mut block = Block::default();
    let mut before = String::new();
    let mut seen: Option<(View, Instant)> = None;
    // Ages grow without any change; only a terminal wants to see them do so.
    let mut tick = interval(Duration::from_secs(1));
    let lively = !json && printer.data_columns().is_some();
    let mut next = Box::pin(watcher.next());
    loop {
        let view = tokio::select! {
            view = &mut next => {
                drop(next);
                next = Box::pin(watcher.next());
                seen.insert((view?, Instant::now())).0.clone()
            }
            _ = tick.tick(), if lively && seen.is_some() => match &seen {
                Some((view, at)) => View { now: view.now + at.elapsed().as_secs_f64(), ..view.clone() },
                None => continue,
            },
            () = interrupts.next() => return Ok(()),
        };
        let Some(cluster) = cluster::find(&view, name) else {
            return Ok(printer.talk(&format!("the cluster `{name}` is gone"))?);
        };
        if json {
            printer.json_line(&listing(cluster, args.all))?;
            continue;
        }
        let text = text(&view, cluster, args.all, printer);
        if text == before {
            continue;
        }
        if let Some(mut live) = printer.live_data() {
            live.draw(&mut block, &text.lines().map(str::to_owned).collect::<Vec<String>>())?;
        } else {
            printer.data(&text)?;
        }
        before = text;
    }
}

fn listing(cluster: &ClusterView, all: bool) -> Listing<'_> {
    let tasks = cluster.tasks.iter().filter(|task| all || task.last_status != "STOPPED").collect();
    Listing { cluster_name: &cluster.cluster_name, services: &cluster.services, tasks, scheduled_tasks: &cluster.scheduled_tasks }
}

fn text(view: &View, cluster: &ClusterView, all: bool, printer: &Printer) -> String {
    let (palette, columns) = (printer.data_palette(), printer.data_columns());
    let mut text = tasks::services(cluster).render(palette, columns);
    text.push('\n');
    text.push_str(&tasks::tasks(cluster, view.now).render(palette, columns));
    let scheduled = tasks::scheduled(cluster, view.now);
    if !scheduled.is_empty() {
        text.push('\n');
        text.push_str(&scheduled.render(palette, columns));
    }
    if view.speed > 1 {
        text.push_str(&format!("\ntime runs {}x (`ecslocal up --speed 1x` brings it back)\n", view.speed));
    }
    let stopped = tasks::stopped(cluster, view.now);
    if all && !stopped.is_empty() {
        text.push('\n');
        text.push_str(&stopped.render(palette, columns));
    }
    text
}
