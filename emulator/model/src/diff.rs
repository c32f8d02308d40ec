//! What `up` would change: the World as it is against a manifest. Applying the changes gives exactly what the manifest asks for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{
    Action, AdvancedConfiguration, Change, ClusterName, Desired, DesiredLoadBalancer, DesiredService, Family, InstanceName, InstanceSpec,
    InstanceStatus, Listener, LoadBalancer, Refused, Revision, SchedulingStrategy, Service, ServiceKey, ServiceSpec, ServiceStatus, TaskDefinition,
    World,
};

/// The changes that take the cluster from what `world` says to what `desired` says, in an order in which each can be applied:
/// what others refer to is made first and removed last. Empty when there is nothing to do.
///
/// # Errors
/// [`Refused`] when the manifest asks for something of another cluster's, or for a revision that does not exist.
pub fn changes(world: &World, desired: &Desired) -> Result<Vec<Change>, Refused> {
    let with_weights = with_weights(world, desired);
    let (desired, cluster) = (&*with_weights, &desired.cluster);
    let mut changes = Vec::new();
    changes.extend(desired.speed.filter(|speed| *speed != world.settings.speed).map(Change::SetSpeed));
    if world.clusters.get(cluster).is_none_or(|found| found.deleting) {
        changes.push(Change::CreateCluster(cluster.clone()));
    }
    instances_to_put(world, desired, &mut changes);
    repositories_to_put(world, desired, &mut changes)?;
    roles_to_put(world, desired, &mut changes)?;
    target_groups_to_put(world, desired, &mut changes)?;
    let revisions = revisions_to_run(world, desired, &mut changes)?;
    load_balancers_to_put(world, desired, &mut changes)?;
    alarms_to_put(world, desired, &mut changes);
    services_to_put(world, desired, &revisions, &mut changes);
    scheduled_tasks_to_put(world, desired, &mut changes);
    removals(world, desired, &mut changes);
    Ok(changes)
}

/// A cluster without a word about instances is this machine's.
fn instances_to_put(world: &World, desired: &Desired, changes: &mut Vec<Change>) {
    let this_machine = BTreeMap::from([(InstanceName::local(), InstanceSpec::this_machine())]);
    let wanted = if desired.instances.is_empty() { &this_machine } else { &desired.instances };
    let known = world.clusters.get(&desired.cluster).filter(|found| !found.deleting);
    let same = known.map_or(*wanted == this_machine, |known| {
        let there = known.instances.values().filter(|instance| instance.status != InstanceStatus::Deregistering);
        there.map(|instance| &instance.spec).eq(wanted.values())
    });
    if !same {
        changes.push(Change::PutContainerInstances { cluster: desired.cluster.clone(), instances: wanted.clone() });
    }
}

/// The manifest with the weights that services have given to their rules: these are theirs, as in AWS, and no difference.
fn with_weights<'a>(world: &World, desired: &'a Desired) -> Cow<'a, Desired> {
    let mut found = Cow::Borrowed(desired);
    for entry in desired.services.values().flat_map(|service| &service.spec.load_balancers) {
        for name in entry.advanced.iter().flat_map(AdvancedConfiguration::rules) {
            let own = |action: &Action| action.target_groups().all(|group| entry.groups().any(|own| own == group));
            let Some(Action::Forward(current)) = world.rule_action(name).filter(|action| own(action)) else { continue };
            let wanted = found.to_mut().load_balancers.get_mut(&name.load_balancer).and_then(|balancer| balancer.listeners.get_mut(&name.port));
            let wanted = wanted.and_then(|listener| match name.priority {
                Some(priority) => listener.rules.get_mut(&priority).map(|rule| &mut rule.action),
                None => Some(&mut listener.default_action),
            });
            if let Some(Action::Forward(wanted)) = wanted {
                wanted.target_groups.clone_from(&current.target_groups);
            }
        }
    }
    found
}

fn foreign(what: &'static str, name: &str, owner: &ClusterName) -> Refused {
    Refused::Exists { what, name: name.to_owned(), owner: Some(owner.clone()) }
}

/// A repository that a command or an API made becomes the manifest's, with the images that it has.
fn repositories_to_put(world: &World, desired: &Desired, changes: &mut Vec<Change>) -> Result<(), Refused> {
    let cluster = &desired.cluster;
    for (name, spec) in &desired.repositories {
        let (owner, spec, name) = (Some(cluster.clone()), Box::new(spec.clone()), name.clone());
        match world.repositories.get(&name).map(|found| (found.owner.as_ref(), &found.spec)) {
            Some((Some(other), _)) if other != cluster => return Err(foreign("repository", name.as_str(), other)),
            Some((Some(_), known)) if *known == *spec => {}
            Some(_) => changes.push(Change::ModifyRepository { name, owner, spec }),
            None => changes.push(Change::CreateRepository { name, owner, spec }),
        }
    }
    Ok(())
}

