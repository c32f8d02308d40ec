//! What every stage reads: the input, and indexes over it that are made once a plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use model::{ContainerName, EngineName, ObservedContainer, Target, TargetGroup, TargetGroupName, TargetKey, TaskId, Timestamp, World};

use crate::{Input, Pace, Work, faults};

/// A target with its group and key.
pub(crate) type Registered<'a> = (&'a TargetGroup, &'a TargetKey, &'a Target);

/// The input and its indexes.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a World,
    /// Engines of which absence proves something.
    pub(crate) listed: &'a BTreeSet<EngineName>,
    /// Engines that cannot be reached.
    pub(crate) away: &'a BTreeSet<EngineName>,
    pub(crate) in_flight: &'a BTreeMap<(TargetGroupName, TargetKey), u64>,
    pub(crate) busy: &'a BTreeSet<Work>,
    /// As fast as time runs.
    pub(crate) pace: Pace,
    pub(crate) now: Timestamp,
    /// Containers by their task's label. Looked up, never read in its order, as `targets`.
    pub(crate) seen: HashMap<&'a TaskId, Vec<&'a ObservedContainer>>,
    /// Targets by the task behind them.
    pub(crate) targets: HashMap<&'a TaskId, Vec<Registered<'a>>>,
    /// Target groups that a listener forwards to.
    pub(crate) in_use: BTreeSet<&'a TargetGroupName>,
    /// Tasks that no signal reaches.
    pub(crate) frozen: BTreeSet<&'a TaskId>,
    /// Tasks with work under way.
    pub(crate) busy_tasks: BTreeSet<&'a TaskId>,
    /// The daemon's own engine.
    own: EngineName,
}

impl<'a> Context<'a> {
    pub(crate) fn new(input: &Input<'a>) -> Self {
        let mut seen: HashMap<_, Vec<_>> = HashMap::with_capacity(input.world.tasks.len());
        for container in input.observed.containers.values() {
            seen.entry(&container.task).or_default().push(container);
        }
        let mut targets: HashMap<_, Vec<_>> = HashMap::with_capacity(input.world.tasks.len());
        for group in input.world.target_groups.values() {
            for (key, target) in &group.targets {
                if let Some(task) = &target.task {
                    targets.entry(task).or_default().push((group, key, target));
                }
            }
        }
        let listeners = input.world.load_balancers.values().flat_map(|balancer| balancer.listeners.values());
        let in_use = listeners.flat_map(model::Listener::actions).flat_map(model::Action::target_groups).collect();
        let busy_tasks = input.busy.iter().filter_map(task_of).collect();
        Self {
            world: input.world,
            listed: &input.observed.listed,
            away: &input.observed.away,
            in_flight: &input.observed.in_flight,
            busy: input.busy,
            pace: input.pace.at(input.world.settings.speed),
            now: input.now,
            seen,
            targets,
            in_use,
            frozen: faults::frozen(input.world),
            busy_tasks,
            own: EngineName::own(),
        }
    }

    /// How long something takes that is waited for on purpose.
    pub(crate) fn wait(&self, wait: Duration) -> Duration {
        self.world.settings.speed.of(wait)
    }

    /// The engine's containers of a task.
    pub(crate) fn containers(&self, task: &TaskId) -> &[&'a ObservedContainer] {
        self.seen.get(task).map_or(&[], Vec::as_slice)
    }

    /// Whether everything is known of what a task has on its engine.
    pub(crate) fn knows(&self, task: &model::Task) -> bool {
        self.listed.contains(&task.engine)
    }

    /// Where this machine reaches what a task publishes on its engine's host.
    pub(crate) fn host_of(&self, task: &model::Task) -> IpAddr {
        self.world.host_of(task)
    }

    /// Who does a piece of work. What is nobody's alone waits for the daemon's own engine.
    pub(crate) fn engine_of<'w>(&'w self, work: &'w Work) -> &'w EngineName {
        match work {
            Work::Remove { engine, .. } | Work::BeginFault { engine, .. } | Work::EndFault { engine, .. } => engine,
            other => task_of(other).and_then(|task| self.world.tasks.get(task)).map_or(&self.own, |task| &task.engine),
        }
    }

    /// What names a task's targets that have no address of their own: the EC2 id of its container instance.
    pub(crate) fn ec2_instance_id(&self, task: &model::Task) -> &'a str {
        self.world.ec2_instance_id(self.world.instance_of(task))
    }

    /// Whether a container is being made.
    pub(crate) fn creating(&self, task: &TaskId, container: &ContainerName) -> bool {
        self.busy_tasks.contains(task) && self.busy.contains(&Work::Create { task: task.clone(), container: container.clone() })
    }
}

const fn task_of(work: &Work) -> Option<&TaskId> {
    match work {
        Work::PrepareImage { task, .. }
        | Work::Create { task, .. }
        | Work::Start { task, .. }
        | Work::Stop { task, .. }
        | Work::RemoveVolume { task, .. } => Some(task),
        Work::Hook { .. } | Work::Remove { .. } | Work::BeginFault { .. } | Work::EndFault { .. } | Work::RemoveNetwork(_) => None,
    }
}
