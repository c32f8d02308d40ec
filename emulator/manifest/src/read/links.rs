//! `links` of a container definition (ecs.md 1.2).

use model::{ContainerLink, ContainerName, NetworkMode};

use super::fargate;
use crate::node::Node;
use crate::problem::Report;

/// The parts of a link: the container, and what it is called.
pub(crate) fn parts(link: &Node) -> Option<(&str, &str)> {
    let text = link.text()?;
    let (name, alias) = text.split_once(':').unwrap_or((text, text));
    (!name.is_empty() && !alias.is_empty() && !alias.contains(':')).then_some((name, alias))
}

/// `None` when an item cannot be read, which has been reported.
pub(super) fn read(container: &Node, report: &mut Report) -> Option<Vec<ContainerLink>> {
    let links: Vec<_> = container.list("links").iter().map(|link| read_one(link, report)).collect();
    links.into_iter().collect()
}

fn read_one(link: &Node, report: &mut Report) -> Option<ContainerLink> {
    let text = link.text()?;
    let Some((name, alias)) = parts(link) else {
        report.problem(link.span, format!("invalid link format: `{text}`")).hint("`name`, or `name:alias`");
        return None;
    };
    if !alias.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        report.problem(link.span, format!("`{alias}` is not a host's name")).hint("letters, digits, hyphens, underscores and dots");
    }
    match ContainerName::new(name) {
        Ok(container_name) => Some(ContainerLink { container_name, alias: alias.to_owned() }),
        Err(error) => {
            report.problem(link.span, error.to_string());
            None
        }
    }
}

/// Links belong to containers with a network of their own; a container without any has neither links nor ports.
pub(super) fn check(definition: &Node, mode: NetworkMode, report: &mut Report) {
    for container in definition.list("containerDefinitions") {
        let asked = |key: &str| container.entry(key).filter(|entry| !entry.node.asks_for_nothing());
        // On Fargate they are refused in any mode.
        if let Some(entry) = asked("links").filter(|_| mode != NetworkMode::Bridge && !fargate::is_asked(definition)) {
            let instead = if mode == NetworkMode::None { "" } else { ": the containers of a task reach each other on 127.0.0.1" };
            report
                .problem(entry.key_span, format!("`links` of a container definition is not supported when networkMode={}", mode.as_str()))
                .hint(format!("remove it{instead}"));
        }
        if container.boolean_of("disableNetworking") == Some(true) {
            // Ports in `none` mode have been reported.
            let keys = if mode == NetworkMode::None { &["links"][..] } else { &["links", "portMappings"] };
            for entry in keys.iter().filter_map(|key| asked(key)) {
                report
                    .problem(entry.key_span, format!("a container with `disableNetworking: true` has no network for its `{}`", entry.key))
                    .hint("remove one of the two");
            }
        }
    }
}
