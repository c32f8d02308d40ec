//! The transforms of a rule (alb.md 3).

use model::{Rewrite, Transforms};

use super::place;
use crate::node::Node;
use crate::problem::Report;

const MAX_LENGTH: usize = 1024;

/// Each type, the key of its configuration, and whether the case of letters counts.
const TYPES: [(&str, &str, bool); 2] = [("host-header-rewrite", "hostHeaderRewriteConfig", false), ("url-rewrite", "urlRewriteConfig", true)];

pub(super) fn read(rule: &Node, report: &mut Report) -> Transforms {
    let mut transforms = Transforms::default();
    for node in rule.list("transforms") {
        let Some((kind, own, case_sensitive)) = node.text_of("type").and_then(|kind| TYPES.into_iter().find(|(name, ..)| *name == kind)) else {
            continue;
        };
        for (owner, key, _) in TYPES.iter().filter(|(_, key, _)| *key != own) {
            if let Some(entry) = node.entry(key).filter(|entry| !entry.node.asks_for_nothing()) {
                report
                    .problem(entry.key_span, format!("`{key}` does not belong to a transform of type '{kind}'"))
                    .hint(format!("it belongs to `type: {owner}`"));
            }
        }
        let slot = if kind == "url-rewrite" { &mut transforms.url } else { &mut transforms.host };
        if slot.is_some() {
            report.problem(node.span, format!("a rule can only have one '{kind}' transform"));
        }
        *slot = config(node, own, case_sensitive, report).or(slot.take());
    }
    transforms
}

fn config(node: &Node, key: &str, case_sensitive: bool, report: &mut Report) -> Option<Rewrite> {
    let Some(config) = node.get(key) else {
        report
            .problem(node.span, format!("a transform of this type needs `{key}`"))
            .hint(format!("write `{key}: {{rewrites: [{{regex: …, replace: …}}]}}`"));
        return None;
    };
    if let Some(second) = config.list("rewrites").get(1) {
        report.problem(second.span, "a transform has exactly one rewrite");
    }
    let rewrite = config.list("rewrites").first()?;
    let text = |key: &str, report: &mut Report| {
        let text = rewrite.text_of(key)?;
        if text.chars().count() > MAX_LENGTH {
            report.problem(place(rewrite, key), format!("The '{key}' value is too long; the limit is '{MAX_LENGTH}'"));
        }
        Some(text.to_owned())
    };
    let (regex, replace) = (text("regex", report)?, text("replace", report)?);
    match model::regex::compile(&regex, case_sensitive) {
        Err(why) => {
            report.problem(place(rewrite, "regex"), format!("the regular expression `{regex}` cannot be used: {why}"));
        }
        // The whole match counts as group 0.
        Ok(compiled) => groups(&replace, compiled.captures_len() - 1, place(rewrite, "replace"), report),
    }
    Some(Rewrite { regex, replace })
}

fn groups(replace: &str, known: usize, span: crate::node::Span, report: &mut Report) {
    for part in replace.split('$').skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        if digits.parse::<usize>().is_ok_and(|number| number > known) {
            report.problem(span, format!("`${digits}` names a group that the regular expression does not have")).hint(format!("it has {known}"));
        }
    }
}
