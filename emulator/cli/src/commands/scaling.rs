//! `scaling`: the services that policies and schedules scale.

use wire::local::{ScalingView, path};

use super::look;
use crate::client::with_query;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// Lists them, with what each policy sees and why nothing happens.
pub(crate) async fn run(settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    cluster::require(&view, &name)?;
    let services: Vec<ScalingView> = client.get(&with_query(path::SCALING, &[("cluster", name.as_str())])).await?;
    if settings.json {
        return Ok(printer.json(&services)?);
    }
    if services.is_empty() {
        printer.talk(&format!("no service of the cluster `{name}` has a `scalableTarget`"))?;
    }
    let text = listing::scaling::scaling(&services, view.now, printer.data_palette(), printer.data_columns());
    Ok(printer.raw(text.as_bytes())?)
}
