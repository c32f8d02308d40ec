//! `events`: what services did, in ECS's words.

use wire::local::{EventRecord, path};

use super::look;
use crate::args::Events;
use crate::client::with_query;
use crate::cluster;
use crate::end::Outcome;
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::settings::Settings;
use crate::stream::event_line;

/// Prints them, oldest first.
pub(crate) async fn run(args: &Events, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    let service = args.service.as_deref().unwrap_or_default();
    if !service.is_empty() && !cluster.services.iter().any(|known| known.service_name == service) {
        return Err(cluster::unknown_service(service, cluster).into());
    }
    let follow = if args.follow { "true" } else { "" };
    let query = [("cluster", name.as_str()), ("service", service), ("follow", follow)];
    let mut lines = client.get_lines::<EventRecord>(&with_query(path::EVENTS, &query)).await?;
    let mut interrupts = Interrupts::new()?;
    loop {
        let record = tokio::select! {
            record = lines.next() => record?,
            () = interrupts.next() => None,
        };
        match record {
            None => return Ok(()),
            Some(record) if settings.json => printer.json_line(&record)?,
            Some(record) => printer.data(&event_line(&record, printer.data_palette()))?,
        }
    }
}
