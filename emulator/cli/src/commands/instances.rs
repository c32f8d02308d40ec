//! `instances`: where tasks are placed.

use super::look;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// Lists the container instances, and what tells them apart.
pub(crate) async fn run(settings: Settings, printer: &mut Printer) -> Outcome {
    let (_, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    if settings.json {
        return Ok(printer.json(&cluster.container_instances)?);
    }
    Ok(printer.table(&listing::instances::instances(cluster))?)
}
