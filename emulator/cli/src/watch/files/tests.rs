use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A context with a Dockerfile and two files, one of them ignored, and a file beside it.
struct Lab {
    folder: tempfile::TempDir,
    interest: Interest,
    last: Look,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("users");
        fs::create_dir_all(root.join("lib")).unwrap();
        for (name, text) in [("Dockerfile", "FROM x"), (".dockerignore", "*.log\nout"), ("server.js", "1"), ("lib/a.js", "a"), ("debug.log", "")] {
            fs::write(root.join(name), text).unwrap();
        }
        fs::write(folder.path().join("cluster.yaml"), "cluster: c").unwrap();
        let file = |name: &str| Subject::File(folder.path().join(name));
        let interest = Interest::from([Subject::Context { root, dockerfile: "Dockerfile".into() }, file("cluster.yaml"), file(".env")]);
        let last = look(&interest, &Look::default());
        Self { folder, interest, last }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What has changed since the last time.
    fn changed(&mut self) -> Vec<String> {
        let now = look(&self.interest, &self.last);
        let shown = |changed: Changed| {
            let path = changed.path.strip_prefix(self.folder.path()).unwrap().display().to_string();
            if changed.fate == Fate::Gone { format!("- {path}") } else { path }
        };
        let found = differences(&self.last, &now).into_iter().map(shown).collect();
        self.last = now;
        found
    }
}

#[test]
fn a_save_is_seen_and_one_without_a_difference_is_none() {
    let mut lab = Lab::new();
    let nothing: [&str; 0] = [];
    assert_eq!(lab.changed(), nothing);
    fs::write(lab.path("users/server.js"), "2").unwrap();
    assert_eq!(lab.changed(), ["users/server.js"]);
    fs::write(lab.path("users/server.js"), "2").unwrap();
    assert_eq!(lab.changed(), nothing, "the same again");
    // As editors save: a new file of that name, written beside it.
    fs::write(lab.path("users/.server.js.swp"), "3").unwrap();
    fs::write(lab.path("users/server.js.tmp"), "3").unwrap();
    fs::rename(lab.path("users/server.js.tmp"), lab.path("users/server.js")).unwrap();
    assert_eq!(lab.changed(), ["users/server.js"]);
    for name in ["users/debug.log", "users/4913", "users/server.js~"] {
        fs::write(lab.path(name), "x").unwrap();
    }
    fs::create_dir_all(lab.path("users/.git/objects")).unwrap();
    fs::create_dir_all(lab.path("users/out/deep")).unwrap();
    fs::write(lab.path("users/.git/HEAD"), "ref").unwrap();
    assert_eq!(lab.changed(), nothing, "ignored files and noise");
    fs::set_permissions(lab.path("users/server.js"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(lab.changed(), ["users/server.js"], "permissions are part of an image");
}

#[test]
fn what_was_written_twice_in_one_tick_of_the_file_system_is_seen() {
    let mut lab = Lab::new();
    for round in 0..50 {
        fs::write(lab.path("users/server.js"), format!("{:03}", 2 * round)).unwrap();
        assert_eq!(lab.changed(), ["users/server.js"], "{round}");
        fs::write(lab.path("users/server.js"), format!("{:03}", 2 * round + 1)).unwrap();
        assert_eq!(lab.changed(), ["users/server.js"], "{round}, of the same length and at the same time");
    }
}

#[test]
fn folders_come_and_go_with_what_is_in_them() {
    let mut lab = Lab::new();
    fs::create_dir_all(lab.path("users/views/deep")).unwrap();
    fs::write(lab.path("users/views/deep/a.html"), "").unwrap();
    assert_eq!(lab.changed(), ["users/views", "users/views/deep", "users/views/deep/a.html"]);
    assert!(lab.last.folders.contains_key(&lab.path("users/views/deep")) && !lab.last.folders.contains_key(&lab.path("users/out")));
    fs::rename(lab.path("users"), lab.path("aside")).unwrap();
    let gone = lab.changed();
    assert!(gone.len() == 8 && gone.iter().all(|path| path.starts_with("- users/")), "{gone:?}");
    assert!(lab.last.folders.contains_key(lab.folder.path()));
    fs::rename(lab.path("aside"), lab.path("users")).unwrap();
    assert_eq!(lab.changed().len(), 8);
}

#[test]
fn links_are_links_in_a_context_and_followed_where_a_file_is_meant() {
    let mut lab = Lab::new();
    fs::create_dir(lab.path("shared")).unwrap();
    fs::write(lab.path("shared/a"), "1").unwrap();
    symlink("../shared/a", lab.path("users/link")).unwrap();
    assert_eq!(lab.changed(), ["users/link"]);
    fs::write(lab.path("shared/a"), "2").unwrap();
    assert_eq!(lab.changed(), Vec::<String>::new(), "an image has the link, not what it leads to");
    symlink("shared/a", lab.path(".env")).unwrap();
    assert_eq!(lab.changed(), [".env"]);
    assert!(lab.last.folders.contains_key(&fs::canonicalize(lab.path("shared")).unwrap()));
    fs::write(lab.path("shared/a"), "A=3").unwrap();
    assert_eq!(lab.changed(), [".env"]);
    fs::remove_file(lab.path(".env")).unwrap();
    assert_eq!(lab.changed(), ["- .env"]);
}

#[test]
fn what_is_watched_from_now_on_has_not_changed() {
    let mut lab = Lab::new();
    fs::write(lab.path("other"), "1").unwrap();
    lab.interest.insert(Subject::File(lab.path("other")));
    fs::write(lab.path("cluster.yaml"), "cluster: d").unwrap();
    assert_eq!(lab.changed(), ["cluster.yaml"]);
}
