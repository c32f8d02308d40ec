//! Deployments that shift traffic: stage after stage, each when what it waits for has come, and back at once where a hook says no
//! (ecs.md 3.10).

use std::time::Duration;

use model::traffic_shift::{ALL, Permille};
use model::{
    Deployment, DeploymentStatus, HookAction, HookAnswer, HookTarget, LifecycleStage, RolloutState, Service, ServiceKey, ServiceLoadBalancer, Shift,
    ShiftPattern, Speed, Step, Timestamp, TrafficShift, WeightedTargetGroup,
};

use crate::Work;
use crate::breaker;
use crate::context::Context;
use crate::draft::Draft;

/// All at once, without asking and without waiting.
static AT_ONCE: TrafficShift = TrafficShift { pattern: ShiftPattern::AllAtOnce, bake_time: Duration::ZERO, hooks: Vec::new() };

/// Whether the service's traffic is being shifted: then its old tasks stay beside the new ones.
pub(crate) fn keeps_old(service: &Service) -> bool {
    service.primary().and_then(|primary| primary.shift.as_ref()).is_some_and(Shift::keeps_old)
}

/// Whether the new tasks may start.
pub(crate) fn scales_up(service: &Service) -> bool {
    service.primary().and_then(|primary| primary.shift.as_ref()).is_none_or(|shift| shift.stage >= LifecycleStage::ScaleUp)
}

/// What one look at a stage says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing to do before something happens.
    Wait,
    /// Nothing to do before that time.
    Until(Timestamp),
    /// The hook that is waited for is to be asked.
    Ask,
    /// It was waited for long enough.
    Expired(HookAction),
    /// The production shift moves to that share of the traffic.
    Move(Permille),
    /// That stage begins.
    Enter(LifecycleStage),
}

/// `ready`: every new task that is wanted runs and is healthy; `alone`: only new and old tasks are left.
fn next((plan, speed): (&TrafficShift, Speed), shift: &Shift, (ready, alone): (bool, bool), now: Timestamp) -> Next {
    let following = Next::Enter(shift.stage.next());
    let waited = |time: Duration, then: Next| {
        let end = shift.since + speed.of(time);
        if now >= end { then } else { Next::Until(end) }
    };
    match shift.stage {
        LifecycleStage::ScaleUp => return if ready { following } else { Next::Wait },
        LifecycleStage::BakeTime => return waited(plan.bake_time, following),
        LifecycleStage::CleanUp => return Next::Wait,
        LifecycleStage::ReconcileService if !alone => return Next::Wait,
        _ => {}
    }
    if let Some(hook) = plan.hooks_at(shift.stage).nth(shift.hook) {
        let expires_at = shift.hook_expires_at(hook, speed);
        return match hook.target {
            _ if now >= expires_at => Next::Expired(hook.timeout.action),
            HookTarget::Pause => Next::Until(expires_at),
            _ if now >= shift.ask_at => Next::Ask,
            _ => Next::Until(shift.ask_at.min(expires_at)),
        };
    }
    match shift.stage {
        // Hooks may have taken long: nobody is sent where nobody answers.
        LifecycleStage::PreProductionTrafficShift if !ready => Next::Wait,
        LifecycleStage::PreProductionTrafficShift => Next::Move(plan.pattern.next(shift.production).0),
        // The wait is that of the share that was reached; the next share has both stages once more.
        LifecycleStage::ProductionTrafficShift if shift.production < ALL => {
            waited(reached(plan, shift.production), Next::Enter(LifecycleStage::PreProductionTrafficShift))
        }
        _ => following,
    }
}

/// How long a share stays, by the steps that lead to it.
fn reached(plan: &TrafficShift, share: Permille) -> Duration {
    let mut at = 0;
    loop {
        let (next, bake) = plan.pattern.next(at);
        if next >= share || next >= ALL {
            return bake;
        }
        at = next;
    }
}

