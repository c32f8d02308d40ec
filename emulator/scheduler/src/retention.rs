//! What stays of what has ended: containers for their logs, tasks for `describe`, and the end of a deleted service (ecs.md 2.1, 2.7).

use model::{ContainerStatus, RunState, ServiceStatus, Step, Stop, Task, TaskStatus};

use crate::Work;
use crate::context::Context;
use crate::draft::Draft;

/// Removes containers and forgets tasks of one service when their time is over.
pub(crate) fn clear(context: &Context<'_>, draft: &mut Draft<'_>) {
    let found = &mut draft.found;
    let active = draft.service.is_some_and(|(_, service)| service.status == ServiceStatus::Active);
    let mut stopped: Vec<&Task> = Vec::new();
    for task in draft.tasks.iter().map(|draft| draft.task.as_ref()) {
        if task.last_status == TaskStatus::Stopped { stopped.push(task) } else { clear_strays(context, task, found) }
    }
    stopped.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
    let mut crashed = 0;
    for (place, task) in stopped.into_iter().enumerate() {
        let stopped_at = task.stopped_at.unwrap_or(task.created_at);
        let crash = task.stop.as_ref().is_some_and(Stop::is_failure);
        crashed += usize::from(crash);
        let keep_until = stopped_at + context.pace.crashed_kept_for;
        let keep = crash && (active || draft.service.is_none()) && crashed <= context.pace.crashed_kept && context.now < keep_until;
        for seen in context.containers(&task.id) {
            if keep && matches!(seen.state, RunState::Exited { .. }) {
                found.wake(context, keep_until);
            } else {
                found.act(context, Work::Remove { id: seen.id.clone() });
            }
        }
        let forget_at = stopped_at + context.pace.stopped_kept_for;
        let free = context.listed && context.containers(&task.id).is_empty() && !context.busy_tasks.contains(&task.id);
        let recorded = context.world.tasks.get(&task.id).is_some_and(|task| task.last_status == TaskStatus::Stopped);
        let over = context.now >= forget_at || place >= context.pace.stopped_kept || (draft.service.is_none() && task.service.is_some());
        if free && recorded && over && !context.targets.contains_key(&task.id) {
            found.steps.push(Step::RemoveTask(task.id.clone()));
        } else {
            found.wake(context, forget_at);
        }
    }
    end_service(context, draft);
}

/// Containers with the labels of an unstopped task that are not, or no longer, its own.
fn clear_strays(context: &Context<'_>, task: &Task, found: &mut crate::draft::Findings) {
    for seen in context.containers(&task.id) {
        let record = task.container(&seen.container);
        let own = record.and_then(|record| record.runtime_id.as_ref()).is_none_or(|id| *id == seen.id) && record.is_some();
        let resurrected =
            record.is_some_and(|record| record.last_status == ContainerStatus::Stopped) && !matches!(seen.state, RunState::Exited { .. });
        if !own || resurrected {
            found.act(context, Work::Remove { id: seen.id.clone() });
        }
    }
}

fn end_service(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some((key, _)) = draft.service.filter(|(_, service)| service.status == ServiceStatus::Draining) else { return };
    let tasks = || draft.tasks.iter().map(|draft| &draft.task);
    let over = tasks()
        .all(|task| task.last_status == TaskStatus::Stopped && context.containers(&task.id).is_empty() && !context.busy_tasks.contains(&task.id));
    if over {
        draft.found.act(context, Work::RemoveNetwork(key.clone()));
    }
}
