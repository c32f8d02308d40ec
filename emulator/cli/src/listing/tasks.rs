//! `ps`: services and tasks.

use wire::local::{ClusterView, ContainerView, Seconds, TaskView};

use super::{age, short, tone};
use crate::print::table::{Cell, Table, cell, toned};

/// One row a service.
pub(crate) fn services(cluster: &ClusterView) -> Table {
    let mut table = Table::new(&["SERVICE", "STATUS", "DESIRED", "RUNNING", "PENDING", "TASK DEFINITION", "ROLLOUT"]).giving_way(&[
        "TASK DEFINITION",
        "STATUS",
        "PENDING",
        "ROLLOUT",
    ]);
    for service in &cluster.services {
        let rollout = service.deployments.iter().find(|deployment| deployment.status == "PRIMARY").map_or("", |deployment| &deployment.rollout_state);
        let rollout = if crate::report::paused(service).is_some() { "PAUSED" } else { rollout };
        let rollout = match &service.attachment {
            Some(attachment) => format!(
                "{} {}, {} at rest",
                attachment.state,
                attachment.address,
                attachment.desired_count - service.desired_count.min(attachment.desired_count)
            ),
            None if service.synced_files > 0 => format!("{rollout}, {} synced", service.synced_files),
            None => rollout.to_owned(),
        };
        table.row(vec![
            cell(&service.service_name),
            toned(&service.status, tone(&service.status)),
            cell(service.desired_count.to_string()),
            cell(service.running_count.to_string()),
            cell(service.pending_count.to_string()),
            cell(&service.task_definition),
            toned(&rollout, tone(rollout.split(',').next().unwrap_or_default())),
        ]);
    }
    table
}

/// One row a task that is not over.
pub(crate) fn tasks(cluster: &ClusterView, now: Seconds) -> Table {
    let mut tasks: Vec<&TaskView> = cluster.tasks.iter().filter(|task| task.last_status != "STOPPED").collect();
    // Where nothing has a restart policy there is nothing to count.
    let counted = tasks.iter().any(|task| restarts(task).is_some());
    // Where there is one container instance only, nobody asks which.
    let several = cluster.container_instances.len() > 1;
    let asked_for = tasks.iter().any(|task| started_by(task).is_some());
    let struck = tasks.iter().any(|task| !task.faults.is_empty());
    let columns = ["SERVICE", "TASK", "LAST STATUS", "HEALTH", "FAULT", "RESTARTS", "INSTANCE", "TASK DEFINITION", "STARTED BY", "PORTS", "AGE"];
    let shown = |name: &&str| match *name {
        "FAULT" => struck,
        "RESTARTS" => counted,
        "INSTANCE" => several,
        "STARTED BY" => asked_for,
        _ => true,
    };
    let columns: Vec<&str> = columns.into_iter().filter(shown).collect();
    let mut table = Table::new(&columns).giving_way(&["PORTS", "TASK DEFINITION", "AGE", "TASK"]);
    tasks.sort_by(|a, b| a.service_name.cmp(&b.service_name));
    for task in tasks {
        let health = health(cluster, task);
        let mut row = vec![
            cell(task.service_name.as_deref().unwrap_or_default()),
            cell(short(&task.task_id)),
            toned(&task.last_status, tone(&task.last_status)),
            toned(&health, tone(&health)),
        ];
        row.extend(struck.then(|| cell(task.faults.join(", "))));
        row.extend(counted.then(|| cell(restarts(task).map_or_else(String::new, |count| count.to_string()))));
        row.extend(several.then(|| cell(&task.container_instance)));
        row.push(cell(&task.task_definition));
        row.extend(asked_for.then(|| cell(started_by(task).unwrap_or_default())));
        row.extend([ports(task), cell(age(now - task.created_at))]);
        table.row(row);
    }
    table
}

/// Who asked for a task that runs by itself, where somebody said so. A service's tasks are its deployment's.
fn started_by(task: &TaskView) -> Option<&str> {
    task.started_by.as_deref().filter(|_| task.service_name.is_none())
}

/// How often its containers were started again; `None` where none of them may be.
fn restarts(task: &TaskView) -> Option<u32> {
    task.containers.iter().filter_map(|container| container.restart_count).reduce(u32::saturating_add)
}

