use super::*;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    folder
}

fn names(root: &Path, dockerfile: &str) -> Vec<String> {
    let mut found = Vec::new();
    let context = BuildContext::open(root, dockerfile).unwrap();
    let mut visit = |path: &Path, _: &Metadata| {
        found.push(path.to_string_lossy().into_owned());
        Ok(true)
    };
    context.walk(&mut visit).unwrap();
    found
}

#[test]
fn ignored_files_stay_at_home_but_for_what_the_engine_needs() {
    let folder = folder(&["Dockerfile", "docker/web.Dockerfile", "src/a.js", "notes.md", "target/x/y"]);
    fs::write(folder.path().join(".dockerignore"), "*\n!src\n").unwrap();
    assert_eq!(names(folder.path(), "Dockerfile"), [".dockerignore", "Dockerfile", "src", "src/a.js"]);
    assert_eq!(names(folder.path(), "./docker/web.Dockerfile"), [".dockerignore", "docker/web.Dockerfile", "src", "src/a.js"]);
    fs::write(folder.path().join("docker/web.Dockerfile.dockerignore"), "target\nsrc\ndocker").unwrap();
    let found = names(folder.path(), "docker/web.Dockerfile");
    assert_eq!(found, [".dockerignore", "Dockerfile", "docker/web.Dockerfile", "notes.md"]);
}

#[test]
fn what_is_not_there_is_named() {
    let folder = folder(&["sub/Dockerfile"]);
    let root = folder.path();
    for (context, dockerfile, part) in [
        (root.join("nope"), "Dockerfile", "nope` is not a folder"),
        (root.to_owned(), "Dockerfile", "there is no Dockerfile at `"),
        (root.join("sub"), "../sub/Dockerfile", "is not inside its build context"),
        (root.join("sub"), "/etc/passwd", "is not inside its build context"),
    ] {
        let error = BuildContext::open(&context, dockerfile).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn an_error_names_the_innermost_place_once() {
    let folder = folder(&["Dockerfile", "a/b/c"]);
    let context = BuildContext::open(folder.path(), "Dockerfile").unwrap();
    let mut visit = |path: &Path, _: &Metadata| if path.ends_with("c") { Err(io::Error::other("broken")) } else { Ok(true) };
    let error = context.walk(&mut visit).unwrap_err().to_string();
    assert_eq!(error, format!("build context: `{}`: broken", folder.path().join("a/b/c").display()));
}
