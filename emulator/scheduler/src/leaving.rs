//! A task that is to stop: deregister, drain, signal, over (ecs.md 0.11 and 4; design, decision 5).

use model::{ContainerStatus, DesiredStatus, StopCode, TargetHealth, TargetHealthReason, TargetHealthState, TaskStatus, task_endpoint};

use crate::container::{self, Ending};
use crate::context::Context;
use crate::dependencies;
use crate::draft::{Findings, TargetDraft, TaskDraft};
use crate::targets;

/// Brings a task that is to stop one step nearer to its end. Only stops by the scheduler wait for the drain: after StopTask the
/// signal comes at once (ecs.md 4), and after the end of an essential container the others are stopped at once (ecs.md 2.3).
pub(crate) fn advance(context: &Context<'_>, draft: &mut TaskDraft<'_>, found: &mut Findings) {
    if draft.task.desired_status != DesiredStatus::Stopped || draft.task.last_status == TaskStatus::Stopped {
        return;
    }
    deregister(context, draft, found);
    let draining = draft.present().next().is_some();
    let by_scheduler = draft.task.stop.as_ref().is_some_and(|stop| stop.code == StopCode::ServiceSchedulerInitiated);
    if draining && by_scheduler && draft.task.last_status < TaskStatus::Stopping {
        if draft.task.last_status != TaskStatus::Deactivating {
            draft.task.to_mut().last_status = TaskStatus::Deactivating;
        }
        return;
    }
    end_containers(context, draft, found);
    let over = draft.task.containers.iter().all(|record| record.last_status == ContainerStatus::Stopped);
    if over {
        draft.targets.iter_mut().for_each(|target| target.removed = true);
        let task = draft.task.to_mut();
        task.last_status = TaskStatus::Stopped;
        task.stopped_at = Some(context.now);
    } else {
        if draft.task.last_status != TaskStatus::Stopping {
            draft.task.to_mut().last_status = TaskStatus::Stopping;
        }
        tell_stopping(context, draft, found);
    }
}

/// A service is not steady while a task of it stops, which may take as long as its containers like.
fn tell_stopping(context: &Context<'_>, draft: &TaskDraft<'_>, found: &mut Findings) {
    let task = &draft.task;
    let service = task.service.as_ref().map_or("task", |name| name.as_str());
    let how = match context.away.get(&task.engine) {
        Some(engine) if engine.is_own() => "stops when the engine is back".to_owned(),
        Some(engine) => format!("stops when the engine at `{}` is back", engine.as_str()),
        None => "stopping".to_owned(),
    };
    found.waiting.push((Some(task.id.clone()), format!("{service}/{} {how}", task.id.short())));
}

fn deregister(context: &Context<'_>, draft: &mut TaskDraft<'_>, found: &mut Findings) {
    let task = &draft.task;
    let instance = context.ec2_instance_id(task);
    let mut began = false;
    for target in draft.targets.iter_mut().filter(|target| !target.removed) {
        let name = &target.group.spec.name;
        let fresh = target.target.draining_since.is_none();
        if task_endpoint::is_dead(task, draft.definition, &target.key, instance) {
            target.removed = true;
        } else if fresh {
            begin_draining(context, target);
            began = true;
        } else if targets::due(context, target.group, &target.key, &target.target) {
            target.removed = true;
        }
        if fresh {
            *found.deregistered.entry(name.clone()).or_default() += 1;
        }
        if let Some(since) = target.target.draining_since.filter(|_| !target.removed) {
            let end = since + context.wait(target.group.spec.attributes.deregistration_delay);
            found.wake(context, end);
            let seconds = end.since(context.now).as_millis().div_ceil(1000);
            let service = task.service.as_ref().map_or("task", |name| name.as_str());
            found.waiting.push((Some(task.id.clone()), format!("{service}/{} draining, {seconds} s left", task.id.short())));
        }
    }
    if let Some(deployment) = task.deployment.as_ref().filter(|_| began) {
        *found.draining.entry(deployment.clone()).or_default() += 1;
    }
}

fn begin_draining(context: &Context<'_>, target: &mut TargetDraft<'_>) {
    let target = target.target.to_mut();
    target.draining_since = Some(context.now);
    target.health = TargetHealth::because(TargetHealthState::Draining, TargetHealthReason::DeregistrationInProgress, context.now);
}

fn end_containers(context: &Context<'_>, draft: &mut TaskDraft<'_>, found: &mut Findings) {
    let definition = draft.definition;
    for index in 0..draft.task.containers.len() {
        let record = &draft.task.containers[index];
        if record.last_status == ContainerStatus::Stopped {
            continue;
        }
        let wanted = definition.and_then(|definition| definition.container(&record.name));
        match container::ending(context, &draft.task, record, wanted) {
            Ending::Wait => {}
            Ending::Signal(work) if dependencies::may_stop(definition, &draft.task, record) => found.act(context, work),
            Ending::Signal(_) => {}
            Ending::Over => {
                let record = &mut draft.task.to_mut().containers[index];
                (record.last_status, record.restarting) = (ContainerStatus::Stopped, false);
            }
        }
    }
}
