//! How far the scaling of services is.

use hyper::Response;
use model::{ClusterName, PolicyKind, Service, ServiceKey, Timestamp};
use scheduler::{PolicyStatus, ScalingStatus, ScheduledStatus, scaling_status};
use wire::local::{Failure, ScalingActivityView, ScalingAlarmView, ScalingPolicyView, ScalingView, ScheduledActionView};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;
use crate::view::{number, seconds};

pub(super) fn scaling(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let cluster: ClusterName = query.required("cluster")?;
    let snapshot = context.keeper.snapshot();
    let now = context.clock.now();
    let services = snapshot.world.services.iter().filter(|(key, _)| key.cluster == cluster);
    let views = services.filter_map(|(key, service)| Some(view(key, service, &scaling_status(&snapshot.world, key, &context.pace, now)?, now)));
    Ok(answer::json(&views.collect::<Vec<ScalingView>>()))
}

fn view(key: &ServiceKey, service: &Service, status: &ScalingStatus<'_>, now: Timestamp) -> ScalingView {
    let left = |until: Timestamp| until.since(now).as_secs_f64();
    let activities = service.scaling.activities.iter().rev().map(|activity| ScalingActivityView {
        start_time: seconds(activity.started_at),
        end_time: activity.ended_at.map(seconds),
        description: activity.description.clone(),
        cause: activity.cause.clone(),
        status_code: activity.status.as_str().into(),
        status_message: activity.status_message.clone(),
    });
    ScalingView {
        service_name: key.name.to_string(),
        min_capacity: status.capacity.min,
        max_capacity: status.capacity.max,
        desired_count: service.spec.desired_count,
        running_count: status.running,
        scale_out_cooldown: status.scale_out_cooldown.map(left),
        scale_in_cooldown: status.scale_in_cooldown.map(left),
        policies: status.policies.iter().map(policy).collect(),
        scheduled_actions: status.scheduled.iter().map(scheduled).collect(),
        waiting: status.waiting.clone(),
        activities: activities.collect(),
    }
}

fn policy(status: &PolicyStatus<'_>) -> ScalingPolicyView {
    let metric = status.policy.metric();
    let alarms = status.policy.alarms().into_iter().zip(status.alarms).map(|(alarm, record)| ScalingAlarmView {
        alarm_name: record.name.clone(),
        condition: alarm.words(),
        state_value: record.state.as_str().into(),
        state_updated_at: seconds(record.since),
    });
    ScalingPolicyView {
        policy_name: status.policy.name.clone(),
        policy_type: status.policy.policy_type().into(),
        metric_name: metric.name().into(),
        target_group_name: metric.target_group().map(ToString::to_string),
        target_value: match &status.policy.kind {
            PolicyKind::TargetTracking(policy) => Some(number(policy.target_value)),
            PolicyKind::StepScaling(_) => None,
        },
        value: status.latest.map(|point| number(point.value)),
        measured_at: status.latest.map(|point| seconds(point.at)),
        alarms: alarms.collect(),
    }
}

fn scheduled(status: &ScheduledStatus<'_>) -> ScheduledActionView {
    ScheduledActionView {
        scheduled_action_name: status.action.name.clone(),
        schedule: status.action.schedule.to_string(),
        timezone: status.action.timezone.as_str().into(),
        min_capacity: status.action.min_capacity,
        max_capacity: status.action.max_capacity,
        next_at: status.next.map(seconds),
    }
}
