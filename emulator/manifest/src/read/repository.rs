//! A repository (ecs.md 10): its name alone, or as in CreateRepository.

use std::collections::BTreeMap;

use model::{LifecyclePolicy, RepositoryName, RepositorySpec, TagMutability, TagRule};

use super::place;
use crate::node::{Node, Span};
use crate::problem::Report;

/// All of them. Two of one name are a problem, however they are written.
pub(super) fn all(items: &[Node], report: &mut Report) -> BTreeMap<RepositoryName, RepositorySpec> {
    let mut known = BTreeMap::new();
    let mut places: BTreeMap<RepositoryName, (Span, bool)> = BTreeMap::new();
    for item in items {
        let at = place(item, "repositoryName");
        let Some((name, spec)) = read(item, report) else { continue };
        // Of two mappings it was reported where the shapes were checked.
        let again = places.insert(name.clone(), (at, item.is_map())).filter(|(_, mapping)| !(*mapping && item.is_map()));
        if let Some((first, _)) = again {
            report.problem(at, format!("two items of `repositories` have the repositoryName `{name}`")).again(first);
        }
        known.insert(name, spec);
    }
    known
}

fn read(node: &Node, report: &mut Report) -> Option<(RepositoryName, RepositorySpec)> {
    if !node.is_map() {
        return super::name(node, report).map(|name| (name, RepositorySpec::default()));
    }
    let name = super::name_under(node, "repositoryName", report);
    let filters = node.list("imageTagMutabilityExclusionFilters").iter().filter_map(|filter| filter.text_of("filter").map(str::to_owned));
    let mutability = node.text_of("imageTagMutability").and_then(TagMutability::named).unwrap_or_default();
    let tag_rule = match TagRule::new(mutability, filters.collect()) {
        Ok(rule) => Some(rule),
        Err(why) => {
            let key =
                if node.get("imageTagMutabilityExclusionFilters").is_some() { "imageTagMutabilityExclusionFilters" } else { "imageTagMutability" };
            report.problem(place(node, key), why);
            None
        }
    };
    let policy = node.get("lifecyclePolicyText").and_then(|text| Some((text.text()?, text.span)));
    let lifecycle_policy = match policy.map(|(text, span)| (LifecyclePolicy::parse(text), span)) {
        None => Some(None),
        Some((Ok(policy), _)) => Some(Some(policy)),
        Some((Err(why), span)) => {
            report.problem(span, format!("this lifecycle policy cannot be: {why}")).hint("write it as `lifecyclePolicyText: |`, with its JSON below");
            None
        }
    };
    let scan_on_push = node.get("imageScanningConfiguration").and_then(|scanning| scanning.boolean_of("scanOnPush")).unwrap_or(false);
    let tag = |tag: &Node| Some((tag.text_of("key")?.to_owned(), tag.text_of("value").unwrap_or_default().to_owned()));
    let tags = node.list("tags").iter().filter_map(tag).collect();
    Some((name?, RepositorySpec { tag_rule: tag_rule?, scan_on_push, lifecycle_policy: lifecycle_policy?, tags }))
}
