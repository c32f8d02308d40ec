//! The program `docker`: it has the user's contexts and helpers for logins, and pushes from whatever engine there is.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::ecr::USER;
use wire::local::Failure;

use super::Access;

/// The password of an authorization token.
pub(super) fn password(token: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    pair.strip_prefix(USER)?.strip_prefix(':').map(str::to_owned)
}

/// `docker login`, with the user's own settings.
pub(super) fn login(access: &Access) -> Result<(), Failure> {
    let mut docker = Command::new("docker");
    docker.args(["login", "--username", USER, "--password-stdin", &access.host]);
    docker.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = docker.spawn().map_err(|error| missing(&error))?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read it says why it does not.
        input.write_all(access.password.as_bytes()).ok();
    }
    said("docker login", child.wait_with_output().map_err(|error| missing(&error))?)
}

/// Docker with a login of its own, and with nothing of the user's settings: they are forgotten with this value.
pub(super) struct LoggedIn {
    folder: PathBuf,
    engine: String,
}

impl LoggedIn {
    /// To the registry, on the engine that the daemon uses.
    pub(super) fn new(access: &Access, engine: &str) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("ecslocal-push-{}", std::process::id()));
        let unwritable = |error: io::Error| Failure::environment(format!("`{}` cannot be written: {error}", folder.display()));
        let auth = STANDARD.encode(format!("{USER}:{}", access.password));
        let config = serde_json::json!({ "auths": { &access.host: { "auth": auth } } }).to_string();
        private_folder(&folder).map_err(unwritable)?;
        let logged_in = Self { folder: folder.clone(), engine: engine.to_owned() };
        fs::write(logged_in.folder.join("config.json"), config).map_err(unwritable)?;
        Ok(logged_in)
    }

    /// Runs it; what it says is told where it fails.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut docker = Command::new("docker");
        docker.args(arguments).env("DOCKER_CONFIG", &self.folder).env("DOCKER_HOST", &self.engine).env_remove("DOCKER_CONTEXT");
        docker.stdin(Stdio::null());
        let what = format!("docker {}", arguments.join(" "));
        said(&what, docker.output().map_err(|error| missing(&error))?)
    }
}

impl Drop for LoggedIn {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A new folder that nobody else may look into.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn said(what: &str, output: Output) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::input(format!("`{what}` failed")).log(text.lines().map(str::to_owned).collect()))
}

fn missing(error: &io::Error) -> Failure {
    Failure::environment(format!("the program `docker` cannot be run: {error}")).hint("install Docker's command line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_user_and_password() {
        assert_eq!(password(&STANDARD.encode("AWS:1.a:b")).as_deref(), Some("1.a:b"));
        for bad in ["", "!", &*STANDARD.encode("root:x"), &*STANDARD.encode("AWS")] {
            assert_eq!(password(bad), None, "{bad}");
        }
    }
}
