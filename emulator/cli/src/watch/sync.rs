//! Which saved files are copied into containers, and which need a build.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use context::IgnoreFile;
use model::{SyncAction, SyncRule};

use super::files::Fate;

/// Files to copy, with where each is in the container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copies {
    /// By where each is on this machine.
    pub(crate) files: BTreeMap<PathBuf, String>,
    /// New tasks are to have them, rather than those that run.
    pub(crate) restart: bool,
}

/// What of a build context is copied into a container with these rules; `None` where something of it needs a build, which has the rest as well:
/// what no rule covers, what is gone, a link, an empty folder, and what the build itself is described by.
pub(crate) fn decide(rules: &[SyncRule], (root, dockerfile): (&Path, &str), changed: &[(&Path, Fate)]) -> Option<Copies> {
    let recipe = root.join(dockerfile);
    let of_build = |path: &Path| path == recipe || path == root.join(".dockerignore") || path == root.join(format!("{dockerfile}.dockerignore"));
    let mut copies = Copies::default();
    for &(path, fate) in changed {
        match fate {
            Fate::Written if !of_build(path) => {
                let (rule, inside) = covering(rules, path)?;
                let target = rule.target.as_ref().filter(|_| rule.action != SyncAction::Rebuild)?;
                // A rule for one file names it on both sides.
                let target = if inside.as_os_str().is_empty() { PathBuf::from(target) } else { Path::new(target).join(inside) };
                // The daemon is told both in JSON.
                copies.files.insert(path.to_str()?.into(), target.to_str()?.to_owned());
                copies.restart |= rule.action == SyncAction::SyncAndRestart;
            }
            // It comes with what is in it.
            Fate::Made if changed.iter().any(|(file, fate)| *fate == Fate::Written && file.starts_with(path)) => {}
            Fate::Written | Fate::Made | Fate::Linked | Fate::Gone => return None,
        }
    }
    (!copies.files.is_empty()).then_some(copies)
}

/// The rule with the longest path that covers a path, the first of several, and the path inside it.
fn covering<'a>(rules: &'a [SyncRule], path: &'a Path) -> Option<(&'a SyncRule, &'a Path)> {
    let mut best: Option<(&SyncRule, &Path)> = None;
    for rule in rules {
        let Ok(inside) = path.strip_prefix(&rule.path) else { continue };
        // The manifest's reader has seen that the patterns make sense.
        let ignored = IgnoreFile::new(&rule.ignore.join("\n")).map_or(true, |ignore| ignore.ignores(inside, false));
        if !ignored && best.is_none_or(|(known, _)| known.path.len() < rule.path.len()) {
            best = Some((rule, inside));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, target: &str, action: SyncAction, ignore: &[&str]) -> SyncRule {
        let target = (!target.is_empty()).then(|| target.to_owned());
        SyncRule {
            path: format!("/c/{path}").trim_end_matches('/').to_owned(),
            target,
            action,
            ignore: ignore.iter().map(|&one| one.to_owned()).collect(),
        }
    }

    /// Changes as `path`, `-path` (gone), `path/` (a folder), `@path` (a link); what is copied as `path=target`, with `restart` last.
    fn told(rules: &[SyncRule], changes: &str) -> String {
        let changes: Vec<(PathBuf, Fate)> = changes
            .split(' ')
            .map(|word| match (word.strip_prefix('-'), word.strip_prefix('@'), word.strip_suffix('/')) {
                (Some(path), ..) => (Path::new("/c").join(path), Fate::Gone),
                (_, Some(path), _) => (Path::new("/c").join(path), Fate::Linked),
                (.., Some(path)) => (Path::new("/c").join(path), Fate::Made),
                _ => (Path::new("/c").join(word), Fate::Written),
            })
            .collect();
        let changes: Vec<(&Path, Fate)> = changes.iter().map(|(path, fate)| (path.as_path(), *fate)).collect();
        let Some(copies) = decide(rules, (Path::new("/c"), "Dockerfile"), &changes) else { return "build".into() };
        let files = copies.files.iter().map(|(path, target)| format!("{}={target}", path.strip_prefix("/c").unwrap().display()));
        files.chain(copies.restart.then(|| "restart".to_owned())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_rules_cover_is_copied_and_all_else_is_built() {
        let all = [
            rule("", "/app", SyncAction::Sync, &["node_modules", "**/*.test.js"]),
            rule("conf", "/etc/app", SyncAction::SyncAndRestart, &[]),
            rule("package.json", "", SyncAction::Rebuild, &[]),
            rule("one.txt", "/other/name.txt", SyncAction::Sync, &[]),
        ];
        for (changes, expected) in [
            ("server.js", "server.js=/app/server.js"),
            ("a/b/c.js server.js", "a/b/c.js=/app/a/b/c.js server.js=/app/server.js"),
            ("one.txt", "one.txt=/other/name.txt"),
            ("conf/a.conf", "conf/a.conf=/etc/app/a.conf restart"),
            ("conf/a.conf server.js", "conf/a.conf=/etc/app/a.conf server.js=/app/server.js restart"),
            ("package.json", "build"),
            ("server.js package.json", "build"),
            ("node_modules/x/index.js", "build"),
            ("a/b.test.js server.js", "build"),
            ("Dockerfile", "build"),
            (".dockerignore", "build"),
            ("Dockerfile.dockerignore server.js", "build"),
            ("-old.js", "build"),
            ("server.js -old.js", "build"),
            ("@link", "build"),
            ("empty/", "build"),
            ("views/ views/deep/ views/deep/page.html", "views/deep/page.html=/app/views/deep/page.html"),
            ("views/ server.js", "build"),
        ] {
            assert_eq!(told(&all, changes), expected, "{changes}");
        }
        assert_eq!(told(&all[1..], "config/a server.js"), "build", "a name that begins alike is another one");
        assert_eq!(told(&[], "server.js"), "build");
    }
}
