//! `scale`: change how many tasks services have.

use std::collections::BTreeMap;
use std::time::Duration;

use model::ServiceName;
use wire::local::{ClusterView, Failure, ScaleRequest, View, path};

use super::look;
use crate::args::Scale;
use crate::client::Client;
use crate::cluster;
use crate::end::{End, INPUT, Outcome};
use crate::follow::{Goal, Reached, until_steady};
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::report::{self, Trouble};
use crate::settings::Settings;

/// Changes the counts, all or none, and waits until those services are steady.
pub(crate) async fn run(args: &Scale, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    let desired_counts = counts(&args.counts, cluster)?;
    let _: serde_json::Value = client.post(path::SCALE, &ScaleRequest { cluster: name.clone(), desired_counts: desired_counts.clone() }).await?;
    for service in &cluster.services {
        if let Some(count) = desired_counts.get(service.service_name.as_str()) {
            printer.talk(&match (service.desired_count, *count) {
                (before, now) if before == now => format!("{}: {now} as before", service.service_name),
                (before, now) => format!("{}: {before} -> {now}", service.service_name),
            })?;
        }
    }
    // The reply came after the change was published: the view of now has it.
    let now: View = client.get(path::VIEW).await?;
    if args.no_wait {
        return if settings.json { Ok(printer.json(cluster::require(&now, &name)?)?) } else { Ok(()) };
    }
    let services = desired_counts.keys().map(ToString::to_string).collect();
    let goal = Goal { cluster: name, services, version: now.version, rolled_back: None, or_paused: true, timeout: Duration::from_secs(args.timeout) };
    settle(client, &goal, settings.json, printer).await
}

/// Waits for the goal; a failure is reported, Ctrl-C ends the waiting only. As JSON the cluster as it then is follows.
pub(super) async fn settle(client: Client, goal: &Goal, json: bool, printer: &mut Printer) -> Outcome {
    let mut interrupts = Interrupts::new()?;
    let (view, failed, message) = match until_steady(client, goal, printer, &mut interrupts).await? {
        Reached::Steady(view) => {
            let cluster = cluster::require(&view, &goal.cluster)?;
            let paused = cluster.services.iter().filter(|service| goal.services.contains(&service.service_name) && !service.steady);
            let (names, lines): (Vec<_>, Vec<_>) = paused.filter_map(|service| Some((&service.service_name, report::paused(service)?))).unzip();
            names.iter().zip(&lines).try_for_each(|(name, how)| printer.talk(&format!("{name} is {how}")))?;
            let steady: Vec<_> = goal.services.iter().filter(|name| !names.contains(name)).map(String::as_str).collect();
            if !steady.is_empty() {
                printer.talk(&format!("steady: {}", steady.join(", ")))?;
            }
            return if json { Ok(printer.json(cluster)?) } else { Ok(()) };
        }
        Reached::Interrupted => {
            printer.talk("no longer waiting; the daemon goes on")?;
            return Err(End::Said(INPUT));
        }
        Reached::Failed(view, services) => {
            let message = cluster::find(&view, &goal.cluster).map(|cluster| report::summary(cluster, &services)).unwrap_or_default();
            (view, services, message)
        }
        Reached::TimedOut(view) => (view, goal.services.clone(), format!("not steady after {} s", goal.timeout.as_secs())),
    };
    let cluster = cluster::require(&view, &goal.cluster)?;
    if json {
        printer.json(cluster)?;
    }
    Err(report::not_steady(&Trouble { client, cluster, services: &failed, message: &message }, printer).await?)
}

fn counts(typed: &[(String, u32)], cluster: &ClusterView) -> Result<BTreeMap<ServiceName, u32>, Failure> {
    let mut counts = BTreeMap::new();
    for (name, count) in typed {
        let Some(service) = cluster.services.iter().find(|service| service.service_name == *name) else {
            return Err(cluster::unknown_service(name, cluster));
        };
        let service = ServiceName::new(&service.service_name).map_err(|error| Failure::environment(error.to_string()))?;
        if counts.insert(service, *count).is_some() {
            return Err(Failure::input(format!("`{name}` is given twice")));
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn counts_name_services_that_are_there_once() {
        let view = sample::view();
        let read =
            |pairs: &[(&str, u32)]| counts(&pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>(), &view.clusters[0]);
        assert_eq!(read(&[("posts", 3), ("users", 0)]).unwrap().len(), 2);
        assert_eq!(read(&[("posts", 3), ("posts", 2)]).unwrap_err().message, "`posts` is given twice");
        assert_eq!(read(&[("user", 3)]).unwrap_err().hint.as_deref(), Some("did you mean `users`?"));
    }
}
