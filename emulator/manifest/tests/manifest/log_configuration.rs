//! `logConfiguration`: drivers and their options.

use model::{LogConfiguration, LogDriver};

use crate::support::{bad, good};

fn manifest(task: &str, configuration: &str) -> String {
    format!(
        "cluster: t\ntaskDefinitions:\n  - family: app\n{task}    containerDefinitions:\n      - name: web\n        image: web\n        memory: 64\n        logConfiguration: {configuration}\n"
    )
}

fn read(configuration: &str) -> LogConfiguration {
    let desired = good(&manifest("", configuration)).desired;
    desired.task_definitions.into_values().next().unwrap().containers.remove(0).log_configuration.unwrap()
}

/// The messages, a line each.
fn wrong(task: &str, configuration: &str) -> Vec<String> {
    let shown = bad(&manifest(task, configuration));
    shown.lines().filter_map(|line| line.strip_prefix("error: ")).map(str::to_owned).collect()
}

#[test]
fn every_driver_of_ecs_is_read_with_its_options() {
    for (configuration, driver, count) in [
        (
            "{ logDriver: awslogs, options: { awslogs-group: /ecs/a, awslogs-region: b, awslogs-create-group: true, mode: non-blocking } }",
            LogDriver::Awslogs,
            4,
        ),
        ("{ logDriver: fluentd, options: { fluentd-address: \"127.0.0.1:24224\", tag: a } }", LogDriver::Fluentd, 2),
        ("{ logDriver: gelf, options: { gelf-address: \"udp://127.0.0.1:12201\" } }", LogDriver::Gelf, 1),
        ("{ logDriver: json-file, options: { max-size: 1m, max-file: 3, labels: a, max-buffer-size: 25m } }", LogDriver::JsonFile, 4),
        ("{ logDriver: json-file }", LogDriver::JsonFile, 0),
        ("{ logDriver: journald, options: { tag: a } }", LogDriver::Journald, 1),
        ("{ logDriver: splunk, options: { splunk-token: a, splunk-url: \"https://b\", splunk-gzip: true } }", LogDriver::Splunk, 3),
        ("{ logDriver: syslog, options: { syslog-facility: daemon } }", LogDriver::Syslog, 1),
    ] {
        let found = read(configuration);
        assert_eq!((found.driver, found.options.len()), (driver, count), "{configuration}");
    }
}

#[test]
fn options_are_required_known_and_not_at_odds() {
    for (configuration, expected) in [
        ("{ logDriver: awslogs }", &["Log driver awslogs requires options: awslogs-group, awslogs-region"][..]),
        ("{ logDriver: gelf, options: { tag: a } }", &["Log driver gelf requires options: gelf-address"]),
        ("{ logDriver: splunk, options: { splunk-url: a } }", &["Log driver splunk requires options: splunk-token"]),
        ("{ logDriver: json-file, options: { awslogs-group: a } }", &["Log driver json-file disallows options: awslogs-group"]),
        (
            "{ logDriver: awslogs, options: { awslogs-group: a, awslogs-region: b, awslogs-endpoint: c, tag: d } }",
            &["Log driver awslogs disallows options: awslogs-endpoint", "Log driver awslogs disallows options: tag"],
        ),
        (
            "{ logDriver: awslogs, options: { awslogs-group: a, awslogs-region: b, awslogs-create-group: false } }",
            &["Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option."],
        ),
        (
            "{ logDriver: awslogs, options: { awslogs-group: a, awslogs-region: b, awslogs-datetime-format: c, awslogs-multiline-pattern: d } }",
            &["Log driver awslogs takes 'awslogs-datetime-format' or 'awslogs-multiline-pattern', not both"],
        ),
        (
            "{ logDriver: awslogs, options: { awslogs-group: \"a b\", awslogs-region: b, awslogs-stream-prefix: \"a:b\" } }",
            &["`a b` is not a log group's name", "`a:b` cannot begin a log stream's name"],
        ),
        (
            "{ logDriver: json-file, options: { mode: sometimes, max-buffer-size: much } }",
            &["`mode` must be `blocking` or `non-blocking`, found `sometimes`", "`max-buffer-size` must be a size, found `much`"],
        ),
        ("{ logDriver: awsfirelens }", &["`awsfirelens` sends to the log router of the task, which has none"]),
        ("{ logDriver: none }", &["`logDriver: none` is not supported"]),
        ("{ logDriver: json-file, secretOptions: [{ name: a, valueFrom: b }] }", &["Log driver json-file disallows options: a"]),
    ] {
        assert_eq!(wrong("", configuration), expected, "{configuration}");
    }
}

#[test]
fn fargate_has_fewer_drivers_and_asks_for_a_prefix() {
    let fargate = "    requiresCompatibilities: [FARGATE]\n    networkMode: awsvpc\n    cpu: 256\n    memory: 512\n";
    for (configuration, expected) in [
        ("{ logDriver: awslogs, options: { awslogs-group: a, awslogs-region: b } }", "Log driver awslogs requires options: awslogs-stream-prefix"),
        ("{ logDriver: syslog }", "Fargate only supports the log drivers `awslogs`, `splunk` or `awsfirelens`"),
    ] {
        assert_eq!(wrong(fargate, configuration), [expected], "{configuration}");
    }
}

#[test]
fn what_does_nothing_here_is_said() {
    let text = manifest("", "{ logDriver: awslogs, options: { awslogs-group: a, awslogs-region: b, awslogs-datetime-format: c } }");
    let notes = good(&text).notes;
    assert!(notes.iter().any(|note| note.message.starts_with("`awslogs-datetime-format` does nothing here")), "{notes:?}");
}
