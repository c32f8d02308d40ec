//! `attach` and `detach`: a process on this machine in place of a service's tasks.

use std::pin::pin;
use std::time::Duration;

use model::{ClusterName, ServiceName};
use tokio::time::Instant;
use wire::local::{AttachRequest, ClusterView, DetachRequest, Failure, ServiceView, View, path};

use super::look;
use crate::args::{Attach, Detach, Waiting};
use crate::client::Client;
use crate::cluster;
use crate::end::{End, INPUT, Outcome};
use crate::follow::Watcher;
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::print::sanitize::visible;
use crate::progress::{self, Progress};
use crate::settings::Settings;

/// What is waited for.
struct Goal<'a> {
    cluster: &'a ClusterName,
    service: &'a ServiceName,
    /// The process to be attached; `None` for none.
    address: Option<String>,
}

/// Attaches, and waits until the process serves and the tasks are at rest.
pub(crate) async fn attach(args: &Attach, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let service = find(&args.service, cluster::require(&view, &name)?)?;
    let request = AttachRequest { cluster: name.clone(), service: service.clone(), port: args.port };
    let _: serde_json::Value = client.post(path::ATTACH, &request).await?;
    let goal = Goal { cluster: &name, service: &service, address: Some(format!("127.0.0.1:{}", args.port)) };
    wait(client, &goal, (&args.waiting, settings.json), printer).await
}

/// Detaches, and waits until the tasks serve again.
pub(crate) async fn detach(args: &Detach, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let service = find(&args.service, cluster::require(&view, &name)?)?;
    let request = DetachRequest { cluster: name.clone(), service: service.clone() };
    let _: serde_json::Value = client.post(path::DETACH, &request).await?;
    wait(client, &Goal { cluster: &name, service: &service, address: None }, (&args.waiting, settings.json), printer).await
}

fn find(name: &str, cluster: &ClusterView) -> Result<ServiceName, Failure> {
    let found = cluster.services.iter().find(|service| service.service_name == name).ok_or_else(|| cluster::unknown_service(name, cluster))?;
    ServiceName::new(&found.service_name).map_err(|error| Failure::environment(error.to_string()))
}

async fn wait(client: Client, goal: &Goal<'_>, (waiting, json): (&Waiting, bool), printer: &mut Printer) -> Outcome {
    let view = if waiting.no_wait { client.get(path::VIEW).await? } else { until_done(client, goal, waiting, printer).await? };
    let cluster = cluster::require(&view, goal.cluster)?;
    if json {
        return Ok(printer.json(cluster)?);
    }
    let (service, count) = (goal.service, service_of(cluster, goal)?.desired_count);
    match &goal.address {
        Some(address) if waiting.no_wait => printer.talk(&format!("{service}: {address} takes over once it is healthy"))?,
        Some(address) => printer.talk(&format!("{service}: {address} serves, its tasks are at rest"))?,
        None if waiting.no_wait => printer.talk(&format!("{service}: its tasks take over once they are healthy"))?,
        None => printer.talk(&format!("{service}: its tasks serve ({count})"))?,
    }
    if goal.address.is_some() {
        printer.hint(&format!("`ecslocal detach {service}` brings its tasks back"))?;
    }
    Ok(())
}

async fn until_done(client: Client, goal: &Goal<'_>, waiting: &Waiting, printer: &mut Printer) -> Outcome<View> {
    let mut interrupts = Interrupts::new()?;
    let now: View = client.get(path::VIEW).await?;
    let mut watcher = Watcher::from_version(client, now.version);
    let (started, names) = (Instant::now(), [goal.service.to_string()]);
    let mut progress = Progress::default();
    let mut last = now;
    loop {
        let cluster = cluster::require(&last, goal.cluster)?;
        let lines = progress::services(Some(cluster), &names, printer.talk_palette());
        progress.show(printer, &format!("service {}, {} s", goal.service, started.elapsed().as_secs()), &lines)?;
        if is_done(service_of(cluster, goal)?, goal) {
            progress.end(printer)?;
            return Ok(last);
        }
        let mut next = pin!(watcher.next());
        tokio::select! {
            view = &mut next => last = view?,
            () = interrupts.next() => {
                progress.end(printer)?;
                printer.talk("no longer waiting; the daemon goes on")?;
                return Err(End::Said(INPUT));
            }
            () = tokio::time::sleep_until(started + Duration::from_secs(waiting.timeout)) => {
                progress.end(printer)?;
                return Err(too_late(cluster, goal, waiting.timeout).into());
            }
        }
    }
}

