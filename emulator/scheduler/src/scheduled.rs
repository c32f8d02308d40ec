//! Tasks that are due by their schedules (ecs.md 9).

use model::{Birth, ClusterName, Ids, ScheduleName, ScheduledRun, ScheduledTask, Step, Task};

use crate::context::Context;
use crate::draft::{Findings, Finished};
use crate::ports::{Fit, Ports};

/// Starts what is due. What was missed, with the daemon away, is started once.
pub(crate) fn start(context: &Context<'_>, ports: &mut Ports, ids: &mut Ids) -> Finished {
    let mut found = Findings::default();
    for (cluster, known) in context.world.clusters.iter().filter(|(_, cluster)| !cluster.deleting) {
        for (name, scheduled) in &known.scheduled_tasks {
            match scheduled.next() {
                Some(due) if due <= context.now => run(context, (cluster, name, scheduled), ports, ids, &mut found),
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
    ports: &mut Ports,
    ids: &mut Ids,
    found: &mut Findings,
) {
    let tasks = tasks(context, (cluster, name, scheduled), ports, ids);
    let (tasks, problem) = tasks.map_or_else(|problem| (Vec::new(), Some(problem)), |tasks| (tasks, None));
    let ran = ScheduledRun { at: context.now, tasks: tasks.iter().map(|task| task.id.clone()).collect(), problem };
    found.steps.extend(tasks.into_iter().map(|task| Step::PutTask(Box::new(task))));
    found.steps.push(Step::ScheduledTaskRan { cluster: cluster.clone(), name: name.clone(), ran });
}

fn tasks(
    context: &Context<'_>,
    (cluster, name, scheduled): (&ClusterName, &ScheduleName, &ScheduledTask),
    ports: &mut Ports,
    ids: &mut Ids,
) -> Result<Vec<Task>, String> {
    let spec = &scheduled.spec;
    let revision = context.world.resolve(&spec.task_definition).map_err(|refused| refused.to_string())?;
    let definition = context.world.definition(&revision).ok_or_else(|| format!("there is no task definition {revision}"))?;
    match ports.fit(definition) {
        Fit::Any => {}
        Fit::Once if spec.count == 1 => {}
        // The words of a failure of RunTask.
        Fit::Once | Fit::Soon | Fit::No => return Err("RESOURCE:PORTS: a host port of it is held by another task".into()),
    }
    ports.take(definition);
    let birth = Birth { cluster, service: None, revision: &revision, definition, at: context.now };
    let started_by = Some(format!("events-rule/{name}"));
    let task = |_| Task { overrides: spec.overrides.clone(), started_by: started_by.clone(), ..Task::new(&birth, ids) };
    Ok((0..spec.count).map(task).collect())
}
