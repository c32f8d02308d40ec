//! From a manifest to steady services: builds, changes, rollout.

use std::time::Duration;

use model::Desired;
use tokio::time::Instant;
use wire::local::{UpRequest, View, path};

use crate::client::Client;
use crate::cluster;
use crate::end::{End, Outcome};
use crate::follow::{Goal, Reached, known_rollbacks, until_steady};
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::report::{self, Trouble};
use crate::steps::{self, Applied};

/// What is to be, and how long services may take to become steady.
pub(super) struct Wanted {
    pub(super) desired: Desired,
    pub(super) timeout: Duration,
}

/// How far it came.
pub(super) enum Brought {
    /// Every service is steady, after so many seconds.
    Steady(View, f64),
    /// Ctrl-C.
    Interrupted,
    /// The changes are made, but services are not steady; the report is printed.
    Failed(End),
}

/// Asks for the changes and waits. An `Err` means that nothing was changed.
pub(super) async fn bring_up(client: Client, wanted: &Wanted, printer: &mut Printer, interrupts: &mut Interrupts) -> Outcome<Brought> {
    let started = Instant::now();
    let rolled_back = Some(known_rollbacks(&client.get(path::VIEW).await?, &wanted.desired.cluster));
    let request = UpRequest { desired: wanted.desired.clone(), attended: false };
    let Some(Applied { version, changed, .. }) = steps::follow(client, (path::UP, &request), printer, interrupts).await? else {
        return Ok(Brought::Interrupted);
    };
    if !changed {
        printer.talk("nothing to change")?;
    }
    let services = wanted.desired.services.keys().map(ToString::to_string).collect();
    let goal = Goal { cluster: wanted.desired.cluster.clone(), services, version, rolled_back, or_paused: true, timeout: wanted.timeout };
    let (view, failed, message) = match until_steady(client, &goal, printer, interrupts).await {
        Ok(Reached::Steady(view)) => return Ok(Brought::Steady(view, started.elapsed().as_secs_f64())),
        Ok(Reached::Interrupted) => return Ok(Brought::Interrupted),
        Ok(Reached::Failed(view, services)) => {
            let message = cluster::find(&view, &goal.cluster).map(|cluster| report::summary(cluster, &services)).unwrap_or_default();
            (view, services, message)
        }
        Ok(Reached::TimedOut(view)) => (view, goal.services.clone(), format!("not steady after {} s (`--timeout`)", wanted.timeout.as_secs())),
        Err(end) => return Ok(Brought::Failed(end)),
    };
    let reported = match cluster::require(&view, &goal.cluster) {
        Ok(cluster) => report::not_steady(&Trouble { client, cluster, services: &failed, message: &message }, printer).await,
        Err(failure) => Ok(failure.into()),
    };
    Ok(Brought::Failed(reported.unwrap_or_else(|end| end)))
}
