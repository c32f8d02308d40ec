//! `scaling`: bounds, policies with metric and alarms, scheduled actions, activities, and why nothing happens.

use std::fmt::Write as _;

use wire::local::{ScalingActivityView, ScalingPolicyView, ScalingView, ScheduledActionView, Seconds};

use super::{age, moment, number, tone};
use crate::print::color::Palette;
use crate::print::sanitize::visible;
use crate::print::table::{Table, cell, toned};

/// So many activities of each service are listed.
const ACTIVITIES: usize = 5;

/// All of it, one block below the other.
pub(crate) fn scaling(services: &[ScalingView], now: Seconds, palette: Palette, columns: Option<usize>) -> String {
    let tables = [targets(services), policies(services, now), scheduled(services), activities(services, now)];
    let blocks = tables.iter().filter(|table| !table.is_empty()).map(|table| table.render(palette, columns));
    let mut text = blocks.collect::<Vec<_>>().join("\n");
    let reasons = services.iter().flat_map(|service| service.waiting.iter().map(move |reason| (service, reason)));
    for (place, (service, reason)) in reasons.enumerate() {
        let gap = if place == 0 { "\n" } else { "" };
        // Writing into a String cannot fail.
        writeln!(text, "{gap}{}: {}", visible(&service.service_name), visible(reason)).unwrap_or_default();
    }
    text
}

fn targets(services: &[ScalingView]) -> Table {
    let mut table = Table::new(&["SERVICE", "MIN", "MAX", "DESIRED", "RUNNING", "SCALE-OUT COOLDOWN", "SCALE-IN COOLDOWN"])
        .giving_way(&["SCALE-OUT COOLDOWN", "SCALE-IN COOLDOWN"]);
    let left = |cooldown: Option<Seconds>| cell(cooldown.map_or_else(String::new, |left| format!("{left:.0} s left")));
    for service in services {
        table.row(vec![
            cell(&service.service_name),
            cell(service.min_capacity.to_string()),
            cell(service.max_capacity.to_string()),
            cell(service.desired_count.to_string()),
            cell(service.running_count.to_string()),
            left(service.scale_out_cooldown),
            left(service.scale_in_cooldown),
        ]);
    }
    table
}

/// One row an alarm.
fn policies(services: &[ScalingView], now: Seconds) -> Table {
    let mut table = Table::new(&["SERVICE", "POLICY", "METRIC", "VALUE", "TARGET", "ALARM", "STATE", "SINCE"])
        .giving_way(&["SINCE", "METRIC", "TARGET", "SERVICE"]);
    for (service, policy) in services.iter().flat_map(|service| service.policies.iter().map(move |policy| (service, policy))) {
        for alarm in &policy.alarms {
            table.row(vec![
                cell(&service.service_name),
                cell(&policy.policy_name),
                cell(metric(policy)),
                cell(policy.value.map_or_else(String::new, number)),
                cell(policy.target_value.map_or_else(String::new, number)),
                cell(&alarm.condition),
                toned(&alarm.state_value, tone(&alarm.state_value)),
                cell(age(now - alarm.state_updated_at)),
            ]);
        }
    }
    table
}

fn metric(policy: &ScalingPolicyView) -> String {
    let group = policy.target_group_name.as_ref().map(|group| format!(" of {group}")).unwrap_or_default();
    format!("{}{group}", policy.metric_name)
}

fn scheduled(services: &[ScalingView]) -> Table {
    let mut table = Table::new(&["SERVICE", "SCHEDULED ACTION", "SCHEDULE", "TIME ZONE", "SETS", "NEXT"]).giving_way(&["TIME ZONE", "SCHEDULE"]);
    for (service, action) in services.iter().flat_map(|service| service.scheduled_actions.iter().map(move |action| (service, action))) {
        table.row(vec![
            cell(&service.service_name),
            cell(&action.scheduled_action_name),
            cell(&action.schedule),
            cell(&action.timezone),
            cell(sets(action)),
            cell(action.next_at.map_or_else(|| "never again".to_owned(), moment)),
        ]);
    }
    table
}

fn sets(action: &ScheduledActionView) -> String {
    let bounds = [("min", action.min_capacity), ("max", action.max_capacity)];
    let bounds = bounds.iter().filter_map(|(name, bound)| bound.map(|bound| format!("{name} {bound}")));
    bounds.collect::<Vec<_>>().join(", ")
}

