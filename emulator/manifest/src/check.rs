//! The tree against the tables: unknown and missing keys, wrong types, numbers out of range, names given twice, keys of AWS's that
//! are refused or do not act here. What comes after may take every value's shape for granted, or for reported.

use std::collections::HashMap;

use crate::node::{Entry, Node, Span, Style, Value};
use crate::problem::Report;
use crate::shape::{AttributeRule, Attributes, Choice, List, Object, Range, Shape};
use crate::suggest::listed;

/// More keys than these are not listed in a hint.
const MAX_LISTED: usize = 10;

/// Of more words than this only the nearest is told.
const MAX_WORDS: usize = 20;

/// Checks the value under `key`.
pub(crate) fn check(shape: Shape, key: &str, node: &Node, report: &mut Report) {
    match (shape, &node.value) {
        (Shape::Anything, _) | (_, Value::Unknown) => {}
        (Shape::Text, Value::Scalar { .. }) => {}
        (Shape::Integer(range), Value::Scalar { .. }) => integer(range, key, node, report),
        (Shape::Number, Value::Scalar { .. }) => number(key, node, report),
        (Shape::Boolean, Value::Scalar { style: Style::Plain, .. }) if node.boolean().is_some() => {}
        (Shape::Choice(choice), Value::Scalar { .. }) => one_of(choice, key, node, report),
        (Shape::List(list), Value::List(items)) => items_of(list, key, node.span, items, report),
        (Shape::Map, Value::Map(entries)) => entries.iter().for_each(|entry| value(Shape::Text, entry, report)),
        (Shape::Attributes(attributes), Value::Map(entries)) => entries.iter().for_each(|entry| attribute(attributes, entry, report)),
        (Shape::Object(object) | Shape::TextOr(object), Value::Map(entries)) => fields(object, node, entries, report),
        (Shape::TextOr(_), Value::Scalar { .. }) => {}
        _ => wrong_type(shape, key, node, report),
    }
}

fn wrong_type(shape: Shape, key: &str, node: &Node, report: &mut Report) {
    let wanted = match shape {
        Shape::Text => "a text",
        Shape::Integer(_) | Shape::Number => "a number",
        Shape::Boolean => "`true` or `false`",
        Shape::Choice(choice) => &listed(choice.accepted.iter().copied()),
        Shape::List(_) => "a list",
        Shape::TextOr(_) => "a text or a mapping",
        Shape::Map | Shape::Object(_) | Shape::Attributes(_) | Shape::Anything => "a mapping",
    };
    let hint = match (shape, &node.value) {
        (Shape::List(list), Value::Scalar { text, style }) => Some(as_list(list, text, *style)),
        (Shape::List(list), Value::Map(entries)) => Some(as_items(list, entries)),
        (Shape::Object(_), _) if key.is_empty() => Some("begin with `cluster: <name>`; `ecslocal schema` describes the rest".to_owned()),
        (Shape::Boolean, Value::Scalar { style: Style::Quoted, .. }) if node.boolean().is_some() => Some("remove the quotes".to_owned()),
        _ => None,
    };
    report.problem(node.span, format!("{} must be {wanted}, found {}", named(key), node.describe())).hint_if(hint);
}

/// The key in backticks; the whole of a manifest has none.
fn named(key: &str) -> String {
    if key.is_empty() { "a manifest".into() } else { format!("`{key}`") }
}

/// How to write a text where a list is wanted: `npm start` as `["npm", "start"]`.
fn as_list(list: &List, text: &str, style: Style) -> String {
    if text.trim_start().starts_with(['[', '{']) {
        // Written as a list it would have been one: it came out of a variable, or stands in quotes.
        return match style {
            Style::Plain => "a variable gives one text, never a list: write the list here, with a variable for each item".into(),
            Style::Quoted => "remove the quotes".into(),
        };
    }
    let Shape::Text = list.item else {
        return "write a list: begin each item with `- `".into();
    };
    let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
    format!("write `[{}]`", words.join(", "))
}

