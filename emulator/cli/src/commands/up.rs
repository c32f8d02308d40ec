//! `up`: bring the cluster to what the manifest says.

mod bring;
mod foreground;
mod watching;

use std::time::Duration;

use model::Desired;
use wire::local::{Failure, View};

use crate::args::Up;
use crate::cluster;
use crate::end::{End, INPUT, Outcome};
use crate::interrupt::Interrupts;
use crate::launch::Launcher;
use crate::listing;
use crate::print::Printer;
use crate::progress::{is_leaving, leaving};
use crate::report;
use crate::settings::Settings;

use bring::{Brought, Wanted, bring_up};

/// Reads the manifest before anything is started; then in the background, or in the foreground.
pub(crate) async fn run(args: &Up, settings: Settings, printer: &mut Printer) -> Outcome {
    let manifest = settings.require_manifest(printer)?;
    for note in &manifest.notes {
        printer.notice(&note.to_string())?;
    }
    let desired = Desired { speed: args.speed, ..manifest.desired };
    let wanted = Wanted { desired, timeout: Duration::from_secs(args.timeout) };
    if settings.json && !args.detach {
        return Err(Failure::input("`up` in the foreground has no JSON to give")
            .hint("`ecslocal up -d --output json` ends with the cluster as JSON")
            .into());
    }
    let launcher = Launcher::new(&settings)?;
    let mut interrupts = Interrupts::new()?;
    if !args.detach {
        let watched = args.watch.then_some(&settings);
        return foreground::run(&wanted, watched, &launcher, (printer, &mut interrupts)).await;
    }
    let client = launcher.find_or_spawn().await?;
    match bring_up(client, &wanted, printer, &mut interrupts).await {
        Ok(Brought::Steady(view, seconds)) => {
            let summed_up = summary(&view, &wanted, seconds, settings.json, printer);
            if settings.json {
                printer.json(cluster::require(&view, &wanted.desired.cluster)?)?;
            }
            summed_up
        }
        Ok(Brought::Interrupted) => {
            printer.talk("no longer waiting; the daemon goes on")?;
            printer.hint("`ecslocal up -d` waits again, `ecslocal down` removes all")?;
            Err(End::Said(INPUT))
        }
        Ok(Brought::Failed(end)) => Err(end),
        Err(end) => {
            // Nothing was changed: a daemon that holds nothing is of no use. What matters is the failure above, not this.
            super::down::shut_down(&client, &launcher, &mut Printer::silent()).await.ok();
            Err(end)
        }
    }
}

/// Where the listeners are, and each service with its tasks.
/// As JSON the listeners are in what follows.
fn summary(view: &View, wanted: &Wanted, seconds: f64, json: bool, printer: &mut Printer) -> Outcome {
    let Some(cluster) = cluster::find(view, &wanted.desired.cluster) else {
        return Ok(());
    };
    for service in &cluster.services {
        if is_leaving(service) {
            printer.talk(&format!("  {}  {}", service.service_name, leaving(cluster, service)))?;
            continue;
        }
        let tasks = if service.running_count == 1 { "1 task".to_owned() } else { format!("{} tasks", service.running_count) };
        let how = report::paused(service).filter(|_| !service.steady).unwrap_or_else(|| "steady".to_owned());
        printer.talk(&format!("  {}  {tasks} of {}, {how}", service.service_name, service.task_definition))?;
    }
    printer.talk(&format!("cluster {} is up after {seconds:.1} s", cluster.cluster_name))?;
    for balancer in &cluster.load_balancers {
        for listener in balancer.listeners.iter().filter(|_| !json) {
            printer.data(listing::routes::heading(balancer, listener, printer.data_palette()).trim_end())?;
        }
    }
    let deaf = cluster.load_balancers.iter().flat_map(|balancer| &balancer.listeners).any(|listener| listener.bound_port.is_none());
    if deaf { Err(End::Said(crate::end::ENVIRONMENT)) } else { Ok(()) }
}
