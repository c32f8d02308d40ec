//! `down`: remove everything that `up` made, and nothing else.

use std::pin::pin;
use std::time::Duration;

use model::ClusterName;
use tokio::time::{Instant, sleep_until};
use wire::local::{ClusterView, Failure, ShutdownReply, View, path};

use crate::args::Down;
use crate::client::{Client, with_query};
use crate::cluster;
use crate::end::{End, INPUT, Outcome};
use crate::follow::Watcher;
use crate::interrupt::Interrupts;
use crate::launch::Launcher;
use crate::print::Printer;
use crate::progress::{self, Line, Progress};
use crate::settings::Settings;

/// Takes the cluster down, and the daemon with it when it holds no other.
pub(crate) async fn run(args: &Down, settings: Settings, printer: &mut Printer) -> Outcome {
    let launcher = Launcher::new(&settings)?;
    let client = match launcher.find().await? {
        Some(client) => client,
        // Containers may run without their daemon: only a daemon can take them away.
        None if launcher.has_state() => launcher.find_or_spawn().await?,
        None => return Ok(printer.talk("no daemon is running and there is no state: nothing to remove")?),
    };
    let view: View = client.get(path::VIEW).await?;
    if view.clusters.is_empty() {
        printer.talk("the daemon holds no cluster: nothing to remove")?;
        return shut_down(&client, &launcher, printer).await;
    }
    let name = cluster::choose(&settings, &view, printer)?;
    if cluster::find(&view, &name).is_none() {
        return Ok(printer.talk(&format!("there is no cluster `{name}`: nothing to remove"))?);
    }
    let mut interrupts = Interrupts::new()?;
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    tokio::select! {
        taken = take_down(client, &name, deadline, printer) => taken?,
        () = interrupts.next() => return Err(Failure::input("no longer waiting; the daemon goes on taking the cluster down").into()),
    }
    shut_down(&client, &launcher, printer).await
}

/// Takes a cluster down in order and shows how far it is. A cluster that is not there is down.
pub(super) async fn take_down(client: Client, name: &ClusterName, deadline: Instant, printer: &mut Printer) -> Outcome {
    let view: View = client.get(path::VIEW).await?;
    if cluster::find(&view, name).is_none() {
        return Ok(());
    }
    let started = Instant::now();
    let _: serde_json::Value = client.post(&with_query(path::DOWN, &[("cluster", name.as_str())]), &serde_json::json!({})).await?;
    let mut watcher = Watcher::new(client);
    let mut progress = Progress::default();
    loop {
        let mut next = pin!(watcher.next());
        let view = tokio::select! {
            view = &mut next => view?,
            () = sleep_until(deadline) => {
                progress.end(printer)?;
                printer.failure(&Failure::input(format!("the cluster `{name}` is not down yet")).hint("the daemon goes on; `ecslocal ps --watch` shows how far it is"))?;
                return Err(End::Said(INPUT));
            }
        };
        let Some(cluster) = cluster::find(&view, name) else {
            progress.end(printer)?;
            return Ok(printer.talk(&format!("cluster {name} is down after {:.1} s", started.elapsed().as_secs_f64()))?);
        };
        let lines = lines(&view, cluster, printer);
        progress.show(printer, &format!("taking down {name}, {} s", started.elapsed().as_secs()), &lines)?;
    }
}

fn lines(view: &View, cluster: &ClusterView, printer: &Printer) -> Vec<Line> {
    let names: Vec<String> = cluster.services.iter().map(|service| service.service_name.clone()).collect();
    let mut lines = progress::services(Some(cluster), &names, printer.talk_palette());
    let left = cluster.tasks.iter().filter(|task| task.last_status != "STOPPED").count();
    lines.push(Line { key: "left".into(), text: format!("  tasks left: {left}"), piped: true });
    if let Some(problem) = &view.engine.problem {
        let text = format!("  {} cannot be reached just now: {}", view.engine.name, crate::print::sanitize::visible(problem));
        lines.push(Line { key: "engine".into(), text, piped: true });
    }
    lines
}

/// Ends the daemon if it holds no cluster, and waits until it is gone.
pub(super) async fn shut_down(client: &Client, launcher: &Launcher, printer: &mut Printer) -> Outcome {
    let process = launcher.process();
    let stopping = match client.post::<ShutdownReply>(path::SHUTDOWN, &serde_json::json!({})).await {
        Ok(reply) => reply.stopping,
        // An `up` in the foreground ends its daemon itself when its cluster is gone.
        Err(_) if launcher.process().is_none() => true,
        Err(failure) => return Err(failure.into()),
    };
    if !stopping {
        return Ok(printer.talk("the daemon stays: it holds other clusters")?);
    }
    if launcher.gone(process).await {
        Ok(())
    } else {
        Err(Failure::environment("the daemon was asked to end and is still there").hint("see `daemon.log` in the state folder").into())
    }
}
