//! One request: the first rule that matches, and what its action means (alb.md 2 and 3).

use model::{Priority, Timestamp};

use crate::action::ActionTable;
use crate::condition::Subject;
use crate::redirect::LocationTooLong;
use crate::sticky::{Cookies, Seal};
use crate::table::RuleTable;
use crate::transform::{BadRewrite, Rewritten};
use crate::{FixedResponseTable, GroupTable, ListenerTable, RequestHead};

/// Which rule decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchedRule {
    /// The rule of this priority.
    Rule(Priority),
    /// No rule matched: the listener's default action.
    Default,
}

impl MatchedRule {
    /// `matched_rule_priority` of the access log: 0 is the default rule (alb.md 8).
    #[must_use]
    pub const fn log_priority(self) -> Priority {
        match self {
            Self::Rule(priority) => priority,
            Self::Default => 0,
        }
    }
}

impl std::fmt::Display for MatchedRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule(priority) => priority.fmt(f),
            Self::Default => f.pad("default"),
        }
    }
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Decision<'t> {
    /// Send it to a target of the group.
    Forward {
        /// Why.
        rule: MatchedRule,
        /// Where.
        group: &'t GroupTable,
        /// The action is sticky: the response names the group to the client.
        sticky: bool,
        /// What is wrong with the client's cookie, in the access log's words; the request is sent on all the same.
        error_reason: Option<&'static str>,
        /// What the target is sent in place of what the client asked for.
        rewritten: Rewritten,
    },
    /// Answer it at once.
    Fixed {
        /// Why.
        rule: MatchedRule,
        /// With what.
        response: &'t FixedResponseTable,
    },
    /// Answer it with a `Location`.
    Redirect {
        /// Why.
        rule: MatchedRule,
        /// 301 or 302.
        status: u16,
        /// The value of `Location`.
        location: String,
    },
    /// The `Location` would be longer than 8 KB: answer 507.
    RedirectTooLong {
        /// Why.
        rule: MatchedRule,
    },
    /// A transform makes a host or a URL that cannot be sent: answer 500.
    BadRewrite {
        /// Why.
        rule: MatchedRule,
        /// What it makes.
        why: BadRewrite,
    },
    /// A forward whose weights are all 0: answer 503.
    NoTargetGroup {
        /// Why.
        rule: MatchedRule,
    },
}

impl Decision<'_> {
    /// The rule that it is due to.
    #[must_use]
    pub const fn rule(&self) -> MatchedRule {
        match self {
            Self::Forward { rule, .. }
            | Self::Fixed { rule, .. }
            | Self::Redirect { rule, .. }
            | Self::RedirectTooLong { rule }
            | Self::BadRewrite { rule, .. }
            | Self::NoTargetGroup { rule } => *rule,
        }
    }
}

/// What a choice is made with, besides the table and the request.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Any of the 64-bit numbers, each as likely.
    pub random: u64,
    /// The time.
    pub now: Timestamp,
    /// Opens the load balancer's own cookies.
    pub seal: &'a dyn Seal,
}

impl<'a> Given<'a> {
    pub(crate) fn cookies(&self, head: &RequestHead<'a>) -> Cookies<'a> {
        Cookies { headers: head.headers, seal: self.seal, now: self.now }
    }
}

/// Decides a request.
#[must_use]
pub fn decide<'t>(listener: &'t ListenerTable, head: &RequestHead<'_>, given: Given<'_>) -> Decision<'t> {
    let subject = Subject::of(head);
    let matched = listener.first_match(&subject);
    act(listener, matched, Request { head, own_name: listener.dns_name(), given })
}

/// What an action needs of a request.
pub(crate) struct Request<'r> {
    pub(crate) head: &'r RequestHead<'r>,
    pub(crate) own_name: &'r str,
    pub(crate) given: Given<'r>,
}

