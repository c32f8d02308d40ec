//! One plan: index the input, let each stage speak for each service, merge.

use std::collections::{BTreeMap, BTreeSet};

use model::{Ids, InstanceStatus, Observed, Revision, Service, ServiceKey, Step, Task, TaskDefinition, TaskId, TaskStatus, Timestamp, World};

use crate::context::Context;
use crate::draft::{Draft, Findings, Finished, TaskDraft};
use crate::placement::{self, Ledger};
use crate::{Pace, Work, alarm, attachment, faults, leaving, outlook, retention, scaling, scheduled, service, targets, task};

/// Everything that a plan is derived from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What is wanted and recorded.
    pub world: &'a World,
    /// What is seen to run.
    pub observed: &'a Observed,
    /// Work that is under way.
    pub busy: &'a BTreeSet<Work>,
    /// The knobs.
    pub pace: &'a Pace,
    /// The time.
    pub now: Timestamp,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be recorded, in this order.
    pub steps: Vec<Step>,
    /// To be handed to the engine, in any order.
    pub actions: Vec<Work>,
    /// Why nothing happens where a user might expect something.
    pub waiting: Vec<Waiting>,
    /// Services that will not become steady by waiting.
    pub hopeless: Vec<Hopeless>,
    /// The earliest moment at which time alone changes the plan.
    pub wake_at: Option<Timestamp>,
}

/// One reason for waiting, for a person: `posts/3f2a91bc draining, 8 s left`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The service.
    pub service: ServiceKey,
    /// The task, when it is about one.
    pub task: Option<TaskId>,
    /// The sentence.
    pub reason: String,
}

/// A service that will not become steady by waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hopeless {
    /// The service.
    pub service: ServiceKey,
    /// Why, for a person.
    pub reason: String,
    /// What to change.
    pub hint: String,
}

/// Derives what to record and what to do from what is wanted and what is seen.
#[must_use]
pub fn plan(input: &Input<'_>, ids: &mut Ids) -> Plan {
    let context = Context::new(input);
    let mut drafts = drafts(&context);
    for draft in &mut drafts {
        for one in &mut draft.tasks {
            task::advance(&context, one, &mut draft.found);
        }
        if let Some((_, found)) = draft.service {
            service::end_if_deleted(&context, found, draft);
        }
        for one in &mut draft.tasks {
            leaving::advance(&context, one, &mut draft.found);
        }
    }
    let mut ledger = Ledger::new(&context, &drafts);
    let counts = placement::counts(&context, &ledger, &drafts);
    if !counts.is_empty() {
        // Everything else follows from them.
        return Plan { steps: counts, ..Plan::default() };
    }
    // What runs on every instance is placed before the rest (ecs.md 3.1).
    drafts.sort_by_key(|draft| !draft.is_daemon());
    for draft in &mut drafts {
        service::advance(&context, draft, &mut ledger, ids);
        scaling::advance(&context, draft, ids);
        attachment::advance(&context, draft);
        retention::clear(&context, draft);
    }
    let hopeless = outlook::hopeless(&drafts);
    let mut merged: Vec<Finished> = drafts.into_iter().map(|draft| draft.finish(&context)).collect();
    merged.push(scheduled::start(&context, &mut ledger, ids));
    merged.push(faults::advance(&context));
    merged.push(finish_world(&context, &merged));
    Plan { hopeless, ..join(merged) }
}

