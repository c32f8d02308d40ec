//! The lines of a case that say what the load balancer is like, in AWS's words (`cases/README.md`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use model::{
    Action, Algorithm, Comparison, Condition, DesyncMode, FixedResponse, Forward, Listener, LoadBalancerAttributes, ProtocolVersion, QueryParameter,
    Redirect, Rewrite, Rule, Stickiness, StickyCookie, TargetGroupAttributes, TargetProtocol, Transforms, WeightedTargetGroup, XffMode,
};

use crate::support::{Front, group_name, refusing};
use crate::targets::Targets;

/// What has to be known before the load balancer is started.
#[derive(Default)]
pub(crate) struct Start {
    pub(crate) attributes: LoadBalancerAttributes,
    /// Target groups with their targets: a name, and how it is.
    pub(crate) groups: Vec<(String, Vec<(String, String)>)>,
    pub(crate) https: bool,
    /// The client does not speak the TLS that the listener does.
    pub(crate) plain_client: bool,
}

impl Start {
    /// Takes a line in, or says that it belongs elsewhere.
    pub(crate) fn takes(&mut self, line: &str) -> Result<bool, String> {
        if let Some(rest) = line.strip_prefix("attribute ") {
            let (key, value) = assignment(rest)?;
            set_attribute(&mut self.attributes, key, value)?;
        } else if let Some((name, targets)) = line.strip_prefix("group ").and_then(|rest| rest.split_once(':')) {
            let targets = targets.split_whitespace().filter(|target| *target != "none").map(|target| {
                let (name, how) = target.trim_end_matches(')').split_once('(').unwrap_or((target, "healthy"));
                (name.to_owned(), how.to_owned())
            });
            self.groups.push((name.to_owned(), targets.collect()));
        } else {
            match line {
                "the listener speaks HTTPS" => self.https = true,
                "the client speaks plain HTTP" => self.plain_client = true,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Starts it. What is not said otherwise is forwarded to the first group.
    pub(crate) async fn front(mut self, targets: &Targets) -> (Front, BTreeMap<String, SocketAddr>) {
        if self.groups.is_empty() {
            self.groups.push(("g".to_owned(), vec![("a".to_owned(), "healthy".to_owned())]));
        }
        let mut addresses = BTreeMap::new();
        for (name, how) in self.groups.iter().flat_map(|(_, targets)| targets) {
            let address = if how == "refusing" { refusing().await } else { targets.start(name).await };
            addresses.insert(name.clone(), address);
        }
        let own = |targets: &[(String, String)]| targets.iter().map(|(name, _)| addresses[name]).collect::<Vec<_>>();
        let groups: Vec<(&str, Vec<SocketAddr>)> = self.groups.iter().map(|(name, targets)| (name.as_str(), own(targets))).collect();
        let borrowed: Vec<(&str, &[SocketAddr])> = groups.iter().map(|(name, targets)| (*name, &targets[..])).collect();
        let mut front = Front::with(1, self.attributes, &borrowed);
        for (group, name, how) in self.groups.iter().flat_map(|(group, targets)| targets.iter().map(move |(name, how)| (group, name, how))) {
            match how.as_str() {
                "unhealthy" => front.sicken(group, addresses[name]),
                "draining" => front.drain(group, addresses[name]),
                _ => {}
            }
        }
        let default_action = forward(&self.groups[0].0);
        front.listener(|listener| {
            listener.rules.clear();
            listener.default_action = default_action;
        });
        (front, addresses)
    }
}

/// Changes a running load balancer, or says that the line is of another kind.
pub(crate) fn change(front: &mut Front, line: &str, addresses: &BTreeMap<String, SocketAddr>) -> Result<bool, String> {
    if let Some((priority, rest)) = line.strip_prefix("rule ").and_then(|rest| rest.split_once(": ")) {
        front.put(rule(priority, rest)?);
    } else if let Some(rest) = line.strip_prefix("default -> ") {
        let default_action = action(rest)?;
        front.listener(|listener| listener.default_action = default_action);
    } else if let Some(rest) = line.strip_prefix("listener ") {
        let (key, value) = assignment(rest)?;
        let mut outcome = Ok(());
        front.listener(|listener| outcome = set_listener_attribute(listener, key, value));
        outcome?;
    } else if let Some((name, rest)) = line.strip_prefix("group ").and_then(|rest| rest.split_once(' ')) {
        let (key, value) = assignment(rest)?;
        change_group(front, name, key, value)?;
    } else if let Some((verb, group, name)) = target_verb(line) {
        let address = *addresses.get(name).ok_or_else(|| format!("no target is called {name}"))?;
        match verb {
            "unhealthy" => front.sicken(group, address),
            "draining" => front.drain(group, address),
            _ => front.deregister(group, address),
        }
        front.publish();
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn change_group(front: &mut Front, name: &str, key: &str, value: &str) -> Result<(), String> {
    let version = match (key, value) {
        ("protocol version", "HTTP2") => Some(ProtocolVersion::Http2),
        ("protocol version", "GRPC") => Some(ProtocolVersion::Grpc),
        _ => None,
    };
    if let Some(version) = version {
        front.speak(name, TargetProtocol::Http, version);
        return Ok(());
    }
    let mut outcome = Ok(());
    front.attributes(name, |attributes| outcome = set_group_attribute(attributes, key, value));
    outcome
}

/// `target a of g is unhealthy`
fn target_verb(line: &str) -> Option<(&str, &str, &str)> {
    let (who, verb) = line.strip_prefix("target ")?.split_once(" is ")?;
    let (name, group) = who.split_once(" of ")?;
    ["unhealthy", "draining", "deregistered"].contains(&verb).then_some((verb, group, name))
}

fn assignment(text: &str) -> Result<(&str, &str), String> {
    text.split_once(" = ").ok_or_else(|| format!("{text} should be `key = value`"))
}

fn unknown<T>(what: &str) -> Result<T, String> {
    Err(format!("nothing is known of {what}"))
}

fn seconds(value: &str) -> Result<Duration, String> {
    value.parse().map(Duration::from_secs).map_err(|_| format!("{value} should be seconds"))
}

fn set_attribute(attributes: &mut LoadBalancerAttributes, key: &str, value: &str) -> Result<(), String> {
    let on = value == "true";
    match (key, value) {
        ("idle_timeout.timeout_seconds", _) => attributes.idle_timeout = seconds(value)?,
        ("client_keep_alive.seconds", _) => attributes.client_keep_alive = seconds(value)?,
        ("routing.http.desync_mitigation_mode", "monitor") => attributes.desync_mode = DesyncMode::Monitor,
        ("routing.http.desync_mitigation_mode", "defensive") => attributes.desync_mode = DesyncMode::Defensive,
        ("routing.http.desync_mitigation_mode", "strictest") => attributes.desync_mode = DesyncMode::Strictest,
        ("routing.http.drop_invalid_header_fields.enabled", _) => attributes.drop_invalid_header_fields = on,
        ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", _) => attributes.tls_headers = on,
        ("routing.http.xff_header_processing.mode", "append") => attributes.xff_mode = XffMode::Append,
        ("routing.http.xff_header_processing.mode", "preserve") => attributes.xff_mode = XffMode::Preserve,
        ("routing.http.xff_header_processing.mode", "remove") => attributes.xff_mode = XffMode::Remove,
        ("routing.http.xff_client_port.enabled", _) => attributes.xff_client_port = on,
        ("routing.http.preserve_host_header.enabled", _) => attributes.preserve_host_header = on,
        _ => return unknown(key),
    }
    Ok(())
}

fn set_listener_attribute(listener: &mut Listener, key: &str, value: &str) -> Result<(), String> {
    match key.strip_prefix("routing.http.response.").and_then(|rest| rest.strip_suffix(".header_value")) {
        Some(name) => {
            // `x_frame_options` is the attribute's spelling of `X-Frame-Options`.
            let word = |word: &str| word[..1].to_uppercase() + &word[1..];
            let name = name.split('_').map(word).collect::<Vec<_>>().join("-");
            listener.attributes.response_headers.insert(name, value.to_owned());
        }
        None if key == "routing.http.response.server.enabled" => listener.attributes.server_header = value == "true",
        None => return unknown(key),
    }
    Ok(())
}

fn set_group_attribute(attributes: &mut TargetGroupAttributes, key: &str, value: &str) -> Result<(), String> {
    let usual = Stickiness { cookie: StickyCookie::LoadBalancer, duration: Duration::from_secs(86_400) };
    let fail_open = |value: &str| value.parse().map_err(|_| format!("{value} should be a number"));
    match (key, value) {
        ("stickiness.enabled", _) => attributes.stickiness = Some(usual),
        ("stickiness.lb_cookie.duration_seconds" | "stickiness.app_cookie.duration_seconds", _) => {
            let duration = seconds(value)?;
            attributes.stickiness.get_or_insert(usual).duration = duration;
        }
        ("stickiness.app_cookie.cookie_name", _) => attributes.stickiness.get_or_insert(usual).cookie = StickyCookie::Application(value.to_owned()),
        ("load_balancing.algorithm.type", "least_outstanding_requests") => attributes.algorithm = Algorithm::LeastOutstandingRequests,
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", _) => attributes.fail_open.below_count = fail_open(value)?,
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", _) => {
            attributes.fail_open.below_percentage = Some(fail_open(value)?);
        }
        _ => return unknown(key),
    }
    Ok(())
}

/// `<conditions> -> <transforms> then <action>`
fn rule(priority: &str, text: &str) -> Result<Rule, String> {
    let (conditions, outcome) = text.split_once(" -> ").ok_or("a rule is `conditions -> action`")?;
    let mut transforms = Transforms::default();
    let mut steps: Vec<&str> = outcome.split(" then ").collect();
    let last = steps.pop().unwrap_or_default();
    for step in steps {
        let (what, rest) = step.split_once(' ').unwrap_or((step, ""));
        let (regex, replace) = rest.split_once(" => ").ok_or("a transform is `regex => replacement`")?;
        let rewrite = Some(Rewrite { regex: regex.into(), replace: replace.into() });
        match what {
            "host-header-rewrite" => transforms.host = rewrite,
            "url-rewrite" => transforms.url = rewrite,
            other => return unknown(other),
        }
    }
    let conditions = conditions.split(" and ").map(condition).collect::<Result<_, _>>()?;
    let priority = priority.parse().map_err(|_| "a priority is a number")?;
    Ok(Rule { priority, conditions, transforms, authenticate: None, action: action(last)? })
}

/// `<field> = <value> or <value>`, or `<field> ~ <regular expression>`
fn condition(text: &str) -> Result<Condition, String> {
    let operator = [" = ", " ~ "].into_iter().filter_map(|operator| Some((text.find(operator)?, operator))).min();
    let (at, operator) = operator.ok_or_else(|| format!("{text} should be `field = value`"))?;
    let (field, values) = (&text[..at], &text[at + operator.len()..]);
    let values: Vec<String> = values.split(" or ").map(str::to_owned).collect();
    let (field, header) = field.split_once(' ').unwrap_or((field, ""));
    let comparison = |values| if operator == " ~ " { Comparison::Regexes { regexes: values } } else { Comparison::Wildcards(values) };
    Ok(match field {
        "path-pattern" => Condition::PathPattern(comparison(values)),
        "host-header" => Condition::HostHeader(comparison(values)),
        "http-header" => Condition::HttpHeader { name: header.into(), values: comparison(values) },
        "http-request-method" => Condition::HttpRequestMethod(values),
        "query-string" => Condition::QueryString(values.iter().map(|value| parameter(value)).collect()),
        "source-ip" => Condition::SourceIp(values.iter().map(|value| value.parse()).collect::<Result<_, _>>().map_err(|_| "a source is CIDR")?),
        other => return unknown(other),
    })
}

/// `key=value`, or a value for any key.
fn parameter(text: &str) -> QueryParameter {
    match text.split_once('=') {
        Some((key, value)) => QueryParameter { key: Some(key.into()), value: value.into() },
        None => QueryParameter { key: None, value: text.into() },
    }
}

fn action(text: &str) -> Result<Action, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "forward" => weighted(rest),
        "redirect" => redirect(rest),
        "fixed-response" => {
            let mut parts = rest.splitn(3, ' ');
            let status = parts.next().and_then(|status| status.parse().ok()).ok_or("a fixed response has a status")?;
            let content_type = parts.next().map(str::to_owned);
            Ok(Action::FixedResponse(FixedResponse { status, content_type, body: parts.next().map(str::to_owned) }))
        }
        other => unknown(other),
    }
}

fn forward(group: &str) -> Action {
    Action::Forward(Forward { target_groups: vec![WeightedTargetGroup { target_group: group_name(group), weight: 1 }], stickiness: None })
}

/// `blue`, or `blue 3 green 1`, with `sticky 3600` behind it.
fn weighted(text: &str) -> Result<Action, String> {
    let (groups, stickiness) = match text.split_once(" sticky ") {
        Some((groups, duration)) => (groups, Some(seconds(duration)?)),
        None => (text, None),
    };
    let words: Vec<&str> = groups.split_whitespace().collect();
    let mut target_groups = Vec::new();
    for pair in words.chunks(2) {
        let weight = pair.get(1).map_or(Ok(1), |weight| weight.parse()).map_err(|_| "a weight is a number")?;
        target_groups.push(WeightedTargetGroup { target_group: group_name(pair[0]), weight });
    }
    Ok(Action::Forward(Forward { target_groups, stickiness }))
}

/// `301 HTTPS://#{host}:443/#{path}?#{query}`
fn redirect(text: &str) -> Result<Action, String> {
    let parts = || {
        let (status, url) = text.split_once(' ')?;
        let (protocol, rest) = url.split_once("://")?;
        let (authority, rest) = rest.split_at(rest.find('/')?);
        let (host, port) = authority.rsplit_once(':')?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let [protocol, host, port, path, query] = [protocol, host, port, path, query].map(str::to_owned);
        Some(Action::Redirect(Redirect { protocol, host, port, path, query, status: status.parse().ok()? }))
    };
    parts().ok_or_else(|| format!("{text} should be `301 HTTPS://#{{host}}:443/#{{path}}?#{{query}}`"))
}
