//! When an alarm goes off, in the words of PutMetricAlarm: one of a step scaling policy (ecs.md 7), or one by itself (ecs.md 3.5).

use model::{ComparisonOperator, Metric, MetricAlarm, MissingData};

use super::place;
use super::scaling::Scaled;
use super::scaling_policy::{decimal, group};
use crate::node::Node;
use crate::problem::Report;

/// A day, in seconds: further back CloudWatch does not look.
const LONGEST: u64 = 86_400;

/// That of a policy.
pub(super) fn of_policy(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<MetricAlarm> {
    let metric = metric(node, scaled, report);
    if node.boolean_of("actionsEnabled") == Some(false) {
        report
            .problem(place(node, "actionsEnabled"), "an alarm without actions sets no policy off")
            .hint("remove the policy, or suspend it with `suspendedState` of the scalable target");
    }
    read(node, metric, report)
}

/// An alarm on that metric; `None` of one that cannot be read, which has been reported.
pub(super) fn read(node: &Node, metric: Option<Metric>, report: &mut Report) -> Option<MetricAlarm> {
    if let Some(metric) = &metric {
        belongs(node, metric, report);
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

/// Namespace and statistic, where they are said, are the metric's own.
fn belongs(node: &Node, metric: &Metric, report: &mut Report) {
    let namespace = if metric.is_of_containers() { "AWS/ECS" } else { "AWS/ApplicationELB" };
    let statistic = if metric.adds_up() { "Sum" } else { "Average" };
    for (key, own) in [("namespace", namespace), ("statistic", statistic)] {
        if let Some(given) = node.get(key).filter(|given| given.text().is_some_and(|given| given != own)) {
            report
                .problem(given.span, format!("the `{key}` of `{}` is `{own}`", metric.name()))
                .hint(format!("write `{key}: {own}`, or leave it out"));
        }
    }
}

/// The value of a dimension.
pub(super) fn dimension<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    node.list("dimensions").iter().find(|item| item.text_of("name") == Some(name)).and_then(|item| item.get("value"))
}

fn metric(node: &Node, scaled: &Scaled<'_>, report: &mut Report) -> Option<Metric> {
    let service = scaled.service.text_of("serviceName").unwrap_or_default();
    if let Some(other) = dimension(node, "ServiceName").filter(|value| value.text().is_some_and(|value| value != service)) {
        report
            .problem(other.span, format!("the alarm of a policy of service `{service}` looks at that service"))
            .hint("leave `dimensions` out, or name this service");
    }
    let mut of_group = |metric: fn(model::TargetGroupName) -> Metric| group(dimension(node, "TargetGroup"), node, scaled, report).map(metric);
    Some(match node.text_of("metricName")? {
        "CPUUtilization" => Metric::CpuUtilization,
        "MemoryUtilization" => Metric::MemoryUtilization,
        "RequestCountPerTarget" => of_group(Metric::RequestCountPerTarget)?,
        "RequestCount" => of_group(Metric::RequestCount)?,
        "TargetResponseTime" => of_group(Metric::TargetResponseTime)?,
        _ => return None,
    })
}
