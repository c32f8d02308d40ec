//! The keys of tasks that start by a schedule, in the words of EventBridge Scheduler and RunTask (ecs.md 9).

use super::placement;
use crate::keys::task_definition::{ENVIRONMENT_FILES, VARIABLE};
use crate::shape::{Choice, Object, Shape, TEXTS, field, inert, integer, list, named};

pub(crate) static SCHEDULED_TASK: Object = Object::new(
    "ScheduledTask",
    "scheduled task",
    &[
        field("name", Shape::Text, "Unique in the cluster: 1 to 64 letters, digits, hyphens and underscores.").required(),
        field("scheduleExpression", Shape::Text, "`at(2026-12-24T18:00:00)`, `rate(5 minutes)` or `cron(0 3 * * ? *)`.").required(),
        field("scheduleExpressionTimezone", Shape::Text, "By whose clocks, for example `Europe/Berlin`. Default UTC."),
        field("state", Shape::Choice(&STATE), "Default ENABLED."),
        field("taskDefinition", Shape::Text, "A family of this manifest, `family:revision`, or an ARN that ends so.").required(),
        field("taskCount", integer(1, 10), "How many tasks it starts. Default 1."),
        field("containerOverrides", Shape::List(&named(Shape::Object(&OVERRIDE), "name")), "What containers do otherwise."),
        field("placementConstraints", Shape::List(&list(Shape::Object(&placement::CONSTRAINT))), "Where its tasks may be placed; at most 10."),
        field("placementStrategy", Shape::List(&list(Shape::Object(&placement::STRATEGY))), "Where they should be; at most 5."),
        field("enableExecuteCommand", Shape::Boolean, "Whether `ecslocal exec` may run programs in its containers. Default false."),
        inert("description", "nobody reads it here"),
        inert("launchType", "every task runs on the local engine"),
        inert("networkConfiguration", "tasks run in the local network"),
        inert("platformVersion", "every task runs on the local engine"),
        inert("roleArn", "no AWS role is used"),
        inert("tags", "tags are not kept"),
    ],
)
.refusing(&[
    ("flexibleTimeWindow", "a task starts when it is due; remove it"),
    ("startDate", "say the first time in `scheduleExpression`"),
    ("endDate", "set `state: DISABLED` when it is over"),
]);

static STATE: Choice = Choice { accepted: &["ENABLED", "DISABLED"], refused: &[] };

static OVERRIDE: Object = Object::new(
    "ContainerOverride",
    "container override",
    &[
        field("name", Shape::Text, "A container of the task definition.").required(),
        field("command", TEXTS, "Replaces its command."),
        field("environment", Shape::List(&list(Shape::Object(&VARIABLE))), "Replaces or adds variables."),
        field("environmentFiles", ENVIRONMENT_FILES, "Replaces its files of variables."),
        field("cpu", integer(0, 262_144), "CPU units."),
        field("memory", integer(6, 4_194_304), "Hard limit in MiB."),
        field("memoryReservation", integer(6, 4_194_304), "Soft limit in MiB."),
    ],
)
.refusing(&[("resourceRequirements", "GPUs are not supported")]);
