//! What a piece of work found out, as records.

use model::{
    Container, ContainerStatus, Decimal, Fact, Fault, FaultId, FaultState, Metric, ServiceKey, ServiceStatus, Step, Task, TaskId, TaskStatus,
    Timestamp, World,
};

use crate::container::{self, Terms};
use crate::shift;

/// What a piece of work found out -> records. Pure. A fact about something that is gone, or that says nothing new, gives no step.
/// Consequences for the task (RUNNING, stopped, replaced) are [`crate::plan`]'s.
#[must_use]
pub fn learn(world: &World, fact: &Fact, now: Timestamp) -> Vec<Step> {
    match fact {
        Fact::ImageReady { task, container, image_id } => change(world, task, container, |record| {
            (record.last_status == ContainerStatus::None).then(|| Container {
                last_status: ContainerStatus::Pulled,
                image_id: Some(image_id.clone()),
                ..record.clone()
            })
        }),
        Fact::Created { task, container, id } => change(world, task, container, |record| {
            (record.last_status <= ContainerStatus::Pulled && record.runtime_id.is_none()).then(|| Container {
                last_status: ContainerStatus::Created,
                created_at: Some(now),
                runtime_id: Some(id.clone()),
                ..record.clone()
            })
        }),
        Fact::Seen(seen) => {
            change(world, &seen.task, &seen.container, |record| container::after_seeing(record, seen, terms(world, &seen.task, record)?, now))
        }
        Fact::Started(seen) => {
            change(world, &seen.task, &seen.container, |record| container::after_starting(record, seen, terms(world, &seen.task, record)?, now))
        }
        Fact::Failed { task, container, failure } => change(world, task, container, |record| {
            let reason = record.reason.clone().or_else(|| Some(failure.to_string()));
            let over = || Container { last_status: ContainerStatus::Stopped, reason, restarting: false, ..record.clone() };
            (record.last_status != ContainerStatus::Stopped).then(over)
        }),
        Fact::ResourcesFailed { task, reason } => {
            let waiting = world.tasks.get(task).filter(|task| task.is_live() && task.resource_failure.is_none());
            let failed = |task: &Task| Step::PutTask(Box::new(Task { resource_failure: Some(reason.clone()), ..task.clone() }));
            waiting.map(failed).into_iter().collect()
        }
        Fact::Removed(_) => Vec::new(),
        Fact::NetworkRemoved(service) => forget(world, service),
        Fact::VolumeRemoved { task, name } => {
            let known = world.tasks.get(task).filter(|task| task.volumes.iter().any(|volume| volume.runtime_name == *name));
            let without = |task: &Task| {
                let mut task = task.clone();
                task.volumes.retain(|volume| volume.runtime_name != *name);
                Step::PutTask(Box::new(task))
            };
            known.map(without).into_iter().collect()
        }
        Fact::FaultBegun { fault, task } => change_fault(world, fault, |fault| {
            fault.tasks.get_mut(task).into_iter().for_each(|faulted| faulted.state = FaultState::Active);
        }),
        // Those that have it are let go, and this one, which may have half of it: that is nothing that anybody asked for.
        Fact::FaultFailed { fault, reason, .. } => change_fault(world, fault, |fault| {
            fault.problem.get_or_insert_with(|| reason.clone());
            fault.end();
        }),
        Fact::FaultUndone { fault, task } => change_fault(world, fault, |fault| drop(fault.tasks.remove(task))),
        Fact::Hook { service: key, deployment, stage, hook, answer } => {
            let known = world
                .services
                .get(key)
                .and_then(|service| shift::answered(service, (deployment, *stage, *hook), answer, (now, world.settings.speed)));
            known.map(|deployments| Step::SetDeployments { service: key.clone(), deployments }).into_iter().collect()
        }
        Fact::TargetHealth { target_group, target: key, health } => {
            let known = world.target_groups.get(target_group).and_then(|group| group.targets.get(key));
            let news = known.is_some_and(|target| target.draining_since.is_none() && target.health != *health);
            let step = Step::SetTargetHealth { target_group: target_group.clone(), key: key.clone(), health: health.clone() };
            news.then_some(step).into_iter().collect()
        }
        Fact::AlarmMeasured { cluster, alarm: name, at, value } => {
            let Some(mut alarm) = world.alarm(cluster, name).cloned() else { return Vec::new() };
            let news = alarm.measure(*at, *value);
            let step = || Step::SetAlarm { cluster: cluster.clone(), name: name.clone(), alarm: Box::new(alarm) };
            news.then(step).into_iter().collect()
        }
        Fact::Measured { service, at, values } => measure(world, service, *at, values),
    }
}

