//! One service: its deleted end, launches and stops, deployments, steady state (ecs.md 3).

use model::{Deployment, DeploymentStatus, Ids, LaunchBackoff, RolloutState, Service, ServiceStatus, Stop, Task, TaskStatus};

use crate::context::Context;
use crate::draft::{Despair, Draft};
use crate::health::{self, Sick};
use crate::launch::{Hindrance, Launch, begin};
use crate::placement::{self, Ledger, Post, Request};
use crate::rollout::{self, Bounds, Decision, Member};
use crate::settle::{self, State};
use crate::{backoff, breaker, events, shift, targets};

/// A deleted service's tasks are all stopped.
pub(crate) fn end_if_deleted(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>) {
    if service.status == ServiceStatus::Draining {
        let live = (0..draft.tasks.len()).filter(|index| draft.tasks[*index].task.is_live()).collect::<Vec<_>>();
        stop(context, service, draft, live.into_iter().map(|index| (index, scaling(service))).collect());
    }
}

fn scaling(service: &Service) -> Stop {
    service.primary().map_or_else(|| Stop::user_initiated(None), |primary| Stop::scaling_activity(&primary.id))
}

/// Starts and stops what the service needs, and says how far its deployments are.
pub(crate) fn advance<'a>(context: &Context<'a>, draft: &mut Draft<'a>, ledger: &mut Ledger<'a>, ids: &mut Ids) {
    let Some((key, service)) = draft.service else { return };
    if service.status == ServiceStatus::Active {
        draft.tasks.iter_mut().for_each(|one| targets::register(context, service, one, &mut draft.found));
    }
    tell_deregistered(context, service, draft);
    if service.status == ServiceStatus::Draining {
        return;
    }
    let backoff = count_failures(context, service, draft);
    let (members, mut stops) = posted(context, ledger, service, draft);
    let (sides, overtaken) = sides(service, draft, &members);
    stops.extend(overtaken);
    let mut moving = !stops.is_empty();
    for side in sides {
        let mut launch = Launch::seek(context, ledger, (service, &side, backoff), draft, ids);
        let decision = rollout::decide(&side.members, &bounds(service, &launch), &|candidates, count| launch.going(ledger, &side, candidates, count));
        launch.settle_for(ledger, decision.launch);
        stops.extend(sick_stops(context, service, draft, &side.places, &decision));
        moving |= decision.launch > 0 || !decision.scale_in.is_empty() || !decision.sick.is_empty();
        if side.status() == DeploymentStatus::Primary {
            tell_hindrance(context, service, draft, (&decision, backoff, launch.unplaced(ledger, service)));
            if launch.waits() {
                draft
                    .found
                    .waiting
                    .push((None, "the next task waits for the CPU, the memory or a port that tasks hold until they have stopped".to_owned()));
            }
        }
        stops.extend(decision.scale_in.iter().map(|index| (side.places[*index], scaling(service))));
        // What its tasks of this round give up starts nothing more in it.
        if side.status() != DeploymentStatus::Primary || !breaker::trips(context, service, draft, side.deployment) {
            begin(context, service, draft, (&launch, side.deployment, &decision), ledger, ids);
        }
    }
    stop(context, service, draft, stops);
    let counts = std::mem::take(&mut draft.found.registered);
    draft.found.events.extend(told(context, counts, |count, arn| events::registered(&service.spec.name, count, arn)));
    let desired = number(service.spec.desired_count);
    let settled = |member: &Member| member.primary && member.available && !member.sick && !member.leaves;
    let well = members.len() == desired && members.iter().all(|(_, member)| settled(member));
    settle::settle(context, key, service, draft, &State { well: well && !moving, backoff });
}

/// Whether the circuit breaker gave the newest deployment up, with nothing to go back to.
pub(crate) fn is_given_up(service: &Service) -> bool {
    service.primary().is_some_and(|primary| primary.rollout_state == RolloutState::Failed)
}

