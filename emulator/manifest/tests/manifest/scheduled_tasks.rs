//! Tasks that start by a schedule (ecs.md 9).

use crate::support::{GOOD, bad, good};

fn with(scheduled: &str) -> String {
    format!("{GOOD}scheduledTasks:\n  - {scheduled}\n")
}

#[test]
fn a_scheduled_task_is_read_with_its_overrides() {
    let manifest = good(&with(
        "{ name: nightly, scheduleExpression: cron(0 3 * * ? *), scheduleExpressionTimezone: Europe/Berlin, taskDefinition: users, taskCount: 2, \
         containerOverrides: [{ name: web, command: [a, b], environment: [{ name: A, value: \"1\" }], memory: 32 }], state: DISABLED, enableExecuteCommand: true }",
    ));
    let (name, spec) = manifest.desired.scheduled_tasks.first_key_value().unwrap();
    assert_eq!((name.as_str(), spec.schedule.to_string().as_str(), spec.timezone.as_str()), ("nightly", "cron(0 3 * * ? *)", "Europe/Berlin"));
    assert_eq!((spec.count, spec.enabled, spec.task_definition.to_string().as_str()), (2, false, "users"));
    assert!(spec.enable_execute_command);
    let other = spec.overrides.containers.first_key_value().unwrap().1;
    assert_eq!(
        (other.command.as_deref(), other.environment["A"].as_str(), other.memory),
        (Some(&["a".to_owned(), "b".to_owned()][..]), "1", Some(32))
    );
    let spec = good(&with("{ name: a, scheduleExpression: rate(1 hour), taskDefinition: users }")).desired.scheduled_tasks.pop_first().unwrap().1;
    assert_eq!((spec.count, spec.enabled, spec.timezone.as_str(), spec.enable_execute_command), (1, true, "UTC", false));
}

#[test]
fn problems_with_a_scheduled_task_have_their_place() {
    for (scheduled, sentence) in [
        ("{ name: a, scheduleExpression: every day, taskDefinition: users }", "is neither `at(…)` nor `rate(…)` nor `cron(…)`"),
        ("{ name: a, scheduleExpression: rate(1 hour), taskDefinition: user }", "the task definition `user` is not in this manifest"),
        ("{ name: a, scheduleExpression: rate(1 hour), scheduleExpressionTimezone: Mars, taskDefinition: users }", "Mars"),
        ("{ name: a b, scheduleExpression: rate(1 hour), taskDefinition: users }", "scheduled task name `a b`"),
        ("{ name: a, scheduleExpression: rate(1 hour), taskDefinition: users, taskCount: 11 }", "`taskCount`"),
        (
            "{ name: a, scheduleExpression: rate(1 hour), taskDefinition: users, containerOverrides: [{ name: wev }] }",
            "Override for container named wev",
        ),
        ("{ name: a, scheduleExpression: rate(1 hour), taskDefinition: users, flexibleTimeWindow: { mode: OFF } }", "`flexibleTimeWindow`"),
    ] {
        let said = bad(&with(scheduled));
        assert!(said.contains(sentence) && said.contains("--> cluster.yaml:26:"), "{scheduled}: {said}");
    }
}
