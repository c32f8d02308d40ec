//! From the World to the routing table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Action, AnswerFault, FaultKind, Listener, ListenerAttributes, LoadBalancer, Rule, TargetGroup, TargetGroupName, TargetKey, TaskId, World,
};

use crate::action::ActionTable;
use crate::condition::ConditionTable;
use crate::expressions::{Expressions, Making};
use crate::group::{Eligible, state_of, takes_requests};
use crate::index::RuleIndex;
use crate::table::{Balancer, ListenerTable, RuleTable, Table, dns_name};
use crate::transform::TransformTable;
use crate::{GroupTable, TargetState};

/// The table of the World, to take the place of `previous`: targets that stay registered keep their counters, groups keep their
/// rotation, regular expressions stay compiled, and targets of `previous` that are registered no longer are [gone](TargetState::gone).
///
/// A target group that no listener forwards to takes no part; requests that were already on its targets are left alone.
#[must_use]
pub fn compile(world: &World, previous: Option<&Table>) -> Table {
    let targets = targets(world, previous);
    for (key, target) in previous.iter().flat_map(|previous| &previous.targets) {
        if !targets.get(key).is_some_and(|kept| Arc::ptr_eq(kept, target)) {
            target.leave();
        }
    }
    let groups: BTreeMap<_, _> = in_use(world)
        .into_iter()
        .filter_map(|name| Some((name, world.target_groups.get(name)?)))
        .map(|(name, group)| {
            let before = previous.and_then(|previous| previous.groups.get(name));
            let slow_start = world.settings.speed.of(group.spec.attributes.slow_start);
            let table = GroupTable::new(
                (&group.spec, slow_start),
                world.target_group_arn(group),
                eligible(name, group, &targets),
                before.map(|group| &**group),
            );
            (name.clone(), Arc::new(table))
        })
        .collect();
    let (listeners, expressions) = listeners(world, &groups, previous);
    Table { version: world.version, listeners, groups, targets, expressions }
}

type Targets = BTreeMap<(TargetGroupName, TargetKey), Arc<TargetState>>;

fn in_use(world: &World) -> BTreeSet<&TargetGroupName> {
    let listeners = world.load_balancers.values().flat_map(|balancer| balancer.listeners.values());
    listeners.flat_map(Listener::actions).flat_map(|action| action.target_groups()).collect()
}

/// Everything that requests may be on: targets of groups in use, and what `previous` had as long as it is registered.
fn targets(world: &World, previous: Option<&Table>) -> Targets {
    let in_use = in_use(world);
    let faults = faults(world);
    let mut targets = Targets::new();
    for (name, group) in &world.target_groups {
        let slow_start = world.settings.speed.of(group.spec.attributes.slow_start);
        let others = || previous.into_iter().flat_map(|previous| &previous.targets).filter(|((group, _), _)| group == name);
        // The first ones to be healthy get all requests at once, and so do those that were healthy before there was a slow start.
        let ramps = |since| !slow_start.is_zero() && others().any(|(_, other)| other.is_established(slow_start, since));
        let ramps: Vec<bool> = group.targets.values().map(|target| ramps(target.health.since)).collect();
        for ((key, target), ramps) in group.targets.iter().zip(ramps) {
            let id = (name.clone(), key.clone());
            let before = previous.and_then(|previous| previous.targets.get(&id)).filter(|before| before.is_of(&group.spec, target));
            let state = match before {
                Some(before) => Arc::clone(before),
                None if in_use.contains(name) => Arc::new(TargetState::new(&group.spec, key, target)),
                None => continue,
            };
            state.set_fault(target.task.as_ref().and_then(|task| faults.get(task)).copied());
            state.set_draining(target.draining_since.is_some());
            state.set_healthy(state_of(target) == model::TargetHealthState::Healthy, target.health.since, ramps);
            targets.insert(id, state);
        }
    }
    targets
}

/// What is injected in the place of tasks now; a task has one at most.
fn faults(world: &World) -> BTreeMap<&TaskId, AnswerFault> {
    let of = |fault: &model::Fault| if let FaultKind::Answers(answers) = fault.kind { Some(answers) } else { None };
    let known = world.faults.values().filter(|fault| !fault.ending).filter_map(|fault| Some((fault, of(fault)?)));
    known.flat_map(|(fault, answers)| fault.tasks.keys().map(move |task| (task, answers))).collect()
}

