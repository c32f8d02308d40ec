//! Why services are not steady: what a person wants to know when a deployment fails.

use wire::local::{ClusterView, EventRecord, Failure, LogRecord, ServiceView, TargetView, TaskView, path};

use crate::client::{Client, with_query};
use crate::end::{End, INPUT, Outcome};
use crate::listing::short;
use crate::listing::tasks::told;
use crate::print::Printer;
use crate::print::color::Tone;
use crate::print::sanitize::visible;

/// So many failures of one deployment in a row are no accident.
const FAILURES: u32 = 3;
/// So many tasks that never passed a health check neither.
const UNHEALTHY: usize = 2;
/// So many lines of a failed task's output are shown.
const LOG_LINES: &str = "10";

/// What the daemon is given to tell more.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Words of the events that say what is wrong (ecs.md 3.8).
const TELLING: [&str; 4] = ["is unhealthy in", "failed container health checks", "was unable to", "is already using a port"];

/// Services that are not steady.
pub(crate) struct Trouble<'a> {
    /// Has the logs.
    pub(crate) client: Client,
    /// The cluster as it is.
    pub(crate) cluster: &'a ClusterView,
    /// Those of its services that were waited for.
    pub(crate) services: &'a [String],
    /// What all of it comes to.
    pub(crate) message: &'a str,
}

/// Whether a service will not become steady by waiting: since the `first` view, tasks of its newest deployment failed again and again.
pub(crate) fn hopeless(first: &ClusterView, now: &ClusterView, service: &ServiceView) -> bool {
    let Some(deployment) = service.deployments.iter().find(|deployment| deployment.status == "PRIMARY") else {
        return false;
    };
    if service.steady {
        return false;
    }
    if deployment.rollout_state == "FAILED" {
        return true;
    }
    let was_stopped = |task: &TaskView| first.tasks.iter().any(|known| known.task_id == task.task_id && is_stopped(known));
    let own = |task: &&TaskView| task.started_by.as_ref() == Some(&deployment.id) && is_stopped(task) && !was_stopped(task);
    if service.deployment_circuit_breaker {
        // Its verdict is waited for, but on tasks that ran and ended, which it does not count (ecs.md 3.5).
        let ended = |task: &&TaskView| task.stop_code.as_deref() == Some("EssentialContainerExited");
        return now.tasks.iter().filter(own).filter(ended).count() >= FAILURES as usize;
    }
    let before =
        first.services.iter().flat_map(|service| &service.deployments).find(|known| known.id == deployment.id).map_or(0, |known| known.failed_tasks);
    let failing = deployment.rollout_state != "COMPLETED" && deployment.failed_tasks >= FAILURES.max(before.saturating_add(1));
    let unhealthy = now.tasks.iter().filter(own).filter(|task| failed_health_checks(task)).count();
    let failed = now.tasks.iter().filter(own).filter(|task| has_failed(task)).count();
    failing || unhealthy >= UNHEALTHY || failed >= FAILURES as usize
}

/// The deployment that failed, where the circuit breaker went back from it to what the service runs now.
pub(crate) fn rolled_back(service: &ServiceView) -> Option<&String> {
    service.deployments.iter().find(|deployment| deployment.status == "PRIMARY")?.rolled_back_from.as_ref()
}

/// Of a deployment that a lifecycle hook has paused: where, and how it goes on.
pub(crate) fn paused(service: &ServiceView) -> Option<String> {
    let primary = service.deployments.iter().find(|deployment| deployment.status == "PRIMARY")?;
    primary.lifecycle_hook.as_ref().filter(|hook| hook.status == "AWAITING_ACTION")?;
    let stage = primary.lifecycle_stage.as_deref().unwrap_or_default();
    Some(format!("paused at {stage} until `ecslocal continue {}`", service.service_name))
}

/// Says what is missing and why, for each of the services that are not steady, and what to do; the exit code is 1.
pub(crate) async fn not_steady(trouble: &Trouble<'_>, printer: &mut Printer) -> Outcome<End> {
    let Trouble { client, cluster, services, message } = *trouble;
    for name in services {
        let Some(service) = cluster.services.iter().find(|service| service.service_name == *name) else {
            printer.talk(&format!("{name} does not exist"))?;
            continue;
        };
        if service.steady && rolled_back(service).is_none() {
            continue;
        }
        for line in lines(cluster, service) {
            printer.talk(&line)?;
        }
        if let Some(event) = telling_event(client, cluster, service).await {
            printer.talk(&format!("  event: {}", visible(&event.message)))?;
        }
        if let Some(task) = culprit(cluster, service) {
            output(client, cluster, task, printer).await?;
        }
    }
    let in_vain = cluster.services.iter().filter(|service| services.contains(&service.service_name)).find_map(|service| service.hopeless.as_ref());
    if let Some(in_vain) = in_vain {
        printer.failure(&Failure::input(message).hint(visible(&in_vain.hint)))?;
        return Ok(End::Said(INPUT));
    }
    let again = match services {
        [only] if cluster.services.iter().any(|service| service.service_name == *only && is_given_up(service)) => {
            format!("`ecslocal deploy {only}` tries the same again")
        }
        _ => "`ecslocal up` tries again after a change".to_owned(),
    };
    let hint = format!("what runs keeps running: `ecslocal events` tells what happened, {again}, `ecslocal down` removes all");
    printer.failure(&Failure::input(message).hint(hint))?;
    Ok(End::Said(INPUT))
}

