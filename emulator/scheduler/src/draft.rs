//! What one plan changes, before it is a list of steps: stages read what earlier stages of the same plan decided.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{
    DeploymentId, SchedulingStrategy, Service, ServiceKey, Step, Target, TargetGroup, TargetGroupName, TargetKey, Task, TaskDefinition, TaskId,
    Timestamp,
};

use crate::context::{Context, Registered};
use crate::{Waiting, Work};

/// One target of a task.
pub(crate) struct TargetDraft<'a> {
    pub(crate) group: &'a TargetGroup,
    pub(crate) key: TargetKey,
    pub(crate) target: Cow<'a, Target>,
    pub(crate) removed: bool,
}

/// One task with its targets.
pub(crate) struct TaskDraft<'a> {
    pub(crate) task: Cow<'a, Task>,
    /// What it was made from; looked up once, because every stage asks.
    pub(crate) definition: Option<&'a TaskDefinition>,
    pub(crate) targets: Vec<TargetDraft<'a>>,
}

impl<'a> TaskDraft<'a> {
    pub(crate) fn new(context: &Context<'a>, task: &'a Task, definition: Option<&'a TaskDefinition>) -> Self {
        let known = context.targets.get(&task.id).map_or(&[][..], Vec::as_slice);
        let targets = known.iter().map(|&(group, key, target): &Registered<'a>| TargetDraft {
            group,
            key: key.clone(),
            target: Cow::Borrowed(target),
            removed: false,
        });
        Self { targets: targets.collect(), task: Cow::Borrowed(task), definition }
    }

    /// Targets that are still there.
    pub(crate) fn present(&self) -> impl Iterator<Item = &TargetDraft<'a>> {
        self.targets.iter().filter(|target| !target.removed)
    }
}

/// A task that failed to launch, or died soon after.
pub(crate) struct Failure {
    pub(crate) created_at: Timestamp,
    /// Whether it died soon after it had reached RUNNING.
    pub(crate) ran: bool,
    pub(crate) deployment: Option<DeploymentId>,
}

/// A service that will not become steady by waiting, unless others make room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Despair {
    pub(crate) reason: String,
    pub(crate) hint: String,
    /// What other tasks hold would be enough for it.
    pub(crate) room_would_help: bool,
}

/// What the stages of one service found, besides changed tasks and targets.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) actions: Vec<Work>,
    pub(crate) waiting: Vec<(Option<TaskId>, String)>,
    pub(crate) wake_at: Option<Timestamp>,
    pub(crate) failures: Vec<Failure>,
    /// The deployments of tasks that are stopped for their health.
    pub(crate) sick: Vec<Option<DeploymentId>>,
    /// By group: targets registered, targets deregistered.
    pub(crate) registered: BTreeMap<TargetGroupName, usize>,
    pub(crate) deregistered: BTreeMap<TargetGroupName, usize>,
    /// Tasks by deployment that began to drain.
    pub(crate) draining: BTreeMap<DeploymentId, usize>,
    pub(crate) events: Vec<String>,
    /// Why waiting alone will not help.
    pub(crate) hopeless: Option<Despair>,
    /// Steps that are neither tasks nor targets.
    pub(crate) steps: Vec<Step>,
}

impl Findings {
    /// Plan again at `at`, when that is still to come.
    pub(crate) fn wake(&mut self, context: &Context<'_>, at: Timestamp) {
        if at > context.now {
            self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// Plan this piece of work, unless it is under way or nothing is known of the engine that is to do it.
    pub(crate) fn act(&mut self, context: &Context<'_>, work: Work) {
        if !context.busy.contains(&work) && context.listed.contains(context.engine_of(&work)) {
            self.actions.push(work);
        }
    }

    /// Waiting alone will not help.
    pub(crate) fn despair(&mut self, despair: Despair) {
        self.waiting.push((None, despair.reason.clone()));
        self.hopeless = Some(despair);
    }

    pub(crate) fn wait(&mut self, task: &TaskId, reason: String) {
        self.waiting.push((Some(task.clone()), reason));
    }
}

/// Everything about one service, or about the tasks that belong to none.
pub(crate) struct Draft<'a> {
    pub(crate) service: Option<(&'a ServiceKey, &'a Service)>,
    pub(crate) tasks: Vec<TaskDraft<'a>>,
    pub(crate) found: Findings,
}

/// Whether the cluster says how many tasks a service has.
pub(crate) fn is_daemon(service: &Service) -> bool {
    service.spec.scheduling_strategy == SchedulingStrategy::Daemon
}

/// A draft as steps; removals of targets come apart because they are recorded before any registration.
pub(crate) struct Finished {
    pub(crate) removals: Vec<Step>,
    pub(crate) steps: Vec<Step>,
    pub(crate) actions: Vec<Work>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) wake_at: Option<Timestamp>,
}

impl Draft<'_> {
    pub(crate) fn is_daemon(&self) -> bool {
        self.service.is_some_and(|(_, service)| is_daemon(service))
    }

    /// The changes as steps: tasks, targets, the service's own, events.
    pub(crate) fn finish(self, context: &Context<'_>) -> Finished {
        let (mut removals, mut steps) = (Vec::new(), Vec::new());
        for TaskDraft { task, targets, .. } in self.tasks {
            for TargetDraft { group, key, target, removed } in targets {
                let target_group = group.spec.name.clone();
                match (removed, target) {
                    (true, _) => removals.push(Step::RemoveTarget { target_group, key }),
                    (false, Cow::Owned(target)) => steps.push(Step::PutTarget { target_group, key, target }),
                    (false, Cow::Borrowed(_)) => {}
                }
            }
            if let Cow::Owned(task) = task
                && context.world.tasks.get(&task.id) != Some(&task)
            {
                steps.push(Step::PutTask(Box::new(task)));
            }
        }
        steps.extend(self.found.steps);
        let mut waiting = Vec::new();
        if let Some((key, _)) = self.service {
            let event = |message| Step::Event { service: key.clone(), at: context.now, message };
            steps.extend(self.found.events.into_iter().map(event));
            waiting.extend(self.found.waiting.into_iter().map(|(task, reason)| Waiting { service: key.clone(), task, reason }));
        }
        Finished { removals, steps, actions: self.found.actions, waiting, wake_at: self.found.wake_at }
    }
}
