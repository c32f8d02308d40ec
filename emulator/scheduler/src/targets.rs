//! Targets: registration of running tasks, and when a draining one is gone (ecs.md 4, alb.md 9).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::SocketAddr;

use model::{
    Deployment, Service, Step, Target, TargetGroup, TargetGroupName, TargetHealth, TargetHealthReason, TargetHealthState, TargetKey, Task, TaskStatus,
};

use crate::context::Context;
use crate::draft::{Findings, TargetDraft, TaskDraft};
use crate::{endpoint, shift};

/// Whether a draining target is gone: the delay runs in full, but for a group that no listener uses and that serves no request.
pub(crate) fn due(context: &Context<'_>, group: &TargetGroup, key: &TargetKey, target: &Target) -> bool {
    let Some(since) = target.draining_since else { return false };
    let elapsed = context.now >= since + context.wait(group.spec.attributes.deregistration_delay);
    let idle = || context.in_flight.get(&(group.spec.name.clone(), key.clone())).is_none_or(|requests| *requests == 0);
    elapsed || (!context.in_use.contains(&group.spec.name) && idle())
}

fn fresh(context: &Context<'_>, task: &Task, address: SocketAddr) -> Target {
    let health = TargetHealth::because(TargetHealthState::Initial, TargetHealthReason::RegistrationInProgress, context.now);
    Target { address, task: Some(task.id.clone()), registered_at: context.now, draining_since: None, health }
}

/// The deployment of a task that is to be registered: PRIMARY, or the one that it takes the traffic from share by share.
fn serving<'s>(service: &'s Service, task: &Task) -> Option<&'s Deployment> {
    let old = service.old().filter(|_| shift::keeps_old(service));
    service.primary().into_iter().chain(old).find(|deployment| task.deployment.as_ref() == Some(&deployment.id))
}

/// Registers a running task of a serving deployment in each target group of its service that exists and stays. A container that was
/// restarted behind our back has other ports and perhaps another address: its targets follow.
pub(crate) fn register<'a>(context: &Context<'a>, service: &Service, draft: &mut TaskDraft<'a>, found: &mut Findings) {
    let running = draft.task.is_live() && draft.task.last_status == TaskStatus::Running;
    let Some(deployment) = serving(service, &draft.task).filter(|_| running) else { return };
    let instance = context.ec2_instance_id(&draft.task);
    for known in draft.targets.iter_mut().filter(|known| !known.removed) {
        if endpoint::behind(&draft.task, draft.definition, &known.key, instance).is_none() {
            known.removed = true;
            *found.deregistered.entry(known.group.spec.name.clone()).or_default() += 1;
        }
    }
    for entry in &service.spec.load_balancers {
        let name = entry.group_of(deployment);
        let Some(group) = context.world.target_groups.get(name).filter(|group| !group.deleting) else { continue };
        let Some(wanted) = endpoint::wanted(&draft.task, draft.definition, context.host_of(&draft.task), entry) else { continue };
        let (key, address) = (wanted.key(instance), wanted.address);
        let same = |known: &&mut TargetDraft<'_>| known.group.spec.name == group.spec.name && known.key == key;
        match draft.targets.iter_mut().find(same) {
            Some(known) if known.target.draining_since.is_none() && !known.removed => {
                if known.target.address != address {
                    known.target.to_mut().address = address;
                }
                continue;
            }
            Some(known) => (known.target, known.removed) = (Cow::Owned(fresh(context, &draft.task, address)), false),
            None => {
                let target = Cow::Owned(fresh(context, &draft.task, address));
                draft.targets.push(TargetDraft { group, key, target, removed: false });
            }
        }
        *found.registered.entry(name.clone()).or_default() += 1;
    }
}

/// Targets of tasks that are over, draining targets that are due, and deleted groups that are empty. `gone` are those
/// that a service's own plan removes already. Targets that a manifest lists have no task: they stay until they have drained.
pub(crate) fn clear(context: &Context<'_>, gone: &BTreeSet<(&TargetGroupName, &TargetKey)>, found: &mut Findings) {
    for group in context.world.target_groups.values() {
        let mut left = group.targets.len();
        for (key, target) in &group.targets {
            if gone.contains(&(&group.spec.name, key)) {
                left -= 1;
                continue;
            }
            let task = target.task.as_ref().and_then(|id| context.world.tasks.get(id));
            let orphan = target.task.is_some() && task.is_none_or(|task| task.last_status == TaskStatus::Stopped);
            if (orphan && target.draining_since.is_none()) || due(context, group, key, target) {
                left -= 1;
                found.steps.push(Step::RemoveTarget { target_group: group.spec.name.clone(), key: key.clone() });
            } else if let Some(since) = target.draining_since {
                found.wake(context, since + context.wait(group.spec.attributes.deregistration_delay));
            }
        }
        if group.deleting && left == 0 {
            found.steps.push(Step::RemoveTargetGroup(group.spec.name.clone()));
        }
    }
}