/// The service, its deployments, the newest task that failed, the targets that do not pass.
fn lines(cluster: &ClusterView, service: &ServiceView) -> Vec<String> {
    let mut lines = vec![format!("{}: {} of {} tasks run", service.service_name, service.running_count, service.desired_count)];
    for deployment in &service.deployments {
        let failed = match deployment.failed_tasks {
            0 => String::new(),
            1 => ", 1 task failed".into(),
            several => format!(", {several} tasks failed"),
        };
        let reason =
            if deployment.rollout_state_reason.is_empty() { String::new() } else { format!(": {}", visible(&deployment.rollout_state_reason)) };
        lines.push(format!(
            "  {} {} ({}) is {}{failed}{reason}",
            deployment.status, deployment.id, deployment.task_definition, deployment.rollout_state
        ));
    }
    if let Some(failed) = rolled_back(service) {
        let known = service.service_deployments.iter().find(|known| known.id == *failed);
        let why = known.and_then(|known| known.status_reason.as_ref()).map(|why| format!(": {}", visible(why))).unwrap_or_default();
        lines.push(format!("  deployment {failed} failed{why}; the service went back to {}", service.task_definition));
    }
    let ran = newest_failed(cluster, service).is_some_and(|task| task.stop_code.as_deref() == Some("EssentialContainerExited"));
    if service.deployment_circuit_breaker && ran && rolled_back(service).is_none() {
        lines.push("  the circuit breaker does not count tasks that ran and ended, as in ECS".to_owned());
    }
    lines.extend(service.waiting.iter().map(|waiting| format!("  waiting: {}", visible(waiting))));
    if let Some(task) = newest_failed(cluster, service) {
        let code = task.stop_code.as_deref().unwrap_or("stopped");
        lines.push(format!(
            "  task {} stopped: {code}: {}",
            short(&task.task_id),
            visible(task.stopped_reason.as_deref().unwrap_or("no reason was given"))
        ));
        for container in told(task) {
            let exit = container.exit_code.map(|code| format!(" exit code {code}")).unwrap_or_default();
            let reason = container.reason.as_deref().map(|reason| format!(" {}", visible(reason))).unwrap_or_default();
            if !exit.is_empty() || !reason.is_empty() {
                lines.push(format!("    container {}:{exit}{reason}", container.name));
            }
        }
    }
    lines.extend(bad_targets(cluster, service).map(|target| {
        let why: Vec<&str> = [&target.reason, &target.description].into_iter().flatten().map(String::as_str).collect();
        let task = target.task_id.as_deref().map_or("no task", short);
        format!("  target {} (task {task}) is {}: {}", target.address, target.state, visible(&why.join(": ")))
    }));
    lines
}

/// The deployment that a report is about, and since when it is.
fn subject(service: &ServiceView) -> Option<(&str, f64)> {
    let primary = service.deployments.iter().find(|deployment| deployment.status == "PRIMARY")?;
    let id = rolled_back(service).unwrap_or(&primary.id);
    let begun = service.service_deployments.iter().find(|known| known.id == *id).map_or(primary.created_at, |known| known.started_at);
    Some((id, begun))
}

/// Whether the circuit breaker gave its newest deployment up, with nothing to go back to.
fn is_given_up(service: &ServiceView) -> bool {
    service.deployments.first().is_some_and(|deployment| deployment.rollout_state == "FAILED")
}

/// The deployments of those services, and how they ended.
pub(crate) fn summary(cluster: &ClusterView, names: &[String]) -> String {
    let services = || cluster.services.iter().filter(|service| names.contains(&service.service_name));
    if let Some(service) = services().find(|service| service.hopeless.is_some()) {
        let reason = service.hopeless.as_ref().map(|hopeless| hopeless.reason.as_str()).unwrap_or_default();
        return format!("{} does not become steady by waiting: {}", service.service_name, visible(reason));
    }
    let how = match () {
        () if services().all(|service| rolled_back(service).is_some()) => "failed and was rolled back",
        () if services().all(is_given_up) => "failed",
        () => "keeps failing",
    };
    format!("the deployment of {} {how}", names.join(", "))
}

