//! How many tasks to start and which to stop: rolling deployment, scaling, replacement of the sick (ecs.md 3.2). Numbers only.

use std::collections::BTreeSet;

use model::Timestamp;

/// One live task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) primary: bool,
    /// Its container instance drains: it is to be replaced elsewhere.
    pub(crate) leaves: bool,
    /// Its container instance, by its place among all.
    pub(crate) seat: Option<usize>,
    pub(crate) available: bool,
    pub(crate) sick: bool,
    /// Neither scaled in nor replaced by a deployment.
    pub(crate) protected: bool,
    pub(crate) created_at: Timestamp,
}

/// The bounds of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) desired: usize,
    pub(crate) lower: usize,
    pub(crate) upper: usize,
    /// How many can be launched now.
    pub(crate) limit: usize,
    /// Whether live tasks hold what a launch needs.
    pub(crate) full: bool,
}

/// What to do. Stops are indexes of members.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) scale_in: Vec<usize>,
    pub(crate) sick: Vec<usize>,
    pub(crate) launch: usize,
    pub(crate) replaced: usize,
    pub(crate) needed: usize,
    pub(crate) stuck: bool,
    /// Tasks that would go if they were not protected, once that is all that is left to do.
    pub(crate) kept: usize,
    /// How many launches the bounds allow.
    pub(crate) room: usize,
    /// Every task is available: nothing changes by their coming up.
    pub(crate) settled: bool,
}

/// So many of the members at these places that go first.
pub(crate) type Pick<'p> = &'p dyn Fn(&[usize], usize) -> Vec<usize>;

/// Old tasks, and those whose container instance drains, go first the not healthy, then the oldest, never below the lower bound; surplus
/// tasks go as `pick` says; the sick go when as many others are healthy, or when nothing may be started.
pub(crate) fn decide(members: &[Member], bounds: &Bounds, pick: Pick<'_>) -> Decision {
    let mut decision = Decision::default();
    let mut kept = 0;
    let lower = bounds.lower.min(bounds.desired);
    let mut available = members.iter().filter(|member| member.available && !member.sick).count();
    let is_old = |index: &usize| !members[*index].primary || members[*index].leaves;
    let mut old: Vec<usize> = (0..members.len()).filter(is_old).collect();
    old.sort_by_key(|index| (members[*index].available, members[*index].created_at));
    for index in &old {
        let counts = members[*index].available && !members[*index].sick;
        // Nothing protects from the end of an instance (ecs.md 3.12).
        if members[*index].protected && !members[*index].leaves {
            kept += 1;
            continue;
        }
        if !counts || available > lower {
            available -= usize::from(counts);
            decision.scale_in.push(*index);
        }
    }
    let old_left = old.len() - decision.scale_in.len();
    let (sick, mut well): (Vec<usize>, Vec<usize>) = (0..members.len()).filter(|index| !is_old(index)).partition(|index| members[*index].sick);
    let surplus = well.len().saturating_sub(bounds.desired);
    let protected = well.iter().filter(|index| members[**index].protected).count();
    let cut = surplus.min(well.len() - protected);
    kept += surplus - cut;
    if cut > 0 {
        let going = pick(&well, cut);
        let gone: BTreeSet<usize> = going.iter().copied().collect();
        well.retain(|index| !gone.contains(index));
        decision.scale_in.extend(going);
    }
    let healthy = well.iter().filter(|index| members[**index].available).count();
    let mut sick_stops = (healthy + sick.len()).saturating_sub(bounds.desired).min(sick.len());
    decision.needed = bounds.desired.saturating_sub(well.len());
    let cap = if old.is_empty() { bounds.upper.max(bounds.desired) } else { bounds.upper };
    let room = |sick_stops: usize| cap.saturating_sub(old_left + well.len() + sick.len() - sick_stops);
    // Where nothing may be started, one sick task gives way to its replacement, and the next when that is healthy.
    let full = bounds.full || (bounds.limit > 0 && room(sick_stops) == 0);
    if full && decision.needed > 0 && well.iter().all(|index| members[*index].available) {
        sick_stops = (sick_stops + 1).min(sick.len());
    }
    decision.room = room(sick_stops);
    decision.launch = decision.needed.min(bounds.limit).min(decision.room);
    decision.replaced = decision.launch.saturating_sub(bounds.desired.saturating_sub(well.len() + sick.len())).min(sick.len());
    decision.sick = sick[..sick_stops].to_vec();
    decision.settled = members.iter().all(|member| member.available);
    let settled = decision.settled;
    let idle = decision.scale_in.is_empty() && decision.sick.is_empty();
    decision.stuck = old_left > kept && decision.needed > 0 && settled && idle && decision.room == 0;
    decision.kept = if settled && idle && decision.needed == 0 { kept } else { 0 };
    decision
}
