//! `stop`: stop one task.

use serde::Deserialize;
use wire::local::{StopTaskRequest, path};

use super::look;
use crate::args::Stop;
use crate::cluster;
use crate::end::Outcome;
use crate::listing::short;
use crate::print::Printer;
use crate::print::sanitize::visible;
use crate::settings::Settings;

#[derive(Deserialize)]
struct Stopped {
    task: String,
}

/// Asks for the stop; the service starts another.
pub(crate) async fn run(args: &Stop, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    let request = StopTaskRequest { cluster: name, task: args.task.clone(), reason: args.reason.clone() };
    let stopped: Stopped = client.post(path::STOP_TASK, &request).await?;
    let service = cluster.tasks.iter().find(|task| task.task_id == stopped.task).and_then(|task| task.service_name.as_deref());
    let after = service.map(|service| format!("; the service `{service}` starts another")).unwrap_or_default();
    printer.talk(&format!("task {} is stopping{after}", visible(short(&stopped.task))))?;
    if settings.json {
        printer.json(&serde_json::json!({"task": stopped.task}))?
    } else {
        printer.data(&visible(&stopped.task))?
    }
    Ok(())
}