/// The newest event of the deployment that says what is wrong: with the target gone, it alone still has the reason of a failed check.
async fn telling_event(client: Client, cluster: &ClusterView, service: &ServiceView) -> Option<EventRecord> {
    let query = [("cluster", cluster.cluster_name.as_str()), ("service", service.service_name.as_str())];
    let mut stream = client.get_lines::<EventRecord>(&with_query(path::EVENTS, &query)).await.ok()?;
    let mut newest = None;
    let patience = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Ok(Some(event))) = tokio::time::timeout_at(patience, stream.next()).await {
        let recent = subject(service).is_none_or(|(_, begun)| event.created_at >= begun);
        if recent && TELLING.iter().any(|words| event.message.contains(words)) {
            newest = Some(event);
        }
    }
    newest
}

/// The last lines of a task; where they cannot be had any more, nothing is shown.
async fn output(client: Client, cluster: &ClusterView, task: &TaskView, printer: &mut Printer) -> Outcome {
    let query = [("cluster", cluster.cluster_name.as_str()), ("task", task.task_id.as_str()), ("tail", LOG_LINES)];
    let Ok(mut stream) = client.get_lines::<LogRecord>(&with_query(path::LOGS, &query)).await else {
        return Ok(());
    };
    let mut heading = false;
    let patience = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Ok(Some(record))) = tokio::time::timeout_at(patience, stream.next()).await {
        if !heading {
            let text = format!("  last lines of task {}:", short(&task.task_id));
            printer.talk(&printer.talk_palette().paint(Tone::Heading, &text))?;
            heading = true;
        }
        printer.talk(&format!("    {} | {}", visible(&record.container), visible(&record.text)))?;
    }
    Ok(())
}

/// Whose output tells most: the newest task that failed, else the one of a target that does not pass.
fn culprit<'a>(cluster: &'a ClusterView, service: &ServiceView) -> Option<&'a TaskView> {
    newest_failed(cluster, service).or_else(|| {
        let target = bad_targets(cluster, service).next()?;
        cluster.tasks.iter().find(|task| Some(&task.task_id) == target.task_id.as_ref())
    })
}

fn newest_failed<'a>(cluster: &'a ClusterView, service: &ServiceView) -> Option<&'a TaskView> {
    let (deployment, _) = subject(service)?;
    let own = |task: &&TaskView| task.started_by.as_deref() == Some(deployment);
    cluster.tasks.iter().filter(own).find(|task| is_stopped(task) && (has_failed(task) || failed_health_checks(task)))
}

fn bad_targets<'a>(cluster: &'a ClusterView, service: &ServiceView) -> impl Iterator<Item = &'a TargetView> {
    let tasks: Vec<&str> = cluster
        .tasks
        .iter()
        .filter(|task| task.service_name.as_deref() == Some(service.service_name.as_str()))
        .map(|task| task.task_id.as_str())
        .collect();
    let own = move |target: &&TargetView| target.task_id.as_deref().is_some_and(|task| tasks.contains(&task));
    cluster
        .target_groups
        .iter()
        .flat_map(|group| &group.targets)
        .filter(own)
        .filter(|target| matches!(target.state.as_str(), "unhealthy" | "initial"))
}

fn is_stopped(task: &TaskView) -> bool {
    task.desired_status == "STOPPED" || task.last_status == "STOPPED"
}

/// It ended by itself, or never began (ecs.md 2.2).
fn has_failed(task: &TaskView) -> bool {
    matches!(task.stop_code.as_deref(), Some("TaskFailedToStart" | "EssentialContainerExited"))
}

