//! Container instances (ecs.md 6).

use std::collections::BTreeMap;

use model::container_instance::{MAX_ATTRIBUTES, is_attribute_name, is_attribute_value};
use model::{Endpoint, EngineName, InstanceName, InstanceSpec};

use crate::node::Node;
use crate::problem::Report;

/// Attributes that every instance has: another value for one of them is none of a user's own.
const BUILT_IN: &str = "ecs.";

pub(super) fn read(node: &Node, report: &mut Report) -> Option<(InstanceName, InstanceSpec)> {
    let name: Option<InstanceName> = super::name_under(node, "name", report);
    let attributes = attributes(node, report);
    let engine = engine(node, report);
    let name = name?;
    let spec =
        InstanceSpec { name: name.clone(), engine: engine?, cpu: node.integer_of("cpu"), memory: node.integer_of("memory"), attributes: attributes? };
    Some((name, spec))
}

fn engine(node: &Node, report: &mut Report) -> Option<EngineName> {
    let Some(text) = node.text_of("endpoint") else { return Some(EngineName::own()) };
    if let Err(why) = text.parse::<Endpoint>() {
        let problem = report.problem(super::place(node, "endpoint"), why);
        problem.hint("without `endpoint` the instance is on the engine of this machine, as `DOCKER_HOST` or the Docker context says");
        return None;
    }
    Some(EngineName::at(text))
}

fn attributes(node: &Node, report: &mut Report) -> Option<BTreeMap<String, String>> {
    let mut read = BTreeMap::new();
    let mut sound = true;
    for entry in node.get("attributes").map(Node::entries).unwrap_or_default() {
        let value = entry.node.text()?;
        if !is_attribute_name(&entry.key) {
            report.problem(entry.key_span, format!("`{}` is not the name of an attribute", entry.key)).hint("1 to 128 letters, digits and `-_/.\\`");
            sound = false;
        } else if !is_attribute_value(value) {
            report
                .problem(entry.node.span, format!("`{value}` is not the value of an attribute"))
                .hint("1 to 128 letters, digits and `-_.@/\\:`, with spaces in between");
            sound = false;
        }
        read.insert(entry.key.clone(), value.to_owned());
    }
    let own = read.keys().filter(|name| !name.starts_with(BUILT_IN)).count();
    if own > MAX_ATTRIBUTES {
        let message = format!("a container instance has at most {MAX_ATTRIBUTES} attributes of its own, this one has {own}");
        report.problem(super::place(node, "attributes"), message);
        sound = false;
    }
    sound.then_some(read)
}
