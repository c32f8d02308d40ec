//! `.dockerignore`: Docker's patterns, matched with the matcher of `.gitignore`.

use std::path::{Component, Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Which paths of a build context stay at home.
#[derive(Debug)]
pub struct IgnoreFile {
    patterns: Gitignore,
    has_exceptions: bool,
}

impl IgnoreFile {
    /// Reads the file's text.
    ///
    /// # Errors
    /// A sentence naming the pattern that makes no sense.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new("");
        let mut has_exceptions = false;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let Some((exception, pattern)) = pattern(line) else { continue };
            has_exceptions |= exception;
            let mark = if exception { "!" } else { "" };
            // The thing itself, and all that is in it.
            for rule in [format!("{mark}/{pattern}"), format!("{mark}/{pattern}/**")] {
                builder.add_line(None, &rule).map_err(|error| format!("pattern `{line}`: {error}"))?;
            }
        }
        let patterns = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { patterns, has_exceptions })
    }

    /// Whether the path, relative to the context, stays at home.
    #[must_use]
    pub fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        self.patterns.matched(path, is_folder).is_ignore()
    }

    /// Whether something below an ignored folder may yet be wanted.
    #[must_use]
    pub const fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }
}

/// What a line says, and whether it is an exception (`!`). `None` for a comment and for nothing.
fn pattern(line: &str) -> Option<(bool, String)> {
    if line.starts_with('#') {
        return None;
    }
    let line = line.trim();
    let (exception, text) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    let mut clean = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let clean = clean.to_string_lossy().into_owned();
    // A `.` has no effect, as in Docker.
    (!clean.is_empty()).then_some((exception, clean))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, ignored: &[&str], kept: &[&str]) {
        let file = IgnoreFile::new(text).unwrap();
        for (paths, expected) in [(ignored, true), (kept, false)] {
            for path in paths {
                assert_eq!(file.ignores(Path::new(path), false), expected, "{text:?} {path}");
            }
        }
    }

    #[test]
    fn patterns_mean_what_they_mean_to_docker() {
        check("", &[], &["a", ".git/config"]);
        check("# comment\n\n  node_modules  \n", &["node_modules", "node_modules/a/b.js"], &["sub/node_modules/a", "# comment"]);
        check("/a\n./b\nc/\n", &["a", "b", "c/d"], &["x/a", "x/c/d"]);
        check("**/target", &["target", "target/a", "x/target/b", "x/y/target"], &["x/targets"]);
        check("*.log", &["a.log"], &["sub/a.log"]);
        check("**/*.log", &["a.log", "sub/a.log"], &["a.logs"]);
        check("a/tmp?", &["a/tmp1", "a/tmp1/x"], &["a/tmp", "tmp1"]);
        check("*\n!src\n!package.json", &["README.md", "lib/a"], &["src", "src/a/b.js", "package.json"]);
        check("docs\n!docs/keep.md\ndocs/keep.md", &["docs/a", "docs/keep.md"], &["doc"]);
        check("docs/**\n!docs/api/keep.md", &["docs/a", "docs/api/b"], &["docs/api/keep.md"]);
        check("a/../b\n! c \n.", &["b"], &["a", "c", "d"]);
    }
}
