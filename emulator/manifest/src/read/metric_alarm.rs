//! The alarm of a step scaling policy, in the words of PutMetricAlarm (ecs.md 7).

use model::{ComparisonOperator, MetricAlarm, MissingData, ScalingMetric};

use super::place;
use super::scaling::Scaled;
use super::scaling_policy::{decimal, group};
use crate::node::Node;
use crate::problem::Report;

/// A day, in seconds: further back CloudWatch does not look.
const LONGEST: u64 = 86_400;

pub(super) fn read(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<MetricAlarm> {
    let metric = metric(node, scaled, report);
    if node.boolean_of("actionsEnabled") == Some(false) {
        report
            .problem(place(node, "actionsEnabled"), "an alarm without actions sets no policy off")
            .hint("remove the policy, or suspend it with `suspendedState` of the scalable target");
    }
    let period: u32 = node.integer_of("period").unwrap_or(60);
    if !period.is_multiple_of(60) {
        report.problem(place(node, "period"), format!("`period` must be a multiple of 60, found {period}")).hint("60 is one minute, the least");
    }
    let evaluation_periods: u32 = node.integer_of("evaluationPeriods")?;
    if u64::from(evaluation_periods) * u64::from(period) > LONGEST {
        report
            .problem(
                place(node, "evaluationPeriods"),
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)",
            )
            .hint(format!("at most {} with a period of {period}", LONGEST / u64::from(period.max(1))));
    }
    let datapoints_to_alarm = node.integer_of("datapointsToAlarm").unwrap_or(evaluation_periods);
    if datapoints_to_alarm > evaluation_periods {
        report.problem(
            place(node, "datapointsToAlarm"),
            format!("`datapointsToAlarm` {datapoints_to_alarm} is more than `evaluationPeriods` {evaluation_periods}"),
        );
    }
    let comparison = node.text_of("comparisonOperator")?;
    Some(MetricAlarm {
        metric: metric?,
        threshold: decimal(node, "threshold")?,
        comparison: ComparisonOperator::ALL.into_iter().find(|known| known.as_str() == comparison)?,
        period_minutes: period / 60,
        evaluation_periods,
        datapoints_to_alarm,
        missing_data: match node.text_of("treatMissingData") {
            Some("ignore") => MissingData::Ignore,
            Some("breaching") => MissingData::Breaching,
            Some("notBreaching") => MissingData::NotBreaching,
            _ => MissingData::Missing,
        },
    })
}

fn metric(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<ScalingMetric> {
    let of_dimension = |name: &str| {
        let found = node.list("dimensions").iter().find(|item| item.text_of("name") == Some(name));
        found.and_then(|item| item.get("value"))
    };
    let service = scaled.service.text_of("serviceName").unwrap_or_default();
    if let Some(other) = of_dimension("ServiceName").filter(|value| value.text().is_some_and(|value| value != service)) {
        report
            .problem(other.span, format!("the alarm of a policy of service `{service}` looks at that service"))
            .hint("leave `dimensions` out, or name this service");
    }
    let mut of_group = |metric: fn(model::TargetGroupName) -> ScalingMetric| group(of_dimension("TargetGroup"), node, scaled, report).map(metric);
    let metric = match node.text_of("metricName")? {
        "CPUUtilization" => ScalingMetric::CpuUtilization,
        "MemoryUtilization" => ScalingMetric::MemoryUtilization,
        "RequestCountPerTarget" => of_group(ScalingMetric::RequestCountPerTarget)?,
        "RequestCount" => of_group(ScalingMetric::RequestCount)?,
        "TargetResponseTime" => of_group(ScalingMetric::TargetResponseTime)?,
        _ => return None,
    };
    let (namespace, statistic) =
        (if metric.is_of_containers() { "AWS/ECS" } else { "AWS/ApplicationELB" }, if metric.adds_up() { "Sum" } else { "Average" });
    for (key, own) in [("namespace", namespace), ("statistic", statistic)] {
        if let Some(given) = node.get(key).filter(|given| given.text().is_some_and(|given| given != own)) {
            report
                .problem(given.span, format!("the `{key}` of `{}` is `{own}`", metric.name()))
                .hint(format!("write `{key}: {own}`, or leave it out"));
        }
    }
    Some(metric)
}