/// Tasks that are decided about together: all of a service that rolls, or one side of a shift.
pub(crate) struct Side<'s> {
    /// What is launched for it.
    pub(crate) deployment: &'s Deployment,
    pub(crate) members: Vec<Member>,
    /// Where each member is among the tasks.
    places: Vec<usize>,
}

impl Side<'_> {
    pub(crate) const fn status(&self) -> DeploymentStatus {
        self.deployment.status
    }
}

/// Tasks by their places, and why each stops.
type Stops = Vec<(usize, Stop)>;

/// The sides of a service, and the stops of tasks that belong to none: what was left by a deployment that was overtaken.
fn sides<'s>(service: &'s Service, draft: &Draft<'_>, members: &[(usize, Member)]) -> (Vec<Side<'s>>, Vec<(usize, Stop)>) {
    let Some(primary) = service.primary() else { return (Vec::new(), Vec::new()) };
    let Some(old) = service.old().filter(|_| shift::keeps_old(service)) else {
        let (places, members) = members.iter().copied().unzip();
        return (vec![Side { deployment: primary, members, places }], Vec::new());
    };
    let own = |place: &usize, deployment: &Deployment| draft.tasks[*place].task.deployment.as_ref() == Some(&deployment.id);
    let side = |deployment: &'s Deployment| {
        let own = members.iter().filter(|(place, _)| own(place, deployment));
        let (places, members) = own.map(|(place, member)| (*place, Member { primary: true, ..*member })).unzip();
        Side { deployment, members, places }
    };
    let (new, old_side) = (side(primary), side(old));
    let rest = members.iter().map(|(place, _)| *place).filter(|place| !own(place, primary) && !own(place, old));
    // What was overtaken may be all that serves, until the old tasks are up again.
    let lower = usize::try_from(service.spec.lower_bound().min(service.spec.desired_count)).unwrap_or(usize::MAX);
    let serves = old_side.members.iter().filter(|member| member.available && !member.sick).count() >= lower;
    let rest = rest.filter(|_| serves).map(|place| (place, scaling(service))).collect();
    (vec![new, old_side], rest)
}

fn bounds(service: &Service, launch: &Launch<'_>) -> Bounds {
    let spec = &service.spec;
    Bounds {
        desired: number(spec.desired_count),
        // What serves goes on where nothing comes to replace it.
        lower: if is_given_up(service) { usize::MAX } else { number(spec.lower_bound()) },
        upper: number(spec.upper_bound()),
        limit: launch.limit(),
        full: launch.is_full(),
    }
}