fn eligible(name: &TargetGroupName, group: &TargetGroup, targets: &Targets) -> Eligible {
    let takes = takes_requests(group);
    let chosen = group.targets.iter().filter(|(_, target)| takes(state_of(target)));
    let fail_open = chosen.clone().any(|(_, target)| state_of(target) != model::TargetHealthState::Healthy);
    let targets = chosen.filter_map(|(key, _)| targets.get(&(name.clone(), key.clone())).cloned()).collect();
    Eligible { targets, fail_open }
}

type Groups = BTreeMap<TargetGroupName, Arc<GroupTable>>;

fn listeners(world: &World, groups: &Groups, previous: Option<&Table>) -> (Vec<ListenerTable>, Expressions) {
    let mut tables: Vec<ListenerTable> = Vec::new();
    let mut expressions = Making::after(previous.map(|previous| &previous.expressions));
    for balancer in world.load_balancers_by_age() {
        let balancer_table = Arc::new(balancer_table(world, balancer, previous));
        tables.extend(balancer.listeners.values().map(|one| listener(one, &balancer_table, groups, &mut expressions)));
    }
    // The sort is stable: on one port the oldest stays first.
    tables.sort_by_key(|table| table.port);
    (tables, expressions.made())
}

pub(crate) fn balancer_table(world: &World, balancer: &LoadBalancer, previous: Option<&Table>) -> Balancer {
    let arn = world.load_balancer_arn(balancer);
    let before = previous.into_iter().flat_map(|previous| &previous.listeners).find(|listener| listener.balancer.arn == arn);
    Balancer {
        name: balancer.name.clone(),
        dns_name: dns_name(&balancer.name),
        attributes: balancer.attributes.clone(),
        metrics: before.map_or_else(Arc::default, |before| Arc::clone(&before.balancer.metrics)),
        arn,
    }
}

pub(crate) fn listener(listener: &Listener, balancer: &Arc<Balancer>, groups: &Groups, expressions: &mut Making<'_>) -> ListenerTable {
    let action = |action: &Action| ActionTable::new(action, |name| groups.get(name).cloned());
    let mut rule = |rule: &Rule| RuleTable {
        priority: rule.priority,
        conditions: rule.conditions.iter().map(|condition| ConditionTable::new(condition, expressions)).collect(),
        transforms: TransformTable::new(&rule.transforms, expressions),
        authenticate: rule.authenticate.clone().map(Arc::new),
        action: action(&rule.action),
    };
    let rules: Vec<RuleTable> = listener.rules.values().map(&mut rule).collect();
    ListenerTable {
        port: listener.port,
        protocol: listener.protocol,
        own_attributes: (listener.attributes != ListenerAttributes::default()).then(|| Arc::new(listener.attributes.clone())),
        balancer: Arc::clone(balancer),
        index: RuleIndex::new(&rules),
        rules,
        default: action(&listener.default_action),
        default_authenticate: listener.default_authenticate.clone().map(Arc::new),
    }
}

#[cfg(test)]
mod tests {
    use model::{Condition, Rewrite, Transforms};

    use super::*;
    use crate::testing::{forward, group_name, key, paths, put_group, put_listener, regexes, target, world};

    fn table(groups: &[(&str, &str)], used: &[(&str, u16)], previous: Option<&Table>) -> Table {
        let mut world = world();
        world.version = 7;
        groups.iter().for_each(|(name, states)| put_group(&mut world, name, states));
        put_listener(&mut world, "front", 80, vec![(vec![paths(&["*"])], forward(used))]);
        compile(&world, previous)
    }

    fn state(table: &Table, port: u16) -> Arc<TargetState> {
        Arc::clone(table.targets().find(|target| target.key == key(port)).unwrap())
    }

    #[test]
    fn only_groups_in_use_take_part() {
        let table = table(&[("users", "hd"), ("posts", "h")], &[("users", 0)], None);
        assert_eq!(table.groups().map(|group| group.name().as_str()).collect::<Vec<_>>(), ["users"]);
        assert_eq!(table.targets().map(|target| (target.key.port, target.is_draining())).collect::<Vec<_>>(), [(1, false), (2, true)]);
        assert_eq!((table.version(), table.ports()), (7, BTreeSet::from([80])));
        let arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/users/0000000000000001";
        assert_eq!(table.groups().next().unwrap().identity().arn(), arn);
    }

    #[test]
    fn a_group_that_does_not_exist_is_passed_over() {
        let table = table(&[("users", "h")], &[("posts", 1)], None);
        let listener = table.listener(80, None).unwrap();
        assert!(matches!(crate::decide(listener, &crate::testing::head("/"), crate::testing::given(0, 1)), crate::Decision::NoTargetGroup { .. }));
    }

