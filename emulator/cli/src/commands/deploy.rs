//! `deploy`, `rollback` and `continue`: deployments of one service.

use std::time::Duration;

use model::{ClusterName, ServiceName, TaskDefinitionName};
use wire::local::{ClusterView, DeployRequest, Failure, ServiceView, View, Wanted, path};

use super::look;
use super::scale::settle;
use crate::args::{Continue, Deploy, Rollback};
use crate::client::{Client, with_query};
use crate::cluster;
use crate::end::{End, INPUT, Outcome};
use crate::follow::{Goal, known_rollbacks};
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::settings::Settings;
use crate::steps::{self, Applied};

/// Begins a deployment and waits until the service is steady.
pub(crate) async fn deploy(args: &Deploy, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let service = find(&args.service, cluster::require(&view, &name)?)?;
    let what = match &args.task_definition {
        Some(text) => Wanted::Registered(task_definition(text, service)?),
        None => of_manifest(service, &name, &settings, printer)?,
    };
    let request = DeployRequest { cluster: name.clone(), service: service_name(service)?, what, unless_current: false, attended: false };
    let mut interrupts = Interrupts::new()?;
    let Some(Applied { version, .. }) = steps::follow(client, (path::DEPLOY, &request), printer, &mut interrupts).await? else {
        printer.talk("no longer waiting; the daemon goes on")?;
        return Err(End::Said(INPUT));
    };
    drop(interrupts);
    let goal = Goal {
        rolled_back: Some(known_rollbacks(&view, &name)),
        services: vec![service.service_name.clone()],
        cluster: name,
        version,
        or_paused: true,
        timeout: Duration::from_secs(args.timeout),
    };
    tell_and_wait(client, &goal, (args.no_wait, settings.json), printer).await
}

/// Goes back to what the service ran before, and waits until it is steady.
pub(crate) async fn rollback(args: &Rollback, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let service = find(&args.service, cluster::require(&view, &name)?)?;
    let query = with_query(path::ROLLBACK, &[("cluster", name.as_str()), ("service", &service.service_name)]);
    let _: serde_json::Value = client.post(&query, &serde_json::json!({})).await?;
    let now: View = client.get(path::VIEW).await?;
    let services = vec![service.service_name.clone()];
    let goal = Goal { cluster: name, services, version: now.version, rolled_back: None, or_paused: true, timeout: Duration::from_secs(args.timeout) };
    tell_and_wait(client, &goal, (args.no_wait, settings.json), printer).await
}

/// Says how a paused deployment goes on, and waits until the service is steady or paused again.
pub(crate) async fn continue_deployment(args: &Continue, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let service = find(&args.service, cluster::require(&view, &name)?)?;
    let action = if args.rollback { "ROLLBACK" } else { "CONTINUE" };
    let query = with_query(path::CONTINUE, &[("cluster", name.as_str()), ("service", &service.service_name), ("action", action)]);
    let _: serde_json::Value = client.post(&query, &serde_json::json!({})).await?;
    let now: View = client.get(path::VIEW).await?;
    let rolled_back = (!args.rollback).then(|| known_rollbacks(&view, &name));
    let services = vec![service.service_name.clone()];
    let goal = Goal { cluster: name, services, version: now.version, rolled_back, or_paused: true, timeout: Duration::from_secs(args.timeout) };
    tell_and_wait(client, &goal, (args.no_wait, settings.json), printer).await
}

async fn tell_and_wait(client: Client, goal: &Goal, (no_wait, json): (bool, bool), printer: &mut Printer) -> Outcome {
    let view: View = client.get(path::VIEW).await?;
    let cluster = cluster::require(&view, &goal.cluster)?;
    for service in cluster.services.iter().filter(|service| goal.services.contains(&service.service_name)) {
        if let Some(begun) = service.service_deployments.first() {
            let before = begun.source.as_ref().filter(|source| **source != begun.target).map(|source| format!("{source} -> ")).unwrap_or_default();
            printer.talk(&format!("{}: {before}{}, deployment {}", service.service_name, begun.target, begun.id))?;
        }
    }
    match (no_wait, json) {
        (true, true) => Ok(printer.json(cluster)?),
        (true, false) => Ok(()),
        (false, json) => settle(client, goal, json, printer).await,
    }
}

fn find<'a>(name: &str, cluster: &'a ClusterView) -> Result<&'a ServiceView, Failure> {
    cluster.services.iter().find(|service| service.service_name == name).ok_or_else(|| cluster::unknown_service(name, cluster))
}

fn service_name(service: &ServiceView) -> Result<ServiceName, Failure> {
    ServiceName::new(&service.service_name).map_err(|error| Failure::environment(error.to_string()))
}

/// `family:3`, `family`, or a revision alone, of the family that the service runs.
fn task_definition(text: &str, service: &ServiceView) -> Result<TaskDefinitionName, Failure> {
    let (family, _) = TaskDefinitionName::split(&service.task_definition);
    let own = text.strip_prefix(':').unwrap_or(text);
    let full = if own.bytes().all(|byte| byte.is_ascii_digit()) { format!("{family}:{own}") } else { text.to_owned() };
    full.parse().map_err(Failure::input)
}

/// What the manifest has for the service now; what it runs, where there is no manifest or it says nothing of it.
fn of_manifest(service: &ServiceView, cluster: &ClusterName, settings: &Settings, printer: &mut Printer) -> Outcome<Wanted> {
    if settings.manifest_files().is_none() {
        return Ok(Wanted::Current);
    }
    let mut desired = settings.require_manifest(printer)?.desired;
    let Some(wanted) = desired.services.get(&service_name(service)?).filter(|_| desired.cluster == *cluster) else {
        return Ok(Wanted::Current);
    };
    let (family, revision) = (wanted.task_definition.clone(), wanted.revision);
    Ok(match desired.task_definitions.remove(&family).filter(|_| revision.is_none()) {
        Some(definition) => Wanted::Definition(Box::new(definition)),
        None => Wanted::Registered(TaskDefinitionName { family, revision }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_revision_alone_is_one_of_the_family_that_runs() {
        let view = sample::view();
        let posts = find("posts", &view.clusters[0]).unwrap();
        for (typed, meant) in [("3", "posts:3"), (":3", "posts:3"), ("posts:2", "posts:2"), ("users", "users"), ("users:7", "users:7")] {
            assert_eq!(task_definition(typed, posts).unwrap().to_string(), meant);
        }
        assert!(task_definition("posts:0", posts).unwrap_err().message.contains("not a revision"));
    }
}
