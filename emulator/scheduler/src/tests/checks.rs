//! What holds for every plan, and for the World after it.

use std::collections::BTreeSet;

use model::{NetworkMode, ServiceKey, Step, StopCode, TargetHealthState, TargetKey, Task, TaskDefinition, TaskStatus, Timestamp, World};

use crate::context::Context;
use crate::{Input, Pace, Plan};

/// A plan says nothing twice, nothing that is under way, and does no work before a listing.
pub(super) fn plan(input: &Input<'_>, plan: &Plan) {
    let mut about = BTreeSet::new();
    for step in &plan.steps {
        assert!(about.insert(subject(step)), "twice in one plan: {step:?}");
    }
    let mut works = BTreeSet::new();
    for work in &plan.actions {
        assert!(works.insert(work) && !input.busy.contains(work), "planned twice: {work:?}");
        let engine = Context::new(input).engine_of(work).clone();
        assert!(input.observed.listed.contains(&engine), "work before a listing: {work:?}");
    }
    assert!(plan.wake_at.is_none_or(|at| at > input.now), "to wake in the past");
}

fn subject(step: &Step) -> String {
    match step {
        Step::PutTask(task) => format!("put {}", task.id),
        Step::RemoveTask(id) => format!("remove {id}"),
        Step::PutTarget { target_group, key, .. } => format!("put {target_group} {key}"),
        Step::SetTargetHealth { target_group, key, .. } => format!("health {target_group} {key}"),
        Step::RemoveTarget { target_group, key } => format!("remove {target_group} {key}"),
        Step::RemoveTargetGroup(name) => format!("remove group {name}"),
        Step::SetDeployments { service, .. } => format!("deployments {service}"),
        Step::SetBackoff { service, .. } => format!("back-off {service}"),
        Step::SetSteady { service, .. } => format!("steady {service}"),
        Step::RemoveService(key) => format!("remove service {key}"),
        Step::RemoveCluster(name) => format!("remove cluster {name}"),
        Step::SetAlarm { cluster, name, .. } => format!("alarm {cluster}/{name}"),
        Step::RollBack { service, revision, .. } => format!("roll back {service} {revision}"),
        Step::ScheduledTaskRan { cluster, name, .. } => format!("scheduled {cluster} {name}"),
        Step::ShiftTraffic { rule, .. } => format!("traffic of {rule}"),
        Step::RemoveContainerInstance { cluster, name } => format!("remove instance {cluster} {name}"),
        Step::SetEngine { engine, .. } => format!("engine {}", engine.as_str()),
        Step::PutFault(fault) => format!("put {}", fault.id),
        Step::RemoveFault(id) => format!("remove {id}"),
        Step::SetScaling { service, .. } => format!("scaling {service}"),
        Step::SetDesiredCount { service, .. } => format!("desired count {service}"),
        Step::SetAttachment { service, .. } => format!("attachment {service}"),
        Step::Event { service, message, .. } => format!("event {service} {message}"),
    }
}

/// A recorded plan keeps the World sound and moves nothing backwards.
pub(super) fn recorded(before: &World, after: &World, plan: &Plan, (now, pace): (Timestamp, &Pace)) {
    assert_eq!(model::check::problems(after), Vec::<String>::new());
    for key in after.services.keys() {
        count(before, after, key, plan);
        lower_bound(before, after, key, (now, pace));
        scaled(before, after, key, plan);
    }
    for known in before.tasks.values().filter(|task| task.is_live() && task.is_protected(now)) {
        let stop = after.tasks.get(&known.id).and_then(|task| task.stop.as_ref());
        let wanted =
            known.service_key().and_then(|key| after.services.get(&key)).is_some_and(|service| service.status == model::ServiceStatus::Active);
        let scaled_in = stop.is_some_and(|stop| stop.reason.starts_with("Scaling activity"));
        assert!(!wanted || !scaled_in, "{} is protected", known.id);
    }
    placed(before, after);
    for step in &plan.steps {
        traffic(before, step);
    }
    for group in after.target_groups.values() {
        for (key, target) in &group.targets {
            // One that the manifest lists is nobody's.
            let Some(id) = &target.task else { continue };
            let task = after.tasks.get(id).expect("a target's task is there");
            assert_ne!(task.last_status, TaskStatus::Stopped, "target {key} of a stopped task");
            let holder = holder(after.definition(&task.revision).unwrap(), task, key).expect("a target has a container");
            assert_ne!(holder.last_status, model::ContainerStatus::Stopped, "target {key} of a stopped container");
            assert!(
                task.pause().is_none_or(|pause| pause.last_status == model::ContainerStatus::Running),
                "target {key} of a task without a network"
            );
        }
    }
    for step in &plan.steps {
        if let Step::PutTask(task) = step
            && let Some(known) = before.tasks.get(&task.id)
        {
            forward(known, task);
            restarts(before, known, task, now);
        }
    }
}

