//! What `up --watch` copies into containers.

use std::collections::BTreeMap;
use std::path::Path;

use context::IgnoreFile;
use model::{ContainerName, Family, SyncAction, SyncRule};

use super::Reader;
use crate::files::normalise;
use crate::node::Node;

/// The rules of all containers that have some. What cannot be read was reported.
pub(super) fn all(definitions: &[Node], reader: &mut Reader<'_>) -> BTreeMap<Family, BTreeMap<ContainerName, Vec<SyncRule>>> {
    let mut all: BTreeMap<Family, BTreeMap<ContainerName, Vec<SyncRule>>> = BTreeMap::new();
    for definition in definitions {
        let family = definition.text_of("family").and_then(|text| text.parse::<Family>().ok());
        for container in definition.list("containerDefinitions") {
            let rules = of(container, reader);
            let name = container.text_of("name").and_then(|text| text.parse::<ContainerName>().ok());
            if let (Some(family), Some(name), false) = (&family, name, rules.is_empty()) {
                all.entry(family.clone()).or_default().insert(name, rules);
            }
        }
    }
    all
}

fn of(container: &Node, reader: &mut Reader<'_>) -> Vec<SyncRule> {
    let items = container.list("watch");
    let Some(first) = items.first() else { return Vec::new() };
    let Some(build) = container.get("build") else {
        let problem = reader.report.problem(first.span, "`watch` needs a `build` beside it");
        problem.hint("what is copied must be in the next image as well; `build` names the folder that it is made from");
        return Vec::new();
    };
    if container.boolean_of("readonlyRootFilesystem") == Some(true) {
        let copies = |item: &&Node| item.text_of("action").is_some_and(|action| action != "rebuild");
        if let Some(item) = items.iter().find(copies) {
            let problem = reader.report.problem(item.span, "nothing can be copied into a container with `readonlyRootFilesystem: true`");
            problem.hint("remove one of the two, or let its action be `rebuild`");
        }
    }
    let place = if build.is_map() { build.get("context") } else { Some(build) };
    let context = place.and_then(|place| Some(normalise(&reader.files.folder(place.span.file).join(place.text()?))));
    items.iter().filter_map(|item| rule(item, (container, context.as_deref()), reader)).collect()
}

fn rule(item: &Node, (container, context): (&Node, Option<&Path>), reader: &mut Reader<'_>) -> Option<SyncRule> {
    let action = SyncAction::named(item.text_of("action")?)?;
    let path = path(item.get("path")?, context?, reader);
    let target = target(item, container, action, reader);
    let mut ignore = Vec::new();
    for pattern in item.list("ignore") {
        let Some(text) = pattern.text() else { continue };
        if let Err(why) = IgnoreFile::new(text) {
            reader.report.problem(pattern.span, why).hint("a pattern is one of a `.dockerignore`, such as `**/*.test.js`");
        }
        ignore.push(text.to_owned());
    }
    Some(SyncRule { path: path?, target: target?, action, ignore })
}

fn path(node: &Node, context: &Path, reader: &mut Reader<'_>) -> Option<String> {
    let text = node.text()?;
    let absolute = normalise(&reader.files.folder(node.span.file).join(text));
    if !absolute.starts_with(context) {
        let message = format!("`{text}` is not inside the build context `{}`", context.display());
        reader.report.problem(node.span, message).hint("a path relative to this file: a later build must have the files, too");
        return None;
    }
    let absolute = absolute.to_str().map(str::to_owned);
    if absolute.is_none() {
        reader.report.problem(node.span, "the absolute path is not UTF-8");
    }
    absolute
}

/// `None` where it is not right.
fn target(item: &Node, container: &Node, action: SyncAction, reader: &mut Reader<'_>) -> Option<Option<String>> {
    let node = item.get("target");
    let report = &mut *reader.report;
    if action == SyncAction::Rebuild {
        if let Some(node) = node {
            report.problem(node.span, "`target` has no meaning with `rebuild`").hint("remove it: the Dockerfile says where things go");
        }
        return Some(None);
    }
    let Some(node) = node else {
        report.problem(item.span, "`target` is missing").hint("where the image has these files, for example `target: /app`");
        return None;
    };
    let text = node.text()?;
    let absolute = normalise(Path::new(text));
    let Some(normal) = absolute.to_str().filter(|normal| normal.len() > 1 && text.starts_with('/')) else {
        report.problem(node.span, format!("`{text}` is no absolute path of a container")).hint("for example `/app`");
        return None;
    };
    let mounted = container.list("mountPoints").iter().filter_map(|mount| mount.get("containerPath"));
    if mounted.filter_map(Node::text).any(|path| absolute.starts_with(path)) {
        let problem = report.problem(node.span, format!("`{text}` is in a volume, which outlives containers"));
        problem.hint("what is copied must go with the container: name a path outside of its mount points");
    }
    Some(Some(normal.to_owned()))
}
