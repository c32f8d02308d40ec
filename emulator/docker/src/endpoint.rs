//! Where an engine may be found: what the user says, else the places where engines put their sockets (engine-facts 1).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use engine::{EngineError, EngineErrorKind};
use sha2::{Digest, Sha256};

use crate::NetworkPool;

/// What decides which engine is used, read once from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the folder of `config.json`. Default `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// Where services' networks take their addresses. Default `10.213.0.0/16`.
    pub network_pool: NetworkPool,
}

impl Settings {
    /// Takes the settings from environment variables; an empty one counts as absent, as for Docker's own command line.
    #[must_use]
    pub fn from_environment(read: impl Fn(&str) -> Option<String>) -> Self {
        let read = |name: &str| read(name).filter(|value| !value.is_empty());
        Self {
            docker_host: read("DOCKER_HOST"),
            docker_context: read("DOCKER_CONTEXT"),
            docker_config: read("DOCKER_CONFIG").map(PathBuf::from),
            home: read("HOME").map(PathBuf::from),
            xdg_runtime_dir: read("XDG_RUNTIME_DIR").map(PathBuf::from),
            network_pool: NetworkPool::default(),
        }
    }
}

/// A place to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// For example `unix:///var/run/docker.sock`.
    pub endpoint: String,
    /// Who names it, for example `DOCKER_HOST`.
    pub because: String,
}

/// The places to try, in order, as Docker's command line chooses: `DOCKER_HOST`, then `DOCKER_CONTEXT`, then the current context of
/// `config.json`; each of these alone is the answer. Without any of them, the sockets that engines are known to open.
///
/// `read` gives a file's text, `None` when it cannot be read.
///
/// # Errors
/// `Unreachable` when a context is named that does not exist, makes no sense or needs TLS.
pub fn candidates(settings: &Settings, read: &dyn Fn(&Path) -> Option<String>) -> Result<Vec<Candidate>, EngineError> {
    if let Some(host) = &settings.docker_host {
        return Ok(vec![Candidate { endpoint: host.clone(), because: "DOCKER_HOST".into() }]);
    }
    let folder = settings.docker_config.clone().or_else(|| settings.home.as_ref().map(|home| home.join(".docker")));
    let named = match (&settings.docker_context, &folder) {
        (Some(name), _) => Some((name.clone(), "DOCKER_CONTEXT".to_owned())),
        (None, Some(folder)) => {
            let path = folder.join("config.json");
            current_context(read(&path).as_deref()).map(|name| (name, format!("`{}`", path.display())))
        }
        (None, None) => None,
    };
    match named.filter(|(name, _)| name != "default") {
        Some((name, source)) => context(&name, &source, folder.as_deref(), read).map(|candidate| vec![candidate]),
        None => Ok(known_places(settings)),
    }
}

fn current_context(config: Option<&str>) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config?).ok()?;
    config.get("currentContext")?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

fn context(name: &str, source: &str, folder: Option<&Path>, read: &dyn Fn(&Path) -> Option<String>) -> Result<Candidate, EngineError> {
    let fail = |why: String| {
        let hint = "`docker context ls` lists them; `DOCKER_HOST=unix:///var/run/docker.sock` overrides them";
        EngineError::new(EngineErrorKind::Unreachable, format!("{source} names the Docker context `{name}`, {why}\nhint: {hint}"))
    };
    let Some(folder) = folder else {
        return Err(fail("but neither DOCKER_CONFIG nor HOME says where contexts are".into()));
    };
    let id = digest(name);
    let meta = folder.join("contexts/meta").join(&id).join("meta.json");
    let Some(text) = read(&meta) else {
        return Err(fail(format!("but `{}` cannot be read", meta.display())));
    };
    let parsed: serde_json::Value = serde_json::from_str(&text).map_err(|error| fail(format!("but `{}` is not JSON: {error}", meta.display())))?;
    let host = parsed.pointer("/Endpoints/docker/Host").and_then(serde_json::Value::as_str).filter(|host| !host.is_empty());
    let Some(host) = host else {
        return Err(fail(format!("but `{}` has no `Endpoints.docker.Host`", meta.display())));
    };
    if read(&folder.join("contexts/tls").join(&id).join("docker/ca.pem")).is_some() {
        return Err(fail("which needs TLS; only local engines without TLS are supported".into()));
    }
    Ok(Candidate { endpoint: host.to_owned(), because: format!("context `{name}`") })
}

