//! What tests of several rooms share: the image of the one test container, built on the spot from `tests/service`.
//!
//! No registry is asked: a static binary, `FROM scratch`. The image's tag is the hash of the sources, so it is built once for all test
//! processes and again when they change. `scripts/test` removes the images when the tests are over.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository of every image that tests make.
pub const REPOSITORY: &str = "ecslocal-test/service";

/// The image of the test container, built now if it is not there.
///
/// # Panics
/// When the binary or the image cannot be built: then no test that needs it can pass.
#[must_use]
pub fn test_image() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = root.join("tests/service");
    let image = format!("{REPOSITORY}:{:016x}", hash(&sources));
    if exists(&image) {
        return image;
    }
    let target = root.join("target/test-service");
    fs::create_dir_all(&target).unwrap_or_else(|error| panic!("{}: {error}", target.display()));
    // One process builds, the others wait and find it built; the lock goes with its file.
    let lock = File::create(target.join("lock")).unwrap_or_else(|error| panic!("the lock of the test image: {error}"));
    lock.lock().unwrap_or_else(|error| panic!("the lock of the test image: {error}"));
    if !exists(&image) {
        let binary = build(&root, &target);
        import(&binary, &image);
    }
    image
}

fn exists(image: &str) -> bool {
    Command::new("docker").args(["image", "inspect", image]).output().is_ok_and(|output| output.status.success())
}

fn hash(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join("src")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.push(folder.join("Cargo.toml"));
    files.sort();
    for file in files {
        file.file_name().hash(&mut hasher);
        fs::read(&file).unwrap_or_default().hash(&mut hasher);
    }
    hasher.finish()
}

fn build(root: &Path, target: &Path) -> PathBuf {
    let triple = host_triple();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--release", "--locked", "-p", "test-service", "--target", &triple, "--target-dir"]).arg(target);
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(&mut cargo);
    target.join(triple).join("release/test-service")
}

fn host_triple() -> String {
    let output = run(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"));
    let line = output.lines().find_map(|line| line.strip_prefix("host: "));
    line.unwrap_or_else(|| panic!("rustc does not say what host it is for: {output}")).to_owned()
}

fn import(binary: &Path, image: &str) {
    let folder = binary.with_file_name("image");
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    fs::copy(binary, folder.join("test-service")).unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    let dockerfile = "FROM scratch\nLABEL dev.ecslocal.test=image\nCOPY test-service /test-service\nEXPOSE 8080\nENTRYPOINT [\"/test-service\"]\n";
    fs::write(folder.join("Dockerfile"), dockerfile).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    // The classic builder: BuildKit's client is not on every machine.
    run(Command::new("docker").env("DOCKER_BUILDKIT", "0").args(["build", "--quiet", "--tag", image]).arg(&folder));
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