/// Leads the PRIMARY deployment through its stages.
pub(crate) fn advance(context: &Context<'_>, key: &ServiceKey, service: &Service, draft: &mut Draft<'_>, deployments: &mut Vec<Deployment>) {
    // A shift that began before the strategy was changed to ROLLING comes to its end.
    let plan = service.spec.traffic_shift.as_ref().unwrap_or(&AT_ONCE);
    let Some(primary) = deployments.first_mut().filter(|one| one.rollout_state == RolloutState::InProgress) else { return };
    if let Some(why) = primary.given_up.clone().filter(|_| primary.rolled_back_from.is_none()) {
        return breaker::go_back(context, (key, service), draft, deployments, Some(why));
    }
    let (id, speed) = (primary.id.clone(), context.world.settings.speed);
    let Some(shift) = &mut primary.shift else { return };
    let old = service.old().map(|old| &old.id);
    let ready = is_ready(context, service, draft);
    let alone = draft.tasks.iter().filter(|one| one.task.last_status != model::TaskStatus::Stopped).all(|one| {
        let own = one.task.deployment.as_ref();
        own == Some(&id) || own == old
    });
    // Each turn either waits or goes on, and a shift has an end.
    loop {
        match next((plan, speed), shift, (ready, alone), context.now) {
            Next::Wait => return,
            Next::Until(at) => {
                draft.found.waiting.extend(pause((plan, speed), shift, service, context.now).map(|reason| (None, reason)));
                return draft.found.wake(context, at);
            }
            Next::Ask => {
                let (service, deployment, stage, hook, attempt) = (key.clone(), id, shift.stage, shift.hook, shift.attempt);
                let expires_at = plan.hooks_at(stage).nth(hook).map(|asked| shift.hook_expires_at(asked, speed));
                expires_at.into_iter().for_each(|at| draft.found.wake(context, at));
                return draft.found.act(context, Work::Hook { service, deployment, stage, hook, attempt });
            }
            Next::Expired(HookAction::RollBack) => {
                let why = format!("a lifecycle hook timed out at {}", shift.stage.as_str());
                primary.given_up = Some(why.clone());
                return breaker::go_back(context, (key, service), draft, deployments, Some(why));
            }
            Next::Expired(HookAction::Continue) => shift.next_hook(context.now),
            Next::Move(share) => {
                shift.enter(LifecycleStage::ProductionTrafficShift, context.now);
                shift.production = share;
            }
            Next::Enter(stage) => {
                shift.enter(stage, context.now);
                shift.test |= stage >= LifecycleStage::TestTrafficShift;
            }
        }
        primary.updated_at = context.now;
    }
}

/// What a user is told of a deployment that waits for them.
fn pause((plan, speed): (&TrafficShift, Speed), shift: &Shift, service: &Service, now: Timestamp) -> Option<String> {
    let hook = plan.hooks_at(shift.stage).nth(shift.hook).filter(|hook| hook.target == HookTarget::Pause)?;
    let left = shift.hook_expires_at(hook, speed).since(now).as_millis().div_ceil(1000);
    let left = if left < 120 { format!("{left} s") } else { format!("{} min", left.div_ceil(60)) };
    let then = match hook.timeout.action {
        HookAction::RollBack => "is rolled back",
        HookAction::Continue => "goes on",
    };
    let (name, stage) = (&service.spec.name, shift.stage.as_str());
    Some(format!("{name} is paused at {stage} until `ecslocal continue {name}`, and {then} in {left}"))
}

fn is_ready(context: &Context<'_>, service: &Service, draft: &Draft<'_>) -> bool {
    let primary = service.primary().map(|primary| &primary.id);
    let own = draft.tasks.iter().filter(|one| one.task.is_live() && one.task.deployment.as_ref() == primary);
    let well = own.filter(|one| crate::health::available(context, service, one).0).count();
    well >= usize::try_from(service.spec.desired_count).unwrap_or(usize::MAX)
}

