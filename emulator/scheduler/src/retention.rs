//! What stays of what has ended: containers for their logs, tasks for `describe`, and the end of a deleted service (ecs.md 2.1, 2.7).

use model::{ContainerStatus, RunState, Service, ServiceStatus, Step, Stop, Task, TaskStatus};

use crate::Work;
use crate::context::Context;
use crate::draft::{Draft, Findings};

/// Removes containers and forgets tasks of one service, or of none, when their time is over.
pub(crate) fn clear(context: &Context<'_>, draft: &mut Draft<'_>) {
    let found = &mut draft.found;
    let service = draft.service.map(|(_, service)| service);
    let mut stopped: Vec<&Task> = Vec::new();
    for task in draft.tasks.iter().map(|draft| draft.task.as_ref()) {
        if task.last_status == TaskStatus::Stopped { stopped.push(task) } else { clear_strays(context, task, found) }
    }
    stopped.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
    let mut crashed = 0;
    for (place, task) in stopped.into_iter().enumerate() {
        crashed += usize::from(task.stop.as_ref().is_some_and(Stop::is_failure));
        let gone = is_gone(context, service, task);
        let owned = Owned { gone, forgotten: gone && service.is_none(), crashed, place };
        let removing = clear_containers(context, task, owned, found);
        // What has a volume keeps it; a container that is kept for its log is no hindrance to anybody else.
        if !removing && !context.busy_tasks.contains(&task.id) {
            for volume in &task.volumes {
                found.act(context, Work::RemoveVolume { task: task.id.clone(), name: volume.runtime_name.clone() });
            }
        }
        if task.own_network && !context.busy_tasks.contains(&task.id) {
            found.act(context, Work::RemoveNetwork(task.network()));
        }
        forget(context, task, owned, found).filter(|_| !removing).into_iter().for_each(|step| found.steps.push(step));
    }
    end_service(context, draft);
}

/// A stopped task among those of its service.
#[derive(Clone, Copy)]
struct Owned {
    /// Its service is deleted, or the cluster of a task that runs by itself: nobody looks at its logs.
    gone: bool,
    /// The same, and the service is forgotten already, which else takes its tasks with it.
    forgotten: bool,
    /// How many failed tasks there are, from the last to stop to this one.
    crashed: usize,
    /// How many tasks stopped after it.
    place: usize,
}

fn is_gone(context: &Context<'_>, service: Option<&Service>, task: &Task) -> bool {
    match (service, &task.service) {
        (Some(service), _) => service.status == ServiceStatus::Draining,
        (None, Some(_)) => true,
        (None, None) => context.world.clusters.get(&task.cluster).is_none_or(|cluster| cluster.deleting),
    }
}

/// Removes its containers, unless somebody may still want to read their logs. Says whether any was there to remove.
fn clear_containers(context: &Context<'_>, task: &Task, owned: Owned, found: &mut Findings) -> bool {
    let keep_until = task.stopped_at.unwrap_or(task.created_at) + context.pace.crashed_kept_for;
    // What runs by itself is looked at when it is over, whatever came of it.
    let wanted = match task.service {
        None => owned.place < context.pace.finished_kept,
        Some(_) => task.stop.as_ref().is_some_and(Stop::is_failure) && owned.crashed <= context.pace.crashed_kept,
    };
    let keep = wanted && !owned.gone && context.now < keep_until;
    for seen in context.containers(&task.id) {
        if keep && matches!(seen.state, RunState::Exited { .. }) {
            found.wake(context, keep_until);
        } else {
            found.act(context, Work::Remove { engine: seen.engine.clone(), id: seen.id.clone() });
        }
    }
    !context.containers(&task.id).is_empty()
}

/// Forgets a task of which nothing is left, when its time is over.
fn forget(context: &Context<'_>, task: &Task, owned: Owned, found: &mut Findings) -> Option<Step> {
    let forget_at = task.stopped_at.unwrap_or(task.created_at) + context.pace.stopped_kept_for;
    let bare = !task.own_network && task.volumes.is_empty();
    let free = context.knows(task) && bare && !context.busy_tasks.contains(&task.id) && !context.targets.contains_key(&task.id);
    let recorded = context.world.tasks.get(&task.id).is_some_and(|task| task.last_status == TaskStatus::Stopped);
    let over = context.now >= forget_at || owned.place >= context.pace.stopped_kept || owned.forgotten;
    if free && recorded && over {
        return Some(Step::RemoveTask(task.id.clone()));
    }
    found.wake(context, forget_at);
    None
}

/// Containers with the labels of an unstopped task that are not, or no longer, its own.
fn clear_strays(context: &Context<'_>, task: &Task, found: &mut Findings) {
    for seen in context.containers(&task.id) {
        let record = task.container(&seen.container);
        let own = record.and_then(|record| record.runtime_id.as_ref()).is_none_or(|id| *id == seen.id) && record.is_some();
        let resurrected =
            record.is_some_and(|record| record.last_status == ContainerStatus::Stopped) && !matches!(seen.state, RunState::Exited { .. });
        if !own || resurrected {
            found.act(context, Work::Remove { engine: seen.engine.clone(), id: seen.id.clone() });
        }
    }
}

fn end_service(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some((key, _)) = draft.service.filter(|(_, service)| service.status == ServiceStatus::Draining) else { return };
    let tasks = || draft.tasks.iter().map(|draft| &draft.task);
    let over = tasks().all(|task| {
        task.last_status == TaskStatus::Stopped
            && context.containers(&task.id).is_empty()
            && task.volumes.is_empty()
            && !context.busy_tasks.contains(&task.id)
    });
    if over {
        draft.found.act(context, Work::RemoveNetwork(key.clone()));
    }
}
