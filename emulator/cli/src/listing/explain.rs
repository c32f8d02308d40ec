//! `explain`: where a request would go, and why.

use wire::local::{ExplainReply, ExplainedCondition, ExplainedRule};

use super::{short, tone};
use crate::print::color::{Palette, Tone};
use crate::print::sanitize::visible;
use crate::print::table::{Table, cell, toned};

/// The request, every rule with its conditions, the action, the targets.
pub(crate) fn explain(reply: &ExplainReply, palette: Palette, columns: Option<usize>) -> String {
    let request = &reply.request;
    let query = request.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let line = format!("{} {}{}{query}  at {}:{}", request.method, request.host, request.path, reply.load_balancer, reply.listener_port);
    let mut text = format!("{}\n\n", palette.paint(Tone::Heading, &visible(&line)));
    let conditions = reply.rules.iter().flat_map(|rule| &rule.conditions);
    let width = conditions.map(|one| condition(one).chars().count()).max().unwrap_or(0);
    for explained in &reply.rules {
        text.push_str(&rule(explained, width, palette));
    }
    text.push_str(&format!("\n{}\n", visible(&conclusion(reply))));
    if let Some(sent) = &reply.sent {
        let parts = [("host", &sent.host), ("url", &sent.url)].into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
        text.push_str(&format!("the target is sent {}\n", visible(&parts.collect::<Vec<_>>().join(", "))));
    }
    if reply.target_group.is_some() && !reply.targets.is_empty() {
        text.push_str(&targets(reply).render(palette, columns));
    }
    text
}

/// The rule, what became of it, and each of its conditions.
fn rule(rule: &ExplainedRule, width: usize, palette: Palette) -> String {
    let (word, tone) = match (rule.chosen, rule.matched) {
        (true, _) => ("decides", Tone::Good),
        (false, true) => ("matches, but an earlier rule decides", Tone::Faint),
        (false, false) => ("does not match", Tone::Faint),
    };
    let name = if rule.priority == "default" { "default rule".to_owned() } else { format!("rule {}", rule.priority) };
    let mark = if rule.chosen { ">" } else { " " };
    let mut text = format!("{mark} {}  {}: {}\n", visible(&name), palette.paint(tone, word), visible(&rule.action));
    for explained in &rule.conditions {
        let holds = if explained.matched { "yes" } else { "no " };
        let line = format!("{:width$}   {}", condition(explained), visible(why(explained)));
        text.push_str(&format!("    {}  {line}\n", palette.paint(super::tone(holds), holds)));
    }
    text
}

/// `path-pattern /api/users* or /api/people*`
fn condition(condition: &ExplainedCondition) -> String {
    visible(&condition.title()).into_owned()
}

/// Why it holds or not, without the values at its end where it is all of them: they stand before it.
fn why(condition: &ExplainedCondition) -> &str {
    let all: Vec<String> = condition.values.iter().map(|value| format!("`{value}`")).collect();
    condition.why.strip_suffix(&all.join(" or ")).map_or(condition.why.as_str(), str::trim_end)
}

fn conclusion(reply: &ExplainReply) -> String {
    let status = reply.status.map(|status| format!("; the load balancer answers {status} itself")).unwrap_or_default();
    match &reply.target_group {
        Some(group) => {
            let eligible = reply.targets.iter().filter(|target| target.eligible).count();
            format!("{}: {eligible} of {} targets of `{group}` can be chosen{status}", reply.action, reply.targets.len())
        }
        None => format!("{}{status}", reply.action),
    }
}

fn targets(reply: &ExplainReply) -> Table {
    let mut table = Table::new(&["TARGET", "TASK", "STATE", "ELIGIBLE"]).giving_way(&["TARGET"]).indented(2);
    for target in &reply.targets {
        let eligible = if target.eligible { "yes" } else { "no" };
        table.row(vec![
            cell(&target.target),
            cell(match (&target.task, &target.attached_service) {
                (Some(task), _) => short(task).to_owned(),
                (None, Some(service)) => format!("attached: {service}"),
                (None, None) => String::new(),
            }),
            toned(&target.state, tone(&target.state)),
            cell(eligible),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_says_why() {
        let reply: ExplainReply = serde_json::from_value(serde_json::json!({
            "loadBalancer": "front", "listenerPort": 80,
            "request": {"method": "GET", "host": "localhost", "path": "/api/posts/1", "query": "a=b"},
            "rules": [
                {"priority": "1", "chosen": false, "matched": false, "action": "forward to users",
                 "conditions": [{"field": "path-pattern", "values": ["/api/users*", "/u"], "matched": false, "why": "`/api/posts/1` does not match `/api/users*` or `/u`"}]},
                {"priority": "2", "chosen": true, "matched": true, "action": "forward to posts",
                 "conditions": [
                    {"field": "path-pattern", "values": ["/api/posts*", "/p"], "matched": true, "why": "`/api/posts/1` matches `/api/posts*`"},
                    {"field": "host-header", "values": ["localhost"], "matched": true, "why": "`localhost` matches `localhost`"},
                 ]},
                {"priority": "default", "chosen": false, "matched": true, "action": "fixed response 404", "conditions": []},
            ],
            "action": "forward to posts", "targetGroup": "posts",
            "targets": [
                {"target": "i-1:32768", "task": "beef0000beef", "state": "healthy", "eligible": true},
                {"target": "i-1:32769", "task": null, "state": "draining", "eligible": false},
            ],
            "status": null,
        }))
        .unwrap();
        insta::assert_snapshot!(explain(&reply, Palette::plain(), None), @r#"
        GET localhost/api/posts/1?a=b  at front:80

          rule 1  does not match: forward to users
            no   path-pattern /api/users* or /u   `/api/posts/1` does not match
        > rule 2  decides: forward to posts
            yes  path-pattern /api/posts* or /p   `/api/posts/1` matches `/api/posts*`
            yes  host-header localhost            `localhost` matches
          default rule  matches, but an earlier rule decides: fixed response 404

        forward to posts: 1 of 2 targets of `posts` can be chosen
          TARGET     TASK      STATE     ELIGIBLE
          i-1:32768  beef0000  healthy   yes
          i-1:32769  -         draining  no
        "#);
    }
}
