use super::*;
use crate::{Family, SecretReference};

fn logs(options: &[(&str, &str)]) -> LogConfiguration {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    LogConfiguration { driver: LogDriver::Awsfirelens, options, secret_options: BTreeMap::new() }
}

fn name(name: &str) -> ContainerName {
    ContainerName::new(name).unwrap()
}

fn task(kind: FirelensKind, mode: NetworkMode, log_configuration: LogConfiguration) -> TaskDefinition {
    let firelens = FirelensConfiguration { kind, ecs_log_metadata: true, config_file: Some(FirelensConfigFile::File("/extra.conf".into())) };
    let router = ContainerDefinition { firelens: Some(firelens), ..ContainerDefinition::new(name("router"), "router") };
    let app = ContainerDefinition { log_configuration: Some(log_configuration), ..ContainerDefinition::new(name("app"), "app") };
    TaskDefinition::new(Family::new("web").unwrap(), mode, vec![app, router])
}

fn config(task: &TaskDefinition) -> String {
    let metadata = FirelensMetadata { cluster: "c".into(), task_arn: "arn:t".into(), task_definition: "web:1".into(), instance: "i-1".into() };
    task.router_config(&metadata).unwrap()
}

#[test]
fn fluent_bit_is_told_where_to_listen_what_to_add_and_where_to_send() {
    let options = [("Name", "http"), ("Host", "logs"), ("include-pattern", "^a"), ("exclude-pattern", "b$"), ("log-driver-buffer-limit", "9")];
    let expected = "
[INPUT]
    Name forward
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 0.0.0.0
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name grep
    Match app-firelens*
    Regex log ^a

[FILTER]
    Name grep
    Match app-firelens*
    Exclude log b$

[FILTER]
    Name record_modifier
    Match *
    Record ec2_instance_id i-1
    Record ecs_cluster c
    Record ecs_task_arn arn:t
    Record ecs_task_definition web:1

@INCLUDE /extra.conf

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name http
    Match app-firelens*
    Host logs
";
    assert_eq!(config(&task(FirelensKind::Fluentbit, NetworkMode::Bridge, logs(&options))), expected);
    let alone = config(&task(FirelensKind::Fluentbit, NetworkMode::Host, logs(&[])));
    assert!(!alone.contains("24224") && !alone.contains("healthcheck") && !alone.contains("OUTPUT"), "{alone}");
}

#[test]
fn fluentd_is_told_the_same_in_its_own_words() {
    let mut options = logs(&[("@type", "stdout"), ("exclude-pattern", "b$")]);
    options.secret_options.insert("password".into(), SecretReference::parse("/p").unwrap());
    let mut task = task(FirelensKind::Fluentd, NetworkMode::Awsvpc, options);
    let expected = "
<source>
    @type unix
    path /var/run/fluent.sock
</source>

<source>
    @type forward
    bind 127.0.0.1
    port 24224
</source>

<filter app-firelens**>
    @type grep
    <exclude>
        key log
        pattern b$
    </exclude>
</filter>

<filter **>
    @type record_transformer
    <record>
        ec2_instance_id i-1
        ecs_cluster c
        ecs_task_arn arn:t
        ecs_task_definition web:1
    </record>
</filter>

@include /extra.conf

<match app-firelens**>
    @type stdout
    password \"#{ENV['password_app']}\"
</match>
";
    assert_eq!(config(&task), expected);
    let router = task.containers[1].firelens.as_mut().unwrap();
    (router.ecs_log_metadata, router.config_file) = (false, Some(FirelensConfigFile::S3 { bucket: "b".into(), key: "k".into() }));
    let without = config(&task);
    assert!(!without.contains("ecs_cluster") && without.contains("\n@include /fluentd/etc/external.conf\n"), "{without}");
}

#[test]
fn docker_s_driver_is_told_the_socket_and_the_tag() {
    let told = driver_configuration(&logs(&[("Name", "http"), ("log-driver-buffer-limit", "9")]), &name("app"), "t1", "/s/fluent.sock");
    let options: Vec<String> = told.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = [
        "fluentd-address=unix:///s/fluent.sock",
        "fluentd-async=true",
        "fluentd-buffer-limit=9",
        "fluentd-sub-second-precision=true",
        "tag=app-firelens-t1",
    ];
    assert_eq!((told.driver, options), (LogDriver::Fluentd, expected.map(str::to_owned).to_vec()));
}

#[test]
fn the_router_is_first_unless_it_waits_itself() {
    let mut task = task(FirelensKind::Fluentbit, NetworkMode::Bridge, logs(&[]));
    let waits = |task: &TaskDefinition| {
        let dependencies = task.containers.iter().map(|container| task.dependencies_of(container).count());
        dependencies.collect::<Vec<_>>()
    };
    assert_eq!(waits(&task), [1, 0]);
    let start = task.dependencies_of(&task.containers[0]).next().unwrap();
    assert_eq!((start.container_name, start.condition), (name("router"), DependencyCondition::Start));
    task.containers[0].depends_on = vec![ContainerDependency { container_name: name("router"), condition: DependencyCondition::Healthy }];
    assert_eq!(waits(&task), [1, 0], "its own word is kept");
    task.containers[0].depends_on.clear();
    task.containers[1].depends_on = vec![ContainerDependency { container_name: name("other"), condition: DependencyCondition::Start }];
    assert_eq!(waits(&task), [0, 1]);
}
