//! FireLens: a log router in the task.

use insta::assert_snapshot;
use model::{FirelensConfigFile, FirelensKind, LogDriver};

use crate::support::{bad, good};

fn with(app: &str, router: &str) -> String {
    format!(
        "cluster: t
taskDefinitions:
  - family: web
    containerDefinitions:
      - {{ name: app, image: app, memory: 64{app} }}
      - {{ name: router, image: fluent-bit, memory: 64{router} }}
services: [{{ serviceName: web, taskDefinition: web }}]
"
    )
}

#[test]
fn a_router_and_what_goes_to_it_are_read() {
    let app = ", logConfiguration: { logDriver: awsfirelens, options: { Name: http, Host: logs, Retry_Limit: 2 } }";
    let options = "{ enable-ecs-log-metadata: false, config-file-type: s3, config-file-value: \"arn:aws:s3:::b/a/k.conf\" }";
    let router = format!(", firelensConfiguration: {{ type: fluentd, options: {options} }}");
    let desired = good(&with(&app.replace("Name", "\"@type\""), &router)).desired;
    let containers = &desired.task_definitions.values().next().unwrap().containers;
    let read = containers[1].firelens.clone().unwrap();
    assert_eq!((read.kind, read.ecs_log_metadata), (FirelensKind::Fluentd, false));
    assert_eq!(read.config_file, Some(FirelensConfigFile::S3 { bucket: "b".into(), key: "a/k.conf".into() }));
    let logs = containers[0].log_configuration.clone().unwrap();
    assert_eq!((logs.driver, logs.options.len(), logs.options["Retry_Limit"].as_str()), (LogDriver::Awsfirelens, 3, "2"));
    let plain = good(&with(app, ", firelensConfiguration: { type: fluentbit }")).desired;
    let read = plain.task_definitions.values().next().unwrap().containers[1].firelens.clone().unwrap();
    assert_eq!((read.kind, read.ecs_log_metadata, read.config_file), (FirelensKind::Fluentbit, true, None));
}

#[test]
fn a_router_without_logs_and_logs_without_a_router_are_refused() {
    let logs = ", logConfiguration: { logDriver: awsfirelens, options: { Host: logs, include-pattern: a } }";
    let router = ", firelensConfiguration: { type: fluentbit, options: { config-file-type: file } }";
    assert_snapshot!(bad(&with(logs, "")), @r#"
    error: `awsfirelens` sends to the log router of the task, which has none
     --> cluster.yaml:5:64
      |
    5 |       - { name: app, image: app, memory: 64, logConfiguration: { logDriver: awsfirelens, options: { Host: logs, include-pattern: a } } }
      |                                                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: add a container with `firelensConfiguration: { type: fluentbit }`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(bad(&with("", router)), @r#"
    error: When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver.
     --> cluster.yaml:6:79
      |
    6 |       - { name: router, image: fluent-bit, memory: 64, firelensConfiguration: { type: fluentbit, options: { config-file-type: file } } }
      |                                                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = hint: add `logConfiguration: { logDriver: awsfirelens, options: { … } }` to the others

    error: `config-file-type` and `config-file-value` go together
     --> cluster.yaml:6:127
      |
    6 |       - { name: router, image: fluent-bit, memory: 64, firelensConfiguration: { type: fluentbit, options: { config-file-type: file } } }
      |                                                                                                                               ^^^^
      |
      = hint: add the other one

    2 problems in cluster.yaml
    "#);
    assert_snapshot!(bad(&with(&format!("{logs}{router}"), ", firelensConfiguration: { type: vector }")), @r#"
    error: missing output key Name which is required for firelens configuration of type fluentbit
     --> cluster.yaml:5:101
      |
    5 |       - { name: app, image: app, memory: 64, logConfiguration: { logDriver: awsfirelens, options: { Host: logs, include-pattern: a } ...
      |                                                                                                     ^^^^
      |
      = hint: add `"Name": …`, the plugin that the logs go to

    error: `config-file-type` and `config-file-value` go together
     --> cluster.yaml:5:208
      |
    5 | ...Configuration: { type: fluentbit, options: { config-file-type: file } } }
      |                                                                   ^^^^
      |
      = hint: add the other one

    error: a task has at most one container with `firelensConfiguration`
     --> cluster.yaml:6:79
      |
    6 |       - { name: router, image: fluent-bit, memory: 64, firelensConfiguration: { type: vector } }
      |                                                                               ^^^^^^^^^^^^^^^^ again here
      |
      = hint: the first is at cluster.yaml:5:160

    error: `type` must be `fluentd` or `fluentbit`, found `vector`
     --> cluster.yaml:6:87
      |
    6 |       - { name: router, image: fluent-bit, memory: 64, firelensConfiguration: { type: vector } }
      |                                                                                       ^^^^^^

    4 problems in cluster.yaml
    "#);
}