/// Of tasks that are new: each is on an ACTIVE instance that it may be on, no instance has more than it registers, no engine gives a port
/// twice, and where no two of a group may be together, none are.
fn placed(before: &World, after: &World) {
    let new: Vec<&Task> = after.tasks.values().filter(|task| !before.tasks.contains_key(&task.id)).collect();
    let unstopped = || after.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped);
    let definition = |task: &Task| task.overrides.applied_to(after.definition(&task.revision).unwrap());
    for task in new {
        let instance = before.instance_of(task).expect("its instance is there");
        assert_eq!(instance.status, model::InstanceStatus::Active, "{} is placed on an instance that takes none", task.id);
        let together = || unstopped().filter(|other| other.cluster == task.cluster && other.instance == task.instance);
        let registered = after.clusters[&task.cluster].registered(instance, &after.engines);
        let cpu: u32 = together().map(|other| definition(other).charged_cpu()).sum();
        let memory: u32 = together().map(|other| definition(other).reserved_memory().unwrap_or(0)).sum();
        assert!(registered.cpu.is_none_or(|most| cpu <= most), "{} CPU units on {}, which has {:?}", cpu, task.instance, registered.cpu);
        assert!(registered.memory.is_none_or(|most| memory <= most), "{} MiB on {}, which has {:?}", memory, task.instance, registered.memory);
        let engine = |task: &Task| after.instance_of(task).map(|instance| instance.spec.engine.clone());
        for other in unstopped().filter(|other| other.id != task.id && engine(other) == engine(task)) {
            let held = definition(other).static_ports().collect::<BTreeSet<_>>();
            assert!(!definition(task).static_ports().any(|port| held.contains(&port)), "{} and {} have one host port", task.id, other.id);
        }
        let service = task.service_key().map(|key| &after.services[&key].spec.placement.constraints);
        let attributes = after.attributes(instance);
        let holds = |query: &model::ClusterQuery| {
            // Said anew for the one form that these tests use: `attribute:NAME == VALUE`.
            let text = query.as_str();
            let Some((name, value)) = text.strip_prefix("attribute:").and_then(|rest| rest.split_once(" == ")) else { return true };
            attributes.get(name).is_some_and(|found| found == value)
        };
        let member_of = definition(task).member_of;
        assert!(member_of.iter().all(holds), "{} is where its definition's constraints do not hold", task.id);
        for constraint in service.into_iter().flatten() {
            match constraint {
                model::PlacementConstraint::MemberOf(query) => assert!(holds(query), "{} is where {query} does not hold", task.id),
                model::PlacementConstraint::DistinctInstance => {
                    let same = together().filter(|other| other.is_live() && other.group() == task.group()).count();
                    assert_eq!(same, 1, "{} tasks of {} on {}", same, task.group(), task.instance);
                }
            }
        }
    }
}

/// Traffic moves on to new tasks only where they have a healthy target, or where nobody is wanted.
fn traffic(before: &World, step: &Step) {
    let Step::ShiftTraffic { rule, target_groups } = step else { return };
    let Some(model::Action::Forward(was)) = before.rule_action(rule) else { panic!("{rule} forwards to nobody") };
    for service in before.services.values().filter(|service| service.spec.desired_count > 0) {
        let Some(entry) = service.spec.load_balancers.iter().find(|entry| entry.advanced.as_ref().is_some_and(|own| own.production_rule == *rule))
        else {
            continue;
        };
        let Some(primary) = service.primary().filter(|primary| primary.shift.is_some() && primary.given_up.is_none()) else { continue };
        let own = entry.group_of(primary);
        let weight = |groups: &[model::WeightedTargetGroup]| groups.iter().find(|group| group.target_group == *own).map(|group| group.weight);
        let healthy = before.target_groups[own].targets.values().any(|target| target.health.state == TargetHealthState::Healthy);
        assert!(healthy || weight(target_groups) <= weight(&was.target_groups), "{rule}: traffic moves to {own}, which has no healthy target");
    }
}

