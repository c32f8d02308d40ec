use proptest::prelude::*;

use super::*;
use crate::testing::{balancer_name, fixed, forward, head, hosts, paths, put_group, put_listener, world};

fn tutorial() -> World {
    let mut world = world();
    put_group(&mut world, "users", "hid");
    put_group(&mut world, "posts", "u");
    let rules = vec![
        (vec![paths(&["/api/users*"]), hosts(&["*.example.com", "example.com"])], forward(&[("users", 3), ("posts", 1)])),
        (vec![paths(&["/health", "/ping"])], fixed(200)),
        (vec![paths(&["/*"])], fixed(403)),
    ];
    put_listener(&mut world, "front", 80, rules);
    put_listener(&mut world, "back", 80, Vec::new());
    world
}

fn on(port: u16) -> Selection<'static> {
    Selection { load_balancer: None, port }
}

fn front(target: &str) -> Explanation {
    explain(&tutorial(), Selection { load_balancer: Some(&balancer_name("front")), port: 80 }, &head(target)).unwrap()
}

#[test]
fn every_rule_is_shown_with_what_was_compared() {
    let shown = front("/%70ing?x");
    let rules: Vec<_> = shown.rules.iter().map(|rule| (rule.rule.to_string(), rule.verdict, rule.action.as_str())).collect();
    assert_eq!(
        rules,
        [
            ("1".to_owned(), Verdict::NotMatched, "forward to users (weight 3), posts (weight 1)"),
            ("2".to_owned(), Verdict::Matched, "fixed response 200"),
            ("3".to_owned(), Verdict::NotReached, "fixed response 403"),
            ("default".to_owned(), Verdict::NotReached, "fixed response 404"),
        ]
    );
    let conditions: Vec<_> = shown.rules.iter().flat_map(|rule| &rule.conditions).map(ToString::to_string).collect();
    assert_eq!(
        conditions,
        [
            "path-pattern: `/ping` does not match `/api/users*`",
            "host-header: `example.com` matches `example.com`",
            "path-pattern: `/ping` matches `/ping`",
            "path-pattern: `/ping` matches `/*`",
        ]
    );
    assert_eq!((shown.matched, shown.load_balancer.as_str(), shown.port), (MatchedRule::Rule(2), "front", 80));
    assert!(matches!(shown.outcome, Outcome::Fixed(FixedResponseTable { status: 200, .. })));
}

#[test]
fn what_transforms_make_of_a_request_is_shown() {
    let mut world = tutorial();
    let listener = world.load_balancers.get_mut(&balancer_name("front")).and_then(|balancer| balancer.listeners.get_mut(&80)).unwrap();
    let rule = listener.rules.get_mut(&1).unwrap();
    rule.transforms.url = Some(model::Rewrite { regex: "^/api".into(), replace: "/v2".into() });
    let selection = Selection { load_balancer: Some(&balancer_name("front")), port: 80 };
    let shown = explain(&world, selection, &head("/api/users/7?x=1")).unwrap();
    assert_eq!(shown.sent, Rewritten { host: None, url: Some("/v2/users/7?x=1".into()) });
    assert_eq!(shown.rules[0].action, "rewrite url ^/api to /v2, forward to users (weight 3), posts (weight 1)");
    assert_eq!(explain(&world, selection, &head("/ping")).unwrap().sent, Rewritten::default());
}

#[test]
fn a_request_without_a_host_says_so() {
    let world = tutorial();
    let selection = Selection { load_balancer: Some(&balancer_name("front")), port: 80 };
    let shown = explain(&world, selection, &RequestHead { host: None, ..head("/api/users") }).unwrap();
    let condition = &shown.rules[0].conditions[1];
    assert_eq!((condition.matched, &condition.compared), (false, &None));
    assert_eq!(condition.to_string(), "host-header: the request has none, so `*.example.com` or `example.com` cannot match");
}

#[test]
fn groups_are_shown_with_who_could_take_the_request() {
    let Outcome::Forward(groups) = front("/api/users/1").outcome else { panic!("not forwarded") };
    let shown: Vec<_> = groups
        .iter()
        .map(|group| {
            let targets = group.targets.iter().map(|target| (target.key.port, target.health.state.as_str(), target.eligible));
            (group.target_group.as_str(), group.weight, group.total_weight, group.fail_open, targets.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("users", 3, 4, false, vec![(1, "healthy", true), (2, "initial", false), (3, "draining", false)]),
            ("posts", 1, 4, true, vec![(1, "unhealthy", true)]),
        ]
    );
}

#[test]
fn the_listener_is_chosen_as_on_the_wire() {
    let world = tutorial();
    let check = |host: &str, expected: &str| {
        let shown = explain(&world, on(80), &RequestHead { host: Some(host), ..head("/") }).unwrap();
        assert_eq!(shown.load_balancer.as_str(), expected, "{host}");
    };
    check("front.localhost", "front");
    check("example.com", "back");
    let refused = |world: &World, selection| explain(world, selection, &head("/")).unwrap_err().to_string();
    assert_eq!(refused(&world, on(81)), "no load balancer has a listener on port 81; hint: there are listeners on 80");
    assert_eq!(refused(&crate::testing::world(), on(81)), "no load balancer has a listener on port 81; hint: there is no listener yet");
    let front = balancer_name("front");
    let selection = Selection { load_balancer: Some(&front), port: 443 };
    assert_eq!(refused(&world, selection), "load balancer `front` has no listener on port 443; hint: there are listeners on 80");
}

proptest! {
    #[test]
    fn the_explanation_is_the_decision(
        path in "/(api/users)?[a-z/]{0,3}|/health|/ping|%2e",
        host in prop::option::of("(front.localhost|a?.?example.com)(:80)?"),
    ) {
        let world = tutorial();
        let head = RequestHead { host: host.as_deref(), ..head(&path) };
        let table = crate::compile(&world, None);
        let listener = table.listener(80, head.host).unwrap();
        let shown = explain(&world, on(80), &head).unwrap();
        prop_assert_eq!(&shown.load_balancer, listener.load_balancer());
        prop_assert_eq!(shown.matched, crate::decide(listener, &head, crate::testing::given(0, 1)).rule());
        let matching = shown.rules.iter().filter(|rule| rule.verdict == Verdict::Matched).count();
        prop_assert_eq!(matching, 1);
    }
}
