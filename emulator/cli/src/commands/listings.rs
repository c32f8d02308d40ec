//! `targets`, `routes` and `alarms`.

use super::look;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// `targets`
pub(crate) async fn targets(settings: Settings, printer: &mut Printer) -> Outcome {
    let (_, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    if settings.json {
        return Ok(printer.json(&cluster.target_groups)?);
    }
    Ok(printer.table(&listing::targets::targets(cluster))?)
}

/// `routes`
pub(crate) async fn routes(settings: Settings, printer: &mut Printer) -> Outcome {
    let (_, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    if settings.json {
        return Ok(printer.json(&cluster.load_balancers)?);
    }
    if cluster.load_balancers.is_empty() {
        printer.talk(&format!("the cluster `{name}` has no load balancer"))?;
    }
    let text = listing::routes::routes(cluster, printer.data_palette(), printer.data_columns());
    Ok(printer.raw(text.as_bytes())?)
}

/// `alarms`
pub(crate) async fn alarms(settings: Settings, printer: &mut Printer) -> Outcome {
    let (_, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    if settings.json {
        return Ok(printer.json(&cluster.alarms)?);
    }
    if cluster.alarms.is_empty() {
        return Ok(printer.talk(&format!("the cluster `{name}` has no alarm"))?);
    }
    Ok(printer.table(&listing::alarms::alarms(cluster, view.now))?)
}
