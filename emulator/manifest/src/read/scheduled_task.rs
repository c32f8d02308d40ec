//! A task that starts by a schedule (ecs.md 9).

use std::collections::BTreeMap;

use model::{ContainerName, ContainerOverride, ScheduleName, ScheduledTaskSpec, TaskDefinitionName, TaskOverrides, TimeZoneName};

use super::{Reader, outside_values, place};
use crate::node::Node;
use crate::problem::Report;

pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<(ScheduleName, ScheduledTaskSpec)> {
    let containers: Vec<_> = node.list("containerOverrides").iter().map(|node| container(node, reader)).collect();
    let report = &mut *reader.report;
    let name = super::name_under(node, "name", report);
    let hint = "for example `rate(5 minutes)`, or `cron(0 3 * * ? *)`: minute, hour, day of month, month, day of week, year";
    let schedule = parsed(node, "scheduleExpression", hint, report);
    let timezone = match node.get("scheduleExpressionTimezone") {
        Some(_) => parsed(node, "scheduleExpressionTimezone", "a name of the time zone database, for example `Europe/Berlin`", report),
        None => Some(TimeZoneName::default()),
    };
    let task_definition = parsed::<TaskDefinitionName>(node, "taskDefinition", "`family`, or `family:3`", report);
    let containers = containers.into_iter().collect::<Option<BTreeMap<_, _>>>()?;
    let placement = super::placement::read(node, report);
    let spec = ScheduledTaskSpec {
        schedule: schedule?,
        timezone: timezone?,
        enabled: node.text_of("state") != Some("DISABLED"),
        task_definition: task_definition?,
        count: node.integer_of("taskCount").unwrap_or(1),
        overrides: TaskOverrides { containers, ..TaskOverrides::default() },
        placement: placement?,
        enable_execute_command: node.boolean_of("enableExecuteCommand").unwrap_or(false),
    };
    Some((name?, spec))
}

fn parsed<T: std::str::FromStr<Err = String>>(node: &Node, key: &str, hint: &str, report: &mut Report) -> Option<T> {
    let text = node.text_of(key)?;
    let value = text.parse().map_err(|error| {
        report.problem(place(node, key), error).hint(hint);
    });
    value.ok()
}

fn container(node: &Node, reader: &mut Reader<'_>) -> Option<(ContainerName, ContainerOverride)> {
    let name = super::name_under(node, "name", reader.report)?;
    let environment_files = outside_values::environment_files(node, reader)?;
    let texts = |key: &str| node.list(key).iter().filter_map(|item| item.text().map(str::to_owned)).collect();
    let variable = |item: &Node| Some((item.text_of("name")?.to_owned(), item.text_of("value")?.to_owned()));
    let other = ContainerOverride {
        command: node.get("command").map(|_| texts("command")),
        environment: node.list("environment").iter().filter_map(variable).collect(),
        environment_files: node.get("environmentFiles").map(|_| environment_files),
        cpu: node.integer_of("cpu"),
        memory: node.integer_of("memory"),
        memory_reservation: node.integer_of("memoryReservation"),
    };
    Some((name, other))
}
