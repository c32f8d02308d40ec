//! `diff`: what `up` would change.

use wire::local::{DiffReply, UpRequest, path};

use crate::end::Outcome;
use crate::launch::Launcher;
use crate::listing::change_line;
use crate::print::Printer;
use crate::settings::Settings;

/// Asks the daemon; nothing is changed.
pub(crate) async fn run(settings: Settings, printer: &mut Printer) -> Outcome {
    let manifest = settings.require_manifest(printer)?;
    let builds = manifest.desired.task_definitions.values().flat_map(|definition| &definition.containers).any(|container| container.build.is_some());
    let client = Launcher::new(&settings)?.require().await?;
    let reply: DiffReply = client.post(path::DIFF, &UpRequest { desired: manifest.desired, attended: false }).await?;
    if settings.json {
        return Ok(printer.json(&reply)?);
    }
    if reply.changes.is_empty() {
        printer.talk("nothing would change")?;
    }
    for change in &reply.changes {
        printer.data(&change_line(change, printer.data_palette()))?;
    }
    if builds {
        printer.talk("note: nothing is built to tell this; a changed source shows when `up` builds it")?;
    }
    Ok(())
}