/// The name of a context's folder.
fn digest(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn known_places(settings: &Settings) -> Vec<Candidate> {
    let mut places = vec![(PathBuf::from("/var/run/docker.sock"), "Docker")];
    if let Some(home) = &settings.home {
        for (path, name) in [
            (".docker/run/docker.sock", "Docker Desktop"),
            (".orbstack/run/docker.sock", "OrbStack"),
            (".colima/default/docker.sock", "Colima"),
            (".rd/docker.sock", "Rancher Desktop"),
            (".lima/docker/sock/docker.sock", "Lima"),
        ] {
            places.push((home.join(path), name));
        }
    }
    if let Some(runtime) = &settings.xdg_runtime_dir {
        places.push((runtime.join("docker.sock"), "rootless Docker"));
        places.push((runtime.join("podman/podman.sock"), "rootless Podman"));
    }
    places.push((PathBuf::from("/run/podman/podman.sock"), "Podman"));
    places.into_iter().map(|(path, name)| Candidate { endpoint: format!("unix://{}", path.display()), because: name.into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"Name":"colima","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///c.sock","SkipTLSVerify":false}}}"#;

    fn check(environment: &[(&str, &str)], files: &[(&str, &str)], expected: Result<&[&str], &str>) {
        let settings = Settings::from_environment(|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()));
        let read = |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned());
        let found = candidates(&settings, &read);
        match expected {
            Ok(endpoints) => {
                let found: Vec<_> = found.unwrap().into_iter().map(|candidate| candidate.endpoint).collect();
                assert_eq!(found, endpoints, "{environment:?}");
            }
            Err(part) => {
                let message = found.unwrap_err().message;
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn the_user_s_choice_comes_first_then_contexts_then_known_places() {
        let id = digest("colima");
        let meta = format!("/h/.docker/contexts/meta/{id}/meta.json");
        let moved = format!("/etc/d/contexts/meta/{id}/meta.json");
        let tls = format!("/h/.docker/contexts/tls/{id}/docker/ca.pem");
        let current = ("/h/.docker/config.json", r#"{"currentContext":"colima"}"#);
        let bare = ["unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"];
        check(&[], &[], Ok(&bare));
        check(&[("DOCKER_HOST", "tcp://localhost:2375"), ("DOCKER_CONTEXT", "colima")], &[], Ok(&["tcp://localhost:2375"]));
        check(&[("DOCKER_HOST", ""), ("DOCKER_CONTEXT", "default")], &[], Ok(&bare));
        check(&[("HOME", "/h")], &[current, (&meta, META)], Ok(&["unix:///c.sock"]));
        check(&[("DOCKER_CONFIG", "/etc/d"), ("DOCKER_CONTEXT", "colima")], &[(&moved, META)], Ok(&["unix:///c.sock"]));
        check(&[("HOME", "/h")], &[current], Err("cannot be read\nhint: `docker context ls`"));
        check(&[("HOME", "/h")], &[current, (&meta, "{}")], Err("has no `Endpoints.docker.Host`"));
        check(&[("HOME", "/h")], &[current, (&meta, "{")], Err("is not JSON"));
        check(&[("HOME", "/h")], &[current, (&meta, META), (&tls, "pem")], Err("needs TLS"));
        check(&[("DOCKER_CONTEXT", "colima")], &[], Err("neither DOCKER_CONFIG nor HOME"));
        let default = ("/h/.docker/config.json", r#"{"auths":{},"currentContext":"default"}"#);
        let all = [
            "unix:///var/run/docker.sock",
            "unix:///h/.docker/run/docker.sock",
            "unix:///h/.orbstack/run/docker.sock",
            "unix:///h/.colima/default/docker.sock",
            "unix:///h/.rd/docker.sock",
            "unix:///h/.lima/docker/sock/docker.sock",
            "unix:///run/user/1/docker.sock",
            "unix:///run/user/1/podman/podman.sock",
            "unix:///run/podman/podman.sock",
        ];
        check(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/1")], &[default], Ok(&all));
    }

    #[test]
    fn a_context_s_folder_is_the_digest_of_its_name() {
        assert_eq!(digest("desktop-linux"), "fe9c6bd7a66301f49ca9b6a70b217107cd1284598bfc254700c989b916da791e");
    }
}