/// What a hook's answer makes of a deployment; `None` where nobody waits for it.
pub(crate) fn answered(
    service: &Service,
    (deployment, stage, hook): (&model::DeploymentId, LifecycleStage, usize),
    answer: &HookAnswer,
    (now, speed): (Timestamp, Speed),
) -> Option<Vec<Deployment>> {
    let mut deployments = service.deployments.clone();
    let found = deployments.iter_mut().find(|one| one.id == *deployment && one.status == DeploymentStatus::Primary)?;
    let shift = found.shift.as_mut().filter(|shift| shift.stage == stage && shift.hook == hook)?;
    match answer {
        HookAnswer::Succeeded => shift.next_hook(now),
        HookAnswer::InProgress(delay) => (shift.attempt, shift.ask_at) = (shift.attempt.saturating_add(1), now + speed.of(*delay)),
        HookAnswer::Failed(why) => found.given_up = Some(format!("a lifecycle hook failed at {}: {why}", stage.as_str())),
    }
    Some(deployments)
}

/// The weights that a service's rules are to have, where they have others.
pub(crate) fn traffic(context: &Context<'_>, service: &Service, primary: &Deployment) -> Vec<Step> {
    let mut steps = Vec::new();
    for entry in &service.spec.load_balancers {
        let Some(advanced) = &entry.advanced else { continue };
        let (production, test) = shares(primary);
        let rules = std::iter::once((&advanced.production_rule, production)).chain(advanced.test_rule.iter().map(|rule| (rule, test)));
        for (rule, share) in rules {
            let target_groups = weights(entry, primary, share);
            let Some(model::Action::Forward(forward)) = context.world.rule_action(rule) else { continue };
            if forward.target_groups != target_groups {
                steps.push(Step::ShiftTraffic { rule: rule.clone(), target_groups });
            }
        }
    }
    steps
}

/// What the PRIMARY deployment gets of production and of test traffic.
fn shares(primary: &Deployment) -> (Permille, Permille) {
    match &primary.shift {
        Some(shift) if shift.keeps_old() => (shift.production, if shift.test { ALL } else { 0 }),
        _ => (ALL, ALL),
    }
}

/// The two groups of an entry with their weights: per cent, or per mille where that is not exact.
fn weights(entry: &ServiceLoadBalancer, primary: &Deployment, share: Permille) -> Vec<WeightedTargetGroup> {
    let unit = if share.is_multiple_of(10) { 10 } else { 1 };
    let own = entry.group_of(primary);
    let weight = |group: &model::TargetGroupName| if group == own { share / unit } else { (ALL - share) / unit };
    entry.groups().map(|group| WeightedTargetGroup { target_group: group.clone(), weight: weight(group) }).collect()
}

#[cfg(test)]
mod tests {
    use model::{HookTimeout, LifecycleHook};

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn stages_follow_each_other_when_what_they_wait_for_has_come() {
        let bake = Duration::from_secs(10);
        let plan = TrafficShift { pattern: ShiftPattern::Canary { step: 50, bake }, bake_time: bake, hooks: Vec::new() };
        let shift = |stage, production| Shift { stage, production, ..Shift::begin(false, at(0)) };
        let next = |stage, production, ready, now| next((&plan, Speed::default()), &shift(stage, production), ready, at(now));
        use LifecycleStage::*;
        use Next::{Enter, Move, Until, Wait};
        assert_eq!(next(ReconcileService, 0, (false, false), 0), Wait);
        assert_eq!(next(ReconcileService, 0, (false, true), 0), Enter(PreScaleUp));
        assert_eq!(next(ScaleUp, 0, (false, true), 0), Wait);
        assert_eq!(next(ScaleUp, 0, (true, true), 0), Enter(PostScaleUp));
        assert_eq!(next(TestTrafficShift, 0, (true, true), 0), Enter(PostTestTrafficShift));
        assert_eq!(next(PreProductionTrafficShift, 0, (false, true), 0), Wait, "not while a new task is ill");
        assert_eq!(next(PreProductionTrafficShift, 0, (true, true), 0), Move(50));
        assert_eq!(next(ProductionTrafficShift, 50, (true, true), 9_999), Until(at(10_000)));
        assert_eq!(next(ProductionTrafficShift, 50, (true, true), 10_000), Enter(PreProductionTrafficShift));
        assert_eq!(next(PreProductionTrafficShift, 50, (true, true), 10_000), Move(1000));
        assert_eq!(next(ProductionTrafficShift, 1000, (true, true), 0), Enter(PostProductionTrafficShift));
        assert_eq!(next(BakeTime, 1000, (true, true), 1), Until(at(10_000)));
        assert_eq!(next(BakeTime, 1000, (true, true), 10_000), Enter(CleanUp));
        assert_eq!(next(CleanUp, 1000, (true, true), 10_000), Wait);
    }

