//! What the scheduler records in the World. Steps are trusted: they come from our own decisions, not from a user.

use crate::world::World;
use crate::{
    Action, Alarm, Attachment, ClusterName, Deployment, EngineName, EngineResources, Fault, FaultId, InstanceName, LaunchBackoff, Revision, RuleName,
    ScalingState, ScheduleName, ScheduledRun, ServiceEvent, ServiceKey, ServiceLoadBalancer, Speed, Target, TargetGroupName, TargetHealth, TargetKey,
    Task, TaskId, Timestamp, WeightedTargetGroup,
};

/// One record. Applying the same step twice gives the same World (but for an event's number).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A task is new or has changed.
    PutTask(Box<Task>),
    /// A stopped task is forgotten.
    RemoveTask(TaskId),
    /// A target is registered, or begins to drain.
    PutTarget {
        /// Its group.
        target_group: TargetGroupName,
        /// The target.
        key: TargetKey,
        /// What it is now.
        target: Target,
    },
    /// A target's health changed.
    SetTargetHealth {
        /// Its group.
        target_group: TargetGroupName,
        /// The target.
        key: TargetKey,
        /// The new health.
        health: TargetHealth,
    },
    /// A target is gone.
    RemoveTarget {
        /// Its group.
        target_group: TargetGroupName,
        /// The target.
        key: TargetKey,
    },
    /// A deleted target group has no target left.
    RemoveTargetGroup(TargetGroupName),
    /// A service's deployments changed.
    SetDeployments {
        /// The service.
        service: ServiceKey,
        /// Newest first.
        deployments: Vec<Deployment>,
    },
    /// The weights of a rule's target groups move a service's traffic.
    ShiftTraffic {
        /// The rule.
        rule: RuleName,
        /// Its groups from now on.
        target_groups: Vec<WeightedTargetGroup>,
    },
    /// A service goes back to the revision of an earlier deployment.
    RollBack {
        /// The service.
        service: ServiceKey,
        /// What it runs again.
        revision: Revision,
        /// Where its tasks were registered then, if that is known and all of it is still there.
        load_balancers: Option<Vec<ServiceLoadBalancer>>,
    },
    /// A scheduled task was due.
    ScheduledTaskRan {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: ScheduleName,
        /// What came of it.
        ran: ScheduledRun,
    },
    /// A service's launches are spaced out, or are so no more.
    SetBackoff {
        /// The service.
        service: ServiceKey,
        /// When launches may go on.
        backoff: LaunchBackoff,
    },
    /// A service reached or left its steady state.
    SetSteady {
        /// The service.
        service: ServiceKey,
        /// Whether it is steady.
        steady: bool,
    },
    /// A service's metrics, alarms, cooldowns or scaling activities changed.
    SetScaling {
        /// The service.
        service: ServiceKey,
        /// All of it.
        scaling: Box<ScalingState>,
    },
    /// A scaling policy or a scheduled action changed how many tasks a service is to have.
    SetDesiredCount {
        /// The service.
        service: ServiceKey,
        /// How many.
        desired_count: u32,
    },
    /// The process of a service has taken over, or its tasks have.
    SetAttachment {
        /// The service.
        service: ServiceKey,
        /// When.
        at: Timestamp,
        /// How far it is; `None` where it is over.
        attachment: Option<Attachment>,
    },
    /// An alarm has got a new minute, or judged one.
    SetAlarm {
        /// Its cluster.
        cluster: ClusterName,
        /// Its name.
        name: String,
        /// All of it.
        alarm: Box<Alarm>,
    },
    /// A container instance that is to go has no task left.
    RemoveContainerInstance {
        /// The cluster.
        cluster: ClusterName,
        /// Its name.
        name: InstanceName,
    },
    /// An engine has said what it has.
    SetEngine {
        /// The engine.
        engine: EngineName,
        /// What it has.
        resources: EngineResources,
    },
    /// A fault began, goes on otherwise, or is over.
    PutFault(Box<Fault>),
    /// A fault that is over is forgotten.
    RemoveFault(FaultId),
    /// A deleted service has no task and no network left.
    RemoveService(ServiceKey),
    /// A deleted cluster has nothing left.
    RemoveCluster(ClusterName),
    /// A line for the service's event list.
    Event {
        /// The service.
        service: ServiceKey,
        /// When.
        at: Timestamp,
        /// ECS's sentence.
        message: String,
    },
}