/// How to write a mapping where a list is wanted: `{A: b}` as `[{name: A, value: b}]`.
fn as_items(list: &List, entries: &[Entry]) -> String {
    let pairs = match list.item {
        Shape::Object(object) => object.fields.len() == 2 && object.fields.iter().all(|field| matches!(field.name, "name" | "value")),
        _ => false,
    };
    match entries.first() {
        Some(first) if pairs => {
            format!("write a list of names and values: `[{{name: {}, value: {}}}]`", first.key, first.node.text().unwrap_or("…"))
        }
        _ => "begin each item with `- `".into(),
    }
}

fn integer(range: Range, key: &str, node: &Node, report: &mut Report) {
    let Range { min, max, quoted } = range;
    let bounds = if max == i64::MAX { format!("{min} or more") } else { format!("from {min} to {max}") };
    let wanted = format!("`{key}` must be a whole number {bounds}, found {}", node.describe());
    let in_quotes = matches!(node.value, Value::Scalar { style: Style::Quoted, .. });
    match node.integer() {
        Some(number) if !(min..=max).contains(&number) => {
            report.problem(node.span, wanted).label("out of range");
        }
        Some(_) if in_quotes && !quoted => {
            report.problem(node.span, wanted).label("a text").hint("remove the quotes");
        }
        Some(_) => {}
        None => {
            report.problem(node.span, wanted).label("not a whole number");
        }
    }
}

fn number(key: &str, node: &Node, report: &mut Report) {
    let wanted = format!("`{key}` must be a number, found {}", node.describe());
    match node.text().unwrap_or_default().parse::<model::Decimal>() {
        Ok(_) if matches!(node.value, Value::Scalar { style: Style::Quoted, .. }) => {
            report.problem(node.span, wanted).label("a text").hint("remove the quotes");
        }
        Ok(_) => {}
        Err(why) => {
            report.problem(node.span, wanted).hint(why);
        }
    }
}

fn one_of(choice: &Choice, key: &str, node: &Node, report: &mut Report) {
    let given = node.text().unwrap_or_default();
    if choice.accepted.contains(&given) {
        return;
    }
    if let Some((word, instead)) = choice.refused.iter().find(|(word, _)| word.eq_ignore_ascii_case(given)) {
        report.problem(node.span, format!("`{key}: {word}` is not supported")).hint(*instead);
        return;
    }
    let hint = report.suggest(given, choice.accepted.iter().copied());
    if choice.accepted.len() > MAX_WORDS {
        let hint = hint.unwrap_or_else(|| "`ecslocal schema` lists the words".to_owned());
        report.problem(node.span, format!("`{key}` cannot be {}", node.describe())).hint(hint);
        return;
    }
    let wanted = listed(choice.accepted.iter().copied());
    report.problem(node.span, format!("`{key}` must be {wanted}, found {}", node.describe())).hint_if(hint);
}

fn items_of(list: &List, key: &str, span: Span, items: &[Node], report: &mut Report) {
    if items.len() < list.min {
        report.problem(span, format!("`{key}` must not be empty"));
    }
    let mut names: HashMap<&str, Span> = HashMap::new();
    for item in items {
        if let Value::Null { .. } = item.value {
            report.problem(item.span, format!("an item of `{key}` has no value")).hint("remove the `-`, or write the item after it");
            continue;
        }
        check(list.item, key, item, report);
        let Some(named) = list.key.and_then(|key| item.get(key)) else { continue };
        if let (Some(name), Some(label)) = (named.text(), list.key)
            && let Some(first) = names.insert(name, named.span)
        {
            report.problem(named.span, format!("two items of `{key}` have the {label} `{name}`")).again(first);
        }
    }
}

/// The value of an entry; a null that was written is the same as no entry.
fn value(shape: Shape, entry: &Entry, report: &mut Report) {
    match entry.node.value {
        Value::Null { written: true } => {}
        Value::Null { written: false } => {
            report.problem(entry.key_span, format!("`{}` has no value", entry.key)).hint("give it one, or remove the key");
        }
        _ => check(shape, &entry.key, &entry.node, report),
    }
}

