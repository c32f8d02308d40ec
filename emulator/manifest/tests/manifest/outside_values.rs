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

fn with_store(text: &str) -> String {
    format!("{GOOD}{text}")
}

#[test]
fn secrets_and_parameters_have_their_values_from_variables_and_files() {
    let text = with_store(
        "secrets:\n  - { name: prod/db, secretString: \"${PASSWORD}\", description: of the database }\n  - { Name: key, file: keys/key.pem }\n  - name: later\n\
         parameters:\n  - { name: /app/url, value: http://db }\n  - { name: token, type: SecureString, value: \"${PASSWORD}\" }\n",
    );
    let files = [("cluster.yaml", text.as_str()), ("keys/key.pem", "line one\nline two\r\n"), (".env", "PASSWORD=hunter2\n")];
    let desired = read_all(&files, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false))).desired;
    let value = |name: &str| desired.secrets[name].value.as_ref().map(|value| value.expose().to_owned());
    assert_eq!(value("prod/db").as_deref(), Some("hunter2"));
    assert_eq!(value("key").as_deref(), Some("line one\nline two"));
    assert_eq!((value("later"), desired.secrets["prod/db"].description.as_deref()), (None, Some("of the database")));
    assert_eq!((desired.parameters["/app/url"].value.expose(), desired.parameters["/app/url"].kind.as_str()), ("http://db", "String"));
    assert_eq!((desired.parameters["token"].value.expose(), desired.parameters["token"].kind.as_str()), ("hunter2", "SecureString"));
    assert!(!format!("{desired:?}").contains("hunter2"));
}

#[test]
fn problems_beside_a_value_do_not_show_it() {
    for (text, sentence) in [
        ("secrets: [{ name: \"a b\", secretString: hunter2 }]\n", "`a b` is not a secret's name"),
        ("secrets: [{ name: a, secretString: hunter2, colour: red }]\n", "unknown key `colour` in a secret"),
        ("secrets: [{ name: a, secretString: hunter2, file: b }]\n", "the value is both in `secretString` and in `file`"),
        ("secrets: [{ name: a, secretString: hunter2 }, { name: a, secretString: hunter2 }]\n", "two items of `secrets` have the name `a`"),
        ("parameters: [{ name: a/b, value: hunter2 }]\n", "Parameter name must be a fully qualified name."),
        ("parameters: [{ name: a, type: Secret, value: hunter2 }]\n", "`type` must be"),
        ("secrets:\n  - name: a\n    secretString: [hunter2]\n", "`secretString` must be a text, found a list"),
    ] {
        let said = crate::support::bad(&with_store(text));
        assert!(said.contains(sentence) && !said.contains("hunter2"), "{said}");
    }
    for (text, sentence) in [
        ("secrets: [{ name: a, secretString: '' }]\n", "the value has 1 to 65536 bytes, this one has 0"),
        ("secrets: [{ name: a, file: none }]\n", "cannot read `none`: no such file"),
        ("parameters: [{ name: a }]\n", "a parameter needs `value`, or `file` with one"),
        ("secrets: [{ secretString: a }]\n", "a secret needs `name`"),
    ] {
        let said = crate::support::bad(&with_store(text));
        assert!(said.contains(sentence), "{said}");
    }
}
