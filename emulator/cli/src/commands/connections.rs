//! `connections`: which service reaches which.

use wire::local::{ConnectionView, path};

use super::look;
use crate::client::with_query;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// Lists what `connectsTo` grants, and where it leads.
pub(crate) async fn run(settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    cluster::require(&view, &name)?;
    let connections: Vec<ConnectionView> = client.get(&with_query(path::CONNECTIONS, &[("cluster", name.as_str())])).await?;
    if settings.json {
        return Ok(printer.json(&connections)?);
    }
    if connections.is_empty() {
        printer.talk(&format!("no service of the cluster `{name}` reaches another: none has `connectsTo`"))?;
    }
    let text = listing::connections::connections(&connections).render(printer.data_palette(), printer.data_columns());
    printer.raw(text.as_bytes())?;
    connections.iter().filter_map(|connection| connection.problem.as_ref()).try_for_each(|problem| printer.talk(problem))?;
    Ok(())
}
