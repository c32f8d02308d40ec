//! `protect`: keep tasks from being scaled in or replaced.

use wire::local::{ProtectRequest, TasksReply, path};

use super::look;
use crate::args::Protect;
use crate::end::Outcome;
use crate::listing::short;
use crate::print::Printer;
use crate::print::sanitize::visible;
use crate::settings::Settings;

/// Begins or ends the protection, of all or none.
pub(crate) async fn run(args: &Protect, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, _, name) = look(&settings, printer).await?;
    let minutes = (!args.off).then_some(args.minutes);
    let reply: TasksReply = client.post(path::PROTECT, &ProtectRequest { cluster: name, tasks: args.tasks.clone(), minutes }).await?;
    for task in &reply.tasks {
        let how = minutes.map_or_else(|| "is no longer protected".to_owned(), |minutes| format!("is protected for {minutes} min"));
        printer.talk(&format!("task {} {how}", visible(short(task))))?;
    }
    if settings.json { Ok(printer.json(&reply)?) } else { Ok(()) }
}