fn service_of<'a>(cluster: &'a ClusterView, goal: &Goal<'_>) -> Result<&'a ServiceView, Failure> {
    let found = cluster.services.iter().find(|service| service.service_name == goal.service.as_str());
    found.ok_or_else(|| Failure::input(format!("the service `{}` was removed meanwhile", goal.service)))
}

fn is_done(service: &ServiceView, goal: &Goal<'_>) -> bool {
    match (&goal.address, &service.attachment) {
        (Some(address), Some(attachment)) => attachment.address == *address && attachment.state == "ATTACHED" && service.steady,
        (None, None) => service.steady,
        _ => false,
    }
}

/// What keeps the exchange from being over.
fn too_late(cluster: &ClusterView, goal: &Goal<'_>, seconds: u64) -> Failure {
    let service = goal.service;
    let Some(address) = &goal.address else {
        return Failure::input(format!("the tasks of {service} do not all serve after {seconds} s (`--timeout`): the process serves meanwhile"))
            .hint(format!("`ecslocal events {service}` tells what happens to its tasks"));
    };
    let targets = cluster.target_groups.iter().flat_map(|group| &group.targets);
    let bad = targets.filter(|target| target.attached_service.as_deref() == Some(service.as_str())).find(|target| target.state != "healthy");
    let why = bad.map(|target| {
        let parts = [&target.reason, &target.description].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ");
        format!(": it is {}: {}", target.state, visible(&parts))
    });
    Failure::input(format!("the process at {address} does not serve after {seconds} s (`--timeout`){}", why.unwrap_or_default()))
        .hint(format!("its tasks go on until it is healthy; `ecslocal detach {service}` gives it up"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn an_exchange_is_over_when_who_comes_serves_and_who_goes_is_gone() {
        let (cluster, service) = (ClusterName::new("tutorial").unwrap(), ServiceName::new("users").unwrap());
        let attach = Goal { cluster: &cluster, service: &service, address: Some("127.0.0.1:3000".into()) };
        let detach = Goal { cluster: &cluster, service: &service, address: None };
        let mut users = sample::view().clusters[0].services[1].clone();
        for (attachment, steady, attached, detached) in [
            (None, true, false, true),
            (None, false, false, false),
            (Some(("127.0.0.1:3000", "ATTACHING")), true, false, false),
            (Some(("127.0.0.1:3000", "ATTACHED")), false, false, false),
            (Some(("127.0.0.1:3000", "ATTACHED")), true, true, false),
            (Some(("127.0.0.1:4000", "ATTACHED")), true, false, false),
            (Some(("127.0.0.1:3000", "DETACHING")), true, false, false),
        ] {
            let view = |(address, state): (&str, &str)| serde_json::json!({ "address": address, "state": state, "desiredCount": 2 });
            users.attachment = attachment.map(|parts| serde_json::from_value(view(parts)).unwrap());
            users.steady = steady;
            assert_eq!((is_done(&users, &attach), is_done(&users, &detach)), (attached, detached), "{attachment:?} {steady}");
        }
    }

    #[test]
    fn what_keeps_a_process_from_serving_is_said() {
        let mut view = sample::view();
        let (cluster, service) = (ClusterName::new("tutorial").unwrap(), ServiceName::new("users").unwrap());
        let goal = Goal { cluster: &cluster, service: &service, address: Some("127.0.0.1:3000".into()) };
        let target = &mut view.clusters[0].target_groups[1].targets[1];
        (target.task_id, target.attached_service, target.state) = (None, Some("users".into()), "unhealthy".into());
        (target.reason, target.description) = (Some("Target.FailedHealthChecks".into()), Some("Health checks failed".into()));
        let failure = too_late(&view.clusters[0], &goal, 5);
        let expected =
            "the process at 127.0.0.1:3000 does not serve after 5 s (`--timeout`): it is unhealthy: Target.FailedHealthChecks: Health checks failed";
        assert_eq!(failure.message, expected);
    }
}
