//! The scalable target of a service and its scheduled actions (ecs.md 7).

use model::{Capacity, ScalableTarget, ScheduledAction, ServiceLoadBalancer, SuspendedState, TimeZoneName, Timestamp};

use super::scaling_policy;
use crate::node::Node;
use crate::problem::Report;

/// What a scalable target is read for.
pub(super) struct Scaled<'a> {
    /// The service.
    pub(super) service: &'a Node,
    /// Where its tasks are registered; `None` where that cannot be read, which has been reported.
    pub(super) load_balancers: Option<&'a [ServiceLoadBalancer]>,
}

pub(super) fn read(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<ScalableTarget> {
    if scaled.service.text_of("schedulingStrategy") == Some("DAEMON") {
        report
            .problem(node.span, "Application Auto Scaling scales services of the scheduling strategy REPLICA only")
            .hint("remove `scalableTarget`: a daemon service has one task on each container instance");
    }
    let policies: Vec<_> = node.list("scalingPolicies").iter().map(|node| scaling_policy::read(node, scaled, report)).collect();
    let actions: Vec<_> = node.list("scheduledActions").iter().map(|node| scheduled_action(node, report)).collect();
    let capacity = Capacity { min: node.integer_of("minCapacity")?, max: node.integer_of("maxCapacity")? };
    in_order(node, (capacity.min, capacity.max), report)?;
    Some(ScalableTarget {
        capacity,
        suspended: node.get("suspendedState").map(suspended_state).unwrap_or_default(),
        policies: policies.into_iter().collect::<Option<_>>()?,
        scheduled_actions: actions.into_iter().collect::<Option<_>>()?,
    })
}

fn in_order(node: &Node, (min, max): (u32, u32), report: &mut Report) -> Option<()> {
    if min <= max {
        return Some(());
    }
    report
        .problem(super::place(node, "minCapacity"), format!("`minCapacity` {min} is above `maxCapacity` {max}"))
        .hint("Application Auto Scaling wants the minimum to be less than or equal to the maximum");
    None
}

fn suspended_state(node: &Node) -> SuspendedState {
    let says = |key: &str| node.boolean_of(key).unwrap_or(false);
    SuspendedState {
        scaling_in: says("dynamicScalingInSuspended"),
        scaling_out: says("dynamicScalingOutSuspended"),
        scheduled: says("scheduledScalingSuspended"),
    }
}

fn scheduled_action(node: &Node, report: &mut Report) -> Option<ScheduledAction> {
    let name = name(node, "scheduledActionName", ":/|", report);
    let schedule = parsed(node, "schedule", "for example `cron(0 18 * * ? *)`: minute, hour, day of month, month, day of week, year", report);
    let timezone = match node.get("timezone") {
        Some(_) => parsed::<TimeZoneName>(node, "timezone", "a name of the IANA's list, such as `Europe/Berlin`", report),
        None => Some(TimeZoneName::default()),
    };
    let (start_time, end_time) = (moment(node, "startTime", report), moment(node, "endTime", report));
    let action = node.get("scalableTargetAction")?;
    let (min, max) = (action.integer_of("minCapacity"), action.integer_of("maxCapacity"));
    match (min, max) {
        (Some(min), Some(max)) => in_order(action, (min, max), report)?,
        (None, None) if action.entries().is_empty() => {
            report.problem(action.span, "a scheduled action needs a new `minCapacity` or `maxCapacity`");
            return None;
        }
        _ => {}
    }
    let (start_time, end_time) = (start_time?, end_time?);
    if let (Some(start), Some(end)) = (start_time, end_time)
        && end <= start
    {
        report.problem(super::place(node, "endTime"), "`endTime` must be after `startTime`");
    }
    Some(ScheduledAction { name: name?, schedule: schedule?, timezone: timezone?, start_time, end_time, min_capacity: min, max_capacity: max })
}

/// A name of AWS's for a policy or an action: 1 to 256 characters that can be printed.
pub(super) fn name(node: &Node, key: &str, without: &str, report: &mut Report) -> Option<String> {
    let node = node.get(key)?;
    let text = node.text()?;
    let fits = (1..=256).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(|c| c.is_control() || without.contains(c));
    if !fits {
        report
            .problem(node.span, format!("`{key}` must be 1 to 256 characters, none of them a control character, no space at an edge"))
            .hint_if((!without.is_empty()).then(|| format!("nor any of `{without}`")));
    }
    fits.then(|| text.to_owned())
}

/// A text that must be something.
fn parsed<T: std::str::FromStr<Err = String>>(node: &Node, key: &str, hint: &str, report: &mut Report) -> Option<T> {
    let node = node.get(key)?;
    match node.text()?.parse() {
        Ok(value) => Some(value),
        Err(why) => {
            report.problem(node.span, why).hint(hint);
            None
        }
    }
}

/// `Some(None)` where it is left out.
fn moment(node: &Node, key: &str, report: &mut Report) -> Option<Option<Timestamp>> {
    let Some(node) = node.get(key) else { return Some(None) };
    match model::schedule::moment(node.text()?) {
        Ok(moment) => Some(Some(moment)),
        Err(why) => {
            report.problem(node.span, why);
            None
        }
    }
}
