//! Why a request goes where it goes: every rule, what was compared, and who could take the request. Made by the same code that decides.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use model::{
    Action, LoadBalancer, LoadBalancerName, TargetGroupName, TargetHealth, TargetHealthReason, TargetHealthState, TargetKey, Timestamp, World,
};

use crate::condition::{ConditionTable, Subject, Value};
use crate::decide::{Request, act};
use crate::expressions::Making;
use crate::group::{state_of, takes_requests};
use crate::sticky::TOKEN_BYTES;
use crate::table::{ListenerTable, RuleTable, choose};
use crate::{Decision, FixedResponseTable, Given, MatchedRule, RequestHead, Rewritten, Seal, compile};

/// The way of one request through one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whose listener it is.
    pub load_balancer: LoadBalancerName,
    /// The listener's port.
    pub port: u16,
    /// In the order of evaluation, the default rule last.
    pub rules: Vec<ExplainedRule>,
    /// The rule that matched.
    pub matched: MatchedRule,
    /// What it does with the request.
    pub outcome: Outcome,
    /// What transforms change of it on its way to a target.
    pub sent: Rewritten,
}

/// One rule. Conditions are shown for rules after the one that matched too, though the load balancer does not come to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedRule {
    /// Which.
    pub rule: MatchedRule,
    /// None for the default rule.
    pub conditions: Vec<ExplainedCondition>,
    /// Whether it decides the request.
    pub verdict: Verdict,
    /// Its action, in words.
    pub action: String,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first whose conditions are all met: it decides.
    Matched,
    /// A condition is not met.
    NotMatched,
    /// An earlier rule decided.
    NotReached,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedCondition {
    /// AWS's name of it: `path-pattern`, `host-header` …
    pub field: &'static str,
    /// The header that an `http-header` condition looks at.
    pub header: Option<String>,
    /// The part of the request, in the form that is compared; `None` if the request has no such part, which matches nothing.
    pub compared: Option<String>,
    /// Each comparison string, and whether it matches.
    pub values: Vec<(String, bool)>,
    /// Whether any of them does.
    pub matched: bool,
}

impl std::fmt::Display for ExplainedCondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |matched: bool| {
            let values = self.values.iter().filter(|(_, one)| *one == matched).map(|(value, _)| format!("`{value}`"));
            values.collect::<Vec<_>>().join(" or ")
        };
        match &self.compared {
            None => write!(f, "{}: the request has none, so {} cannot match", self.field, quoted(false)),
            Some(compared) if self.matched => write!(f, "{}: `{compared}` matches {}", self.field, quoted(true)),
            Some(compared) => write!(f, "{}: `{compared}` does not match {}", self.field, quoted(false)),
        }
    }
}

/// What happens to the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is forwarded to one of these groups by their weights; a group without an eligible target answers 503.
    Forward(Vec<ExplainedGroup>),
    /// It is answered at once.
    Fixed(FixedResponseTable),
    /// It is redirected.
    Redirect {
        /// 301 or 302.
        status: u16,
        /// The value of `Location`.
        location: String,
    },
    /// Its redirect would be longer than 8 KB: 507.
    RedirectTooLong,
    /// A transform makes a host or a URL that cannot be sent: 500.
    BadRewrite,
}

/// One target group of a forward action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedGroup {
    /// Which.
    pub target_group: TargetGroupName,
    /// Its weight.
    pub weight: u16,
    /// The sum of all weights of the action; 0 means that no group is ever chosen (503).
    pub total_weight: u32,
    /// Too few targets are healthy, so requests go to those that are not.
    pub fail_open: bool,
    /// By key.
    pub targets: Vec<ExplainedTarget>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedTarget {
    /// Its id and port.
    pub key: TargetKey,
    /// Where it is dialled.
    pub address: SocketAddr,
    /// Its health, draining included.
    pub health: TargetHealth,
    /// Whether it may get the request.
    pub eligible: bool,
}

/// Nobody listens there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoListener {
    /// The port that was asked for.
    pub port: u16,
    /// The load balancer that was asked for.
    pub load_balancer: Option<LoadBalancerName>,
    /// Ports that there are listeners on.
    pub ports: BTreeSet<u16>,
}

impl std::error::Error for NoListener {}

impl std::fmt::Display for NoListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.load_balancer {
            Some(name) => write!(f, "load balancer `{name}` has no listener on port {}; hint: ", self.port)?,
            None => write!(f, "no load balancer has a listener on port {}; hint: ", self.port)?,
        }
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        if ports.is_empty() { f.write_str("there is no listener yet") } else { write!(f, "there are listeners on {}", ports.join(", ")) }
    }
}

/// Which listener is meant.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// By name; `None` leaves the choice to the request's host, as on the wire.
    pub load_balancer: Option<&'a LoadBalancerName>,
    /// The listener's port (not the one that it is bound to, where they differ).
    pub port: u16,
}

