//! `names`: by which names of Cloud Map tasks are found, and by whom.

use wire::local::{NameView, path};

use super::look;
use crate::client::with_query;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// Lists what `serviceRegistries` gives, and who sees it.
pub(crate) async fn run(settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    cluster::require(&view, &name)?;
    let names: Vec<NameView> = client.get(&with_query(path::NAMES, &[("cluster", name.as_str())])).await?;
    if settings.json {
        return Ok(printer.json(&names)?);
    }
    if names.is_empty() {
        printer.talk(&format!("no service of the cluster `{name}` registers its tasks in Cloud Map: none has `serviceRegistries`"))?;
    }
    let text = listing::names::names(&names).render(printer.data_palette(), printer.data_columns());
    printer.raw(text.as_bytes())?;
    let problems: std::collections::BTreeSet<&String> =
        names.iter().flat_map(|name| &name.seen_by).filter_map(|seen| seen.problem.as_ref()).collect();
    problems.into_iter().try_for_each(|problem| printer.talk(problem))?;
    Ok(())
}
