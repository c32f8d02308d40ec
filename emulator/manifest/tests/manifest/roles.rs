//! Roles with their policies, and which task has which.

use model::{PolicyEffect, RoleName};

use crate::support::{bad, good};

fn manifest(policy: &str, role: &str) -> String {
    format!(
        "cluster: t\nroles:\n  - roleName: web\n    policies:\n      - PolicyName: p\n        policyDocument: {policy}\n    tags: [{{ Key: team, Value: blue }}]\ntaskDefinitions:\n  - family: app\n    taskRoleArn: {role}\n    containerDefinitions: [{{ name: app, image: a, memory: 64 }}]\n"
    )
}

const POLICY: &str =
    "{ Version: 2012-10-17, Statement: { Effect: Allow, Action: 'ecr:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': false } } } }";

#[test]
fn a_task_has_the_role_that_its_definition_names() {
    for role in ["web", "arn:aws:iam::123456789012:role/team/web"] {
        let desired = good(&manifest(POLICY, role)).desired;
        let web = RoleName::new("web").unwrap();
        assert_eq!(desired.task_definitions.values().next().unwrap().task_role.as_ref(), Some(&web));
        let statement = &desired.roles[&web].policies["p"].statements[0];
        assert_eq!((statement.effect, desired.roles[&web].tags["team"].as_str()), (PolicyEffect::Allow, "blue"));
    }
    let text = r#"'{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'"#;
    assert_eq!(good(&manifest(text, "web")).desired.roles.len(), 1);
}

#[test]
fn mistakes_in_policies_are_told_at_their_place() {
    let check = |policy: &str, role: &str, parts: &[&str]| {
        let shown = bad(&manifest(policy, role));
        for part in parts {
            assert!(shown.contains(part), "`{part}` is not in\n{shown}");
        }
    };
    check(&POLICY.replace("Bool:", "BinaryEquals:"), "web", &["the condition operator `BinaryEquals` is not supported", "^^^^^^^^^^^^"]);
    check(&POLICY.replace("'ecr:*'", "ListImages"), "web", &["`ListImages` is no action", "^^^^^^^^^^"]);
    check(&POLICY.replace("Effect: Allow", "effect: Allow"), "web", &["a statement has no `effect`", "write `Effect`"]);
    check(r#"'{"Statement":'"#, "web", &["this policy is no JSON"]);
    check(r#"'{"Statement":[{"Effect":"Deny","Action":"x","Resource":"*"}]}'"#, "web", &["Statement.0.Action: `x` is no action"]);
    check(POLICY, "wep", &["there is no role `wep`", "did you mean `web`?"]);
    check(POLICY, "'a b'", &["role name `a b` contains ' '"]);
    check(&format!("{POLICY}\n    managedPolicyArns: [x]"), "web", &["write the statements that matter under `policies`"]);
}

#[test]
fn a_role_of_aws_that_is_not_written_down_is_noted() {
    let read = good(&manifest(POLICY, "arn:aws:iam::123456789012:role/other"));
    assert!(read.notes.iter().any(|note| note.message.contains("`roles` does not have the role `other`")), "{:?}", read.notes);
}

#[test]
fn a_role_from_a_profile_names_a_role_of_aws() {
    let with = |from: &str| manifest(POLICY, "web").replace("    tags: [", &format!("    fromProfile: {from}\n    tags: ["));
    let read = good(&with("{ profileName: dev, roleArn: \"arn:aws:iam::123456789012:role/team/web\" }")).desired;
    let from = read.roles[&RoleName::new("web").unwrap()].from_profile.clone().unwrap();
    assert_eq!((from.profile_name.as_str(), from.role_arn.as_str(), from.duration), ("dev", "arn:aws:iam::123456789012:role/team/web", 3600));
    let shown = bad(&with("{ profileName: --debug, roleArn: web, durationSeconds: 60 }"));
    for part in ["`--debug` is not a profile's name", "`web` is not the ARN of a role", "`durationSeconds`"] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
}

#[test]
fn an_execution_role_is_one_of_those_that_there_are_or_aws_s() {
    let with = |role: &str| manifest(POLICY, "web").replace("    taskRoleArn: web", &format!("    taskRoleArn: web\n    executionRoleArn: {role}"));
    let desired = good(&with("web")).desired;
    assert_eq!(desired.task_definitions.values().next().unwrap().execution_role, Some(RoleName::new("web").unwrap()));
    assert!(bad(&with("wep")).contains("did you mean `web`?"));
    let notes = good(&with("arn:aws:iam::123456789012:role/other")).notes;
    assert!(notes.iter().any(|note| note.message.ends_with("so it may fetch all that they need")), "{notes:?}");
}