/// Explains what the load balancer does with a request.
///
/// # Errors
/// [`NoListener`] if the selection names none.
pub fn explain(world: &World, selection: Selection<'_>, head: &RequestHead<'_>) -> Result<Explanation, NoListener> {
    let (balancer, listener) = select(world, selection, head.host)?;
    let table = compile::listener(listener, &Arc::new(compile::balancer_table(world, balancer, None)), &BTreeMap::new(), &mut Making::default());
    let subject = Subject::of(head);
    let deciding = table.first_match(&subject);
    let (matched, action) = match deciding {
        Some(rule) => (MatchedRule::Rule(rule.priority), listener.rules.get(&rule.priority).map(|rule| &rule.action)),
        None => (MatchedRule::Default, Some(&listener.default_action)),
    };
    let decision = act(&table, deciding, Request { head, own_name: table.dns_name(), given: NOBODY });
    let forwards = matches!(action, Some(Action::Forward(_)));
    let sent = deciding.filter(|_| forwards).and_then(|rule| rule.transforms.apply(head).ok()).unwrap_or_default();
    let outcome = match decision {
        Decision::Fixed { response, .. } => Outcome::Fixed(response.clone()),
        Decision::Redirect { status, location, .. } => Outcome::Redirect { status, location },
        Decision::RedirectTooLong { .. } => Outcome::RedirectTooLong,
        Decision::BadRewrite { .. } => Outcome::BadRewrite,
        Decision::Forward { .. } | Decision::NoTargetGroup { .. } => Outcome::Forward(action.map_or_else(Vec::new, |action| groups(world, action))),
    };
    let rules = rules(listener, &table, &subject, matched);
    Ok(Explanation { load_balancer: balancer.name.clone(), port: listener.port, rules, matched, outcome, sent })
}

/// An explanation is of a client that has no cookies, and chooses no target.
const NOBODY: Given<'static> = Given { random: 0, now: Timestamp::from_millis(0), seal: &NoSeal };

struct NoSeal;

impl Seal for NoSeal {
    fn seal(&self, _: &[u8; TOKEN_BYTES]) -> String {
        String::new()
    }

    fn open(&self, _: &[u8]) -> Option<[u8; TOKEN_BYTES]> {
        None
    }
}

fn select<'w>(world: &'w World, selection: Selection<'_>, host: Option<&str>) -> Result<(&'w LoadBalancer, &'w model::Listener), NoListener> {
    let wanted = world.load_balancers.values().filter(|balancer| selection.load_balancer.is_none_or(|name| *name == balancer.name));
    let sharing: Vec<_> = wanted.clone().filter_map(|balancer| Some((balancer, balancer.listeners.get(&selection.port)?))).collect();
    choose(&sharing, host, |(balancer, _)| &balancer.name).copied().ok_or_else(|| NoListener {
        port: selection.port,
        load_balancer: selection.load_balancer.cloned(),
        ports: wanted.flat_map(|balancer| balancer.listeners.keys().copied()).collect(),
    })
}

fn rules(listener: &model::Listener, table: &ListenerTable, subject: &Subject<'_>, matched: MatchedRule) -> Vec<ExplainedRule> {
    let verdict = |rule: MatchedRule| match rule.cmp(&matched) {
        std::cmp::Ordering::Less => Verdict::NotMatched,
        std::cmp::Ordering::Equal => Verdict::Matched,
        std::cmp::Ordering::Greater => Verdict::NotReached,
    };
    let explained = |(rule, compiled): (&model::Rule, &RuleTable)| ExplainedRule {
        rule: MatchedRule::Rule(rule.priority),
        conditions: rule.conditions.iter().zip(&compiled.conditions).map(|(source, one)| condition(source, one, subject)).collect(),
        verdict: verdict(MatchedRule::Rule(rule.priority)),
        action: rule.words(),
    };
    let default = ExplainedRule {
        rule: MatchedRule::Default,
        conditions: Vec::new(),
        verdict: verdict(MatchedRule::Default),
        action: listener.default_words(),
    };
    listener.rules.values().zip(&table.rules).map(explained).chain([default]).collect()
}

fn condition(source: &model::Condition, compiled: &ConditionTable, subject: &Subject<'_>) -> ExplainedCondition {
    let matches = |value: &Value| compiled.any(std::slice::from_ref(value), subject);
    ExplainedCondition {
        field: source.field(),
        header: source.header().map(str::to_owned),
        compared: compiled.compared(subject).map(Cow::into_owned),
        values: source.values().into_iter().zip(compiled.values()).map(|(text, value)| (text.into_owned(), matches(value))).collect(),
        matched: compiled.matches(subject),
    }
}

fn groups(world: &World, action: &Action) -> Vec<ExplainedGroup> {
    let Action::Forward(forward) = action else { return Vec::new() };
    let total_weight = forward.target_groups.iter().map(|entry| u32::from(entry.weight)).sum();
    let explained = |entry: &model::WeightedTargetGroup| {
        let targets = world.target_groups.get(&entry.target_group).map_or_else(Vec::new, targets);
        let fail_open = targets.iter().any(|target| target.eligible && target.health.state != TargetHealthState::Healthy);
        ExplainedGroup { target_group: entry.target_group.clone(), weight: entry.weight, total_weight, fail_open, targets }
    };
    forward.target_groups.iter().map(explained).collect()
}

fn targets(group: &model::TargetGroup) -> Vec<ExplainedTarget> {
    let takes = takes_requests(group);
    let health = |target: &model::Target| match target.draining_since {
        Some(since) => TargetHealth::because(TargetHealthState::Draining, TargetHealthReason::DeregistrationInProgress, since),
        None => target.health.clone(),
    };
    let explained = |(key, target): (&TargetKey, &model::Target)| ExplainedTarget {
        key: key.clone(),
        address: target.address,
        health: health(target),
        eligible: takes(state_of(target)),
    };
    group.targets.iter().map(explained).collect()
}

#[cfg(test)]
mod tests;
