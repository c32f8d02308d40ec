//! An alarm by itself: what it is called and what it is about (ecs.md 3.5).

use model::{AlarmSpec, LoadBalancerName, Metric, ServiceName, TargetGroupName};

use super::metric_alarm::{self, dimension};
use super::place;
use crate::node::Node;
use crate::problem::Report;

/// The longest name of an alarm.
const LONGEST: usize = 255;

pub(super) fn read(node: &Node, report: &mut Report) -> Option<(String, AlarmSpec)> {
    let name = node.text_of("alarmName")?;
    if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
        report.problem(place(node, "alarmName"), format!("the name of an alarm has 1 to {LONGEST} characters that can be seen"));
    }
    let metric = metric(node, report);
    let service = metric.as_ref().filter(|metric| metric.is_of_containers()).and_then(|_| named::<ServiceName>(node, "ServiceName", report));
    let about_service = metric.as_ref().is_some_and(Metric::is_of_containers);
    let alarm = metric_alarm::read(node, metric, report)?;
    (service.is_some() == about_service).then(|| (name.to_owned(), AlarmSpec { service, alarm }))
}

fn metric(node: &Node, report: &mut Report) -> Option<Metric> {
    let name = node.text_of("metricName")?;
    let class = |prefix: &str| name.strip_prefix(prefix)?.strip_suffix("XX_Count")?.parse::<u8>().ok();
    let mut group = || named::<TargetGroupName>(node, "TargetGroup", report);
    Some(match name {
        "CPUUtilization" => Metric::CpuUtilization,
        "MemoryUtilization" => Metric::MemoryUtilization,
        "RequestCount" => Metric::RequestCount(group()?),
        "RequestCountPerTarget" => Metric::RequestCountPerTarget(group()?),
        "TargetResponseTime" => Metric::TargetResponseTime(group()?),
        "TargetConnectionErrorCount" => Metric::TargetConnectionErrors(group()?),
        "HealthyHostCount" => Metric::HealthyHosts(group()?),
        "UnHealthyHostCount" => Metric::UnhealthyHosts(group()?),
        _ => match (class("HTTPCode_Target_"), class("HTTPCode_ELB_")) {
            (Some(class), _) => Metric::TargetStatuses(group()?, class),
            (_, Some(class)) => Metric::OwnStatuses(named::<LoadBalancerName>(node, "LoadBalancer", report)?, class),
            (None, None) => return None,
        },
    })
}

/// What a dimension names: `users`, `targetgroup/users/<id>`, `app/front/<id>`.
fn named<T: std::str::FromStr<Err = model::NameError>>(node: &Node, name: &str, report: &mut Report) -> Option<T> {
    let Some(found) = dimension(node, name) else {
        let metric = node.text_of("metricName").unwrap_or_default();
        report
            .problem(place(node, "dimensions"), format!("`{metric}` needs the dimension `{name}`"))
            .hint(format!("`dimensions: [{{ name: {name}, value: … }}]`"));
        return None;
    };
    match dimension_name(found.text()?).parse() {
        Ok(name) => Some(name),
        Err(error) => {
            report.problem(found.span, error.to_string());
            None
        }
    }
}

/// The name in a dimension's value.
pub(crate) fn dimension_name(value: &str) -> &str {
    let rest = value.strip_prefix("targetgroup/").or_else(|| value.strip_prefix("app/"));
    rest.map_or(value, |rest| rest.split_once('/').map_or(rest, |(name, _)| name))
}