pub(crate) fn number(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The live tasks, and the stops of those that a DAEMON has where it should have none. One that waits for the others of its instance to
/// leave is neither.
fn posted(context: &Context<'_>, ledger: &Ledger<'_>, service: &Service, draft: &mut Draft<'_>) -> (Vec<(usize, Member)>, Stops) {
    let mut members = members(context, ledger, service, draft);
    let definition = context.world.definition(&service.revision).filter(|_| draft.is_daemon());
    let Some(definition) = definition else { return (members, Vec::new()) };
    let posts = placement::split(ledger, &Request::of_service(ledger, draft, (service, definition)));
    let begin = ledger.range(&service.cluster).start;
    let post = |member: &Member| member.seat.map_or(Post::Goes, |seat| posts[seat - begin]);
    let gone = members.iter().filter(|(_, member)| post(member) == Post::Goes).map(|(place, _)| (*place, scaling(service))).collect();
    members.retain(|(_, member)| post(member) == Post::Stays);
    (members, gone)
}

fn members(context: &Context<'_>, ledger: &Ledger<'_>, service: &Service, draft: &mut Draft<'_>) -> Vec<(usize, Member)> {
    let primary = service.primary().map(|primary| &primary.id);
    let mut members = Vec::new();
    for (place, one) in draft.tasks.iter().enumerate().filter(|(_, one)| one.task.is_live()) {
        let (available, at) = health::available(context, service, one);
        let (sick, grace) = health::sick(context, service, one);
        at.into_iter().chain(grace).chain(one.task.protected_until).for_each(|at| draft.found.wake(context, at));
        let (primary, protected) = (one.task.deployment.as_ref() == primary, one.task.is_protected(context.now));
        let seat = ledger.seat_of(&one.task);
        let leaves = seat.is_some_and(|seat| !ledger.seats[seat].is_active());
        members.push((place, Member { primary, leaves, seat, available, sick: sick.is_some(), protected, created_at: one.task.created_at }));
    }
    members
}

/// The stops of sick tasks; says of every sick task, once, what is wrong.
fn sick_stops(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, places: &[usize], decision: &Decision) -> Vec<(usize, Stop)> {
    let (mut stops, mut messages, mut sick) = (Vec::new(), Vec::new(), Vec::new());
    for (index, place) in places.iter().enumerate() {
        let one = &draft.tasks[*place];
        let (message, since, stop) = match health::sick(context, service, one).0 {
            None => continue,
            Some(Sick::Container) => {
                (events::unhealthy_container(&service.spec.name, &one.task.id), one.task.created_at, Stop::failed_container_health_checks())
            }
            Some(Sick::Unreachable(group)) => {
                let arn = context.world.target_group_arn(group);
                let message = events::unreachable(&service.spec.name, &one.task.id, &arn);
                (message, one.task.created_at, Stop::failed_elb_health_checks(&arn))
            }
            Some(Sick::Target(target)) => {
                let arn = context.world.target_group_arn(target.group);
                let reason = target.target.health.description.as_deref().unwrap_or("Health checks failed");
                let message = events::unhealthy_target(&service.spec.name, (&one.task.id, &target.key, target.group.spec.target_type), &arn, reason);
                (message, target.target.health.since, Stop::failed_elb_health_checks(&arn))
            }
        };
        if !events::said_since(service, &message, since) {
            messages.push(message);
        }
        if decision.sick.contains(&index) {
            sick.push(one.task.deployment.clone());
            stops.push((*place, stop));
        }
    }
    draft.found.sick.extend(sick);
    draft.found.events.extend(messages);
    stops
}

/// Says why a needed launch does not happen: back-off, percentages, protection, no container instance that takes it.
fn tell_hindrance(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, why: (&Decision, LaunchBackoff, Option<Hindrance>)) {
    let (decision, backoff, unplaced) = why;
    let name = &service.spec.name;
    if is_given_up(service) {
        return draft.found.waiting.push((None, format!("{name} starts nothing more until another revision is deployed")));
    }
    if decision.needed > decision.launch && context.now < backoff.not_before {
        draft.found.wake(context, backoff.not_before);
        let seconds = backoff.not_before.since(context.now).as_millis().div_ceil(1000);
        let reason = format!("{name} starts its next task in {seconds} s, after {} failures in a row", backoff.failures);
        draft.found.waiting.push((None, reason));
        return;
    }
    let message = if decision.stuck {
        let (least, most) = (service.spec.lower_bound(), service.spec.upper_bound());
        let reason = format!("{name} may neither stop nor start a task: at least {least} must be healthy, at most {most} may run");
        let hint = "lower `minimumHealthyPercent` or raise `maximumPercent` in `deploymentConfiguration`".to_owned();
        draft.found.despair(Despair { reason, hint, room_would_help: false });
        events::stuck(name)
    } else if let Some(primary) = service.primary().filter(|_| decision.kept > 0) {
        let reason = format!("{name} keeps {} more tasks than it needs, which are protected", decision.kept);
        draft.found.waiting.push((None, reason));
        events::protected(name, &primary.id)
    } else if let Some(Hindrance { event, despair, for_good }) = unplaced.filter(|_| decision.room > 0 && decision.launch < decision.needed) {
        // What is about to stop makes room.
        if decision.launch > 0 || !decision.sick.is_empty() || !decision.scale_in.is_empty() {
            return;
        }
        // Tasks that come up let old ones stop, which makes room.
        let for_good = for_good && (decision.settled || !despair.room_would_help);
        if for_good {
            draft.found.despair(despair)
        } else {
            draft.found.waiting.push((None, despair.reason))
        }
        event
    } else {
        return;
    };
    match events::held_back_until(service, &message, context.now, context.pace.event_suppression) {
        Some(until) => draft.found.wake(context, until),
        None => {
            draft.found.events.push(message);
            draft.found.wake(context, context.now + context.pace.event_suppression);
        }
    }
}

/// Begins the stop of tasks. The event comes when the stop begins, before the deregistration that follows (ecs.md 3.6).
fn stop(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>, stops: Vec<(usize, Stop)>) {
    let (mut running, mut pending) = (Vec::new(), 0);
    for (index, why) in stops {
        let task = draft.tasks[index].task.to_mut();
        if task.last_status == TaskStatus::Running {
            running.push(task.id.clone())
        } else {
            pending += 1
        }
        task.end(why, context.now);
    }
    if !running.is_empty() {
        draft.found.events.push(events::stopped_running(&service.spec.name, &running));
    }
    if pending > 0 {
        draft.found.events.push(events::stopped_pending(&service.spec.name, pending));
    }
}

/// One event a group, with its ARN; groups that are gone say nothing.
fn told(
    context: &Context<'_>,
    counts: std::collections::BTreeMap<model::TargetGroupName, usize>,
    sentence: impl Fn(usize, &str) -> String,
) -> Vec<String> {
    let groups = counts.into_iter().filter_map(|(name, count)| Some((context.world.target_groups.get(&name)?, count)));
    groups.map(|(group, count)| sentence(count, &context.world.target_group_arn(group))).collect()
}

fn tell_deregistered(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>) {
    let counts = std::mem::take(&mut draft.found.deregistered);
    draft.found.events.extend(told(context, counts, |count, arn| events::deregistered(&service.spec.name, count, arn)));
    let draining = std::mem::take(&mut draft.found.draining);
    draft.found.events.extend(draining.into_iter().map(|(deployment, count)| events::draining(&service.spec.name, &deployment, count)));
}

/// The back-off after this round's failures, or without it once a task that started since has proven itself, or once exactly those
/// that are wanted run and all are proven.
fn count_failures(context: &Context<'_>, service: &Service, draft: &mut Draft<'_>) -> LaunchBackoff {
    let mut after = service.backoff;
    if after.failures > 0 {
        let started = || draft.tasks.iter().map(|one| &one.task).filter(|task| task.is_live()).filter_map(|task| task.started_at);
        if started().any(|started| backoff::ends_row(&context.pace, after, started, context.now)) || all_proven(context, service, draft) {
            after = LaunchBackoff::default();
        } else if started().any(|started| backoff::ends_launches(&context.pace, after, started)) {
            after.never_ran = 0;
        }
        wake_when_proven(context, draft);
    }
    let primary = service.primary().map(|primary| &primary.id);
    for failure in draft.found.failures.iter().filter(|failure| failure.deployment.as_ref() == primary) {
        after = backoff::failed(&context.pace, after, failure, context.now);
    }
    if after.never_ran > service.backoff.never_ran && after.never_ran == context.pace.failures_until_event {
        draft.found.events.push(events::unable_to_start(&service.spec.name));
    }
    after
}

fn proven(context: &Context<'_>, task: &Task) -> bool {
    task.is_live() && task.started_at.is_some_and(|started| context.now.since(started) >= context.pace.proven)
}

/// Of the PRIMARY deployment: what ran before says nothing about it.
fn all_proven(context: &Context<'_>, service: &Service, draft: &Draft<'_>) -> bool {
    let primary = service.primary().map(|primary| &primary.id);
    let mut live = draft.tasks.iter().map(|one| &one.task).filter(|task| task.is_live() && task.deployment.as_ref() == primary);
    let wanted = usize::try_from(service.spec.desired_count).unwrap_or(usize::MAX);
    live.clone().count() == wanted && live.all(|task| proven(context, task))
}

fn wake_when_proven(context: &Context<'_>, draft: &mut Draft<'_>) {
    for one in draft.tasks.iter().filter(|one| one.task.is_live()) {
        if let Some(started) = one.task.started_at {
            draft.found.wake(context, started + context.pace.proven);
        }
    }
}