/// The newest of each service, newest first.
fn activities(services: &[ScalingView], now: Seconds) -> Table {
    let mut table = Table::new(&["SERVICE", "ACTIVITY", "STARTED", "STATUS", "CAUSE"]).giving_way(&["STARTED", "SERVICE"]).open_ended();
    let newest = services.iter().flat_map(|service| service.activities.iter().take(ACTIVITIES).map(move |activity| (service, activity)));
    for (service, activity) in newest {
        let ScalingActivityView { description, start_time, status_code, cause, .. } = activity;
        table.row(vec![
            cell(&service.service_name),
            cell(description),
            cell(format!("{} ago", age(now - start_time))),
            toned(status_code, tone(status_code)),
            cell(cause),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views() -> Vec<ScalingView> {
        let alarm = |condition: &str, state: &str| serde_json::json!({"alarmName": "TargetTracking-service/tutorial/posts-AlarmHigh-x", "condition": condition, "stateValue": state, "stateUpdatedAt": 900.0});
        serde_json::from_value(serde_json::json!([{
            "serviceName": "posts", "minCapacity": 1, "maxCapacity": 6, "desiredCount": 3, "runningCount": 2,
            "scaleOutCooldown": 12.4, "scaleInCooldown": null,
            "policies": [{
                "policyName": "requests", "policyType": "TargetTrackingScaling", "metricName": "RequestCountPerTarget", "targetGroupName": "posts",
                "targetValue": 100.0, "value": 133.333_333, "measuredAt": 990.0,
                "alarms": [alarm("> 100 for 3 datapoints", "ALARM"), alarm("< 90 for 15 datapoints", "OK")],
            }, {
                "policyName": "busy", "policyType": "StepScaling", "metricName": "CPUUtilization", "value": null, "measuredAt": null,
                "alarms": [alarm(">= 70 for 1 datapoint", "INSUFFICIENT_DATA")],
            }],
            "scheduledActions": [{
                "scheduledActionName": "evening", "schedule": "cron(0 18 * * ? *)", "timezone": "Europe/Berlin", "minCapacity": 3, "maxCapacity": null,
                "nextAt": 1_795_449_845.0,
            }],
            "waiting": ["policy busy has insufficient data"],
            "activities": [{
                "startTime": 990.0, "endTime": null, "description": "Setting desired count to 3.",
                "cause": "monitor alarm TargetTracking-service/tutorial/posts-AlarmHigh-x in state ALARM triggered policy requests",
                "statusCode": "InProgress", "statusMessage": "Successfully set desired count to 3. Waiting for change to be fulfilled by ecs.",
            }],
        }]))
        .unwrap()
    }

    #[test]
    fn everything_about_scaling_is_listed() {
        insta::assert_snapshot!(scaling(&views(), 1000.0, Palette::plain(), None), @r"
        SERVICE  MIN  MAX  DESIRED  RUNNING  SCALE-OUT COOLDOWN  SCALE-IN COOLDOWN
        posts    1    6    3        2        12 s left           -

        SERVICE  POLICY    METRIC                          VALUE   TARGET  ALARM                   STATE              SINCE
        posts    requests  RequestCountPerTarget of posts  133.33  100     > 100 for 3 datapoints  ALARM              1m
        posts    requests  RequestCountPerTarget of posts  133.33  100     < 90 for 15 datapoints  OK                 1m
        posts    busy      CPUUtilization                  -       -       >= 70 for 1 datapoint   INSUFFICIENT_DATA  1m

        SERVICE  SCHEDULED ACTION  SCHEDULE            TIME ZONE      SETS   NEXT
        posts    evening           cron(0 18 * * ? *)  Europe/Berlin  min 3  2026-11-23T16:04:05Z

        SERVICE  ACTIVITY                     STARTED  STATUS      CAUSE
        posts    Setting desired count to 3.  10s ago  InProgress  monitor alarm TargetTracking-service/tutorial/posts-AlarmHigh-x in state ALARM triggered policy requests

        posts: policy busy has insufficient data
        ");
    }

    #[test]
    fn without_a_scaled_service_there_is_nothing_to_list() {
        assert_eq!(scaling(&[], 1000.0, Palette::plain(), None), "");
    }
}
