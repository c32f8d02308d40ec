//! Blue/green, linear and canary deployments (ecs.md 3.10).

use std::time::Duration;

use model::{
    AdvancedConfiguration, HookAction, HookTarget, HookTimeout, LifecycleHook, LifecycleStage, Permille, RuleName, ShiftPattern, TargetGroupName,
    TrafficShift,
};

use super::target_group::name_of;
use super::{Reader, place};
use crate::node::Node;
use crate::problem::Report;

/// What `deploymentConfiguration` says; the outer `None` where a problem is reported, the inner one for ROLLING.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Option<TrafficShift>> {
    let strategy = node.text_of("strategy").unwrap_or("ROLLING");
    let mut fits = true;
    for (key, of) in [("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY")] {
        if let Some(found) = node.get(key).filter(|_| strategy != of) {
            reader.report.problem(found.span, format!("`{key}` belongs to `strategy: {of}`, and this one is {strategy}")).hint("remove it");
            fits = false;
        }
    }
    let hooks: Vec<_> = node.list("lifecycleHooks").iter().map(|hook| read_hook(hook, reader)).collect();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let bake = |node: Option<&Node>, key: &str, default| minutes(node.and_then(|node| node.integer_of(key)).unwrap_or(default));
    let pattern = match strategy {
        "BLUE_GREEN" => ShiftPattern::AllAtOnce,
        "LINEAR" => {
            let linear = node.get("linearConfiguration");
            let step = percent(linear, "stepPercent", (30, 100), reader.report)?;
            ShiftPattern::Linear { step, bake: bake(linear, "stepBakeTimeInMinutes", 6) }
        }
        "CANARY" => {
            let canary = node.get("canaryConfiguration");
            let step = percent(canary, "canaryPercent", (1, 50), reader.report)?;
            ShiftPattern::Canary { step, bake: bake(canary, "canaryBakeTimeInMinutes", 10) }
        }
        _ => {
            for key in ["bakeTimeInMinutes", "lifecycleHooks"] {
                if let Some(found) = node.get(key) {
                    reader
                        .report
                        .problem(found.span, format!("`{key}` belongs to a strategy that shifts traffic, and this one is ROLLING"))
                        .hint("say `strategy: BLUE_GREEN`, LINEAR or CANARY, or remove it");
                    fits = false;
                }
            }
            return fits.then_some(None);
        }
    };
    if strategy == "BLUE_GREEN" && node.get("bakeTimeInMinutes").is_none() {
        reader
            .report
            .problem(place(node, "strategy"), "BLUE_GREEN needs `bakeTimeInMinutes`: how long the old tasks stay once traffic has moved")
            .hint("0 to 1440; for a first try `bakeTimeInMinutes: 0`");
        fits = false;
    }
    let hooks = hooks.into_iter().collect::<Option<Vec<_>>>()?;
    fits.then(|| Some(TrafficShift { pattern, bake_time: bake(Some(node), "bakeTimeInMinutes", 0), hooks }))
}

/// Per cent with one decimal place, as thousandths.
fn percent(node: Option<&Node>, key: &str, (least, default): (Permille, Permille), report: &mut Report) -> Option<Permille> {
    let Some(found) = node.and_then(|node| node.get(key)) else { return Some(default) };
    let text = found.text()?;
    let tenths = || {
        let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |text: &str| (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<Permille>().ok()).flatten();
        digits(whole)?.checked_mul(10)?.checked_add(digits(tenth).filter(|_| tenth.len() == 1)?)
    };
    let share = tenths().filter(|share| (least..=1000).contains(share));
    if share.is_none() {
        let least = f32::from(least) / 10.0;
        report
            .problem(found.span, format!("`{text}` is not within {least:.1} and 100.0 per cent"))
            .hint("one decimal place at most, for example 12.5");
    }
    share
}

