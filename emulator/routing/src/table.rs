//! The routing table: everything one request needs, in one snapshot that is swapped whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Authenticate, ListenerAttributes, ListenerProtocol, LoadBalancerAttributes, LoadBalancerName, Priority, TargetGroupName, TargetKey};

use crate::action::ActionTable;
use crate::condition::{ConditionTable, Subject};
use crate::expressions::Expressions;
use crate::index::RuleIndex;
use crate::metrics::BalancerMetrics;
use crate::request::split_port;
use crate::transform::TransformTable;
use crate::{GroupTable, MatchedRule, TargetState};

/// All listeners of all load balancers. Made by [`crate::compile()`].
#[derive(Debug)]
pub struct Table {
    pub(crate) version: u64,
    /// By port, then by the load balancer's name.
    pub(crate) listeners: Vec<ListenerTable>,
    pub(crate) groups: BTreeMap<TargetGroupName, Arc<GroupTable>>,
    pub(crate) targets: BTreeMap<(TargetGroupName, TargetKey), Arc<TargetState>>,
    /// Those of its rules, for the table after this one.
    pub(crate) expressions: Expressions,
}

impl Table {
    /// The version of the World that it was compiled from.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The listener ports of all load balancers.
    #[must_use]
    pub fn ports(&self) -> BTreeSet<u16> {
        self.listeners.iter().map(|listener| listener.port).collect()
    }

    /// The listener on `port`. Where several load balancers share it, the host `<name>.localhost` (in letters of any case, with any
    /// port) chooses, and any other host means the oldest of them.
    #[must_use]
    pub fn listener(&self, port: u16, host: Option<&str>) -> Option<&ListenerTable> {
        let first = self.listeners.partition_point(|listener| listener.port < port);
        let here = &self.listeners[first..first + self.listeners[first..].partition_point(|listener| listener.port == port)];
        choose(here, host, ListenerTable::load_balancer)
    }

    /// All targets that requests may be on: those of every group that a listener forwards to, draining ones included, and those of
    /// groups that were in use before, until they are deregistered.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<TargetState>> {
        self.targets.values()
    }

    /// The listeners of all load balancers.
    #[must_use]
    pub fn listeners(&self) -> &[ListenerTable] {
        &self.listeners
    }

    /// The target groups in use, by name.
    pub fn groups(&self) -> impl Iterator<Item = &GroupTable> {
        self.groups.values().map(|group| &**group)
    }
}

/// Which of the load balancers that share a port a host means.
pub(crate) fn choose<'t, T>(sharing: &'t [T], host: Option<&str>, name: impl Fn(&T) -> &LoadBalancerName) -> Option<&'t T> {
    let [first, _, ..] = sharing else { return sharing.first() };
    let own_name = host.map(|host| split_port(host).0).and_then(|host| {
        let dot = host.len().checked_sub(LOCAL_SUFFIX.len())?;
        host.get(dot..)?.eq_ignore_ascii_case(LOCAL_SUFFIX).then(|| &host[..dot])
    });
    let meant = own_name.and_then(|wanted| sharing.iter().find(|one| name(one).as_str().eq_ignore_ascii_case(wanted)));
    Some(meant.unwrap_or(first))
}

const LOCAL_SUFFIX: &str = ".localhost";

/// The name under which a load balancer is reached on this machine: every resolver answers `*.localhost` with loopback.
#[must_use]
pub fn dns_name(load_balancer: &LoadBalancerName) -> String {
    format!("{load_balancer}{LOCAL_SUFFIX}")
}

/// One listener of one load balancer.
#[derive(Debug)]
pub struct ListenerTable {
    pub(crate) port: u16,
    pub(crate) protocol: ListenerProtocol,
    pub(crate) own_attributes: Option<Arc<ListenerAttributes>>,
    pub(crate) balancer: Arc<Balancer>,
    /// By priority.
    pub(crate) rules: Vec<RuleTable>,
    pub(crate) index: RuleIndex,
    pub(crate) default: ActionTable,
    pub(crate) default_authenticate: Option<Arc<Authenticate>>,
}

/// What the listeners of one load balancer share.
#[derive(Debug)]
pub struct Balancer {
    pub(crate) name: LoadBalancerName,
    pub(crate) arn: String,
    pub(crate) dns_name: String,
    pub(crate) attributes: LoadBalancerAttributes,
    /// Shared with the tables before and after this one.
    pub(crate) metrics: Arc<BalancerMetrics>,
}

impl Balancer {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &LoadBalancerName {
        &self.name
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// What the access log and CloudWatch call it: `app/<name>/<id>`.
    #[must_use]
    pub fn log_name(&self) -> &str {
        self.arn.split_once(":loadbalancer/").map_or(&*self.arn, |(_, name)| name)
    }

    /// Its DNS name, `<name>.localhost`: the `Host` of requests that have none.
    #[must_use]
    pub fn dns_name(&self) -> &str {
        &self.dns_name
    }

    /// Its attributes.
    #[must_use]
    pub const fn attributes(&self) -> &LoadBalancerAttributes {
        &self.attributes
    }

