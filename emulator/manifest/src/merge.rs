//! One tree laid over another: mappings by key, lists of named things by name, everything else replaced.

use std::collections::HashMap;

use crate::node::{Entry, Node, Value};
use crate::shape::{List, Shape};

/// Lays `over` on `base`.
pub(crate) fn merge(shape: Shape, base: &mut Node, over: Node) {
    match (shape, &mut base.value, over.value) {
        (Shape::Object(_) | Shape::TextOr(_) | Shape::Map | Shape::Attributes(_), Value::Map(entries), Value::Map(later)) => {
            merge_entries(shape, entries, later);
        }
        (Shape::List(List { item, key: Some(key), .. }), Value::List(items), Value::List(later)) => merge_items(*item, key, items, later),
        (_, _, value) => *base = Node { value, span: over.span },
    }
}

fn merge_entries(shape: Shape, entries: &mut Vec<Entry>, later: Vec<Entry>) {
    let places: HashMap<String, usize> = entries.iter().enumerate().map(|(index, entry)| (entry.key.clone(), index)).collect();
    for over in later {
        let Some(found) = places.get(&over.key).and_then(|index| entries.get_mut(*index)) else {
            entries.push(over);
            continue;
        };
        let below = match shape {
            Shape::Object(object) | Shape::TextOr(object) => object.field(&over.key).map_or(Shape::Anything, |field| field.shape),
            _ => Shape::Text,
        };
        merge(below, &mut found.node, over.node);
        found.key_span = over.key_span;
    }
}

fn merge_items(shape: Shape, key: &str, items: &mut Vec<Node>, later: Vec<Node>) {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(name) = item.text_of(key) {
            places.entry(name.to_owned()).or_insert(index);
        }
    }
    for item in later {
        match item.text_of(key).and_then(|name| places.get(name)).and_then(|index| items.get_mut(*index)) {
            Some(found) => merge(shape, found, item),
            None => items.push(item),
        }
    }
}