/// The container behind a target, said anew by the network mode.
fn holder<'a>(definition: &TaskDefinition, task: &'a Task, key: &TargetKey) -> Option<&'a model::Container> {
    let maps = |record: &&model::Container| {
        definition.container(&record.name).is_some_and(|wanted| wanted.port_mappings.iter().any(|mapping| mapping.container_port == key.port))
    };
    match definition.network_mode {
        NetworkMode::Awsvpc => {
            assert_eq!(task.pause().unwrap().address.unwrap().to_string(), key.id);
            task.containers.iter().find(maps)
        }
        NetworkMode::Host => task.containers.iter().find(maps),
        NetworkMode::Bridge => task.containers.iter().find(|record| record.network_bindings.iter().any(|binding| binding.host_port == key.port)),
        NetworkMode::None => None,
    }
}

fn forward(known: &Task, task: &Task) {
    assert!(task.last_status >= known.last_status, "{} went back from {:?} to {:?}", task.id, known.last_status, task.last_status);
    assert!(known.stop.is_none() || known.stop == task.stop, "{} stops for another reason: {:?} {:?}", task.id, known.stop, task.stop);
    for (was, is) in known.containers.iter().zip(&task.containers) {
        assert!(is.last_status >= was.last_status, "{} {} went back", task.id, is.name);
        assert!(was.reason.is_none() || was.reason == is.reason, "the first reason stays: {:?} {:?}", was.reason, is.reason);
        assert!(was.runtime_id.is_none() || was.runtime_id == is.runtime_id, "{} {} became another container", task.id, is.name);
    }
}

/// A container is started again only under its policy, by a task that goes on, as the same container.
fn restarts(world: &World, known: &Task, task: &Task, now: Timestamp) {
    for (was, is) in known.containers.iter().zip(&task.containers).filter(|(was, is)| was.restart_count != is.restart_count) {
        let wanted = world.definition(&task.revision).unwrap().container(&is.name).unwrap();
        let period = u64::from(wanted.restart_policy.as_ref().expect("a restart without a policy").restart_attempt_period);
        let since = was.restarted_at.or(was.started_at).expect("a restart of what never ran");
        assert!(known.is_live() && is.restart_count == was.restart_count + 1 && now.since(since).as_secs() >= period, "{was:?} {is:?}");
        assert_eq!((was.last_status, is.last_status), (model::ContainerStatus::Running, model::ContainerStatus::Running));
    }
    for record in &task.containers {
        assert!(!record.restarting || record.last_status == model::ContainerStatus::Running, "{record:?}");
    }
}

/// Never more tasks than the maximum; steady is said when it is reached, and only then.
fn count(before: &World, after: &World, key: &ServiceKey, plan: &Plan) {
    let service = &after.services[key];
    // What a DAEMON has on an instance that drains goes after the others there, whatever runs elsewhere.
    let counts = |task: &Task| {
        let active = after.instance_of(task).is_some_and(|instance| instance.status == model::InstanceStatus::Active);
        active || service.spec.scheduling_strategy == model::SchedulingStrategy::Replica
    };
    let most = usize::try_from(service.spec.upper_bound().max(service.spec.desired_count)).unwrap();
    let live = |world: &World, side: Option<&model::DeploymentId>| {
        let own = |task: &&Task| task.is_live() && counts(task) && (side.is_none() || task.deployment.as_ref() == side);
        world.tasks_of(key).filter(own).count()
    };
    // While traffic is being shifted the bound is that of each side: one may still have more than were scaled to.
    let shifting = crate::shift::keeps_old(&before.services[key]);
    let sides: Vec<_> = if shifting { service.deployments.iter().map(|one| Some(&one.id)).collect() } else { vec![None] };
    for side in sides {
        assert!(live(after, side) <= most.max(live(before, side)), "{key}: {} live tasks, at most {most}", live(after, side));
    }
    let said = plan
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Event { service, message, .. } if service == key && message.ends_with("has reached a steady state.")));
    let reached = plan.steps.iter().filter(|step| matches!(step, Step::SetSteady { service, steady: true } if service == key));
    assert_eq!(said.count(), reached.count(), "{key}: steady is said once when it is reached");
    let same = |step: &&Step| matches!(step, Step::SetSteady { service, steady } if service == key && before.services[key].steady == *steady);
    assert_eq!(plan.steps.iter().find(same), None);
}

