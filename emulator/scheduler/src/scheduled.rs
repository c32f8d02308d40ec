//! Tasks that are due by their schedules (ecs.md 9).

use model::{Birth, ClusterName, Ids, InstanceSpec, Placed, ScheduleName, ScheduledRun, ScheduledTask, Step, Task};

use crate::context::Context;
use crate::draft::{Findings, Finished};
use crate::placement::{Ledger, Lone};

/// Starts what is due. What was missed, with the daemon away, is started once.
pub(crate) fn start(context: &Context<'_>, ledger: &mut Ledger<'_>, ids: &mut Ids) -> Finished {
    let mut found = Findings::default();
    for (cluster, known) in context.world.clusters.iter().filter(|(_, cluster)| !cluster.deleting) {
        for (name, scheduled) in &known.scheduled_tasks {
            match scheduled.next() {
                Some(due) if due <= context.now => run(context, (cluster, name, scheduled), ledger, ids, &mut found),
                Some(due) => found.wake(context, due),
                None => {}
            }
        }
    }
    Finished { removals: Vec::new(), steps: found.steps, actions: Vec::new(), waiting: Vec::new(), wake_at: found.wake_at }
}

fn run(
    context: &Context<'_>,
    (cluster, name, scheduled): (&ClusterName, &ScheduleName, &ScheduledTask),
    ledger: &mut Ledger<'_>,
    ids: &mut Ids,
    found: &mut Findings,
) {
    let tasks = tasks(context, (cluster, name, scheduled), ledger, ids);
    let (tasks, problem) = tasks.map_or_else(|problem| (Vec::new(), Some(problem)), |tasks| (tasks, None));
    let ran = ScheduledRun { at: context.now, tasks: tasks.iter().map(|task| task.id.clone()).collect(), problem };
    found.steps.extend(tasks.into_iter().map(|task| Step::PutTask(Box::new(task))));
    found.steps.push(Step::ScheduledTaskRan { cluster: cluster.clone(), name: name.clone(), ran });
}

fn tasks(
    context: &Context<'_>,
    (cluster, name, scheduled): (&ClusterName, &ScheduleName, &ScheduledTask),
    ledger: &mut Ledger<'_>,
    ids: &mut Ids,
) -> Result<Vec<Task>, String> {
    let spec = &scheduled.spec;
    let revision = context.world.resolve(&spec.task_definition).map_err(|refused| refused.to_string())?;
    let definition = context.world.definition(&revision).ok_or_else(|| format!("there is no task definition {revision}"))?;
    let Placed { instances, failures } =
        Lone { cluster, definition, overrides: &spec.overrides, placement: &spec.placement, count: spec.count }.place(ledger, ids);
    if let Some(failure) = failures.first().filter(|_| instances.is_empty()) {
        // The words of a failure of RunTask.
        return Err(model::Refused::Unplaced(failure.clone()).to_string());
    }
    let started_by = Some(format!("events-rule/{name}"));
    let places = instances.iter().filter_map(|name| Some(&context.world.clusters.get(cluster)?.instances.get(name)?.spec));
    let task = |instance: &InstanceSpec| {
        let birth = Birth { cluster, service: None, revision: &revision, definition, instance, at: context.now };
        let (overrides, started_by) = (spec.overrides.clone(), started_by.clone());
        Task { overrides, started_by, enable_execute_command: spec.enable_execute_command, ..Task::new(&birth, ids) }
    };
    Ok(places.map(task).collect())
}