/// What the rule that matched means for a request, or the default action without one.
pub(crate) fn act<'t>(listener: &'t ListenerTable, matched: Option<&'t RuleTable>, request: Request<'_>) -> Decision<'t> {
    let rule = matched.map_or(MatchedRule::Default, |matched| MatchedRule::Rule(matched.priority));
    match matched.map_or(&listener.default, |matched| &matched.action) {
        ActionTable::Forward(forward) => {
            let rewritten = matched.map_or(Ok(Rewritten::default()), |matched| matched.transforms.apply(request.head));
            match (rewritten, forward.choose(request.head, request.given)) {
                (Err(why), _) => Decision::BadRewrite { rule, why },
                (Ok(_), None) => Decision::NoTargetGroup { rule },
                (Ok(rewritten), Some(group)) => {
                    let error_reason = forward.cookie_error(request.head, request.given);
                    Decision::Forward { rule, group, sticky: forward.is_sticky(), error_reason, rewritten }
                }
            }
        }
        ActionTable::Fixed(response) => Decision::Fixed { rule, response },
        ActionTable::Redirect(redirect) => match redirect.location(request.head, request.own_name) {
            Ok(location) => Decision::Redirect { rule, status: redirect.status, location },
            Err(LocationTooLong) => Decision::RedirectTooLong { rule },
        },
    }
}

impl RuleTable {
    /// All conditions; each of them any of its values.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.matches(subject))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{Action, Comparison, Condition, FixedResponse, Redirect, World};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{fixed, forward, given, head, hosts, paths, put_group, put_listener, world};
    use crate::{Table, compile, request};

    fn table(rules: Vec<(Vec<Condition>, Action)>) -> Table {
        let mut world: World = world();
        for name in ["users", "threads", "posts"] {
            put_group(&mut world, name, "h");
        }
        put_listener(&mut world, "front", 80, rules);
        compile(&world, None)
    }

    fn decided<'t>(table: &'t Table, head: &RequestHead<'_>, random: u64) -> Decision<'t> {
        decide(table.listener(80, head.host).unwrap(), head, given(random, 1))
    }

    #[test]
    fn the_first_rule_whose_conditions_are_all_met_decides() {
        let table = table(vec![
            (vec![paths(&["/api/users*"])], forward(&[("users", 1)])),
            (vec![paths(&["/api/threads", "/api/threads/*"])], forward(&[("threads", 1)])),
            (vec![hosts(&["posts.example.com", "*.Posts.example.com"])], forward(&[("posts", 1)])),
            (vec![paths(&["/a&b"]), hosts(&["example.*"])], fixed(200)),
            (vec![paths(&["/c&amp;d"])], fixed(200)),
            (vec![hosts(&["*"])], fixed(403)),
        ]);
        let check = |host: Option<&str>, path: &str, priority: Priority| {
            let rule = decided(&table, &RequestHead { host, ..head(path) }, 0).rule();
            assert_eq!(rule.log_priority(), priority, "{host:?} {path}");
        };
        let host = Some("example.com");
        check(host, "/api/users", 1);
        check(host, "/api/users/7?x=/api/threads", 1);
        check(host, "/api/%75sers", 1);
        check(host, "/api/x/../users", 1);
        check(host, "/api/threads", 2);
        check(host, "/api/threads/1", 2);
        check(host, "/api/threadsX", 6);
        check(host, "/API/users", 6);
        check(Some("posts.example.com"), "/api/users", 1);
        check(Some("POSTS.example.com:8080"), "/", 3);
        check(Some("a.posts.EXAMPLE.com"), "/", 3);
        check(host, "/a&b", 4);
        check(Some("a.example.com"), "/a&b", 6);
        check(host, "/c&d", 5);
        check(None, "/", 0);
        check(None, "/a&b", 0);
        check(None, "/api/users", 1);
    }

