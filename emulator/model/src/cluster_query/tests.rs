use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

/// An instance with three attributes, two tasks and a version.
fn values(subject: &Subject) -> Vec<Cow<'static, str>> {
    let texts: &[&str] = match subject {
        Subject::Attribute(name) => match name.as_str() {
            "ecs.instance-type" => &["g2.8xlarge"],
            "zone" => &["us-east-1a"],
            "slots" => &["12"],
            "com/acme-rack.7" => &["b 2"],
            _ => &[],
        },
        Subject::AgentConnected => &["true"],
        Subject::AgentVersion => &["1.105.1"],
        Subject::Ec2InstanceId => &["i-abcd1234"],
        Subject::RegisteredAt => &["1529360908000"],
        Subject::RunningTasksCount => &["2"],
        Subject::TaskGroup => &["service:production", "family:job"],
    };
    texts.iter().map(|text| Cow::Borrowed(*text)).collect()
}

fn holds(text: &str) -> bool {
    ClusterQuery::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(&values)
}

#[test]
fn every_operator_by_word_and_by_sign() {
    for (text, expected) in [
        ("attribute:zone == us-east-1a", true),
        ("attribute:zone equals us-east-1b", false),
        ("attribute:zone != us-east-1b", true),
        ("attribute:zone not_equals us-east-1a", false),
        ("attribute:slots > 9", true),
        ("attribute:slots greater_than 12", false),
        ("attribute:slots >= 12", true),
        ("attribute:slots greater_than_equal 13", false),
        ("attribute:slots < 12.5", true),
        ("attribute:slots less_than 12", false),
        ("attribute:slots <= 12", true),
        ("attribute:slots less_than_equal 11", false),
        ("attribute:zone > us-east-1", true),
        ("attribute:zone exists", true),
        ("attribute:stack exists", false),
        ("attribute:stack !exists", true),
        ("attribute:zone not_exists", false),
        ("attribute:zone in [us-east-1a, us-east-1b]", true),
        ("attribute:zone in [us-east-1b]", false),
        ("attribute:zone !in [us-east-1b]", true),
        ("attribute:zone not_in ['us-east-1a']", false),
        ("attribute:ecs.instance-type =~ g2.*", true),
        ("attribute:ecs.instance-type matches g2", false),
        ("attribute:ecs.instance-type !~ t2.*", true),
        ("attribute:ecs.instance-type not_matches \"g2\\..*\"", false),
        ("attribute:com/acme-rack.7 == 'b 2'", true),
        ("attribute:zone==us-east-1a&&attribute:slots>9", true),
    ] {
        assert_eq!(holds(text), expected, "{text}");
    }
}

#[test]
fn every_subject() {
    for (text, expected) in [
        ("agentConnected == true", true),
        ("agentConnected != TRUE", false),
        ("agentVersion < 1.14.5", false),
        ("agentVersion >= 1.105", true),
        ("agentVersion == 1.105.1", true),
        ("ec2InstanceId in ['i-abcd1234', 'i-wxyz7890']", true),
        ("ec2InstanceId =~ i-ab.*", true),
        ("registeredAt == 2018-06-18T22:28:28+00:00", true),
        ("registeredAt == 2018-06-18T22:28:28Z", true),
        ("registeredAt >= 2018-06-18T22:28:28", true),
        ("registeredAt < 2018-02-13", false),
        ("registeredAt > 2018-06-18", true),
        ("runningTasksCount == 2", true),
        ("runningTasksCount <= 1", false),
        ("task:group == service:production", true),
        ("not(task:group == database)", true),
        ("task:group != family:job", false),
        ("task:group !in [family:job2]", true),
    ] {
        assert_eq!(holds(text), expected, "{text}");
    }
}

#[test]
fn expressions_are_joined_and_negated() {
    let (yes, no) = ("attribute:zone exists", "attribute:stack exists");
    for (text, expected) in [
        (format!("{yes} and {no}"), false),
        (format!("{yes} && {yes}"), true),
        (format!("{no} or {yes}"), true),
        (format!("{no} || {no}"), false),
        (format!("not {no}"), true),
        (format!("! {yes}"), false),
        (format!("!({yes} and {no})"), true),
        (format!("{yes} or {yes} and {no}"), true),
        (format!("({yes} or {yes}) and {no}"), false),
        (format!("not {no} and {no}"), false),
        (format!("NOT {no} AND {yes}"), true),
        (format!("((({yes})))"), true),
    ] {
        assert_eq!(holds(&text), expected, "{text}");
    }
    assert!(ClusterQuery::parse("not task:group == a").unwrap().asks_for_groups());
    assert!(!ClusterQuery::parse(yes).unwrap().asks_for_groups());
}