    fn hook(target: HookTarget, stages: &[LifecycleStage], timeout: HookTimeout) -> LifecycleHook {
        LifecycleHook { target, stages: stages.to_vec(), timeout, details: None }
    }

    fn asking(hooks: Vec<LifecycleHook>) -> TrafficShift {
        TrafficShift { pattern: ShiftPattern::AllAtOnce, bake_time: Duration::ZERO, hooks }
    }

    #[test]
    fn hooks_are_asked_one_after_the_other_and_again_when_they_say_so() {
        use LifecycleStage::*;
        let hook = |stages: &[LifecycleStage]| hook(HookTarget::Endpoint("http://127.0.0.1:1/".into()), stages, HookTimeout::default());
        let plan = asking(vec![hook(&[PreScaleUp]), hook(&[PostScaleUp, PreScaleUp]), hook(&[PostScaleUp])]);
        let shift = |hook, ask_at| Shift { hook, ask_at: at(ask_at), ..Shift::begin(false, at(0)) };
        let next = |hook, ask_at| next((&plan, Speed::default()), &shift(hook, ask_at), (false, true), at(5));
        assert_eq!([next(0, 0), next(1, 5), next(1, 6), next(2, 0)], [Next::Ask, Next::Ask, Next::Until(at(6)), Next::Enter(ScaleUp)]);
    }

    #[test]
    fn a_hook_is_waited_for_so_long_and_then_the_deployment_goes_on_or_back() {
        use LifecycleStage::*;
        let minute = Duration::from_secs(60);
        let timeout = |action| HookTimeout { after: minute, action };
        let plan = asking(vec![
            hook(HookTarget::Pause, &[PreScaleUp], timeout(HookAction::Continue)),
            hook(HookTarget::Endpoint("http://127.0.0.1:1/".into()), &[PreScaleUp], timeout(HookAction::RollBack)),
        ]);
        let mut shift = Shift::begin(false, at(0));
        assert_eq!(next((&plan, Speed::default()), &shift, (false, true), at(59_999)), Next::Until(at(60_000)), "a pause asks nobody");
        assert_eq!(next((&plan, Speed::default()), &shift, (false, true), at(60_000)), Next::Expired(HookAction::Continue));
        shift.next_hook(at(60_000));
        assert_eq!(next((&plan, Speed::default()), &shift, (false, true), at(60_000)), Next::Ask);
        shift.ask_at = at(200_000);
        assert_eq!(
            next((&plan, Speed::default()), &shift, (false, true), at(60_001)),
            Next::Until(at(120_000)),
            "however late it wants to be asked again"
        );
        assert_eq!(next((&plan, Speed::default()), &shift, (false, true), at(120_000)), Next::Expired(HookAction::RollBack));
    }

    #[test]
    fn each_share_of_a_linear_shift_waits() {
        let bake = Duration::from_secs(7);
        let plan = TrafficShift { pattern: ShiftPattern::Linear { step: 300, bake }, bake_time: Duration::ZERO, hooks: Vec::new() };
        assert_eq!([300, 600, 900, 1000].map(|share| reached(&plan, share).as_secs()), [7, 7, 7, 0]);
    }
}
