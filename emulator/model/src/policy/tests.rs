use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn document(statements: &Value) -> PolicyDocument {
    PolicyDocument::parse(&json!({ "Version": "2012-10-17", "Statement": statements })).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn context() -> Vec<(String, String)> {
    let pairs = [
        ("aws:PrincipalTag/team", "blue"),
        ("aws:PrincipalTag/odd", "*"),
        ("aws:SourceIp", "10.213.4.7"),
        ("aws:CurrentTime", "2026-05-01T12:00:00Z"),
        ("aws:EpochTime", "1777636800"),
        ("aws:SecureTransport", "false"),
        ("aws:PrincipalArn", "arn:aws:iam::000000000000:role/users"),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn decide(statements: &Value, action: &str, resource: &str) -> PolicyDecision {
    let (document, context) = (document(statements), context());
    PolicyDecision::of([&document], &PolicyRequest::new(action, resource, &context))
}

const USERS: &str = "arn:aws:ecr:us-east-1:000000000000:repository/users";

#[test]
fn what_is_not_allowed_is_denied_and_a_denial_wins() {
    use PolicyDecision::{Allowed, ExplicitDeny, ImplicitDeny};
    let all = json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]);
    assert_eq!(decide(&all, "ecr:ListImages", USERS), Allowed);
    let reads = json!({ "Effect": "Allow", "Action": ["ECR:Describe*", "ecr:List?mages"], "Resource": "arn:aws:ecr:*:*:repository/use*" });
    assert_eq!(decide(&reads, "ecr:DescribeImages", USERS), Allowed);
    assert_eq!(decide(&reads, "ecr:ListImages", USERS), Allowed);
    assert_eq!(decide(&reads, "ecr:DeleteRepository", USERS), ImplicitDeny);
    assert_eq!(decide(&reads, "ecr:ListImages", "arn:aws:ecr:us-east-1:000000000000:repository/posts"), ImplicitDeny);
    assert_eq!(decide(&reads, "ecr:DescribeImages", "*"), ImplicitDeny);
    let denied = json!([
        { "Effect": "Deny", "Action": "ecr:DeleteRepository", "Resource": "*" },
        { "Effect": "Allow", "Action": "ecr:*", "Resource": "*" },
    ]);
    assert_eq!(decide(&denied, "ecr:DeleteRepository", USERS), ExplicitDeny);
    assert_eq!(decide(&denied, "ecr:PutImage", USERS), Allowed);
    let others = json!({ "Effect": "Allow", "NotAction": "ecr:*", "NotResource": USERS });
    assert_eq!(decide(&others, "ssm:GetParameter", "arn:aws:ssm:us-east-1:000000000000:parameter/a"), Allowed);
    assert_eq!(decide(&others, "ecr:PutImage", "*"), ImplicitDeny);
    assert_eq!(decide(&others, "ssm:GetParameter", USERS), ImplicitDeny);
}

#[test]
fn a_wildcard_stays_in_its_part_of_an_arn() {
    let check = |pattern: &str, expected: bool| {
        let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": pattern });
        assert_eq!(decide(&statement, "ecr:ListImages", USERS) == PolicyDecision::Allowed, expected, "{pattern}");
    };
    check("arn:aws:ecr:us-east-1:000000000000:repository/users", true);
    check("arn:aws:ecr:*:000000000000:*", true);
    check("arn:*:*:*:*:*", true);
    check("arn:aws:ecr:*:repository/users:*", false);
    check("arn:aws:ecr:us-east-1:000000000000:repository/user", false);
    check("arn:aws:ecr:us-east-1:000000000000:repository/user?", true);
    check("arn:aws:ecr:us-east-1:000000000000:repository/${aws:PrincipalTag/team}", false);
    check("arn:aws:ecr:us-east-1:000000000000:repository/${aws:PrincipalTag/team, 'blue'}", false);
    check("arn:aws:ecr:us-east-1:000000000000:repository/${aws:PrincipalTag/none, 'users'}", true);
    check("arn:aws:ecr:us-east-1:000000000000:repository/${aws:PrincipalTag/none}", false);
    // What a variable brings has no wildcards.
    check("arn:aws:ecr:us-east-1:000000000000:repository/${aws:PrincipalTag/odd}", false);
    check("arn:aws:ecr:us-east-1:000000000000:repository/${*}", false);
}

#[test]
fn conditions_compare_what_is_known_of_the_request() {
    let check = |condition: Value, expected: bool| {
        let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition });
        assert_eq!(decide(&statement, "a:b", "*") == PolicyDecision::Allowed, expected, "{statement}");
    };
    check(json!({ "StringEquals": { "aws:principaltag/team": ["red", "blue"] } }), true);
    check(json!({ "StringEquals": { "aws:PrincipalTag/team": "Blue" } }), false);
    check(json!({ "StringEqualsIgnoreCase": { "aws:PrincipalTag/team": "Blue" } }), true);
    check(json!({ "StringNotEquals": { "aws:PrincipalTag/team": ["red", "blue"] } }), false);
    check(json!({ "StringNotEquals": { "aws:PrincipalTag/none": "x" } }), true);
    check(json!({ "StringEquals": { "aws:PrincipalTag/none": "x" } }), false);
    check(json!({ "StringEqualsIfExists": { "aws:PrincipalTag/none": "x" } }), true);
    check(json!({ "StringLike": { "aws:PrincipalTag/team": "b*e" } }), true);
    check(json!({ "StringEquals": { "aws:PrincipalTag/team": "b*e" } }), false);
    check(json!({ "StringNotLike": { "aws:PrincipalTag/team": "b*" } }), false);
    check(json!({ "StringEquals": { "aws:PrincipalTag/team": "${aws:PrincipalTag/team}" } }), true);
    check(json!({ "Null": { "aws:PrincipalTag/none": "true", "aws:PrincipalTag/team": "false" } }), true);
    check(json!({ "Null": { "aws:PrincipalTag/team": true } }), false);
    check(json!({ "Bool": { "aws:SecureTransport": false } }), true);
    check(json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.1", "10.213.0.0/16"] } }), true);
    check(json!({ "NotIpAddress": { "aws:SourceIp": "10.213.4.7" } }), false);
    check(json!({ "NumericLessThan": { "aws:EpochTime": 1_777_636_801 } }), true);
    check(json!({ "NumericGreaterThanEquals": { "aws:EpochTime": "1777636801" } }), false);
    check(json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-05-01T11:59:59Z" } }), true);
    check(json!({ "DateLessThan": { "aws:CurrentTime": "2026-05-01" } }), false);
    check(json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/us*" } }), true);
    check(json!({ "ArnNotEquals": { "aws:PrincipalArn": "arn:aws:iam::*:role/posts" } }), true);
    check(json!({ "ForAnyValue:StringEquals": { "aws:PrincipalTag/none": "x" } }), false);
    check(json!({ "ForAllValues:StringEquals": { "aws:PrincipalTag/none": "x" } }), true);
    check(json!({ "ForAnyValue:StringLike": { "aws:PrincipalTag/team": "bl*" }, "Bool": { "aws:SecureTransport": "true" } }), false);
}

#[test]
fn variables_are_the_newer_version_s() {
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "StringEquals": { "aws:PrincipalTag/team": "${aws:PrincipalTag/team}" } } });
    let older = PolicyDocument::parse(&json!({ "Statement": statement })).unwrap();
    let context = context();
    assert_eq!(PolicyDecision::of([&older], &PolicyRequest::new("a:b", "*", &context)), PolicyDecision::ImplicitDeny);
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let check = |document: Value, expected: &[&str]| {
        let problems: Vec<String> = PolicyDocument::parse(&document).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(problems, expected, "{document}");
    };
    check(json!([]), &["a policy document is a mapping"]);
    check(json!({}), &["a policy document needs `Statement`"]);
    check(json!({ "Version": "2012", "Statement": [] }), &["Version: the version of a policy is 2012-10-17 or 2008-10-17"]);
    check(json!({ "statement": [] }), &["statement: a policy document has no `statement`", "a policy document needs `Statement`"]);
    check(
        json!({ "Statement": [{ "Effect": "allow", "Action": "ListImages", "Resource": "users", "Condition": { "BinaryEquals": {} } }, {}] }),
        &[
            "Statement.0.Effect: `Effect` is Allow or Deny",
            "Statement.0.Action: `ListImages` is no action",
            "Statement.0.Resource: Resource `users` must be in ARN format or \"*\".",
            "Statement.0.Condition.BinaryEquals: the condition operator `BinaryEquals` is not supported",
            "Statement.1: a statement needs `Effect`: Allow or Deny",
            "Statement.1: a statement needs `Action` or `NotAction`",
            "Statement.1: a statement needs `Resource` or `NotResource`",
        ],
    );
    let with = |condition: Value| json!({ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition } });
    check(
        with(json!({ "StringEquals": { "aws:SourceVpc": "x" } })),
        &["Statement.Condition.StringEquals.aws:SourceVpc: the condition key `aws:SourceVpc` is not supported"],
    );
    check(
        with(json!({ "IpAddress": { "aws:SourceIp": "home" } })),
        &["Statement.Condition.IpAddress.aws:SourceIp: `home` is not what IpAddress compares: an address, or a network as `10.0.0.0/8`"],
    );
    check(
        with(json!({ "StringLike": { "aws:userid": "${aws:username}" } })),
        &["Statement.Condition.StringLike.aws:userid: the policy variable `${aws:username}` is not supported"],
    );
    check(
        json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" } }),
        &["Statement.Principal: Policy document should not specify a principal."],
    );
}

proptest! {
    #[test]
    fn a_pattern_without_wildcards_is_itself_and_stars_are_never_in_doubt(text in "[a-c]{0,12}", cut in 0_usize..12) {
        let request = PolicyRequest::new("", "", &[]);
        let like = |pattern: String| PolicyPattern(pattern).is_like(&text, &request);
        prop_assert!(like(text.clone()));
        let cut = cut.min(text.len());
        let (star, stars, longer) = (format!("{}*{}", &text[..cut], &text[cut..]), format!("*{}*", &text[cut..]), format!("{text}d"));
        prop_assert!(like(star) && like(stars) && !like(longer));
    }

    #[test]
    fn nothing_written_breaks_the_reader(text in "[{}\\[\\]\"a-zA-Z:,*$ ]{0,60}") {
        let read = serde_json::from_str::<Value>(&text).map(|value| PolicyDocument::parse(&value));
        prop_assert!(!matches!(read, Ok(Err(problems)) if problems.is_empty()));
    }
}