impl World {
    /// Records a step. A step about something that is gone changes nothing.
    pub fn record(&mut self, step: Step) {
        self.version += 1;
        match step {
            Step::PutTask(task) => {
                self.tasks.insert(task.id.clone(), *task);
            }
            Step::RemoveTask(id) => {
                self.tasks.remove(&id);
            }
            Step::PutTarget { target_group, key, target } => {
                if let Some(group) = self.target_groups.get_mut(&target_group) {
                    group.targets.insert(key, target);
                }
            }
            Step::SetTargetHealth { target_group, key, health } => {
                if let Some(target) = self.target_groups.get_mut(&target_group).and_then(|group| group.targets.get_mut(&key)) {
                    target.health = health;
                }
            }
            Step::RemoveTarget { target_group, key } => {
                if let Some(group) = self.target_groups.get_mut(&target_group) {
                    group.targets.remove(&key);
                }
            }
            Step::RemoveTargetGroup(name) => {
                self.target_groups.remove(&name);
            }
            Step::RemoveCluster(name) => self.forget_cluster(&name),
            Step::RemoveContainerInstance { cluster, name } => {
                if let Some(cluster) = self.clusters.get_mut(&cluster) {
                    cluster.instances.remove(&name);
                }
            }
            Step::SetEngine { engine, resources } => {
                self.engines.insert(engine, resources);
            }
            Step::PutFault(fault) => {
                self.faults.insert(fault.id.clone(), *fault);
            }
            Step::RemoveFault(id) => {
                self.faults.remove(&id);
            }
            Step::RemoveService(key) => {
                self.services.remove(&key);
            }
            Step::SetDeployments { service, deployments } => self.change_service(&service, |found| found.put_deployments(deployments)),
            Step::ScheduledTaskRan { cluster, name, ran } => {
                let found = self.clusters.get_mut(&cluster).and_then(|cluster| cluster.scheduled_tasks.get_mut(&name));
                if let Some(known) = found {
                    (known.done_until, known.last) = (ran.at, Some(ran));
                }
            }
            Step::ShiftTraffic { rule, target_groups } => {
                if let Some(Action::Forward(forward)) = self.rule_action_mut(&rule) {
                    forward.target_groups = target_groups;
                }
            }
            Step::RollBack { service, revision, load_balancers } => {
                let there = |name: &TargetGroupName| self.target_groups.get(name).is_some_and(|group| !group.deleting);
                let kept = load_balancers.filter(|entries| entries.iter().flat_map(ServiceLoadBalancer::groups).all(&there));
                self.change_service(&service, |found| {
                    (found.revision, found.backoff) = (revision, LaunchBackoff::default());
                    found.spec.load_balancers = kept.unwrap_or_else(|| std::mem::take(&mut found.spec.load_balancers));
                });
            }
            Step::SetAlarm { cluster, name, alarm } => {
                let found = self.clusters.get_mut(&cluster).and_then(|cluster| cluster.alarms.get_mut(&name));
                if let Some(found) = found {
                    *found = *alarm;
                }
            }
            Step::SetBackoff { service, backoff } => self.change_service(&service, |found| found.backoff = backoff),
            Step::SetSteady { service, steady } => self.change_service(&service, |found| found.steady = steady),
            Step::SetScaling { service, scaling } => self.change_service(&service, |found| found.scaling = *scaling),
            Step::SetDesiredCount { service, desired_count } => self.change_service(&service, |found| {
                found.steady = found.steady && found.spec.desired_count == desired_count;
                found.spec.desired_count = desired_count;
            }),
            Step::SetAttachment { service, at, attachment } => {
                self.change_service(&service, |found| found.put_attachment(attachment));
                self.register_attached(at);
            }
            Step::Event { service, at, message } => {
                self.last_event += 1;
                let sequence = self.last_event;
                self.change_service(&service, |found| found.push_event(ServiceEvent { sequence, at, message }));
            }
        }
    }

    fn change_service(&mut self, key: &ServiceKey, change: impl FnOnce(&mut crate::Service)) {
        if let Some(service) = self.services.get_mut(key) {
            change(service);
        }
    }

    fn forget_cluster(&mut self, name: &ClusterName) {
        self.clusters.remove(name);
        if self.clusters.is_empty() {
            self.settings.speed = Speed::default();
        }
        self.task_definitions.retain(|_, family| family.owner != *name);
        self.target_groups.retain(|_, group| group.owner != *name);
        self.faults.retain(|_, fault| fault.cluster != *name);
        // Its tasks had their credentials to the end.
        self.roles.retain(|_, role| role.owner != *name);
    }
}
