//! A target group as the data plane sees it: who takes the next request (alb.md 4, Selection).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Target, TargetGroup, TargetGroupName, TargetHealthState};

use crate::TargetState;

/// A target group that some listener forwards to.
#[derive(Debug)]
pub struct GroupTable {
    name: TargetGroupName,
    arn: Box<str>,
    eligible: Vec<Arc<TargetState>>,
    fail_open: bool,
    /// Shared with the tables before and after this one: the rotation goes on over a swap.
    rotation: Arc<AtomicUsize>,
    /// Added to the rotation, so that the target whose turn it was stays next when others come or go.
    offset: usize,
}

/// Who takes a request.
#[derive(Clone, Copy, Debug)]
pub enum Pick<'t> {
    /// This target.
    Target(&'t Arc<TargetState>),
    /// Nobody is registered: 503.
    None,
}

impl GroupTable {
    pub(crate) fn new(name: &TargetGroupName, arn: String, eligible: Eligible, previous: Option<&Self>) -> Self {
        let Eligible { targets, fail_open } = eligible;
        let rotation = previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.rotation));
        let turn = rotation.load(Ordering::Relaxed);
        let next = previous.and_then(|previous| previous.at(turn)).map_or(0, |next| targets.partition_point(|target| target.key < next.key));
        let index = next.checked_rem(targets.len()).unwrap_or(0);
        Self { name: name.clone(), arn: arn.into(), eligible: targets, fail_open, rotation, offset: index.wrapping_sub(turn) }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &TargetGroupName {
        &self.name
    }

    /// Its ARN, for the access log.
    #[must_use]
    pub const fn arn(&self) -> &str {
        &self.arn
    }

    /// Those who take requests, in the order of their keys.
    #[must_use]
    pub fn eligible(&self) -> &[Arc<TargetState>] {
        &self.eligible
    }

    /// Whether requests go to targets that are not healthy, because none is.
    #[must_use]
    pub const fn is_fail_open(&self) -> bool {
        self.fail_open
    }

    /// The next target of the round robin. One rotation serves all threads, so that few requests are spread evenly too.
    #[must_use]
    pub fn pick(&self) -> Pick<'_> {
        if self.eligible.is_empty() {
            return Pick::None;
        }
        self.at(self.rotation.fetch_add(1, Ordering::Relaxed)).map_or(Pick::None, Pick::Target)
    }

    fn at(&self, turn: usize) -> Option<&Arc<TargetState>> {
        self.eligible.get(turn.wrapping_add(self.offset).checked_rem(self.eligible.len())?)
    }
}

/// What requests of a group may go to.
pub(crate) struct Eligible {
    /// By key.
    pub(crate) targets: Vec<Arc<TargetState>>,
    /// None is healthy, so these are all that are registered.
    pub(crate) fail_open: bool,
}

/// The state that counts: `draining` wins over what the last check said.
pub(crate) fn state_of(target: &Target) -> TargetHealthState {
    if target.draining_since.is_some() { TargetHealthState::Draining } else { target.health.state }
}

/// Which states take requests: healthy ones; if the group has none, initial and unhealthy ones (alb.md 4: the threshold is one
/// healthy target, below it the group fails open; unused and draining targets take nothing).
pub(crate) fn takes_requests(group: &TargetGroup) -> fn(TargetHealthState) -> bool {
    let any_healthy = group.targets.values().any(|target| state_of(target) == TargetHealthState::Healthy);
    if any_healthy {
        |state| state == TargetHealthState::Healthy
    } else {
        |state| matches!(state, TargetHealthState::Initial | TargetHealthState::Unhealthy)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{forward, paths, put_group, put_listener, world};
    use crate::{Table, compile};

    /// A table whose only group has targets of these states (see [`put_group`]).
    fn table(states: &str, previous: Option<&Table>) -> Table {
        let mut world = world();
        put_group(&mut world, "users", states);
        put_listener(&mut world, "front", 80, vec![(vec![paths(&["*"])], forward(&[("users", 1)]))]);
        compile(&world, previous)
    }

    /// The ports that the next requests go to; 0 for nobody.
    fn picks(table: &Table, count: usize) -> Vec<u16> {
        let group = table.groups().next().unwrap();
        let port = |pick| if let Pick::Target(target) = pick { target.key.port } else { 0 };
        std::iter::repeat_with(|| port(group.pick())).take(count).collect()
    }

    #[test]
    fn the_eligible_take_turns() {
        let check = |states: &str, expected: &[u16], fail_open: bool| {
            let table = table(states, None);
            assert_eq!(picks(&table, expected.len()), expected, "{states}");
            assert_eq!(table.groups().next().unwrap().is_fail_open(), fail_open, "{states}");
        };
        check("hhh", &[1, 2, 3, 1, 2, 3], false);
        check("huidh-", &[1, 5, 1, 5], false);
        check("uid-", &[1, 2, 1, 2], true);
        check("i", &[1, 1], true);
        check("dd", &[0, 0], false);
        check("--", &[0, 0], false);
        check("", &[0], false);
    }

    #[test]
    fn the_turn_stays_when_others_come_and_go() {
        let check = |steps: &[(&str, &[u16])]| {
            let mut last: Option<Table> = None;
            for (states, expected) in steps {
                let next = table(states, last.as_ref());
                assert_eq!(picks(&next, expected.len()), *expected, "{states} of {steps:?}");
                last = Some(next);
            }
        };
        check(&[("hhh", &[1, 2]), ("hhhh", &[3, 4, 1, 2])]);
        check(&[("hhh", &[1, 2]), ("hh ", &[1, 2, 1])]);
        check(&[("hhh", &[1]), (" hh", &[2, 3, 2]), ("hhh", &[3, 1, 2])]);
        check(&[("hhh", &[1]), ("huh", &[3, 1, 3])]);
        check(&[("hh", &[1]), ("dd", &[0, 0]), ("hh", &[1, 2])]);
        check(&[("hh", &[1]), ("hh", &[2]), ("hh", &[1])]);
    }

    proptest! {
        #[test]
        fn everybody_gets_as_many(states in "[huid -]{1,12}", rounds in 1_usize..5, earlier in "[huid -]{0,12}", before in 0_usize..7) {
            let first = table(&earlier, None);
            picks(&first, before);
            let table = table(&states, Some(&first));
            let eligible = table.groups().next().unwrap().eligible().len();
            let mut counts = BTreeMap::new();
            for port in picks(&table, eligible * rounds) {
                *counts.entry(port).or_insert(0) += 1;
            }
            prop_assert_eq!(counts.len(), eligible);
            prop_assert!(counts.values().all(|count| *count == rounds));
        }
    }
}
