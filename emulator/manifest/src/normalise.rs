//! Spellings: the aliases of keys, the first letter in either case, attributes as a list. After this every key is spelled as in the tables.

use crate::node::{Entry, Node, Value};
use crate::problem::Report;
use crate::shape::{Object, Shape, lower_first};

/// Spells every key below `node` as the tables do.
pub(crate) fn normalise(shape: Shape, node: &mut Node, report: &mut Report) {
    match (shape, &mut node.value) {
        (Shape::Object(object) | Shape::TextOr(object), Value::Map(entries)) => keys(object, entries, report),
        (Shape::List(list), Value::List(items)) => items.iter_mut().for_each(|item| normalise(list.item, item, report)),
        (Shape::Attributes(_), Value::List(items)) => {
            let entries = items.drain(..).filter_map(|item| attribute(item, report)).collect();
            node.value = Value::Map(unique(entries, report));
        }
        _ => {}
    }
}

fn keys(object: &Object, entries: &mut Vec<Entry>, report: &mut Report) {
    for entry in entries.iter_mut() {
        if let Some(field) = object.field(&entry.key) {
            field.name.clone_into(&mut entry.key);
            normalise(field.shape, &mut entry.node, report);
        } else if object.either_case {
            let known = lower_first(&entry.key);
            if object.refused.iter().any(|(name, _)| *name == known) || object.answers.contains(&known.as_str()) {
                entry.key = known;
            }
        }
    }
    let all = std::mem::take(entries);
    *entries = unique(all, report);
}

/// The entries without those whose key came before under another spelling.
fn unique(entries: Vec<Entry>, report: &mut Report) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut seen: std::collections::HashMap<String, crate::node::Span> = std::collections::HashMap::new();
    for entry in entries {
        if let Some(first) = seen.insert(entry.key.clone(), entry.key_span) {
            report.problem(entry.key_span, format!("`{}` is given twice", entry.key)).again(first);
        } else {
            kept.push(entry);
        }
    }
    kept
}

/// `{key: name, value: text}` as an entry.
fn attribute(item: Node, report: &mut Report) -> Option<Entry> {
    let span = item.span;
    let Value::Map(entries) = item.value else {
        report.problem(span, format!("an attribute must be `{{key, value}}`, found {}", item.describe()));
        return None;
    };
    let (mut key, mut value) = (None, None);
    for entry in entries {
        match lower_first(&entry.key).as_str() {
            "key" => key = entry.node.text().map(|text| (text.to_owned(), entry.node.span)),
            "value" => value = Some(entry.node),
            _ => {
                report.problem(entry.key_span, format!("unknown key `{}` in an attribute", entry.key)).hint("an attribute is `{key, value}`");
            }
        }
    }
    if let (Some((key, key_span)), Some(node)) = (key, value) {
        return Some(Entry { key, key_span, node });
    }
    report.problem(span, "an attribute needs `key` and `value`");
    None
}