/// The scheduler gave it up for its health: `Task failed ELB health checks in (…)`, `Task failed container health checks` (ecs.md 2.2).
fn failed_health_checks(task: &TaskView) -> bool {
    task.stopped_reason.as_deref().is_some_and(|reason| reason.starts_with("Task failed ") && reason.contains(" health checks"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_report_says_what_failed_and_why() {
        let view = sample::view();
        let cluster = &view.clusters[0];
        insta::assert_snapshot!(lines(cluster, &cluster.services[0]).join("\n"), @r#"
        posts: 1 of 2 tasks run
          PRIMARY ecs-svc/1 (posts:1) is IN_PROGRESS, 1 task failed
          waiting: posts/beef0000: target initial, 5 s until its next check
          task dead0000 stopped: EssentialContainerExited: Essential container in task exited
            container posts: exit code 7
          target 127.0.0.1:32770 (task beef0000) is unhealthy: Target.ResponseCodeMismatch: Health checks failed with these codes: [500]
        "#);
        assert_eq!(culprit(cluster, &cluster.services[0]).map(|task| short(&task.task_id)), Some("dead0000"));
    }

    #[test]
    fn what_is_in_vain_is_told_with_its_reason() {
        let mut cluster = sample::view().clusters.remove(0);
        let names = ["posts".to_owned(), "users".to_owned()];
        assert_eq!(summary(&cluster, &names), "the deployment of posts, users keeps failing");
        cluster.services[0].hopeless =
            Some(wire::local::HopelessView { reason: "no container instance takes a task of posts".into(), hint: String::new() });
        assert_eq!(summary(&cluster, &names), "posts does not become steady by waiting: no container instance takes a task of posts");
    }

    #[test]
    fn a_rollback_is_told() {
        let mut cluster = sample::view().clusters.remove(0);
        let service = &mut cluster.services[0];
        (service.steady, service.task_definition) = (true, "posts:1".into());
        assert_eq!(rolled_back(service), None);
        service.deployments[0].rolled_back_from = Some("ecs-svc/2".into());
        assert_eq!(rolled_back(service).map(String::as_str), Some("ecs-svc/2"));
        assert!(lines(&cluster, &cluster.services[0]).contains(&"  deployment ecs-svc/2 failed; the service went back to posts:1".to_owned()));
    }

    /// Whether `posts` is hopeless after `change`, seen first as it is in the sample.
    fn check(change: impl Fn(&mut ClusterView)) -> bool {
        let first = sample::view().clusters.remove(0);
        let mut now = first.clone();
        change(&mut now);
        hopeless(&first, &now, &now.services[0])
    }

    fn stopped(cluster: &mut ClusterView, count: usize, code: &str, reason: &str) {
        let stopped = cluster.tasks[1].clone();
        for number in 0..count {
            let mut task = stopped.clone();
            task.task_id = format!("new{number}");
            (task.stop_code, task.stopped_reason) = (Some(code.into()), Some(reason.into()));
            cluster.tasks.insert(0, task);
        }
    }

    #[test]
    fn repeated_failures_end_the_waiting() {
        const ELB: &str = "Task failed ELB health checks in (target-group arn:posts)";
        assert!(!check(|_| {}), "the failures before do not count");
        assert!(!check(|cluster| cluster.services[0].deployments[0].failed_tasks = 2));
        assert!(check(|cluster| cluster.services[0].deployments[0].failed_tasks = 3));
        assert!(check(|cluster| cluster.services[0].deployments[0].rollout_state = "FAILED".into()));
        assert!(!check(|cluster| {
            cluster.services[0].deployments[0].failed_tasks = 3;
            cluster.services[0].steady = true;
        }));
        assert!(!check(|cluster| stopped(cluster, 1, "ServiceSchedulerInitiated", ELB)));
        assert!(check(|cluster| stopped(cluster, 2, "ServiceSchedulerInitiated", ELB)));
        assert!(check(|cluster| stopped(cluster, 2, "ServiceSchedulerInitiated", "Task failed container health checks")));
        assert!(!check(|cluster| stopped(cluster, 2, "EssentialContainerExited", "Essential container in task exited")));
        assert!(check(|cluster| stopped(cluster, 3, "EssentialContainerExited", "Essential container in task exited")));
        assert!(!check(|cluster| stopped(cluster, 9, "UserInitiated", "Task stopped by user")));
    }

    #[test]
    fn the_verdict_of_a_circuit_breaker_is_waited_for() {
        let broken = |count: usize, code: &str, state: &str| {
            check(|cluster| {
                let service = &mut cluster.services[0];
                service.deployment_circuit_breaker = true;
                (service.deployments[0].failed_tasks, service.deployments[0].rollout_state) = (9, state.into());
                stopped(cluster, count, code, "Task failed ELB health checks in (target-group arn:posts)");
            })
        };
        assert!(!broken(5, "ServiceSchedulerInitiated", "IN_PROGRESS") && !broken(5, "TaskFailedToStart", "IN_PROGRESS"));
        assert!(broken(5, "ServiceSchedulerInitiated", "FAILED"));
        assert!(broken(3, "EssentialContainerExited", "IN_PROGRESS"), "it does not count those");
    }

    #[test]
    fn a_deployment_that_failed_before_gets_another_chance() {
        let mut first = sample::view().clusters.remove(0);
        first.services[0].deployments[0].failed_tasks = 5;
        let mut now = first.clone();
        assert!(!hopeless(&first, &now, &now.services[0]));
        now.services[0].deployments[0].failed_tasks = 6;
        assert!(hopeless(&first, &now, &now.services[0]));
    }
}
