//! From the votes of all policies to one change of the desired count, or to the reasons why there is none (ecs.md 7).

use model::{Capacity, SuspendedState, Timestamp};

use super::vote::Vote;

/// What a decision is made from, besides the votes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    pub(crate) capacity: Capacity,
    pub(crate) suspended: SuspendedState,
    pub(crate) desired: u32,
    /// A deployment is in progress.
    pub(crate) deploying: bool,
    /// The ends of the cooldowns that are in force.
    pub(crate) cooldown_out: Option<Timestamp>,
    pub(crate) cooldown_in: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// The new desired count, and the place of the vote that asked for it.
    pub(crate) change: Option<(u32, usize)>,
    /// Why something that a policy asks for is not done.
    pub(crate) held: Vec<String>,
}

impl Decision {
    fn to(count: u32, by: usize) -> Self {
        Self { change: Some((count, by)), held: Vec::new() }
    }

    fn held(reason: String) -> Self {
        Self { change: None, held: vec![reason] }
    }
}

/// Out as far as any policy asks; in only when all are ready, and not below what any of them needs.
pub(crate) fn decide(votes: &[(&str, Vote)], situation: &Situation) -> Decision {
    let outs = votes.iter().enumerate().filter_map(|(place, (_, vote))| if let Vote::Out(count) = vote { Some((*count, place)) } else { None });
    if let Some((count, place)) = outs.max_by_key(|(count, place)| (*count, std::cmp::Reverse(*place))) {
        return scale_out(votes[place].0, (count, place), situation);
    }
    let ins = votes.iter().enumerate().filter_map(|(place, (_, vote))| if let Vote::In(count) = vote { Some((*count, place)) } else { None });
    match ins.max_by_key(|(count, place)| (*count, std::cmp::Reverse(*place))) {
        Some((count, place)) => scale_in(votes, (count, place), situation),
        None => Decision::default(),
    }
}

fn scale_out(policy: &str, (count, place): (u32, usize), situation: &Situation) -> Decision {
    let Situation { capacity, desired, .. } = *situation;
    if situation.suspended.scaling_out {
        return Decision::held(format!("policy {policy} asks for more tasks, and scaling out is suspended"));
    }
    // First into the bounds, then further with the next minute.
    let goal = if desired < capacity.min { capacity.min } else { count.min(capacity.max) };
    if goal > desired {
        return Decision::to(goal, place);
    }
    Decision::held(match situation.cooldown_out {
        _ if desired > capacity.max => {
            format!("policy {policy} asks for more tasks, and {desired} are more than the maximum capacity {}", capacity.max)
        }
        _ if count > capacity.max => format!("policy {policy} asks for {count} tasks, and the maximum capacity is {}", capacity.max),
        Some(until) if count < desired => {
            let left = left(situation, until);
            format!("policy {policy} asks for more tasks; only more than {desired} count until the cooldown of the last scale-out is over, {left}")
        }
        _ => format!("policy {policy} asks for {count} tasks, and the desired count is {desired}"),
    })
}

fn scale_in(votes: &[(&str, Vote)], (count, place): (u32, usize), situation: &Situation) -> Decision {
    let Situation { capacity, desired, .. } = *situation;
    let policy = votes[place].0;
    for (other, vote) in votes {
        match vote {
            Vote::Keep => return Decision::held(format!("policy {policy} could do with fewer tasks, and policy {other} is not ready to scale in")),
            Vote::Unknown => {
                return Decision::held(format!("policy {policy} could do with fewer tasks, and policy {other} has not enough data to scale in"));
            }
            Vote::Out(_) | Vote::In(_) | Vote::Abstain => {}
        }
    }
    if situation.suspended.scaling_in {
        return Decision::held(format!("policy {policy} could do with fewer tasks, and scaling in is suspended"));
    }
    if desired <= capacity.min {
        return Decision::held(format!("policy {policy} could do with fewer tasks, and the minimum capacity is {}", capacity.min));
    }
    if situation.deploying {
        return Decision::held(format!("policy {policy} could do with fewer tasks, once the deployment in progress is over"));
    }
    // First into the bounds, then further with the next minute.
    let goal = if desired > capacity.max { capacity.max } else { count.max(capacity.min) };
    if goal >= desired {
        return Decision::held(format!("policy {policy} is below its target, and needs its {desired} tasks all the same"));
    }
    if let Some(until) = situation.cooldown_in {
        return Decision::held(format!(
            "policy {policy} could do with fewer tasks, once the cooldown of the last scale-in is over, {}",
            left(situation, until)
        ));
    }
    Decision::to(goal, place)
}