fn roles_to_put(world: &World, desired: &Desired, changes: &mut Vec<Change>) -> Result<(), Refused> {
    for (name, spec) in &desired.roles {
        match world.roles.get(name) {
            Some(found) if found.owner != desired.cluster => return Err(foreign("role", name.as_str(), &found.owner)),
            Some(found) if found.spec == *spec => {}
            _ => changes.push(Change::PutRole { cluster: desired.cluster.clone(), name: name.clone(), spec: Box::new(spec.clone()) }),
        }
    }
    Ok(())
}

fn target_groups_to_put(world: &World, desired: &Desired, changes: &mut Vec<Change>) -> Result<(), Refused> {
    for (name, spec) in &desired.target_groups {
        match world.target_groups.get(name) {
            Some(found) if found.owner != desired.cluster => return Err(foreign("target group", name.as_str(), &found.owner)),
            Some(found) if !found.deleting && found.spec == *spec => {}
            Some(found) if !found.deleting => changes.push(Change::ModifyTargetGroup(Box::new(spec.clone()))),
            _ => changes.push(Change::CreateTargetGroup { cluster: desired.cluster.clone(), spec: Box::new(spec.clone()) }),
        }
    }
    Ok(())
}

/// Which revision each family of the manifest is to run as. A definition that some revision holds already is not registered again.
fn revisions_to_run(world: &World, desired: &Desired, changes: &mut Vec<Change>) -> Result<BTreeMap<String, Revision>, Refused> {
    let mut revisions = BTreeMap::new();
    for (family, definition) in &desired.task_definitions {
        let running = world.services.values().find(|service| service.cluster == desired.cluster && service.revision.family == *family);
        let (revision, new) = revision_for(world, family, definition, running.map(|service| service.revision.number));
        if new {
            changes.push(Change::RegisterTaskDefinition { cluster: desired.cluster.clone(), definition: Box::new(definition.clone()) });
        }
        revisions.insert(family.to_string(), revision);
    }
    for service in desired.services.values() {
        let family = &service.task_definition;
        let missing = match service.revision {
            Some(number) => world.definition(&Revision { family: family.clone(), number }).is_none().then(|| format!("{family}:{number}")),
            None => (!revisions.contains_key(family.as_str())).then(|| family.to_string()),
        };
        if let Some(name) = missing {
            return Err(Refused::NotFound { what: "task definition", name });
        }
    }
    Ok(revisions)
}

fn load_balancers_to_put(world: &World, desired: &Desired, changes: &mut Vec<Change>) -> Result<(), Refused> {
    for (name, wanted) in &desired.load_balancers {
        let found = world.load_balancers.get(name);
        match found {
            Some(found) if found.owner != desired.cluster => return Err(foreign("load balancer", name.as_str(), &found.owner)),
            Some(found) if found.attributes != wanted.attributes => {
                changes.push(Change::ModifyLoadBalancerAttributes { name: name.clone(), attributes: wanted.attributes.clone() });
            }
            Some(_) => {}
            None => {
                changes.push(Change::CreateLoadBalancer {
                    cluster: desired.cluster.clone(),
                    name: name.clone(),
                    attributes: wanted.attributes.clone(),
                });
            }
        }
        listeners_to_put(name, found, wanted, changes);
    }
    Ok(())
}

/// The same but for rules, which are changed one by one, and the id, which no manifest knows.
fn whole(listener: &Listener) -> Listener {
    Listener { id: None, rules: BTreeMap::new(), ..listener.clone() }
}

fn listeners_to_put(name: &crate::LoadBalancerName, found: Option<&LoadBalancer>, wanted: &DesiredLoadBalancer, changes: &mut Vec<Change>) {
    for (port, listener) in &wanted.listeners {
        let current = found.and_then(|found| found.listeners.get(port));
        if current.is_none_or(|current| whole(current) != whole(listener)) {
            changes.push(Change::PutListener { load_balancer: name.clone(), listener: Box::new(listener.clone()) });
        }
        let Some(current) = current else { continue };
        for rule in listener.rules.values().filter(|rule| current.rules.get(&rule.priority) != Some(rule)) {
            changes.push(Change::PutRule { load_balancer: name.clone(), port: *port, rule: Box::new(rule.clone()) });
        }
        for priority in current.rules.keys().filter(|priority| !listener.rules.contains_key(priority)) {
            changes.push(Change::DeleteRule { load_balancer: name.clone(), port: *port, priority: *priority });
        }
    }
    for port in found.into_iter().flat_map(|found| found.listeners.keys()).filter(|port| !wanted.listeners.contains_key(port)) {
        changes.push(Change::DeleteListener { load_balancer: name.clone(), port: *port });
    }
}

fn services_to_put(world: &World, desired: &Desired, revisions: &BTreeMap<String, Revision>, changes: &mut Vec<Change>) {
    for (name, DesiredService { spec, task_definition, revision }) in &desired.services {
        let revision = match revision {
            Some(number) => Revision { family: task_definition.clone(), number: *number },
            None => revisions[task_definition.as_str()].clone(),
        };
        let key = ServiceKey { cluster: desired.cluster.clone(), name: name.clone() };
        let found = world.services.get(&key).filter(|found| found.status == ServiceStatus::Active);
        let (cluster, spec) = (desired.cluster.clone(), Box::new(with_scaled_count(spec, found)));
        match found {
            Some(found) if is_same(found, &spec) && found.revision == revision => {}
            Some(_) => changes.push(Change::UpdateService { cluster, spec, revision }),
            None => changes.push(Change::CreateService { cluster, spec, revision }),
        }
    }
}

