//! Faults on purpose: begun, ended when their time is over or their task goes, undone, forgotten.
//!
//! What was done to a task is undone whatever becomes of it, of its service and of the daemon: the record of a fault keeps each task until
//! an engine says that nothing is left there. A task that is to stop is let go first, since a frozen one obeys no signal.

use std::collections::BTreeSet;

use model::fault::FAULT_RETENTION;
use model::{Fault, FaultKind, FaultState, ServiceKey, Step, TaskId};

use crate::Work;
use crate::context::Context;
use crate::draft::{Findings, Finished};

/// Tasks that are frozen, or may be: no signal reaches them.
pub(crate) fn frozen(world: &model::World) -> BTreeSet<&TaskId> {
    let pauses = world.faults.values().filter(|fault| matches!(fault.kind, FaultKind::Pause { .. }));
    pauses.flat_map(|fault| fault.tasks.keys()).collect()
}

/// What is to be done for every fault.
pub(crate) fn advance(context: &Context<'_>) -> Finished {
    let mut found = Findings::default();
    for fault in context.world.faults.values() {
        match fault.over_at {
            Some(over) if over + FAULT_RETENTION <= context.now => found.steps.push(Step::RemoveFault(fault.id.clone())),
            Some(over) => found.wake(context, over + FAULT_RETENTION),
            None => one(context, fault, &mut found),
        }
    }
    Finished { removals: Vec::new(), steps: found.steps, actions: found.actions, waiting: Vec::new(), wake_at: found.wake_at }
}

fn one(context: &Context<'_>, before: &Fault, found: &mut Findings) {
    let mut fault = before.clone();
    if !fault.announced {
        fault.announced = true;
        tell(context, &fault, found, &format!("is under {}: {}", fault.id, begun(context, &fault)));
    }
    let deleting = context.world.clusters.get(&fault.cluster).is_none_or(|cluster| cluster.deleting);
    if fault.until <= context.now || deleting {
        fault.end();
    } else if !fault.ending {
        found.wake(context, fault.until);
    }
    fault.tasks.retain(|task, faulted| stays(context, before, (task, faulted)));
    if fault.tasks.is_empty() {
        (fault.ending, fault.over_at) = (true, Some(context.now));
        let how = fault
            .problem
            .as_ref()
            .map_or_else(|| "is over".to_owned(), |problem| format!("could not be injected: {}", problem.lines().next().unwrap_or_default()));
        tell(context, &fault, found, &format!("{} {how}", fault.id));
    }
    for (task, faulted) in &fault.tasks {
        let ids = || (fault.id.clone(), task.clone(), faulted.engine.clone());
        let begin = |(fault, task, engine)| Work::BeginFault { fault, task, engine };
        let going = fault.ending || context.world.tasks.get(task).is_none_or(|task| !task.is_live());
        if context.busy.contains(&begin(ids())) {
            continue;
        }
        match faulted.state {
            FaultState::Pending if !going => found.act(context, begin(ids())),
            FaultState::Active if !going => {}
            // One that is not known to have begun may have, with a daemon that died.
            FaultState::Pending | FaultState::Active => {
                let (fault, task, engine) = ids();
                found.act(context, Work::EndFault { fault, task, engine });
            }
        }
    }
    if fault != *before {
        found.steps.push(Step::PutFault(Box::new(fault)));
    }
}

/// Whether there may be something left to undo. Not where an engine has none: nor of what is over as soon as it is done, nor where the
/// engine is nobody's any more.
fn stays(context: &Context<'_>, fault: &Fault, (task, faulted): (&TaskId, &mut model::FaultedTask)) -> bool {
    let live = context.world.tasks.get(task).is_some_and(model::Task::is_live);
    if !fault.kind.is_the_engine_s() {
        return live && !fault.ending && fault.until > context.now;
    }
    let known = faulted.engine.is_own()
        || context.world.clusters.values().any(|cluster| cluster.instances.values().any(|instance| instance.spec.engine == faulted.engine));
    let under_way = || {
        let work = Work::BeginFault { fault: fault.id.clone(), task: task.clone(), engine: faulted.engine.clone() };
        context.busy.contains(&work)
    };
    let done = fault.kind.is_momentary() && (!live || faulted.state == FaultState::Active || fault.ending || fault.until <= context.now);
    known && (!done || under_way())
}

/// `pause for 30 s of (task 1) (task 2).`
fn begun(context: &Context<'_>, fault: &Fault) -> String {
    let tasks: Vec<String> = fault.tasks.keys().map(|task| format!("(task {task})")).collect();
    let lasts = if fault.kind.is_momentary() || fault.origin == model::FaultOrigin::Task {
        String::new()
    } else {
        format!(" for {} s", fault.until.since(context.now).as_millis().div_ceil(1000))
    };
    format!("{}{lasts}, {}", fault.kind.words(), tasks.join(" "))
}

/// A line for each service that has a task under it.
fn tell(context: &Context<'_>, fault: &Fault, found: &mut Findings, what: &str) {
    let of_tasks = fault.struck.iter().filter_map(|task| context.world.tasks.get(task)?.service.clone());
    for name in of_tasks.chain(fault.service.clone()).collect::<BTreeSet<_>>() {
        let message = format!("(service {name}) {what}.");
        let service = ServiceKey { cluster: fault.cluster.clone(), name };
        found.steps.push(Step::Event { service, at: context.now, message });
    }
}
