//! Small Worlds for tests.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use model::{
    Action, ClusterName, Comparison, Condition, FixedResponse, Forward, Listener, LoadBalancer, LoadBalancerAttributes, LoadBalancerName, OwnerId,
    ResourceId, Rule, Settings, Target, TargetGroup, TargetGroupName, TargetGroupSpec, TargetHealth, TargetHealthReason, TargetHealthState,
    TargetKey, Timestamp, Transforms, WeightedTargetGroup, World,
};

use crate::sticky::TOKEN_BYTES;
use crate::{Given, RequestHead, Scheme, Seal, TargetState};

/// `GET` of a path and query for `example.com` on port 80.
pub(crate) fn head(target: &str) -> RequestHead<'_> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    RequestHead {
        method: "GET",
        path,
        query,
        host: Some("example.com"),
        scheme: Scheme::Http,
        listener_port: 80,
        headers: &[],
        peer: Ipv4Addr::LOCALHOST.into(),
    }
}

/// Seals nothing.
pub(crate) struct PlainSeal;

impl Seal for PlainSeal {
    fn seal(&self, token: &[u8; TOKEN_BYTES]) -> String {
        token.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn open(&self, value: &[u8]) -> Option<[u8; TOKEN_BYTES]> {
        let text = str::from_utf8(value).ok()?;
        let bytes: Option<Vec<u8>> = (0..text.len() / 2).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect();
        bytes?.try_into().ok()
    }
}

/// A decision at that millisecond.
pub(crate) fn given(random: u64, millis: u64) -> Given<'static> {
    Given { random, now: Timestamp::from_millis(millis), seal: &PlainSeal }
}

pub(crate) fn group_name(name: &str) -> TargetGroupName {
    TargetGroupName::new(name).unwrap()
}

pub(crate) fn balancer_name(name: &str) -> LoadBalancerName {
    LoadBalancerName::new(name).unwrap()
}

pub(crate) fn key(port: u16) -> TargetKey {
    TargetKey { id: "i-1".into(), port }
}

/// On the loopback port of its key.
pub(crate) fn target(port: u16, state: TargetHealthState) -> Target {
    let at = Timestamp::from_millis(1);
    let health = match state {
        TargetHealthState::Healthy => TargetHealth::healthy(at),
        other => TargetHealth::because(other, TargetHealthReason::FailedHealthChecks, at),
    };
    let draining_since = (state == TargetHealthState::Draining).then_some(at);
    Target { address: ([127, 0, 0, 1], port).into(), task: None, registered_at: at, draining_since, health }
}

pub(crate) fn target_state() -> Arc<TargetState> {
    Arc::new(TargetState::new(&TargetGroupSpec::new(group_name("users"), 80), &key(1), &target(1, TargetHealthState::Healthy)))
}

pub(crate) fn world() -> World {
    World::new(Settings {
        owner: OwnerId::from_text("me"),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        instance: "i-1".into(),
        speed: model::Speed::default(),
    })
}

/// A letter a target, on the ports 1, 2, 3 …: `h`ealthy, `i`nitial, `u`nhealthy, `d`raining, `-` unused, ` ` for none on that port.
pub(crate) fn put_group(world: &mut World, name: &str, states: &str) {
    let state = |letter| match letter {
        'h' => Some(TargetHealthState::Healthy),
        'i' => Some(TargetHealthState::Initial),
        'u' => Some(TargetHealthState::Unhealthy),
        'd' => Some(TargetHealthState::Draining),
        '-' => Some(TargetHealthState::Unused),
        _ => None,
    };
    let targets = (1..).zip(states.chars()).filter_map(|(port, letter)| Some((key(port), target(port, state(letter)?)))).collect();
    let spec = TargetGroupSpec::new(group_name(name), 80);
    let group = TargetGroup {
        spec,
        id: ResourceId::from_text("0000000000000001"),
        owner: ClusterName::new("c").unwrap(),
        deleting: false,
        attached: Vec::new(),
        targets,
    };
    world.target_groups.insert(group_name(name), group);
}

/// A listener whose rules have the priorities 1, 2, 3 … and whose default action answers 404.
pub(crate) fn put_listener(world: &mut World, balancer: &str, port: u16, rules: Vec<(Vec<Condition>, Action)>) {
    let rules = (1..)
        .zip(rules)
        .map(|(priority, (conditions, action))| {
            (priority, Rule { priority, conditions, transforms: Transforms::default(), authenticate: None, action })
        })
        .collect();
    let listener = Listener { rules, ..Listener::new(port, fixed(404)) };
    let balancer = world.load_balancers.entry(balancer_name(balancer)).or_insert_with(|| LoadBalancer {
        name: balancer_name(balancer),
        id: ResourceId::from_text("0000000000000002"),
        owner: ClusterName::new("c").unwrap(),
        attributes: LoadBalancerAttributes::default(),
        listeners: BTreeMap::new(),
        created_at: model::Timestamp::default(),
    });
    balancer.listeners.insert(port, listener);
}

pub(crate) fn fixed(status: u16) -> Action {
    Action::FixedResponse(FixedResponse { status, content_type: None, body: None })
}

pub(crate) fn forward(groups: &[(&str, u16)]) -> Action {
    let entry = |(name, weight): &(&str, u16)| WeightedTargetGroup { target_group: group_name(name), weight: *weight };
    Action::Forward(Forward { target_groups: groups.iter().map(entry).collect(), stickiness: None })
}

pub(crate) fn wildcards(values: &[&str]) -> Comparison {
    Comparison::Wildcards(values.iter().map(ToString::to_string).collect())
}

pub(crate) fn regexes(values: &[&str]) -> Comparison {
    Comparison::Regexes { regexes: values.iter().map(ToString::to_string).collect() }
}

pub(crate) fn paths(values: &[&str]) -> Condition {
    Condition::PathPattern(wildcards(values))
}

pub(crate) fn hosts(values: &[&str]) -> Condition {
    Condition::HostHeader(wildcards(values))
}