/// Whether the settings are those that it has, but for tasks that are at rest.
fn is_same(found: &Service, spec: &ServiceSpec) -> bool {
    let rested = ServiceSpec { desired_count: found.spec.desired_count, ..spec.clone() };
    found.spec == rested && found.wanted_count() == spec.desired_count
}

/// The settings with the desired count that is not the manifest's to say: of a DAEMON, and what scaling has come to. The manifest's own is for a count that scaling could not have come to.
fn with_scaled_count(spec: &ServiceSpec, found: Option<&Service>) -> ServiceSpec {
    let mut spec = spec.clone();
    if let Some(found) = found.filter(|_| spec.scheduling_strategy == SchedulingStrategy::Daemon) {
        spec.desired_count = found.spec.desired_count;
    }
    if let (Some(target), Some(found)) = (&spec.scalable_target, found) {
        let known = found.spec.scalable_target.as_ref().filter(|known| known.capacity == target.capacity);
        let capacity = known.map_or(target.capacity, |known| found.scaling.capacity(known));
        if capacity.contains(found.wanted_count()) {
            spec.desired_count = found.wanted_count();
        }
    }
    spec
}

fn scheduled_tasks_to_put(world: &World, desired: &Desired, changes: &mut Vec<Change>) {
    let cluster = || desired.cluster.clone();
    let known = world.clusters.get(&desired.cluster).filter(|found| !found.deleting).map(|found| &found.scheduled_tasks);
    for (name, spec) in &desired.scheduled_tasks {
        if known.and_then(|known| known.get(name)).is_none_or(|found| found.spec != *spec) {
            changes.push(Change::PutScheduledTask { cluster: cluster(), name: name.clone(), spec: Box::new(spec.clone()) });
        }
    }
    for name in known.into_iter().flat_map(BTreeMap::keys).filter(|name| !desired.scheduled_tasks.contains_key(*name)) {
        changes.push(Change::DeleteScheduledTask { cluster: cluster(), name: name.clone() });
    }
}

fn alarms_to_put(world: &World, desired: &Desired, changes: &mut Vec<Change>) {
    let known = world.clusters.get(&desired.cluster).filter(|found| !found.deleting).map(|found| &found.alarms);
    for (name, spec) in &desired.alarms {
        if known.and_then(|known| known.get(name)).is_none_or(|found| found.spec != *spec) {
            changes.push(Change::PutAlarm { cluster: desired.cluster.clone(), name: name.clone(), spec: Box::new(spec.clone()) });
        }
    }
}

fn removals(world: &World, desired: &Desired, changes: &mut Vec<Change>) {
    for (key, service) in &world.services {
        if key.cluster == desired.cluster && service.status == ServiceStatus::Active && !desired.services.contains_key(&key.name) {
            changes.push(Change::DeleteService(key.clone()));
        }
    }
    let alarms = world.clusters.get(&desired.cluster).filter(|found| !found.deleting).into_iter().flat_map(|found| found.alarms.keys());
    for name in alarms.filter(|name| !desired.alarms.contains_key(*name)) {
        changes.push(Change::DeleteAlarm { cluster: desired.cluster.clone(), name: name.clone() });
    }
    for (name, balancer) in &world.load_balancers {
        if balancer.owner == desired.cluster && !desired.load_balancers.contains_key(name) {
            changes.push(Change::DeleteLoadBalancer(name.clone()));
        }
    }
    for (name, role) in &world.roles {
        if role.owner == desired.cluster && !desired.roles.contains_key(name) {
            changes.push(Change::DeleteRole(name.clone()));
        }
    }
    for (name, repository) in &world.repositories {
        if repository.owner.as_ref() == Some(&desired.cluster) && !desired.repositories.contains_key(name) {
            changes.push(Change::ReleaseRepository(name.clone()));
        }
    }
    for (name, group) in &world.target_groups {
        if group.owner == desired.cluster && !group.deleting && !desired.target_groups.contains_key(name) {
            changes.push(Change::DeleteTargetGroup(name.clone()));
        }
    }
}

/// The revision of `family` that holds `definition`, and whether it must be registered first.
fn revision_for(world: &World, family: &Family, definition: &TaskDefinition, prefer: Option<u32>) -> (Revision, bool) {
    let revisions = world.task_definitions.get(family);
    let same = |number: &u32| revisions.and_then(|found| found.revisions.get(number)).is_some_and(|found| found == definition);
    let known =
        prefer.into_iter().filter(same).chain(revisions.into_iter().flat_map(|found| found.revisions.keys().rev().copied()).filter(same)).next();
    let next = revisions.map_or(1, |found| found.latest() + 1);
    (Revision { family: family.clone(), number: known.unwrap_or(next) }, known.is_none())
}