fn read_hook(node: &Node, reader: &mut Reader<'_>) -> Option<LifecycleHook> {
    let target = read_target(node, reader);
    let stage = |text: &str| LifecycleStage::ALL.into_iter().find(|stage| stage.as_str() == text);
    let stages: Vec<_> = node.list("lifecycleStages").iter().filter_map(|node| Some((node, node.text().and_then(stage)?))).collect();
    if target == Some(HookTarget::Pause) {
        for (found, stage) in stages.iter().filter(|(_, stage)| !stage.can_pause()) {
            let text = format!("a deployment cannot be paused at {}", stage.as_str());
            reader.report.problem(found.span, text).hint("say the stage before it, `PRE_…`, or the one behind it, `POST_…`");
        }
    }
    let details = node.get("hookDetails").map(|node| {
        let texts = super::container::texts_by_name(Some(node));
        serde_json::Value::from_iter(texts).to_string()
    });
    let given = node.get("timeoutConfiguration");
    let minutes: Option<u64> = given.and_then(|given| given.integer_of("timeoutInMinutes"));
    let mut timeout = HookTimeout::default();
    timeout.after = minutes.map_or(timeout.after, |minutes| Duration::from_secs(60 * minutes));
    if given.and_then(|given| given.text_of("action")) == Some(HookAction::Continue.as_str()) {
        timeout.action = HookAction::Continue;
    }
    Some(LifecycleHook { target: target?, stages: stages.into_iter().map(|(_, stage)| stage).collect(), timeout, details })
}

fn read_target(node: &Node, reader: &mut Reader<'_>) -> Option<HookTarget> {
    let folder = reader.files.folder(node.span.file).to_string_lossy().into_owned();
    match (node.get("command"), node.get("endpoint"), node.get("targetType")) {
        (None, None, Some(_)) => Some(HookTarget::Pause),
        (Some(_), None, None) => {
            let command: Vec<String> = node.list("command").iter().filter_map(|part| part.text().map(str::to_owned)).collect();
            if command.is_empty() {
                reader.report.problem(place(node, "command"), "the command is empty").hint("for example `command: [./smoke-test.sh]`");
                return None;
            }
            Some(HookTarget::Command { command, folder })
        }
        (None, Some(endpoint), None) => endpoint_of(endpoint, reader.report),
        _ => {
            let hint = "say `command: [./smoke-test.sh]`, `endpoint: http://127.0.0.1:9000/hook`, or `targetType: PAUSE`";
            reader.report.problem(node.span, "a lifecycle hook asks a `command` or an `endpoint`, or is a PAUSE").hint(hint);
            None
        }
    }
}

/// Hooks are of this machine: a question says what runs here, and its answer decides about it.
fn endpoint_of(node: &Node, report: &mut Report) -> Option<HookTarget> {
    let text = node.text()?;
    let authority = text.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next());
    let host = authority.map(|authority| authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(authority, |(host, _)| host));
    if matches!(host, Some("localhost" | "127.0.0.1" | "[::1]")) {
        return Some(HookTarget::Endpoint(text.to_owned()));
    }
    report.problem(node.span, format!("`{text}` is no `http://` URL of this machine")).hint("for example `http://127.0.0.1:9000/hook`");
    None
}

/// `advancedConfiguration` of a service's load balancer.
pub(super) fn advanced(node: &Node, report: &mut Report) -> Option<AdvancedConfiguration> {
    let group = node.get("alternateTargetGroup")?;
    let name = TargetGroupName::new(name_of(group.text()?)).map_err(|error| {
        report.problem(group.span, error.to_string());
    });
    let mut rule = |key: &str| {
        let found = node.get(key)?;
        let parsed = found.text()?.parse::<RuleName>().map_err(|error| {
            report.problem(found.span, error).hint("a rule is named `<load balancer>:<port>/<priority>`, a listener's default `…/default`");
        });
        parsed.ok()
    };
    let (production_rule, test_rule) = (rule("productionListenerRule"), rule("testListenerRule"));
    if node.get("testListenerRule").is_some() && test_rule.is_none() {
        return None;
    }
    Some(AdvancedConfiguration { alternate_target_group: name.ok()?, production_rule: production_rule?, test_rule })
}
