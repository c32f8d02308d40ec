//! The invariants of a World, in one list that tests, debug builds and `doctor` share.

use crate::{Attachment, AttachmentState, DeploymentStatus, DesiredStatus, ListenerProtocol, ServiceStatus, TaskStatus, World};

/// Every broken invariant, one sentence each. An empty list is a sound World.
#[must_use]
pub fn problems(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    services(world, &mut problems);
    tasks(world, &mut problems);
    routing(world, &mut problems);
    for (name, cluster) in &world.clusters {
        if cluster.instances.is_empty() || cluster.instances.iter().any(|(name, instance)| instance.spec.name != *name) {
            problems.push(format!("cluster {name} has no container instance, or one under another name than its own"));
        }
    }
    repositories(world, &mut problems);
    faults(world, &mut problems);
    problems
}

fn faults(world: &World, problems: &mut Vec<String>) {
    for (id, fault) in &world.faults {
        if fault.id != *id || !world.clusters.contains_key(&fault.cluster) {
            problems.push(format!("{id} is filed under another id than its own, or is of a cluster that does not exist"));
        }
        if fault.is_over() && !(fault.ending && fault.tasks.is_empty()) {
            problems.push(format!("{id} is over and has traces"));
        }
    }
}

fn repositories(world: &World, problems: &mut Vec<String>) {
    for (name, repository) in &world.repositories {
        if let Some(owner) = repository.owner.as_ref().filter(|owner| world.clusters.get(*owner).is_none_or(|cluster| cluster.deleting)) {
            problems.push(format!("repository {name} belongs to cluster {owner}, which does not exist"));
        }
    }
}

fn services(world: &World, problems: &mut Vec<String>) {
    for (key, service) in &world.services {
        if service.key() != *key {
            problems.push(format!("service {key} is filed under another name than its own, {}", service.key()));
        }
        if !world.clusters.contains_key(&key.cluster) {
            problems.push(format!("service {key} is in a cluster that does not exist"));
        }
        if world.definition(&service.revision).is_none() {
            problems.push(format!("service {key} runs {}, which does not exist", service.revision));
        }
        let primaries = service.deployments.iter().filter(|deployment| deployment.status == DeploymentStatus::Primary).count();
        if primaries != 1 || service.deployments.first().is_some_and(|first| first.status != DeploymentStatus::Primary) {
            problems.push(format!("service {key} has {primaries} PRIMARY deployments, or an older one before it"));
        }
        let attached = service.attachment.filter(|_| service.status == ServiceStatus::Active);
        if matches!(attached, Some(Attachment { state: AttachmentState::Attached { .. }, .. })) && service.spec.desired_count > 0 {
            problems.push(format!("service {key} is attached and has tasks that are not at rest"));
        }
        for group in service.spec.load_balancers.iter().filter_map(|entry| world.target_groups.get(&entry.target_group)) {
            let there = |attachment: &Attachment| group.targets.get(&attachment.target().key()).is_some_and(|found| found.draining_since.is_none());
            if attached.is_some_and(|attachment| !there(&attachment)) && !group.deleting {
                problems.push(format!("service {key} is attached and its process is not registered in {}", group.spec.name));
            }
        }
        let capacity = service.spec.scalable_target.as_ref().map(|target| service.scaling.capacity(target));
        if let Some(capacity) = capacity.filter(|capacity| capacity.min > capacity.max) {
            problems.push(format!("service {key} is scaled from {} to {}, which is no range", capacity.min, capacity.max));
        }
        if service.primary().is_some_and(|primary| primary.revision != service.revision) {
            problems.push(format!("the PRIMARY deployment of service {key} is not of its revision {}", service.revision));
        }
    }
}

fn tasks(world: &World, problems: &mut Vec<String>) {
    for (id, task) in &world.tasks {
        if task.id != *id {
            problems.push(format!("task {id} is filed under another id than its own, {}", task.id));
        }
        let stopping = task.desired_status == DesiredStatus::Stopped;
        if stopping != task.stop.is_some() {
            problems.push(format!("task {id} has desired status {} and stop {:?}", task.desired_status.as_str(), task.stop));
        }
        if !stopping && task.last_status > TaskStatus::Running {
            problems.push(format!("task {id} is {} though it is wanted", task.last_status.as_str()));
        }
        let live = task.last_status != TaskStatus::Stopped;
        if live && world.instance_of(task).is_none() {
            problems.push(format!("task {id} is on container instance {}, which does not exist", task.instance));
        }
        if live && world.definition(&task.revision).is_none() {
            problems.push(format!("task {id} runs {}, which does not exist", task.revision));
        }
        if live && task.service_key().is_some_and(|key| !world.services.contains_key(&key)) {
            problems.push(format!("task {id} belongs to a service that does not exist"));
        }
    }
}

fn routing(world: &World, problems: &mut Vec<String>) {
    for balancer in world.load_balancers.values() {
        for listener in balancer.listeners.values() {
            if (listener.protocol == ListenerProtocol::Https) != listener.tls.as_ref().is_some_and(|tls| !tls.certificates.is_empty()) {
                problems.push(format!("listener {}:{} is encrypted without a certificate, or has one and is not", balancer.name, listener.port));
            }
            if listener.authenticates() && listener.protocol != ListenerProtocol::Https {
                problems.push(format!("listener {}:{} authenticates in cleartext", balancer.name, listener.port));
            }
            for name in listener.actions().flat_map(crate::Action::target_groups) {
                if world.target_groups.get(name).is_none_or(|group| group.deleting) {
                    problems.push(format!("listener {}:{} forwards to target group {name}, which does not exist", balancer.name, listener.port));
                }
            }
        }
    }
    for (key, service) in world.services.iter().filter(|(_, service)| service.status == ServiceStatus::Active) {
        for entry in &service.spec.load_balancers {
            if !world.target_groups.contains_key(&entry.target_group) {
                problems.push(format!("service {key} registers in target group {}, which does not exist", entry.target_group));
            }
        }
    }
    for group in world.target_groups.values() {
        for (key, target) in &group.targets {
            if target.task.as_ref().is_some_and(|task| !world.tasks.contains_key(task)) {
                problems.push(format!("target {key} of {} belongs to a task that does not exist", group.spec.name));
            }
        }
        for target in group.spec.targets.iter().filter(|_| !group.deleting) {
            if group.targets.get(&target.key()).is_none_or(|found| found.draining_since.is_some()) {
                problems.push(format!("target {} of {} is asked for and not registered", target.key(), group.spec.name));
            }
        }
    }
}
