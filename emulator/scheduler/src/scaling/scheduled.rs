//! Scheduled actions: they set the bounds at their times, and lift or cut the desired count into them (ecs.md 7).

use model::{ActivityStatus, Capacity, ScalingActivity, ScheduledAction, Timestamp};

use super::Scaling;

const DAY_MILLIS: u64 = 86_400_000;

/// So many times of one schedule are looked at, at most: those of a week of minutes.
const MOST_DUE: usize = 10_080;

/// Does what has come due since it was last looked, in the order of time; a schedule that came due several times counts once. Gives the
/// next moment at which one is due.
pub(super) fn run(scaling: &mut Scaling<'_>) -> Option<Timestamp> {
    let mut due: Vec<(Timestamp, &ScheduledAction)> = Vec::new();
    for action in &scaling.target.scheduled_actions {
        let Some(state) = scaling.state.scheduled.get_mut(&action.name) else { continue };
        if let Some(at) = last_due(action, state.since, state.done_until, scaling.now) {
            state.done_until = scaling.now;
            if !scaling.target.suspended.scheduled {
                due.push((at, action));
            }
        }
    }
    due.sort_by_key(|(at, _)| *at);
    for (_, action) in due {
        perform(scaling, action);
    }
    let states = scaling.target.scheduled_actions.iter().filter_map(|action| Some((action, scaling.state.scheduled.get(&action.name)?)));
    states.filter_map(|(action, state)| action.next_after(state.done_until.max(scaling.now), state.since)).min()
}

/// The last moment after `done` and not after `now` when the action is due. A daemon may have been away for long: what came due in the
/// last day is looked at first.
fn last_due(action: &ScheduledAction, since: Timestamp, done: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let next = |after: Timestamp| action.next_after(after, since).filter(|at| *at <= now);
    let day_ago = Timestamp::from_millis(now.as_millis().saturating_sub(DAY_MILLIS)).max(done);
    let first = next(day_ago).or_else(|| next(done))?;
    std::iter::successors(Some(first), |at| next(*at)).take(MOST_DUE).last()
}

fn perform(scaling: &mut Scaling<'_>, action: &ScheduledAction) {
    let before = scaling.state.capacity(scaling.target);
    let after = Capacity { min: action.min_capacity.unwrap_or(before.min), max: action.max_capacity.unwrap_or(before.max) };
    let cause = format!("scheduled action name {} was triggered", action.name);
    let bounds = format!("min capacity to {} and max capacity to {}", after.min, after.max);
    let possible = after.min <= after.max;
    let status_message =
        if possible { format!("Successfully set {bounds}") } else { format!("Failed to set {bounds}: the minimum is above the maximum") };
    scaling.state.push_activity(ScalingActivity {
        started_at: scaling.now,
        ended_at: Some(scaling.now),
        description: format!("Setting {bounds}"),
        cause,
        status: if possible { ActivityStatus::Successful } else { ActivityStatus::Failed },
        desired_count: None,
        status_message,
    });
    if !possible {
        return;
    }
    scaling.state.capacity = Some(after);
    let count = after.clamp(scaling.desired);
    if count != scaling.desired {
        let which = if count > scaling.desired { "minimum" } else { "maximum" };
        scaling.set_desired(count, format!("{which} capacity was set to {count}"));
    }
}