fn left(situation: &Situation, until: Timestamp) -> String {
    format!("in {} s", until.since(situation.now).as_millis().div_ceil(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation() -> Situation {
        Situation {
            capacity: Capacity { min: 2, max: 6 },
            suspended: SuspendedState::default(),
            desired: 4,
            deploying: false,
            cooldown_out: None,
            cooldown_in: None,
            now: Timestamp::from_millis(1_000_000),
        }
    }

    fn change(votes: &[Vote], situation: &Situation) -> Option<u32> {
        let votes: Vec<_> = votes.iter().map(|vote| ("p", *vote)).collect();
        decide(&votes, situation).change.map(|(count, _)| count)
    }

    #[test]
    fn out_if_any_and_in_only_if_all() {
        use Vote::{Abstain, In, Keep, Out, Unknown};
        for (votes, expected) in [
            (&[][..], None),
            (&[Out(5)], Some(5)),
            (&[Out(5), Out(6)], Some(6)),
            (&[Out(5), In(2)], Some(5)),
            (&[Out(5), Keep], Some(5)),
            (&[Out(5), Unknown], Some(5)),
            (&[Out(4)], None),
            (&[Out(3)], None),
            (&[Keep], None),
            (&[Unknown], None),
            (&[Abstain], None),
            (&[In(3)], Some(3)),
            (&[In(3), In(2)], Some(3)),
            (&[In(3), Abstain], Some(3)),
            (&[In(3), Keep], None),
            (&[In(3), Unknown], None),
            (&[In(4), In(2)], None),
            (&[In(5)], None),
        ] {
            assert_eq!(change(votes, &situation()), expected, "{votes:?}");
        }
    }

    #[test]
    fn bounds_hold_and_are_reached_first_from_outside() {
        use Vote::{In, Out};
        for (desired, vote, expected) in [
            (4, Out(9), Some(6)),
            (6, Out(9), None),
            (4, In(0), Some(2)),
            (2, In(0), None),
            // Below the minimum: any scale-out lifts to it first, a scale-in does nothing.
            (0, Out(1), Some(2)),
            (0, Out(5), Some(2)),
            (1, In(0), None),
            // Above the maximum: any scale-in brings to it first, a scale-out does nothing.
            (10, In(3), Some(6)),
            (10, In(9), Some(6)),
            (10, Out(12), None),
        ] {
            assert_eq!(change(&[vote], &Situation { desired, ..situation() }), expected, "{desired} {vote:?}");
        }
    }

    #[test]
    fn what_holds_a_change_back_is_said() {
        let later = Some(Timestamp::from_millis(1_012_500));
        let still = situation();
        for (vote, situation, reason) in [
            (Vote::In(3), Situation { deploying: true, ..still }, "once the deployment in progress is over"),
            (Vote::In(3), Situation { cooldown_in: later, ..still }, "once the cooldown of the last scale-in is over, in 13 s"),
            (
                Vote::In(3),
                Situation { suspended: SuspendedState { scaling_in: true, ..SuspendedState::default() }, ..still },
                "scaling in is suspended",
            ),
            (
                Vote::Out(5),
                Situation { suspended: SuspendedState { scaling_out: true, ..SuspendedState::default() }, ..still },
                "scaling out is suspended",
            ),
            (
                Vote::Out(3),
                Situation { cooldown_out: later, ..still },
                "only more than 4 count until the cooldown of the last scale-out is over, in 13 s",
            ),
            (Vote::Out(4), Situation { cooldown_out: later, ..still }, "asks for 4 tasks, and the desired count is 4"),
            (Vote::Out(9), Situation { desired: 6, ..still }, "asks for 9 tasks, and the maximum capacity is 6"),
            (Vote::In(1), Situation { desired: 2, ..still }, "the minimum capacity is 2"),
            (Vote::In(4), still, "needs its 4 tasks all the same"),
        ] {
            let decision = decide(&[("p", vote)], &situation);
            assert_eq!(decision.change, None, "{reason}");
            assert!(decision.held.iter().any(|held| held.contains(reason)), "{decision:?} does not say `{reason}`");
        }
        for (vote, situation, expected) in [
            (Vote::Out(5), Situation { deploying: true, ..still }, 5),
            (Vote::Out(5), Situation { cooldown_out: later, ..still }, 5),
            (Vote::Out(5), Situation { cooldown_in: later, ..still }, 5),
            (Vote::In(3), Situation { cooldown_out: later, ..still }, 3),
        ] {
            assert_eq!(change(&[vote], &situation), Some(expected), "{vote:?} {situation:?}");
        }
    }
}