    #[test]
    fn actions_say_what_to_do() {
        let body = FixedResponse { status: 503, content_type: Some("application/json".into()), body: Some("{}".into()) };
        let redirect = Redirect {
            protocol: "HTTPS".into(),
            host: "#{host}".into(),
            port: "443".into(),
            path: "/#{path}".into(),
            query: "#{query}".into(),
            status: 302,
        };
        let table = table(vec![
            (vec![paths(&["/body"])], Action::FixedResponse(body)),
            (vec![paths(&["/empty"])], fixed(200)),
            (vec![paths(&["/old*"])], Action::Redirect(redirect)),
            (vec![paths(&["/users"])], forward(&[("users", 1)])),
            (vec![paths(&["/nobody"])], forward(&[("users", 0), ("posts", 0)])),
        ]);
        let check = |target: &str, expected: &str| {
            let shown = match decided(&table, &head(target), 0) {
                Decision::Forward { rule, group, .. } => format!("{rule} forward {}", group.name()),
                Decision::Fixed { rule, response } => {
                    let FixedResponseTable { status, content_type, body } = response;
                    format!("{rule} fixed {status} {content_type} {}", str::from_utf8(body).unwrap())
                }
                Decision::Redirect { rule, status, location } => format!("{rule} redirect {status} {location}"),
                Decision::RedirectTooLong { rule } => format!("{rule} too long"),
                Decision::BadRewrite { rule, .. } => format!("{rule} bad"),
                Decision::NoTargetGroup { rule } => format!("{rule} nobody"),
            };
            assert_eq!(shown, expected);
        };
        check("/body", "1 fixed 503 application/json; charset=utf-8 {}");
        check("/empty", "2 fixed 200 text/plain; charset=utf-8 ");
        check("/old/a?b=c", "3 redirect 302 https://example.com:443/old/a?b=c");
        check(&format!("/old{}", "x".repeat(9000)), "3 too long");
        check("/users", "4 forward users");
        check("/nobody", "5 nobody");
        check("/", "default fixed 404 text/plain; charset=utf-8 ");
    }

    #[test]
    fn groups_get_their_share_of_the_random_numbers() {
        let check = |weights: &[(&str, u16)], expected: &[(&str, u32)]| {
            let table = table(vec![(vec![paths(&["*"])], forward(weights))]);
            let mut shares = BTreeMap::new();
            for step in 0..1000 {
                let Decision::Forward { group, .. } = decided(&table, &head("/"), u64::MAX / 1000 * step + u64::MAX / 2000) else {
                    panic!("not forwarded")
                };
                *shares.entry(group.name().as_str().to_owned()).or_insert(0) += 1;
            }
            assert_eq!(shares, expected.iter().map(|(name, share)| (name.to_string(), *share)).collect(), "{weights:?}");
            assert!(matches!(decided(&table, &head("/"), u64::MAX), Decision::Forward { .. }));
        };
        check(&[("users", 1)], &[("users", 1000)]);
        check(&[("users", 999)], &[("users", 1000)]);
        check(&[("users", 1), ("posts", 1)], &[("users", 500), ("posts", 500)]);
        check(&[("users", 90), ("posts", 0), ("threads", 10)], &[("users", 900), ("threads", 100)]);
        check(&[("users", 0), ("posts", 1)], &[("posts", 1000)]);
    }

    /// The definition: every rule by its place, every condition, any value.
    fn reference(rules: &[(Vec<Condition>, Action)], head: &RequestHead<'_>) -> Priority {
        let host = head.host.map(|host| request::split_port(host).0.to_ascii_lowercase());
        let value = |pattern: &str, text: &str| match pattern.split_once('*') {
            None => pattern == text,
            Some((start, end)) => text.len() + 1 >= pattern.len() && text.starts_with(start) && text.ends_with(end),
        };
        let met = |condition: &Condition| match condition {
            Condition::PathPattern(values) => values.texts().iter().any(|pattern| value(pattern, head.path)),
            Condition::HostHeader(values) => host.as_ref().is_some_and(|host| values.texts().iter().any(|pattern| value(pattern, host))),
            other => panic!("no such condition is made here: {other:?}"),
        };
        (1..).zip(rules).find(|(_, (conditions, _))| conditions.iter().all(met)).map_or(0, |(priority, _)| priority)
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let values = || prop::collection::vec("/?[ab]{0,2}[*]?[ab]{0,2}", 1..3);
        let wildcards = || values().prop_map(Comparison::Wildcards);
        prop_oneof![wildcards().prop_map(Condition::PathPattern), wildcards().prop_map(Condition::HostHeader)]
    }

    proptest! {
        #[test]
        fn the_order_of_priorities_is_kept(
            conditions in prop::collection::vec(prop::collection::vec(condition(), 1..3), 0..8),
            path in "/[ab]{0,4}",
            host in prop::option::of("[abAB]{1,4}(:80)?"),
        ) {
            let rules: Vec<_> = conditions.into_iter().map(|conditions| (conditions, fixed(200))).collect();
            let expected = {
                let head = RequestHead { host: host.as_deref(), ..head(&path) };
                reference(&rules, &head)
            };
            let table = table(rules);
            let head = RequestHead { host: host.as_deref(), ..head(&path) };
            prop_assert_eq!(decided(&table, &head, 0).rule().log_priority(), expected);
        }
    }
}
