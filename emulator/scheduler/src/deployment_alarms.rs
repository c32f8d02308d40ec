//! Deployment alarms: a deployment during which one goes off is given up, and the service goes back (ecs.md 3.5).

use std::time::Duration;

use model::{Alarm, AlarmState, Deployment, RolloutState, Service, ServiceKey, Shift};

use crate::breaker;
use crate::context::Context;
use crate::draft::Draft;

/// What AWS says of such a deployment.
const WHY: &str = "alarm detected";

/// The alarms that are watched for a deployment: those that had not gone off before it began.
fn watched<'a>(context: &Context<'a>, service: &'a Service, deployment: &Deployment) -> impl Iterator<Item = &'a Alarm> {
    let names = service.spec.deployment_alarms.iter().flat_map(|alarms| &alarms.names);
    names.filter(|name| !deployment.ignored_alarms.contains(name)).filter_map(|name| context.world.alarm(&service.cluster, name))
}

/// How long a deployment that is otherwise complete is watched. AWS reckons it from the alarms and does not say how; here it is as long as
/// the slowest of them looks back, so that each has seen nothing but the new tasks, and a minute more, because minutes end when they do.
pub(crate) fn bake_time(context: &Context<'_>, service: &Service, deployment: &Deployment) -> Duration {
    let minutes = watched(context, service, deployment).map(|alarm| {
        let alarm = &alarm.spec.alarm;
        alarm.evaluation_periods.saturating_mul(alarm.period_minutes).saturating_add(1)
    });
    minutes.max().map_or(Duration::ZERO, |minutes| context.pace.metric_period.saturating_mul(minutes))
}

/// Gives the PRIMARY deployment up when one of its alarms has gone off.
pub(crate) fn advance(context: &Context<'_>, key: &ServiceKey, service: &Service, draft: &mut Draft<'_>, deployments: &mut Vec<Deployment>) {
    let Some(alarms) = &service.spec.deployment_alarms else { return };
    let Some(primary) = deployments.first_mut().filter(|one| one.rollout_state == RolloutState::InProgress) else { return };
    // Once the old tasks go, a shift is over; and what went back is not given up once more.
    let over = primary.shift.as_ref().is_some_and(|shift| !Shift::keeps_old(shift)) || primary.rolled_back_from.is_some();
    if over || !watched(context, service, primary).any(|alarm| alarm.state == AlarmState::Alarm) {
        return;
    }
    let why = Some(WHY.to_owned());
    primary.given_up.clone_from(&why);
    if alarms.rollback {
        return breaker::go_back(context, (key, service), draft, deployments, why);
    }
    breaker::give_up(context, service, draft, primary);
}