#[test]
fn mistakes_have_their_place() {
    for (text, at, length, message) in [
        ("", 0, 0, "the expression ends where a subject is expected"),
        ("zone == a", 0, 4, "`zone` is not a subject"),
        ("attribute: == a", 0, 10, "`attribute:` is not a subject"),
        ("attribute:zone", 14, 0, "the expression ends where an operator is expected"),
        ("attribute:zone = a", 15, 1, "`=` is not an operator"),
        ("attribute:zone ==", 17, 0, "the expression ends where a value is expected"),
        ("attribute:zone == a b", 20, 1, "`b` is too much"),
        ("attribute:zone == a)", 19, 1, "`)` is too much"),
        ("(attribute:zone == a", 20, 0, "a `)` is missing"),
        ("attribute:zone == 'a", 18, 2, "the ' is never closed"),
        ("attribute:zone in a", 18, 1, "`a` is not a list"),
        ("attribute:zone in [a b]", 21, 1, "`b` is not `,` or `]`"),
        ("attribute:zone in []", 19, 1, "`]` is not a value"),
        ("attribute:zone == a and", 23, 0, "the expression ends where a subject is expected"),
        ("attribute:zone =~ [a", 18, 1, "`[` is not a value"),
        ("attribute:zone =~ '[a'", 18, 4, "`[a` is not a regular expression: unclosed character class"),
        ("ec2InstanceId > i-1", 14, 1, "`>` does not apply to `ec2InstanceId`"),
        ("runningTasksCount in [1]", 18, 2, "`in` does not apply to `runningTasksCount`"),
        ("runningTasksCount == few", 21, 3, "`few` is not a number of tasks"),
        ("registeredAt < yesterday", 15, 9, "`yesterday` is not a date"),
        ("agentVersion < new", 15, 3, "`new` is not a version"),
    ] {
        let error = ClusterQuery::parse(text).unwrap_err();
        assert_eq!((error.at, error.length, error.message.as_str()), (at, length, message), "{text}");
        assert!(!error.hint.is_empty(), "{text}");
    }
    let error = ClusterQuery::parse("zone == a").unwrap_err();
    assert_eq!(error.to_string(), "`zone` is not a subject, at character 1");
    assert!(ClusterQuery::parse(&"x".repeat(2001)).unwrap_err().message.contains("at most 2000 characters"));
    assert!(ClusterQuery::parse(&"(".repeat(1000)).unwrap_err().message.contains("nested more than 50 deep"));
}

#[test]
fn it_is_written_down_as_it_was_written() {
    let query = ClusterQuery::parse("attribute:zone in [a,b]").unwrap();
    let text = serde_json::to_string(&query).unwrap();
    assert_eq!(text, "\"attribute:zone in [a,b]\"");
    assert_eq!(serde_json::from_str::<ClusterQuery>(&text).unwrap(), query);
    assert!(serde_json::from_str::<ClusterQuery>("\"zone\"").is_err());
}

/// An expression with what it comes to, by a rule of its own.
fn known() -> impl Strategy<Value = (String, bool)> {
    let leaf = (0_u8..4, any::<bool>()).prop_map(|(value, negated)| {
        let (sign, word) = if negated { ("!=", "not_equals") } else { ("==", "equals") };
        let sign = if value.is_multiple_of(2) { sign } else { word };
        (format!("attribute:slots {sign} {}", 10 + value), (value == 2) != negated)
    });
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| {
                let text = parts.iter().map(|(text, _)| format!("({text})")).collect::<Vec<_>>().join(" and ");
                (text, parts.iter().all(|(_, holds)| *holds))
            }),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| {
                let text = parts.iter().map(|(text, _)| format!("({text})")).collect::<Vec<_>>().join("||");
                (text, parts.iter().any(|(_, holds)| *holds))
            }),
            inner.prop_map(|(text, holds)| (format!("not ({text})"), !holds)),
        ]
    })
}

proptest! {
    #[test]
    fn any_expression_comes_to_what_its_parts_come_to((text, expected) in known()) {
        prop_assert_eq!(ClusterQuery::parse(&text).unwrap().holds(&values), expected, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_within_it(text in "[a-z!=<>~()\\[\\], '\"&|:.é0-9]{0,60}|(attribute:a|not|and|or|in|exists|==|!in|\\(|\\)|\\[|\\]|,| |b|'){0,30}") {
        if let Err(error) = ClusterQuery::parse(&text) {
            prop_assert!(text.is_char_boundary(error.at) && text.is_char_boundary(error.at + error.length), "{:?} {:?}", text, error);
        }
    }
}
