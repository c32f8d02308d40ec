//! Values of containers that are kept elsewhere: files of variables, secrets, parameters (ecs.md 1.9).

use model::{ContainerDefinition, EnvironmentFile};

use crate::support::{GOOD, good, read_all, replaced};

fn with(lines: &str) -> String {
    replaced(&[("        memory: 256\n", &format!("        memory: 256\n{lines}"))])
}

fn container(text: &str) -> ContainerDefinition {
    let files = [("cluster.yaml", text), ("settings/users.env", "A=1")];
    let manifest = read_all(&files, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    manifest.desired.task_definitions.values().next().unwrap().containers[0].clone()
}

fn said(lines: &str) -> String {
    read_all(&[("cluster.yaml", &with(lines)), ("settings/users.env", "A=1")], &[]).unwrap_err().render(false)
}

#[test]
fn files_of_variables_are_objects_of_s3_or_stand_beside_the_manifest() {
    let lines = "        environmentFiles:\n          - { type: s3, value: \"arn:aws:s3:::settings/a/users.env\" }\n          - { type: file, value: settings/users.env }\n";
    let object = EnvironmentFile::S3 { bucket: "settings".into(), key: "a/users.env".into() };
    assert_eq!(container(&with(lines)).environment_files, [object, EnvironmentFile::Local("/home/app/settings/users.env".into())]);
    assert_eq!(good(GOOD).desired.task_definitions.values().next().unwrap().containers[0].environment_files, []);
}

#[test]
fn a_file_of_variables_must_be_one() {
    let file = |kind: &str, value: &str| format!("        environmentFiles: [{{ type: {kind}, value: \"{value}\" }}]\n");
    for (lines, sentence) in [
        (file("s3", "settings/users.env"), "`settings/users.env` is not the ARN of an object of S3"),
        (file("s3", "arn:aws:s3:::settings/../x.env"), "is not the ARN of an object of S3"),
        (file("s3", "arn:aws:s3:::settings/users.txt"), "the name of an environment file ends with `.env`"),
        (file("file", "settings/none.env"), "cannot read `settings/none.env`: no such file"),
        (file("disk", "users.env"), "`type` must be `s3` or `file`"),
        ("        environmentFiles: [{ type: s3 }]\n".into(), "an environment file needs `value`"),
        (
            format!("        environmentFiles:\n{}", "          - { type: file, value: settings/users.env }\n".repeat(11)),
            "has at most 10 files, this one has 11",
        ),
    ] {
        assert!(said(&lines).contains(sentence), "{lines}: {}", said(&lines));
    }
}

#[test]
fn secrets_are_variables_of_their_own_and_name_what_there_can_be() {
    let secret =
        |value: &str| format!("        environment: [{{ name: A, value: b }}]\n        secrets: [{{ name: PASSWORD, valueFrom: \"{value}\" }}]\n");
    let read = container(&with(&secret("prod/db:password::")));
    assert_eq!(read.secrets["PASSWORD"].as_str(), "prod/db:password::");
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
    assert_eq!(container(&with(&secret(arn))).secrets["PASSWORD"].as_str(), arn);
    for (lines, sentence) in [
        (secret(&format!("{arn}:password")), "an invalid ARN format for the AWS Secrets Manager secret was specified."),
        (secret("arn:aws:s3:::a/b"), "is the ARN of neither a secret of Secrets Manager nor a parameter of SSM"),
        (secret("a").replace("PASSWORD", "A"), "The secret name must be unique and not shared with any new or existing environment variables"),
        (secret("a").replace("PASSWORD", "'A=B'"), "`A=B` is not a variable's name"),
        ("        secrets: [{ name: A, valueFrom: a }, { name: A, valueFrom: b }]\n".into(), "two items of `secrets` have the name `A`"),
        ("        secrets: [{ name: A }]\n".into(), "a secret of a container needs `valueFrom`"),
    ] {
        assert!(said(&lines).contains(sentence), "{lines}: {}", said(&lines));
    }
}

#[test]
fn options_of_a_log_driver_can_be_secrets() {
    let log = |options: &str, secret: &str| {
        format!(
            "        logConfiguration:\n          logDriver: splunk\n          options: {{ splunk-url: \"https://splunk.test\"{options} }}\n          secretOptions: [{secret}]\n"
        )
    };
    let configuration = container(&with(&log("", "{ name: splunk-token, valueFrom: splunk/token }"))).log_configuration.unwrap();
    assert_eq!(configuration.secret_options["splunk-token"].as_str(), "splunk/token");
    for (lines, sentence) in [
        (log("", ""), "Log driver splunk requires options: splunk-token"),
        (log(", splunk-token: t", "{ name: splunk-token, valueFrom: a }"), "`splunk-token` is both in `options` and in `secretOptions`"),
        (log(", splunk-token: t", "{ name: splunk-tokn, valueFrom: a }"), "Log driver splunk disallows options: splunk-tokn"),
        (log("", "{ name: splunk-token, valueFrom: '' }"), "a value comes from the ARN or the name"),
    ] {
        assert!(said(&lines).contains(sentence), "{lines}: {}", said(&lines));
    }
}
