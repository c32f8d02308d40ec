//! `drain` and `activate`: UpdateContainerInstancesState. `deregister`: DeregisterContainerInstance.

use std::time::Duration;

use model::{ClusterName, InstanceName};
use wire::local::{ClusterView, DeregisterInstanceRequest, Failure, InstanceStatusRequest, View, path};

use super::look;
use super::scale::settle;
use crate::args::{Activate, Deregister, Drain};
use crate::client::Client;
use crate::cluster;
use crate::end::Outcome;
use crate::follow::Goal;
use crate::print::Printer;
use crate::settings::Settings;

/// Drains an instance, and waits until the services with tasks on it are steady without them.
pub(crate) async fn drain(args: &Drain, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    change(client, &name, cluster, &args.instance, true).await?;
    let services = services_on(cluster, &args.instance);
    let now: View = client.get(path::VIEW).await?;
    if let Some(alone) = alone_on(cluster, &args.instance) {
        printer.talk(&format!("{alone} of no service stay to their end; `ecslocal stop TASK` stops one"))?;
    }
    if args.no_wait || services.is_empty() {
        printer.talk(&format!("{} is DRAINING", args.instance))?;
        return if settings.json { Ok(printer.json(&cluster::require(&now, &name)?.container_instances)?) } else { Ok(()) };
    }
    let goal = Goal { cluster: name, services, version: now.version, rolled_back: None, or_paused: true, timeout: Duration::from_secs(args.timeout) };
    settle(client, &goal, settings.json, printer).await
}

/// Places tasks on an instance again.
pub(crate) async fn activate(args: &Activate, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    change(client, &name, cluster::require(&view, &name)?, &args.instance, false).await?;
    printer.talk(&format!("{} is ACTIVE", args.instance))?;
    if !settings.json {
        return Ok(());
    }
    let now: View = client.get(path::VIEW).await?;
    Ok(printer.json(&cluster::require(&now, &name)?.container_instances)?)
}

/// Lets go of an instance.
pub(crate) async fn deregister(args: &Deregister, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let instance = known(&name, cluster::require(&view, &name)?, &args.instance)?;
    let request = DeregisterInstanceRequest { cluster: name.clone(), instance, force: args.force };
    let _: serde_json::Value = client.post(path::DEREGISTER_INSTANCE, &request).await?;
    printer.talk(&format!("{} is no instance of {name} any more", args.instance))?;
    if !settings.json {
        return Ok(());
    }
    let now: View = client.get(path::VIEW).await?;
    Ok(printer.json(&cluster::require(&now, &name)?.container_instances)?)
}

async fn change(client: Client, name: &ClusterName, cluster: &ClusterView, typed: &str, drain: bool) -> Outcome {
    let instance = known(name, cluster, typed)?;
    let _: serde_json::Value = client.post(path::INSTANCE_STATUS, &InstanceStatusRequest { cluster: name.clone(), instance, drain }).await?;
    Ok(())
}

/// The instance of that name, which the cluster must have.
fn known(name: &ClusterName, cluster: &ClusterView, typed: &str) -> Result<InstanceName, Failure> {
    if !cluster.container_instances.iter().any(|instance| instance.name == typed) {
        let known: Vec<&str> = cluster.container_instances.iter().map(|instance| instance.name.as_str()).collect();
        let failure = Failure::input(format!("the cluster `{name}` has no container instance `{typed}`"));
        return Err(failure.hint(format!("it has {}", known.join(", "))));
    }
    InstanceName::new(typed).map_err(|error| Failure::input(error.to_string()))
}

/// The services with tasks there that are not over.
fn services_on(cluster: &ClusterView, instance: &str) -> Vec<String> {
    let there = cluster.tasks.iter().filter(|task| task.container_instance == instance && task.last_status != "STOPPED");
    let mut services: Vec<String> = there.filter_map(|task| task.service_name.clone()).collect();
    services.sort();
    services.dedup();
    services
}

/// How many tasks there run by themselves, in words; `None` for none.
fn alone_on(cluster: &ClusterView, instance: &str) -> Option<String> {
    let there = cluster.tasks.iter().filter(|task| task.container_instance == instance && task.last_status != "STOPPED");
    match there.filter(|task| task.service_name.is_none()).count() {
        0 => None,
        1 => Some("1 task".to_owned()),
        several => Some(format!("{several} tasks")),
    }
}
