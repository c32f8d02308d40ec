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
    printer.table(&listing::instances::instances(cluster))?;
    for instance in &cluster.container_instances {
        if let Some(problem) = &instance.problem {
            let (message, hint) = problem.rsplit_once("\nhint: ").map_or((problem.as_str(), None), |(message, hint)| (message, Some(hint)));
            printer.notice(&format!("{}: {message}", instance.name))?;
            hint.map_or(Ok(()), |hint| printer.hint(hint))?;
        }
    }
    Ok(())
}