/// Tasks by service; one draft more for those that belong to none.
fn drafts<'a>(context: &Context<'a>) -> Vec<Draft<'a>> {
    let mut tasks: BTreeMap<Option<(&str, &str)>, Vec<&'a Task>> = BTreeMap::new();
    for task in context.world.tasks.values() {
        tasks.entry(task.service.as_ref().map(|name| (task.cluster.as_str(), name.as_str()))).or_default().push(task);
    }
    let draft = |service: Option<(&'a ServiceKey, &'a Service)>, tasks: Vec<&'a Task>| Draft {
        service,
        tasks: task_drafts(context, tasks),
        found: Findings::default(),
    };
    let mut drafts = Vec::with_capacity(context.world.services.len() + 1);
    for (key, service) in &context.world.services {
        let own = tasks.remove(&Some((key.cluster.as_str(), key.name.as_str()))).unwrap_or_default();
        drafts.push(draft(Some((key, service)), own));
    }
    drafts.extend(tasks.into_values().map(|tasks| draft(None, tasks)));
    drafts
}

/// Tasks of one service are mostly of one revision, which is looked up once.
fn task_drafts<'a>(context: &Context<'a>, tasks: Vec<&'a Task>) -> Vec<TaskDraft<'a>> {
    let mut last: Option<(&Revision, Option<&TaskDefinition>)> = None;
    let draft = |task: &'a Task| {
        let known = last.filter(|(revision, _)| **revision == task.revision);
        let (_, definition) = *last.insert(known.unwrap_or_else(|| (&task.revision, context.world.definition(&task.revision))));
        TaskDraft::new(context, task, definition)
    };
    tasks.into_iter().map(draft).collect()
}

/// What belongs to no service: containers of unknown tasks, targets of gone tasks, deleted groups and clusters.
fn finish_world(context: &Context<'_>, services: &[Finished]) -> Finished {
    let mut found = Findings::default();
    let gone = services.iter().flat_map(|finished| &finished.removals).filter_map(|step| match step {
        Step::RemoveTarget { target_group, key } => Some((target_group, key)),
        _ => None,
    });
    targets::clear(context, &gone.collect(), &mut found);
    let known = |task: &TaskId| context.world.tasks.contains_key(task);
    let mut unknown: Vec<_> = context.seen.iter().filter(|(task, _)| !known(task)).flat_map(|(_, seen)| seen).collect();
    unknown.sort_by(|a, b| a.id.cmp(&b.id));
    unknown.into_iter().for_each(|seen| found.act(context, Work::Remove { engine: seen.engine.clone(), id: seen.id.clone() }));
    end_instances(context, &mut found);
    for (name, _) in context.world.clusters.iter().filter(|(_, cluster)| cluster.deleting) {
        let used = context.world.services.keys().any(|key| key.cluster == *name) || context.world.tasks.values().any(|task| task.cluster == *name);
        let struck = context.world.faults.values().any(|fault| fault.cluster == *name && !fault.is_over());
        if !used && !struck {
            found.steps.push(Step::RemoveCluster(name.clone()));
        }
    }
    let removals = std::mem::take(&mut found.steps);
    Finished { removals, steps: alarm::judge(context), actions: found.actions, waiting: Vec::new(), wake_at: found.wake_at }
}

/// Instances that the manifest does not name any more are gone with their last task.
fn end_instances(context: &Context<'_>, found: &mut Findings) {
    for (cluster, known) in &context.world.clusters {
        let leaving = known.instances.values().filter(|instance| instance.status == InstanceStatus::Deregistering);
        for name in leaving.map(|instance| &instance.spec.name) {
            let on_it = |task: &&Task| task.cluster == *cluster && task.instance == *name && task.last_status != TaskStatus::Stopped;
            if !context.world.tasks.values().any(|task| on_it(&task)) {
                found.steps.push(Step::RemoveContainerInstance { cluster: cluster.clone(), name: name.clone() });
            }
        }
    }
}

fn join(parts: Vec<Finished>) -> Plan {
    let mut plan = Plan::default();
    let mut rest = Vec::new();
    for part in parts {
        plan.steps.extend(part.removals);
        rest.extend(part.steps);
        plan.actions.extend(part.actions);
        plan.waiting.extend(part.waiting);
        plan.wake_at = plan.wake_at.into_iter().chain(part.wake_at).min();
    }
    plan.steps.extend(rest);
    plan
}
