//! Where a request would go: the question of the command line, put to `routing::explain` and answered in words.

use std::net::Ipv4Addr;

use hyper::{Response, Uri};
use model::{ListenerProtocol, LoadBalancerName, World};
use routing::explain::{Outcome, Selection, Verdict};
use routing::{Explanation, MatchedRule, RequestHead, Rewritten, Scheme};
use wire::local::{ExplainReply, ExplainRequest, ExplainedCondition, ExplainedRequest, ExplainedRule, ExplainedSent, ExplainedTarget, Failure};

use super::Context;
use super::answer::{self, Body};

pub(super) fn explain(context: &Context, asked: &ExplainRequest) -> Result<Response<Body>, Failure> {
    let url: Uri = asked.url.parse().map_err(|error| {
        Failure::input(format!("`{}` is not a URL: {error}", asked.url)).hint("for example `http://localhost/api/users` or `/api/users`")
    })?;
    let snapshot = context.keeper.snapshot();
    let listener_port = port(context, &snapshot.world, asked, &url)?;
    let listeners = snapshot.world.load_balancers_by_age().into_iter().filter_map(|balancer| balancer.listeners.get(&listener_port));
    let secure = listeners.map(|listener| listener.protocol).any(|protocol| protocol == ListenerProtocol::Https);
    let scheme = if secure { Scheme::Https } else { Scheme::Http };
    let head = RequestHead {
        method: &asked.method,
        path: url.path(),
        query: url.query(),
        host: Some(host(asked, &url)),
        scheme,
        listener_port,
        headers: &asked.headers,
        peer: asked.source_ip.unwrap_or(Ipv4Addr::LOCALHOST.into()),
    };
    let selection = Selection { load_balancer: only_balancer(&snapshot.world, asked, listener_port), port: listener_port };
    let found = routing::explain(&snapshot.world, selection, &head)
        .map_err(|_| Failure::input(format!("no listener has port {listener_port}")).hint("`ecslocal routes` lists the listeners"))?;
    Ok(answer::json(&reply(&snapshot.world, asked, &url, found)))
}

/// A Host header that was given, else the URL's authority: a person who gives both wants to know what the header does.
fn host<'a>(asked: &'a ExplainRequest, url: &'a Uri) -> &'a str {
    let header = asked.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.as_str());
    header.or(url.authority().map(|authority| authority.as_str())).unwrap_or("localhost")
}

/// The manifest's port of the listener that is meant: the URL's, by the port that is bound or asked for; without one the only listener's, or its scheme's.
fn port(context: &Context, world: &World, asked: &ExplainRequest, url: &Uri) -> Result<u16, Failure> {
    let balancers = world.load_balancers.values().filter(|balancer| balancer.owner == asked.cluster);
    let ports: Vec<u16> = balancers.flat_map(|balancer| balancer.listeners.keys().copied()).collect();
    let bound = context.listeners.as_ref().map(|listeners| listeners.bound()).unwrap_or_default();
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    match (url.port_u16(), ports.as_slice()) {
        (_, []) => Err(Failure::input(format!("the cluster `{}` has no listener", asked.cluster))),
        (None, [only]) => Ok(*only),
        (None, _) => Ok(usual),
        (Some(given), ports) => {
            Ok(bound.iter().find(|(port, bound)| ports.contains(port) && bound.port == Some(given)).map_or(given, |(port, _)| *port))
        }
    }
}

/// The cluster's load balancer with that port where there is one only; among several the request's host chooses, as on the wire.
fn only_balancer<'w>(world: &'w World, asked: &ExplainRequest, port: u16) -> Option<&'w LoadBalancerName> {
    let mut balancers =
        world.load_balancers_by_age().into_iter().filter(|balancer| balancer.owner == asked.cluster && balancer.listeners.contains_key(&port));
    let first = balancers.next()?;
    balancers.next().is_none().then_some(&first.name)
}

fn reply(world: &World, asked: &ExplainRequest, url: &Uri, found: Explanation) -> ExplainReply {
    let rules = found.rules.iter().map(|rule| ExplainedRule {
        priority: priority(rule.rule),
        chosen: rule.verdict == Verdict::Matched,
        matched: rule.conditions.iter().all(|condition| condition.matched),
        conditions: rule
            .conditions
            .iter()
            .map(|condition| ExplainedCondition {
                field: condition.field.into(),
                http_header_name: condition.header.clone(),
                values: condition.values.iter().map(|(value, _)| value.clone()).collect(),
                matched: condition.matched,
                why: why(condition),
            })
            .collect(),
        action: rule.action.clone(),
    });
    let rules: Vec<_> = rules.collect();
    let action = rules.iter().find(|rule| rule.chosen).map(|rule| rule.action.clone()).unwrap_or_default();
    let (target_group, targets, status) = outcome(world, found.outcome);
    let Rewritten { host: sent_host, url: sent_url } = found.sent;
    let sent = (sent_host.is_some() || sent_url.is_some()).then_some(ExplainedSent { host: sent_host, url: sent_url });
    ExplainReply {
        load_balancer: found.load_balancer.to_string(),
        listener_port: found.port,
        request: ExplainedRequest {
            method: asked.method.clone(),
            host: host(asked, url).to_owned(),
            path: url.path().to_owned(),
            query: url.query().map(str::to_owned),
        },
        rules,
        action,
        target_group,
        targets,
        sent,
        status,
    }
}

fn outcome(world: &World, outcome: Outcome) -> (Option<String>, Vec<ExplainedTarget>, Option<u16>) {
    match outcome {
        Outcome::Forward(groups) => {
            let Some(group) = groups.into_iter().max_by_key(|group| group.weight) else { return (None, Vec::new(), Some(503)) };
            let registered = world.target_groups.get(&group.target_group);
            let task = |key| registered.and_then(|group| group.targets.get(key)).and_then(|target| target.task.as_ref()).map(ToString::to_string);
            let targets: Vec<_> = group
                .targets
                .iter()
                .map(|target| ExplainedTarget {
                    target: target.key.to_string(),
                    task: task(&target.key),
                    attached_service: world.attached_to(&group.target_group, &target.key).map(ToString::to_string),
                    state: target.health.state.as_str().into(),
                    eligible: target.eligible,
                })
                .collect();
            let status = (!targets.iter().any(|target| target.eligible) || group.total_weight == 0).then_some(503);
            (Some(group.target_group.to_string()), targets, status)
        }
        Outcome::Fixed(response) => (None, Vec::new(), Some(response.status)),
        Outcome::Redirect { status, .. } => (None, Vec::new(), Some(status)),
        Outcome::RedirectTooLong => (None, Vec::new(), Some(507)),
        Outcome::BadRewrite => (None, Vec::new(), Some(500)),
    }
}

/// The sentence without the field's name, which stands beside it.
fn why(condition: &routing::explain::ExplainedCondition) -> String {
    let sentence = condition.to_string();
    sentence.strip_prefix(&format!("{}: ", condition.field)).map_or_else(|| sentence.clone(), str::to_owned)
}

fn priority(rule: MatchedRule) -> String {
    match rule {
        MatchedRule::Default => "default".into(),
        MatchedRule::Rule(priority) => priority.to_string(),
    }
}