    /// What is counted of it.
    #[must_use]
    pub fn metrics(&self) -> &BalancerMetrics {
        &self.metrics
    }
}

/// One rule.
#[derive(Debug)]
pub(crate) struct RuleTable {
    pub(crate) priority: Priority,
    pub(crate) conditions: Box<[ConditionTable]>,
    pub(crate) transforms: TransformTable,
    pub(crate) authenticate: Option<Arc<Authenticate>>,
    pub(crate) action: ActionTable,
}

impl RuleTable {
    /// What each path begins with that it matches, where that is known.
    pub(crate) fn path_beginnings(&self) -> Option<Vec<&[u8]>> {
        self.conditions.iter().find_map(ConditionTable::path_beginnings)
    }

    /// The same of hosts.
    pub(crate) fn host_beginnings(&self) -> Option<Vec<&[u8]>> {
        self.conditions.iter().find_map(ConditionTable::host_beginnings)
    }
}

impl ListenerTable {
    /// The first rule that matches.
    pub(crate) fn first_match(&self, subject: &Subject<'_>) -> Option<&RuleTable> {
        self.index.first(subject, |rule| self.rules[rule].matches(subject)).map(|rule| &self.rules[rule])
    }

    /// The listener's port, which may differ from the one that is bound (port 80 without the permission for it).
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How clients speak to it.
    #[must_use]
    pub const fn protocol(&self) -> ListenerProtocol {
        self.protocol
    }

    /// The listener's own attributes; `None` where they are the default ones.
    #[must_use]
    pub const fn own_attributes(&self) -> Option<&Arc<ListenerAttributes>> {
        self.own_attributes.as_ref()
    }

    /// How many rules were looked at for a decision by that rule; the default one counts for none.
    #[must_use]
    pub fn evaluated(&self, rule: MatchedRule) -> u32 {
        let count = match rule {
            MatchedRule::Rule(priority) => self.rules.partition_point(|rule| rule.priority <= priority),
            MatchedRule::Default => self.rules.len(),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// What a request must show before that rule's action.
    #[must_use]
    pub fn authenticate(&self, rule: MatchedRule) -> Option<&Arc<Authenticate>> {
        match rule {
            MatchedRule::Default => self.default_authenticate.as_ref(),
            MatchedRule::Rule(priority) => {
                let at = self.rules.binary_search_by_key(&priority, |rule| rule.priority).ok()?;
                self.rules.get(at)?.authenticate.as_ref()
            }
        }
    }

    /// Every question that it asks of requests, in the order of the rules.
    pub fn questions(&self) -> impl Iterator<Item = &Arc<Authenticate>> {
        self.rules.iter().filter_map(|rule| rule.authenticate.as_ref()).chain(&self.default_authenticate)
    }

    /// Its load balancer.
    #[must_use]
    pub const fn balancer(&self) -> &Arc<Balancer> {
        &self.balancer
    }

    /// The load balancer's name.
    #[must_use]
    pub fn load_balancer(&self) -> &LoadBalancerName {
        self.balancer.name()
    }

    /// See [`Balancer::dns_name`].
    #[must_use]
    pub fn dns_name(&self) -> &str {
        self.balancer.dns_name()
    }

    /// The load balancer's attributes.
    #[must_use]
    pub fn attributes(&self) -> &LoadBalancerAttributes {
        self.balancer.attributes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile;
    use crate::testing::{put_listener, world};

    #[test]
    fn a_shared_port_is_told_apart_by_name() {
        let mut world = world();
        for (name, port) in [("shop", 80), ("blog", 80), ("blog", 8080), ("Admin-2", 9000)] {
            put_listener(&mut world, name, port, Vec::new());
        }
        let table = compile(&world, None);
        assert_eq!(table.ports(), BTreeSet::from([80, 8080, 9000]));
        let check = |port: u16, host: Option<&str>, expected: Option<&str>| {
            let chosen = table.listener(port, host);
            assert_eq!(chosen.map(|listener| listener.load_balancer().as_str()), expected, "{port} {host:?}");
            assert!(chosen.is_none_or(|listener| listener.port() == port));
        };
        check(80, Some("shop.localhost"), Some("shop"));
        check(80, Some("SHOP.LocalHost:8080"), Some("shop"));
        check(80, Some("blog.localhost:80"), Some("blog"));
        for other in
            ["example.com", "localhost", ".localhost", "shop.localhost.example.com", "a.shop.localhost", "shop", "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", ""]
        {
            check(80, Some(other), Some("blog"));
        }
        check(80, None, Some("blog"));
        check(8080, Some("shop.localhost"), Some("blog"));
        check(9000, Some("shop.localhost"), Some("Admin-2"));
        check(81, None, None);
        check(9001, None, None);
        let listener = table.listener(80, Some("shop.localhost")).unwrap();
        assert_eq!(listener.dns_name(), "shop.localhost");
        let balancer = listener.balancer();
        assert_eq!(balancer.arn(), "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/shop/0000000000000002");
        assert_eq!(balancer.log_name(), "app/shop/0000000000000002");
        assert_eq!(*listener.attributes(), LoadBalancerAttributes::default());
    }
}
