//! Conditions, queries, patterns, expressions and cookies that nobody should send or write: each means what a naive reading of the
//! specification says, and none of them stops a worker.

use model::{Comparison, Condition, QueryParameter, Stickiness, StickyCookie, TargetGroupAttributes};
use proptest::prelude::*;

use crate::testing::{fixed, forward, given, group_name, head, put_group, put_listener, world};
use crate::{Decision, MatchedRule, Pick, RequestHead, Table, compile, decide};

const CASES: u32 = 2000;

fn table(conditions: Vec<Condition>) -> Table {
    let mut world = world();
    put_listener(&mut world, "web", 80, vec![(conditions, fixed(200))]);
    compile(&world, None)
}

fn meets(condition: Condition, head: &RequestHead<'_>) -> bool {
    let table = table(vec![condition]);
    decide(table.listener(80, None).unwrap(), head, given(0, 0)).rule() != MatchedRule::Default
}

/// One sign of a pattern.
#[derive(Clone, Copy)]
enum Sign {
    Any,
    One,
    Letter(u8),
}

fn signs(pattern: &str, escapes: bool) -> Vec<Sign> {
    let (mut signs, mut bytes) = (Vec::new(), pattern.bytes().peekable());
    while let Some(byte) = bytes.next() {
        let escaped = escapes && byte == b'\\' && bytes.peek().is_some_and(|next| matches!(next, b'*' | b'?' | b'\\'));
        signs.push(match if escaped { bytes.next() } else { Some(byte) } {
            Some(b'*') if !escaped => Sign::Any,
            Some(b'?') if !escaped => Sign::One,
            letter => Sign::Letter(letter.unwrap_or(byte)),
        });
    }
    signs
}

/// Whether a pattern matches a whole text, tried in every way.
fn naive(signs: &[Sign], text: &[u8]) -> bool {
    match (signs, text) {
        ([], []) => true,
        ([Sign::Any, rest @ ..], _) => naive(rest, text) || (!text.is_empty() && naive(signs, &text[1..])),
        ([Sign::One, rest @ ..], [_, tail @ ..]) => naive(rest, tail),
        ([Sign::Letter(letter), rest @ ..], [byte, tail @ ..]) => letter == byte && naive(rest, tail),
        _ => false,
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    naive(&signs(&pattern.to_ascii_lowercase(), true), text.to_ascii_lowercase().as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_query_matches_by_any_parameter(
        key in prop::option::of("[aB*?]{1,3}"),
        value in "([aB*?=]|\\\\[*?]){0,4}",
        query in "[aAbB&=*?%+]{0,12}",
    ) {
        let expected = query.split('&').filter(|part| !part.is_empty()).any(|part| {
            let (own, text) = part.split_once('=').unwrap_or((part, ""));
            key.as_ref().is_none_or(|key| glob(key, own)) && glob(&value, text)
        });
        let target = format!("/?{query}");
        prop_assert_eq!(meets(Condition::QueryString(vec![QueryParameter { key, value }]), &head(&target)), expected);
    }

    #[test]
    fn a_header_matches_by_any_line(value in "[aB*?]{0,4}", lines in prop::collection::vec("[aAbB]{0,4}", 0..4)) {
        let sent: Vec<(String, String)> = lines.iter().map(|line| ("X-Own".to_owned(), line.clone())).collect();
        let expected = lines.iter().any(|line| glob(&value, line));
        let condition = Condition::HttpHeader { name: "x-own".into(), values: Comparison::Wildcards(vec![value]) };
        prop_assert_eq!(meets(condition, &RequestHead { headers: &sent, ..head("/") }), expected);
    }

    #[test]
    fn whatever_is_written_is_compiled_and_asked(text in "\\PC{0,40}", path in "/\\PC{0,30}", query in "\\PC{0,30}", host in "\\PC{0,20}") {
        let own = |text: &String| vec![text.clone()];
        let regexes = || Comparison::Regexes { regexes: own(&text) };
        let wildcards = || Comparison::Wildcards(own(&text));
        let header = |values| Condition::HttpHeader { name: "x-own".into(), values };
        let sent = vec![("x-own".to_owned(), query.clone())];
        let head = RequestHead { path: &path, query: Some(&query), host: Some(&host), headers: &sent, ..head("/") };
        for condition in [
            Condition::PathPattern(wildcards()),
            Condition::PathPattern(regexes()),
            Condition::HostHeader(wildcards()),
            Condition::HostHeader(regexes()),
            header(wildcards()),
            header(regexes()),
            Condition::QueryString(vec![QueryParameter { key: Some(text.clone()), value: text.clone() }]),
        ] {
            meets(condition, &head);
        }
    }

    #[test]
    fn nobody_sticks_by_a_cookie_that_was_not_given(name in "AWSALB(TG)?(CORS)?|AWSALBAPP-0|SESSION", value in "[ -~]{0,140}", application in any::<bool>()) {
        let mut world = world();
        put_group(&mut world, "g", "hh");
        let cookie = if application { StickyCookie::Application("SESSION".into()) } else { StickyCookie::LoadBalancer };
        let stickiness = Some(Stickiness { cookie, duration: std::time::Duration::from_secs(60) });
        let spec = &mut world.target_groups.get_mut(&group_name("g")).unwrap().spec;
        spec.attributes = TargetGroupAttributes { stickiness, ..spec.attributes.clone() };
        put_listener(&mut world, "web", 80, vec![(Vec::new(), forward(&[("g", 1)]))]);
        let table = compile(&world, None);
        let sent = vec![("Cookie".to_owned(), format!("a=b; {name}={value}; SESSION=x"))];
        let head = RequestHead { headers: &sent, ..head("/") };
        let Decision::Forward { group, .. } = decide(table.listener(80, None).unwrap(), &head, given(1, 0)) else { panic!("it forwards") };
        prop_assert!(matches!(group.pick(&head, given(1, 0)), Pick::Target(_)));
    }
}
