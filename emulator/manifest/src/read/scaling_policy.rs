//! A scaling policy (ecs.md 7).

use std::time::Duration;

use model::{AdjustmentType, Aggregation, Decimal, Metric, PolicyKind, ScalingPolicy, StepAdjustment, StepScaling, TargetGroupName, TargetTracking};

use super::scaling::{Scaled, name};
use super::{metric_alarm, place, target_group};
use crate::node::Node;
use crate::problem::Report;
use crate::suggest::listed;

const TRACKING: &str = "targetTrackingScalingPolicyConfiguration";
const STEPS: &str = "stepScalingPolicyConfiguration";

/// The most steps of a policy.
const MAX_STEPS: usize = 20;

pub(super) fn read(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<ScalingPolicy> {
    let name = name(node, "policyName", "", report);
    let steps = match node.text_of("policyType")? {
        "StepScaling" => true,
        "TargetTrackingScaling" => false,
        // Another word has been reported.
        _ => return None,
    };
    let (wanted, other) = if steps { (STEPS, TRACKING) } else { (TRACKING, STEPS) };
    for key in [Some(other), (!steps).then_some("alarm")].into_iter().flatten() {
        if let Some(entry) = node.entry(key).filter(|entry| !entry.node.is_null()) {
            let kind = if steps { "StepScaling" } else { "TargetTrackingScaling" };
            let message = format!("`{key}` does not belong to a policy of type {kind}");
            report.problem(entry.key_span, message).hint_if((key == "alarm").then(|| "a target tracking policy makes its own alarms".to_owned()));
        }
    }
    let mut needed = |key: &str, hint: &str| {
        let found = node.get(key);
        if found.is_none() && !report.partial {
            report.problem(node.span, format!("a policy of this type needs `{key}`")).hint(hint);
        }
        found
    };
    let kind = if steps {
        let configuration = needed(STEPS, "what to do, by how far the metric is from the alarm's threshold");
        let alarm = needed("alarm", "what sets the policy off, in the words of PutMetricAlarm: `alarm: { metricName: CPUUtilization, … }`");
        PolicyKind::StepScaling(step_scaling((configuration?, alarm?), name.as_deref(), scaled, report)?)
    } else {
        PolicyKind::TargetTracking(target_tracking(needed(wanted, "which metric is kept near which value")?, scaled, report)?)
    };
    Some(ScalingPolicy { name: name?, kind })
}

fn seconds(node: &Node, key: &str) -> Duration {
    Duration::from_secs(node.integer_of(key).unwrap_or(300))
}

fn target_tracking(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<TargetTracking> {
    let value = decimal(node, "targetValue");
    if value.is_some_and(|value| value <= Decimal::ZERO) {
        report.problem(place(node, "targetValue"), "`targetValue` must be more than 0");
    }
    let metric = node.get("predefinedMetricSpecification").and_then(|node| predefined_metric(node, scaled, report));
    Some(TargetTracking {
        metric: metric?,
        target_value: value?,
        scale_out_cooldown: seconds(node, "scaleOutCooldown"),
        scale_in_cooldown: seconds(node, "scaleInCooldown"),
        disable_scale_in: node.boolean_of("disableScaleIn").unwrap_or(false),
    })
}

fn predefined_metric(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<Metric> {
    let label = node.get("resourceLabel");
    let metric = match node.text_of("predefinedMetricType")? {
        "ALBRequestCountPerTarget" => return group(label, node, scaled, report).map(Metric::RequestCountPerTarget),
        "ECSServiceAverageCPUUtilization" => Metric::CpuUtilization,
        "ECSServiceAverageMemoryUtilization" => Metric::MemoryUtilization,
        _ => return None,
    };
    if let Some(label) = label {
        report.problem(label.span, "`resourceLabel` belongs to `ALBRequestCountPerTarget` only").hint("remove it");
    }
    Some(metric)
}

/// The target group that `label` names, or the service's only one.
pub(super) fn group(label: Option<&Node>, node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<TargetGroupName> {
    let own = scaled.load_balancers?;
    let names = || own.iter().map(|entry| entry.target_group.as_str());
    let Some(label) = label else {
        return match own {
            [] => {
                report
                    .problem(node.span, "the service registers in no target group whose requests could be counted")
                    .hint("add `loadBalancers` to it, or use a metric of its containers");
                None
            }
            [first, rest @ ..] if rest.iter().all(|entry| entry.target_group == first.target_group) => Some(first.target_group.clone()),
            _ => {
                report
                    .problem(node.span, "the service has several target groups: say which one's requests are counted")
                    .hint(format!("one of {}", listed(names())));
                None
            }
        };
    };
    let given = group_of_label(label.text()?);
    if let Some(entry) = own.iter().find(|entry| entry.target_group.as_str() == given) {
        return Some(entry.target_group.clone());
    }
    let hint = report.suggest(given, names()).unwrap_or_else(|| format!("its target groups are {}", listed(names())));
    report.problem(label.span, format!("the service does not register in a target group `{given}`")).hint(hint);
    None
}

/// The target group in `app/<load balancer>/<id>/targetgroup/<name>/<id>`, in an ARN, or by itself.
fn group_of_label(label: &str) -> &str {
    let rest = label.split_once("targetgroup/").map(|(_, rest)| rest);
    rest.map_or_else(|| target_group::name_of(label), |rest| rest.split_once('/').map_or(rest, |(name, _)| name))
}

fn step_scaling((node, alarm): (&Node, &Node), policy: Option<&str>, scaled: &Scaled<'_>, report: &mut Report) -> Option<StepScaling> {
    let alarm_name = match alarm.get("alarmName") {
        Some(_) => name(alarm, "alarmName", "", report),
        None => Some(format!("{}-{}", scaled.service.text_of("serviceName").unwrap_or_default(), policy.unwrap_or_default())),
    };
    let alarm = metric_alarm::of_policy(alarm, scaled, report);
    let adjustment_type = match node.text_of("adjustmentType") {
        Some("ChangeInCapacity") => Some(AdjustmentType::ChangeInCapacity),
        Some("PercentChangeInCapacity") => Some(AdjustmentType::PercentChangeInCapacity),
        Some("ExactCapacity") => Some(AdjustmentType::ExactCapacity),
        _ => None,
    };
    let least = node.get("minAdjustmentMagnitude");
    if let Some(least) = least.filter(|_| adjustment_type.is_some_and(|kind| kind != AdjustmentType::PercentChangeInCapacity)) {
        report.problem(least.span, "`minAdjustmentMagnitude` belongs to `PercentChangeInCapacity` only").hint("remove it");
    }
    let steps = steps(node, adjustment_type, report);
    Some(StepScaling {
        adjustment_type: adjustment_type?,
        steps: steps?,
        min_adjustment_magnitude: least.and_then(|_| node.integer_of("minAdjustmentMagnitude")),
        cooldown: seconds(node, "cooldown"),
        aggregation: match node.text_of("metricAggregationType") {
            Some("Minimum") => Aggregation::Minimum,
            Some("Maximum") => Aggregation::Maximum,
            _ => Aggregation::Average,
        },
        alarm: alarm?,
        alarm_name: alarm_name?,
    })
}

fn steps(node: &Node, kind: Option<AdjustmentType>, report: &mut Report) -> Option<Vec<StepAdjustment>> {
    let items = node.list("stepAdjustments");
    if items.len() > MAX_STEPS {
        report.problem(place(node, "stepAdjustments"), format!("a policy has at most {MAX_STEPS} step adjustments"));
        return None;
    }
    let mut steps: Vec<(StepAdjustment, &Node)> = Vec::with_capacity(items.len());
    for item in items {
        let bound = |key: &str| item.get(key).map_or(Some(None), |_| decimal(item, key).map(Some));
        let adjustment = item.integer_of("scalingAdjustment");
        if adjustment.is_some_and(|adjustment: i32| adjustment < 0) && kind == Some(AdjustmentType::ExactCapacity) {
            report.problem(place(item, "scalingAdjustment"), "`ExactCapacity` cannot be negative");
        }
        let step = StepAdjustment { lower: bound("metricIntervalLowerBound")?, upper: bound("metricIntervalUpperBound")?, adjustment: adjustment? };
        if step.lower.is_none() && step.upper.is_none() {
            report
                .problem(item.span, "a step adjustment needs a lower or an upper bound")
                .hint("`metricIntervalLowerBound: 0` for an alarm about too much, `metricIntervalUpperBound: 0` for one about too little");
            return None;
        }
        if let (Some(lower), Some(upper)) = (step.lower, step.upper)
            && lower >= upper
        {
            report.problem(item.span, format!("the lower bound {lower} of a step adjustment must be below its upper bound {upper}"));
            return None;
        }
        steps.push((step, item));
    }
    steps.sort_by_key(|(step, _)| (step.lower.is_some(), step.lower));
    whole(&steps, report).then(|| steps.into_iter().map(|(step, _)| step).collect())
}

/// AWS's rules for the bounds: no gap, no overlap, open where they go beyond the threshold.
fn whole(steps: &[(StepAdjustment, &Node)], report: &mut Report) -> bool {
    for pair in steps.windows(2) {
        let [(before, _), (after, item)] = pair else { continue };
        if before.upper.is_none() || before.upper != after.lower {
            let bound = |bound: Option<Decimal>, open: &str| bound.map_or_else(|| open.to_owned(), |bound| bound.to_string());
            let (end, begin) = (bound(before.upper, "infinity"), bound(after.lower, "minus infinity"));
            report
                .problem(item.span, format!("step adjustments must not overlap or leave a gap: one ends at {end}, the next begins at {begin}"))
                .hint("let each begin where the one before ends");
            return false;
        }
    }
    let first = steps.first().filter(|(step, _)| step.lower.is_some_and(|bound| bound < Decimal::ZERO));
    let last = steps.last().filter(|(step, _)| step.upper.is_some_and(|bound| bound > Decimal::ZERO));
    for (edge, bound, sign) in [(first, "a lower bound", "negative"), (last, "an upper bound", "positive")] {
        if let Some((_, item)) = edge {
            report
                .problem(item.span, format!("with {bound} that is {sign} there must be a step adjustment without {bound}"))
                .hint("leave the outermost bound out");
            return false;
        }
    }
    true
}

/// What is no number has been reported.
pub(super) fn decimal(node: &Node, key: &str) -> Option<Decimal> {
    node.text_of(key)?.parse().ok()
}
