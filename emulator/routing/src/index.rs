//! Which rules of a listener may match a request, so that not all of them are asked: a thousand rules cost hardly more than ten.
//!
//! A rule that wants a path, or else a host, that begins in a certain way is found by that beginning; all others are asked each time.
//! The index never decides: whoever it names is asked with all of its conditions, and it names every rule that could match.

use std::collections::BTreeMap;

use crate::condition::Subject;
use crate::table::RuleTable;

/// See the module. Rules are known by their place in the listener's order.
#[derive(Debug)]
pub(crate) struct RuleIndex {
    paths: Beginnings,
    hosts: Beginnings,
    /// Rules that any request may match, as far as its path and host go.
    others: Box<[usize]>,
}

impl RuleIndex {
    pub(crate) fn new(rules: &[RuleTable]) -> Self {
        let (mut paths, mut hosts, mut others) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (place, rule) in rules.iter().enumerate() {
            let (known, beginnings) = match (rule.path_beginnings(), rule.host_beginnings()) {
                (Some(beginnings), _) => (&mut paths, beginnings),
                (None, Some(beginnings)) => (&mut hosts, beginnings),
                (None, None) => {
                    others.push(place);
                    continue;
                }
            };
            for beginning in beginnings {
                let rules: &mut Vec<usize> = known.entry(beginning).or_default();
                if rules.last() != Some(&place) {
                    rules.push(place);
                }
            }
        }
        Self { paths: Beginnings::new(paths), hosts: Beginnings::new(hosts), others: others.into() }
    }

    /// The first of all rules that `matches`.
    pub(crate) fn first(&self, subject: &Subject<'_>, matches: impl Fn(usize) -> bool) -> Option<usize> {
        let by_path = self.paths.of(subject.path().as_bytes());
        let by_host = self.hosts.of(subject.host().unwrap_or_default().as_bytes());
        let mut first: Option<usize> = None;
        for rules in by_path.chain(by_host).chain([&*self.others]) {
            let earlier = rules.iter().copied().take_while(|rule| first.is_none_or(|first| *rule < first));
            first = earlier.into_iter().find(|rule| matches(*rule)).or(first);
        }
        first
    }
}

/// Rules by what a text begins with.
#[derive(Debug)]
struct Beginnings {
    /// In the order of their texts, so that one stands somewhere in front of those that begin with it.
    known: Box<[Beginning]>,
}

#[derive(Debug)]
struct Beginning {
    text: Box<[u8]>,
    /// The longest other one that this begins with.
    shorter: Option<usize>,
    /// In order.
    rules: Box<[usize]>,
}

impl Beginnings {
    fn new(rules: BTreeMap<&[u8], Vec<usize>>) -> Self {
        let mut known: Vec<Beginning> = Vec::with_capacity(rules.len());
        for (text, rules) in rules {
            let shorter = longest(&known, known.len().checked_sub(1), text);
            known.push(Beginning { text: text.into(), shorter, rules: rules.into() });
        }
        Self { known: known.into() }
    }

    /// The rules of everything that the text begins with.
    fn of(&self, text: &[u8]) -> impl Iterator<Item = &[usize]> {
        // All that stands between a beginning of the text and the text begins with it too: so from the last one in front of the text
        // the way over ever shorter ones comes by every beginning of it.
        let last = self.known.partition_point(|known| *known.text <= *text).checked_sub(1);
        let way = std::iter::successors(longest(&self.known, last, text), |place| self.known[*place].shorter);
        way.map(|place| &*self.known[place].rules)
    }
}

/// The first one on the way from `place` over ever shorter ones that the text begins with.
fn longest(known: &[Beginning], place: Option<usize>, text: &[u8]) -> Option<usize> {
    std::iter::successors(place, |place| known[*place].shorter).find(|place| text.starts_with(&known[*place].text))
}

#[cfg(test)]
mod tests {
    use model::Condition;
    use proptest::prelude::*;

    use super::*;
    use crate::RequestHead;
    use crate::compile;
    use crate::testing::{fixed, head, hosts, paths, put_listener, regexes, world};

    /// The first match by the index, and by asking one rule after the other.
    fn both(rules: &[Vec<Condition>], head: &RequestHead<'_>) -> (Option<usize>, Option<usize>) {
        let mut world = world();
        put_listener(&mut world, "front", 80, rules.iter().map(|conditions| (conditions.clone(), fixed(200))).collect());
        let table = compile(&world, None);
        let rules = &table.listener(80, None).unwrap().rules;
        let subject = Subject::of(head);
        let matches = |rule: usize| rules[rule].matches(&subject);
        (RuleIndex::new(rules).first(&subject, matches), (0..rules.len()).find(|rule| matches(*rule)))
    }

    #[test]
    fn the_first_rule_that_matches_is_found() {
        let rules = [
            vec![paths(&["/api/users/*", "/api/users"])],
            vec![paths(&["/api/*"]), hosts(&["shop.example"])],
            vec![hosts(&["blog.*", "*.blog"])],
            vec![hosts(&["shop.example"])],
            vec![paths(&["/api*"])],
            vec![Condition::PathPattern(regexes(&["^/x"]))],
            vec![paths(&["*.jpg"])],
        ];
        for (path, host, expected) in [
            ("/api/users", "a", Some(0)),
            ("/api/users/7", "shop.example", Some(0)),
            ("/api/user", "shop.example", Some(1)),
            ("/api/user", "a", Some(4)),
            ("/apis", "a.blog", Some(2)),
            ("/", "blog.example", Some(2)),
            ("/", "shop.example", Some(3)),
            ("/", "shop.example.org", None),
            ("/x.jpg", "a", Some(5)),
            ("/a.jpg", "a", Some(6)),
            ("/ap", "a", None),
        ] {
            let head = RequestHead { host: Some(host), ..head(path) };
            assert_eq!(both(&rules, &head), (expected, expected), "{path} {host}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        "[ab?*]{0,4}"
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let some = prop::collection::vec(text(), 1..3);
        (some, any::<bool>()).prop_map(|(texts, path)| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            if path { paths(&texts) } else { hosts(&texts) }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

        #[test]
        fn the_index_overlooks_nothing(
            rules in prop::collection::vec(prop::collection::vec(condition(), 1..3), 0..24),
            path in "[ab]{0,5}",
            host in "[ab]{0,5}",
        ) {
            let (found, expected) = both(&rules, &RequestHead { host: Some(&host), ..head(&path) });
            prop_assert_eq!(found, expected);
        }
    }
}