/// Nothing where it says nothing new.
fn change_fault(world: &World, id: &FaultId, change: impl FnOnce(&mut Fault)) -> Vec<Step> {
    let Some(known) = world.faults.get(id).filter(|fault| !fault.is_over()) else { return Vec::new() };
    let mut fault = known.clone();
    change(&mut fault);
    if fault == *known { Vec::new() } else { vec![Step::PutFault(Box::new(fault))] }
}

fn terms<'w>(world: &'w World, task: &TaskId, record: &Container) -> Option<Terms<'w>> {
    let task = world.tasks.get(task)?;
    Some(Terms::of(world.definition(&task.revision), task, record))
}

fn change(world: &World, task: &TaskId, container: &model::ContainerName, change: impl FnOnce(&Container) -> Option<Container>) -> Vec<Step> {
    let Some(task) = world.tasks.get(task).filter(|task| task.last_status != TaskStatus::Stopped) else { return Vec::new() };
    let Some(new) = task.container(container).and_then(change) else { return Vec::new() };
    let mut task: Task = task.clone();
    if let Some(record) = task.container_mut(container) {
        *record = new;
    }
    vec![Step::PutTask(Box::new(task))]
}

/// A minute without a value is over all the same: that it is missing is news for alarms.
fn measure(world: &World, key: &ServiceKey, at: Timestamp, values: &[(Metric, Decimal)]) -> Vec<Step> {
    let Some((service, target)) = world.services.get(key).and_then(|service| Some((service, service.spec.scalable_target.as_ref()?))) else {
        return Vec::new();
    };
    let mut scaling = Box::new(service.scaling.clone());
    let news = scaling.measure(target, at, values);
    news.then(|| Step::SetScaling { service: key.clone(), scaling }).into_iter().collect()
}

/// A deleted service is gone with its network; its tasks have all stopped. A task that ran by itself has none of its own any more.
fn forget(world: &World, key: &ServiceKey) -> Vec<Step> {
    let alone = |task: &&Task| task.own_network && task.last_status == TaskStatus::Stopped && task.network() == *key;
    if let Some(task) = world.tasks.values().find(alone) {
        return vec![Step::PutTask(Box::new(Task { own_network: false, ..task.clone() }))];
    }
    let draining = world.services.get(key).is_some_and(|service| service.status == ServiceStatus::Draining);
    if !draining || world.has_unstopped_tasks(key) {
        return Vec::new();
    }
    let tasks = world.tasks_of(key).map(|task| Step::RemoveTask(task.id.clone()));
    let groups = world.target_groups.values();
    let targets = groups.flat_map(|group| group.targets.iter().map(move |(id, target)| (group, id, target)));
    let targets = targets.filter(|(_, _, target)| {
        let task = target.task.as_ref().and_then(|task| world.tasks.get(task));
        task.is_some_and(|task| task.service_key().as_ref() == Some(key))
    });
    let targets = targets.map(|(group, id, _)| Step::RemoveTarget { target_group: group.spec.name.clone(), key: id.clone() });
    targets.chain(tasks).chain([Step::RemoveService(key.clone())]).collect()
}
