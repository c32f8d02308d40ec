//! What the containers of a task definition wait for: `dependsOn`, `links` and `volumesFrom` (ecs.md 1.2, 2.4).

use std::collections::{BTreeMap, BTreeSet};

use crate::node::Node;
use crate::problem::Report;
use crate::read::links;

/// Names that must exist, conditions, circles.
pub(super) fn check(definition: &Node, report: &mut Report) {
    let containers = definition.list("containerDefinitions");
    let by_name: BTreeMap<&str, &Node> = containers.iter().filter_map(|container| Some((container.text_of("name")?, container))).collect();
    for container in containers {
        for dependency in container.list("dependsOn") {
            let Some(node) = dependency.get("containerName") else { continue };
            let Some(name) = node.text() else { continue };
            if let Some(target) = exists(name, node, &by_name, report) {
                condition(dependency, name, target, report);
            }
        }
        for node in container.list("volumesFrom").iter().filter_map(|item| item.get("sourceContainer")) {
            node.text().and_then(|name| exists(name, node, &by_name, report));
        }
        for link in container.list("links") {
            links::parts(link).and_then(|(name, _)| exists(name, link, &by_name, report));
        }
    }
    circles(&by_name, report);
}

fn exists<'a>(name: &str, place: &Node, by_name: &BTreeMap<&str, &'a Node>, report: &mut Report) -> Option<&'a Node> {
    let found = by_name.get(name).copied();
    if found.is_none() {
        let hint = report.suggest(name, by_name.keys().copied());
        report.problem(place.span, format!("the container `{name}` is not in this task definition")).label("no such container").hint_if(hint);
    }
    found
}

fn condition(dependency: &Node, name: &str, target: &Node, report: &mut Report) {
    let Some(node) = dependency.get("condition") else { return };
    let essential = target.boolean_of("essential").unwrap_or(true);
    match node.text() {
        Some(condition @ ("COMPLETE" | "SUCCESS")) if essential => {
            report
                .problem(node.span, format!("`{condition}` waits for the end of container `{name}`, which is essential: its end is the task's"))
                .hint(format!("give `{name}` `essential: false`"));
        }
        Some("HEALTHY") if target.get("healthCheck").is_none() => {
            report
                .problem(node.span, format!("`HEALTHY` waits for container `{name}`, which has no `healthCheck`"))
                .hint(format!("give `{name}` one"));
        }
        _ => {}
    }
}

/// The containers that must come before this one.
fn before(container: &Node) -> impl Iterator<Item = &str> {
    let listed = container.list("dependsOn").iter().filter_map(|item| item.text_of("containerName"));
    let listed = listed.chain(container.list("volumesFrom").iter().filter_map(|item| item.text_of("sourceContainer")));
    listed.chain(container.list("links").iter().filter_map(|link| Some(links::parts(link)?.0)))
}

/// Reports each circle once, at the first of its members by name.
fn circles(by_name: &BTreeMap<&str, &Node>, report: &mut Report) {
    let next = |name: &str| by_name.get(name).into_iter().flat_map(|node| before(node));
    let mut known: BTreeSet<&str> = BTreeSet::new();
    // More containers than a task definition may have is a problem of its own; the search is not for thousands.
    if by_name.len() > 100 {
        return;
    }
    for start in by_name.keys().copied() {
        // Every path from `start`, each container once; the containers before it in a chain lead back to the circle's words.
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut waiting = vec![start];
        while let Some(name) = waiting.pop() {
            for following in next(name).filter(|following| by_name.contains_key(following)) {
                if following == start && !known.contains(start) {
                    let mut chain = vec![start, name];
                    while let Some(previous) = chain.last().and_then(|last| before.get(last)).filter(|_| chain.last() != Some(&start)) {
                        chain.push(previous);
                    }
                    chain.reverse();
                    if chain.first() != Some(&start) {
                        chain.insert(0, start);
                    }
                    known.extend(chain.iter().copied());
                    chain.dedup();
                    report_circle(by_name, &chain, report);
                } else if following != start && !before.contains_key(following) {
                    before.insert(following, name);
                    waiting.push(following);
                }
            }
        }
    }
}

fn report_circle(by_name: &BTreeMap<&str, &Node>, chain: &[&str], report: &mut Report) {
    let Some(node) = chain.first().and_then(|name| by_name.get(name)) else { return };
    let words = if chain.len() == 1 { [chain, chain].concat() } else { chain.to_vec() };
    let members = || chain.iter().filter_map(|name| by_name.get(name));
    let keys: Vec<String> = ["dependsOn", "links", "volumesFrom"]
        .into_iter()
        .filter(|key| *key == "dependsOn" || members().any(|node| !node.list(key).is_empty()))
        .map(|key| format!("`{key}`"))
        .collect();
    let what = format!("{} {}", keys.join(" and "), if keys.len() == 1 { "goes" } else { "go" });
    let place = ["dependsOn", "links", "volumesFrom"].into_iter().find_map(|key| node.get(key)).unwrap_or(node).span;
    report
        .problem(place, format!("{what} in a circle: {}", words.join(" -> ")))
        .hint("none of them could ever start; remove one of these dependencies");
}