/// One row a task that starts by a schedule.
pub(crate) fn scheduled(cluster: &ClusterView, now: Seconds) -> Table {
    let mut table = Table::new(&["SCHEDULED TASK", "STATE", "SCHEDULE", "TASK DEFINITION", "NEXT", "LAST", "PROBLEM"])
        .giving_way(&["TASK DEFINITION", "STATE", "LAST"])
        .open_ended();
    for known in &cluster.scheduled_tasks {
        let zone = known.schedule_expression_timezone.as_str();
        let zone = if zone == "UTC" { String::new() } else { format!(" {zone}") };
        table.row(vec![
            cell(&known.name),
            toned(&known.state, tone(&known.state)),
            cell(format!("{}{zone}", known.schedule_expression)),
            cell(&known.task_definition),
            cell(known.next_at.map_or_else(String::new, |at| format!("in {}", age(at - now)))),
            cell(known.last_at.map_or_else(String::new, |at| format!("{} ago", age(now - at)))),
            cell(known.last_problem.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

/// One row a task that is over, newest first.
pub(crate) fn stopped(cluster: &ClusterView, now: Seconds) -> Table {
    let over: Vec<&TaskView> = cluster.tasks.iter().filter(|task| task.last_status == "STOPPED").collect();
    let asked_for = over.iter().any(|task| started_by(task).is_some());
    let columns = ["SERVICE", "TASK", "TASK DEFINITION", "STARTED BY", "STOPPED", "EXIT", "STOP CODE", "STOPPED REASON"];
    let columns: Vec<&str> = columns.into_iter().filter(|name| asked_for || *name != "STARTED BY").collect();
    let mut table = Table::new(&columns).giving_way(&["TASK DEFINITION", "STOP CODE", "STOPPED", "EXIT"]).open_ended();
    for task in over {
        let mut row = vec![cell(task.service_name.as_deref().unwrap_or_default()), cell(short(&task.task_id)), cell(&task.task_definition)];
        row.extend(asked_for.then(|| cell(started_by(task).unwrap_or_default())));
        row.extend([
            cell(task.stopped_at.map_or_else(String::new, |at| format!("{} ago", age(now - at)))),
            cell(exits(task)),
            cell(task.stop_code.as_deref().unwrap_or_default()),
            cell(reasons(task)),
        ]);
        table.row(row);
    }
    table
}

/// The state of its targets; without any, what its containers' own checks say.
pub(crate) fn health(cluster: &ClusterView, task: &TaskView) -> String {
    let targets = cluster.target_groups.iter().flat_map(|group| &group.targets).filter(|target| target.task_id.as_ref() == Some(&task.task_id));
    let states: Vec<&str> = targets.map(|target| target.state.as_str()).collect();
    let worst = |order: &[&'static str], seen: &[&str]| order.iter().find(|state| seen.contains(state)).map(|state| (*state).to_owned());
    if let Some(state) = worst(&["unhealthy", "draining", "initial", "unused", "healthy"], &states) {
        return state;
    }
    let checks: Vec<&str> = task.containers.iter().map(|container| container.health_status.as_str()).collect();
    worst(&["UNHEALTHY", "HEALTHY", "UNKNOWN"], &checks).unwrap_or_default()
}

fn ports(task: &TaskView) -> Cell {
    let bindings = || task.containers.iter().flat_map(|container| &container.network_bindings);
    if bindings().next().is_none() {
        // In `awsvpc` mode all of them are at the task's own address.
        let address = task.containers.iter().find_map(|container| container.address.as_deref());
        return cell(address.unwrap_or_default());
    }
    let ports = || bindings().map(|binding| (binding, binding.ports()));
    let long = ports().map(|(binding, (host, container))| format!("{}:{host}->{container}/{}", binding.bind_ip, binding.protocol));
    let brief = ports().map(|(_, (host, container))| format!("{host}->{container}"));
    cell(long.collect::<Vec<_>>().join(", ")).brief(brief.collect::<Vec<_>>().join(", "))
}

/// The containers that its end is told of: its own, and what held its network or namespaces where that went wrong.
pub(crate) fn told(task: &TaskView) -> impl Iterator<Item = &ContainerView> {
    let wrong = |pause: &&ContainerView| pause.reason.is_some() || pause.exit_code.is_some_and(|code| code != 0);
    task.containers.iter().chain([&task.pause, &task.namespace_pause].into_iter().flatten().filter(wrong))
}

/// Its containers' exit codes; with several, each with its name.
fn exits(task: &TaskView) -> String {
    let named = told(task).count() > 1;
    let codes = told(task).filter_map(|container| container.exit_code.map(|code| (container, code)));
    let texts: Vec<String> = codes.map(|(container, code)| if named { format!("{}={code}", container.name) } else { code.to_string() }).collect();
    texts.join(", ")
}

/// The task's reason and those of its containers.
fn reasons(task: &TaskView) -> String {
    let own = task.stopped_reason.iter().cloned();
    let containers = told(task).filter_map(|container| container.reason.as_ref().map(|reason| format!("{}: {reason}", container.name)));
    own.chain(containers).collect::<Vec<String>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::color::Palette;
    use crate::sample;

    #[test]
    fn services_tasks_and_stopped_tasks_are_listed() {
        let view = sample::view();
        let cluster = &view.clusters[0];
        let plain = Palette::plain();
        let text = format!(
            "{}\n{}\n{}",
            services(cluster).render(plain, None),
            tasks(cluster, view.now).render(plain, None),
            stopped(cluster, view.now).render(plain, None)
        );
        insta::assert_snapshot!(text, @r#"
        SERVICE  STATUS  DESIRED  RUNNING  PENDING  TASK DEFINITION  ROLLOUT
        posts    ACTIVE  2        1        1        posts:1          IN_PROGRESS
        users    ACTIVE  2        2        0        users:1          COMPLETED

        SERVICE  TASK      LAST STATUS  HEALTH     TASK DEFINITION  PORTS                      AGE
        posts    beef0000  RUNNING      unhealthy  posts:1          127.0.0.1:32770->3000/tcp  1m
        users    aaaa0000  RUNNING      healthy    users:1          127.0.0.1:32768->3000/tcp  1m
        users    bbbb0000  RUNNING      healthy    users:1          127.0.0.1:32769->3000/tcp  1m

        SERVICE  TASK      TASK DEFINITION  STOPPED  EXIT  STOP CODE                 STOPPED REASON
        posts    dead0000  posts:1          1m ago   7     EssentialContainerExited  Essential container in task exited
        "#);
    }

    #[test]
    fn the_instance_is_shown_where_there_are_several() {
        let mut view = sample::view();
        let cluster = &mut view.clusters[0];
        cluster.tasks.truncate(1);
        cluster.tasks[0].container_instance = "b1".into();
        let mut other = cluster.container_instances[0].clone();
        other.name = "b1".into();
        cluster.container_instances.push(other);
        insta::assert_snapshot!(tasks(cluster, view.now).render(Palette::plain(), None), @r#"
        SERVICE  TASK      LAST STATUS  HEALTH     INSTANCE  TASK DEFINITION  PORTS                      AGE
        posts    beef0000  RUNNING      unhealthy  b1        posts:1          127.0.0.1:32770->3000/tcp  1m
        "#);
    }

    #[test]
    fn restarts_are_counted_where_there_may_be_any() {
        let mut view = sample::view();
        view.clusters[0].tasks.retain(|task| task.service_name.as_deref() == Some("users"));
        view.clusters[0].tasks[0].containers[0].restart_count = Some(3);
        let text = tasks(&view.clusters[0], view.now).render(Palette::plain(), None);
        assert!(text.lines().next().unwrap().contains("HEALTH   RESTARTS"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("healthy  3  ")).count(), 1, "{text}");
    }

    #[test]
    fn what_held_the_network_is_told_of_where_it_went_wrong() {
        let mut task = sample::view().clusters[0].tasks[0].clone();
        let mut pause = ContainerView { name: "~internal~ecs~pause".into(), exit_code: Some(0), reason: None, ..task.containers[0].clone() };
        task.containers[0].exit_code = Some(143);
        task.pause = Some(pause.clone());
        assert_eq!(exits(&task), "143");
        pause.exit_code = Some(137);
        task.pause = Some(pause.clone());
        assert_eq!(exits(&task), "posts=143, ~internal~ecs~pause=137");
        (pause.exit_code, pause.reason) = (None, Some("CannotPullContainerError: no".into()));
        task.pause = Some(pause);
        assert!(reasons(&task).ends_with("~internal~ecs~pause: CannotPullContainerError: no"), "{}", reasons(&task));
    }

    #[test]
    fn health_is_that_of_the_worst_target_else_of_the_containers() {
        let mut view = sample::view();
        let cluster = &mut view.clusters[0];
        assert_eq!(health(cluster, &cluster.tasks[0]), "unhealthy");
        cluster.target_groups.clear();
        assert_eq!(health(cluster, &cluster.tasks[0]), "UNKNOWN");
        cluster.tasks[0].containers[0].health_status = "HEALTHY".into();
        assert_eq!(health(cluster, &cluster.tasks[0]), "HEALTHY");
    }

    #[test]
    fn who_asked_for_a_task_is_shown_where_somebody_said_so() {
        let mut view = sample::view();
        let cluster = &mut view.clusters[0];
        assert!(!tasks(cluster, view.now).render(Palette::plain(), None).contains("STARTED BY"));
        (cluster.tasks[0].service_name, cluster.tasks[0].started_by) = (None, Some("nightly".into()));
        let shown = tasks(cluster, view.now).render(Palette::plain(), None);
        assert!(shown.contains("STARTED BY") && shown.contains("nightly"), "{shown}");
        cluster.tasks[0].last_status = "STOPPED".into();
        let shown = stopped(cluster, view.now).render(Palette::plain(), None);
        assert!(shown.contains("nightly"), "{shown}");
    }
}
