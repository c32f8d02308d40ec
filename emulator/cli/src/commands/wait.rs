//! `wait steady`

use std::time::Duration;

use super::look;
use crate::args::{Wait, WaitUntil};
use crate::cluster;
use crate::end::Outcome;
use crate::follow::Goal;
use crate::print::Printer;
use crate::settings::Settings;

/// Waits until every service of the cluster is steady.
pub(crate) async fn run(args: &Wait, settings: Settings, printer: &mut Printer) -> Outcome {
    let WaitUntil::Steady = args.until;
    let (client, view, name) = look(&settings, printer).await?;
    let services = cluster::require(&view, &name)?.services.iter().map(|service| service.service_name.clone()).collect();
    let goal = Goal { cluster: name, services, version: 0, rolled_back: None, or_paused: false, timeout: Duration::from_secs(args.timeout) };
    super::scale::settle(client, &goal, settings.json, printer).await
}
