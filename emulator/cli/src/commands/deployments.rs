//! `deployments`: what was rolled out, and how it ended.

use std::collections::BTreeMap;

use wire::local::ServiceDeploymentView;

use super::look;
use crate::args::Deployments;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// Lists them, newest first.
pub(crate) async fn run(args: &Deployments, settings: Settings, printer: &mut Printer) -> Outcome {
    let (_, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    if let Some(wanted) = args.service.as_deref().filter(|wanted| cluster.services.iter().all(|service| service.service_name != *wanted)) {
        return Err(cluster::unknown_service(wanted, cluster).into());
    }
    let chosen = || cluster.services.iter().filter(|service| args.service.as_ref().is_none_or(|wanted| service.service_name == *wanted));
    if settings.json {
        let known: BTreeMap<&str, &[ServiceDeploymentView]> =
            chosen().map(|service| (service.service_name.as_str(), service.service_deployments.as_slice())).collect();
        return Ok(printer.json(&known)?);
    }
    Ok(printer.table(&listing::deployments::deployments(chosen(), view.now))?)
}