fn fields(object: &Object, node: &Node, entries: &[Entry], report: &mut Report) {
    for entry in entries {
        match object.fields.iter().find(|field| field.name == entry.key) {
            Some(field) => match field.inert {
                None => value(field.shape, entry, report),
                Some(_) if entry.node.asks_for_nothing() => {}
                Some(why) => {
                    value(field.shape, entry, report);
                    report.note(entry.key_span, format!("`{}` of {} does nothing here: {why}", entry.key, a(object.noun)));
                }
            },
            None => unknown(object, entry, report),
        }
    }
    if report.partial {
        return;
    }
    for field in object.fields.iter().filter(|field| field.required && node.get(field.name).is_none()) {
        // An entry without a value has been reported above.
        if !node.entry(field.name).is_some_and(|entry| matches!(entry.node.value, Value::Null { written: false })) {
            report.problem(node.span, format!("{} needs `{}`", a(object.noun), field.name)).hint(as_hint(field.about));
        }
    }
}

fn unknown(object: &Object, entry: &Entry, report: &mut Report) {
    let key = entry.key.as_str();
    if object.answers.contains(&key) || (object.extensions && key.starts_with("x-")) {
        return;
    }
    if let Some((_, instead)) = object.refused.iter().find(|(name, _)| *name == key) {
        if !entry.node.asks_for_nothing() {
            report.problem(entry.key_span, format!("`{key}` of {} is not supported", a(object.noun))).hint(*instead);
        }
        return;
    }
    let names = object.fields.iter().map(|field| field.name);
    let hint = report.suggest(key, names.clone()).unwrap_or_else(|| {
        let acting: Vec<&str> = object.fields.iter().filter(|field| field.inert.is_none()).map(|field| field.name).collect();
        if acting.len() > MAX_LISTED {
            return format!("`ecslocal schema` describes the keys of {}", a(object.noun));
        }
        format!("{} may have {}", a(object.noun), listed(acting))
    });
    report.problem(entry.key_span, format!("unknown key `{key}` in {}", a(object.noun))).label("unknown key").hint(hint);
}

fn attribute(attributes: &Attributes, entry: &Entry, report: &mut Report) {
    let key = entry.key.as_str();
    let Some(known) = attributes.known.iter().find(|attribute| attribute.key == key) else {
        let hint = report.suggest(key, attributes.known.iter().map(|attribute| attribute.key));
        report.problem(entry.key_span, format!("the attribute `{key}` does not exist")).hint_if(hint);
        return;
    };
    let node = &entry.node;
    let Some(text) = node.text() else {
        if matches!(node.value, Value::Unknown) {
            return;
        }
        // AWS prints attributes that are not set as empty texts.
        if !node.is_null() {
            report.problem(node.span, format!("the attribute `{key}` must be a text or a number, found {}", node.describe()));
        }
        return;
    };
    match known.rule {
        AttributeRule::Integer(min, max) if node.integer().is_none_or(|number| !(min..=max).contains(&number)) => {
            report.problem(node.span, format!("'{key}' value '{text}' must be between '{min}-{max}' inclusive"));
        }
        AttributeRule::IntegerOrOff(min, max) if text != "off" && node.integer().is_none_or(|number| !(min..=max).contains(&number)) => {
            report.problem(node.span, format!("'{key}' value '{text}' must be 'off' or between '{min}-{max}' inclusive"));
        }
        AttributeRule::Boolean if node.boolean().is_none() => {
            report.problem(node.span, format!("the attribute `{key}` must be `true` or `false`, found {}", node.describe()));
        }
        AttributeRule::OneOf(words) if !words.contains(&text) => {
            let hint = report.suggest(text, words.iter().copied());
            report
                .problem(node.span, format!("the attribute `{key}` must be {}, found {}", listed(words.iter().copied()), node.describe()))
                .hint_if(hint);
        }
        AttributeRule::Only(default) if text != default => {
            report
                .problem(node.span, format!("the attribute `{key}` is not supported yet"))
                .hint(format!("remove it, or give it its default, `{default}`"));
        }
        AttributeRule::Inert(why) => report.note(entry.key_span, format!("the attribute `{key}` does nothing here: {why}")),
        _ => {}
    }
}

/// A noun with its article.
fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// A sentence of the tables as a hint: small first letter, no final dot.
fn as_hint(about: &str) -> String {
    crate::shape::lower_first(about.strip_suffix('.').unwrap_or(about))
}
