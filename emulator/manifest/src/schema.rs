//! The JSON Schema (draft 2020-12) of a manifest, made from the same tables that check it. It is a little wider than the check:
//! any value may be a text with a variable in it.

use serde_json::{Map, Value, json};

use crate::keys::MANIFEST;
use crate::shape::{Attribute, AttributeRule, Attributes, Field, List, Object, Shape, upper_first};

/// Where a value holds a variable, nothing can be said of it before it is substituted.
const VARIABLE: &str = "\\$";

/// The schema as pretty JSON, with a line's end.
pub(crate) fn schema() -> String {
    let mut definitions = Map::new();
    let Value::Object(body) = object(&MANIFEST, &mut definitions) else { return String::new() };
    let mut root = Map::new();
    root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".into(), json!("cluster.yaml of ecslocal"));
    root.insert(
        "description".into(),
        json!("One Amazon ECS cluster with its load balancers, in the names and shapes of the AWS API. `ecslocal validate` checks more than this schema can."),
    );
    root.extend(body);
    root.insert("$defs".into(), Value::Object(definitions));
    let mut root = Value::Object(root);
    // One order, whichever features of serde_json the rest of a build turns on.
    root.sort_all_objects();
    serde_json::to_string_pretty(&root).unwrap_or_default() + "\n"
}

fn shape(shape: Shape, definitions: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Integer(range) => {
            let mut value = json!({ "type": ["integer", "string"], "minimum": range.min, "pattern": VARIABLE });
            if range.quoted {
                value["pattern"] = json!(format!("{VARIABLE}|^[0-9]+$"));
            }
            if range.max != i64::MAX {
                value["maximum"] = json!(range.max);
            }
            value
        }
        Shape::Number => json!({ "type": ["number", "string"], "pattern": VARIABLE }),
        Shape::Boolean => json!({ "type": ["boolean", "string"], "pattern": VARIABLE }),
        Shape::Choice(choice) => words(choice.accepted),
        Shape::List(list) => items(list, definitions),
        Shape::Map => json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } }),
        Shape::Object(object) => reference(object, definitions),
        Shape::TextOr(object) => json!({ "anyOf": [{ "type": "string" }, reference(object, definitions)] }),
        Shape::Attributes(all) => attributes(all, definitions),
        Shape::Anything => json!(true),
    }
}

/// One of some words; `true` and `false` are also booleans.
fn words(accepted: &[&str]) -> Value {
    let mut all: Vec<Value> = accepted.iter().map(|word| json!(word)).collect();
    all.extend(accepted.iter().filter_map(|word| word.parse::<bool>().ok()).map(|word| json!(word)));
    json!({ "anyOf": [{ "enum": all }, { "type": "string", "pattern": VARIABLE }] })
}

fn items(list: &List, definitions: &mut Map<String, Value>) -> Value {
    let mut item = shape(list.item, definitions);
    if list.include {
        let file = json!({
            "type": "object",
            "description": "A file of JSON or YAML with one of these, or a list of them; other keys are laid over it.",
            "properties": { "file": { "type": "string", "description": "A path relative to this file." } },
            "required": ["file"],
        });
        item = json!({ "anyOf": [item, file] });
    }
    let mut value = json!({ "type": "array", "items": item });
    if list.min > 0 {
        value["minItems"] = json!(list.min);
    }
    value
}

/// `{"$ref": …}`, after the definition has been made.
fn reference(wanted: &Object, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(wanted.id) {
        definitions.insert(wanted.id.into(), Value::Null);
        let made = object(wanted, definitions);
        definitions.insert(wanted.id.into(), made);
    }
    json!({ "$ref": format!("#/$defs/{}", wanted.id) })
}

fn object(wanted: &Object, definitions: &mut Map<String, Value>) -> Value {
    let (mut properties, mut patterns, mut required) = (Map::new(), Map::new(), Vec::new());
    for field in wanted.fields {
        let value = described(field, definitions);
        let spellings = spellings(wanted, field);
        if field.required {
            required.push(match spellings.as_slice() {
                [only] => json!({ "required": [only] }),
                several => json!({ "anyOf": several.iter().map(|name| json!({ "required": [name] })).collect::<Vec<_>>() }),
            });
        }
        for name in spellings.into_iter().filter(|name| name != field.name) {
            patterns.insert(format!("^{name}$"), value.clone());
        }
        properties.insert(field.name.into(), value);
    }
    if wanted.extensions {
        patterns.insert("^x-".into(), json!({ "description": "Left alone: a place for anchors." }));
    }
    let mut value = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !patterns.is_empty() {
        value["patternProperties"] = Value::Object(patterns);
    }
    if !required.is_empty() {
        value["allOf"] = Value::Array(required);
    }
    value
}

/// Every way to write a key.
fn spellings(wanted: &Object, field: &Field) -> Vec<String> {
    let mut all: Vec<String> = std::iter::once(field.name).chain(field.aliases.iter().copied()).map(str::to_owned).collect();
    if wanted.either_case {
        let capitals: Vec<String> = all.iter().map(|name| upper_first(name)).collect();
        all.extend(capitals);
    }
    all
}

fn described(field: &Field, definitions: &mut Map<String, Value>) -> Value {
    let mut value = match field.shape {
        Shape::Anything => json!({}),
        known => shape(known, definitions),
    };
    let about = field.inert.map_or_else(|| field.about.to_owned(), |why| format!("Accepted without effect: {why}."));
    if let Value::Object(map) = &mut value {
        map.insert("description".into(), json!(about));
    }
    value
}

fn attributes(all: &Attributes, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<String, Value> = all.known.iter().map(|known| (known.key.to_owned(), attribute(known))).collect();
    definitions.insert(
        all.id.into(),
        json!({
            "anyOf": [
                { "type": "object", "properties": properties, "additionalProperties": false },
                { "type": "array", "items": { "type": "object", "patternProperties": { "^[Kk]ey$": { "enum": all.known.iter().map(|known| known.key).collect::<Vec<_>>() }, "^[Vv]alue$": {} }, "additionalProperties": false } },
            ],
        }),
    );
    json!({ "$ref": format!("#/$defs/{}", all.id) })
}

fn attribute(known: &Attribute) -> Value {
    let about = |why: &str| format!("{} Accepted without effect: {why}.", known.about);
    match known.rule {
        AttributeRule::Integer(min, max) => {
            json!({ "type": ["integer", "string"], "minimum": min, "maximum": max, "pattern": "\\$|^[0-9]+$", "description": known.about })
        }
        AttributeRule::IntegerOrOff(min, max) => {
            json!({ "type": ["integer", "string"], "minimum": min, "maximum": max, "pattern": "\\$|^[0-9]+$|^off$", "description": known.about })
        }
        AttributeRule::Boolean => json!({ "enum": [true, false, "true", "false"], "description": known.about }),
        AttributeRule::Text => json!({ "type": ["string", "integer", "boolean"], "description": known.about }),
        AttributeRule::OneOf(accepted) => json!({ "enum": accepted, "description": known.about }),
        AttributeRule::Only(default) => {
            json!({ "type": ["string", "integer", "boolean"], "description": format!("{} Only `{default}` is supported.", known.about) })
        }
        AttributeRule::Inert(why) => json!({ "type": ["string", "integer", "boolean"], "description": about(why) }),
    }
}
