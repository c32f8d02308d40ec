//! Expressions of the cluster query language, asked of an instance.

use std::borrow::Cow;

use model::container_instance::AGENT_VERSION;
use model::{ClusterQuery, PlacementConstraint, Subject, World};

use super::ledger::{Ledger, Seat};

/// Whether an expression holds for an instance; `own` of its tasks that are to run are not counted, nor is their group.
pub(crate) fn holds(ledger: &Ledger<'_>, seat: &Seat<'_>, query: &ClusterQuery, own: Option<(usize, &str)>) -> bool {
    let values = |subject: &Subject| -> Vec<Cow<'_, str>> {
        match subject {
            Subject::Attribute(name) => ledger.world.attribute(seat.instance, name).into_iter().collect(),
            Subject::AgentConnected => vec![Cow::Owned(seat.connected.to_string())],
            Subject::AgentVersion => vec![Cow::Borrowed(AGENT_VERSION)],
            Subject::Ec2InstanceId => vec![Cow::Borrowed(ledger.world.ec2_instance_id(Some(seat.instance)))],
            Subject::RegisteredAt => vec![Cow::Owned(seat.instance.registered_at.as_millis().to_string())],
            Subject::RunningTasksCount => vec![Cow::Owned(seat.running.saturating_sub(own.map_or(0, |(count, _)| count)).to_string())],
            Subject::TaskGroup => {
                let others = seat.groups.iter().filter(|group| own.is_none_or(|(_, own)| *group != own));
                others.map(|group| Cow::Borrowed(group.as_str())).collect()
            }
        }
    };
    query.holds(&values)
}

/// Whether a constraint asks for the groups of the tasks on an instance.
pub(crate) fn asks_for_groups(constraint: &PlacementConstraint) -> bool {
    matches!(constraint, PlacementConstraint::MemberOf(query) if query.asks_for_groups())
}

/// Whether the groups of tasks need to be known at all.
pub(crate) fn any_asks_for_groups(world: &World) -> bool {
    let of_services = world.services.values().flat_map(|service| &service.spec.placement.constraints);
    let clusters = world.clusters.values().flat_map(|cluster| cluster.scheduled_tasks.values());
    let of_schedules = clusters.flat_map(|scheduled| &scheduled.spec.placement.constraints);
    let mut definitions = world.task_definitions.values().flat_map(|family| family.revisions.values());
    of_services.chain(of_schedules).any(asks_for_groups)
        || definitions.any(|definition| definition.member_of.iter().any(ClusterQuery::asks_for_groups))
}