/// Scaling sets no count outside the bounds that hold, and takes no task away while a deployment is in progress, unless by a scheduled action.
fn scaled(before: &World, after: &World, key: &ServiceKey, plan: &Plan) {
    let counts = plan.steps.iter().filter_map(|step| match step {
        Step::SetDesiredCount { service, desired_count } if service == key => Some(*desired_count),
        _ => None,
    });
    for count in counts {
        let (was, is) = (&before.services[key], &after.services[key]);
        if is.spec.scheduling_strategy == model::SchedulingStrategy::Daemon {
            continue;
        }
        let capacity = is.scaling.capacity(is.spec.scalable_target.as_ref().expect("only a scalable target is scaled"));
        assert!(capacity.contains(count), "{key}: scaled to {count}, outside {capacity:?}");
        let deploying = was.deployments.len() > 1 || was.deployments[0].rollout_state == model::RolloutState::InProgress;
        let cut = plan.steps.iter().any(|step| matches!(step, Step::Event { message, .. } if message.contains("Cause: maximum capacity was set to")));
        assert!(count > was.spec.desired_count || cut || !deploying, "{key}: scaled in to {count} during a deployment");
    }
}

/// What the scheduler stops of its own accord leaves as many healthy tasks as the service must keep.
fn lower_bound(before: &World, after: &World, key: &ServiceKey, (now, pace): (Timestamp, &Pace)) {
    let service = &after.services[key];
    if service.status == model::ServiceStatus::Draining {
        return;
    }
    let stopped_by_us = |task: &&Task| {
        let ours = after.tasks.get(&task.id).and_then(|task| task.stop.as_ref()).is_some_and(|stop| stop.code == StopCode::ServiceSchedulerInitiated);
        task.is_live() && ours && healthy(before, task, now, pace)
    };
    if before.tasks_of(key).filter(stopped_by_us).count() > 0 {
        let left = after.tasks_of(key).filter(|task| healthy(after, task, now, pace)).count();
        let lower = usize::try_from(service.spec.lower_bound().min(service.spec.desired_count)).unwrap();
        assert!(left >= lower, "{key}: {left} healthy tasks left, at least {lower}");
    }
}

/// Said anew, apart from the scheduler's own rule: all its targets pass and all its checks, or it has run for a while without either.
pub(super) fn healthy(world: &World, task: &Task, now: Timestamp, pace: &Pace) -> bool {
    if !task.is_live() || task.last_status != TaskStatus::Running {
        return false;
    }
    let targets = world.target_groups.values().flat_map(|group| group.targets.values()).filter(|target| target.task.as_ref() == Some(&task.id));
    let states: Vec<_> = targets.map(|target| target.health.state).collect();
    let definition = world.definition(&task.revision).unwrap();
    let checks = |name| definition.container(name).is_some_and(|container| container.essential && container.health_check.is_some());
    let mut checked = task.containers.iter().filter(|record| checks(&record.name)).peekable();
    let gated = !states.is_empty() || checked.peek().is_some();
    let balanced = task.service_key().and_then(|key| world.services.get(&key)).is_some_and(|service| !service.spec.load_balancers.is_empty());
    let waited = task.started_at.is_some_and(|started| now.since(started) >= pace.running_is_healthy);
    states.iter().all(|state| matches!(state, TargetHealthState::Healthy | TargetHealthState::Unused))
        && checked.all(|record| record.health == model::HealthStatus::Healthy)
        && (!states.is_empty() || !balanced)
        && (gated || waited)
}
