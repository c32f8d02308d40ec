//! A wanted task: what was seen of its containers, whether it goes on, which container is next (ecs.md 2).

use model::{ContainerStatus, DesiredStatus, Stop, TaskDefinition, TaskStatus};

use crate::container::{self, Terms};
use crate::context::Context;
use crate::dependencies::{self, Gate};
use crate::draft::{Failure, Findings, TaskDraft};

/// Brings a task's record up to what the engine runs, ends it if it cannot go on, and plans its next work.
pub(crate) fn advance(context: &Context<'_>, draft: &mut TaskDraft<'_>, found: &mut Findings) {
    if draft.task.last_status == TaskStatus::Stopped {
        return;
    }
    let definition = draft.definition;
    look(context, draft, definition);
    if let Some(definition) = definition.filter(|_| draft.task.is_live()) {
        fail_dependents(context, draft, definition, found);
    }
    if draft.task.is_live() {
        end_without_resources(context, draft, found);
    }
    if draft.task.is_live() {
        end_with_essential(context, draft, definition, found);
    }
    if draft.task.is_live() {
        go_on(context, draft, definition, found);
    }
}

fn look(context: &Context<'_>, draft: &mut TaskDraft<'_>, definition: Option<&TaskDefinition>) {
    let seen = context.containers(&draft.task.id);
    let known = context.knows(&draft.task);
    for index in 0..draft.task.containers.len() {
        let record = &draft.task.containers[index];
        let new = match container::find(record, seen) {
            Some(seen) => container::after_seeing(record, seen, Terms::of(definition, &draft.task, record), context.now),
            None if known && record.last_status == ContainerStatus::Running => Some(container::vanished(record, draft.task.is_live())),
            None => None,
        };
        if let Some(new) = new {
            draft.task.to_mut().containers[index] = new;
        }
    }
}

fn fail_dependents(context: &Context<'_>, draft: &mut TaskDraft<'_>, definition: &TaskDefinition, found: &mut Findings) {
    for index in 0..draft.task.containers.len() {
        let record = &draft.task.containers[index];
        if record.last_status > ContainerStatus::Pulled || context.creating(&draft.task.id, &record.name) {
            continue;
        }
        let Some(wanted) = definition.container(&record.name) else { continue };
        match dependencies::gate(definition, &draft.task, wanted, context.now) {
            Gate::Open => {}
            Gate::Wait { reason, until } => {
                found.wait(&draft.task.id, format!("{}: {reason}", draft.task.id.short()));
                until.into_iter().for_each(|until| found.wake(context, until));
            }
            Gate::Failed(reason) => {
                let record = &mut draft.task.to_mut().containers[index];
                record.last_status = ContainerStatus::Stopped;
                record.exit_code = Some(dependencies::FAILED_DEPENDENCY_EXIT_CODE);
                record.reason.get_or_insert(reason);
            }
        }
    }
}

/// A task whose files of variables or secrets cannot be had never runs (ecs.md 1.9, 2.2).
fn end_without_resources(context: &Context<'_>, draft: &mut TaskDraft<'_>, found: &mut Findings) {
    let Some(reason) = draft.task.resource_failure.clone() else { return };
    found.failures.push(Failure { created_at: draft.task.created_at, ran: false, deployment: draft.task.deployment.clone() });
    draft.task.to_mut().end(Stop::failed_to_start(Some(&reason)), context.now);
}

fn end_with_essential(context: &Context<'_>, draft: &mut TaskDraft<'_>, definition: Option<&TaskDefinition>, found: &mut Findings) {
    let stopped = |record: &&model::Container| record.last_status == ContainerStatus::Stopped && container::essential(definition, record);
    // Of several that have ended at once the one that failed tells more.
    let failed = |record: &&model::Container| stopped(record) && record.exit_code != Some(0);
    let Some(ended) = draft.task.containers.iter().find(failed).or_else(|| draft.task.containers.iter().find(stopped)) else { return };
    let ended_by = Some(ended.name.clone());
    let never_ran = draft.task.started_at.is_none();
    let stop = if never_ran && refused(ended) { Stop::failed_to_start(None) } else { Stop::essential_container_exited() };
    if draft.task.started_at.is_none_or(|started| context.now.since(started) < context.pace.proven) {
        // One that is gone before it is looked at has run as well.
        let ran = !never_ran || draft.task.containers.iter().all(|record| record.started_at.is_some() || !refused(record));
        found.failures.push(Failure { created_at: draft.task.created_at, ran, deployment: draft.task.deployment.clone() });
    }
    let task = draft.task.to_mut();
    task.desired_status = DesiredStatus::Stopped;
    task.stopping_at = Some(context.now);
    task.stop = Some(stop);
    task.ended_by = ended_by;
}

/// Whether a container has an end without having run: no exit code, or the one of a failed dependency.
fn refused(record: &model::Container) -> bool {
    record.exit_code.is_none() || (record.exit_code == Some(dependencies::FAILED_DEPENDENCY_EXIT_CODE) && record.reason.is_some())
}

fn go_on(context: &Context<'_>, draft: &mut TaskDraft<'_>, definition: Option<&TaskDefinition>, found: &mut Findings) {
    if draft.task.last_status == TaskStatus::Pending && draft.task.containers.iter().all(|record| record.last_status >= ContainerStatus::Running) {
        let task = draft.task.to_mut();
        task.last_status = TaskStatus::Running;
        task.started_at = Some(context.now);
    }
    let task = &draft.task;
    // An engine lists a container while it makes it, and cannot start it before it is done.
    let unfinished = |record: &&model::Container| record.last_status < ContainerStatus::Running || record.restarting;
    let waits = |record: &&model::Container| unfinished(record) && !context.creating(&task.id, &record.name);
    for record in task.containers.iter().filter(waits) {
        let wanted = definition.and_then(|definition| Some((definition, definition.container(&record.name)?)));
        let open = wanted.is_none_or(|(definition, wanted)| dependencies::gate(definition, task, wanted, context.now) == Gate::Open);
        container::next_work(task, record, open).into_iter().for_each(|work| found.act(context, work));
    }
}
