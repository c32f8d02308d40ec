//! A condition of a rule (alb.md 2).

use model::{Cidr, Comparison, Condition, QueryParameter};

use super::place;
use crate::node::Node;
use crate::problem::Report;

const MAX_LENGTH: usize = 128;
const MAX_NAME: usize = 40;

/// Each field and the key of its configuration.
const CONFIGS: [(&str, &str); 6] = [
    ("path-pattern", "pathPatternConfig"),
    ("host-header", "hostHeaderConfig"),
    ("http-header", "httpHeaderConfig"),
    ("http-request-method", "httpRequestMethodConfig"),
    ("query-string", "queryStringConfig"),
    ("source-ip", "sourceIpConfig"),
];

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Condition> {
    let field = node.text_of("field")?;
    let (_, own) = *CONFIGS.iter().find(|(name, _)| *name == field)?;
    let short = matches!(field, "path-pattern" | "host-header");
    let foreign = CONFIGS.iter().map(|(_, key)| *key).filter(|key| *key != own).chain(["values", "regexValues"].into_iter().filter(|_| !short));
    for entry in foreign.filter_map(|key| node.entry(key)).filter(|entry| !entry.node.asks_for_nothing()) {
        let way_out = if short { format!("use `{own}` or `values`") } else { format!("use `{own}`") };
        report.problem(entry.key_span, format!("`{}` does not belong to the field `{field}`", entry.key)).hint(way_out);
    }
    match field {
        "path-pattern" => comparison(node, field, own, report).map(Condition::PathPattern),
        "host-header" => comparison(node, field, own, report).map(Condition::HostHeader),
        "http-header" => {
            let config = config(node, own, report)?;
            let name = header_name(config, report);
            Some(Condition::HttpHeader { values: comparison(node, field, own, report)?, name: name? })
        }
        "http-request-method" => each(node, own, report, method).map(Condition::HttpRequestMethod),
        "query-string" => each(node, own, report, parameter).map(Condition::QueryString),
        _ => each(node, own, report, source).map(Condition::SourceIp),
    }
}

fn config<'n>(node: &'n Node, key: &str, report: &mut Report) -> Option<&'n Node> {
    let found = node.get(key);
    if found.is_none() {
        let values = match key {
            "httpHeaderConfig" => "httpHeaderName: X-Version, values: […]",
            "queryStringConfig" => "values: [{key: version, value: v1}]",
            _ => "values: […]",
        };
        report.problem(node.span, "A condition value must be specified").hint(format!("write `{key}: {{{values}}}`"));
    }
    found
}

/// The values of a field that only its configuration can give.
fn each<T>(node: &Node, key: &str, report: &mut Report, read: impl Fn(&Node, &mut Report) -> Option<T>) -> Option<Vec<T>> {
    let config = config(node, key, report)?;
    let values = config.list("values");
    if values.is_empty() {
        report.problem(place(config, "values"), "A condition value must be specified");
    }
    let good: Vec<T> = values.iter().filter_map(|value| read(value, report)).collect();
    (!good.is_empty() && good.len() == values.len()).then_some(good)
}

/// Patterns or regular expressions, in the configuration or beside the field: AWS's answers repeat them in both places.
fn comparison(node: &Node, field: &str, own: &str, report: &mut Report) -> Option<Comparison> {
    let wildcards = texts(node, "values", own, report);
    let regexes = texts(node, "regexValues", own, report);
    if let (Some(_), Some(second)) = (wildcards.first(), regexes.first()) {
        report.problem(second.span, "`values` and `regexValues` are both given").hint("a condition has one of the two; keep one");
        return None;
    }
    if wildcards.is_empty() && regexes.is_empty() {
        let hint = match field {
            "path-pattern" => "for example `values: [\"/api/users*\"]`",
            "host-header" => "for example `values: [users.localhost]`",
            _ => "for example `values: [\"*beta*\"]`",
        };
        report.problem(node.get(own).unwrap_or(node).span, "A condition value must be specified").hint(hint);
        return None;
    }
    wildcards.iter().for_each(|value| pattern(field, value, report));
    regexes.iter().for_each(|value| regex(field, value, report));
    let owned = |nodes: &[Node]| nodes.iter().filter_map(Node::text).map(|text| written(field, text)).collect();
    Some(if regexes.is_empty() { Comparison::Wildcards(owned(wildcards)) } else { Comparison::Regexes { regexes: owned(regexes) } })
}

fn texts<'n>(node: &'n Node, key: &str, own: &str, report: &mut Report) -> &'n [Node] {
    let config = node.get(own).map(|config| config.list(key)).unwrap_or_default();
    // Where `values` beside the field does not belong, that has been reported.
    let beside = node.list(key);
    let differ = || !config.iter().map(Node::text).eq(beside.iter().map(Node::text));
    if !config.is_empty() && !beside.is_empty() && differ() {
        report.problem(place(node, own), format!("`{key}` and `{own}` are both given and differ")).hint("keep one of the two");
    }
    if config.is_empty() { beside } else { config }
}

