//! `down`: remove everything that `up` made, and nothing else.

use std::pin::pin;
use std::time::Duration;

use model::ClusterName;
use tokio::time::{Instant, sleep, sleep_until};
use wire::local::{ClusterView, DownReply, Failure, ShutdownReply, View, path};

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

/// Between two looks at an `up` that is still under way.
const LOOK: Duration = Duration::from_millis(200);

/// Takes the cluster down, and the daemon with it when it holds no other. As JSON the name of the cluster that was taken down follows;
/// null where there was none.
pub(crate) async fn run(args: &Down, settings: Settings, printer: &mut Printer) -> Outcome {
    let launcher = Launcher::new(&settings)?;
    let client = match launcher.find().await? {
        Some(client) => Some(client),
        // Containers may run without their daemon: only a daemon can take them away.
        None if launcher.has_state() => Some(launcher.find_or_spawn().await?),
        None => None,
    };
    let mut interrupts = Interrupts::new()?;
    let mut taken_down = None;
    if let Some(client) = client {
        let deadline = Instant::now() + Duration::from_secs(args.timeout);
        let work = Work { client, launcher: &launcher, settings: &settings, deadline, repositories: args.repositories };
        taken_down = tokio::select! {
            taken = work.take_what_is_meant(printer) => taken?,
            () = interrupts.next() => return Err(Failure::input("no longer waiting; the daemon goes on taking the cluster down").into()),
        };
    } else {
        printer.talk("no daemon is running and there is no state: nothing to remove")?;
    }
    if settings.json {
        printer.json(&serde_json::json!({"takenDown": taken_down}))?;
    }
    Ok(())
}

/// What a `down` works with.
struct Work<'a> {
    client: Client,
    launcher: &'a Launcher,
    settings: &'a Settings,
    deadline: Instant,
    /// Repositories go with their images.
    repositories: bool,
}

impl Work<'_> {
    /// Takes down the cluster that is meant, again if an `up` that was under way makes it once more, and says which.
    async fn take_what_is_meant(&self, printer: &mut Printer) -> Outcome<Option<ClusterName>> {
        let mut taken: Option<ClusterName> = None;
        loop {
            let Some(view) = self.with_a_cluster(printer).await? else {
                if taken.is_none() {
                    printer.talk("the daemon holds no cluster: nothing to remove")?;
                }
                return Ok(taken);
            };
            let name = match &taken {
                Some(name) => name.clone(),
                None => cluster::choose(self.settings, &view, printer)?,
            };
            if cluster::find(&view, &name).is_none() {
                printer.talk(&match taken {
                    Some(_) => "the daemon stays: it holds other clusters".to_owned(),
                    None => format!("there is no cluster `{name}`: nothing to remove"),
                })?;
                return Ok(taken);
            }
            take_down(self.client, &name, (self.deadline, self.repositories), printer).await?;
            taken = Some(name);
        }
    }

    /// What the daemon holds; `None` when that is nothing, and the daemon has ended. An `up` that still builds holds nothing yet and
    /// will: it is waited for.
    async fn with_a_cluster(&self, printer: &mut Printer) -> Outcome<Option<View>> {
        let mut said = false;
        loop {
            let process = self.launcher.process();
            match self.client.get::<View>(path::VIEW).await {
                Ok(view) if !view.clusters.is_empty() => return Ok(Some(view)),
                Ok(_) => {}
                // An `up` in the foreground ends its daemon itself when its cluster is gone.
                Err(_) if self.launcher.process().is_none() && self.launcher.gone(process).await => return Ok(None),
                Err(failure) => return Err(failure.into()),
            }
            if end_daemon(&self.client, self.launcher).await? {
                return Ok(None);
            }
            if Instant::now() >= self.deadline {
                return Err(Failure::input("an `up` is still under way, and what it makes is not removed")
                    .hint("`ecslocal down` again after it")
                    .into());
            }
            if !said {
                printer.talk("an `up` is still under way: what it makes is removed after it")?;
                said = true;
            }
            sleep(LOOK).await;
        }
    }
}

/// Takes a cluster down in order, its repositories with their images too where that is asked, and shows how far it is. A cluster that is
/// not there is down.
pub(super) async fn take_down(client: Client, name: &ClusterName, (deadline, repositories): (Instant, bool), printer: &mut Printer) -> Outcome {
    let view: View = client.get(path::VIEW).await?;
    if cluster::find(&view, name).is_none() {
        return Ok(());
    }
    let started = Instant::now();
    let repositories = if repositories { "true" } else { "" };
    let down = with_query(path::DOWN, &[("cluster", name.as_str()), ("repositories", repositories)]);
    let reply: DownReply = client.post(&down, &serde_json::json!({})).await?;
    if let Some(notice) = reply.notice {
        printer.notice(&notice)?;
    }
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
    lines.extend(progress::problems(view));
    lines
}

/// Ends the daemon if it holds no cluster, and waits until it is gone.
pub(super) async fn shut_down(client: &Client, launcher: &Launcher, printer: &mut Printer) -> Outcome {
    if !end_daemon(client, launcher).await? {
        printer.talk("the daemon stays: it holds other clusters, or another `up` is under way")?;
    }
    Ok(())
}

/// The same, silently; false where the daemon stays.
async fn end_daemon(client: &Client, launcher: &Launcher) -> Outcome<bool> {
    let process = launcher.process();
    let stopping = match client.post::<ShutdownReply>(path::SHUTDOWN, &serde_json::json!({})).await {
        Ok(reply) => reply.stopping,
        // An `up` in the foreground ends its daemon itself when its cluster is gone.
        Err(_) if launcher.process().is_none() => true,
        Err(failure) => return Err(failure.into()),
    };
    if stopping && !launcher.gone(process).await {
        return Err(Failure::environment("the daemon was asked to end and is still there").hint("see `daemon.log` in the state folder").into());
    }
    Ok(stopping)
}

#[cfg(test)]
mod tests;
