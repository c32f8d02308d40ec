//! Which cluster a command means, and names that were nearly right.

use model::ClusterName;
use wire::local::{ClusterView, Failure, View};

use crate::end::Outcome;
use crate::print::Printer;
use crate::settings::Settings;

/// The cluster that a command means: the one named, else the manifest's, else the only one that the daemon holds.
pub(crate) fn choose(settings: &Settings, view: &View, printer: &mut Printer) -> Outcome<ClusterName> {
    if let Some(named) = &settings.cluster {
        return Ok(named.clone());
    }
    let broken = match settings.read_manifest() {
        Some(Ok(manifest)) => return Ok(manifest.desired.cluster),
        // A manifest that is being edited, or that another file completes, must not take the listings away.
        Some(Err(problems)) if problems.cluster().is_some_and(|name| find(view, name).is_some()) => {
            return problems.cluster().cloned().ok_or_else(|| Failure::input("the manifest names no cluster").into());
        }
        Some(Err(problems)) => Some(problems),
        None => None,
    };
    match view.clusters.as_slice() {
        [only] => return ClusterName::new(&only.cluster_name).map_err(|error| Failure::environment(error.to_string()).into()),
        [] => return Err(Failure::input("the daemon holds no cluster").hint("`ecslocal up -d` makes the one of cluster.yaml").into()),
        _ => {}
    }
    if let Some(problems) = broken {
        printer.talk(problems.render(printer.talk_palette().colored()).trim_end())?;
    }
    let names: Vec<&str> = view.clusters.iter().map(|cluster| cluster.cluster_name.as_str()).collect();
    Err(Failure::input(format!("there are several clusters: {}", names.join(", ")))
        .hint("choose with `--cluster NAME`, or go to a manifest's folder")
        .into())
}

/// The cluster of that name in a view.
pub(crate) fn find<'a>(view: &'a View, name: &ClusterName) -> Option<&'a ClusterView> {
    view.clusters.iter().find(|cluster| cluster.cluster_name == name.as_str())
}

/// The cluster of that name, or the failure that says which there are.
pub(crate) fn require<'a>(view: &'a View, name: &ClusterName) -> Result<&'a ClusterView, Failure> {
    find(view, name).ok_or_else(|| {
        let names: Vec<&str> = view.clusters.iter().map(|cluster| cluster.cluster_name.as_str()).collect();
        let failure = Failure::input(format!("there is no cluster `{name}`"));
        match (nearest(name.as_str(), &names), names.is_empty()) {
            (Some(near), _) => failure.hint(format!("did you mean `--cluster {near}`?")),
            (None, true) => failure.hint("`ecslocal up -d` makes the one of cluster.yaml"),
            (None, false) => failure.hint(format!("there are: {}", names.join(", "))),
        }
    })
}

/// That there is no such service, with the one that was probably meant.
pub(crate) fn unknown_service(name: &str, cluster: &ClusterView) -> Failure {
    let names: Vec<&str> = cluster.services.iter().map(|service| service.service_name.as_str()).collect();
    let failure = Failure::input(format!("the cluster `{}` has no service `{name}`", cluster.cluster_name));
    match nearest(name, &names) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => failure.hint("it has no services"),
        None => failure.hint(format!("its services: {}", names.join(", "))),
    }
}

/// The name that is most like what was typed, if any is like it.
fn nearest<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    let close = |name: &&&str| strsim::damerau_levenshtein(typed, name) <= 1 + typed.chars().count() / 4;
    names.iter().filter(close).min_by_key(|name| strsim::damerau_levenshtein(typed, name)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_name_nearly_right_is_offered() {
        let view = sample::view();
        let cluster = &view.clusters[0];
        for (name, hint) in [("post", "did you mean `posts`?"), ("psots", "did you mean `posts`?"), ("billing", "its services: posts, users")] {
            assert_eq!(unknown_service(name, cluster).hint.as_deref(), Some(hint), "{name}");
        }
        let failure = require(&view, &ClusterName::new("tutorail").unwrap()).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("did you mean `--cluster tutorial`?"));
    }
}