/// A path pattern may write `&` as `&amp;` (alb.md 2).
fn written(field: &str, text: &str) -> String {
    if field == "path-pattern" { text.replace("&amp;", "&") } else { text.to_owned() }
}

/// Whether a value has 1 to `limit` characters; reported if not.
fn fits(name: &str, text: &str, limit: usize, node: &Node, report: &mut Report) -> bool {
    if text.is_empty() {
        report.problem(node.span, "A condition value must be specified");
    } else if text.chars().count() > limit {
        report.problem(node.span, format!("The '{name}' value is too long; the limit is '{limit}'"));
    } else {
        return true;
    }
    false
}

/// Whether all characters are allowed; reported if not.
fn consists_of(allowed: fn(char) -> bool, text: &str, node: &Node, report: &mut Report) -> bool {
    let bad = text.chars().find(|c| !allowed(*c));
    if let Some(bad) = bad {
        report
            .problem(node.span, format!("Condition value '{text}' contains a character that is not valid"))
            .label(format!("{bad:?} is not allowed"));
    }
    bad.is_none()
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~')
}

/// Length and characters of one pattern (the table of alb.md 2).
fn pattern(field: &str, node: &Node, report: &mut Report) {
    let Some(text) = node.text().map(|text| written(field, text)) else { return };
    let allowed: fn(char) -> bool = match field {
        "path-pattern" => |c| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?".contains(c),
        "host-header" => |c| c.is_ascii_alphanumeric() || "-.*?".contains(c),
        _ => is_printable,
    };
    if !fits(field, &text, MAX_LENGTH, node, report) || !consists_of(allowed, &text, node, report) {
        return;
    }
    if field == "host-header" {
        host(&text, node, report);
    } else if field == "path-pattern" && !text.starts_with(['/', '*', '?']) {
        report.note(node.span, format!("the path pattern `{text}` can never match: every path begins with `/`"));
    }
}

fn host(text: &str, node: &Node, report: &mut Report) {
    let after = text.rsplit_once('.').map(|(_, after)| after);
    if !after.is_some_and(|after| !after.is_empty() && after.chars().all(|c| c.is_ascii_alphabetic())) {
        report
            .problem(node.span, format!("Condition value '{text}' is not a host name: it needs a dot, and only letters after the last one"))
            .hint("for example `users.localhost` or `*.example.com`");
    }
}

fn regex(field: &str, node: &Node, report: &mut Report) {
    let Some(text) = node.text().map(|text| written(field, text)) else { return };
    if fits(field, &text, MAX_LENGTH, node, report)
        && let Err(why) = model::regex::compile(&text, field == "path-pattern")
    {
        report.problem(node.span, format!("the regular expression `{text}` cannot be used: {why}"));
    }
}

fn header_name(config: &Node, report: &mut Report) -> Option<String> {
    let node = config.get("httpHeaderName")?;
    let name = node.text()?;
    if !fits("HttpHeaderName", name, MAX_NAME, node, report) {
        return None;
    }
    if let Some(bad) = name.chars().find(|c| !super::is_token(*c)) {
        report.problem(node.span, format!("`{name}` is not the name of a header")).label(format!("{bad:?} is not allowed"));
        return None;
    }
    if name.eq_ignore_ascii_case("host") {
        report.problem(node.span, "`Host` has a field of its own").hint("use `field: host-header`");
        return None;
    }
    Some(name.to_owned())
}

fn method(node: &Node, report: &mut Report) -> Option<String> {
    let text = node.text()?;
    if !fits("http-request-method", text, MAX_NAME, node, report) {
        return None;
    }
    if !text.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '-' | '_')) {
        report
            .problem(node.span, "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore")
            .hint("methods are compared to the letter, without wildcards: write `GET`");
        return None;
    }
    Some(text.to_owned())
}

fn parameter(node: &Node, report: &mut Report) -> Option<QueryParameter> {
    let mut part = |key: &str| {
        let node = node.get(key)?;
        let text = node.text()?;
        (fits("query-string", text, MAX_LENGTH, node, report) && consists_of(is_printable, text, node, report)).then(|| text.to_owned())
    };
    let (key, value) = (part("key"), part("value"));
    Some(QueryParameter { key, value: value? })
}

fn source(node: &Node, report: &mut Report) -> Option<Cidr> {
    let text = node.text()?;
    match text.parse() {
        Ok(_) if text == "255.255.255.255/32" => {
            report.problem(node.span, format!("Condition value '{text}' is not valid")).hint("it is the broadcast address; no request comes from it");
            None
        }
        Ok(range) => Some(range),
        Err(why) => {
            report.problem(node.span, format!("Condition value '{text}' is not a range of addresses: {why}"));
            None
        }
    }
}