    #[test]
    fn counters_survive_and_what_is_deregistered_is_gone() {
        let used = &[("users", 1)];
        let first = table(&[("users", "hhh")], used, None);
        let guards = [state(&first, 1).enter(), state(&first, 2).enter()];
        let second = table(&[("users", "hd ")], used, Some(&first));
        assert!(Arc::ptr_eq(&state(&first, 1), &state(&second, 1)));
        assert_eq!((state(&second, 1).in_flight(), state(&second, 2).in_flight()), (1, 1));
        assert!(state(&second, 2).is_draining() && !state(&second, 2).is_gone(), "draining lets requests end");
        assert!(state(&first, 3).is_gone(), "deregistered");
        let third = table(&[("users", "h")], used, Some(&second));
        assert!(guards[1].target().is_gone() && !guards[0].target().is_gone());
        drop(guards);
        assert_eq!(state(&third, 1).in_flight(), 0);
    }

    #[test]
    fn a_group_out_of_use_keeps_the_requests_that_it_has() {
        let groups = &[("users", "h"), ("posts", "")];
        let first = table(groups, &[("users", 1)], None);
        let guard = state(&first, 1).enter();
        let second = table(groups, &[("posts", 1)], Some(&first));
        assert!(second.groups().all(|group| group.eligible().is_empty()));
        assert!(!guard.target().is_gone());
        let third = table(groups, &[("users", 1)], Some(&second));
        assert_eq!(state(&third, 1).in_flight(), 1);
        let fourth = table(&[("users", ""), ("posts", "")], &[("posts", 1)], Some(&third));
        assert!(guard.target().is_gone() && fourth.targets().next().is_none());
    }

    /// The expressions of the conditions and transforms of the one listener's rules.
    fn expressions(table: &Table) -> Vec<Arc<regex::bytes::Regex>> {
        let rules = || table.listener(80, None).unwrap().rules.iter();
        let of_conditions = rules().flat_map(|rule| &rule.conditions).flat_map(|condition| condition.values()).filter_map(|value| match value {
            crate::condition::Value::Regex(regex) => Some(Arc::clone(regex)),
            _ => None,
        });
        of_conditions.chain(rules().flat_map(|rule| rule.transforms.expressions())).collect()
    }

    #[test]
    fn a_change_of_a_target_compiles_no_expression() {
        let mut world = world();
        put_group(&mut world, "users", "h");
        let conditions = vec![Condition::PathPattern(regexes(&["^/a", "^/b"])), Condition::HostHeader(regexes(&["^a"]))];
        put_listener(&mut world, "front", 80, vec![(conditions, forward(&[("users", 1)]))]);
        let rewrite = |regex: &str| Some(Rewrite { regex: regex.into(), replace: "/x".into() });
        rules(&mut world).get_mut(&1).unwrap().transforms = Transforms { host: rewrite("^b"), url: rewrite("^/c") };
        let first = compile(&world, None);
        put_group(&mut world, "users", "hu");
        let second = compile(&world, Some(&first));
        let pairs: Vec<_> = expressions(&first).into_iter().zip(expressions(&second)).collect();
        assert_eq!(pairs.len(), 5);
        assert!(pairs.iter().all(|(before, after)| Arc::ptr_eq(before, after)), "{pairs:?}");
        // One that changes is another one.
        rules(&mut world).get_mut(&1).unwrap().transforms.url = rewrite("^/d");
        let third = expressions(&compile(&world, Some(&second)));
        let kept: Vec<bool> = third.iter().zip(&pairs).map(|(after, (before, _))| Arc::ptr_eq(after, before)).collect();
        assert_eq!(kept, [true, true, true, true, false]);
        assert_eq!(third[4].as_str(), "^/d");
    }

    fn rules(world: &mut World) -> &mut BTreeMap<model::Priority, Rule> {
        &mut world.load_balancers.values_mut().next().unwrap().listeners.get_mut(&80).unwrap().rules
    }

    #[test]
    fn a_target_that_is_registered_anew_is_another_one() {
        let used = vec![(vec![paths(&["*"])], forward(&[("users", 1)]))];
        let mut world = world();
        put_group(&mut world, "users", "h");
        put_listener(&mut world, "front", 80, used);
        let first = compile(&world, None);
        let again = model::Target { registered_at: model::Timestamp::from_millis(9), ..target(1, model::TargetHealthState::Initial) };
        world.target_groups.get_mut(&group_name("users")).unwrap().targets.insert(key(1), again);
        let second = compile(&world, Some(&first));
        assert!(state(&first, 1).is_gone() && !state(&second, 1).is_gone());
        assert_eq!(second.groups().next().unwrap().eligible().len(), 1);
    }
}
