//! Looks at what the daemon needs, and says what is missing and how to get it.

use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener};
use std::path::Path;

use model::{Ids, OwnerId, World};
use wire::local::Failure;

use crate::certificates::AUTHORITY;
use crate::serve::connect;
use crate::store::{Running, Store};
use crate::{Options, port_holder};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub name: String,
    /// How it is.
    pub state: FindingState,
    /// The particulars.
    pub detail: String,
    /// The next step, where one is needed.
    pub hint: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingState {
    /// As it should be.
    Good,
    /// Works, but not as one would expect.
    Warning,
    /// Must be mended first.
    Problem,
}

impl FindingState {
    /// `good`, `warning` or `problem`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// Looks at everything. Changes nothing.
pub async fn examine(options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let world = state(options, &mut findings);
    let engine = connect(options, None).await;
    match &engine {
        Ok((_, view, has)) => {
            let gives = format!("{} CPU units and {} MiB", has.cpu, has.memory);
            findings.push(good("container engine", format!("{} {} at {}, with {gives} for tasks", view.name, view.version, view.endpoint)));
        }
        Err(failure) => findings.push(problem("container engine", failure)),
    }
    if let Ok((engine, ..)) = &engine {
        findings.push(isolation(engine.as_ref()).await);
    }
    findings.push(port_80(options.bind, Running::read(&options.state_folder)));
    findings.push(credentials(world.as_ref(), engine.as_ref().ok().map(|(engine, ..)| engine.as_ref())).await);
    findings.push(authority(&options.state_folder.join(AUTHORITY).join("ca.pem")));
    if let (Some(world), Ok((engine, ..))) = (&world, &engine) {
        findings.push(containers(world, engine.as_ref()).await);
    }
    findings
}

/// Whether a container can get at what listens on this machine's loopback: the ports of other services, listeners, the control endpoint.
async fn isolation(engine: &dyn engine::Engine) -> Finding {
    let name = "isolation of services";
    match engine.describe().await {
        Ok(info) => match info.elsewhere {
            None => good(name, "complete: no container reaches this machine's loopback, nor another service's network".into()),
            Some(elsewhere) => Finding {
                name: name.into(),
                state: FindingState::Warning,
                detail: format!(
                    "the engine runs in {elsewhere}: its containers may reach published ports, listeners and the control endpoint of this \
                     machine as `host.docker.internal`"
                ),
                hint: Some(
                    "an engine of this machine's own, on Linux, has no such way; run nothing here that you would not run beside your shell".into(),
                ),
            },
        },
        Err(error) => problem(name, &Failure::environment(error.message)),
    }
}

/// The state folder and the daemon that holds it. Gives the World where no daemon holds it.
fn state(options: &Options, findings: &mut Vec<Finding>) -> Option<World> {
    match Store::open(&options.state_folder) {
        Ok(store) => {
            findings.push(good("daemon", "not running; `ecslocal up` starts it".into()));
            match store.load(&mut Ids::seeded(0)) {
                Ok(world) => {
                    findings.push(good("state folder", options.state_folder.display().to_string()));
                    Some(world)
                }
                Err(failure) => {
                    findings.push(problem("state folder", &failure));
                    None
                }
            }
        }
        Err(failure) => {
            match Running::read(&options.state_folder) {
                Some(running) => findings.push(good("daemon", format!("process {} answers at http://{}", running.pid, running.endpoint))),
                None => findings.push(problem("daemon", &failure)),
            }
            None
        }
    }
}

fn port_80(bind: IpAddr, running: Option<Running>) -> Finding {
    let name = "port 80";
    let error = match TcpListener::bind((bind, 80)) {
        Ok(_) => return good(name, "may be bound".into()),
        Err(error) => error,
    };
    let holder = port_holder::find(80);
    if holder.as_ref().is_some_and(|holder| running.is_some_and(|running| running.pid == holder.pid)) {
        return good(name, "served by the daemon".into());
    }
    let (detail, hint) = if error.kind() == ErrorKind::PermissionDenied {
        let detail = "not permitted for this user; listeners on it are served on the next free port from 8080".into();
        (detail, "`sudo sysctl net.ipv4.ip_unprivileged_port_start=80` grants it")
    } else {
        (holder.map_or_else(|| error.to_string(), |holder| format!("taken by {holder}")), "stop it, or give the listener another port")
    };
    Finding { name: name.into(), state: FindingState::Warning, detail, hint: Some(hint.into()) }
}

/// Whether tasks can be told what they are and be given credentials.
async fn credentials(world: Option<&World>, engine: Option<&dyn engine::Engine>) -> Finding {
    let name = "credentials of tasks";
    let warning =
        |detail: &str, hint: &str| Finding { name: name.into(), state: FindingState::Warning, detail: detail.into(), hint: Some(hint.into()) };
    let nobody = OwnerId::from_text("nobody");
    let owner = world.map_or(&nobody, |world| &world.settings.owner);
    let doorways = match engine {
        Some(engine) => engine.doorways(owner, false).await.ok().flatten(),
        None => return warning("not known without a container engine", "see `container engine`"),
    };
    if doorways.is_none() {
        return warning(
            "the engine's networks are not on this machine: tasks run without metadata and credentials",
            "that needs Docker on Linux itself",
        );
    }
    match TcpListener::bind((IpAddr::from([127, 0, 0, 1]), 80)).map_err(|error| error.kind()) {
        Err(ErrorKind::PermissionDenied) => warning(
            "port 80 of 169.254.170.2 is not permitted for this user: tasks run without metadata and credentials",
            "`sudo sysctl net.ipv4.ip_unprivileged_port_start=80` grants it",
        ),
        _ => good(name, "served at 169.254.170.2".into()),
    }
}

/// How to trust the development authority, where there is one. Whether somebody does is known to each program alone.
fn authority(certificate: &Path) -> Finding {
    let name = "development certificates";
    if !certificate.exists() {
        return good(name, "none made yet; an HTTPS listener without certificates of its own makes them".into());
    }
    let steps = tls::trust_steps(certificate).into_iter().map(|step| {
        let note = if step.note.is_empty() { String::new() } else { format!("  ({})", step.note) };
        format!("  {}: {}{note}", step.place, step.commands.join("; "))
    });
    let hint = format!("to trust them:\n{}", steps.collect::<Vec<_>>().join("\n"));
    Finding { hint: Some(hint), ..good(name, format!("issued by {}", certificate.display())) }
}

/// With no daemon running, containers of a state that wants none are leftovers.
async fn containers(world: &World, engine: &dyn engine::Engine) -> Finding {
    let name = "containers";
    match engine.list(&world.settings.owner).await {
        Ok(found) => {
            let unknown = found.iter().filter(|container| !world.tasks.contains_key(&container.task)).count();
            match (found.len(), unknown) {
                (0, _) => good(name, "none of ours".into()),
                (all, 0) => good(name, format!("{all} of ours; `ecslocal up` adopts them")),
                (all, unknown) => Finding {
                    name: name.into(),
                    state: FindingState::Warning,
                    detail: format!("{all} of ours, {unknown} of them of tasks that are not known any more"),
                    hint: Some("`ecslocal up` removes those".into()),
                },
            }
        }
        Err(error) => problem(name, &Failure::environment(error.message)),
    }
}

fn good(name: &str, detail: String) -> Finding {
    Finding { name: name.into(), state: FindingState::Good, detail, hint: None }
}

fn problem(name: &str, failure: &Failure) -> Finding {
    Finding { name: name.into(), state: FindingState::Problem, detail: failure.message.clone(), hint: failure.hint.clone() }
}
